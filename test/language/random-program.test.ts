/** The short form of the comparison of random programs (`npm run fuzz:programs` is the long one), and what it rests on. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareProgram, minimised } from "./compare-program.ts";
import { drawNames } from "./random-names.ts";
import { drawProgram, randomNumbers, sourceOf } from "./random-program.ts";

test("random programs have the value and the gradient that the tape and JavaScript find, or are refused", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      const program = drawProgram(randomNumbers(seed));
      const finding = compareProgram({ source: sourceOf(program), args: program.args });
      expect(finding.kind, JSON.stringify(finding)).not.toBe("wrong");
    }),
    { numRuns: 25 },
  );
});

test("random programs on objects with several names see every write, or are refused", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      const program = drawNames(randomNumbers(seed));
      const finding = compareProgram({ source: sourceOf(program), args: program.args });
      expect(finding.kind, JSON.stringify(finding)).not.toBe("wrong");
    }),
    { numRuns: 40 },
  );
});

test("one seed gives one program", () => {
  expect(drawProgram(randomNumbers(7))).toEqual(drawProgram(randomNumbers(7)));
  expect(sourceOf(drawProgram(randomNumbers(7)))).not.toBe(sourceOf(drawProgram(randomNumbers(8))));
});

test("a derivative that is not that of the value is seen", () => {
  const source =
    "declare function stopGradient(x: number): number; export function f(x: number, y: number, n: number) { return stopGradient(x) * x * y; }";
  expect(compareProgram({ source, args: [0.7, 0.3, 1] })).toMatchObject({
    kind: "wrong",
    detail: expect.stringContaining("by differences"),
  });
});

test("what fails is made as small as still fails", () => {
  const program = {
    args: [1, 1, 1],
    body: ["let a = 1;", { head: "if (x > 0)", blocks: [["y = 2;", "x = 3;"], ["x = 4;"]] }, "y = x;"],
  };
  expect(minimised(program, (p) => sourceOf(p).includes("x = 3;")).body).toEqual(["x = 3;"]);
});
