/** What the values of a graph are: numbers, tensors of a shape and dtype, and lists of equal things. */
import type { Aval } from "../../core/base/aval.ts";
import { assert } from "../../core/base/errors.ts";
import { NUMBER } from "../../core/primitives/host.ts";

/** What an output holds. Lists are stacks of equal things: what loops leave for their way back. */
export type Type =
  | { readonly kind: "number" }
  | { readonly kind: "tensor"; readonly aval: Aval }
  | { readonly kind: "list"; readonly of: Type };

export const NUMBER_TYPE: Type = { kind: "number" };
export const tensorType = (a: Aval): Type => ({ kind: "tensor", aval: a });
export const listType = (of: Type): Type => ({ kind: "list", of });

export function sameType(a: Type, b: Type): boolean {
  if (a.kind === "list" && b.kind === "list") return sameType(a.of, b.of);
  return a.kind === b.kind && (a.kind !== "tensor" || a.aval === (b as { aval?: Aval }).aval);
}

export function showType(t: Type): string {
  if (t.kind === "number") return "number";
  return t.kind === "list" ? `list of ${showType(t.of)}` : `${t.aval.dtype}[${t.aval.shape.join(", ")}]`;
}

/** Aval of a number or a tensor. */
export function avalOfType(t: Type): Aval {
  assert(t.kind !== "list", "a list has no aval");
  return t.kind === "number" ? NUMBER : t.aval;
}
