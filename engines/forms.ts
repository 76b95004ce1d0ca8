/** Arguments and results as leaves: the numbers, tensors and long arrays in a tree, in order, and the form that is left without them. */
import type { Aval } from "../core/base/aval.ts";
import { Tensor } from "../core/tensor/tensor.ts";
import type { Tree } from "./engine.ts";

/** What a specialisation depends on. `known`: the program was specialised to this number. */
export type Form =
  | { readonly kind: "number"; readonly known: number | undefined }
  | { readonly kind: "tensor"; readonly aval: Aval }
  /** An array of more than `longest` elements of one form. */
  | { readonly kind: "long"; readonly longest: number; readonly of: Form }
  | { readonly kind: "list"; readonly items: readonly Form[] }
  | { readonly kind: "record"; readonly keys: readonly string[]; readonly items: readonly Form[] }
  | { readonly kind: "constant"; readonly value: string | boolean | null | undefined };

/** Of an array of more than `longest` numbers, or records or lists of numbers that are of one form: the form of each. O(its numbers). */
export function formOfRows(t: Tree, longest: number): Form | undefined {
  if (!Array.isArray(t) || t.length <= longest) return undefined;
  const form = formOf(t[0] as Tree, false, longest);
  if (form.kind === "number") return t.every((x) => typeof x === "number") ? form : undefined;
  const numbers: unknown[] = [];
  for (const row of t) {
    if (!isOfNumbers(form) || !gather(form, row as Tree, numbers)) return undefined;
    numbers.length = 0;
  }
  return form;
}

function isOfNumbers(form: Form): boolean {
  if (form.kind === "list" || form.kind === "record") return form.items.length > 0 && form.items.every(isOfNumbers);
  return form.kind === "number" || form.kind === "long";
}

/** `isKnown`: its numbers count with their values. Arrays of more than `longest` rows are one value, whose numbers never count. */
export function formOf(t: Tree, isKnown: boolean, longest = Number.POSITIVE_INFINITY): Form {
  if (typeof t === "number") return { kind: "number", known: isKnown ? t : undefined };
  if (t instanceof Tensor) return { kind: "tensor", aval: t.aval };
  const of = formOfRows(t, longest);
  if (of !== undefined) return { kind: "long", longest, of };
  if (Array.isArray(t)) return { kind: "list", items: t.map((x) => formOf(x as Tree, isKnown, longest)) };
  if (typeof t === "object" && t !== null)
    return { kind: "record", keys: Object.keys(t), items: Object.values(t).map((x) => formOf(x as Tree, isKnown, longest)) };
  return { kind: "constant", value: t as string | boolean | null | undefined };
}

/** Whether a tree has this form; its leaves are added to `leaves` on the way. */
export function gather(form: Form, t: Tree, leaves: unknown[]): boolean {
  switch (form.kind) {
    case "number":
      if (typeof t !== "number" || (form.known !== undefined && !Object.is(form.known, t))) return false;
      leaves.push(t);
      return true;
    case "tensor":
      if (!(t instanceof Tensor) || t.aval !== form.aval) return false;
      leaves.push(t);
      return true;
    case "long": {
      const of = formOfRows(t, form.longest);
      if (of === undefined || !isSame(of, form.of)) return false;
      leaves.push(t);
      return true;
    }
    case "list":
      if (!Array.isArray(t) || t.length !== form.items.length) return false;
      for (let i = 0; i < t.length; i++) if (!gather(form.items[i] as Form, t[i], leaves)) return false;
      return true;
    case "record": {
      if (typeof t !== "object" || t === null || t instanceof Tensor || Array.isArray(t)) return false;
      let i = 0;
      for (const key of Object.keys(t)) {
        if (key !== form.keys[i] || !gather(form.items[i] as Form, (t as Record<string, Tree>)[key], leaves)) return false;
        i++;
      }
      return i === form.keys.length;
    }
    case "constant":
      return t === form.value;
    default:
      return form satisfies never;
  }
}

/** Whether two forms of rows are one. */
function isSame(a: Form, b: Form): boolean {
  if (a.kind === "list" && b.kind === "list")
    return a.items.length === b.items.length && a.items.every((f, i) => isSame(f, b.items[i] as Form));
  if (a.kind === "record" && b.kind === "record")
    return a.keys.join() === b.keys.join() && a.items.every((f, i) => isSame(f, b.items[i] as Form));
  return a.kind === b.kind && (a.kind !== "long" || isSame(a.of, (b as typeof a).of));
}

/** The leaves of trees whose form is not looked at. */
export function leavesOf(trees: readonly Tree[], longest = Number.POSITIVE_INFINITY): unknown[] {
  return trees.flatMap((t): unknown[] => {
    if (typeof t === "number" || t instanceof Tensor || formOfRows(t, longest) !== undefined) return [t];
    if (Array.isArray(t)) return leavesOf(t, longest);
    return typeof t === "object" && t !== null ? leavesOf(Object.values(t), longest) : [];
  });
}

/** The tree with every leaf replaced by what `next` gives for it, and what is no leaf by null. */
export function mapForm(form: Form, next: (form: Form) => Tree): Tree {
  switch (form.kind) {
    case "number":
    case "tensor":
    case "long":
      return next(form);
    case "list":
      return form.items.map((f) => mapForm(f, next));
    case "record":
      return Object.fromEntries(form.items.map((f, i) => [form.keys[i], mapForm(f, next)]));
    case "constant":
      return null;
    default:
      return form satisfies never;
  }
}
