/**
 * A program as a graph: it is run once on outputs in place of its arguments, and what it does with them is the graph. Tensors and the
 * numbers that are differentiated are parameters; other numbers are constants, as conditions and counts of the program may need them.
 */
import { mismatch } from "../../core/base/errors.ts";
import { withControlFlow } from "../../core/tensor/control.ts";
import { scope } from "../../core/tensor/scope.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import type { Program, Tree } from "../engine.ts";
import { isDifferentiable, isValue, kindOf, mapTree, oneLike, scalarResult, zeroLike, zipTree } from "../trees.ts";
import { control } from "./control.ts";
import { forward } from "./differentiate/forward.ts";
import { backward, itself } from "./differentiate/reverse.ts";
import { Graph, inside, Output, typeOf } from "./graph.ts";
import { intrinsics } from "./intrinsics.ts";
import { rebuild } from "./optimise/rebuild.ts";
import { named, nameOf, Places } from "./origin.ts";
import type { Type } from "./type.ts";

/** Where a parameter stands in the arguments. */
const PARAMETER = Symbol("parameter");

export class TracedProgram {
  readonly graph: Graph;
  /** One per leaf of the arguments; undefined where it is a constant. */
  readonly parameters: readonly (Output | undefined)[];
  /** Which leaves are differentiated. */
  readonly active: readonly boolean[];
  /** The program's result, over the graph. */
  private readonly result: unknown;
  private gradients: { readonly value: Value; readonly cotangents: readonly Value[] } | undefined;

  constructor(program: Program, args: readonly Tree[], wrt: readonly number[]) {
    const parameters: (Type | undefined)[] = [];
    const active: boolean[] = [];
    const names: string[] = [];
    const given = args.map((arg, i) => {
      zipTree(arg, arg, (_leaf, _same, path) => names.push(`arg${i}${path}`));
      return mapTree(arg, (leaf) => {
        if (!isValue(leaf)) return leaf;
        const isWrt = wrt.includes(i);
        const isParameter = typeof leaf !== "number" || isWrt;
        parameters.push(isParameter ? typeOf(leaf) : undefined);
        active.push(isWrt && isDifferentiable(leaf));
        // The tensor may be gone when the program is traced again.
        return isParameter ? PARAMETER : leaf;
      });
    });
    this.active = active;
    const f = program.overloaded(intrinsics);
    const run = () => {
      const graph = new Graph(program.exportName);
      let at = 0;
      let leaves = 0;
      const made: (Output | undefined)[] = [];
      const values = given.map((arg) =>
        mapTree(arg, (leaf) => {
          const name = names[leaves++] as string;
          if (leaf !== PARAMETER && !isValue(leaf)) return leaf;
          const type = parameters[at++];
          const p = type === undefined ? undefined : named(name, () => graph.parameter(type));
          made.push(p);
          return p ?? leaf;
        }),
      );
      const result = withControlFlow(control, () => inside(graph, () => f(...values)));
      return { graph, parameters: made, result: mapTree(result, (x) => (x instanceof Tensor ? graph.bring(x) : x)) };
    };
    const traced = run();
    this.graph = traced.graph;
    this.graph.places = new Places(() => scope(run));
    this.parameters = traced.parameters;
    this.result = traced.result;
  }

  /** Results of the program, its leaves that are values, in order. */
  get results(): readonly Value[] {
    const leaves: Value[] = [];
    mapTree(this.result, (x) => (isValue(x) ? leaves.push(x) : x));
    return leaves;
  }

  /** The program's result with other values for its leaves; what is no value is as the program gave it, or null. */
  tree(values: readonly Value[], isTangent = false): Tree {
    let i = 0;
    return mapTree(this.result, (x) => {
      if (!isValue(x)) return isTangent ? null : x;
      const value = values[i++];
      return isTangent && !isDifferentiable(x) ? null : value;
    }) as Tree;
  }

  value(): Graph {
    return this.view("value", [], this.results);
  }

  gradient(): Graph {
    const { value, cotangents } = this.differentiated();
    return this.view("gradient", [], [value, ...cotangents]);
  }

  /** Further parameters: a cotangent for each result. */
  vjp(): Graph {
    const { graph, results } = this;
    return inside(graph, () => {
      const seeds = results.map((r) => newParameter(graph, typeOf(r)));
      const outputs = results.flatMap((r, i) => (r instanceof Output && isDifferentiable(r) ? [{ r, seed: seeds[i] as Output }] : []));
      const cts = backward(
        outputs.map((o) => o.r),
        outputs.map((o) => o.seed),
        this.sources(),
        itself,
      );
      return this.view("vjp", seeds, [...results, ...this.sources().map((s, i) => cts[i] ?? zeroLike(s))]);
    });
  }

  /** Further parameters: a tangent for each leaf that is differentiated. */
  jvp(): Graph {
    return this.withTangents("jvp", this.results);
  }

  /** Forward over reverse. */
  hvp(): Graph {
    const { value, cotangents } = this.differentiated();
    return this.withTangents("hvp", [value, ...cotangents]);
  }

  /** The derivative of this order of a function from a number to a number. */
  order(n: number): Graph {
    const { graph, parameters } = this;
    const [x] = parameters;
    return inside(graph, () => {
      let [y] = this.results as [Value];
      if (parameters.length !== 1 || typeOf(y).kind !== "number" || isValue(this.result) === false)
        throw mismatch(
          `derivatives of higher order need a function from a number to a number, and this one returned ${kindOf(this.result)}`,
        );
      for (let k = 0; k < n; k++) y = y instanceof Output ? (backward([y], [1], [x as Output], itself)[0] ?? 0) : 0;
      return this.view(`order ${n}`, [], [y]);
    });
  }

  /** Names of what the gradient is taken by, in its order: `arg0.w`. */
  get sourceNames(): readonly string[] {
    return this.sources().map((s) => nameOf(s.node));
  }

  private sources(): readonly Output[] {
    return this.parameters.filter((p, i): p is Output => p !== undefined && this.active[i] === true);
  }

  private differentiated(): { readonly value: Value; readonly cotangents: readonly Value[] } {
    this.gradients ??= inside(this.graph, () => {
      const value = scalarResult(this.result, "the gradient");
      const sources = this.sources();
      const cts = value instanceof Output ? backward([value], [oneLike(value)], sources, itself) : [];
      return { value, cotangents: sources.map((s, i) => this.graph.bring(cts[i] ?? zeroLike(s))) };
    });
    return this.gradients;
  }

  private withTangents(name: string, results: readonly Value[]): Graph {
    const { graph } = this;
    return inside(graph, () => {
      const sources = this.sources();
      const tangents = sources.map((s) => newParameter(graph, s.type));
      const found = forward(
        results.map((r) => graph.bring(r)),
        new Map(sources.map((s, i) => [s, tangents[i] as Output])),
      );
      return this.view(name, tangents, [...results, ...results.map((r, i) => found[i] ?? zeroLike(r))]);
    });
  }

  /** What `results` need, as a graph of the leaves that are parameters and of `further` ones. */
  private view(name: string, further: readonly Output[], results: readonly Value[]): Graph {
    const view = new Graph(name);
    view.parameters.push(...this.parameters.filter((p) => p !== undefined), ...further);
    view.results.push(...inside(this.graph, () => results.map((r) => this.graph.bring(r))));
    return rebuild(view);
  }
}

/** A parameter that is none of the program's. */
function newParameter(graph: Graph, type: ReturnType<typeof typeOf>): Output {
  return graph.add({ op: "parameter" }, [], [type]).outputs[0] as Output;
}
