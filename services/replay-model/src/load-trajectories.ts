import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Trajectory, type TrajectoryInput, trajectorySchema } from './trajectory.ts'

/**
 * Every `.yaml`, `.yml` and `.json` file directly in a folder, in order of name. Throws category `config` when the
 * folder cannot be read, holds none, holds one that is not a trajectory, or two of one name.
 */
export function loadTrajectories(directory: string): readonly Trajectory[] {
  const files = fileNames(directory).filter((name) => /\.(ya?ml|json)$/.test(name))
  if (files.length === 0) throw configProblem(`${directory} holds no trajectory (.yaml, .yml or .json)`)
  return checkTrajectories(files.map((name) => ({ origin: name, value: readYaml(join(directory, name)) })))
}

/** Checks trajectories given as values; errors as `loadTrajectories`. */
export function parseTrajectories(values: readonly TrajectoryInput[]): readonly Trajectory[] {
  return checkTrajectories(values.map((value, index) => ({ origin: `trajectory ${index + 1}`, value })))
}

function checkTrajectories(sources: readonly { origin: string; value: unknown }[]): readonly Trajectory[] {
  const trajectories = sources.map(({ origin, value }) => {
    const result = trajectorySchema.safeParse(value)
    if (!result.success) throw configProblem(`${origin} is not a trajectory:\n${z.prettifyError(result.error)}`)
    return result.data
  })
  const names = trajectories.map((trajectory) => trajectory.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw configProblem(`two trajectories are named ${twice}; give one another name`)
  return trajectories
}

function fileNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort()
  } catch (cause) {
    throw configProblem(`the folder of trajectories ${directory} cannot be read`, cause)
  }
}

function readYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw configProblem(`${path} is not YAML or JSON: ${reason}`, cause)
  }
}

function configProblem(message: string, cause?: unknown): DevBotError {
  return new DevBotError({ category: 'config', code: 'trajectories-invalid', message, cause })
}
