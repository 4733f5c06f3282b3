import { equalBytes } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { TAGS } from '../protocol/engine/tags.ts'
import { TH } from '../protocol/engine/transcript.ts'
import { type Generation, wipeGeneration } from '../protocol/prss/generation.ts'

/** Both generations work this long after a rotation, so that sessions in flight end well (honest-majority-ecdsa.md 1.3). */
const OVERLAP_MS = 60_000
/** A generation is never used longer: RAM-only keys with an end bound what a leak of one costs. */
export const GENERATION_LIFE_MS = 24 * 3_600_000
/** Signer sets with a generation: all of a set's 2t-1 subsets in use. Least recently made goes first. */
const MAX_SETS = 16

interface Slot {
  readonly generation: Generation
  readonly digest: Uint8Array
  readonly madeAt: number
  replacedAt: number | null
}

export const generationDigest = (kids: readonly Uint8Array[]): Uint8Array => TH(TAGS.prssGeneration, ...kids)

/** The PRSS generations this worker holds: per signer set and threshold the current one and, for a minute, the one before. */
export class GenerationRing {
  readonly #slots = new Map<string, Slot[]>()

  add(generation: Generation, now: number): void {
    const name = nameOf(generation.threshold, generation.signers)
    const before = this.#slots.get(name) ?? []
    for (const slot of before) slot.replacedAt ??= now
    const keep = before.slice(-1)
    for (const slot of before.slice(0, -1)) wipeGeneration(slot.generation)
    this.#slots.delete(name)
    this.#slots.set(name, [...keep, { generation, digest: generationDigest(generation.kids), madeAt: now, replacedAt: null }])
    if (this.#slots.size > MAX_SETS) this.#drop(this.#slots.keys().next().value as string)
  }

  find(threshold: number, signers: readonly PartyId[], digest: Uint8Array, now: number): Generation | undefined {
    this.expire(now)
    return this.#slots.get(nameOf(threshold, signers))?.find((slot) => equalBytes(slot.digest, digest))?.generation
  }

  /** The generations that new sessions should use. */
  current(now: number): readonly Generation[] {
    this.expire(now)
    return [...this.#slots.values()].flatMap((slots) => slots.slice(-1).map((slot) => slot.generation))
  }

  expire(now: number): void {
    for (const [name, slots] of this.#slots) {
      const live = slots.filter(
        (s) => now - s.madeAt < GENERATION_LIFE_MS && (s.replacedAt === null || now - s.replacedAt < OVERLAP_MS),
      )
      for (const slot of slots) if (!live.includes(slot)) wipeGeneration(slot.generation)
      if (live.length === 0) this.#slots.delete(name)
      else this.#slots.set(name, live)
    }
  }

  wipe(): void {
    for (const name of [...this.#slots.keys()]) this.#drop(name)
  }

  #drop(name: string): void {
    for (const slot of this.#slots.get(name) ?? []) wipeGeneration(slot.generation)
    this.#slots.delete(name)
  }
}

const nameOf = (threshold: number, signers: readonly PartyId[]): string => `${threshold}:${signers.join()}`
