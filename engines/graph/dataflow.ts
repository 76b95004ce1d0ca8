/**
 * Graphs built by hand, as a user of TensorFlow 1 builds them: placeholders that are fed, variables that live across runs, name scopes,
 * gradients as further nodes. A dataflow is a function that builds a graph once, and again for each form of a placeholder whose
 * dimensions were left open, so shapes are known wherever nodes are made.
 *
 *     const regression = new Dataflow("regression", (g) => {
 *       const x = g.placeholder("x", "f64", ["rows", 2]);
 *       const y = g.placeholder("y", "f64", ["rows", 1]);
 *       const w = g.variable("w", () => createTensor([0, 0], [2, 1], "f64"));
 *       const loss = mseLoss(matmul(x, w), y);
 *       const [slope] = g.gradients([loss], [w]);
 *       return { loss, step: g.assign(w, sub(w, mul(slope, 0.1))) };
 *     });
 *     const session = new Session(regression);
 *     session.run(regression.ends, { x: points, y: values });
 */
import { type Aval, aval } from "../../core/base/aval.ts";
import type { DType } from "../../core/base/dtype.ts";
import { mismatch, unsupported } from "../../core/base/errors.ts";
import { withControlFlow } from "../../core/tensor/control.ts";
import { scope } from "../../core/tensor/scope.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { valueOps } from "../../core/tensor/values.ts";
import { located } from "../places.ts";
import { oneLike, zeroLike } from "../trees.ts";
import { check, control, customGradient, graphFunction } from "./control.ts";
import { forward } from "./differentiate/forward.ts";
import { backward, itself } from "./differentiate/reverse.ts";
import { Graph, inside, Output, type TensorConstant } from "./graph.ts";
import { named, Places } from "./origin.ts";
import { sameType, showType, tensorType } from "./type.ts";

/** Lengths along the axes. What each run may have of its own is null, or a name: what has one name has one length. */
export type OpenShape = readonly (number | string | null)[];

/** A tensor that lives across the runs of a session. Two of one name are one. */
export class Variable {
  readonly name: string;
  readonly initial: TensorConstant;
  readonly isTrainable: boolean;

  constructor(name: string, initial: TensorConstant, isTrainable: boolean) {
    this.name = name;
    this.initial = initial;
    this.isTrainable = isTrainable;
  }
}

/** What a run that fetches it writes to a variable, when all has been computed. */
export class Update {
  readonly variable: Variable;
  readonly value: Output;

  constructor(variable: Variable, value: Output) {
    this.variable = variable;
    this.value = value;
  }
}

export interface Placeholder {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: OpenShape;
  readonly output: Output;
}

/** A number for each number, a tensor for each tensor. */
type Like<A extends readonly unknown[]> = { [K in keyof A]: A[K] extends number ? number : Tensor };

export interface GradientOptions {
  /** Cotangents of the ys; ones where absent, which needs ys of one element. */
  readonly seeds?: readonly (Tensor | number)[];
  /** Values through which nothing flows. */
  readonly stop?: readonly Tensor[];
  /** What is given for an x that no y depends on: zeros, or an error. */
  readonly unconnected?: "zero" | "refuse";
}

/** One graph of a dataflow: for one form of each placeholder. */
export class Building {
  readonly graph: Graph;
  readonly placeholders = new Map<string, Placeholder>();
  /** Each variable that is read, as the parameter that it is. */
  readonly reads = new Map<string, Output>();
  readonly variables: Map<string, Variable>;
  readonly lengths: (dimension: string) => number;
  /** Set when the graph is built to its end: it takes nothing more. */
  isFinal = false;

  /** `lengths`: of open dimensions, by their names; one without a name is called `x.0` by its placeholder and axis. */
  constructor(graph: Graph, variables: Map<string, Variable>, lengths: (dimension: string) => number) {
    this.graph = graph;
    this.variables = variables;
    this.lengths = lengths;
  }

  /** For building the same graph again. */
  again(): Building {
    return new Building(new Graph(this.graph.name), this.variables, this.lengths);
  }

