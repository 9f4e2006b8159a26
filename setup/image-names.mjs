/**
 * The images that DevBot's own are built from and that compose starts. `image-names.test.mjs` holds them against the
 * Dockerfiles, the compose file and the tests' Redis.
 */
export const BASE_IMAGES = {
  debian: 'debian:bookworm-slim',
  node: 'node:26-bookworm-slim',
  redis: 'redis:8.0.2-bookworm',
}

/** DevBot's own images; the tag is DevBot's version, as `packages/config/src/settings.ts` has it. */
export const DEVBOT_IMAGES = {
  devbot: { tag: 'devbot:0.1.0', dockerfile: 'images/devbot/Dockerfile', context: '.' },
  sandbox: { tag: 'devbot-sandbox:0.1.0', dockerfile: 'images/sandbox/Dockerfile', context: 'images/sandbox' },
}
