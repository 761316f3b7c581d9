/** Sealed bytes in memory. */
import type { Sealed } from '../store.ts'

export function memorySealed(): Sealed {
  const kept = new Map<string, Buffer>()
  return {
    get: async (id) => kept.get(id),
    async putIfAbsent(id, sealed) {
      const standing = kept.get(id)
      if (standing !== undefined) return standing
      kept.set(id, Buffer.from(sealed))
      return sealed
    },
    async put(id, sealed) {
      kept.set(id, Buffer.from(sealed))
    },
    async delete(id) {
      kept.delete(id)
    },
  }
}
