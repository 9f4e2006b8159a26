import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

/**
 * A value that must not be seen. Printing, logging or serialising it gives `[secret]`; `reveal()` is the one way to
 * the text. One that comes from a file is read again by `refresh()`, so that rotation needs no restart.
 */
export class Secret {
  readonly #read: () => string
  #value: string

  private constructor(read: () => string) {
    this.#read = read
    this.#value = read()
  }

  static of(value: string): Secret {
    return new Secret(() => value)
  }

  /** Reads the file now; throws the file system's error when it cannot be read. One trailing line end is cut. */
  static fromFile(path: string): Secret {
    return new Secret(() => readFileSync(path, 'utf8').replace(/\r?\n$/, ''))
  }

  reveal(): string {
    return this.#value
  }

  /** Reads the source again; returns whether the value changed. */
  refresh(): boolean {
    const before = this.#value
    this.#value = this.#read()
    return this.#value !== before
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
