import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type Refusal, refusal } from './refusal.ts'

/** The newest version of the API, which @anthropic-ai/sdk sends from 1.0 on. Source: api/versioning. */
export const NEWEST_API_VERSION = '2026-10-21'
/** Versions with the Messages API as it is played here. Source: as above. */
const API_VERSIONS = ['2023-06-01', NEWEST_API_VERSION]

/**
 * What the API would refuse before it reads the body. The key may come as `x-api-key` (api/overview, "Authentication")
 * or as a bearer token, which is how @anthropic-ai/sdk 1.12 sends it (`apiKeyAuth` in its client).
 */
export function headerProblem(headers: IncomingHttpHeaders, apiKey: string): Refusal | undefined {
  const key = headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /i, '')
  if (key === undefined) return refusal('api-key', 'x-api-key header is required', 401)
  if (typeof key !== 'string' || !sameText(key, apiKey)) return refusal('api-key', 'invalid x-api-key', 401)
  const version = headers['anthropic-version']
  if (version === undefined) return refusal('api-version', 'anthropic-version: header is required')
  if (typeof version !== 'string' || !API_VERSIONS.includes(version))
    return refusal('api-version', `anthropic-version: "${String(version)}" is not a valid version`)
  if (headers['content-type']?.startsWith('application/json') !== true)
    return refusal('content-type', 'content-type: expected application/json')
  return undefined
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
