import { z } from 'zod'
import { assertThreshold } from '../../protocol/engine/party.ts'

/**
 * One setting: a line of text from the environment or an env file, checked and turned into a value. Every setting is public;
 * secrets live in files of mode 0600, and a setting only names such a file.
 */
export interface Setting<T> {
  /** One line for `quorate config template` and the table in README.md. */
  readonly about: string
  /** What is allowed, in words: completes "allowed: ...". */
  readonly allowed: string
  readonly schema: z.ZodType<T, string>
  /** Text used when nothing is given. `undefined`: the setting has to be given; `null`: it may be absent. */
  readonly fallback: string | null | undefined
}

export type Settings = Readonly<Record<string, Setting<unknown>>>
/** The values of a table of settings. */
export type Values<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

export interface Kind<T> {
  readonly allowed: string
  readonly schema: z.ZodType<T, string>
}

export const required = <T>(kind: Kind<T>, about: string): Setting<T> => ({ ...kind, about, fallback: undefined })
export const withDefault = <T>(kind: Kind<T>, fallback: string, about: string): Setting<T> => ({ ...kind, about, fallback })
export const optional = <T>(kind: Kind<T>, about: string): Setting<T | undefined> => ({ ...kind, about, fallback: null })

export function integer(min: number, max: number): Kind<number> {
  const schema = z
    .string()
    .regex(/^(0|[1-9][0-9]{0,14})$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
  return { allowed: `an integer from ${min} to ${max}`, schema }
}

export const oneOf = <const T extends string>(...choices: readonly T[]): Kind<T> => ({
  allowed: choices.join(' | '),
  schema: z.enum(choices),
})

/** Comma-separated; empty text is the empty list. */
export function listOf<T>(kind: Kind<T>, max: number): Kind<readonly T[]> {
  const schema = z
    .string()
    .transform((line) => (line.trim() === '' ? [] : line.split(',').map((item) => item.trim())))
    .pipe(z.array(kind.schema).max(max))
  return { allowed: `up to ${max}, separated by commas, each ${kind.allowed}`, schema }
}

/** A host's name in logs, errors and certificates. */
export const hostName: Kind<string> = {
  allowed: '1 to 63 of a-z 0-9 . -, beginning and ending with a letter or digit',
  schema: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/),
}

export const text = (max: number): Kind<string> => ({
  allowed: `1 to ${max} printable characters`,
  schema: z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\x20-\x7e]+$/),
})

/** Relative paths are relative to the data directory; QUORATE_DATA itself to the working directory. */
export const path: Kind<string> = {
  allowed: 'a path',
  schema: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[^\0\n]+$/),
}

/** 32 bytes as `quorate init` and `quorate roster create` print them. */
export const hash: Kind<string> = { allowed: '64 lower-case hex digits', schema: z.string().regex(/^[0-9a-f]{64}$/) }

/** `https://host:port` without path: what a peer is reached under. */
export const origin: Kind<string> = {
  allowed: 'https://host:port without a path',
  schema: z.string().refine(isOrigin),
}

export function isOrigin(url: string): boolean {
  const parsed = URL.canParse(url) ? new URL(url) : null
  return parsed?.protocol === 'https:' && (parsed.origin === url || `${parsed.origin}:443` === url)
}

export const address: Kind<string> = {
  allowed: 'an address (127.0.0.1, ::1, 0.0.0.0) or a host name',
  schema: z.string().regex(/^[0-9A-Za-z.:-]{1,253}$/),
}

export const network: Kind<string> = {
  allowed: 'an address or a network such as 10.1.0.0/16',
  schema: z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]),
}

/** `2-of-3`. */
export const thresholdOf: Kind<{ readonly threshold: number; readonly parties: number }> = {
  allowed: 'T-of-N such as 2-of-3, with 2 <= T <= N <= 16',
  schema: z
    .string()
    .regex(/^[0-9]{1,2}-of-[0-9]{1,2}$/)
    .transform((line) => {
      const [threshold, parties] = line.split('-of-').map(Number) as [number, number]
      return { threshold, parties }
    })
    .refine(({ threshold, parties }) => {
      try {
        assertThreshold(threshold, parties)
        return true
      } catch {
        return false
      }
    }),
}
