/**
 * The tape engine: operator overloading. Nothing is prepared ahead of time; every evaluation runs the program itself and records
 * it anew, so all of the language works as it is, and every step pays for the recording.
 */
import { BenchError, mismatch } from "../../core/base/errors.ts";
import { scope } from "../../core/tensor/scope.ts";
import type { Engine, Intrinsics, Prepared, Program, Stage, Tree } from "../engine.ts";
import { kindOf } from "../trees.ts";
import { drawTape, showTape } from "./show.ts";
import { grad, jvp, lastUse, stopGradient, valueAndGrad, vjp } from "./transforms.ts";

const intrinsics: Intrinsics = {
  grad: grad as Intrinsics["grad"],
  valueAndGrad: valueAndGrad as Intrinsics["valueAndGrad"],
  vjp: vjp as Intrinsics["vjp"],
  jvp: jvp as Intrinsics["jvp"],
  stopGradient,
  // A tape is what has been computed; it keeps that.
  checkpoint: (f) => f,
};

type Fn = (...args: unknown[]) => unknown;

function prepare(program: Program, _example: readonly Tree[], wrt: readonly number[]): Prepared {
  const f = program.overloaded(intrinsics) as Fn;
  /** The program as a function of the differentiated arguments alone. */
  const partial = (args: readonly unknown[]) => (xs: readonly unknown[]) => {
    const all = [...args];
    wrt.forEach((position, i) => {
      all[position] = xs[i];
    });
    return f(...all);
  };
  const chosen = (args: readonly unknown[]) => wrt.map((i) => args[i]);
  const perArgument = (args: readonly unknown[], parts: unknown) =>
    args.map((_, i) => (wrt.includes(i) ? (parts as readonly Tree[])[wrt.indexOf(i)] : null)) as readonly Tree[];

  /** An error without a place is about the function as a whole, for instance about its result. */
  const located = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      if (error instanceof BenchError) error.span ??= program.span;
      throw error;
    }
  };

  const prepared: Prepared = {
    phases: {},
    value: (args) => scope(() => f(...args) as Tree),
    valueAndGrad(args) {
      const [value, parts] = valueAndGrad(partial(args) as Fn, "the gradient")(chosen(args));
      return { value: value as Tree, grad: perArgument(args, parts) };
    },
    vjp: (args, cotangent) =>
      scope(() => {
        const [value, back] = vjp(partial(args) as Fn, chosen(args));
        return { value: value as Tree, grad: perArgument(args, back(cotangent)) };
      }),
    jvp(args, tangents) {
      const [value, tangent] = jvp(partial(args) as Fn, chosen(args), chosen(tangents));
      return { value: value as Tree, tangent: tangent as Tree };
    },
    hvp(args, tangents) {
      const [both, derivative] = jvp(
        (xs) => valueAndGrad(partial(args) as Fn, "the Hessian-vector product")(xs),
        chosen(args),
        chosen(tangents),
      );
      const [value, gradient] = both as [Tree, unknown];
      return { value, grad: perArgument(args, gradient), hvp: perArgument(args, (derivative as [unknown, unknown])[1]) };
    },
    derivatives(x, order) {
      const all: number[] = [];
      let g: Fn = f;
      for (let n = 0; n <= order; n++) {
        const y = g(x);
        if (typeof y !== "number")
          throw mismatch(`derivatives of higher order need a function from a number to a number, and this one returned ${kindOf(y)}`);
        all.push(y);
        g = grad(g);
      }
      return all;
    },
    counts: () => ({ tapeNodes: lastUse.nodes, savedBytes: lastUse.savedBytes }),
    stages(args) {
      const stages: Stage[] = [];
      lastUse.watcher = (tape) => {
        const title = `recording of ${tape.count} nodes, ${tape.savedBytes} bytes saved`;
        // The tape is used again: what is drawn of it is drawn now.
        const picture = drawTape(tape, title);
        stages.push({ title, text: showTape(tape), picture: () => picture });
      };
      try {
        scope(() => prepared.valueAndGrad(args));
      } finally {
        lastUse.watcher = undefined;
      }
      return stages;
    },
  };
  return {
    ...prepared,
    valueAndGrad: (args) => located(() => prepared.valueAndGrad(args)),
    vjp: (args, cotangent) => located(() => prepared.vjp(args, cotangent)),
    jvp: (args, tangents) => located(() => prepared.jvp(args, tangents)),
    hvp: (args, tangents) => located(() => prepared.hvp(args, tangents)),
    derivatives: (x, order) => located(() => prepared.derivatives(x, order)),
    stages: (args) => located(() => prepared.stages(args)),
  };
}

export const tape: Engine = {
  name: "tape",
  features: new Set(["data-dependent-control-flow", "recursion", "closures", "nested-derivatives", "higher-order", "forward-mode"]),
  intrinsics,
  prepare,
};
