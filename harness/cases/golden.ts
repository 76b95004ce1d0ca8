/**
 * Checks a golden operator or program: value, vjp with the given cotangents, jvp along the given tangents, and the
 * Hessian-vector product of phi = ½ Σ_k Σ c_k y_k², which is not zero even where the operator is linear.
 */
import { join } from "node:path";
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Tree } from "../../engines/engine.ts";
import { loadProgram } from "../../loader/load.ts";
import { projectRoot } from "../root.ts";
import { toNumberOrTensor, toTensor } from "./arguments.ts";
import { describe, Findings, goldenTolerance, type Quantity } from "./compare.ts";
import type { FunctionCase, GoldenTensor } from "./formats.ts";
import type { Site, Verdict } from "./judge.ts";
import { programSource } from "./programs.ts";
import { operatorSource } from "./vocabulary.ts";

const FACTORISATIONS = ["cholesky", "inverse", "solve", "det"];

export function checkFunction(c: FunctionCase, { engine, dtype, adapted }: Site): Verdict {
  const isOp = c.kind === "op";
  const toArgument = isOp ? toTensor : toNumberOrTensor;
  const source = `${adapted ?? (isOp ? operatorSource(c) : programSource(c.op))}\n${phiSource(c)}`;
  const folder = adapted === undefined ? "programs" : "adapted/programs";
  const program = (name: string) => loadProgram({ file: join(projectRoot, "harness/cases", folder, `${c.id}.ts`), source }, name);
  const findings = new Findings();
  const compare = (quantity: Quantity, what: string, got: readonly unknown[], want: readonly GoldenTensor[]) => {
    const allowed = goldenTolerance(dtype, quantity, c.f32_error[quantity], FACTORISATIONS.includes(c.op));
    want.forEach((w, i) => {
      findings.golden(quantity, `${what} ${w.name}`, got[i], w, allowed);
    });
  };

  const args: Tree[] = c.inputs.map((input) => toArgument(input, dtype));
  const wrt = c.inputs.flatMap((input, i) => (input.diff ? [i] : []));
  /** One entry per input from one per differentiated input. */
  const perInput = (some: readonly GoldenTensor[]): Tree[] =>
    c.inputs.map((_, i) => (wrt.includes(i) ? toArgument(some[wrt.indexOf(i)] as GoldenTensor, dtype) : null));
  const chosen = (all: readonly unknown[]) => wrt.map((i) => all[i]);
  const several = c.outputs.length > 1;
  const outputs = (y: Tree): readonly unknown[] => (several ? (Array.isArray(y) ? y : []) : [y]);
  const f = engine.prepare(program("f"), args, wrt);
  const y = f.value(args);
  if (several && !(Array.isArray(y) && y.length === c.outputs.length))
    findings.fail(`the result is ${describe(y)}, not ${c.outputs.length} outputs`);
  compare("value", "output", outputs(y), c.outputs);
  // A scalar may be a number or a tensor of shape []; its cotangent is of the same kind.
  const cotangents = c.cotangents.map((ct, i) => (outputs(y)[i] instanceof Tensor ? toTensor : toNumberOrTensor)(ct, dtype));
  if (c.vjp) compare("vjp", "vjp of", chosen(f.vjp(args, several ? cotangents : cotangents[0]).grad), c.vjp);
  if (c.jvp) compare("jvp", "jvp of", outputs(f.jvp(args, perInput(c.tangents)).tangent), c.jvp);
  if (c.hvp) {
    const phi = engine.prepare(program("phi"), [...args, cotangents], wrt);
    const { hvp } = phi.hvp([...args, cotangents], [...perInput(c.tangents), null]);
    compare("hvp", "hvp of", chosen(hvp), c.hvp);
  }
  return findings.verdict();
}

/** phi as a function of f's arguments and the list of cotangents. */
function phiSource({ inputs, outputs }: FunctionCase): string {
  const names = inputs.map((_, i) => `x${i}`);
  // A scalar needs no sum, and may be a number, which has none.
  const terms = outputs.map(({ shape }, k) => {
    const term = `phiMul(c[${k}], phiSquare(ys[${k}]))`;
    return shape.length === 0 ? term : `phiSum(${term})`;
  });
  return `
import { add as phiAdd, mul as phiMul, square as phiSquare, sum as phiSum } from "trigrad/core/ops.ts";
export function phi(${[...names, "c"].join(", ")}) {
  const y = f(${names.join(", ")});
  const ys = ${outputs.length > 1 ? "y" : "[y]"};
  return phiMul(0.5, ${terms.reduce((total, term) => `phiAdd(${total}, ${term})`)});
}
`;
}
