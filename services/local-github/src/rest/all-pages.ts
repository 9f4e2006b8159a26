import { z } from 'zod'
import type { Hub } from '../hub.ts'

const PAGE_SIZE = 100

/** A whole list of the emulator, oldest first, raw. */
export async function allPages(hub: Hub, path: string): Promise<readonly unknown[]> {
  const items: unknown[] = []
  for (let page = 1; ; page += 1) {
    const query = `?per_page=${PAGE_SIZE}&page=${page}`
    const part = z.array(z.unknown()).parse(await hub.emulator.expect({ method: 'GET', path: `${path}${query}` }))
    items.push(...part)
    if (part.length < PAGE_SIZE) return items
  }
}
