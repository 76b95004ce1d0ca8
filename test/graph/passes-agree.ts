/**
 * What must hold of the graph engine's passes on any program: each alone and all together keep its value, its gradient and its second
 * order, and the passes twice are the passes once. Programs are drawn; the one that fails is shrunk.
 */
import fc from "fast-check";
import { createTensor, type Tensor } from "../../core/ops.ts";
import { scope } from "../../core/tensor/scope.ts";
import { Tensor as TensorClass } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import type { Program, Tree } from "../../engines/engine.ts";
import { load } from "../../engines/graph/execute/load.ts";
import type { Graph } from "../../engines/graph/graph.ts";
import { optimise, type PassName, passes, passNames } from "../../engines/graph/optimise/optimise.ts";
import { printGraph } from "../../engines/graph/print.ts";
import { TracedProgram } from "../../engines/graph/traced-program.ts";
import { expression, programOf } from "./expressions.ts";
import { orderProgramOf, orderSteps } from "./order-programs.ts";
import { tensorExpression, tensorProgramOf } from "./tensor-programs.ts";

/** A function as a graph of the leaves of these arguments, all of which it is differentiated by unless `wrt` says otherwise. */
export function traced(f: (...args: never[]) => unknown, args: readonly Tree[], wrt = args.map((_, i) => i)): TracedProgram {
  const program: Program = { file: "f.ts", exportName: "f", source: "", overloaded: () => f as never, sources: undefined as never };
  return new TracedProgram(program, args, wrt);
}

/** Results as rows of numbers. */
function resultsOf(graph: Graph, args: readonly Value[]): readonly (readonly number[])[] {
  return scope(() => {
    const executor = load(graph);
    try {
      return executor.run(args).map((r) => (r instanceof TensorClass ? [...r.toArray()] : [r as number]));
    } finally {
      executor.dispose();
    }
  });
}

/** Of numbers the same bits but for signs of zeros; of tensors, whose sums may be taken in another order, 1e-9 of the largest. */
function differ(want: readonly (readonly number[])[], got: readonly (readonly number[])[], isExact: boolean): string | undefined {
  for (const [i, row] of want.entries()) {
    const largest = row.reduce((m, x) => Math.max(m, Math.abs(x)), 1);
    for (const [k, x] of row.entries()) {
      const y = got[i]?.[k] as number;
      if (Object.is(x + 0, y + 0) || (!isExact && Math.abs(x - y) <= 1e-9 * largest)) continue;
      return `result ${i}[${k}] is ${y}, and was ${x}`;
    }
  }
  return undefined;
}

/** Throws where passes, these alone and then all together, change what a graph computes, or where all once more change the graph. */
function checkPasses(graph: Graph, args: readonly Value[], isExact: boolean, alone: readonly PassName[] = passNames): void {
  const want = resultsOf(graph, args);
  const check = (name: string, made: Graph) => {
    const difference = differ(want, resultsOf(made, args), isExact);
    if (difference !== undefined) throw new Error(`${name} on ${graph.name}: ${difference}`);
  };
  for (const name of alone) check(name, passes[name](graph));
  const once = optimise(graph).graph;
  check("all passes", once);
  check("all passes, keeping less", optimise(graph, [], passNames).graph);
  const twice = printGraph(optimise(once).graph);
  if (twice !== printGraph(once)) throw new Error(`optimising twice on ${graph.name} gives\n${twice}\nand once\n${printGraph(once)}`);
}

/** Programs over one number, of branches and loops in each other. */
export const numberPrograms = fc.property(expression, fc.integer({ min: -20, max: 20 }), (e, n) => {
  const x = n / 11 + 0.0137;
  const program = traced(programOf(e), [x]);
  for (const graph of [program.value(), program.gradient(), program.order(2)]) checkPasses(graph, [x], true);
});

function filled(seed: number, ...shape: number[]): Tensor {
  const values = Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin(12.9898 * i + seed + shape.length));
  return createTensor(values, shape, "f64");
}

/** Programs over tensors of up to four axes, whose order changes all the time. */
export const orderPrograms = fc.property(orderSteps, fc.integer({ min: 0, max: 99 }), (steps, seed) => {
  scope(() => {
    const args = [filled(seed, 2, 3, 4), filled(seed, 4, 3), filled(seed, 2, 3, 3, 2)] as const;
    const program = traced(orderProgramOf(steps) as never, args as never);
    checkPasses(program.value(), args as never, false, ["layout"]);
    checkPasses(program.gradient(), args as never, false, ["layout"]);
    checkPasses(program.hvp(), [...args, ...args] as never, false, []);
  });
});

/** Programs over matrices; the outermost loop turns 0 to 3 times, which the graph does not know. */
export const tensorPrograms = fc.property(tensorExpression, fc.integer({ min: 0, max: 99 }), (e, seed) => {
  scope(() => {
    const args = [filled(seed, 2, 3), filled(seed, 3, 3), filled(seed, 4, 2, 3), seed % 4] as const;
    const program = traced(tensorProgramOf(e) as never, args as never);
    checkPasses(program.value(), args as never, false, []);
    checkPasses(program.gradient(), args as never, false);
    // Second order: forward over reverse, of which the tangents are further parameters.
    const tangents = [filled(seed, 2, 3), filled(seed, 3, 3), filled(seed, 4, 2, 3), 0];
    checkPasses(program.hvp(), [...args, ...tangents] as never, false, []);
  });
});
