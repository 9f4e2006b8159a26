import { readFileSync } from 'node:fs'
import { DevBotError } from '@devbot/contracts'

/** What a template is filled with. A value of undefined is a decision: it leaves the variable's section out. */
export type PromptVariables = Readonly<Record<string, string | boolean | undefined>>

const SECTION = /^\{\{#if (\w+)\}\}\n([\s\S]*?)^\{\{\/if\}\}\n/gm
const VARIABLE = /\{\{(\w+)\}\}/g

/** Fills one of the templates in `prompts/`. Throws `bug` where template and variables do not fit. */
export function renderPrompt(
  name: 'system' | 'implement' | 'revise' | 'text-protocol' | 'compacted',
  variables: PromptVariables,
): string {
  return renderTemplate(readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), 'utf8'), variables)
}

/**
 * `{{name}}` is replaced by a text; `{{#if name}}` to `{{/if}}`, each on its own line and not nested, stays when the
 * variable is neither undefined, false nor empty. Every name must be given and every given one used. Values are put in
 * as they are and never read as template.
 */
export function renderTemplate(template: string, variables: PromptVariables): string {
  const used = new Set<string>()
  const lookUp = (name: string) => {
    if (!Object.hasOwn(variables, name)) throw mismatch(`the variable ${name} is missing`)
    used.add(name)
    return variables[name]
  }
  const kept = template.replace(SECTION, (_all, name: string, body: string) => {
    const value = lookUp(name)
    return value === undefined || value === false || value === '' ? markUsed(body, used) : body
  })
  const text = kept.replace(VARIABLE, (_all, name: string) => {
    const value = lookUp(name)
    if (typeof value !== 'string') throw mismatch(`the variable ${name} is used as a text but is ${typeof value}`)
    return value
  })
  // Looked for in the template, not in the result: a value may hold braces.
  if (/\{\{/.test(kept.replace(VARIABLE, ''))) throw mismatch('it has a mark that is neither a variable nor a section')
  const unused = Object.keys(variables).filter((name) => !used.has(name))
  if (unused.length > 0) throw mismatch(`it has no place for ${unused.join(', ')}`)
  return text
}

/** A section that is left out still uses its variables. */
function markUsed(body: string, used: Set<string>): string {
  for (const [, name] of body.matchAll(VARIABLE)) if (name !== undefined) used.add(name)
  return ''
}

function mismatch(problem: string): DevBotError {
  return new DevBotError({
    category: 'bug',
    code: 'prompt-template-mismatch',
    message: `A prompt template does not fit: ${problem}.`,
  })
}
