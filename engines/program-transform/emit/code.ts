/** Values in emitted text, and what the emitter does with them. */
import type { Node } from "../ir/graph.ts";
import type { Unit } from "./regions.ts";

/** An expression, or one per field. `owned`: nobody else holds this array. `roomy`: it has room for all that will be pushed. */
export type Code = { readonly text: string; owned: boolean; readonly roomy?: boolean } | { readonly fields: readonly Code[] };

/** The nodes of one graph while it is emitted. */
export interface Block {
  readonly codes: Map<Node, Code>;
  isLast(a: Node, user: Unit): boolean;
  isInline(n: Node): boolean;
}

export const plain = (text: string): Code => ({ text, owned: false });
export const numeral = (x: number) => (x < 0 ? `(${x})` : String(x));
export const numeralOf = (x: number) => (Number.isNaN(x) ? "NaN" : x > 0 ? "Infinity" : "(-Infinity)");

export function disown(code: Code): void {
  if ("fields" in code) code.fields.forEach(disown);
  else code.owned = false;
}

export const copyOf = (code: Code): Code => ("fields" in code ? { fields: code.fields.map(copyOf) } : { ...code });
export const borrowed = (code: Code): Code => ("fields" in code ? { fields: code.fields.map(borrowed) } : plain(code.text));

export function leavesOf(code: Code): { readonly text: string; owned: boolean }[] {
  return "fields" in code ? code.fields.flatMap(leavesOf) : [code];
}

export function mapLeaves(code: Code, f: (text: string) => Code): Code {
  return "fields" in code ? { fields: code.fields.map((c) => mapLeaves(c, f)) } : f(code.text);
}

/** One expression for the whole value. */
export function boxed(code: Code): string {
  return "fields" in code ? `[${code.fields.map(boxed).join(", ")}]` : code.text;
}
