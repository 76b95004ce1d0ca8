/** The vocabulary over values that exist: numbers, tensors and traced values, with shortcuts for plain numbers. */

import type { Aval } from "../base/aval.ts";
import { NUMBER } from "../primitives/host.ts";
import { primitives } from "../primitives/table.ts";
import { binaryNames, type Ops, opsOver, unaryNames } from "../vocabulary.ts";
import { apply, apply1, apply2 } from "./apply.ts";
import type { Value } from "./traced.ts";

/** What is known of a value: shape and dtype of a tensor, f64[] of a number, whatever traces it. */
export function avalOf(x: Value): Aval {
  return typeof x === "number" ? NUMBER : x.aval;
}

function fast(): Pick<Ops<Value>, (typeof unaryNames)[number] | (typeof binaryNames)[number]> {
  const table: Record<string, (x: Value, y: Value) => Value> = {};
  for (const name of unaryNames) {
    const p = primitives[name];
    table[name] = (x) => apply1(p, x);
  }
  for (const name of binaryNames) {
    const p = primitives[name];
    table[name] = (x, y) => apply2(p, x, y);
  }
  table.item = (x) => (typeof x === "number" ? x : apply(primitives.item, [x], undefined));
  table.add = (x, y) => (typeof x === "number" && typeof y === "number" ? x + y : apply2(primitives.add, x, y));
  table.sub = (x, y) => (typeof x === "number" && typeof y === "number" ? x - y : apply2(primitives.sub, x, y));
  table.mul = (x, y) => (typeof x === "number" && typeof y === "number" ? x * y : apply2(primitives.mul, x, y));
  table.div = (x, y) => (typeof x === "number" && typeof y === "number" ? x / y : apply2(primitives.div, x, y));
  table.neg = (x) => (typeof x === "number" ? -x : apply1(primitives.neg, x));
  return table as never;
}

export const valueOps: Ops<Value> = Object.assign(opsOver<Value>(apply), fast());
