export * from './kubernetes.ts'
export { isSameNode } from './node.ts'
export { openKubernetes, type KubernetesOptions } from './open.ts'
export { isAlreadyExists, isBadAnswer, isCertificate, isConflict, isDenied, isExpired, isInvalid, isNotFound, isThrottled, isUnavailable, isUnclear } from './errors.ts'
