/**
 * The program-transform engine: the program's source becomes graphs of the functional IR, specialised to the form of the arguments;
 * derivatives are transformations of those graphs, and JavaScript is made of the result. Nothing of differentiation is left to do
 * when the program runs.
 */
import { BenchError, mismatch } from "../../core/base/errors.ts";
import { type Owned, own, scope } from "../../core/tensor/scope.ts";
import { currentDevice, Tensor } from "../../core/tensor/tensor.ts";
import type { Engine, Intrinsics, Prepared, Program, Tree } from "../engine.ts";
import { type Cotangent, isDifferentiable, materialise } from "./differentiate/cotangent.ts";
import { dual } from "./differentiate/forward.ts";
import { gradient } from "./differentiate/gradient.ts";
import { joint } from "./differentiate/reverse.ts";
import { Numbers } from "./emit/arrays.ts";
import { type Loaded, load } from "./emit/run.ts";
import { type Builder, makeGraph } from "./ir/build.ts";
import { extract, pack } from "./ir/extract.ts";
import { type Graph, graphsBelow, type Node, reachable } from "./ir/graph.ts";
import { arrayType, NUM, type Type, tensorType } from "./ir/type.ts";
import { Modules } from "./specialise/module.ts";
import { Natives } from "./specialise/natives.ts";
import { isNode, Nothing, NULL, Obj, Text, UNDEFINED, type Value } from "./specialise/value.ts";

/** Longer arrays of numbers are one value, shorter ones are taken apart. */
const LONG = 64;

/** A program specialised to the form of its arguments. */
interface Specialised {
  readonly graph: Graph;
  /** For each leaf of the arguments, the argument that it belongs to. */
  readonly owner: readonly number[];
  readonly types: readonly Type[];
  readonly result: Value;
  readonly resultTypes: readonly Type[];
}

type Run = Loaded["run"];

/** A prepared program belongs to the scope that it was made in, and gives its plans back when that ends. */
class Transformed implements Prepared, Owned {
  owner = 0;
  readonly phases = {};
  private readonly program: Program;
  private readonly wrt: readonly number[];
  private readonly forms = new Map<string, Specialised>();
  private readonly loaded = new Map<string, Loaded>();
  private nodes = 0;

  constructor(program: Program, example: readonly Tree[], wrt: readonly number[]) {
    this.program = program;
    this.wrt = wrt;
    this.specialised(example);
    own(this);
  }

  release(): void {
    for (const { dispose } of this.loaded.values()) dispose();
    this.loaded.clear();
  }

  value(args: readonly Tree[]): Tree {
    const s = this.specialised(args);
    return scope(() => this.tree(s.result, this.outputs(this.run("value", args, () => s.graph)(...leavesOf(args)), s.resultTypes.length)));
  }

  valueAndGrad(args: readonly Tree[]): { value: Tree; grad: readonly Tree[] } {
    const s = this.specialised(args);
    this.checkScalar(s);
    return scope(() => {
      const all = this.outputs(this.run("grad", args, () => this.gradientGraph(s))(...leavesOf(args)), undefined);
      return { value: all[0] as Tree, grad: this.perArgument(args, s, all.slice(1)) };
    });
  }

  vjp(args: readonly Tree[], cotangent: Tree): { value: Tree; grad: readonly Tree[] } {
    const s = this.specialised(args);
    return scope(() => {
      const run = this.run("vjp", args, () => this.vjpGraph(s));
      const all = this.outputs(run(...leavesOf(args), ...leavesOf([cotangent])), undefined);
      const n = s.resultTypes.length;
      return { value: this.tree(s.result, all.slice(0, n)), grad: this.perArgument(args, s, all.slice(n)) };
    });
  }

  jvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; tangent: Tree } {
    const s = this.specialised(args);
    return scope(() => {
      const run = this.run("jvp", args, () => this.jvpGraph(s.graph, this.active(s)));
      const all = this.outputs(run(...leavesOf(args), ...this.tangentLeaves(s, tangents)), undefined);
      const n = s.resultTypes.length;
      return { value: this.tree(s.result, all.slice(0, n)), tangent: this.tree(s.result, all.slice(n)) };
    });
  }

  hvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; grad: readonly Tree[]; hvp: readonly Tree[] } {
    const s = this.specialised(args);
    this.checkScalar(s);
    return scope(() => {
      const run = this.run("hvp", args, () => this.jvpGraph(this.gradientGraph(s), this.active(s)));
      const all = this.outputs(run(...leavesOf(args), ...this.tangentLeaves(s, tangents)), undefined);
      const n = all.length / 2;
      return { value: all[0] as Tree, grad: this.perArgument(args, s, all.slice(1, n)), hvp: this.perArgument(args, s, all.slice(n + 1)) };
    });
  }

  derivatives(x: number, order: number): readonly number[] {
    const s = this.specialised([x]);
    if (s.types.length !== 1 || s.types[0] !== NUM || s.resultTypes[0] !== NUM)
      throw mismatch("derivatives of higher order need a function from a number to a number");
    const all: number[] = [];
    let graph = s.graph;
    for (let n = 0; n <= order; n++) {
      const now = graph;
      all.push(this.run(`d${n}`, [x], () => now)(x) as number);
      if (n < order) graph = this.derivativeOf(graph);
    }
    return all;
  }

  counts() {
    return { irNodes: this.nodes };
  }

  private readonly derived = new WeakMap<Graph, Graph>();
  private derivativeOf(graph: Graph): Graph {
    const known = this.derived.get(graph) ?? gradient(graph, 0);
    this.derived.set(graph, known);
    return known;
  }

  private run(what: string, args: readonly Tree[], graph: () => Graph): Run {
    const key = `${what}|${currentDevice().name}|${this.keyOf(args)}`;
    let loaded = this.loaded.get(key);
    if (loaded === undefined) {
      const g = graph();
      this.nodes = graphsBelow(g).reduce((n, below) => n + reachable([below.result as Node]).length, 0);
      loaded = load(g);
      this.loaded.set(key, loaded);
    }
    return loaded.run;
  }

  private specialised(args: readonly Tree[]): Specialised {
    const known = this.forms.get(this.keyOf(args));
    if (known !== undefined) return known;
    const s = this.specialiseWith(args);
    this.forms.set(this.keyOf(args), s);
    return s;
  }

  /** Numbers that are not differentiated are left open, and become known only where the form of the program depends on them. */
  private specialiseWith(args: readonly Tree[]): Specialised {
    try {
      if (this.needsNumbers) return scope(() => specialise(this.program, args, this.wrt));
      try {
        return scope(() => specialise(this.program, args, undefined));
      } catch (error) {
        const mayHelp =
          error instanceof BenchError &&
          (error.kind === "unsupported" || error.kind === "type") &&
          args.some((a, i) => typeof a === "number" && !this.wrt.includes(i));
        if (!mayHelp) throw error;
        const s = scope(() => specialise(this.program, args, this.wrt));
        this.needsNumbers = true;
        return s;
      }
    } catch (error) {
      if (error instanceof BenchError) error.span ??= this.program.span;
      throw error;
    }
  }

  private needsNumbers = false;

  private keyOf(args: readonly Tree[]): string {
    if (!this.needsNumbers) return formOf(args);
    return `${formOf(args)}|${args.map((a, i) => (typeof a === "number" && !this.wrt.includes(i) ? a : "")).join(";")}`;
  }

  private active(s: Specialised): boolean[] {
    return s.types.map((t, i) => this.wrt.includes(s.owner[i] as number) && isDifferentiable(t));
  }

  private checkScalar(s: Specialised): void {
    const [t] = s.resultTypes;
    const isScalar = s.resultTypes.length === 1 && isNode(s.result) && (t === NUM || (t?.kind === "tensor" && t.aval.size === 1));
    if (isScalar) return;
    throw new BenchError("type", "the gradient needs a result that is one number, and this function returns something else", {
      advice: "return a sum, or one component",
      span: this.program.span,
    });
  }

  private gradientGraph(s: Specialised): Graph {
    const active = this.active(s);
    return makeGraph(`${s.graph.name}∇`, s.types, (b, params) => {
      const { result, adjoints } = joint(b, s.graph, params, active, "all", (r) => oneLike(b, r));
      return b.tuple([result, ...params.flatMap((p, i) => (active[i] ? [materialise(b, adjoints[i], p)] : []))]);
    });
  }

  private vjpGraph(s: Specialised): Graph {
    const active = this.active(s);
    return makeGraph(`${s.graph.name}◀`, [...s.types, ...s.resultTypes], (b, params) => {
      const seeds = params.slice(s.types.length);
      const own = params.slice(0, s.types.length);
      const { result, adjoints } = joint(b, s.graph, own, active, "all", () =>
        seeds.length === 1 ? seeds[0] : { fields: seeds.map((n) => (isDifferentiable(n.type) ? n : undefined)) },
      );
      const values = s.resultTypes.length === 1 ? [result] : b.fields(result);
      return b.tuple([...values, ...own.flatMap((p, i) => (active[i] ? [materialise(b, adjoints[i], p)] : []))]);
    });
  }

  private jvpGraph(graph: Graph, active: readonly boolean[]): Graph {
    const types = graph.params.map((p) => p.type);
    const chosen = types.flatMap((t, i) => (active[i] ? [t] : []));
    return makeGraph(`${graph.name}̇`, [...types, ...chosen], (b, params) => {
      let next = types.length;
      const { value, tangent } = dual(
        b,
        graph,
        params.slice(0, types.length),
        types.map((_, i) => (active[i] ? params[next++] : undefined)),
      );
      const both = [value, materialise(b, tangent, value)];
      return b.tuple(both.flatMap((n) => (n.type.kind === "tuple" ? b.fields(n) : [n])));
    });
  }

  private tangentLeaves(s: Specialised, tangents: readonly Tree[]): unknown[] {
    const active = this.active(s);
    const leaves = tangents.flatMap((t, i) =>
      this.wrt.includes(i) ? leavesOf([t]) : Array<unknown>(s.owner.filter((o) => o === i).length).fill(0),
    );
    return leaves.filter((_, i) => active[i]);
  }

  private outputs(result: unknown, count: number | undefined): unknown[] {
    return count === 1 ? [result] : (result as unknown[]);
  }

  private perArgument(args: readonly Tree[], s: Specialised, parts: readonly unknown[]): readonly Tree[] {
    const active = this.active(s);
    const queue = [...parts];
    let leaf = 0;
    const shaped = (t: Tree): Tree => {
      if (typeof t === "number" || t instanceof Tensor) return active[leaf++] ? (queue.shift() as Tree) : null;
      if (isLong(t)) return active[leaf++] ? toArray(queue.shift()) : null;
      if (Array.isArray(t)) return t.map(shaped);
      if (typeof t === "object" && t !== null) return Object.fromEntries(Object.entries(t).map(([k, v]) => [k, shaped(v as Tree)]));
      return null;
    };
    return args.map((a, i) => {
      const shape = shaped(a);
      return this.wrt.includes(i) ? shape : null;
    });
  }

  private tree(v: Value, leaves: readonly unknown[]): Tree {
    const queue = [...leaves];
    const build = (x: Value): Tree => {
      if (isNode(x)) return toArray(queue.shift());
      if (x instanceof Text) return x.text;
      if (x instanceof Nothing) return x.name === "null" ? null : undefined;
      if (!(x instanceof Obj)) throw mismatch("the program returns a function");
      const c = x.content.value;
      if (c.kind === "array") return toArray(queue.shift());
      if (c.kind === "list") return c.items.map(build);
      return Object.fromEntries([...c.fields].map(([k, f]) => [k, build(f)]));
    };
    return build(v);
  }
}