  /** A tensor that is given for each run. */
  placeholder(name: string, dtype: DType, shape: OpenShape): Tensor {
    this.mustBeOpen(`placeholder ${name}`);
    if (this.placeholders.has(name)) throw mismatch(`there are two placeholders of the name ${name}`, "give each a name of its own");
    const known = shape.map((d, i) => (typeof d === "number" ? d : this.lengths(d ?? `${name}.${i}`)));
    const output = named(name, () => this.graph.parameter(tensorType(aval(known, dtype))));
    this.placeholders.set(name, { name, dtype, shape, output });
    return output as unknown as Tensor;
  }

  /** A tensor that lives across runs; `initial` is asked once. */
  variable(name: string, initial: () => Tensor, options: { readonly trainable?: boolean } = {}): Tensor {
    this.mustBeOpen(`variable ${name}`);
    let variable = this.variables.get(name);
    if (variable === undefined) {
      const start = scope(() => {
        const t = withControlFlow(undefined, initial);
        if (!(t instanceof Tensor))
          throw mismatch(`the initial value of variable ${name} is no tensor`, "give createTensor(...), or random numbers");
        return { aval: t.aval, data: t.toArray() };
      });
      variable = new Variable(name, start, options.trainable ?? true);
      this.variables.set(name, variable);
    }
    let read = this.reads.get(name);
    if (read === undefined) {
      const { initial: start } = variable;
      read = named(name, () => this.graph.parameter(tensorType(start.aval)));
      this.reads.set(name, read);
    }
    return read as unknown as Tensor;
  }

  /** The variables that are trained, in the order in which they were made. */
  trainable(): Tensor[] {
    return [...this.reads].flatMap(([name, read]) => (this.variables.get(name)?.isTrainable ? [read as unknown as Tensor] : []));
  }

  /** A write of a variable, which a run that fetches it does at its end. */
  assign(variable: Tensor, value: Tensor): Update {
    const found = [...this.reads].find(([, read]) => read === (variable as unknown as Output));
    if (found === undefined)
      throw mismatch("assign writes variables, and was given another tensor", "make it with variable(name, initial)");
    const output = this.graph.bring(value as unknown as Value);
    const [name, read] = found;
    if (!sameType(output.type, read.type))
      throw mismatch(`variable ${name} is ${showType(read.type)}, and is assigned ${showType(output.type)}`);
    return new Update(this.variables.get(name) as Variable, output);
  }

  /**
   * What another dataflow returns, built into this graph: its placeholders and variables, names of nodes too, are called `prefix/...`;
   * placeholders that are `given` are these values. So a graph that was restored from a file becomes a part of another.
   */
  include<T>(dataflow: Dataflow<T>, prefix: string, given: Readonly<Record<string, Tensor>> = {}): T {
    this.mustBeOpen(prefix);
    return named(prefix, () => dataflow.build(new Included(this, prefix, given)));
  }

  private mustBeOpen(what: string): void {
    if (this.isFinal)
      throw mismatch(`${what} is added to the graph ${this.graph.name}, which is built`, "make it in the building function");
  }

  /** Nodes made by `body` have names below this one. */
  scope<T>(name: string, body: () => T): T {
    return named(name, body);
  }

  /** The value, through which no derivative flows. */
  stopGradient(x: Tensor): Tensor {
    return valueOps.stopGradient(x as unknown as Value) as Tensor;
  }

  /**
   * A function of a tensor, or of tensors in arrays and records, whose derivative is given: `pullback` makes the cotangent of x of that
   * of y. It is differentiated in its turn, for a second order; forward mode refuses it.
   */
  customGradient<X, Y>(f: (x: X) => Y, pullback: (ct: Y, x: X, y: Y) => X): (x: X) => Y {
    return customGradient(f as never, pullback as never) as (x: X) => Y;
  }

