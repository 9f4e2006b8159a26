import { doctorSettings, readSetting } from '../../config.ts'
import { type Answer, missing } from './finding.ts'

/** Longest a question to the provider may take. */
const ASK_TIMEOUT_MS = 10_000

/**
 * Listing models is free and needs a good key; an endpoint that does not know the list is reachable all the same. It is
 * asked as the worker asks it: with the custom headers, through the proxy.
 */
export async function lookAtModel(): Promise<Answer> {
  const credential = readCredential()
  const baseUrl = readSetting(doctorSettings.anthropicBaseUrl)
  const address = new URL('v1/models?limit=1', `${baseUrl.replace(/\/+$/, '')}/`)
  // Loaded here only: no other command needs the agent.
  const { createProxiedFetch, parseCustomHeaders } = await import('@devbot/agent')
  const ask = createProxiedFetch(baseUrl, {
    httpsProxy: readSetting(doctorSettings.httpsProxy)?.reveal(),
    httpProxy: readSetting(doctorSettings.httpProxy)?.reveal(),
    noProxy: readSetting(doctorSettings.noProxy),
  })
  const custom = parseCustomHeaders(readSetting(doctorSettings.anthropicHeaders)?.reveal() ?? '')
  const response = await ask(address, {
    headers: { 'anthropic-version': '2023-06-01', ...credential.headers, ...custom },
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    redirect: 'error',
  }).catch((cause: unknown) => {
    throw missing(
      `${baseUrl} does not answer; check ANTHROPIC_BASE_URL, HTTPS_PROXY and the network${credential.hint}`,
      cause,
    )
  })
  await response.body?.cancel()
  if (response.status === 401 || response.status === 403)
    throw missing(
      `${baseUrl} refuses the ${credential.what} (status ${response.status}); check ${credential.name}${credential.hint}`,
    )
  return response.ok
    ? `${baseUrl} accepts the ${credential.what}`
    : `${baseUrl} answers (status ${response.status} to a question for its models)`
}

function readCredential() {
  const key = readSetting(doctorSettings.anthropicApiKey)
  const token = readSetting(doctorSettings.anthropicAuthToken)
  if (key !== undefined && token !== undefined)
    throw missing('ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are both set; keep one of them')
  if (token !== undefined) {
    const headers = { authorization: `Bearer ${token.reveal()}` }
    return { what: 'token', name: 'ANTHROPIC_AUTH_TOKEN', headers, hint: '' }
  }
  if (key === undefined)
    throw missing("set ANTHROPIC_API_KEY (or ANTHROPIC_API_KEY_FILE) to the provider's key, or ANTHROPIC_AUTH_TOKEN")
  const headers = { 'x-api-key': key.reveal() }
  return { what: 'key', name: 'ANTHROPIC_API_KEY', headers, hint: formatHint(key.reveal()) }
}

/** Only beside another problem: a gateway's keys may look like anything. */
function formatHint(key: string): string {
  return /^sk-ant-[\w-]{20,}$/.test(key) ? '' : '. The key does not look like one of the provider (sk-ant-...)'
}
