import { doctorSettings, readSetting } from '../../config.ts'
import { type Answer, missing } from './finding.ts'

/** Longest a question to the provider may take. */
const ASK_TIMEOUT_MS = 10_000

/** Listing models is free and needs a good key; an endpoint that does not know the list is reachable all the same. */
export async function lookAtModel(): Promise<Answer> {
  const key = readSetting(doctorSettings.anthropicApiKey)
  if (key === undefined) throw missing("set ANTHROPIC_API_KEY (or ANTHROPIC_API_KEY_FILE) to the provider's key")
  const baseUrl = readSetting(doctorSettings.anthropicBaseUrl)
  const address = new URL('v1/models?limit=1', `${baseUrl.replace(/\/+$/, '')}/`)
  const response = await fetch(address, {
    headers: { 'x-api-key': key.reveal(), 'anthropic-version': '2023-06-01' },
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    redirect: 'error',
  }).catch((cause: unknown) => {
    throw missing(
      `${baseUrl} does not answer; check ANTHROPIC_BASE_URL and the network${formatHint(key.reveal())}`,
      cause,
    )
  })
  await response.body?.cancel()
  if (response.status === 401 || response.status === 403)
    throw missing(
      `${baseUrl} refuses the key (status ${response.status}); check ANTHROPIC_API_KEY${formatHint(key.reveal())}`,
    )
  return response.ok
    ? `${baseUrl} accepts the key`
    : `${baseUrl} answers (status ${response.status} to a question for its models)`
}

/** Only beside another problem: a gateway's keys may look like anything. */
function formatHint(key: string): string {
  return /^sk-ant-[\w-]{20,}$/.test(key) ? '' : '. The key does not look like one of the provider (sk-ant-...)'
}
