import { describe, expect, it } from 'vitest'
import { type ChangedFile, tamperConcerns } from './tamper-concerns.ts'

const kinds = (...files: ChangedFile[]) => tamperConcerns(files).map(({ kind, path }) => `${kind} ${path}`)
const JS = `import { test } from 'vitest'
// test('not a test', () => expect(0))
describe('area', () => {
  test('of a square', () => { expect(4).toBe(4); assert.equal("http://x", 1) })
  it("of a circle", () => expect(3).toBe(3))
})
`
const PY = `import pytest
def test_square():
    assert 4 == 4
class TestArea:
    async def test_circle(self):
        self.assertEqual(3, 3)
        assert True
`
const GO = `package area
func TestSquare(t *testing.T) { if x { t.Errorf("bad // not a comment") } }
func TestCircle(t *testing.T) { require.Equal(t, 3, 3) }
`
const RUST = `fn two<'a>() -> u8 { 2 }
#[cfg(test)]
mod tests {
    #[test]
    fn square() { assert_eq!(4, 4); }
    #[tokio::test]
    async fn circle() { assert!(true, "x"); }
}
`
const JAVA = `class AreaTest {
  @Test void square() { assertEquals(4, 4); }
  @ParameterizedTest void circle() { assertThat(3).isEqualTo(3); }
}
`
const RUBY = `describe 'area' do
  it 'of a square' do
    expect(4).to eq 4
  end
  it 'of a circle' do
    expect(3).to eq 3
  end
end
`
const PHP = `<?php class AreaTest extends TestCase {
  public function testSquare() { $this->assertSame(4, 4); }
  public function testCircle() { $this->assertSame(3, 3); }
}
`
const CSHARP = `public class AreaTests {
  [Fact] public void Square() { Assert.Equal(4, 4); }
  [Fact] public void Circle() { Assert.Equal(3, 3); }
}
`
type Row = readonly [
  path: string,
  text: string,
  test: string,
  skipped: readonly [from: string, to: string],
  assertion: string,
]
const LANGUAGES: readonly Row[] = [
  ['src/area.test.ts', JS, '  it("of a circle", () => expect(3).toBe(3))\n', ['it(', 'it.skip('], 'expect(4).toBe(4);'],
  [
    'tests/test_area.py',
    PY,
    'def test_square():\n    assert 4 == 4\n',
    ['def test_s', '@pytest.mark.skip\ndef test_s'],
    '        assert True\n',
  ],
  [
    'area_test.go',
    GO,
    'func TestCircle(t *testing.T) { require.Equal(t, 3, 3) }\n',
    ['{ if x', '{ t.Skip("later"); if x'],
    'require.Equal(t, 3, 3)',
  ],
  [
    'src/area.rs',
    RUST,
    '    #[test]\n    fn square() { assert_eq!(4, 4); }\n',
    ['#[test]', '#[test] #[ignore]'],
    'assert!(true, "x");',
  ],
  [
    'src/test/java/AreaTest.java',
    JAVA,
    '  @Test void square() { assertEquals(4, 4); }\n',
    ['@Test', '@Disabled @Test'],
    'assertEquals(4, 4);',
  ],
  [
    'spec/area_spec.rb',
    RUBY,
    "  it 'of a square' do\n    expect(4).to eq 4\n  end\n",
    ["it 'of a s", "xit 'of a s"],
    '    expect(4).to eq 4\n',
  ],
  [
    'tests/AreaTest.php',
    PHP,
    '  public function testCircle() { $this->assertSame(3, 3); }\n',
    ['{ $this->assertSame(4', '{ $this->markTestSkipped(); $this->assertSame(4'],
    '$this->assertSame(3, 3);',
  ],
  [
    'AreaTests.cs',
    CSHARP,
    '  [Fact] public void Circle() { Assert.Equal(3, 3); }\n',
    ['[Fact] public void Sq', '[Fact(Skip = "x")] public void Sq'],
    'Assert.Equal(4, 4);',
  ],
]

describe.each(LANGUAGES)('tamperConcerns in %s', (path, before, test, [from, to], assertion) => {
  it('finds a deleted file', () => {
    expect(kinds({ path, before })).toEqual([`test-deleted ${path}`])
  })
  it('finds a deleted test', () => {
    expect(before).toContain(test)
    expect(kinds({ path, before, after: before.replace(test, '') })).toEqual([`test-deleted ${path}`])
  })
  it('finds a test that is skipped', () => {
    expect(before).toContain(from)
    expect(kinds({ path, before, after: before.replace(from, to) })).toEqual([`test-skipped ${path}`])
  })
  it('finds fewer assertions', () => {
    expect(before).toContain(assertion)
    expect(kinds({ path, before, after: before.replace(assertion, '') })).toEqual([`fewer-assertions ${path}`])
  })
  it('has nothing against a file that moves, a test that moves, more tests and no change', () => {
    const moved = path.replace(/([Aa])rea/, '$1reas')
    expect(kinds({ path, before }, { path: moved, after: before })).toEqual([])
    expect(kinds({ path, before, after: before })).toEqual([])
    expect(kinds({ path, after: before })).toEqual([])
  })
})

