/**
 * Every domain separation tag of the project, in one place. A tag is used for one purpose only; test/architecture checks
 * that the values are distinct and prefix-free, and that each is used. Changing what is hashed under a tag needs a new version.
 */
const tag = (name: string): string => `quorate/v1/${name}`

export const TAGS = {
  // channel (protocols.md 2)
  session: tag('session'),
  roster: tag('roster.'),
  transcript: tag('transcript'),
  envelope: tag('env'),
  channelKey: tag('ch.'),
  keyCommitment: tag('kc'),
  lightMac: tag('hm-mac'),
  // key generation (protocols.md 3)
  dkgCommit: tag('dkg-com'),
  dkgNonce: tag('dkg-nonce'),
  dkgProof: tag('dkg-pop'),
  dkgConfirm: tag('dkg-conf'),
  chainPart: tag('chain-part'),
  chain: tag('chain.'),
  certificate: tag('cert'),
  key: tag('key'),
  epoch: tag('epoch'),
  // sessions and requests
  instance: tag('inst'),
  request: tag('request-hash'),
  ownedRequest: tag('owned-request'),
  signatureId: tag('signature-id'),
  updateReceipt: tag('update-receipt'),
  // what a gateway asks for its users
  gatewayRequestId: tag('gateway-request-id'),
  gatewayBody: tag('gateway-body'),
  // PRSS generations and honest-majority ECDSA (honest-majority-ecdsa.md 1)
  prssKid: tag('prss-kid'),
  prssKey: tag('prss-key'),
  prssConfirm: tag('prss-conf'),
  prssPrf: tag('prss-prf'),
  prssGeneration: tag('prss-gen'),
  hmContext: tag('hm-ctx'),
  hmInstances: tag('hm-inst'),
  hmRandom: tag('hm-rand'),
  hmMask: tag('hm-mask'),
  hmBind: tag('hm-bind'),
  // FROST
  frostContext: tag('frost-ctx'),
  frostNonce: tag('frost-nonce'),
  frostView: tag('frost-view'),
  // DKLs23 (protocols.md 4 and 5)
  pair: tag('pair.'),
  pairId: tag('pair-id'),
  pairOk: tag('pair-ok'),
  baseOtPoint: tag('baseot-h2c'),
  baseOtKey: tag('baseot-key'),
  zeroSeed: tag('zseed'),
  rehearsal: tag('rehearsal'),
  prg: tag('prg'),
  gadget: tag('gadget'),
  otExtensionMatrix: tag('ote-u'),
  otExtensionChi: tag('ote-chi'),
  pad: tag('pad'),
  atilde: tag('atilde'),
  theta: tag('theta'),
  mu: tag('mu'),
  rvoleSid: tag('rvole-sid'),
  dklsPurpose: tag('dkls-purpose'),
  dklsContext: tag('dkls-ctx'),
  dklsInstances: tag('dkls-inst'),
  dklsNonce: tag('dkls-nonce'),
  dklsCommit: tag('commitR'),
  zeroShare: tag('zero'),
  // secrets at rest
  sealedRecord: tag('sealed-record'),
  wrappedKey: tag('wrapped-key'),
} as const

export type Tag = (typeof TAGS)[keyof typeof TAGS]
