import { describe, expect, it } from 'vitest'
import { readInventory } from './read-inventory.ts'
import { recorded } from './testing/recorded.ts'

const namesOf = (output: string | Uint8Array, status: string) =>
  [...(readInventory(Buffer.from(output))?.tests ?? [])].flatMap(([name, is]) => (is === status ? [name] : []))

describe('readInventory', () => {
  it.each([
    ['node-spec.txt', 'node', [8, 1, 2], 'area of a circle, in cm²', 'volume > of a cone'],
    ['node-colour.txt', 'node', [8, 1, 2], 'area of a circle, in cm²', 'volume > of a cone'],
    ['node-tap.txt', 'node', [8, 1, 2], 'area of a circle, in cm²', 'volume > of a cone'],
    ['vitest-tap.txt', 'tap', [5, 1, 2], 'area of a circle, in cm²', 'of a cone'],
    [
      'vitest-verbose.txt',
      'vitest',
      [5, 1, 2],
      'test/area.test.js > area of a circle, in cm²',
      'test/area.test.js > volume > of a cone',
    ],
    [
      'jest-verbose.txt',
      'jest',
      [5, 1, 2],
      'test/area.test.js > area of a circle, in cm²',
      'test/area.test.js > volume > of a cone',
    ],
    ['pytest-v.txt', 'pytest', [7, 2, 2], 'test_area.py::test_circle', 'test_area.py::test_cone'],
    ['go-v.txt', 'go', [5, 2, 1], 'example.com/shapes/geometry > TestCircle', 'example.com/shapes/geometry > TestCone'],
    [
      'go-json.txt',
      'go',
      [5, 2, 1],
      'example.com/shapes/geometry > TestCircle',
      'example.com/shapes/geometry > TestCone',
    ],
    ['cargo.txt', 'cargo', [5, 1, 1], 'src/lib.rs > tests::circle', 'src/lib.rs > tests::cone'],
  ] as const)('names every test in %s', (file, runner, [passed, failed, skipped], failing, resting) => {
    const inventory = readInventory(recorded(file))
    expect(inventory).toMatchObject({
      runner,
      counts: { passed, failed, skipped },
      complete: true,
      failuresNamed: true,
    })
    expect(namesOf(recorded(file), 'failed')).toContain(failing)
    expect(namesOf(recorded(file), 'skipped')).toContain(resting)
  })

  it.each([
    ['vitest.txt', 'vitest', [5, 1, 2], ['test/area.test.js > area of a circle, in cm²']],
    ['jest.txt', 'jest', [5, 1, 2], ['test/area.test.js > area of a circle, in cm²']],
    ['pytest.txt', 'pytest', [7, 2, 2], ['test_area.py::test_circle', 'sub/test_line.py::test_error']],
    ['pytest-q.txt', 'pytest', [7, 2, 2], ['test_area.py::test_circle', 'sub/test_line.py::test_error']],
  ] as const)(
    'counts what %s does not name, and names what failed',
    (file, runner, [passed, failed, skipped], failing) => {
      const counts = { passed, failed, skipped }
      expect(readInventory(recorded(file))).toMatchObject({
        runner,
        counts,
        counted: true,
        complete: false,
        failuresNamed: true,
      })
      expect(namesOf(recorded(file), 'failed')).toEqual(failing)
    },
  )

  it('takes the packages where go names only what failed, one that does not build among them', () => {
    const inventory = readInventory(recorded('go-build-failed.txt'))
    expect(inventory).toMatchObject({ runner: 'go (packages)', counted: false, complete: false })
    expect(inventory?.tests.get('example.com/shapes/broken')).toBe('failed')
    expect(inventory?.tests.get('example.com/shapes/line')).toBe('passed')
  })

  it('is not taken in by what a test prints, where the runner shows it apart', () => {
    for (const file of ['vitest.txt', 'jest.txt', 'cargo.txt', 'node-tap.txt'])
      expect(
        [...(readInventory(recorded(file))?.tests.keys() ?? [])].filter((name) => /fake|not a test/.test(name)),
      ).toEqual([])
  })

  it('adds up several runs of one command, and tells the same name twice apart', () => {
    const twice = Buffer.concat([recorded('node-spec.txt'), recorded('node-spec-after.txt')])
    const inventory = readInventory(twice)
    expect(inventory?.counts).toEqual({ passed: 16, failed: 2, skipped: 4 })
    expect(inventory?.tests.get('area of a circle, in cm²')).toBe('failed')
    expect(inventory?.tests.get('area of a circle, in cm² #2')).toBe('passed')
  })

  it.each([
    ['nothing', ''],
    ['a build', '> tsc --noEmit\nsrc/a.ts(1,1): error TS1005\n'],
    ['a sign without a summary', '✔ all done (3ms)\n'],
    ['bytes that are no text', Buffer.from([0, 255, 254, 27, 91, 10, 27, 93, 48])],
  ])('finds no runner in %s', (_what, output) => {
    expect(readInventory(Buffer.from(output))).toBeUndefined()
  })

  it('makes names one printable line of bounded length', () => {
    const output = `✔ evil\u0000\u202Ename\u001b]0;title\u0007 ${'x'.repeat(5000)} (1ms)\nℹ pass 1\n`
    const [name = ''] = namesOf(output, 'passed')
    expect(name).toMatch(/^evil \?name x+$/)
    expect(name.length).toBeLessThanOrEqual(300)
  })

  it('keeps the names of at most 20,000 tests, and says that there are more', () => {
    const lines = Array.from({ length: 20_050 }, (_, number) => `✔ test ${number} (1ms)`)
    const inventory = readInventory(Buffer.from(`${lines.join('\n')}\nℹ pass 20050\n`))
    expect(inventory?.tests.size).toBe(20_000)
    expect(inventory).toMatchObject({ counts: { passed: 20_050 }, complete: false })
  })

  it('does not claim to know all tests when a part of the output was cut out', () => {
    const whole = Buffer.from(recorded('node-spec.txt')).toString('utf8')
    const inventory = readInventory(
      Buffer.from(
        whole
          .replace(/^✔ area of a square.*\n/m, '')
          .replace(/^✔ length.*\n/m, '')
          .replace(/^.*of a cube.*\n/m, '')
          .replace(/^.*✔ one.*\n/m, ''),
      ),
    )
    expect(inventory).toMatchObject({ counts: { passed: 8 }, complete: false })
  })

  it.each([
    ['one line without an end', 'x'.repeat(4 * 1024 ** 2)],
    ['names that almost fit everywhere', `tests/a.py::${'::b'.repeat(600)} PASSED \n`.repeat(2_000)],
    ['suites that only open', Array.from({ length: 2_000 }, (_, depth) => `${'  '.repeat(depth % 900)}▶ s\n`).join('')],
    ['vitest lines that never close', ` ✓ ${'(1 test '.repeat(240)}\n`.repeat(2_000)],
    ['terminal sequences without an end', `${'\u001b['.repeat(1_000)}\n`.repeat(2_000)],
    ['nothing but line ends', '\n'.repeat(4 * 1024 ** 2)],
    ['lines of one letter', 'a\n'.repeat(2 * 1024 ** 2)],
    [
      'tests deep below long names',
      `${Array.from({ length: 50 }, (_, depth) => `${' '.repeat(depth)}▶ ${'x'.repeat(1_900)}\n`).join('')}${`${' '.repeat(51)}✔ a\n`.repeat(70_000)}`,
    ],
    ['JSON that is none', `{"Action":"Package":${'['.repeat(1_900)}\n`.repeat(2_000)],
  ])('reads megabytes of %s in little time', (_what, output) => {
    const started = performance.now()
    readInventory(Buffer.from(output))
    // A quadratic pattern takes minutes here; a busy machine takes a second.
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