describe('tamperConcerns', () => {
  const path = 'src/area.test.ts'
  const skipping = (from: string, to: string) => ({ path, before: JS, after: JS.replace(from, to) })

  it.each([
    ['describe(', 'describe.skip('],
    ['describe(', 'xdescribe('],
    ["test('of", "test.todo('of"],
    ["test('of a square', ", "test('of a square', { skip: true }, "],
    ["test('of", "test.skipIf(process.env.CI)('of"],
    ["test('of", "test.only('of"],
    ['describe(', 'fdescribe('],
  ])('takes %s -> %s for tests that do not run', (from, to) => {
    expect(kinds(skipping(from, to))).toEqual([`test-skipped ${path}`])
  })

  it('names what went, and counts the rest', () => {
    const many = Array.from({ length: 6 }, (_, number) => `it('case ${number}', () => expect(1))\n`).join('')
    expect(tamperConcerns([{ path, before: many, after: '' }])).toEqual([
      { kind: 'test-deleted', path, detail: '6 tests fewer: "case 0", "case 1", "case 2" and 3 more' },
    ])
  })

  it('takes a commented-out test for a deleted one', () => {
    expect(kinds(skipping('  it("of a circle"', '  // it("of a circle"'))).toEqual([`test-deleted ${path}`])
    expect(kinds(skipping('  it("of a circle"', '  /* it("of a circle"'))).toEqual([`test-deleted ${path}`])
  })

  it('lets a test have another name, and move to another file with its assertions', () => {
    expect(kinds(skipping('of a square', 'of every square'))).toEqual([])
    const [head = '', tail = ''] = JS.split('  it("of a circle"')
    const left = { path, before: JS, after: `${head}})\n` }
    const arrived = { path: 'src/circle.test.ts', after: `it("of a circle"${tail}` }
    expect(kinds(left, arrived)).toEqual([])
    // The same name cannot stand for two tests that left.
    const twin = { path: 'src/twin.test.ts', before: JS, after: `${head}})\n` }
    expect(kinds(left, twin, arrived)).toEqual(['test-deleted src/twin.test.ts'])
  })

  it('finds a test that lost its assertions on the way to another file', () => {
    const arrived = { path: 'src/areas.test.ts', after: JS.replace('expect(4).toBe(4);', '') }
    expect(kinds({ path, before: JS }, arrived)).toEqual([`fewer-assertions ${path}`])
  })

  it('finds another meaning of `npm test`, and other settings of a runner', () => {
    const scripts = (test: string) => JSON.stringify({ scripts: { test, build: 'x' } })
    expect(kinds({ path: 'package.json', before: scripts('vitest run'), after: scripts('true') })).toEqual([
      'test-setup-changed package.json',
    ])
    expect(kinds({ path: 'package.json', before: scripts('a'), after: scripts('a').replace('"x"', '"y"') })).toEqual([])
    expect(kinds({ path: 'package.json', before: '{}', after: scripts('a') })).toEqual([])
    expect(kinds({ path: 'a/vitest.config.ts', before: 'a', after: 'b' })).toEqual([
      'test-setup-changed a/vitest.config.ts',
    ])
    expect(kinds({ path: 'a/vitest.config.ts', after: 'b' })).toEqual([])
  })

  it('looks only at files of tests', () => {
    expect(kinds({ path: 'src/area.ts', before: JS })).toEqual([])
    expect(kinds({ path: 'test/data.json', before: '{}' })).toEqual([])
    expect(kinds({ path: 'src/area.rs', before: 'fn two() {}' })).toEqual([])
  })

  it.each([
    ['quotes', '"'.repeat(100_000)],
    ['comments', '/*'.repeat(50_000)],
    ['blanks', `test${' '.repeat(100_000)}`],
    ['names', `${'it.a'.repeat(20_000)}(`],
    ['indentation', `${' '.repeat(60_000)}def test_`],
    ['words', 'assert'.repeat(20_000)],
  ])('stays quick on a file of nothing but %s', (_what, before) => {
    const started = performance.now()
    for (const file of [
      'a.test.ts',
      'test_a.py',
      'a_test.go',
      'a.rs',
      'ATest.java',
      'a_spec.rb',
      'ATest.php',
      'ATests.cs',
    ])
      tamperConcerns([{ path: file, before, after: '' }])
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('stays quick where hundreds of thousands of tests without names move', () => {
    const source = 'it('.repeat(10_000)
    const files = Array.from({ length: 30 }, (_one, index) => ({ path: `new-${index}.test.ts`, after: source }))
    const gone = Array.from({ length: 30 }, (_one, index) => ({ path: `old-${index}.test.ts`, before: source }))
    const started = performance.now()
    expect(tamperConcerns([...files, ...gone])).toEqual([])
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
