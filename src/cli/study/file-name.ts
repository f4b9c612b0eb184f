/** What a file or directory about something with this label is called. */
export function fileName(label: string): string {
  return label.replaceAll(/[^a-z0-9.-]+/gi, '-');
}
