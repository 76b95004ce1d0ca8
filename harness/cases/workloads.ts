/**
 * Checks an instance of one of the workloads of GradBench and ADBench: objective, gradient and, where the file gives them,
 * Jacobian, Hessian and Hessian-vector product. Each workload is a program below `workloads/`.
 */
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Tree } from "../../engines/engine.ts";
import { type Mixture, mixtureBatch, mixtureParams, parseMixture } from "../../suites/structured/gmm.ts";
import { checkBundle } from "./bundle.ts";
import { absoluteError } from "./compare.ts";
import { checkHand } from "./hand.ts";
import { flat, Instance, type WorkloadReference } from "./instance.ts";
import { type Site, Skip, type Verdict } from "./judge.ts";

export function checkWorkload(reference: WorkloadReference, site: Site): Verdict {
  const check = Object.hasOwn(WORKLOADS, reference.workload) ? WORKLOADS[reference.workload] : undefined;
  if (check === undefined) throw new Skip(`workload ${reference.workload} not written yet`);
  const instance = new Instance(reference, site);
  check(instance);
  return instance.findings.verdict();
}

const WORKLOADS: Readonly<Record<string, (c: Instance) => void>> = {
  hello(c) {
    const x = (c.reference.case.input ?? 0) as number;
    const f = c.prepare([x], [0]);
    const { value, grad } = f.valueAndGrad([x]);
    c.compare("value", "square", value);
    c.compare("vjp", "double", grad[0]);
    if (c.expected.second_derivative !== undefined) c.compare("derivatives", "second_derivative", f.derivatives(x, 2)[2]);
    for (const [name, input, want] of c.reference.chain ?? []) {
      const step = f.valueAndGrad([input]);
      c.compare(name === "square" ? "value" : "vjp", `chain ${name}(${input})`, name === "square" ? step.value : step.grad[0], want);
    }
  },
  llsq: (c) => scalar(c, [c.input.x, c.input.n], "primal", "gradient"),
  lse: (c) => scalar(c, [c.tensor(flat(c.input.x), [flat(c.input.x).length])], "primal", "gradient"),
  det: (c) => scalar(c, [c.input.A, c.input.ell], "primal", "gradient"),
  kmeans(c) {
    const matrix = (rows: Tree) => c.tensor(flat(rows), [(rows as unknown[]).length, ((rows as unknown[][])[0] ?? []).length]);
    const args = [matrix(c.input.centroids), matrix(c.input.points)];
    const gradient = scalar(c, args, "cost", "gradient");
    // Away from ties every cluster has its own block and the Hessian is diagonal, so its product with ones is the diagonal.
    const ones = c.tensor(
      flat(c.input.centroids).map(() => 1),
      (args[0] as Tensor).shape,
    );
    const diagonal = flat(c.prepare(args, [0]).hvp(args, [ones, null]).hvp[0]);
    c.compare("hvp", "hessian_diagonal", diagonal);
    c.compare(
      "vjp",
      "dir",
      flat(gradient).map((g, i) => g / (diagonal[i] as number)),
    );
  },
  ode(c) {
    const args: Tree[] = [c.input.x, c.input.s];
    const f = c.prepare(args, [0]);
    c.compare("value", "primal", f.value(args));
    c.compare("vjp", "gradient", c.prepare(args, [0], "last").valueAndGrad(args).grad[0]);
    if (c.expected.jacobian === undefined) return;
    const rows = flat(c.input.x).map(
      (_, i, all) =>
        f.vjp(
          args,
          all.map((__, k) => (k === i ? 1 : 0)),
        ).grad[0],
    );
    c.compare("vjp", "jacobian", rows);
  },
  gmm(c) {
    const mixture = c.reference.case.file === undefined ? mixtureOf(c.input) : parseMixture(c.data());
    const args = [mixtureParams(mixture, c), mixtureBatch(mixture, c)] as unknown as Tree[];
    const f = c.prepare(args, [0], "loss", "suites/structured/gmm.ts");
    const { value, grad } = f.valueAndGrad(args);
    c.compare("value", "objective", value);
    const gradient = grad[0] as Readonly<Record<string, Tree>>;
    for (const [name, want] of Object.entries(c.expected.jacobian ?? {})) c.compare("vjp", `gradient of ${name}`, gradient[name], want);
    const hvp = c.expected.hvp as { v: number[]; Hv: number[] } | undefined;
    if (hvp === undefined) return;
    let at = 0;
    const direction = { ...mixture };
    for (const name of ["alpha", "mu", "q", "l"] as const) {
      direction[name] = hvp.v.slice(at, at + mixture[name].length);
      at += mixture[name].length;
    }
    const v = mixtureParams(direction, c);
    c.compare("hvp", "Hv", f.hvp(args, [v as unknown as Tree, null]).hvp[0], hvp.Hv);
  },
  lstm(c) {
    const { main, extra, state, sequence } = c.reference.case.file === undefined ? recurrentOf(c.input) : parseRecurrent(c.data());
    const b = extra.length / 3;
    const rows = (values: readonly number[], width: number) => c.tensor(values, [values.length / width, width]);
    const args: Tree[] = [{ main: rows(main, 4 * b), extra: rows(extra, b) }, rows(state, b), rows(sequence, b)];
    const { value, grad } = c.prepare(args, [0]).valueAndGrad(args);
    c.compare("value", "objective", value);
    c.compare("vjp", "jacobian", grad[0]);
  },
  ba: checkBundle,
  ht: checkHand,
  particle(c) {
    const { w } = c.input;
    for (const [outer, inner] of modesOf(c)) {
      const args: Tree[] = [w, outer, inner];
      c.compare("value", "output", c.prepare(args, []).value(args), undefined, absoluteError, 1e-6);
    }
    const single = c.reference.case.expected_single as { w: number; objective: number; derivative: number } | undefined;
    if (single === undefined) return;
    for (const inner of [true, false]) {
      const args: Tree[] = [single.w, inner];
      const { value, grad } = c.prepare(args, [0], "landing").valueAndGrad(args);
      c.compare("value", "objective", value, single.objective);
      c.compare("vjp", "derivative", grad[0], single.derivative);
    }
  },
  saddle(c) {
    for (const [outer, inner] of modesOf(c)) {
      const args: Tree[] = [c.input.start, outer, inner];
      c.compare("value", "output", c.prepare(args, []).value(args), undefined, absoluteError, 1e-9);
    }
  },
};

