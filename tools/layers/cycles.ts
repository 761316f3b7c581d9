/** Import cycles in a graph of files. */

/** Each cycle once, as the files on it, starting with the one that sorts first. A component with several cycles gives its shortest. */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>()
  for (const component of components(graph)) {
    const inside = new Set(component)
    const ways = component.map((start) => shortestBack(graph, inside, start)).filter((way) => way !== undefined)
    const shortest = ways.toSorted((a, b) => a.length - b.length || a.join().localeCompare(b.join()))[0]
    if (shortest === undefined) continue
    const first = shortest.indexOf(shortest.toSorted()[0]!)
    const turned = [...shortest.slice(first), ...shortest.slice(0, first)]
    found.set(turned.join(' '), turned)
  }
  return [...found.values()].toSorted((a, b) => a.join().localeCompare(b.join()))
}

/** Breadth first from `start` back to itself. */
function shortestBack(graph: ReadonlyMap<string, readonly string[]>, inside: ReadonlySet<string>, start: string): readonly string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const next of graph.get(at) ?? []) {
      if (next === start) {
        const way = [at]
        for (let back = at; back !== start; way.unshift(back)) back = cameFrom.get(back)!
        return way
      }
      if (inside.has(next) && !cameFrom.has(next)) { cameFrom.set(next, at); queue.push(next) }
    }
  }
  return undefined
}

/** Strongly connected components (Tarjan, without recursion: import chains get long). */
function components(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const index = new Map<string, number>(), low = new Map<string, number>(), onStack = new Set<string>()
  const stack: string[] = [], result: string[][] = []
  for (const root of graph.keys()) {
    if (index.has(root)) continue
    const work: { node: string; next: number }[] = [{ node: root, next: 0 }]
    while (work.length > 0) {
      const frame = work.at(-1)!
      if (frame.next === 0) { index.set(frame.node, index.size); low.set(frame.node, index.get(frame.node)!); stack.push(frame.node); onStack.add(frame.node) }
      const child = (graph.get(frame.node) ?? [])[frame.next++]
      if (child !== undefined) {
        if (!index.has(child)) work.push({ node: child, next: 0 })
        else if (onStack.has(child)) low.set(frame.node, Math.min(low.get(frame.node)!, index.get(child)!))
        continue
      }
      work.pop()
      const parent = work.at(-1)
      if (parent) low.set(parent.node, Math.min(low.get(parent.node)!, low.get(frame.node)!))
      if (low.get(frame.node) !== index.get(frame.node)) continue
      const component: string[] = []
      for (let one = stack.pop()!; ; one = stack.pop()!) { onStack.delete(one); component.push(one); if (one === frame.node) break }
      result.push(component)
    }
  }
  return result
}
