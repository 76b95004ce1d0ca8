/**
 * JSON on the command line. JSON.parse of some Node versions does not say where it stopped, and a shell's quoting is easily got
 * wrong, so a mistake is located here: a scan over the tokens with its own stack, run only once JSON.parse has refused the text.
 */
import { BenchError } from "../core/base/errors.ts";

/** The parsed value. Throws a syntax error that quotes the text and points at the first character that cannot stand there. */
export function parseJsonArgument(text: string, option: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const at = firstMistake(text);
    const before = text.slice(0, at).split("\n");
    const line = text.split("\n")[before.length - 1] ?? "";
    const column = (before.at(-1)?.length ?? 0) + 1;
    const what = at >= text.trimEnd().length ? "it ends too early" : `${JSON.stringify(text[at])} cannot stand at position ${at}`;
    throw new BenchError("syntax", `${option} is not JSON: ${what}\n  ${line}\n  ${" ".repeat(column - 1)}^`, {
      cause,
      span: { file: option, line: before.length, column },
      advice: `quote it for the shell, for instance ${option} '[1.5, [2, 3]]'`,
    });
  }
}

/** White space, then a mark, a string or another scalar. (Control characters beyond those that JSON forbids do no harm here.) */
const TOKEN =
  /[ \t\r\n]*(?:([[\]{},:])|("(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)))/uy;

type Expected = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end";

/** The offset of the first token that breaks the grammar; the text's length where it only ends too early. */
export function firstMistake(text: string): number {
  const open: ("[" | "{")[] = [];
  let expected: Expected = "value";
  let finished = false;
  TOKEN.lastIndex = 0;
  for (;;) {
    const start = TOKEN.lastIndex + (/^[ \t\r\n]*/.exec(text.slice(TOKEN.lastIndex))?.[0].length ?? 0);
    if (start >= text.length) return text.length;
    const match = finished ? null : TOKEN.exec(text);
    if (match === null) return start;
    const [, mark, string] = match;
    const next = step(expected, mark ?? (string === undefined ? "scalar" : "string"), open);
    if (next === null) return start;
    expected = next;
    finished = open.length === 0 && expected === ", or end";
  }
}

/** What may follow a token, or null where the token may not stand there. Keeps the stack of open brackets. */
function step(expected: Expected, token: string, open: ("[" | "{")[]): Expected | null {
  if (expected === "key" || expected === "key or }") {
    if (token === "string") return ":";
    if (token === "}" && expected === "key or }") return close(open);
    return null;
  }
  if (expected === ":") return token === ":" ? "value" : null;
  if (expected === ", or end") {
    const inside = open.at(-1);
    if (token === "," && inside !== undefined) return inside === "[" ? "value" : "key";
    return (token === "]" && inside === "[") || (token === "}" && inside === "{") ? close(open) : null;
  }
  if (token === "]" && expected === "value or ]") return close(open);
  if (token === "[" || token === "{") {
    open.push(token);
    return token === "[" ? "value or ]" : "key or }";
  }
  return token === "string" || token === "scalar" ? ", or end" : null;
}

function close(open: unknown[]): Expected {
  open.pop();
  return ", or end";
}
