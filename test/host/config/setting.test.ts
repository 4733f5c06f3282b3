import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { formatEnvFile } from '../../../src/host/config/env-file.ts'
import { readSettings } from '../../../src/host/config/load-config.ts'
import { hash, hostName, integer, listOf, network, oneOf, origin, thresholdOf } from '../../../src/host/config/setting.ts'
import { COORDINATOR, DEV, GATEWAY, SETTINGS, SIGNER } from '../../../src/host/config/settings.ts'
import { readSources } from '../../../src/host/config/sources.ts'

describe('kinds of settings', () => {
  it.each([
    [integer(0, 65535), ['0', '1', '65535'], ['', '-1', '65536', '1.5', '1e3', ' 1', '01', '0x10', '9'.repeat(40)]],
    [oneOf('native', 'noble'), ['native'], ['', 'Native', 'wasm']],
    [hostName, ['signer-1', 'a', 'a.example.org'], ['', '-a', 'a-', 'A', 'a_b', 'a'.repeat(64)]],
    [hash, ['0a'.repeat(32)], ['0A'.repeat(32), '0a'.repeat(31), '0x'.padEnd(64, '0')]],
    [
      origin,
      ['https://127.0.0.1:8081', 'https://a.example.org', 'https://[::1]:1'],
      ['http://a:1', 'https://a:1/', 'https://u:p@a:1', 'a:1', ''],
    ],
    [network, ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0'], ['', '10.0.0', '10.0.0.0/33', 'a']],
    [thresholdOf, ['2-of-3', '3-of-5', '16-of-16'], ['1-of-3', '4-of-3', '2-of-17', '2of3', '2-of-', '-of-3']],
    [listOf(integer(1, 9), 3), ['', '1', '1, 2,3'], ['1,,2', '1,2,3,4', 'a']],
  ])('%#: takes the right texts and refuses the others', ({ schema }, right, wrong) => {
    for (const text of right) expect(schema.safeParse(text).success, text).toBe(true)
    for (const text of wrong) expect(schema.safeParse(text).success, text).toBe(false)
  })

  it('turns text into values', () => {
    expect(thresholdOf.schema.parse('2-of-3')).toEqual({ threshold: 2, parties: 3 })
    expect(listOf(integer(1, 9), 3).schema.parse('1, 2')).toEqual([1, 2])
    expect(listOf(network, 3).schema.parse('')).toEqual([])
  })
})

describe('readSettings', () => {
  it('has valid defaults', () => {
    expect(readSettings(DEV, new Map())).toMatchObject({ QUORATE_SET: { threshold: 2, parties: 3 }, QUORATE_GATEWAY_PORT: 3000 })
  })

  it.each([
    ['signer', SIGNER, ['QUORATE_DATA', 'QUORATE_ROSTER_HASH', 'QUORATE_INDEX', 'QUORATE_COORDINATORS']],
    ['coordinator', COORDINATOR, ['QUORATE_DATA', 'QUORATE_ROSTER_HASH']],
    ['gateway', GATEWAY, ['QUORATE_DATA', 'QUORATE_ROSTER_HASH', 'QUORATE_COORDINATOR', 'QUORATE_COORDINATOR_FINGERPRINT']],
  ])('a %s names everything that has to be given, at once', (_, table, names) => {
    let problems: readonly { setting: string }[] = []
    try {
      readSettings(table, new Map())
    } catch (error) {
      problems = (error as { problems: typeof problems }).problems
    }
    expect(problems.map((p) => p.setting)).toEqual(names)
  })

  it('says what was given, from where, and what is allowed', () => {
    expect(() => readSettings(DEV, readSources({ QUORATE_GATEWAY_PORT: '80a' }))).toThrow(
      'QUORATE_GATEWAY_PORT: is "80a"; allowed: an integer from 1 to 65535 (from environment)',
    )
  })

  it('U-03 does not repeat what may be a secret', () => {
    const key = `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(64)}`
    for (const text of [key, 'c2VjcmV0'.repeat(20)]) {
      let message = ''
      try {
        readSettings(DEV, readSources({ QUORATE_GATEWAY_PORT: text }))
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toContain('QUORATE_GATEWAY_PORT: is a text of')
      expect(message).not.toContain(text.slice(0, 12))
    }
  })
})

describe('the documentation', () => {
  const readme = readFileSync(new URL('../../../src/host/config/README.md', import.meta.url), 'utf8')
  it.each(Object.keys(SETTINGS) as (keyof typeof SETTINGS)[])('explains every setting of a %s', (role) => {
    for (const name of Object.keys(SETTINGS[role])) expect(readme).toContain(`\`${name}\``)
  })
  it.each(Object.keys(SETTINGS) as (keyof typeof SETTINGS)[])('prints a template for a %s', (role) => {
    for (const name of Object.keys(SETTINGS[role])) expect(formatEnvFile(role)).toContain(`# ${name}=`)
  })
})
