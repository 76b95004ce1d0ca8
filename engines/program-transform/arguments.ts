/** Long arrays of numbers, which compiled programs hold as one value, on their way in and out. */
import type { Tree } from "../engine.ts";
import { Numbers } from "./emit/arrays.ts";

/** Longer arrays of numbers are one value, shorter ones are taken apart. */
export const LONGEST = 64;

/** A leaf of arguments as a compiled program holds it. */
export function inward(x: unknown): unknown {
  return Array.isArray(x) ? new Numbers(new Float64Array(x as number[]), x.length) : x;
}

/** A value of a compiled program as the caller sees it. */
export function outward(x: unknown): Tree {
  if (!(x instanceof Numbers)) return x as Tree;
  const all = new Array<number>(x.length);
  for (let i = 0; i < all.length; i++) all[i] = x.data[i] as number;
  return all;
}
