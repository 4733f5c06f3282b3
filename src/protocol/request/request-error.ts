/** What can be wrong with a request document; the codes of design/api.md, which every host maps to one HTTP status. */
export type RequestCode =
  | 'malformed_request'
  | 'payload_invalid'
  | 'path_unsupported'
  | 'authorization_invalid'
  | 'raw_digest_forbidden'
  | 'request_expired'
  | 'payload_too_large'

/**
 * The only error that bytes of a requester can produce. `pointer` is the JSON pointer (RFC 6901) of the offending member, ''
 * for the document; `detail` is a fixed sentence of ours. Neither carries contents of the request: both may be shown to the
 * requester.
 */
export class RequestError extends Error {
  readonly code: RequestCode
  readonly pointer?: string
  readonly detail: string

  constructor(code: RequestCode, detail: string, pointer?: string) {
    super(pointer ? `${code} at ${pointer}: ${detail}` : `${code}: ${detail}`)
    this.name = 'RequestError'
    this.code = code
    this.detail = detail
    if (pointer !== undefined) this.pointer = pointer
  }
}
