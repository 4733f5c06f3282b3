/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^(?<name>[a-z_0-9]+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/i
const LABEL = /(?<key>\w+)="(?<text>[^"]*)"/g

/** What a host says at /metrics. Values of our labels come from fixed lists and need no escapes. */
export function readMetrics(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const { name, labels = '', value } = LINE.exec(line)?.groups ?? {}
    if (name === undefined || value === undefined) return []
    const pairs = [...labels.matchAll(LABEL)].map(({ groups }) => [groups?.['key'], groups?.['text']])
    return [{ name, labels: Object.fromEntries(pairs), value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) }]
  })
}

/** Of all samples of this name with these labels, and whatever others. */
export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels)
  return samples.reduce((sum, sample) => {
    return sample.name === name && wanted.every(([key, text]) => sample.labels[key] === text) ? sum + sample.value : sum
  }, 0)
}
