import { DevBotError } from '@devbot/contracts'

/** Throws category `config` unless the name can be part of keys, volume and container names. */
export function checkInstanceName(instance: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(instance)) return
  throw new DevBotError({
    category: 'config',
    code: 'instance-name',
    message: `DEVBOT_INSTANCE must be 1 to 63 letters, digits, ".", "_" or "-", starting with a letter or digit; it is ${JSON.stringify(instance.slice(0, 80))}`,
  })
}

/** What every key of the instance begins with. */
export function keyPrefixFor(instance: string): string {
  return `devbot:${instance}:`
}
