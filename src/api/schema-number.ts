/**
 * Counts what this program's kinds can hold (rule S11): it grows by one with a release that adds a field, and the field says which number
 * it came with (`'x-skerry-since'` in its meta). Until every server that is there knows the number, such a field is refused.
 */
export const schemaNumber = 1