  /**
   * A function that may call itself by its first argument: `takes` and `gives` are values like those that it takes and gives. It is one
   * graph, whatever the depth of calls, and is differentiated in both modes; what it uses of around it must be an argument.
   *
   *     const power = g.function("power", [x, n], [x], (self, x, n) => [
   *       cond(lt(n, 1), () => 1, () => mul(x, self(x, sub(n, 1))[0])),
   *     ]);
   */
  function<A extends readonly (Tensor | number)[], R extends readonly (Tensor | number)[]>(
    name: string,
    takes: readonly [...A],
    gives: readonly [...R],
    f: (self: (...args: Like<A>) => Like<R>, ...args: Like<A>) => Like<R>,
  ): (...args: Like<A>) => Like<R> {
    return graphFunction(name, takes as never, gives as never, f as never) as never;
  }

  /** `value`, where the condition holds when a run computes it; a run for which it does not ends with this message. */
  check(value: Tensor, condition: Tensor | number, message: string): Tensor {
    return check(value as unknown as Value, condition as unknown as Value, message) as unknown as Tensor;
  }

  /** Gradients of the ys by each of the xs, as nodes added to the graph. O(nodes between them). */
  gradients(ys: readonly Tensor[], xs: readonly Tensor[], options: GradientOptions = {}): Tensor[] {
    const { seeds, stop = [], unconnected = "zero" } = options;
    const results = (ys as unknown as Output[]).map((y, i) => {
      if (!(y instanceof Output)) throw mismatch(`y ${i} of gradients is no value of the graph`);
      if (seeds === undefined && y.aval.size !== 1)
        throw mismatch(
          `y ${i} of gradients is ${showType(y.type)}, which has no gradient by itself`,
          "reduce it with sum(...), or give seeds",
        );
      return y;
    });
    const sources = (xs as unknown as Output[]).map((x, i) => {
      if (!(x instanceof Output)) throw mismatch(`x ${i} of gradients is no value of the graph`);
      return x;
    });
    const cts = backward(
      results,
      results.map((y, i) => (seeds?.[i] as Value | undefined) ?? oneLike(y)),
      sources,
      itself,
      new Set(stop as unknown as Output[]),
    );
    return sources.map((x, i) => {
      const ct = cts[i];
      if (ct === undefined && unconnected === "refuse")
        throw mismatch(`no y depends on x ${i} of gradients (${showType(x.type)})`, 'leave it out, or take { unconnected: "zero" }');
      return this.graph.bring(ct ?? zeroLike(x)) as unknown as Tensor;
    });
  }

  /** Tangents of the ys where those of the xs are given, by forward mode. */
  tangents(ys: readonly Tensor[], xs: readonly Tensor[], given: readonly Tensor[]): Tensor[] {
    const found = forward(ys as unknown as Output[], new Map((xs as unknown as Output[]).map((x, i) => [x, given[i] as unknown as Value])));
    return ys.map((y, i) => this.graph.bring(found[i] ?? zeroLike(y as unknown as Value)) as unknown as Tensor);
  }
}

/** The building of a dataflow that becomes a part of another. */
class Included extends Building {
  private readonly outer: Building;
  private readonly prefix: string;
  private readonly given: Readonly<Record<string, Tensor>>;

  constructor(outer: Building, prefix: string, given: Readonly<Record<string, Tensor>>) {
    super(outer.graph, outer.variables, outer.lengths);
    this.outer = outer;
    this.prefix = prefix;
    this.given = given;
  }

  override placeholder(name: string, dtype: DType, shape: OpenShape): Tensor {
    const value = this.given[name];
    if (value === undefined) return named("/", () => this.outer.placeholder(`${this.prefix}/${name}`, dtype, shape));
    const own = value.shape;
    if (value.dtype !== dtype || own.length !== shape.length || shape.some((d, i) => typeof d === "number" && d !== own[i]))
      throw mismatch(
        `placeholder ${name} of ${this.prefix} is ${dtype}[${shape.map((d) => d ?? "?").join(", ")}], and is given ${value.dtype}[${own.join(", ")}]`,
      );
    return value;
  }

  override variable(name: string, initial: () => Tensor, options: { readonly trainable?: boolean } = {}): Tensor {
    const read = named("/", () => this.outer.variable(`${this.prefix}/${name}`, initial, options));
    this.reads.set(`${this.prefix}/${name}`, read as unknown as Output);
    return read;
  }
}

