/** The port for events about objects; `client` posts them as core/v1 Events. Never waited for, never an error of a pass. */
import type { Resource } from '../api/meta/index.ts'

export interface NewEvent {
  readonly about: Resource
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly controller: string
}

export interface EventSink {
  emit(event: NewEvent): void
}
