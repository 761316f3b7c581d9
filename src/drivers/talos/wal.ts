/**
 * The cluster id that an etcd member belongs to, from the head of its write-ahead log. Talos' API does not tell it, and member ids
 * alone cannot show that somebody bootstrapped twice (rule T1). Format: etcd 3.6, server/storage/wal (frames of a little-endian
 * length and a protobuf Record; the second record of every segment is the Metadata with both ids).
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

const metadataType = 1
const crcType = 4

interface WalRecord { readonly type: number; readonly data: Uint8Array | undefined }

const readRecord = (bytes: Uint8Array): WalRecord => {
  const reader = new BinaryReader(bytes)
  let type = 0
  let data: Uint8Array | undefined
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 1 && wire === WireType.Varint) type = Number(reader.int64())
    else if (field === 3 && wire === WireType.LengthDelimited) data = reader.bytes()
    else reader.skip(wire, field)
  }
  return { type, data }
}

const hex = (id: bigint): string => id.toString(16).padStart(16, '0')

/** Undefined when these bytes are no head of a segment. */
export const clusterIdOf = (head: Buffer): string | undefined => {
  try {
    for (let at = 0, records = 0; at + 8 <= head.length && records < 4; records++) {
      const field = head.readBigUInt64LE(at)
      const length = Number(field & 0x00ff_ffff_ffff_ffffn)
      const padding = field >> 63n === 1n ? Number((field >> 56n) & 7n) : 0
      if (length === 0 || at + 8 + length > head.length) return undefined
      const { type, data } = readRecord(head.subarray(at + 8, at + 8 + length))
      at += 8 + length + padding
      if (type !== metadataType || data === undefined) continue
      const reader = new BinaryReader(data)
      while (reader.pos < reader.len) {
        const [field_, wire] = reader.tag()
        if (field_ === 2 && wire === WireType.Varint) return hex(BigInt(reader.uint64()))
        reader.skip(wire, field_)
      }
    }
  } catch { /* Not a log: the same as one without the record. */ }
  return undefined
}

/** The head of a segment as etcd writes it, for the simulator. Checksums are left out; nobody here reads them. */
export const walHead = (memberId: bigint, clusterId: bigint): Buffer => {
  const frame = (record: Uint8Array): Buffer => {
    const padding = (8 - (record.length % 8)) % 8
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(record.length) | (padding === 0 ? 0n : (BigInt(0x80 | padding) << 56n)))
    return Buffer.concat([length, record, Buffer.alloc(padding)])
  }
  const metadata = new BinaryWriter().tag(1, WireType.Varint).uint64(memberId).tag(2, WireType.Varint).uint64(clusterId).finish()
  return Buffer.concat([
    frame(new BinaryWriter().tag(1, WireType.Varint).int64(crcType).tag(2, WireType.Varint).uint32(0).finish()),
    frame(new BinaryWriter().tag(1, WireType.Varint).int64(metadataType).tag(2, WireType.Varint).uint32(0).tag(3, WireType.LengthDelimited).bytes(metadata).finish()),
  ])
}
