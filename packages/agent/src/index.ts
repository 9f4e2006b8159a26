export type { AgentEvent } from './agent-event.ts'
export type { AskAside } from './ask-aside.ts'
export { contextWindowOf } from './context/context-window.ts'
export { createTools, type ToolSet } from './create-tools.ts'
export { createFallbackModel, type ModelSwitch } from './fallback-model.ts'
export { type AnthropicModelOptions, createAnthropicModel } from './model/create-anthropic-model.ts'
export { parseCustomHeaders } from './model/custom-headers.ts'
export { type Effort, factsOf } from './model/model-facts.ts'
export { createProxiedFetch, type ProxySettings } from './model/proxied-fetch.ts'
export type { PauseElsewhere } from './model/shared-pause.ts'
export type { ModelClient, ModelReply, ModelRequest } from './model-client.ts'
export { parsePrices } from './parse-prices.ts'
export * from './ports.ts'
export { createPriceTable, type PriceTable } from './price-table.ts'
export { costMicroUsd, hasKnownPrice } from './prices.ts'
export {
  type FeedbackForPrompt,
  type ImplementMessageInput,
  implementMessage,
  type ReviseMessageInput,
  reviseMessage,
  systemPromptFor,
} from './prompt-messages.ts'
export { lostTurns, type RecordedEntry, type RecordedRun } from './recorded-run.ts'
export { renderTemplate } from './render-prompt.ts'
export { type AgentInput, type AgentResult, runAgent } from './run-agent.ts'
export { createTextProtocol } from './text-protocol.ts'
export type { ToolProtocol } from './tool-protocol.ts'
export { fenceText, newDelimiter, normaliseUntrusted } from './untrusted-text.ts'
