/**
 * A program specialised to the form of its arguments: the graph of its value, and the graphs of its derivatives, made when they are
 * asked for. The leaves of arguments and results are parameters and results of these graphs, in order.
 */
import { BenchError, mismatch } from "../../core/base/errors.ts";
import { scope } from "../../core/tensor/scope.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Program, Tree } from "../engine.ts";
import { formOfRows } from "../forms.ts";
import { hasTangentOfItsForm, LONGEST, leavesIn, rowForm, treeOf } from "./arguments.ts";
import { type Cotangent, isDifferentiable, materialise } from "./differentiate/cotangent.ts";
import { dual } from "./differentiate/forward.ts";
import { gradient } from "./differentiate/gradient.ts";
import { joint } from "./differentiate/reverse.ts";
import { type Builder, makeGraph } from "./ir/build.ts";
import { extract, pack } from "./ir/extract.ts";
import type { Graph, Node } from "./ir/graph.ts";
import { arrayType, NUM, type Type, tensorType } from "./ir/type.ts";
import { optimise } from "./optimise/optimise.ts";
import { Unreachable } from "./specialise/completion.ts";
import { type Form, formName, packedType } from "./specialise/form.ts";
import { LIBRARY_SOURCE } from "./specialise/library.ts";
import { Modules } from "./specialise/module.ts";
import { Natives } from "./specialise/natives.ts";
import { NULL, Obj, Text, UNDEFINED, type Value } from "./specialise/value.ts";

export class Specialised {
  readonly graph: Graph;
  readonly types: readonly Type[];
  readonly resultTypes: readonly Type[];
  /** Which leaves are differentiated. */
  readonly active: readonly boolean[];
  private readonly program: Program;
  private readonly result: Form;
  private readonly orders: Graph[];

  /**
   * `isOpen`: the arguments whose numbers are not known. Throws what the program's language or its types refuse, at its place.
   */
  constructor(program: Program, args: readonly Tree[], wrt: readonly number[], isOpen: (argument: number) => boolean) {
    this.program = program;
    const { graph, owner, result, resultTypes } = scope(() => specialise(program, args, isOpen));
    this.graph = optimise(graph).graph;
    this.types = graph.params.map((p) => p.type);
    this.result = result;
    this.resultTypes = resultTypes;
    this.active = this.types.map((t, i) => wrt.includes(owner[i] as number) && isDifferentiable(t));
    this.orders = [this.graph];
  }

  /** `(x…) → (f(x…), ∂f…)`, for a result that is one number. */
  gradient(): Graph {
    const { active, graph } = this;
    this.checkScalar();
    return makeGraph(`${graph.name}∇`, this.types, (b, params) => {
      const { result, adjoints } = joint(b, graph, params, active, "all", (r) => oneLike(b, r));
      return b.tuple([result, ...params.flatMap((p, i) => (active[i] ? [materialise(b, adjoints[i], p)] : []))]);
    });
  }

  /** `(x…, ȳ…) → (f(x…)…, x̄…)`. */
  vjp(): Graph {
    const { active, graph } = this;
    this.checkTangents();
    return makeGraph(`${graph.name}◀`, [...this.types, ...this.resultTypes], (b, params) => {
      const seeds = params.slice(this.types.length);
      const own = params.slice(0, this.types.length);
      const { result, adjoints } = joint(b, graph, own, active, "all", () =>
        seeds.length === 1 ? seeds[0] : { fields: seeds.map((n) => (isDifferentiable(n.type) ? n : undefined)) },
      );
      const values = this.resultTypes.length === 1 ? [result] : b.fields(result);
      return b.tuple([...values, ...own.flatMap((p, i) => (active[i] ? [materialise(b, adjoints[i], p)] : []))]);
    });
  }

