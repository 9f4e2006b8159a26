import type { ErrorEntry } from './error-entry.ts'

/** What the model's endpoint answers, and what its client finds wrong. */
export const MODEL_ERRORS = {
  'model-rate-limited': {
    category: 'transient',
    cause: "The model's endpoint takes no more requests for now (429).",
    remedy:
      'Nothing: all workers leave it alone until the time it named. If it is frequent, lower WORKER_CONCURRENCY or ask the provider for a higher limit.',
    retry: 'asked-wait',
  },
  'model-overloaded': {
    category: 'transient',
    cause: "The model's endpoint is overloaded (529 or 503).",
    remedy: "Nothing: the call is repeated. If it lasts, see the provider's status page, or set DEVBOT_FALLBACK_MODEL.",
    retry: 'asked-wait',
  },
  'model-failed': {
    category: 'transient',
    cause: "The model's endpoint failed with an error of its own (5xx).",
    remedy: "Nothing: the call is repeated. If it lasts, see the provider's status page.",
    retry: 'backoff',
  },
  'model-unreachable': {
    category: 'transient',
    cause: "The model's endpoint could not be reached at all.",
    remedy: 'Check ANTHROPIC_BASE_URL, the proxy if there is one, and the network.',
    retry: 'backoff',
  },
  'model-stream-broken': {
    category: 'transient',
    cause: "The reply's stream ended in the middle, or a tool's input in it was cut off or no JSON.",
    remedy: 'Nothing: the call is repeated. A gateway or proxy in between that cuts long answers makes it frequent.',
    retry: 'backoff',
  },
  'model-stream-silent': {
    category: 'transient',
    cause: "The model's endpoint sent nothing, not even a ping, for two minutes.",
    remedy: 'Nothing: the call is repeated. A proxy in between that buffers streams makes it frequent.',
    retry: 'backoff',
  },
  'model-reply-too-large': {
    category: 'invalid-input',
    cause: 'One reply was larger than any reply of a model can be.',
    remedy: 'Check ANTHROPIC_BASE_URL: something else answers there.',
    retry: 'person',
  },
  'model-request-refused': {
    category: 'invalid-input',
    cause: "The model's endpoint does not take the request as it is (400).",
    remedy:
      'Check DEVBOT_MODEL, DEVBOT_EFFORT and DEVBOT_THINKING; a model without tool use needs DEVBOT_PROTOCOL=text. A spend limit that you set in the console is answered like this, too.',
    retry: 'person',
  },
  'model-request-too-long': {
    category: 'invalid-input',
    cause: 'The conversation is longer than the model takes.',
    remedy:
      'Split the plan into smaller ones; for a model with a smaller window than its name says, set CONTEXT_TOKENS.',
    retry: 'person',
  },
  'model-key-refused': {
    category: 'permission',
    cause: "The model's endpoint refused the key (401).",
    remedy:
      'Put a valid key into ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, or into the file that its _FILE names, then start the task.',
    retry: 'person',
  },
  'model-key-malformed': {
    category: 'config',
    cause: 'The key for the model is empty or not one word.',
    remedy: 'Put the key into ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN exactly as the console shows it.',
    retry: 'person',
  },
  'model-access-denied': {
    category: 'permission',
    cause: 'The key may not use this model or workspace, or its account is on hold (403).',
    remedy: "Grant the access in the provider's console, or set DEVBOT_MODEL to a model that the key may use.",
    retry: 'person',
  },
  'model-spend-limit': {
    category: 'permission',
    cause: 'The account behind the key has no credit left, or reached its spend limit.',
    remedy: "Raise it in the provider's console, then start the task.",
    retry: 'person',
  },
  'model-not-found': {
    category: 'config',
    cause: 'The endpoint knows no such model, or nothing is at this address (404).',
    remedy: "Check DEVBOT_MODEL, the plan's `model`, and ANTHROPIC_BASE_URL (without /v1 at its end).",
    retry: 'person',
  },
  'model-not-allowed': {
    category: 'invalid-input',
    cause: 'The plan asks for a model that the operator does not allow.',
    remedy: "Change the plan's `model`, or add it to MODELS_ALLOWED.",
    retry: 'person',
  },
  'model-headers-malformed': {
    category: 'config',
    cause: 'ANTHROPIC_CUSTOM_HEADERS has a line that is no header.',
    remedy: 'Write one `Name: value` per line.',
    retry: 'person',
  },
  'model-prices-invalid': {
    category: 'config',
    cause: 'MODEL_PRICES_FILE is no list of prices.',
    remedy: 'Mend the file by the example in docs/models.md.',
    retry: 'person',
  },
  'model-call-cancelled': {
    category: 'cancelled',
    cause: 'The call to the model was stopped, because the task was.',
    remedy: 'Nothing.',
    retry: 'at-once',
  },
  'no-room-for-retry': {
    category: 'cancelled',
    cause: 'A call that broke off left too little money for another one.',
    remedy: 'Raise the limit that the report names, if the work is worth it.',
    retry: 'never',
  },
  'tool-input-not-object': {
    category: 'bug',
    cause: "A tool of DevBot's own is wrongly defined.",
    remedy: 'Report it, with the version.',
    retry: 'person',
  },
  'prompt-template-mismatch': {
    category: 'bug',
    cause: "A prompt of DevBot's own has a blank that nothing fills, or the other way round.",
    remedy: 'Report it, with the version.',
    retry: 'person',
  },
  'prompt-delimiter-weak': {
    category: 'bug',
    cause: 'A delimiter around untrusted text was not random enough.',
    remedy: 'Report it, with the version.',
    retry: 'person',
  },
  'argument-with-nul': {
    category: 'invalid-input',
    cause: 'The agent used a NUL character in an argument.',
    remedy: 'Nothing: the agent is told, and goes on.',
    retry: 'never',
  },
  'glob-too-complex': {
    category: 'invalid-input',
    cause: 'The agent gave a pattern that takes too long on so many paths.',
    remedy: 'Nothing: the agent is told, and goes on.',
    retry: 'never',
  },
} as const satisfies Record<string, ErrorEntry>
