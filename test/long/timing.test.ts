import { describe, expect, it } from 'vitest'
import { DKLS_SUBJECTS } from '../timing/dkls-subjects.ts'
import { leak, type Subject } from '../timing/measure.ts'
import { KNOWN_BAD, SUBJECTS } from '../timing/subjects.ts'
import { SUSPICIOUS } from '../timing/welch.ts'

const SAMPLES = 100_000

function expectNoLeak(subject: Subject): void {
  const { t, difference, limit } = leak(subject, SAMPLES)
  console.log(`${subject.name}: t = ${t.toFixed(2)}, ${difference.toFixed(2)} ns apart, would see ${limit.toFixed(2)} ns`)
  expect(Math.abs(t)).toBeLessThan(SUSPICIOUS)
}

describe('C-01 time does not depend on secrets', () => {
  it.each(KNOWN_BAD)('or it would be noticed: $name', (subject) => {
    expect(Math.abs(leak(subject, SAMPLES / 10).t)).toBeGreaterThan(2 * SUSPICIOUS)
  })

  it.each(SUBJECTS)('$name', expectNoLeak)

  it.each(DKLS_SUBJECTS)('C-03 $name', expectNoLeak)
})
