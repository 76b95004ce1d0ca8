/**
 * The program-transform engine: the program's source becomes graphs of the functional IR, specialised to the form of the arguments;
 * derivatives are transformations of those graphs, and JavaScript is made of the result. Nothing of differentiation is left to do
 * when the program runs.
 */
import { BenchError } from "../../core/base/errors.ts";
import { showProgram } from "../../core/compile/program.ts";
import type { Device } from "../../core/device/device.ts";
import { type Owned, own, scope } from "../../core/tensor/scope.ts";
import { currentDevice } from "../../core/tensor/tensor.ts";
import type { Engine, Intrinsics, Prepared, Program, Stage, Tree } from "../engine.ts";
import { type Form, formOf, gather, leavesOf, mapForm } from "../forms.ts";
import { inward, LONGEST, rowForm, treeOf } from "./arguments.ts";
import { emitJavaScript } from "./emit/javascript.ts";
import { type Loaded, load } from "./emit/run.ts";
import type { Graph } from "./ir/graph.ts";
import { pictureOf } from "./ir/picture.ts";
import { printGraph } from "./ir/print.ts";
import { countNodes, optimise } from "./optimise/optimise.ts";
import { Specialised } from "./specialised.ts";

/** Forms of arguments whose programs are kept, the most recent ones. */
const MAX_FORMS = 64;

/** A program for one form of its arguments on one device, with what has been loaded of it. */
interface Variant {
  readonly device: Device;
  readonly forms: readonly Form[];
  readonly specialised: Specialised;
  readonly loaded: Map<string, Loaded>;
}

