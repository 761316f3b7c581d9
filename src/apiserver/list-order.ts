/** The order of a list map or set after an apply: shared items in the order that was applied, items of others where they stood. As in structured-merge-diff v6, typed/merge.go. */
export const mergedOrder = (live: readonly string[], applied: readonly string[]): readonly string[] => {
  const [inLive, inApplied, done] = [new Set(live), new Set(applied), new Set<string>()]
  const shared = applied.filter((k) => inLive.has(k))
  const out: string[] = []
  let next = 0
  const take = (k: string): void => {
    done.add(k)
    out.push(k)
    if (shared[next] === k) next++
  }
  for (let l = 0, a = 0; l < live.length || a < applied.length;) {
    const mine = applied[a]
    const there = live[l]
    if (there !== undefined && mine !== undefined) {
      if (there === mine) {
        take(mine)
        l++
        a++
        continue
      }
      // It comes later, where the applied list has it.
      if (inApplied.has(there) && next < shared.length && shared[next] !== there) {
        l++
        continue
      }
    }
    if (there !== undefined) {
      if (!inApplied.has(there)) {
        out.push(there)
        l++
        continue
      }
      if (done.has(there)) l++
    }
    if (mine !== undefined) {
      take(mine)
      a++
    }
  }
  return out
}
