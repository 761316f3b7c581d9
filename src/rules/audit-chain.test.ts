import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chainVerifier, firstPrevious, keyId, linkHash, signCheckpoint, type ChainLine } from './audit-chain.ts'

const newKey = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { pem: publicKey.export({ type: 'spki', format: 'pem' }) as string, privateKey }
}
const ours = newKey()
type Rec = Extract<ChainLine, { type: 'record' }>

/** Records `after + 1` to `after + count`, each linked to the one before. */
const linked = (count: number, { after = 0, previous = firstPrevious, text = (p: number) => JSON.stringify({ auditID: p }) } = {}): readonly Rec[] => {
  let hash = previous
  return Array.from({ length: count }, (_, i) => {
    const link = { position: after + i + 1, version: (i % 3) * 10, record: text(after + i + 1) }
    hash = linkHash(hash, link)
    return { type: 'record', ...link, hash }
  })
}
const checkpoint = (r: Rec, key = ours, installation = 'i'): ChainLine => ({ type: 'checkpoint', ...signCheckpoint({ installation, position: r.position, hash: r.hash, time: '2026-11-28T00:00:00Z', key: keyId(key.pem) }, key.privateKey) })
const whole = (records: readonly ChainLine[], more: readonly ChainLine[] = [], { after = 0, previous = firstPrevious, keys = [ours.pem] } = {}): readonly ChainLine[] => {
  const last = records.findLast((l): l is Rec => l.type === 'record')
  return [{ type: 'start', installation: 'i', after, previous, keys }, ...records, ...more, { type: 'end', position: last?.position ?? after, hash: last?.hash ?? previous }]
}
const verify = (lines: readonly ChainLine[], trusted: readonly string[] = [ours.pem]): string | undefined => {
  const v = chainVerifier(trusted)
  for (const line of lines) { const fault = v.add(line); if (fault !== undefined) return `${fault.position}: ${fault.problem}` }
  const fault = v.end()
  return fault === undefined ? undefined : `${fault.position}: ${fault.problem}`
}
/** All hashes anew, as somebody with the database would. */
const rehashed = (records: readonly Rec[]): readonly Rec[] => {
  let hash = firstPrevious
  return records.map((r, i) => {
    const next = { ...r, position: i + 1, hash: (hash = linkHash(hash, { position: i + 1, version: r.version, record: r.record! })) }
    return next
  })
}

test('S12 a whole chain holds, and says what covers it', () => {
  const records = linked(9)
  const v = chainVerifier([ours.pem])
  for (const line of whole([...records.slice(0, 7), checkpoint(records[6]!), ...records.slice(7)])) expect(v.add(line)).toBeUndefined()
  expect([v.end(), v.verdict()]).toEqual([undefined, { first: 1, last: 9, head: records[8]!.hash, records: 9, checkpoints: 1, covered: { position: 7, time: '2026-11-28T00:00:00Z' }, keys: [keyId(ours.pem)] }])
})

test('S12 each kind of tampering is found, and the record named', () => {
  const r = linked(9)
  const at = (i: number, change: Partial<Rec>): readonly Rec[] => r.map((x, j) => (j === i ? { ...x, ...change } : x))
  const cut = r.slice(0, 6)
  expect({
    changed: verify(whole(at(3, { record: '{"auditID":4,"user":"nobody"}' }))),
    'another version': verify(whole(at(3, { version: 99 }))),
    'changed with its own hash': verify(whole(at(3, { record: 'x', hash: linkHash(r[2]!.hash, { position: 4, version: 0, record: 'x' }) }))),
    deleted: verify(whole([...r.slice(0, 3), ...r.slice(4)])),
    'its text deleted': verify(whole(at(3, { record: null }))),
    'several deleted': verify(whole([...r.slice(0, 3), ...r.slice(6)])),
    swapped: verify(whole([...r.slice(0, 3), r[4]!, r[3]!, ...r.slice(5)])),
    'texts swapped': verify(whole(at(3, { record: r[4]!.record }))),
    inserted: verify(whole([...r.slice(0, 4), { ...r[3]!, record: 'more' }, ...r.slice(4)])),
    'the beginning deleted': verify(whole(r.slice(2))),
    'the tail cut, beyond a checkpoint': verify(whole(cut, [checkpoint(r[8]!)])),
    'the tail cut within the file': verify([...whole(r).slice(0, 7), ...whole(r).slice(-1)]),
    'broken off': verify(whole(r).slice(0, -1)),
    'checkpoint out of its place': verify(whole(r, [checkpoint(r[6]!)])),
    'made anew without one': verify(whole([checkpoint(r[6]!), ...rehashed([...r.slice(0, 3), ...r.slice(4)])])),
  }).toEqual({
    changed: "4: record 4 is not what was sealed there: it was changed, put in, or has another's place",
    'another version': "4: record 4 is not what was sealed there: it was changed, put in, or has another's place",
    'changed with its own hash': "5: record 5 is not what was sealed there: it was changed, put in, or has another's place",
    deleted: '4: record 4 is missing',
    'its text deleted': '4: record 4 is missing; its link stands',
    'several deleted': '4: records 4 to 6 are missing',
    swapped: '4: record 4 is missing',
    'texts swapped': "4: record 4 is not what was sealed there: it was changed, put in, or has another's place",
    inserted: '4: record 4 stands behind 4: reordered, or put in twice',
    'the beginning deleted': '1: records 1 to 2 are missing',
    'the tail cut, beyond a checkpoint': '7: records 7 to 9 are missing at the end: the checkpoint of 2026-11-28T00:00:00Z was signed for them',
    'the tail cut within the file': '7: records 7 to 9 are missing at the end',
    'broken off': '10: it breaks off behind record 9: its last line is missing',
    'checkpoint out of its place': '7: the checkpoint at 7 stands behind record 9',
    'made anew without one': '7: the records up to 7 are not those that the checkpoint of 2026-11-28T00:00:00Z was signed for: the chain was made anew',
  })
})

