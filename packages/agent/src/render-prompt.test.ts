import { describe, expect, it } from 'vitest'
import { renderTemplate } from './render-prompt.ts'

const SECTION = 'a\n{{#if extra}}\nmore: {{extra}}\n{{/if}}\nz\n'

describe('renderTemplate', () => {
  it('puts values in', () => {
    expect(renderTemplate('Hello {{name}}, {{name}}.', { name: 'you' })).toBe('Hello you, you.')
  })

  it('throws for a missing variable and names it', () => {
    expect(() => renderTemplate('{{name}}', {})).toThrow(/variable name is missing/)
    expect(() => renderTemplate(SECTION, {})).toThrow(/variable extra is missing/)
  })

  it('throws for a variable that has no place', () => {
    expect(() => renderTemplate('x', { name: 'you' })).toThrow(/no place for name/)
  })

  it('throws for an undefined value outside a section', () => {
    expect(() => renderTemplate('{{name}}', { name: undefined })).toThrow(/used as a text/)
  })

  it('throws for a mark it cannot read', () => {
    expect(() => renderTemplate('{{#if a}} {{/if}}', { a: 'x' })).toThrow(/neither a variable nor a section/)
  })

  it.each([[undefined], [''], [false]])('leaves a section out for %s', (extra) => {
    expect(renderTemplate(SECTION, { extra })).toBe('a\nz\n')
  })

  it('keeps a section whose variable has a text', () => {
    expect(renderTemplate(SECTION, { extra: 'this' })).toBe('a\nmore: this\nz\n')
  })

  it('never reads a value as template', () => {
    expect(renderTemplate('{{a}} {{b}}', { a: '{{b}} $& {{#if x}}', b: 'B' })).toBe('{{b}} $& {{#if x}} B')
  })
})
