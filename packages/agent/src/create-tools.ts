import type { RunKind } from '@devbot/contracts'
import type { AgentTool } from './agent-tool.ts'
import type { ToolOffer } from './model-client.ts'
import { editTool } from './tools/edit.ts'
import { createFinishTool, type FinishTool } from './tools/finish.ts'
import type { ExcludedBy } from './tools/ignore-files.ts'
import { createJobTool, tellingEnds } from './tools/job.ts'
import { createJobTable } from './tools/job-table.ts'
import { createListTool } from './tools/list.ts'
import { readTool } from './tools/read.ts'
import { createSearchTool } from './tools/search.ts'
import { createShellTool } from './tools/shell.ts'
import { writeTool } from './tools/write.ts'

export type ToolSet = { readonly tools: readonly AgentTool[]; readonly finish: FinishTool }

export type ToolOptions = {
  /** Follows `.gitignore` files where list and search look; without it they leave out .git and node_modules only. */
  readonly excludedBy?: ExcludedBy
}

/** The tools of one run, in the order in which they are offered; the order is part of the cached prefix. */
export function createTools(runKind: RunKind, { excludedBy }: ToolOptions = {}): ToolSet {
  const jobs = createJobTable()
  const tools = [
    createShellTool(jobs),
    readTool,
    writeTool,
    editTool,
    createListTool(excludedBy),
    createSearchTool(excludedBy),
    createJobTool(jobs),
  ]
  return { tools: tools.map((tool) => tellingEnds(tool, jobs)), finish: createFinishTool(runKind) }
}

export function offersOf(toolSet: ToolSet): readonly ToolOffer[] {
  return [...toolSet.tools.map((tool) => tool.offer), toolSet.finish.offer]
}
