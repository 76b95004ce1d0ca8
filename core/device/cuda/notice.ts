/** What happens otherwise than a user would think, and is no error: said on stderr, each thing once per process. */

const said = new Set<string>();

export function notice(text: string): void {
  if (said.has(text)) return;
  said.add(text);
  process.stderr.write(`the cuda device: ${text}\n`);
}
