/** Runs the same text as JavaScript and through the loader, and compares values (bit by bit) and derivatives (central differences). */
import { expect } from "vitest";
import { innermost, Traced } from "../../core/tensor/traced.ts";
import { loadProgram } from "../../loader/load.ts";
import { Dual, dualIntrinsics } from "./dual.ts";

type Run = (x: unknown, y: unknown, xs: unknown[]) => unknown;

/** The arguments of every body: kinks and ties are elsewhere. */
export const X = 1.375;
export const Y = -0.8125;
export const XS = [0.75, -2.5, 1.375, 3.25];

export function nativeRun(body: string): Run {
  return new Function("x", "y", "xs", `"use strict"; ${body}`) as Run;
}

export function loadedRun(body: string): Run {
  const source = `export function f(x: number, y: number, xs: number[]): any {\n${body}\n}\n`;
  return loadProgram({ file: "/programs/body.ts", source }).overloaded(dualIntrinsics) as Run;
}

/** Plain numbers in place of dual ones, all through arrays and records. */
function values(result: unknown): unknown {
  if (result instanceof Traced) return innermost(result);
  if (Array.isArray(result)) return result.map(values);
  if (typeof result === "object" && result !== null) return Object.fromEntries(Object.entries(result).map(([k, v]) => [k, values(v)]));
  return result;
}

function tangents(result: unknown): number[] {
  if (result instanceof Dual) return [result.tangent as number];
  if (typeof result === "number") return [0];
  if (typeof result === "object" && result !== null) return Object.values(result).flatMap(tangents);
  return [];
}

function numbers(result: unknown): number[] {
  if (typeof result === "number") return [result];
  if (typeof result === "object" && result !== null) return Object.values(result).flatMap(numbers);
  return [];
}

const STEP = 2 ** -17;

/**
 * Directional derivative along (1, 0.5, [0.25, ...]) by central differences; null where the point lies on a jump or a kink, which
 * shows in two steps that disagree or in a middle value off the chord.
 */
function differences(run: Run): (number | null)[] {
  const at = (h: number): number[] =>
    numbers(
      run(
        X + h,
        Y + 0.5 * h,
        XS.map((v) => v + 0.25 * h),
      ),
    );
  const [far, near, middle, before, behind] = [-STEP, -STEP / 2, 0, STEP / 2, STEP].map(at) as [
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  if (![far, near, before, behind].every((list) => list.length === middle.length)) return [];
  return middle.map((value, i) => {
    const [a, b, c, d] = [far[i], near[i], before[i], behind[i]] as [number, number, number, number];
    const wide = (d - a) / (2 * STEP);
    const narrow = (c - b) / STEP;
    const isSmooth =
      Math.abs(narrow - wide) <= 1e-6 * (1 + Math.abs(narrow)) && Math.abs((b + c) / 2 - value) <= 1e-8 * (1 + Math.abs(value));
    return isSmooth ? narrow + (narrow - wide) / 3 : null;
  });
}

/** Returns how many derivatives were compared. */
export function compareWithNative(body: string): number {
  const native = nativeRun(body);
  const loaded = loadedRun(body);
  const want = native(X, Y, [...XS]);
  expect(values(loaded(X, Y, [...XS])), "on plain numbers").toEqual(want);
  const dual = loaded(
    new Dual(1, X, 1),
    new Dual(1, Y, 0.5),
    XS.map((v) => new Dual(1, v, 0.25)),
  );
  expect(values(dual), "value on dual numbers").toEqual(want);
  const got = tangents(dual);
  let compared = 0;
  differences(native).forEach((d, i) => {
    if (d === null) return;
    compared++;
    expect(Math.abs((got[i] ?? Number.NaN) - d), `derivative ${i}: ${got[i]} against ${d}`).toBeLessThanOrEqual(2e-5 * (1 + Math.abs(d)));
  });
  return compared;
}
