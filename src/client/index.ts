export * from './events.ts'
export * from './kubeconfig.ts'
export * from './resources.ts'
export type { HttpOptions, Query, Request, Tls } from './transport.ts'
