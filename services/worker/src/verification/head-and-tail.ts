/** The first and the last part of an output as text, and between them how much is missing. */
export function headAndTail(output: Uint8Array, totalBytes: number, maxBytes: number): string {
  if (totalBytes <= maxBytes) return Buffer.from(output).toString('utf8')
  const half = Math.floor((maxBytes - 100) / 2)
  const [head, tail] = [output.subarray(0, half), output.subarray(Math.max(half, output.length - half))]
  const leftOut = totalBytes - head.length - tail.length
  return `${Buffer.from(head).toString('utf8')}\n[${leftOut} bytes left out here]\n${Buffer.from(tail).toString('utf8')}`
}
