/** A place in a user's source file: what every refusal and error points at. Lines and columns count from 1. */
export interface Span {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `file:line:column`, the form that terminals and editors turn into a link. */
export function showSpan(span: Span): string {
  return `${span.file}:${span.line}:${span.column}`;
}

/** The line of the file that a place is in, numbered, and a caret below the place. */
export function showExcerpt({ line, column }: Span, text: string): string {
  const before = text.slice(0, column - 1).replaceAll(/[^\t]/g, " ");
  const margin = " ".repeat(String(line).length);
  return `  ${line} | ${text.trimEnd()}\n  ${margin} | ${before}^`;
}
