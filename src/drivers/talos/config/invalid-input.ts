/** A field of the input from which no configuration can be made; the caller tells its author, and does not try again. */
export class InvalidInput extends Error {
  override readonly name = 'InvalidInput'
  readonly field: string
  constructor(field: string, message: string) {
    super(`${field}: ${message}`)
    this.field = field
  }
}

export const isInvalidInput = (error: unknown): error is InvalidInput => error instanceof Error && error.name === 'InvalidInput'
