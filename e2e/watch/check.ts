/** Judges a history. Pure; answers what is wrong, in words, and nothing when all is as it must be. */
import type { EventType, History, Noted, Read, State, Truth, Watcher } from './history.ts'

export const check = ({ log, writes, reads, watchers }: History): readonly string[] => {
  const byName = changesByName(log)
  return [...checkLog(log), ...checkWrites(log, writes), ...reads.flatMap((read) => checkRead(byName, read)), ...watchers.flatMap((watcher) => checkWatcher(log, watcher))]
}

const changesByName = (log: readonly Truth[]): ReadonlyMap<string, readonly Truth[]> => {
  const byName = new Map<string, Truth[]>()
  for (const change of log) {
    const of = byName.get(change.name)
    if (of === undefined) byName.set(change.name, [change])
    else of.push(change)
  }
  return byName
}

/** One order, in which every object before is the one that stood there. */
const checkLog = (log: readonly Truth[]): readonly string[] => {
  const standing = new Map<string, State>()
  return log.flatMap((change, i) => {
    const wrong: string[] = []
    if (i > 0 && change.version <= log[i - 1]!.version) wrong.push(`log: version ${change.version} follows ${log[i - 1]!.version}`)
    if (change.before?.version !== standing.get(change.name)?.version) wrong.push(`log: version ${change.version} of ${change.name} has ${change.before?.version ?? 'nothing'} before it, where ${standing.get(change.name)?.version ?? 'nothing'} stood`)
    if (change.after === undefined) standing.delete(change.name)
    else standing.set(change.name, change.after)
    return wrong
  })
}

/** What was answered as made is there, at that version; what was answered as not made is not; nothing is there twice, or by nobody, or in part. */
const checkWrites = (log: readonly Truth[], writes: History['writes']): readonly string[] => {
  const puts = new Map<string, Truth[]>()
  const deletes = new Map<string, Truth>()
  const wrong: string[] = []
  for (const change of log) {
    if (change.after === undefined) {
      if (deletes.has(change.uid)) wrong.push(`log: ${change.name} with one uid is deleted twice, at ${deletes.get(change.uid)!.version} and ${change.version}`)
      deletes.set(change.uid, change)
    } else puts.set(change.after.value, [...(puts.get(change.after.value) ?? []), change])
  }
  const wanted = new Set<string>()
  const groups = new Map<string, boolean>()
  for (const { id, wants, outcome, version, group } of writes) {
    const found = wants.kind === 'put' ? (puts.get(wants.value) ?? []) : [deletes.get(wants.uid) ?? []].flat()
    if (wants.kind === 'put') wanted.add(wants.value)
    if (found.length > 1) wrong.push(`write ${id} is there ${found.length} times: ${found.map((each) => each.version).join(', ')}`)
    if (outcome === 'ok' && found.length === 0) wrong.push(`write ${id} was answered as made and is lost`)
    if (outcome === 'ok' && version !== undefined && found.length === 1 && found[0]!.version !== version) wrong.push(`write ${id} was answered with version ${version} and is at ${found[0]!.version}`)
    // A deletion of one uid may be somebody else's.
    if (outcome === 'no' && wants.kind === 'put' && found.length > 0) wrong.push(`write ${id} was answered as not made and is at ${found[0]!.version}`)
    if (group !== undefined) {
      if (groups.has(group) && groups.get(group) !== found.length > 0) wrong.push(`transaction ${group} is there in part`)
      groups.set(group, found.length > 0)
    }
  }
  for (const [value, changes] of puts) if (!wanted.has(value)) wrong.push(`log: version ${changes[0]!.version} was written by nobody`)
  return wrong
}

