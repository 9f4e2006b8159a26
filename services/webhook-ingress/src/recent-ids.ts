/**
 * A short memory for ids, oldest forgotten first: whether this one was seen lately. For the log only: what makes two
 * deliveries the same is what they say, because their id is not signed.
 */
export function createRecentIds(maxIds: number): (id: string) => boolean {
  const ids = new Set<string>()
  return (id) => {
    const seen = ids.delete(id)
    ids.add(id)
    const [oldest] = ids
    if (ids.size > maxIds && oldest !== undefined) ids.delete(oldest)
    return seen
  }
}
