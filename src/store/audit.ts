/**
 * The port of the audit (rule S12): the records that `commit` wrote, linked into a chain behind the writers. A record is opaque JSON
 * text; its shape is `src/api/audit`, what a link covers is `src/rules/audit-chain.ts`.
 */

/** The chain's end: `position` 0 and zeros when there is nothing. */
export interface AuditHead {
  readonly position: number
  /** Of the link, hexadecimal. */
  readonly hash: string
}

/** One link. `record: undefined`: its record is gone. */
export interface AuditLink extends AuditHead {
  /** The last version that the write made; 0: it wrote no object. */
  readonly version: number
  readonly record: string | undefined
}

/** `body` is the signed text. */
export interface AuditCheckpoint {
  readonly position: number
  readonly body: string
  readonly signature: string
}

/** What all that is given must be. */
export interface AuditFilter {
  readonly user?: string
  readonly verb?: string
  readonly resource?: string
  /** Empty: the object itself. */
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly denied?: boolean
  /** RFC 3339, by the database's clock. */
  readonly since?: string
  readonly until?: string
}

/** Positions `first..last` that stand in a file; `hash` is the last one's. */
export interface AuditArchive {
  readonly first: number
  readonly last: number
  readonly hash: string
  readonly file: string
}

export interface Audit {
  /** Links what has no link yet, at most so many; who calls at the same time waits. `linked` below `most`: nothing waits any more. */
  seal(most: number): Promise<{ readonly linked: number; readonly head: AuditHead }>
  /** Newest first, below a position, at most `limit`. */
  find(filter: AuditFilter, below: number, limit: number): Promise<readonly AuditLink[]>
  /** In order, above a position, at most `limit`. */
  links(after: number, limit: number): Promise<readonly AuditLink[]>
  /** Those that cover a position above this one, in order. */
  checkpoints(after: number): Promise<readonly AuditCheckpoint[]>
  addCheckpoint(checkpoint: AuditCheckpoint): Promise<void>
  archives(): Promise<readonly AuditArchive[]>
  /** Records that a file holds these positions, and drops them. The caller MUST have read the file back. */
  archived(archive: AuditArchive): Promise<void>
}
