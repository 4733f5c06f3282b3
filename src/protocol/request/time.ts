const PATTERN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?Z$/
const DAY = 86_400_000
const DAYS_PER_ERA = 146_097
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH = 719_468
/** 9999-12-31T23:59:59.999Z, the last time that four digits of year can say. */
const LAST = 253_402_300_799_999

/** Days since 1970-01-01 of a proleptic Gregorian date: years begin in March, so that the leap day is the last of its year. */
function daysOf(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1
  const era = Math.floor(y / 400)
  const ofEra = y - 400 * era
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * DAYS_PER_ERA + 365 * ofEra + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - EPOCH
}

/** The inverse of {@link daysOf}. */
function dateOf(days: number): readonly [year: number, month: number, day: number] {
  const shifted = days + EPOCH
  const era = Math.floor(shifted / DAYS_PER_ERA)
  const ofEra = shifted - era * DAYS_PER_ERA
  const y = Math.floor((ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365)
  const ofYear = ofEra - (365 * y + Math.floor(y / 4) - Math.floor(y / 100))
  const fromMarch = Math.floor((5 * ofYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  return [400 * era + y + (month <= 2 ? 1 : 0), month, ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1]
}

/**
 * Milliseconds since the Unix epoch of an RFC 3339 time: UTC written `Z`, seconds or milliseconds, years 1970 to 9999, a date
 * that exists, no leap second. undefined for anything else. Written out because engines differ in what `Date` forgives.
 */
export function parseTime(text: string): number | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const part = (group: number): number => Number(match[group] ?? 0)
  const [year, month, day] = [part(1), part(2), part(3)]
  const [hour, minute, second] = [part(4), part(5), part(6)]
  if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined
  const days = daysOf(year, month, day)
  // 31 February would otherwise silently be 3 March.
  if (day !== dateOf(days)[2]) return undefined
  return days * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + part(7)
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** The RFC 3339 text with milliseconds that {@link parseTime} reads. @throws RangeError outside of 1970..9999. */
export function formatTime(ms: number): string {
  if (!Number.isInteger(ms) || ms < 0 || ms > LAST) throw new RangeError('time out of range')
  const days = Math.floor(ms / DAY)
  const rest = ms - days * DAY
  const [year, month, day] = dateOf(days)
  const clock = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1000) % 60].map((n) => pad(n, 2))
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${clock.join(':')}.${pad(rest % 1000, 3)}Z`
}