function oneLike(b: Builder, result: Node): Cotangent {
  if (result.type.kind !== "tensor") return b.constant(1);
  const { dtype, shape } = result.type.aval;
  const one = b.ops.lift(b.constant(1), dtype);
  return shape.length === 0 ? one : b.ops.broadcastTo(one, shape);
}

function toArray(x: unknown): Tree {
  return x instanceof Numbers ? Array.from(x.data.subarray(0, x.length)) : (x as Tree);
}

const isLong = (t: Tree): t is readonly number[] => Array.isArray(t) && t.length > LONG && t.every((x) => typeof x === "number");

/** The numbers, tensors and long arrays of arguments, in order. */
function leavesOf(trees: readonly Tree[]): unknown[] {
  return trees.flatMap((t): unknown[] => {
    if (typeof t === "number" || t instanceof Tensor) return [t];
    if (isLong(t)) return [new Numbers(Float64Array.from(t), t.length)];
    if (Array.isArray(t)) return leavesOf(t);
    return typeof t === "object" && t !== null ? leavesOf(Object.values(t)) : [];
  });
}

/** What a specialisation depends on. */
function formOf(trees: readonly Tree[]): string {
  const show = (t: Tree): string => {
    if (typeof t === "number") return "n";
    if (t instanceof Tensor) return `t${t.aval.id}`;
    if (isLong(t)) return "a";
    if (Array.isArray(t)) return `[${t.map(show).join(",")}]`;
    if (typeof t === "object" && t !== null)
      return `{${Object.entries(t)
        .map(([k, v]) => `${k}:${show(v as Tree)}`)
        .join(",")}}`;
    return JSON.stringify(t) ?? "undefined";
  };
  return trees.map(show).join(";");
}

