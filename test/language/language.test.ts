/**
 * The language of the program-transform engine against JavaScript itself: what a program gives is what it gives when it is run as it
 * stands, its derivative is a central difference, and what is refused says where, why and what to do.
 */
import { expect, test } from "vitest";
import { BenchError } from "../../core/base/errors.ts";
import { programTransform } from "../../engines/program-transform/engine.ts";
import { tape } from "../../engines/tape/engine.ts";
import { loadModule, loadProgram } from "../../loader/load.ts";
import { ACCESSORS } from "./accessors.ts";
import { CHECKING } from "./checking.ts";
import { ELEMENTS } from "./elements.ts";
import { FUNCTIONS } from "./functions.ts";
import { OPEN_ARRAYS } from "./open-arrays.ts";
import { PROGRAMS, type Row } from "./programs.ts";
import { REFUSED } from "./refused.ts";
import { UNKNOWN_ELEMENTS } from "./refused-elements.ts";
import { UNKNOWN_NAMES } from "./refused-names.ts";
import { STRUCTURES } from "./structures.ts";
import { THROWING } from "./throwing.ts";
import { THROWN_VALUES } from "./thrown-values.ts";

const FILE = "given.ts";

function transformed(source: string, x: number, n: Row[3]) {
  return programTransform.prepare(loadProgram({ file: FILE, source }), [x, n], [0]).valueAndGrad([x, n]);
}

test.each([...PROGRAMS, ...OPEN_ARRAYS, ...STRUCTURES, ...CHECKING, ...FUNCTIONS, ...ACCESSORS, ...ELEMENTS, ...THROWN_VALUES])(
  "%s is what JavaScript makes of it",
  (_, source, x, n) => {
    const plain = (t: number): number => {
      const f = loadModule({ file: FILE, source }, tape.intrinsics).exports.f as (x: number, n: unknown) => number;
      return f(t, typeof n === "number" ? n : [...n]);
    };
    const h = 1e-5;
    const slope = (plain(x + h) - plain(x - h)) / (2 * h);
    const { value, grad } = transformed(source, x, n);
    expect(value).toBeCloseTo(plain(x), 9);
    expect(Math.abs((grad[0] as number) - slope)).toBeLessThan(1e-4 * (1 + Math.abs(slope)));
  },
);

function failure(source: string, x: number, n: Row[3]): BenchError {
  try {
    transformed(source, x, n);
  } catch (error) {
    if (error instanceof BenchError) return error;
    throw error;
  }
  throw new Error("the program is not refused");
}

test.each([...REFUSED, ...UNKNOWN_ELEMENTS, ...UNKNOWN_NAMES])(
  "%s is refused with its place, a reason and a way out",
  (_, source, x, n, reason) => {
    const error = failure(source, x, n);
    expect(error.message).toContain(reason);
    expect(["unsupported", "type"]).toContain(error.kind);
    expect(error.span?.file).toBe(FILE);
    const { line, column } = error.span as { line: number; column: number };
    expect(source.split("\n")[line - 1]?.[column - 1], "a character of the program").toMatch(/\S/);
    expect(error.advice?.length).toBeGreaterThan(5);
    expect(error.describe(source.split("\n")[line - 1])).toMatch(/\n {2}\d+ \| .*\S.*\n {4}\|\s+\^\n {2}\S/);
  },
);

test.each(THROWING)("%s: the program's error is the engine's, at its place", (_, source, x, n, message) => {
  const error = failure(source, x, n);
  expect(error.message).toContain(message);
  expect(error.kind).toBe("runtime");
  expect(error.span?.file).toBe(FILE);
  expect(source.split("\n")[(error.span?.line ?? 0) - 1]?.slice((error.span?.column ?? 0) - 1)).toMatch(/^throw|^a\[n\]/);
});