/** What a run can fetch, or be fed: the leaves of what the building function returned. */
export type End = Output | Update;

export interface Built {
  readonly building: Building;
  readonly ends: readonly End[];
}

/** Lengths that stand for open ones until a run says others; errors about shapes show them. */
const OPEN_LENGTH = 2;

export class Dataflow<T = unknown> {
  readonly name: string;
  /** What the building function returned: outputs and updates in arrays and records. */
  readonly ends: T;
  readonly variables = new Map<string, Variable>();
  readonly first: Built;
  readonly build: (g: Building) => T;
  private readonly others = new Map<string, Built>();

  constructor(name: string, build: (g: Building) => T) {
    this.name = name;
    this.build = build;
    const building = new Building(new Graph(name), this.variables, () => OPEN_LENGTH);
    this.ends = this.built(building);
    this.first = { building, ends: endsOf(this.ends) };
  }

  /** The graph for placeholders of these forms. */
  for(given: ReadonlyMap<string, Aval>): Built {
    const lengths = this.lengthsOf(given);
    if ([...lengths.values()].every((n) => n === OPEN_LENGTH)) return this.first;
    const key = [...lengths].map(([dimension, n]) => `${dimension}=${n}`).join();
    let built = this.others.get(key);
    if (built === undefined) {
      const building = new Building(new Graph(this.name), this.variables, (dimension) => lengths.get(dimension) ?? OPEN_LENGTH);
      const ends = endsOf(this.built(building));
      if (ends.length !== this.first.ends.length)
        throw unsupported(
          `${this.name} gives ${ends.length} ends where ${key}, and ${this.first.ends.length} elsewhere`,
          "let the number of results not depend on an open dimension",
        );
      built = { building, ends };
      this.others.set(key, built);
    }
    return built;
  }

  /** What is fetched as a graph, to look at: of ends of the first building. */
  graphOf(fetches: unknown): Graph {
    const { building } = this.first;
    const graph = new Graph(this.name);
    graph.parameters.push(...[...building.placeholders.values()].map((p) => p.output), ...building.reads.values());
    mapEnds(fetches, (e) => graph.results.push(e instanceof Update ? e.value : e));
    return graph;
  }

  /** The lengths of open dimensions that these forms have. */
  private lengthsOf(given: ReadonlyMap<string, Aval>): Map<string, number> {
    const lengths = new Map<string, number>();
    const from = new Map<string, string>();
    for (const { name, shape } of this.first.building.placeholders.values()) {
      const form = given.get(name);
      if (form === undefined || form.shape.length !== shape.length) continue;
      for (const [i, d] of shape.entries()) {
        if (typeof d === "number") continue;
        const dimension = d ?? `${name}.${i}`;
        const [before, now] = [lengths.get(dimension), form.shape[i] as number];
        if (before !== undefined && before !== now)
          throw mismatch(
            `dimension ${dimension} is ${before} in placeholder ${from.get(dimension)} and ${now} in ${name}`,
            "feed equal lengths",
          );
        lengths.set(dimension, now);
        from.set(dimension, name);
      }
    }
    return lengths;
  }

  private built(building: Building): T {
    building.graph.places = new Places(() => this.run(building.again()));
    const result = located(() => this.run(building));
    building.isFinal = true;
    return result;
  }

  private run(building: Building): T {
    return scope(() => withControlFlow(control, () => inside(building.graph, () => this.build(building))));
  }
}

function endsOf(tree: unknown): readonly End[] {
  const ends: End[] = [];
  mapEnds(tree, (e) => ends.push(e));
  return ends;
}

/** A tree with what `leaf` gives in place of each end. */
export function mapEnds(tree: unknown, leaf: (end: End) => unknown): unknown {
  if (tree instanceof Output || tree instanceof Update) return leaf(tree);
  if (typeof tree !== "object" || tree === null || tree instanceof Tensor) return tree;
  if (Array.isArray(tree)) return tree.map((x) => mapEnds(x, leaf));
  return Object.fromEntries(Object.entries(tree).map(([k, x]) => [k, mapEnds(x, leaf)]));
}