/** `open`: the arguments whose numbers are not known; all where not given. */
function specialise(program: Program, args: readonly Tree[], open: readonly number[] | undefined): Specialised {
  const s = new Natives();
  const modules = new Modules(program.sources, s);
  const module = modules.load(program.file, program.source);
  const f = module.exports.get(program.exportName)?.();
  if (f === undefined) throw new BenchError("usage", `${program.file} has no export named ${program.exportName}`);
  const types: Type[] = [];
  const owner: number[] = [];
  const params: Node[] = [];
  const leaf = (type: Type, argument: number): Node => {
    types.push(type);
    owner.push(argument);
    const param = s.frame.param(type);
    params.push(param);
    return param;
  };
  const value = (t: Tree, argument: number): Value => {
    if (typeof t === "number") {
      const node = leaf(NUM, argument);
      return open === undefined || open.includes(argument) ? node : s.number(t);
    }
    if (t instanceof Tensor) return leaf(tensorType(t.aval), argument);
    if (isLong(t)) return s.object({ kind: "array", node: leaf(arrayType(NUM), argument) });
    if (Array.isArray(t)) return s.list(t.map((x) => value(x, argument)));
    if (typeof t === "string") return new Text(t);
    if (typeof t === "boolean") return s.truth(t);
    if (t === null) return NULL;
    if (t === undefined) return UNDEFINED;
    return s.record(new Map(Object.entries(t).map(([k, v]) => [k, value(v as Tree, argument)])));
  };
  const given = args.map((a, i) => value(a, i));
  s.module = module;
  const result = s.call(f, given, undefined, module.parsed.body[0] as never);
  const leaves: Node[] = [];
  s.leavesIn(result, leaves);
  const graph = extract(program.exportName, params, leaves, (b, r) => pack(b, r), program.span);
  return { graph, owner, types, result, resultTypes: leaves.map((n) => n.type) };
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
};

export const programTransform: Engine = {
  name: "program-transform",
  features: new Set(["data-dependent-control-flow", "recursion", "closures", "nested-derivatives", "higher-order", "forward-mode"]),
  intrinsics,
  prepare: (program, example, wrt) => new Transformed(program, example, wrt),
};
