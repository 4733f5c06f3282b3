import type { Mutant } from './checks.ts'

/** A check that no test misses when it is gone, with the reason: another one refuses the same, or nothing can reach it. */
export interface Redundant {
  readonly file: string
  /** The check as the source has it, white space collapsed. */
  readonly was: string
  readonly why: string
}

export const REDUNDANT: readonly Redundant[] = [
  {
    file: 'channel/envelope.ts',
    was: 'input.length > HEADER + MAX_BODY + SIGNATURE + 1 + MAX_MACS * (2 + MAC)',
    why: 'The lengths inside are bounded and have to add up; this one saves copying what is too long.',
  },
  {
    file: 'channel/envelope.ts',
    was: 'bytes.length < HEADER + bodyLength + SIGNATURE',
    why: 'The exact length of either kind is compared below; too short a light envelope has no count.',
  },
  { file: 'channel/envelope.ts', was: 'count === undefined', why: 'No length equals a sum with a count that is not there.' },
  { file: 'channel/full-channel.ts', was: 'round === 1', why: 'A rule of the format that both sides follow, not a check.' },
  {
    file: 'channel/session.ts',
    was: 'fault.culprits.includes(e.sender)',
    why: 'It spares verifying the signatures of those who are not accused; taking these out of the accused changes nothing.',
  },
  {
    file: 'channel/light-channel.ts',
    was: "envelope.kind !== 'light'",
    why: 'No other kind carries MACs, and a missing MAC is refused.',
  },
  {
    file: 'engine/codec.ts',
    was: 'length > input.length - at',
    why: 'Reading beyond the input throws a RangeError as well, and so does an end beyond it.',
  },
  {
    file: 'engine/codec.ts',
    was: "typeof value === 'number'",
    why: 'Only numbers are integers; the type checker wants it said.',
  },
  {
    file: 'engine/codec.ts',
    was: 'value.length !== entries.length',
    why: 'What is read is encoded again and compared, which a field too many or too few does not survive.',
  },
  {
    file: 'engine/codec.ts',
    was: 'input.length !== 2',
    why: 'What is read is encoded again and compared, which an element too many does not survive.',
  },
  {
    file: 'engine/codec.ts',
    was: 'input.length > maxBytes',
    why: 'The encoding made for the comparison has the same bound; this one keeps what is too long from being read at all.',
  },
  {
    file: 'engine/bytes.ts',
    was: 'text.length % 2 !== 0',
    why: 'The library refuses it too; this one makes it our RangeError in both directions.',
  },
  {
    file: 'engine/bytes.ts',
    was: '/^[0-9a-fA-F]*$/.test(text)',
    why: 'The library refuses it too; this one makes it our RangeError in both directions.',
  },
  {
    file: 'frost/assemble.ts',
    was: 'c === null',
    why: 'Out of reach: binding factors hash the commitments, so nobody can make R the identity (2^-256).',
  },
  {
    file: 'frost/sign.ts',
    was: 'c === null',
    why: 'Out of reach: binding factors hash the commitments, so nobody can make R the identity (2^-256).',
  },
  {
    file: 'frost/signature-share.ts',
    was: 'R === null',
    why: 'Out of reach: binding factors hash the commitments, so nobody can make R the identity (2^-256).',
  },
  {
    file: 'frost/signature-share.ts',
    was: 'terms.length === 0',
    why: 'Out of reach: needs two points at once that hashes make the identity (2^-256).',
  },
  {
    file: 'frost/signature-share.ts',
    was: 'expected !== null',
    why: 'Out of reach: the point is the identity for z = 0 only, which is refused before.',
  },
  {
    file: 'frost/sign.ts',
    was: "'refusal' in item",
    why: 'A refused item is never among the present ones, the only ones that are read.',
  },
  {
    file: 'signing/ecdsa.ts',
    was: 's === 0n',
    why: 'No verifier accepts s = 0; said here because a verifier is foreign code.',
  },
  {
    file: 'hm/constants.ts',
    was: 'c === 0n',
    why: 'Zero times a point adds nothing either way; no set of ours has a zero coefficient.',
  },
  {
    file: 'keygen/dkg.ts',
    was: 'assertParties(env.parties)',
    why: 'Below, the list has to be the roster’s, whose ids makeRoster has checked in the same way.',
  },
  {
    file: 'hm/nonce-point.ts',
    was: 'b !== null',
    why: 'A multiple of a point that is not the identity is not the identity; the type checker wants it said.',
  },
  {
    file: 'hm/nonce-point.ts',
    was: 'point === null',
    why: 'A multiple of a point that is not the identity is not the identity; the type checker wants it said.',
  },
  {
    file: 'signing/ecdsa.ts',
    was: 'item.input.length !== 32',
    why: 'The digest in an instance has 32 bytes, and nothing of another length equals it.',
  },
  {
    file: 'keygen/certificate.ts',
    was: 'ordered.length === key.parties.length',
    why: 'verifyCertificate counts the signatures too.',
  },
  { file: 'request/authorize.ts', was: 'credentialId === undefined', why: 'No credential is filed under undefined.' },
  {
    file: 'request/strict-json.ts',
    was: '/^[-0-9]/.test(token)',
    why: 'What is no integer is refused by the reader of integers too, with another text.',
  },
  {
    file: 'channel/full-channel.ts',
    was: 'body.length < EPHEMERAL',
    why: 'A key of another length fails at the first message that needs it, and names the same sender.',
  },
  {
    file: 'curve/noble-curves.ts',
    was: 'signature.length !== 64',
    why: 'The library refuses other lengths; said here because what it accepts may change.',
  },
  { file: 'curve/noble-ed25519.ts', was: 'signature.length !== 64', why: 'What is left after R is then no scalar.' },
  { file: 'curve/noble-ed25519.ts', was: 'publicKey.length !== 32', why: 'The library reads no point from another length.' },
  {
    file: 'curve/noble-ed25519.ts',
    was: 'scalars.isScalar(encodedS)',
    why: 'Reading the number refuses what is not canonical too.',
  },
  {
    file: 'curve/noble-ecdsa.ts',
    was: 'signature.length !== 64',
    why: 'The library refuses other lengths; said here because what it accepts may change.',
  },
  {
    file: 'curve/noble-curves.ts',
    was: 'publicKey.length !== 32',
    why: 'The library refuses other lengths; said here because what it accepts may change.',
  },
  {
    file: 'keygen/complaint.ts',
    was: 'envelope.sender !== accused',
    why: 'The signature is verified under the key of the accused.',
  },
  { file: 'keygen/complaint.ts', was: 'body === null', why: 'Nothing is no share either: the same code, the same culprit.' },
  {
    file: 'dkls23/base-ot.ts',
    was: 'mine === null',
    why: 'A hash equals a random point with probability 2^-256; the type checker wants it said.',
  },
  {
    file: 'dkls23/pair-rehearsal.ts',
    was: 'value === undefined',
    why: 'A multiplication of one instance has one result; the type checker wants it said.',
  },
  { file: 'dkls23/pair-setup.ts', was: 'peer === undefined', why: 'Without a peer there are not two parties.' },
  { file: 'keygen/dkg.ts', was: 'group.isZero(share)', why: 'Its public share would be the identity, which D6 refuses before.' },
]

export const reasonFor = (list: readonly Redundant[], path: string, mutant: Pick<Mutant, 'was'>): string | undefined =>
  list.find(({ file, was }) => path === `src/protocol/${file}` && was === mutant.was)?.why
