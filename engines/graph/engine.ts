/**
 * The graph engine: a program becomes a dataflow graph by being run once on symbols, derivatives are nodes added to it, and what is
 * fetched is pruned, optimised and compiled. A new form of the arguments is a new graph; decisions by values are nodes of control
 * flow, which the program asks for by `cond`, `whileLoop` and `scan`.
 */
import { BenchError } from "../../core/base/errors.ts";
import { showProgram } from "../../core/compile/program.ts";
import type { Device } from "../../core/device/device.ts";
import { type Owned, own, scope } from "../../core/tensor/scope.ts";
import { currentDevice } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import type { Engine, Prepared, Program, Stage, Tree, Watching } from "../engine.ts";
import { type Form, formOf, gather, leavesOf, mapForm } from "../forms.ts";
import { emit } from "./execute/emit.ts";
import { type Executor, load } from "./execute/load.ts";
import type { Graph } from "./graph.ts";
import { intrinsics } from "./intrinsics.ts";
import { Timer } from "./observe/timeline.ts";
import { Watcher } from "./observe/watching.ts";
import { optimise } from "./optimise/optimise.ts";
import { type Measured, pictureOf } from "./picture.ts";
import { printGraph } from "./print.ts";
import { TracedProgram } from "./traced-program.ts";
import { countNodes } from "./walk.ts";

/** Runs of which one is shown as what nodes take. */
const MEASURED_RUNS = 9;

/** Forms of arguments whose graphs are kept, the most recent ones. */
const MAX_FORMS = 64;

interface Variant {
  readonly device: Device;
  readonly forms: readonly Form[];
  readonly traced: TracedProgram;
  readonly executors: Map<string, Executor>;
}

/** A prepared program belongs to the scope that it was made in, and gives its plans back when that ends. */
class Prepare implements Prepared, Owned {
  owner = 0;
  /** Of what has been made so far. */
  readonly phases = { trace: 0, transform: 0, optimise: 0, compile: 0 };
  private readonly program: Program;
  private readonly wrt: readonly number[];
  /** The most recent first. */
  private readonly variants: Variant[] = [];
  private nodes = 0;

  constructor(program: Program, example: readonly Tree[], wrt: readonly number[]) {
    this.program = program;
    this.wrt = wrt;
    this.find(example, []);
    own(this);
  }

  release(): void {
    for (const v of this.variants.splice(0)) forget(v);
  }

  value(args: readonly Tree[]): Tree {
    return scope(() => {
      const { variant, leaves } = this.given(args);
      return variant.traced.tree(this.run(variant, "value", () => variant.traced.value(), leaves));
    });
  }

  valueAndGrad(args: readonly Tree[]): { value: Tree; grad: readonly Tree[] } {
    return scope(() => {
      const { variant, leaves } = this.given(args);
      const [value, ...parts] = this.run(variant, "gradient", () => variant.traced.gradient(), leaves);
      return { value: value as Tree, grad: this.perArgument(variant, parts) };
    });
  }

  watched(args: readonly Tree[], watching: Watching): { value: Tree; grad: readonly Tree[] } {
    return scope(() => {
      const { variant, leaves } = this.given(args);
      const watcher = new Watcher();
      watcher.begin(watching);
      const executor = load(
        this.located(() => variant.traced.gradient()),
        { observer: watcher },
      );
      const [value, ...parts] = executor.run(leaves);
      return { value: value as Tree, grad: this.perArgument(variant, parts) };
    });
  }

  vjp(args: readonly Tree[], cotangent: Tree): { value: Tree; grad: readonly Tree[] } {
    return scope(() => {
      const { variant, leaves } = this.given(args);
      const { traced } = variant;
      const all = this.run(variant, "vjp", () => traced.vjp(), [...leaves, ...(leavesOf([cotangent]) as Value[])]);
      const n = traced.results.length;
      return { value: traced.tree(all.slice(0, n)), grad: this.perArgument(variant, all.slice(n)) };
    });
  }

  jvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; tangent: Tree } {
    return scope(() => {
      const { variant, leaves } = this.given(args);
      const { traced } = variant;
      const all = this.run(variant, "jvp", () => traced.jvp(), [...leaves, ...this.tangentLeaves(variant, args, tangents)]);
      const n = traced.results.length;
      return { value: traced.tree(all.slice(0, n)), tangent: traced.tree(all.slice(n), true) };
    });
  }

  hvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; grad: readonly Tree[]; hvp: readonly Tree[] } {
    return scope(() => {
      const { variant, leaves } = this.given(args);
      const all = this.run(variant, "hvp", () => variant.traced.hvp(), [...leaves, ...this.tangentLeaves(variant, args, tangents)]);
      const n = all.length / 2;
      return {
        value: all[0] as Tree,
        grad: this.perArgument(variant, all.slice(1, n)),
        hvp: this.perArgument(variant, all.slice(n + 1)),
      };
    });
  }

  derivatives(x: number, order: number): readonly number[] {
    const { variant, leaves } = this.given([x]);
    return Array.from({ length: order + 1 }, (_, n) => {
      return this.run(variant, `order ${n}`, () => variant.traced.order(n), leaves)[0] as number;
    });
  }

  counts() {
    return { irNodes: this.nodes };
  }

  stages(args: readonly Tree[]): readonly Stage[] {
    const { traced } = this.given(args).variant;
    const gradient = traced.gradient();
    const { graph: optimised, passes } = optimise(gradient);
    const work = passes.map((p) => `${p.name}: ${p.removed} nodes removed in ${p.milliseconds.toFixed(1)} ms`);
    const { text, programs } = emit(optimised);
    const title = (what: string, g: Graph) => `${what} (${countNodes(g)} nodes)`;
    const value = traced.value();
    const stage = (what: string, g: Graph, results?: readonly string[], measured?: () => Measured): Stage => ({
      title: title(what, g),
      text: printGraph(g),
      picture: (measure) => pictureOf(g, title(what, g), results, measure ? measured?.() : undefined),
    });
    const both = ["value", ...traced.sourceNames.map((name) => `∂ ${name}`)];
    const last = stage("optimised", optimised, both, () => this.measure(optimised, args));
    return [
      stage("graph of the value", value),
      stage("graph of value and gradient", gradient, both),
      { ...last, text: `${last.text}\n\n${work.join("\n")}` },
      { title: "executor", text },
      ...programs.map((p, i) => ({ title: `tensor program ${i}, before the compile service`, text: showProgram(p) })),
    ];
  }

  /** Times of the nodes of a graph of value and gradient: of the middle one of some runs. */
  private measure(graph: Graph, args: readonly Tree[]): Measured {
    const timer = new Timer();
    const executor = load(graph, { observer: timer });
    const runs = scope(() => {
      const { leaves } = this.given(args);
      return Array.from({ length: MEASURED_RUNS }, () => {
        timer.begin();
        scope(() => executor.run(leaves));
        return timer.spent();
      });
    });
    executor.dispose();
    const { deviceMilliseconds, on } = runs.sort((a, b) => a.deviceMilliseconds - b.deviceMilliseconds)[
      MEASURED_RUNS >> 1
    ] as (typeof runs)[number];
    return { device: currentDevice().name, deviceMilliseconds, timeOf: (n) => on.get(n) };
  }

  private run(variant: Variant, what: string, graph: () => Graph, leaves: readonly Value[]): readonly Value[] {
    let executor = variant.executors.get(what);
    if (executor === undefined) {
      const made = this.timed("transform", () => this.located(graph));
      const optimised = this.timed("optimise", () => optimise(made).graph);
      this.nodes = countNodes(optimised);
      executor = this.timed("compile", () => load(optimised));
      variant.executors.set(what, executor);
    }
    return executor.run(leaves);
  }

  private given(args: readonly Tree[]): { readonly variant: Variant; readonly leaves: readonly Value[] } {
    const leaves: Value[] = [];
    const variant = this.find(args, leaves);
    const { parameters } = variant.traced;
    return { variant, leaves: leaves.filter((_, i) => parameters[i] !== undefined) };
  }

  /** The variant for arguments like these, whose leaves are added to `leaves`. */
  private find(args: readonly Tree[], leaves: unknown[]): Variant {
    const device = currentDevice();
    const { variants } = this;
    for (const [i, v] of variants.entries()) {
      leaves.length = 0;
      if (v.device !== device || v.forms.length !== args.length || !v.forms.every((f, k) => gather(f, args[k], leaves))) continue;
      if (i > 0) variants.unshift(...variants.splice(i, 1));
      return v;
    }
    const traced = this.timed("trace", () => this.located(() => scope(() => new TracedProgram(this.program, args, this.wrt))));
    const forms = args.map((a, i) => formOf(a, !this.wrt.includes(i)));
    const made: Variant = { device, forms, traced, executors: new Map() };
    if (variants.length >= MAX_FORMS) forget(variants.pop() as Variant);
    variants.unshift(made);
    leaves.length = 0;
    for (const [k, f] of forms.entries()) gather(f, args[k], leaves);
    return made;
  }

  /** An error without a place is about the program as a whole. */
  private located<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof BenchError) error.span ??= this.program.span;
      throw error;
    }
  }

  private timed<T>(phase: keyof Prepare["phases"], body: () => T): T {
    const start = performance.now();
    const result = body();
    this.phases[phase] += performance.now() - start;
    return result;
  }

  /** The tangents of the leaves that are differentiated, in their order. */
  private tangentLeaves({ forms, traced }: Variant, args: readonly Tree[], tangents: readonly Tree[]): Value[] {
    const leaves = forms.flatMap((form, i) => {
      if (this.wrt.includes(i)) return leavesOf([tangents[i]]);
      const own: unknown[] = [];
      gather(form, args[i], own);
      return own;
    });
    return leaves.filter((_, i) => traced.active[i]) as Value[];
  }

  /** One entry per argument, shaped like it. */
  private perArgument({ forms, traced }: Variant, parts: readonly Value[]): readonly Tree[] {
    let leaf = 0;
    let part = 0;
    return forms.map((form, i) => {
      const shaped = mapForm(form, () => (traced.active[leaf++] ? (parts[part++] as Tree) : null));
      return this.wrt.includes(i) ? shaped : null;
    });
  }
}

function forget({ executors }: Variant): void {
  for (const e of executors.values()) e.dispose();
}

export const graph: Engine = {
  name: "graph",
  features: new Set(["closures", "nested-derivatives", "higher-order", "forward-mode"]),
  intrinsics,
  prepare: (program, example, wrt) => new Prepare(program, example, wrt),
};
