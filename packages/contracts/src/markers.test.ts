import { describe, expect, it } from 'vitest'
import { planHashFor, taskIdFor } from './ids.ts'
import {
  commitTrailersFor,
  isMarkedFor,
  parseCommitTrailers,
  parsePullRequestMarker,
  planOriginFor,
  pullRequestMarkerFor,
  repliesIn,
  replyMarkerFor,
} from './markers.ts'

const marker = {
  taskId: taskIdFor({ repository: 'octo-org/hello', planPath: 'a.md', generation: 1 }),
  planHash: planHashFor('a'),
}
const other = {
  taskId: taskIdFor({ repository: 'octo-org/hello', planPath: 'b.md', generation: 1 }),
  planHash: planHashFor('b'),
}

const origin = planOriginFor({ instance: 'devbot', repository: 'octo-org/hello', planPath: 'a.md' })

describe('parsePullRequestMarker', () => {
  it('reads origin and rounds where they are, and refuses a malformed origin', () => {
    const full = { ...marker, origin, rounds: 3 }
    expect(parsePullRequestMarker(pullRequestMarkerFor(full))).toEqual(full)
    expect(parsePullRequestMarker(pullRequestMarkerFor(full).replace(origin, 'x'))).toBeUndefined()
  })

  it('finds the marker anywhere in a body', () => {
    expect(parsePullRequestMarker(`Text\r\n\r\n${pullRequestMarkerFor(marker)}\r\nmore`)).toEqual(marker)
  })

  it.each(['', 'no marker', '<!-- devbot:task=x plan=y -->', `<!-- devbot:task=${marker.taskId} -->`])(
    'finds nothing in %j',
    (body) => {
      expect(parsePullRequestMarker(body)).toBeUndefined()
    },
  )
})

describe('parseCommitTrailers', () => {
  it('reads where a commit comes from and that its run did not finish', () => {
    const full = { ...marker, origin, unfinished: 'gave-up' } as const
    expect(parseCommitTrailers(`Add retry\n\n${commitTrailersFor(full)}\n`)).toEqual(full)
  })

  it('reads what commitTrailersFor wrote', () => {
    expect(parseCommitTrailers(`Add retry\n\nWhy.\n\n${commitTrailersFor(marker)}\n`)).toEqual(marker)
  })

  it('reads them with Windows line ends', () => {
    expect(parseCommitTrailers(`Add retry\r\n\r\n${commitTrailersFor(marker).replace('\n', '\r\n')}\r\n`)).toEqual(
      marker,
    )
  })

  it('believes the end of the message, not a copy in the prose above it', () => {
    expect(parseCommitTrailers(`Title\n\n${commitTrailersFor(other)}\n\n${commitTrailersFor(marker)}`)).toEqual(marker)
  })

  it.each([
    'Add retry',
    `DevBot-Task: ${marker.taskId}`,
    ` ${commitTrailersFor(marker)}`,
    'DevBot-Task: x\nDevBot-Plan-Hash: y',
  ])('finds nothing in %j', (message) => {
    expect(parseCommitTrailers(message)).toBeUndefined()
  })
})

describe('replyMarkerFor', () => {
  it('differs for each feedback item', () => {
    expect(replyMarkerFor('1-review-2-00000000')).not.toBe(replyMarkerFor('1-review-3-00000000'))
  })
})

describe('repliesIn', () => {
  it('names every item that a text answers', () => {
    const ids = ['1-review-2-00000000', '1-inline-comment-3-0000abcd']
    expect(repliesIn(`Done.\n\n${ids.map(replyMarkerFor).join('\n')}`)).toEqual(ids)
    expect(repliesIn('Done.')).toEqual([])
  })
})

describe('isMarkedFor', () => {
  const plan = { ...marker, origin }
  const elsewhere = planOriginFor({ instance: 'devbot', repository: 'octo-org/hello', planPath: 'b.md' })
  const foreign = planOriginFor({ instance: 'other', repository: 'octo-org/hello', planPath: 'a.md' })

  it.each([
    ['the same file', { ...other, origin }, true],
    ['the same content under an earlier name', { ...other, planHash: plan.planHash, origin: elsewhere }, true],
    ['another file', { ...other, origin: elsewhere }, false],
    ['the same file of another DevBot', { ...marker, origin: foreign }, false],
    ['the same task, from before there were origins', { ...other, taskId: marker.taskId }, true],
    ['another task, from before there were origins', other, false],
  ])('tells %s', (_what, candidate, expected) => {
    expect(isMarkedFor(candidate, plan)).toBe(expected)
  })

  it('does not care about upper and lower case of the repository', () => {
    expect(planOriginFor({ instance: 'devbot', repository: 'Octo-Org/Hello', planPath: 'a.md' })).toBe(origin)
  })
})
