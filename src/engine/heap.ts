/** A binary heap: the smallest `at` first. */
export interface Heap<T extends { readonly at: number }> {
  push(item: T): void
  peek(): T | undefined
  pop(): T | undefined
  readonly size: number
}

export const createHeap = <T extends { readonly at: number }>(): Heap<T> => {
  const items: T[] = []
  const swap = (i: number, j: number): void => { const x = items[i]!; items[i] = items[j]!; items[j] = x }
  const isLess = (i: number, j: number): boolean => items[i]!.at < items[j]!.at
  return {
    push(item) {
      items.push(item)
      for (let i = items.length - 1; i > 0;) {
        const parent = (i - 1) >> 1
        if (!isLess(i, parent)) return
        swap(i, parent)
        i = parent
      }
    },
    peek: () => items[0],
    pop() {
      const top = items[0]
      const last = items.pop()
      if (top === undefined || items.length === 0) return top
      items[0] = last!
      for (let i = 0; ;) {
        const left = 2 * i + 1
        const right = left + 1
        const least = right < items.length && isLess(right, left) ? right : left
        if (least >= items.length || !isLess(least, i)) return top
        swap(i, least)
        i = least
      }
    },
    get size() { return items.length },
  }
}
