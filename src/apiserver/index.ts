export type { Admission, ApiOptions, Reader, Subresource, SubresourceRequest } from './api.ts'
export { byClientCertificate, byToken, firstOf, type Attributes, type Authenticate, type Authorize, type Identity, type WriterRole } from './identity.ts'
export { createApiServer, type ApiServer } from './server.ts'
export { apiStatusOf, badRequest, conflict, forbidden, invalid, notFound, unavailable } from './status.ts'
