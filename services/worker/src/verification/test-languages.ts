import type { Lexis } from './blank-text.ts'

/** How tests look in a language. All patterns are global and are matched against code without comments and strings. */
export type TestLanguage = {
  readonly lexis: Lexis
  /** The names of files that hold tests; in Rust any file may. */
  readonly file: RegExp
  /** One match per test; its name is group 1, or the string that follows. */
  readonly tests: RegExp
  /** Whatever keeps a test from running. */
  readonly skips: RegExp
  /** What keeps all other tests from running. */
  readonly onlys?: RegExp
  readonly assertions: RegExp
}

const C_LIKE: Lexis = {
  lineComments: ['//'],
  blockComments: [['/*', '*/']],
  quotes: ['"', "'"],
  multiline: [],
}
const TEST_FOLDER = /(?:^|\/)(?:tests?|__tests__|specs?|e2e)\//i

const SCRIPT: TestLanguage = {
  lexis: { ...C_LIKE, quotes: ['"', "'", '`'], multiline: ['`'] },
  file: /[._-](?:test|spec|e2e|cy)\.[cm]?[jt]sx?$/i,
  tests: /(?<![\w$.])(?:[tx]\.)?(?:x?it|x?test|fit|specify)(?:\.\w{1,30}){0,4}\s{0,20}[(`]/g,
  skips:
    /(?<![\w$.])(?:xit|xtest|xdescribe|xcontext)\s{0,20}[(`]|(?<![\w$.])(?:it|test|describe|suite|context|specify|t|ctx|this)(?:\.\w{1,30}){0,3}\.(?:skip|todo|skipIf|runIf|fails|failing)\b|(?<![\w$.])(?:skip|todo)\s{0,20}:(?!\s{0,20}(?:false|undefined)\b)/g,
  onlys:
    /(?<![\w$.])(?:it|test|describe|suite|context)(?:\.\w{1,30}){0,3}\.only\b|(?<![\w$.])f(?:it|describe)\s{0,20}\(|(?<![\w$.])only\s{0,20}:\s{0,20}true\b/g,
  assertions:
    /(?<![\w$.])(?:expect|assert|assertType|expectTypeOf)(?:\.\w{1,40}){0,4}\s{0,20}[(<]|\.should\b|(?<![\w$.])t\.(?:assert\.\w{1,40}|is|not|true|false|truthy|falsy|deepEqual|like|throws|equal|ok|same|rejects)\s{0,20}\(/g,
}
const PYTHON: TestLanguage = {
  lexis: { lineComments: ['#'], blockComments: [], quotes: ['"""', "'''", '"', "'"], multiline: ['"""', "'''"] },
  file: /(?:^|\/)(?:test_[^/]*|[^/]*_test|conftest)\.py$/,
  tests: /^[ \t]{0,200}(?:async[ \t]{1,20})?def[ \t]{1,20}(test\w{0,200})[ \t]{0,20}\(/gm,
  skips:
    /@(?:pytest\.)?mark\.(?:skip|skipif|xfail)\b|@(?:unittest\.)?(?:skip|skipIf|skipUnless|expectedFailure)\b|\b(?:pytest\.(?:skip|xfail|importorskip)|self\.skipTest)\s{0,20}\(|\bpytestmark\b|\b__test__\s{0,20}=\s{0,20}False\b|\bSkipTest\b|\bcollect_ignore/g,
  assertions: /(?<![\w.])assert\b|\bself\.(?:assert\w{1,40}|fail)\s{0,20}\(|\bpytest\.(?:raises|warns|fail)\s{0,20}\(/g,
}
const GO: TestLanguage = {
  lexis: { ...C_LIKE, quotes: ['"', '`', "'"], multiline: ['`'] },
  file: /_test\.go$/,
  tests: /^func[ \t]{1,20}((?:Test|Fuzz|Example)\w{0,200})[ \t]{0,20}\(|\bt\.Run\s{0,20}\(/gm,
  skips: /\b[a-z]\w{0,20}\.(?:Skip|Skipf|SkipNow)\s{0,20}\(|\btesting\.Short\s{0,20}\(/g,
  assertions:
    /\b[tb]\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s{0,20}\(|\b(?:assert|require|is|qt|cmp)\.[A-Z]\w{0,60}\s{0,20}\(/g,
}
const RUST: TestLanguage = {
  lexis: { ...C_LIKE, quotes: ['"'], multiline: ['"'] },
  file: /\.rs$/,
  tests: /#\[(?:\w{1,40}::){0,3}(?:test|rstest|test_case)\b/g,
  skips: /#\[ignore\b|#\[cfg_attr\([^\]\n]{0,200}\bignore\b/g,
  assertions: /(?<!\w)(?:debug_)?assert(?:_\w{1,40})?!|(?<!\w)(?:panic|unreachable)!|#\[should_panic\b/g,
}
const JVM: TestLanguage = {
  lexis: { ...C_LIKE, quotes: ['"""', '"', "'"], multiline: ['"""'] },
  file: /(?:Tests?|IT|Spec)\.(?:java|kt|kts|groovy|scala)$/,
  tests: /@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property)\b/g,
  skips: /@(?:Disabled\w{0,40}|Ignore|EnabledIf\w{0,40})\b|\bassume\w{0,30}\s{0,20}\(/g,
  assertions: /(?<!\w)(?:assert\w{0,40}|verify|expect|fail|should\w{0,40})\s{0,20}[({]|\.should\w{0,40}\b/g,
}
const CSHARP: TestLanguage = {
  lexis: { ...C_LIKE, quotes: ['"""', '"', "'"], multiline: ['"""'] },
  file: /Tests?\.cs$/,
  tests: /\[(?:Fact|Theory|Test|TestCase|TestMethod|InlineData)\b/g,
  skips: /\bSkip\s{0,20}=|\[(?:Ignore|Explicit)\b|\bAssert\.(?:Ignore|Inconclusive)\b/g,
  assertions: /\bAssert\.(?!Ignore|Inconclusive)\w{1,40}|\.Should\w{0,40}\s{0,20}\(/g,
}
const RUBY: TestLanguage = {
  lexis: { lineComments: ['#'], blockComments: [], quotes: ['"', "'"], multiline: [] },
  file: /(?:_spec|_test)\.rb$|(?:^|\/)test_[^/]*\.rb$/,
  tests: /^[ \t]{0,200}(?:x?it|x?specify|fit|test)[ \t(]|^[ \t]{0,200}def[ \t]{1,20}(test_\w{0,200})/gm,
  skips: /^[ \t]{0,200}(?:xit|xspecify|xdescribe|xcontext|skip|pending)\b|\bskip:|\bpending:/gm,
  onlys: /^[ \t]{0,200}(?:fit|fdescribe|fcontext)\b|\bfocus:|(?<![\w.]):focus\b/gm,
  assertions: /(?<!\w)(?:assert|refute)\w{0,40}|(?<!\w)expect[ \t]{0,20}[({]|\.(?:must|wont|should)_?\w{0,40}/g,
}
const PHP: TestLanguage = {
  lexis: { ...C_LIKE, lineComments: ['//', '# '], multiline: ['"', "'"] },
  file: /(?:Test|Cest|Cept)\.php$/,
  tests: /\bfunction[ \t]{1,20}(test\w{0,200})\s{0,20}\(|#\[Test\b|(?<![\w$>:])(?:it|test)\s{0,20}\(/g,
  skips: /\bmarkTest(?:Skipped|Incomplete)\b|->(?:skip|todo)\s{0,20}\(/g,
  onlys: /->only\s{0,20}\(/g,
  assertions: /(?:->|::)assert\w{1,40}\s{0,20}\(|(?<![\w$>:])expect\s{0,20}\(|->expectException/g,
}

const BY_EXTENSION: readonly (readonly [extension: RegExp, language: TestLanguage])[] = [
  [/\.[cm]?[jt]sx?$/i, SCRIPT],
  [/\.py$/, PYTHON],
  [/\.go$/, GO],
  [/\.rs$/, RUST],
  [/\.(?:java|kts?|groovy|scala)$/, JVM],
  [/\.cs$/, CSHARP],
  [/\.rb$/, RUBY],
  [/\.php$/, PHP],
]

/** The language of a file that holds tests by its name; Go's and Rust's rules are their compilers'. */
export function testLanguageOf(path: string): TestLanguage | undefined {
  const language = BY_EXTENSION.find(([extension]) => extension.test(path))?.[1]
  if (language === undefined) return undefined
  const inFolder = language !== GO && TEST_FOLDER.test(path)
  return language.file.test(path) || inFolder ? language : undefined
}
