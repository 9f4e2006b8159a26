export type { RequestSummary, Violation } from './journal.ts'
export { loadTrajectories } from './load-trajectories.ts'
export { type ReplayModel, type ReplayModelOptions, startReplayModel } from './start-replay-model.ts'
export type { Fault, Trajectory, TrajectoryInput, Turn } from './trajectory.ts'
