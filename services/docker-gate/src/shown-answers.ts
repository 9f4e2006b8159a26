import { z } from 'zod'

/*
 * What the worker gets to see of the engine's answers: the fields DevBot uses. What an engine adds (paths on the host,
 * other networks, mount points) stays behind.
 */

const labels = z.record(z.string(), z.string()).nullish()

export const versionAnswer = z.object({
  Version: z.string(),
  ApiVersion: z.string(),
  MinAPIVersion: z.string().optional(),
  Os: z.string().optional(),
  Arch: z.string().optional(),
})

export const imageAnswer = z.object({
  Id: z.string(),
  RepoTags: z.array(z.string()).nullish(),
  RepoDigests: z.array(z.string()).nullish(),
  Created: z.string().nullish(),
  Architecture: z.string().nullish(),
  Os: z.string().nullish(),
  Size: z.number().nullish(),
  /** Folders that the image declares as volumes. */
  Config: z.object({ Volumes: z.record(z.string(), z.unknown()).nullish() }).nullish(),
})

export const createdAnswer = z.object({ Id: z.string(), Warnings: z.array(z.string()).nullish() })
export const execCreatedAnswer = z.object({ Id: z.string() })

/** Only ever one of our own containers, so all of what was asked for may be seen again. */
export const containerAnswer = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: z.string(),
  Image: z.string(),
  State: z.record(z.string(), z.unknown()),
  Config: z.record(z.string(), z.unknown()),
  HostConfig: z.record(z.string(), z.unknown()),
})

export const execAnswer = z.object({
  ID: z.string(),
  ContainerID: z.string(),
  Running: z.boolean(),
  ExitCode: z.number().nullish(),
  Pid: z.number().nullish(),
})

export const listedContainers = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()),
    Image: z.string().optional(),
    Created: z.number().optional(),
    State: z.string().optional(),
    Status: z.string().optional(),
    Labels: labels,
  }),
)

export const volumeAnswer = z.object({
  Name: z.string(),
  Driver: z.string(),
  CreatedAt: z.string().nullish(),
  Labels: labels,
})

export const listedVolumes = z.object({ Volumes: z.array(volumeAnswer).nullish() })
