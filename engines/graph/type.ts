/** What the values of a graph are: numbers, tensors of a shape and dtype, and lists of equal things. */
import type { Aval } from "../../core/base/aval.ts";
import { assert } from "../../core/base/errors.ts";
import { NUMBER } from "../../core/primitives/host.ts";

/**
 * What an output holds. Lists are stacks of equal things: what loops leave for their way back. A frame is what a call leaves for its way
 * back; it may hold frames of calls of the same function, so two are of one type if they are made by one function for one purpose.
 */
export type Type =
  | { readonly kind: "number" }
  | { readonly kind: "tensor"; readonly aval: Aval }
  | { readonly kind: "list"; readonly of: Type }
  | { readonly kind: "frame"; readonly fields: readonly Type[] };

export const NUMBER_TYPE: Type = { kind: "number" };
export const tensorType = (a: Aval): Type => ({ kind: "tensor", aval: a });
export const listType = (of: Type): Type => ({ kind: "list", of });

export function sameType(a: Type, b: Type): boolean {
  if (a.kind === "list" && b.kind === "list") return sameType(a.of, b.of);
  if (a.kind === "frame" && b.kind === "frame") return a.fields === b.fields;
  return a.kind === b.kind && (a.kind !== "tensor" || a.aval === (b as { aval?: Aval }).aval);
}

export function showType(t: Type): string {
  if (t.kind === "number" || t.kind === "frame") return t.kind;
  return t.kind === "list" ? `list of ${showType(t.of)}` : `${t.aval.dtype}[${t.aval.shape.join(", ")}]`;
}

/** Aval of a number or a tensor. */
export function avalOfType(t: Type): Aval {
  assert(t.kind !== "list" && t.kind !== "frame", "a list has no aval");
  return t.kind === "number" ? NUMBER : t.aval;
}
