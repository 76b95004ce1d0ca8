/**
 * Checks a golden model: loss, inner outputs, gradient, directional derivative, Hessian-vector product, and five steps of three
 * optimisers from the given parameters. The nine families are programs below `models/`; sizes come from the case.
 */
import { join } from "node:path";
import { scope } from "../../core/tensor/scope.ts";
import { createTensor, Tensor } from "../../core/tensor/tensor.ts";
import type { Prepared, Tree } from "../../engines/engine.ts";
import { loadProgram } from "../../loader/load.ts";
import { projectRoot } from "../root.ts";
import { toRecord } from "./arguments.ts";
import { Findings, goldenTolerance, maxError } from "./compare.ts";
import type { ModelCase, Trajectory } from "./formats.ts";
import { type Site, Skip, type Verdict } from "./judge.ts";
import { textBelow } from "./programs.ts";

type Named = Record<string, Tensor>;

export function checkModel(c: ModelCase, { engine, dtype }: Site): Verdict {
  const text = textBelow("models", c.family);
  if (text === null) throw new Skip(`the model family ${c.family} is not written yet`);
  const source = `${text}\n${entrySource(c)}`;
  const program = (name: string) => loadProgram({ file: join(projectRoot, "harness/cases/models", `${c.family}.ts`), source }, name);
  const findings = new Findings();
  const tolerance = (quantity: "value" | "vjp" | "jvp" | "hvp", key: string) => goldenTolerance(dtype, quantity, c.f32_error[key]);

  const params = toRecord(c.params, dtype);
  const data = toRecord(c.data, dtype);
  const args: Tree[] = [params, data];
  const prepared = engine.prepare(program("caseLoss"), args, [0]);

  const { value, grad } = prepared.valueAndGrad(args);
  findings.note("value", "loss", maxError([number(value)], [c.loss]), tolerance("value", "loss"));
  const gradient = grad[0] as Named;
  for (const want of c.grads) findings.golden("vjp", `gradient of ${want.name}`, gradient[want.name], want, tolerance("vjp", "grad"));

  if (c.outputs.length > 0) {
    const got = engine.prepare(program("caseOutputs"), args, []).value(args) as Named;
    for (const want of c.outputs) findings.golden("value", `output ${want.name}`, got[want.name], want, tolerance("value", "loss"));
  }
  if (c.tangents.length > 0) {
    const tangents: Tree[] = [toRecord(c.tangents, dtype), null];
    if (c.jvp !== undefined) {
      const { tangent } = prepared.jvp(args, tangents);
      findings.note("jvp", "directional derivative", maxError([number(tangent)], [c.jvp]), tolerance("jvp", "jvp"));
    }
    if (c.hvp) {
      const hvp = prepared.hvp(args, tangents).hvp[0] as Named;
      for (const want of c.hvp) findings.golden("hvp", `hvp of ${want.name}`, hvp[want.name], want, tolerance("hvp", "hvp"));
    }
  }
  for (const name of ["sgd", "momentum", "adam"] as const) {
    const trajectory = c.train[name];
    if (trajectory) train(name, trajectory, prepared, c, args, findings, goldenTolerance(dtype, "training", undefined));
  }
  return findings.verdict();
}

/** The model's functions of parameters and data alone: sizes are constants of the source, so that engines which parse see them. */
function entrySource({ attrs }: ModelCase): string {
  return `
export function caseLoss(params, data) {
  return loss(params, data, ${JSON.stringify(attrs)});
}
export function caseOutputs(params, data) {
  return outputs(params, data, ${JSON.stringify(attrs)});
}
`;
}

function number(value: Tree): number {
  return value instanceof Tensor ? value.item() : (value as number);
}

/** The change of a parameter's entries at step t (from 1), given its gradient; keeps what the optimiser remembers. */
type Update = (p: Float64Array, g: Float64Array, t: number) => void;

function optimiser(name: "sgd" | "momentum" | "adam", lr: number, size: number): Update {
  const m = new Float64Array(size);
  const s = new Float64Array(size);
  return (p, g, t) => {
    for (let i = 0; i < size; i++) {
      const gi = g[i] as number;
      let change = gi;
      if (name === "momentum") {
        m[i] = 0.9 * (m[i] as number) + gi;
        change = m[i] as number;
      } else if (name === "adam") {
        m[i] = 0.9 * (m[i] as number) + 0.1 * gi;
        s[i] = 0.999 * (s[i] as number) + 0.001 * gi * gi;
        change = (m[i] as number) / (1 - 0.9 ** t) / (Math.sqrt((s[i] as number) / (1 - 0.999 ** t)) + 1e-8);
      }
      p[i] = (p[i] as number) - lr * change;
    }
  };
}

/** Tolerances are stated for losses. Near a minimum a parameter's squared norm moves faster than the loss does. */
const NORM_SLACK = 10;

/** Full-batch training: the gradient is the engine's, the update is done here in float64. */
function train(
  name: "sgd" | "momentum" | "adam",
  { lr, losses, param_sqnorm }: Trajectory,
  prepared: Prepared,
  c: ModelCase,
  [start, data]: readonly Tree[],
  findings: Findings,
  tolerance: number,
): void {
  const shapes = start as Named;
  const state = c.params.map((p) => ({ name: p.name, values: Float64Array.from(p.data), update: optimiser(name, lr, p.data.length) }));
  const got: number[] = [];
  for (let t = 1; t <= losses.length; t++) {
    scope(() => {
      const params = Object.fromEntries(
        state.map((s) => [s.name, createTensor(s.values, (shapes[s.name] as Tensor).shape, (shapes[s.name] as Tensor).dtype)]),
      );
      const { value, grad } = prepared.valueAndGrad([params, data as Tree]);
      got.push(number(value));
      // The last loss is taken after the last step.
      if (t < losses.length)
        for (const s of state) s.update(s.values, Float64Array.from(((grad[0] as Named)[s.name] as Tensor).toArray()), t);
    });
  }
  findings.note("training", `losses of ${name}`, maxError(got, losses), tolerance);
  for (const s of state) {
    const want = param_sqnorm[s.name];
    if (want === undefined) continue;
    const norm = s.values.reduce((sum, v) => sum + v * v, 0);
    findings.note("training", `|${s.name}|² after ${name}`, maxError([norm], [want]), NORM_SLACK * tolerance);
  }
}
