import type { RunKind } from '@devbot/contracts'
import type { AgentTool } from './agent-tool.ts'
import type { ToolOffer } from './model-client.ts'
import { editTool } from './tools/edit.ts'
import { createFinishTool, type FinishTool } from './tools/finish.ts'
import { listTool } from './tools/list.ts'
import { readTool } from './tools/read.ts'
import { searchTool } from './tools/search.ts'
import { shellTool } from './tools/shell.ts'
import { writeTool } from './tools/write.ts'

export type ToolSet = { readonly tools: readonly AgentTool[]; readonly finish: FinishTool }

/** The tools of one run, in the order in which they are offered; the order is part of the cached prefix. */
export function createTools(runKind: RunKind): ToolSet {
  return { tools: [shellTool, readTool, writeTool, editTool, listTool, searchTool], finish: createFinishTool(runKind) }
}

export function offersOf(toolSet: ToolSet): readonly ToolOffer[] {
  return [...toolSet.tools.map((tool) => tool.offer), toolSet.finish.offer]
}
