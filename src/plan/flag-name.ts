/** The command line's flag for an option: `minLrRatio` → `--min-lr-ratio`. */
export function flagName(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