/** What was read stood there at some moment not before version `after`. */
const checkRead = (byName: ReadonlyMap<string, readonly Truth[]>, { id, name, after, version }: Read): readonly string[] => {
  const changes = byName.get(name) ?? []
  const passes = (isWhatWasRead: (state: State | undefined) => boolean): boolean => {
    let state: State | undefined
    for (const [i, change] of changes.entries()) {
      if (change.version > after && isWhatWasRead(state)) return true
      state = change.after
      const until = changes[i + 1]?.version ?? Infinity
      if (until > after && isWhatWasRead(state)) return true
    }
    return changes.length === 0 && isWhatWasRead(undefined)
  }
  return passes((state) => state?.version === version) ? [] : [`read ${id} of ${name} after version ${after} saw ${version ?? 'nothing'}`]
}

/** The event that one change is to somebody who sees one colour only. */
const eventOf = (change: Truth, colour: string | undefined): { readonly type: EventType; readonly value: string } | undefined => {
  const sees = (state: State | undefined): state is State => state !== undefined && (colour === undefined || state.colour === colour)
  if (sees(change.after)) return { type: sees(change.before) ? 'MODIFIED' : 'ADDED', value: change.after.value }
  return sees(change.before) ? { type: 'DELETED', value: change.before.value } : undefined
}

/**
 * Every change once and in order, from each list on, whatever was cut in between: the events are exactly those of the log between the
 * list's version and where the watcher has got to; a bookmark or a resumption beyond what was delivered is a gap.
 */
const checkWatcher = (log: readonly Truth[], { id, colour, notes }: Watcher): readonly string[] => {
  const wrong: string[] = []
  const say = (text: string): void => void (wrong.length < 5 && wrong.push(`watcher ${id}: ${text}`))
  let at: number | undefined
  /** Index in the log of the next change that has not been seen or passed. */
  let next = 0
  /** Everything up to `version` must have been seen. */
  const pass = (version: number, what: string): void => {
    for (; next < log.length && log[next]!.version <= version; next++) if (eventOf(log[next]!, colour) !== undefined) say(`${what} ${version}, without the change at ${log[next]!.version}`)
  }
  const step = (note: Noted): void => {
    if (note.kind === 'expired') { at = undefined; return }
    if (note.kind === 'listed') {
      const state = stateAt(log, note.version, colour)
      for (const name of new Set([...state.keys(), ...note.items.keys()]))
        if (state.get(name)?.version !== note.items.get(name)?.version || state.get(name)?.value !== note.items.get(name)?.value) say(`a list at ${note.version} has ${name} at ${note.items.get(name)?.version ?? 'nothing'}, where ${state.get(name)?.version ?? 'nothing'} stood`)
      at = note.version
      next = firstAfter(log, note.version)
      return
    }
    if (at === undefined) { say(`${note.kind} without a list`); return }
    if (note.kind === 'resumed') { if (note.version !== at) say(`resumed from ${note.version}, having got to ${at}`); return }
    if (note.kind === 'bookmark') {
      if (note.version < at) say(`a bookmark of ${note.version} after ${at}: versions went back`)
      pass(note.version, 'a bookmark of')
      at = note.version
      return
    }
    if (note.version <= at) { say(`an event of ${note.version} after ${at}: twice, or out of order`); return }
    pass(note.version - 1, 'an event of')
    const change = log[next]
    const event = change?.version === note.version ? eventOf(change, colour) : undefined
    if (change === undefined || event === undefined || change.name !== note.name || event.type !== note.type || event.value !== note.value) say(`${note.type} ${note.name} ${note.value} at ${note.version}, where the log has ${event === undefined ? 'nothing for it' : `${event.type} ${change!.name} ${event.value}`}`)
    next++
    at = note.version
  }
  for (const note of notes) step(note)
  return wrong
}

const firstAfter = (log: readonly Truth[], version: number): number => {
  let low = 0
  let high = log.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (log[middle]!.version <= version) low = middle + 1
    else high = middle
  }
  return low
}

const stateAt = (log: readonly Truth[], version: number, colour: string | undefined): ReadonlyMap<string, State> => {
  const state = new Map<string, State>()
  for (const change of log) {
    if (change.version > version) break
    if (change.after === undefined) state.delete(change.name)
    else state.set(change.name, change.after)
  }
  for (const [name, each] of state) if (colour !== undefined && each.colour !== colour) state.delete(name)
  return state
}
