import { describe, expect, it } from 'vitest'
import { readJunitXml } from './junit-xml.ts'
import { recorded } from './testing/recorded.ts'

const read = (...files: string[]) => readJunitXml(files.map((file) => Buffer.from(recorded(file)).toString('utf8')))

describe('readJunitXml', () => {
  it.each([
    ['surefire.xml', [3, 2, 1], 'AreaTest > circle'],
    ['pytest-junit.xml', [7, 2, 2], 'test_area > test_circle'],
    ['vitest-junit.xml', [5, 1, 2], 'test/area.test.js > area of a circle, in cm²'],
    ['node-junit.xml', [7, 1, 2], 'test > area of a circle, in cm²'],
  ] as const)('reads %s', (file, [passed, failed, skipped], failing) => {
    const inventory = read(file)
    expect(inventory).toMatchObject({ runner: 'junit', counts: { passed, failed, skipped }, complete: true })
    expect(inventory?.tests.get(failing)).toBe('failed')
  })

  it('adds up several files', () => {
    expect(read('surefire.xml', 'pytest-junit.xml')?.counts).toEqual({ passed: 10, failed: 4, skipped: 3 })
  })

  it('decodes names, and leaves entities of a document’s own alone', () => {
    const xml = '<!DOCTYPE x [<!ENTITY a "b">]><testcase classname=\'c\' name="a &gt; b &amp; &#x41;&#66; &a;"/>'
    expect([...(readJunitXml([xml])?.tests.keys() ?? [])]).toEqual(['c > a > b & AB &a;'])
  })

  it('does not read tags in comments, CDATA or values', () => {
    const xml =
      '<testsuite><!-- <testcase name="no"/> --><testcase name="yes > <testcase" time="1"><system-out><![CDATA[<failure/>]]></system-out></testcase></testsuite>'
    expect([...(readJunitXml([xml])?.tests ?? [])]).toEqual([['yes > <testcase', 'passed']])
  })

  it('tells what comes before the place where a file was cut', () => {
    const xml = '<testcase name="one"/><testcase name="two"><failure message="'
    expect([...(readJunitXml([xml])?.tests ?? [])]).toEqual([
      ['one', 'passed'],
      ['two', 'passed'],
    ])
    expect(readJunitXml(['<html>'])).toBeUndefined()
  })

  it.each([
    ['tags without an end', '<testcase name="'.repeat(200_000)],
    ['entities without an end', `<testcase name="${'&#'.repeat(9_000)}"/>`.repeat(100)],
    ['attributes without a value', `<testcase ${'a= '.repeat(6_000)}/>`.repeat(100)],
  ])('reads %s in little time', (_what, xml) => {
    const started = performance.now()
    readJunitXml([xml])
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
