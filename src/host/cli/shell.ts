/** A word as a POSIX shell reads it back. */
export const shellWord = (word: string): string =>
  /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

export const shellCommand = (words: readonly string[]): string => words.map(shellWord).join(' ')
