/**
 * What a wrapped key is for: the provider binds it to these names, so that the key of one signer does not open for another.
 * At most a few short entries: AWS takes a map of strings, the others take the framed bytes.
 */
export type KmsContext = Readonly<Record<string, string>>

/** Who keeps the master key. It wraps one data key per store; records are sealed under that (sealing.ts), never here. */
export interface KmsProvider {
  /** For logs and metrics, such as 'file'. */
  readonly name: string
  /** @throws KmsError (as a rejection) */
  wrap(dataKey: Uint8Array, context: KmsContext): Promise<Uint8Array>
  /** @throws KmsError (as a rejection) UNWRAP_FAILED for another key, another context or changed bytes */
  unwrap(wrapped: Uint8Array, context: KmsContext): Promise<Uint8Array>
}

/** Why no data key could be had. All but UNAVAILABLE need an operator, and none is cured by making a new key. */
export type KmsErrorCode =
  | 'MASTER_KEY_MISSING'
  | 'MASTER_KEY_UNSAFE'
  | 'MASTER_KEY_MALFORMED'
  | 'UNWRAP_FAILED'
  | 'DATA_KEY_MISSING'
  | 'UNAVAILABLE'

export class KmsError extends Error {
  readonly code: KmsErrorCode

  constructor(code: KmsErrorCode, message: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'KmsError'
    this.code = code
  }
}
