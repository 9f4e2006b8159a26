import { sharedVariables } from '@devbot/config'

/** What sandboxes in Docker are made of; the defaults of the services' own settings. */
export const DEVBOT_IMAGES = {
  sandbox: sharedVariables.sandboxImage.read({}),
  anchor: sharedVariables.anchorImage.read({}),
} as const