  /** `(x…, ẋ…) → (f(x…)…, ẏ…)`, of the value or of another graph with the same parameters. */
  jvp(graph: Graph = this.graph): Graph {
    const { active, types } = this;
    if (graph === this.graph) this.checkTangents();
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

  /** Forward over reverse. */
  hvp(): Graph {
    return this.jvp(this.gradient());
  }

  /** The derivative of this order of a function from a number to a number. */
  order(n: number): Graph {
    if (this.types.length !== 1 || this.types[0] !== NUM || this.resultTypes[0] !== NUM)
      throw mismatch("derivatives of higher order need a function from a number to a number");
    while (this.orders.length <= n) this.orders.push(optimise(gradient(this.orders.at(-1) as Graph, 0)).graph);
    return this.orders[n] as Graph;
  }

  /** The program's result made of its leaves. */
  tree(leaves: readonly unknown[]): Tree {
    return treeOf(this.result, leaves);
  }

  /** The leaves of a cotangent of the result. */
  cotangents(cotangent: Tree): unknown[] {
    return leavesIn(this.result, cotangent);
  }

  private checkTangents(): void {
    if (hasTangentOfItsForm(this.result)) return;
    throw mismatch(
      "the derivative of what is a list, a tree, or one of several forms has no form to be given in",
      "return numbers, tensors, and arrays and records of them",
      this.program.span,
    );
  }

  private checkScalar(): void {
    const [t] = this.resultTypes;
    const isScalar =
      this.resultTypes.length === 1 && this.result.kind === "leaf" && (t === NUM || (t?.kind === "tensor" && t.aval.size === 1));
    if (isScalar) return;
    const advice =
      this.result.kind === "union"
        ? "return a number in every case; which of several records one is shows in its tag, where that is a string, or in a test for null"
        : "return a sum, or one component";
    throw new BenchError("type", `the gradient needs a result that is one number, and this function returns ${formName(this.result)}`, {
      advice,
      span: this.program.span,
    });
  }
}

function oneLike(b: Builder, result: Node): Cotangent {
  if (result.type.kind !== "tensor") return b.constant(1);
  const { dtype, shape } = result.type.aval;
  const one = b.ops.lift(b.constant(1), dtype);
  return shape.length === 0 ? one : b.ops.broadcastTo(one, shape);
}

interface Found {
  readonly graph: Graph;
  /** For each leaf of the arguments, the argument that it belongs to. */
  readonly owner: readonly number[];
  readonly result: Form;
  readonly resultTypes: readonly Type[];
}

function specialise(program: Program, args: readonly Tree[], isOpen: (argument: number) => boolean): Found {
  const s = new Natives();
  const modules = new Modules(program.sources, s);
  s.library = () => {
    const library = modules.load("library.js", LIBRARY_SOURCE);
    library.isLibrary = true;
    return library;
  };
  const module = modules.load(program.file, program.source);
  const f = module.exports.get(program.exportName)?.();
  if (f === undefined) throw new BenchError("usage", `${program.file} has no export named ${program.exportName}`);
  const owner: number[] = [];
  const params: Node[] = [];
  const leaf = (type: Type, argument: number): Node => {
    owner.push(argument);
    const param = s.frame.param(type);
    params.push(param);
    return param;
  };
  const value = (t: Tree, argument: number): Value => {
    const made = lifted(t, argument);
    if (made instanceof Obj) made.isGiven = true;
    return made;
  };
  const lifted = (t: Tree, argument: number): Value => {
    if (typeof t === "number") {
      const node = leaf(NUM, argument);
      return isOpen(argument) ? node : s.number(t);
    }
    if (t instanceof Tensor) return leaf(tensorType(t.aval), argument);
    const rows = formOfRows(t, LONGEST);
    if (rows !== undefined) {
      const of = rowForm(rows);
      return s.object({ kind: "array", node: leaf(arrayType(packedType(of)), argument), of });
    }
    if (Array.isArray(t)) return s.list(t.map((x) => value(x, argument)));
    if (typeof t === "string") return new Text(t);
    if (typeof t === "boolean") return s.truth(t);
    if (t === null) return NULL;
    if (t === undefined) return UNDEFINED;
    return s.record(new Map(Object.entries(t).map(([k, v]) => [k, value(v as Tree, argument)])));
  };
  const given = args.map((a, i) => value(a, i));
  s.module = module;
  const { form: result, leaves } = s.takenApart(called(() => s.call(f, given, undefined, module.parsed.body[0] as never)));
  if (leaves[0] !== undefined) leaves[0] = s.guarded(leaves[0]);
  const graph = extract(program.exportName, params, leaves, (b, r) => pack(b, r), program.span);
  return { graph, owner, result, resultTypes: leaves.map((n) => n.type) };
}

/** A program that throws whatever its numbers are throws now. */
function called(run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    throw new BenchError("runtime", error.reason, {
      advice: "the program throws this for all arguments of this form",
      span: error.span,
    });
  }
}