/** A prepared program belongs to the scope that it was made in, and gives its plans back when that ends. */
class Transformed implements Prepared, Owned {
  owner = 0;
  /** Of what has been made so far. */
  readonly phases = { transform: 0, optimise: 0, compile: 0 };
  private readonly program: Program;
  private readonly wrt: readonly number[];
  /** The most recent first. */
  private readonly variants: Variant[] = [];
  /** Numbers that are not differentiated are left open, until the form of the program turns out to depend on them. */
  private needsNumbers = false;
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
      const leaves: unknown[] = [];
      const variant = this.find(args, leaves);
      const { specialised } = variant;
      return specialised.tree(this.run(variant, "value", () => specialised.graph, leaves, specialised.resultTypes.length));
    });
  }

  valueAndGrad(args: readonly Tree[]): { value: Tree; grad: readonly Tree[] } {
    return scope(() => {
      const leaves: unknown[] = [];
      const variant = this.find(args, leaves);
      const [value, ...parts] = this.run(variant, "grad", () => variant.specialised.gradient(), leaves);
      return { value: value as Tree, grad: this.perArgument(variant, parts) };
    });
  }

  vjp(args: readonly Tree[], cotangent: Tree): { value: Tree; grad: readonly Tree[] } {
    return scope(() => {
      const leaves: unknown[] = [];
      const variant = this.find(args, leaves);
      const { specialised } = variant;
      const all = this.run(variant, "vjp", () => specialised.vjp(), [...leaves, ...specialised.cotangents(cotangent)]);
      const n = specialised.resultTypes.length;
      return { value: specialised.tree(all.slice(0, n)), grad: this.perArgument(variant, all.slice(n)) };
    });
  }

  jvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; tangent: Tree } {
    return scope(() => {
      const leaves: unknown[] = [];
      const variant = this.find(args, leaves);
      const { specialised } = variant;
      const all = this.run(variant, "jvp", () => specialised.jvp(), [...leaves, ...this.tangentLeaves(variant, args, tangents)]);
      const n = specialised.resultTypes.length;
      return { value: specialised.tree(all.slice(0, n)), tangent: specialised.tree(all.slice(n)) };
    });
  }

  hvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; grad: readonly Tree[]; hvp: readonly Tree[] } {
    return scope(() => {
      const leaves: unknown[] = [];
      const variant = this.find(args, leaves);
      const all = this.run(variant, "hvp", () => variant.specialised.hvp(), [...leaves, ...this.tangentLeaves(variant, args, tangents)]);
      const n = all.length / 2;
      return {
        value: all[0] as Tree,
        grad: this.perArgument(variant, all.slice(1, n)),
        hvp: this.perArgument(variant, all.slice(n + 1)),
      };
    });
  }

  derivatives(x: number, order: number): readonly number[] {
    return scope(() => {
      const variant = this.find([x], []);
      return Array.from(
        { length: order + 1 },
        (_, n) => this.run(variant, `order ${n}`, () => variant.specialised.order(n), [x], 1)[0] as number,
      );
    });
  }

  counts() {
    return { irNodes: this.nodes };
  }

  stages(args: readonly Tree[]): readonly Stage[] {
    const { specialised } = this.find(args, []);
    const gradient = specialised.gradient();
    const { graph, passes } = optimise(gradient);
    const { text, programs } = emitJavaScript(graph);
    const work = passes.map((p) => `${p.name}: ${p.removed} nodes removed in ${p.milliseconds.toFixed(1)} ms`);
    const stage = (what: string, g: Graph): Stage => {
      const title = `${what} (${countNodes(g)} nodes)`;
      return { title, text: printGraph(g), picture: () => pictureOf(g, title) };
    };
    const last = stage("optimised", graph);
    return [
      stage("functional IR", specialised.graph),
      stage("gradient by source transformation", gradient),
      { ...last, text: `${last.text}\n\n${work.join("\n")}` },
      { title: "generated JavaScript", text },
      ...programs.map((p, i) => ({ title: `tensor program ${i}, before the compile service`, text: showProgram(p) })),
    ];
  }

  /** Runs what `graph` gives, loaded before or now. The results as a list, `count` of them where that is not clear from the result. */
  private run(variant: Variant, what: string, graph: () => Graph, leaves: readonly unknown[], count?: number): readonly unknown[] {
    let loaded = variant.loaded.get(what);
    if (loaded === undefined) {
      const made = this.timed("transform", graph);
      const optimised = this.timed("optimise", () => optimise(made).graph);
      this.nodes = countNodes(optimised);
      loaded = this.timed("compile", () => load(optimised));
      variant.loaded.set(what, loaded);
    }
    const result = loaded.run(...leaves.map(inward));
    return count === 1 ? [result] : (result as readonly unknown[]);
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
    const specialised = this.timed("transform", () => this.specialise(args));
    const forms = args.map((a, i) => formOf(a, this.needsNumbers && !this.wrt.includes(i), LONGEST));
    const made: Variant = { device, forms, specialised, loaded: new Map() };
    if (variants.length >= MAX_FORMS) forget(variants.pop() as Variant);
    variants.unshift(made);
    leaves.length = 0;
    for (const [k, f] of forms.entries()) gather(f, args[k], leaves);
    return made;
  }

  private specialise(args: readonly Tree[]): Specialised {
    const { program, wrt } = this;
    const known = () => new Specialised(program, args, wrt, (i) => wrt.includes(i));
    try {
      if (this.needsNumbers) return known();
      try {
        return new Specialised(program, args, wrt, () => true);
      } catch (error) {
        const mayHelp = error instanceof BenchError && (error.kind === "unsupported" || error.kind === "type") && wrt.length < args.length;
        if (!mayHelp) throw error;
        const specialised = known();
        this.needsNumbers = true;
        return specialised;
      }
    } catch (error) {
      if (error instanceof BenchError) error.span ??= program.span;
      throw error;
    }
  }

  private timed<T>(phase: keyof Transformed["phases"], body: () => T): T {
    const start = performance.now();
    const result = body();
    this.phases[phase] += performance.now() - start;
    return result;
  }

  /** The tangents of the leaves that are differentiated, in their order. */
  private tangentLeaves({ forms, specialised }: Variant, args: readonly Tree[], tangents: readonly Tree[]): unknown[] {
    const leaves = forms.flatMap((form, i) => {
      if (this.wrt.includes(i)) return leavesOf([tangents[i]], LONGEST);
      const own: unknown[] = [];
      gather(form, args[i], own);
      return own;
    });
    return leaves.filter((_, i) => specialised.active[i]);
  }

  /** One entry per argument, shaped like it. */
  private perArgument({ forms, specialised }: Variant, parts: readonly unknown[]): readonly Tree[] {
    let leaf = 0;
    let part = 0;
    return forms.map((form, i) => {
      const shaped = mapForm(form, (f) => (specialised.active[leaf++] ? partOf(f, parts[part++]) : null));
      return this.wrt.includes(i) ? shaped : null;
    });
  }
}

/** A part of a gradient, shaped like the leaf that it belongs to. */
function partOf(form: Form, part: unknown): Tree {
  return form.kind === "long" ? treeOf(rowForm(form), [part]) : (part as Tree);
}

function forget({ loaded }: Variant): void {
  for (const { dispose } of loaded.values()) dispose();
}

/** Programs of this engine call these at specialisation only. */
const onlyInPrograms = (name: string) => (): never => {
  throw new BenchError("usage", `${name} of the program-transform engine is read from the program's source and is not a function`);
};

const intrinsics: Intrinsics = {
  grad: onlyInPrograms("grad"),
  valueAndGrad: onlyInPrograms("valueAndGrad"),
  vjp: onlyInPrograms("vjp"),
  jvp: onlyInPrograms("jvp"),
  stopGradient: onlyInPrograms("stopGradient"),
  checkpoint: onlyInPrograms("checkpoint"),
};

export const programTransform: Engine = {
  name: "program-transform",
  features: new Set(["data-dependent-control-flow", "recursion", "closures", "nested-derivatives", "higher-order", "forward-mode"]),
  intrinsics,
  prepare: (program, example, wrt) => new Transformed(program, example, wrt),
};
