import { describe, expect, it } from 'vitest'
import { planHashFor, taskIdFor } from './ids.ts'
import {
  commitTrailersFor,
  parseCommitTrailers,
  parsePullRequestMarker,
  pullRequestMarkerFor,
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

describe('parsePullRequestMarker', () => {
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