/** The modes of differentiation that the file asks for, all four where it names none: whether forward, outside and inside. */
function modesOf({ expected }: Instance): (readonly [boolean, boolean])[] {
  const names = (expected.functions ?? ["ff", "fr", "rf", "rr"]) as readonly string[];
  return names.map((name) => [name[0] === "f", name[1] === "f"]);
}

/** A scalar program of its first argument: value, gradient, Hessian by columns, Hessian-vector product. Returns the gradient. */
function scalar(c: Instance, args: readonly Tree[], value: string, gradient: string): Tree {
  const f = c.prepare(args, [0]);
  const both = f.valueAndGrad(args);
  c.compare("value", value, both.value);
  c.compare("vjp", gradient, both.grad[0]);
  const n = flat(args[0]).length;
  const along = (v: readonly number[]): Tree => {
    const direction = args[0] instanceof Tensor ? c.tensor(v, args[0].shape) : v;
    return f.hvp(args, [direction, ...args.slice(1).map(() => null)]).hvp[0] ?? null;
  };
  const { hessian, hvp } = c.expected as { hessian?: unknown; hvp?: { v: number[]; Hv: number[] } };
  if (hessian !== undefined) {
    const columns = Array.from({ length: n }, (_, i) => along(Array.from({ length: n }, (__, k) => (k === i ? 1 : 0))));
    c.compare("hvp", "hessian", columns);
  }
  if (hvp) c.compare("hvp", "Hv", along(hvp.v), hvp.Hv);
  return both.grad[0] ?? null;
}

/** An instance given in the reference file itself. */
function mixtureOf(input: Record<string, unknown>): Mixture {
  const { d, k, n, gamma, m } = input as unknown as Record<"d" | "k" | "n" | "gamma" | "m", number>;
  return { d, k, n, gamma, m, alpha: flat(input.alpha), mu: flat(input.mu), q: flat(input.q), l: flat(input.l), x: flat(input.x) };
}

type Recurrent = Record<"main" | "extra" | "state" | "sequence", number[]>;

function recurrentOf({ main_params, extra_params, state, sequence }: Record<string, unknown>): Recurrent {
  return { main: flat(main_params), extra: flat(extra_params), state: flat(state), sequence: flat(sequence) };
}

/** A data file: `l c b`, then main and extra parameters, state and sequence, row by row. */
function parseRecurrent(text: string): Recurrent {
  const [l, c, b, ...rest] = text.trim().split(/\s+/).map(Number) as [number, number, number, ...number[]];
  const ends = [8 * l * b, 3 * b, 2 * l * b, c * b].map((_, i, sizes) => sizes.slice(0, i + 1).reduce((n, s) => n + s, 0));
  const [main, extra, state, sequence] = ends.map((end, i) => rest.slice(ends[i - 1] ?? 0, end)) as [
    number[],
    number[],
    number[],
    number[],
  ];
  return { main, extra, state, sequence };
}
