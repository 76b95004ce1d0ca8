import { expect, it } from "vitest";
import { aval } from "../base/aval.ts";
import { add, matmul, mul, type Tensor, transpose } from "../ops.ts";
import { primitives } from "../primitives/table.ts";
import { runPass } from "./passes.ts";
import { ProgramBuilder, showProgram } from "./program.ts";
import { traceProgram } from "./trace.ts";

const x = aval([2, 3], "f32");
const text = (name: Parameters<typeof runPass>[0], f: (x: Tensor) => Tensor) => {
  const program = traceProgram(f, [x]);
  const once = runPass(name, program).program;
  expect(showProgram(runPass(name, once).program)).toBe(showProgram(once));
  return showProgram(once);
};

it("folds what depends on constants alone", () => {
  const build = new ProgramBuilder();
  const input = build.input(x);
  const six = build.apply(primitives.mul, [build.scalar(2, "f32"), build.scalar(3, "f32")], undefined);
  const program = build.finish([build.apply(primitives.mul, [input, six], undefined)]);
  const { program: after, statistics } = runPass("fold", program);
  expect(showProgram(after)).toBe("program(x0: f32[2, 3])\n  %0: f32[2, 3] = mul(x0, 6)\n  return %0");
  expect(statistics).toEqual({ name: "fold", nodesBefore: 2, nodesAfter: 1, bytesRemoved: 4 });
});

it("leaves out units of arithmetic and movement that moves nothing", () => {
  expect(text("algebra", (a) => transpose(transpose(add(mul(a, 1), 0), [1, 0]), [1, 0]))).toBe("program(x0: f32[2, 3])\n  return x0");
  // x·0 is not 0 where x is NaN.
  expect(text("algebra", (a) => mul(a, 0))).toContain("mul(x0, 0)");
});

it("makes a transposed operand of a product its flag", () => {
  expect(text("transposes", (a) => matmul(transpose(a, [1, 0]), a))).toBe(
    'program(x0: f32[2, 3])\n  %0: f32[3, 3] = matmul(x0, x0) {"transposeA":true,"transposeB":false}\n  return %0',
  );
});

it("refuses a look at a value that is not known yet", () => {
  expect(() => traceProgram((a) => ((a as unknown as number) > 0 ? a : mul(a, 2)), [x])).toThrow("bare number");
});
