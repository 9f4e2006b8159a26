import {
  type AnthropicModelOptions,
  createAnthropicModel,
  createFallbackModel,
  createPriceTable,
  createProxiedFetch,
  factsOf,
  hasKnownPrice,
  type ModelClient,
  type ModelSwitch,
  type PauseElsewhere,
  parseCustomHeaders,
} from '@devbot/agent'
import { Secret } from '@devbot/config'
import type { KnownWaits } from '../watch-waits.ts'
import type { ModelSettings } from './model-variables.ts'

/** The model of a run. `onSwitch` is told when the operator's second model takes over for the rest of it. */
export type ModelFor = (model: string, onSwitch: (change: ModelSwitch) => void) => ModelClient

/**
 * One client per model, made when first asked for: all runs of this process share it, and with it what one of them
 * learns of the endpoint's limits. Through `waits` all workers share that, and the next start does.
 */
export function createModels(settings: ModelSettings, waits?: Pick<KnownWaits, 'until' | 'extend'>): ModelFor {
  const options = clientOptions(settings)
  const clients = new Map<string, ModelClient>()
  const clientFor = (model: string) => {
    const client =
      clients.get(model) ?? createAnthropicModel({ ...options, model, pauseElsewhere: waits && pauseOf(model, waits) })
    clients.set(model, client)
    return client
  }
  const { fallbackModel } = settings
  return (model, onSwitch) =>
    fallbackModel === undefined || fallbackModel === model
      ? clientFor(model)
      : createFallbackModel(clientFor(model), clientFor(fallbackModel), onSwitch)
}

/** Limits are per model. */
function pauseOf(model: string, waits: Pick<KnownWaits, 'until' | 'extend'>): PauseElsewhere {
  const name = `model:${model}`.slice(0, 200)
  return { heard: () => waits.until(name), tell: (untilMs, code) => waits.extend(name, untilMs, code) }
}

function clientOptions(settings: ModelSettings): Omit<AnthropicModelOptions, 'model'> {
  const { modelCredential, customHeaders, anthropicBaseUrl } = settings
  return {
    apiKey: () => newest(modelCredential.secret),
    auth: modelCredential.kind,
    baseUrl: anthropicBaseUrl,
    headers: () => (customHeaders === undefined ? '' : newest(customHeaders)),
    fetch: createProxiedFetch(anthropicBaseUrl, {
      httpsProxy: settings.httpsProxy?.reveal(),
      httpProxy: settings.httpProxy?.reveal(),
      noProxy: settings.noProxy,
    }),
    effort: settings.effort,
    thinking: settings.thinking,
    maxOutputTokens: settings.maxOutputTokens,
    prices: createPriceTable(settings.modelPrices),
  }
}

/** The secret as its file has it now, so that rotation needs no restart. */
export function newest(secret: Secret): string {
  try {
    secret.refresh()
  } catch {
    // A file that is being replaced is missing for a moment: the last good value stays.
  }
  return secret.reveal()
}

/** Shorter header values are words like a team's name, which every repository may hold. */
const LEAST_SECRET_CHARACTERS = 16

/** Every value here that must be in no log and no publication. */
export function secretsOfModel(settings: ModelSettings): readonly Secret[] {
  const headers = Object.entries(parseCustomHeaders(settings.customHeaders?.reveal() ?? ''))
    .filter(([name]) => !name.startsWith('anthropic-'))
    .flatMap(([, value]) => [value, value.slice(value.indexOf(' ') + 1)])
    .filter((value) => value.length >= LEAST_SECRET_CHARACTERS)
  const passwords = [settings.httpsProxy, settings.httpProxy].flatMap((proxy) => {
    const password = proxy === undefined ? '' : new URL(proxy.reveal()).password
    return password === '' ? [] : [password, decodeURIComponent(password)]
  })
  return [settings.modelCredential.secret, ...[...headers, ...passwords].map((value) => Secret.of(value))]
}

/** What an operator may want to know of these settings, though they work. */
export function modelWarnings(settings: ModelSettings): readonly string[] {
  const prices = createPriceTable(settings.modelPrices)
  const models = [...new Set([settings.model, settings.fallbackModel ?? settings.model, ...settings.modelsAllowed])]
  return models.flatMap((model) => {
    const { thinkingOff, takesEffort } = factsOf(model)
    return [
      ...(hasKnownPrice(model, prices)
        ? []
        : [`no price is known for ${model}: it is counted at the dearest known one; MODEL_PRICES_FILE can name it`]),
      ...(settings.thinking === 'off' && thinkingOff === 'never'
        ? [`${model} always thinks: DEVBOT_THINKING=off does nothing for it; DEVBOT_EFFORT=low has it think less`]
        : []),
      ...(settings.effort !== undefined && !takesEffort ? [`${model} takes no effort: DEVBOT_EFFORT is left out`] : []),
    ]
  })
}