test('S12 a checkpoint counts only with a trusted key, a right signature and this installation', () => {
  const r = linked(3)
  const theirs = newKey()
  const good = checkpoint(r[2]!) as Extract<ChainLine, { type: 'checkpoint' }>
  const claims = (more: object): ChainLine => ({ ...good, body: JSON.stringify({ ...JSON.parse(good.body) as object, ...more }) })
  expect([
    verify(whole(r, [checkpoint(r[2]!, theirs)])), verify(whole(r, [claims({ time: '2030-01-01T00:00:00Z' })])), verify(whole(r, [checkpoint(r[2]!, ours, 'other')])), verify(whole(r, [{ ...good, body: 'x' }])),
    // Without a key of one's own, those in the file are taken.
    verify(whole(r, [checkpoint(r[2]!, theirs)], { keys: [theirs.pem] }), []), verify(whole(r, [checkpoint(r[2]!, theirs)], { keys: [theirs.pem] })),
  ]).toEqual([
    `3: the checkpoint at 3 is signed with the key ${keyId(theirs.pem)}, which is not trusted`, '3: the signature of the checkpoint at 3 is wrong',
    '3: the checkpoint at 3 is of another installation (other)', '3: a checkpoint is no JSON', undefined, `3: the checkpoint at 3 is signed with the key ${keyId(theirs.pem)}, which is not trusted`,
  ])
})

test('S12 archives and what follows them are one chain; a gap, an overlap or another order is found', () => {
  const all = linked(9)
  const part = (from: number, to: number): readonly ChainLine[] => whole(all.slice(from, to), [], { after: from, previous: from === 0 ? firstPrevious : all[from - 1]!.hash })
  const forged = whole(linked(3, { after: 3, previous: 'f'.repeat(64) }), [], { after: 3, previous: 'f'.repeat(64) })
  expect([
    verify([...part(0, 3), ...part(3, 6), ...part(6, 9)]), verify([...part(0, 3), ...part(6, 9)]), verify([...part(3, 6), ...part(0, 3)]), verify([...part(0, 5), ...part(3, 9)]), verify([...part(0, 3), ...forged]), verify([]),
  ]).toEqual([
    undefined, '4: records 4 to 6 are missing between two files', '1: a file begins at 1 again, behind 6: give files in their order, each once', '4: a file begins at 4 again, behind 5: give files in their order, each once',
    '4: record 4 does not continue the file before it', '0: this is no export of an audit: it has no first line',
  ])
})

test('S12 whatever text is sealed, one changed character is found at its record', () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1 }), { minLength: 1, maxLength: 12 }), fc.nat(), fc.nat(), (texts, which, where) => {
    // As JSON.stringify writes them: whole characters only.
    const safe = texts.map((t) => t.toWellFormed())
    const records = linked(safe.length, { text: (p) => safe[p - 1]! })
    expect(verify(whole(records))).toBeUndefined()
    const i = which % safe.length
    const chars = [...safe[i]!]
    const c = where % chars.length
    chars[c] = chars[c] === 'a' ? 'b' : 'a'
    expect(verify(whole(records.map((x, j) => (j === i ? { ...x, record: chars.join('') } : x))))).toMatch(new RegExp(`^${i + 1}: record ${i + 1} is not what was sealed`))
  }))
})
