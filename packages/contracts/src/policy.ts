import { z } from 'zod'
import { branchNameProblem } from './branch-name.ts'
import { EGRESS_PORT } from './container-profile.ts'
import { oneLine, repositoryPath } from './field-schemas.ts'
import { imageNameSchema, MAX_SIDE_SERVICES, sideServiceSchema } from './side-service.ts'

/** Names of the policy file, at the root of a repository; at most one of them may be there. */
export const POLICY_FILE_NAMES = ['.devbot.yml', '.devbot.yaml'] as const

export function isPolicyFileName(name: string): boolean {
  return (POLICY_FILE_NAMES as readonly string[]).includes(name)
}

const glob = oneLine(400).refine((text) => globProblem(text) === undefined, {
  error: (issue) => globProblem(String(issue.input)) ?? 'expected a glob',
})
const globs = z.array(glob).max(100)

/** What is wrong with a glob as people write it in a policy; undefined for a good one. */
function globProblem(text: string): string | undefined {
  if (text.startsWith('!')) return 'a glob cannot be turned round with "!"'
  if (text.includes('\\')) return 'expected / between folders, and no backslash'
  if (text.split('/').some((part) => part === '.' || part === '..')) return 'expected no part "." or ".."'
  if (/^\/*$/.test(text)) return 'it names nothing; write ** for everything'
  return /\[[^\]]*$/.test(text) ? 'the [ is not closed' : undefined
}

/** The egress-proxy takes as many for one pod (`MAX_OWN_EGRESS_ENTRIES`). */
const MAX_EGRESS_HOSTS = 64

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$/

/** An entry of EGRESS_ALLOW: a host, with a port unless it is 443. The egress-proxy judges it once more. */
const egressHost = oneLine(300).refine((text) => {
  const found = HOST.exec(text)
  const port = Number(found?.[1] ?? 443)
  return found !== null && port >= 1 && port <= 65_535
}, 'expected a host or host:port, without wildcard, scheme or path')

const services = z
  .array(sideServiceSchema)
  .max(MAX_SIDE_SERVICES)
  .superRefine((list, context) => {
    for (const [index, service] of list.entries()) {
      const before = list.slice(0, index)
      if (before.some(({ name }) => name === service.name)) {
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'another service has this name' })
      }
      // They share one network namespace with the tests.
      const taken = service.port === EGRESS_PORT || before.some(({ port }) => port === service.port)
      if (taken) {
        context.addIssue({
          code: 'custom',
          path: [index, 'port'],
          message: 'all services share one address, and this port is taken',
        })
      }
    }
  })

/**
 * `.devbot.yml`: how a repository wants to be worked on. Read only from the newest commit of the base branch, never from
 * a branch that DevBot works on. Everything is optional; the operator's limits always win.
 */
export const policySchema = z.strictObject({
  image: imageNameSchema.optional(),
  setup: oneLine(1000).optional(),
  test: oneLine(1000).optional(),
  lint: oneLine(1000).optional(),
  workdir: repositoryPath.optional(),
  services: services.optional(),
  egress: z.array(egressHost).max(MAX_EGRESS_HOSTS).optional(),
  limits: z
    .strictObject({
      max_turns: z.int().min(1).max(1000).optional(),
      budget_usd: z.number().positive().max(1000).optional(),
      max_minutes: z.number().positive().max(1440).optional(),
      max_rounds: z.int().min(1).max(1000).optional(),
      max_tokens: z.int().min(1000).max(1_000_000_000).optional(),
    })
    .optional(),
  paths: z.strictObject({ protected: globs.optional(), allowed: globs.min(1).optional() }).optional(),
  branch_prefix: z
    .string()
    .refine((text) => text.endsWith('/') && branchNameProblem(`${text}x`) === undefined, 'expected a slash at its end')
    .optional(),
  pull_request: z
    .strictObject({
      draft: z.boolean().optional(),
      labels: z.array(oneLine(50)).max(20).optional(),
      reviewers: z.array(oneLine(100)).max(15).optional(),
    })
    .optional(),
  model: oneLine(100).optional(),
  self_review: z.boolean().optional(),
})
export type Policy = z.infer<typeof policySchema>
