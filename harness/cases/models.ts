/**
 * Checks a golden model: loss, inner outputs, gradient, directional derivative, Hessian-vector product, and five steps of three
 * optimisers from the given parameters. The nine families are programs below `models/`; sizes come from the case.
 */
import { join } from "node:path";
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Tree } from "../../engines/engine.ts";
import { loadProgram } from "../../loader/load.ts";
import { projectRoot } from "../root.ts";
import { toRecord } from "./arguments.ts";
import { Findings, goldenTolerance, maxError } from "./compare.ts";
import type { ModelCase } from "./formats.ts";
import { type Site, Skip, type Verdict } from "./judge.ts";
import { textBelow } from "./programs.ts";
import { conditioning, type Trainee, train, trainingErrors } from "./training.ts";

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
  const inFloat64 = (): Trainee => {
    const wide: Tree[] = [toRecord(c.params, "f64"), toRecord(c.data, "f64")];
    return { prepared: engine.prepare(program("caseLoss"), wide, [0]), data: wide[1] as Tree, dtype: "f64" };
  };
  checkTraining(c, { prepared, data, dtype }, inFloat64, findings);
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

/** Trainings with the three optimisers. In f32 a tolerance grows with what rounding the parameters once would do by itself. */
function checkTraining(c: ModelCase, trainee: Trainee, inFloat64: () => Trainee, findings: Findings): void {
  const stated = goldenTolerance(trainee.dtype, "training", undefined);
  for (const name of ["sgd", "momentum", "adam"] as const) {
    const reference = c.train[name];
    if (reference === undefined) continue;
    const errors = trainingErrors(name, train(name, reference, c.params, trainee), reference);
    const isLarge = trainee.dtype === "f32" && [...errors.values()].some((e) => e > stated);
    const least = isLarge ? conditioning(name, reference, c.params, inFloat64()) : undefined;
    for (const [what, error] of errors) findings.note("training", what, error, Math.max(stated, F32_SLACK * (least?.get(what) ?? 0)));
  }
}

/** As for the other quantities in f32: twenty times what is known to be lost. */
const F32_SLACK = 20;
