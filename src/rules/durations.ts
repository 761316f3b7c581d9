/** `10m`, `90s`, `2h` in milliseconds. The schema has checked the form. */
export const milliseconds = (text: string): number => {
  const n = Number.parseInt(text, 10)
  return n * (text.endsWith('h') ? 3_600_000 : text.endsWith('m') ? 60_000 : 1000)
}
