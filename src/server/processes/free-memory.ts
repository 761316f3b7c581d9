/**
 * Gives freed memory outside of V8's heap back to the system. glibc by itself returns only what lies at the end of its heap; what was
 * freed between two things that live stays with the process: of controllers with 150 clusters at rest 111 of 278 MiB, which their
 * connections had held. malloc_trim(3) returns it, and Node has no call for it (docs/decisions/0008-malloc-trim.md).
 */

/** undefined: another C library (Alpine, macOS), or a platform for which there is no koffi. */
export const openTrim = async (): Promise<(() => void) | undefined> => {
  try {
    const { default: koffi } = await import('koffi')
    const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)') as (pad: number) => number
    return () => void trim(0)
  } catch {
    return undefined
  }
}
