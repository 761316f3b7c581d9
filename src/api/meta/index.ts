export * from './kind.ts'
export * from './object.ts'
