export * from './conditions.ts'
export * from './kind.ts'
export * from './object.ts'
