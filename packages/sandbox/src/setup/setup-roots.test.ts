import { describe, expect, it } from 'vitest'
import { freeRoots, moveRequests, occupiedBy } from './setup-roots.ts'

describe('freeRoots', () => {
  const tree = occupiedBy(['a.txt', 'src/b.txt', 'packages/x/index.js', 'link'])

  it.each([
    ['a new folder as a whole', ['node_modules/a/1', 'node_modules/b'], ['node_modules']],
    [
      'what is new beside files of the tree',
      ['src/b.js', 'packages/x/node_modules/y'],
      ['src/b.js', 'packages/x/node_modules'],
    ],
    ['not what has the place of a file', ['a.txt', 'src/b.txt'], []],
    ['not what lies below a file or a link of the tree', ['a.txt/in', 'link/x', 'src/b.txt/deep/er'], []],
    ['not a file in the place of a folder', ['src', 'packages/x'], []],
    [
      'not the repository at the root, but one further down',
      ['.git/config', '.git', 'x/.git/config', '.gitx'],
      ['x', '.gitx'],
    ],
  ])('takes %s', (_what, paths, roots) => {
    expect(freeRoots(paths, tree)).toEqual(roots)
  })

  it('goes into folders that are there and empty', () => {
    expect(freeRoots(['.cache/x/y'], occupiedBy([], ['.cache']))).toEqual(['.cache/x'])
  })

  it('takes 50,000 paths in a moment', () => {
    const paths = Array.from({ length: 50_000 }, (_, index) => `d${index % 1000}/deep/er/f${index}`)
    const started = performance.now()
    expect(freeRoots(paths, occupiedBy(paths.map((path) => `${path}.src`))).length).toBe(50_000)
    expect(performance.now() - started).toBeLessThan(3000)
  })
})

describe('moveRequests', () => {
  it('groups names by folder and escapes what a line cannot hold', () => {
    expect([...moveRequests(['b', 'a/x y', 'a/-z', 'c\n'])]).toEqual(['.//b/c\\0012\n', 'a//x\\0040y/-z\n'])
  })

  it('cuts long groups, so that no argument list overflows', () => {
    const roots = Array.from({ length: 5000 }, (_, index) => `folder/${'n'.repeat(200)}${index}`)
    const lines = [...moveRequests(roots)]
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(20_000)
    expect(lines.join('').match(/n\d/g)?.length).toBe(5000)
  })
})
