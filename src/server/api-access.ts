/** All that the API server asks about who somebody is and what they may, over one watch cache. */
import { ClientCertificate } from '../api/index.ts'
import { resourceName } from '../api/meta/index.ts'
import { byClientCertificate, type ApiOptions } from '../apiserver/index.ts'
import type { Cache } from '../store/cache.ts'
import { admissionOf } from './admission.ts'
import { openAuthorization, type Authorization } from './authorization.ts'
import { certificateStands } from './client-certificates.ts'
import { openGrants } from './grants.ts'
import { keepWatching } from '../store/kept-watch.ts'

type Asked = Required<Pick<ApiOptions, 'authenticate' | 'authorize' | 'scopeOf' | 'onAccessChange' | 'admission'>>

/** Calls `wake` when certificates were revoked, or may have been. */
const onRevocation = (cache: Cache, wake: () => void): (() => void) => keepWatching(cache, [resourceName(ClientCertificate)], {
  onBegin: wake,
  onChanges: (changes) => { if (changes.some((c) => c.before !== undefined && c.before.uid !== c.after?.uid)) wake() },
})

export const openApiAccess = (cache: Cache, now: () => Date = () => new Date()): Asked & { readonly authorization: Authorization; close(): void } => {
  const grants = openGrants(cache)
  const authorization = openAuthorization(grants)
  return {
    authorization, authenticate: byClientCertificate(authorization.writerOf, certificateStands(cache), () => now().getTime()),
    authorize: authorization.authorize, scopeOf: authorization.scopeOf, admission: admissionOf(authorization, now),
    onAccessChange(wake) {
      const stops = [grants.onChange(wake), onRevocation(cache, wake)]
      return () => { for (const stop of stops) stop() }
    },
    close: grants.close,
  }
}
