/** Sealed bytes (rule T7): a table which the API does not know. */
import type { Sealed } from '../store.ts'
import type { Session } from './session.ts'

export const sealedOn = (session: Session): Sealed => {
  const get = async (id: string): Promise<Buffer | undefined> => (await session.query<{ bytes: Buffer }>({ name: 'sealed_get', text: 'select bytes from sealed where id = $1', values: [id] })).rows[0]?.bytes
  return {
    get,
    async putIfAbsent(id, sealed) {
      for (;;) {
        const { rowCount } = await session.query({ name: 'sealed_put_if_absent', text: 'insert into sealed (id, bytes) values ($1, $2) on conflict (id) do nothing', values: [id, sealed] })
        if (rowCount === 1) return sealed
        const standing = await get(id)
        if (standing !== undefined) return standing // else it was deleted in between: again
      }
    },
    async put(id, sealed) {
      await session.query({ name: 'sealed_put', text: 'insert into sealed (id, bytes) values ($1, $2) on conflict (id) do update set bytes = excluded.bytes', values: [id, sealed] })
    },
    async delete(id) {
      await session.query({ name: 'sealed_delete', text: 'delete from sealed where id = $1', values: [id] })
    },
  }
}
