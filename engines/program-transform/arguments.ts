/** Arguments and results on their way into compiled programs and out: long arrays of numbers are one value, structures their leaves. */
import { mismatch } from "../../core/base/errors.ts";
import type { Tree } from "../engine.ts";
import { formOfRows, type Form as OuterForm } from "../forms.ts";
import { Numbers } from "./emit/arrays.ts";
import { NUM } from "./ir/type.ts";
import { type Form, leafTypes, NUMBER_FORM, packedType } from "./specialise/form.ts";
import { isNode, Nothing, Obj, Text, type Value } from "./specialise/value.ts";

/** Longer arrays of numbers, or of records of numbers, are one value, shorter ones are taken apart. */
export const LONGEST = 64;

/** A leaf of arguments as a compiled program holds it: an array of rows holds the numbers of each row as one value. */
export function inward(x: unknown): unknown {
  if (!Array.isArray(x)) return x;
  if (typeof x[0] === "number") return new Numbers(new Float64Array(x as number[]), x.length);
  const rows = x.map((row) => {
    const parts: unknown[] = [];
    addParts(row, parts);
    return parts.length === 1 ? parts[0] : parts;
  });
  return typeof rows[0] === "number" ? inward(rows) : rows;
}

function addParts(row: unknown, parts: unknown[]): void {
  if (typeof row === "number" || row instanceof Numbers) parts.push(row);
  else if (formOfRows(row as Tree, LONGEST) !== undefined) parts.push(inward(row));
  else for (const part of Object.values(row as object)) addParts(part, parts);
}

/** The form of rows in the program. */
export function rowForm(form: OuterForm): Form {
  switch (form.kind) {
    case "list":
      return { kind: "list", items: form.items.map(rowForm) };
    case "record":
      return { kind: "record", fields: new Map(form.keys.map((k, i) => [k, rowForm(form.items[i] as OuterForm)])), type: undefined };
    case "long":
      return { kind: "array", of: rowForm(form.of) };
    default:
      return NUMBER_FORM;
  }
}

/** A value of a compiled program as the caller sees it. */
function outward(x: unknown): Tree {
  if (!(x instanceof Numbers)) return x as Tree;
  const all = new Array<number>(x.length);
  for (let i = 0; i < all.length; i++) all[i] = x.data[i] as number;
  return all;
}

type Parts = Record<PropertyKey, Tree>;

/** A value of a form, made of its leaves. Recursive data is made part by part: a list may be longer than JavaScript's stack is deep. */
export function treeOf(form: Form, leaves: readonly unknown[]): Tree {
  const later: (() => void)[] = [];
  const from = (parts: readonly unknown[]) => {
    let at = 0;
    return () => parts[at++];
  };
  /** What was packed as one value. */
  const packed = (f: Form, x: unknown): Tree => {
    const count = leafTypes(f).length;
    return made(f, from(count === 0 ? [] : count === 1 ? [x] : (x as unknown[])));
  };
  const put = (into: Parts | Tree[], key: PropertyKey, f: Form, next: () => unknown): void => {
    if (f.kind !== "union" && f.kind !== "knot") {
      (into as Parts)[key] = made(f, next);
      return;
    }
    const x = next();
    (into as Parts)[key] = null;
    later.push(() => {
      (into as Parts)[key] = made(f, () => x);
    });
  };
  const record = (fields: ReadonlyMap<string, Form>, next: () => unknown): Tree => {
    const into: Parts = Object.fromEntries([...fields.keys()].map((k) => [k, null]));
    for (const [k, f] of fields) put(into, k, f, next);
    return into as Tree;
  };
  const made = (f: Form, next: () => unknown): Tree => {
    switch (f.kind) {
      case "none":
        return undefined as unknown as Tree;
      case "same":
        return constantTree(f.value);
      case "leaf":
        return outward(next());
      case "record":
        if (f.type?.kind === "closure") throw returnsFunction();
        return record(f.fields, next);
      case "list": {
        const into: Tree[] = [];
        for (const [i, x] of f.items.entries()) put(into, i, x, next);
        return into;
      }
      case "array": {
        const all = outward(next()) as readonly unknown[];
        if (f.of.kind === "leaf") return all as Tree;
        const into: Tree[] = [];
        for (const [i, x] of all.entries()) {
          if (f.of.kind === "union" || f.of.kind === "knot") put(into, i, f.of, () => x);
          else into.push(packed(f.of, x));
        }
        return into;
      }
      case "union": {
        const { c, v } = next() as { c: number; v: unknown };
        return packed(f.cases[c] as Form, v);
      }
      case "knot":
        return record(f.knot.body?.fields as ReadonlyMap<string, Form>, from(next() as unknown[]));
      default:
        return f satisfies never;
    }
  };
  const result = made(form, from(leaves));
  for (let part = later.pop(); part !== undefined; part = later.pop()) part();
  return result;
}

/** The leaves of a tree of a form, whose parts are values of that form, as a compiled program holds them. */
export function leavesIn(form: Form, t: Tree): unknown[] {
  switch (form.kind) {
    case "leaf":
      return [t];
    case "record":
      return [...form.fields].flatMap(([k, f]) => leavesIn(f, (t as Parts)[k] as Tree));
    case "list":
      return form.items.flatMap((f, i) => leavesIn(f, (t as Tree[])[i] as Tree));
    case "array": {
      if (packedType(form.of) === NUM) {
        const all = (t as Tree[]).flatMap((x) => leavesIn(form.of, x) as number[]);
        return [new Numbers(Float64Array.from(all), all.length)];
      }
      return [
        (t as Tree[]).map((x) => {
          const parts = leavesIn(form.of, x);
          return parts.length === 1 ? parts[0] : parts;
        }),
      ];
    }
    default:
      return [];
  }
}

/** A value of which nothing depends on the arguments. */
function constantTree(v: Value): Tree {
  if (v instanceof Text) return v.text;
  if (v instanceof Nothing) return (v.name === "null" ? null : undefined) as Tree;
  if (isNode(v) && v.op === "const") return v.value as Tree;
  if (v instanceof Obj) {
    const c = v.content.value;
    if (c.kind === "list") return c.items.map(constantTree);
    if (c.kind === "record") return Object.fromEntries([...c.fields].map(([k, f]) => [k, constantTree(f)]));
  }
  throw returnsFunction();
}

const returnsFunction = () => mismatch("the program returns a function", "return numbers, tensors, and arrays and records of them");

/** True for forms whose tangents are values of that form too. */
export function hasTangentOfItsForm(form: Form): boolean {
  switch (form.kind) {
    case "union":
    case "knot":
      return false;
    case "record":
      return [...form.fields.values()].every(hasTangentOfItsForm);
    case "list":
      return form.items.every(hasTangentOfItsForm);
    case "array":
      return hasTangentOfItsForm(form.of);
    default:
      return true;
  }
}
