import { z } from 'zod'

/** One line of text, without control characters. */
export const oneLine = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .refine((text) => !/\p{Cc}/u.test(text), 'expected one line without control characters')

/** A path inside the repository: relative, with `/`, no `.` or `..` parts. */
export const repositoryPath = oneLine(400).refine(
  (path) =>
    !path.startsWith('/') &&
    !path.includes('\\') &&
    !path.split('/').some((part) => part === '' || part === '.' || part === '..'),
  'expected a path inside the repository, like packages/api',
)
