/** An emitted graph as a function, with the plans that it calls on the current device. */
import { BenchError } from "../../../core/base/errors.ts";
import { type CompileOptions, compileProgram, type Executable } from "../../../core/compile/executable.ts";
import { nodesOf, type Value as ProgramValue } from "../../../core/compile/program.ts";
import { apply } from "../../../core/tensor/apply.ts";
import { liftNumber } from "../../../core/tensor/eager.ts";
import { scope } from "../../../core/tensor/scope.ts";
import { createTensor, currentDevice, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import type { Graph, Node, TensorConstant } from "../graph.ts";
import { nameOf, spanOf } from "../origin.ts";
import { showType } from "../type.ts";
import { emit } from "./emit.ts";
import { List, sum, zeroOf } from "./lists.ts";

/** A constant on the current device, for the length of a run. */
function tensorOf({ aval, data }: TensorConstant): Tensor {
  return createTensor(data, aval.shape, aval.dtype);
}

function fail(message: string): never {
  throw new BenchError("runtime", message, { advice: "a check of the graph did not hold" });
}

function tooDeep(): BenchError {
  return new BenchError("runtime", "a function of the graph calls itself more often than the stack of JavaScript holds", {
    advice: "write what it does as whileLoop over a list of its steps, children before parents, which needs no stack",
  });
}

const nothing = (): void => {};

/** Is told what a run does. */
export interface Observer {
  /** A loop begins, turns (its test is asked once more), and ends. */
  readonly enter: (loop: Node) => void;
  readonly turn: () => void;
  readonly leave: () => void;
  /** After each node: what it computed, from what. The run then is one node at a time. */
  readonly see?: ((n: Node, outputs: readonly (Value | List)[], inputs: readonly (Value | List)[]) => void) | undefined;
  /** In place of the work of a node, and of a plan; gives their results. */
  readonly timed?: <T>(n: Node, work: () => T) => T;
  readonly run?: (plan: Executable, inputs: readonly Tensor[]) => Tensor[];
}

export interface LoadOptions extends CompileOptions {
  /** Asked in each turn of a loop; throws where the run must end. */
  readonly goOn?: () => void;
  readonly observer?: Observer;
}

export interface Executor {
  readonly plans: readonly Executable[];
  /** The graph's results for these parameters. Tensors belong to the current scope. An error names the node that it arose in. */
  run(args: readonly Value[]): readonly Value[];
  /** Gives back what the plans hold. */
  dispose(): void;
}

let loads = 0;
/** The lines that stand before the text: what `new Function` puts there, and "use strict". */
const LINES_BEFORE = 3;

export function load(graph: Graph, options: LoadOptions = {}): Executor {
  const { goOn = nothing, observer } = options;
  const observed = observer === undefined ? undefined : observer.see === undefined ? "times" : "values";
  const { text, owners, constants, programs } = emit(graph, { guarded: goOn !== nothing, observed });
  const plans = programs.map((p) => compileProgram(p, currentDevice(), options));
  const calls = plans.map((plan) => ({
    run(inputs: readonly Tensor[]) {
      try {
        return observer?.run === undefined ? plan.run(inputs) : observer.run(plan, inputs);
      } catch (error) {
        throw atNode(error, failing(plan, inputs));
      }
    },
  }));
  const { enter, turn, leave, see, timed } = observer ?? {};
  const runtime = { tensorOf, liftNumber, apply, List, zeroOf, sum, goOn, fail, enter, turn, leave, see, timed };
  const name = `trigrad-graph-${++loads}`;
  const make = new Function("k", "plan", ...Object.keys(runtime), `"use strict";\nreturn ${text};\n//# sourceURL=${name}`);
  const run = make(constants, calls, ...Object.values(runtime)) as Executor["run"];
  const line = new RegExp(`\\b${name}:(\\d+):`);
  return {
    plans,
    run(args) {
      try {
        return run(args);
      } catch (error) {
        if (error instanceof RangeError && /call stack/.test(error.message)) throw tooDeep();
        const at = error instanceof Error ? line.exec(error.stack ?? "")?.[1] : undefined;
        throw atNode(error, at === undefined ? undefined : owners[Number(at) - LINES_BEFORE - 1]);
      }
    },
    dispose() {
      for (const plan of plans) plan.dispose();
    },
  };
}

/** An error of a run, with the node that it arose in, its place in the user's program and the shapes that it works on. */
function atNode(error: unknown, n: Node | undefined): unknown {
  if (n === undefined || !(error instanceof BenchError) || error.message.includes(nameOf(n))) return error;
  error.span ??= spanOf(n);
  const types = (vs: Node["outputs"]) => vs.map((v) => showType(v.type)).join(", ");
  error.message += ` (node ${nameOf(n)}: ${types(n.outputs)}${n.inputs.length === 0 ? "" : ` from ${types(n.inputs)}`})`;
  return error;
}

/** The node of a plan that fails with these inputs: its nodes are computed one by one. */
function failing({ program }: Executable, inputs: readonly Tensor[]): Node | undefined {
  return scope(() => {
    const values = new Map<ProgramValue, Value>(program.inputs.map((v, i) => [v, inputs[i] as Tensor]));
    const at = (v: ProgramValue) => (v.kind === "constant" ? createTensor(v.data, v.aval.shape, v.aval.dtype) : (values.get(v) as Value));
    for (const n of nodesOf(program)) {
      try {
        values.set(n, apply(n.primitive, n.args.map(at), n.params));
      } catch {
        return n.source as Node | undefined;
      }
    }
    return undefined;
  });
}
