/** What sandboxes and the containers beside them are made of. */
export const SANDBOX_IMAGE = process.env.BENCH_SANDBOX_IMAGE ?? 'devbot-sandbox:0.1.0'
