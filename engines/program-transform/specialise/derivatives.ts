/** The derivative operators within programs: the function is made a graph, and the graph is transformed where the operator stands. */
import type { Node as Syntax } from "oxc-parser";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { type Cotangent, isDifferentiable, materialise } from "../differentiate/cotangent.ts";
import { dual } from "../differentiate/forward.ts";
import { joint } from "../differentiate/reverse.ts";
import { extract, pack, unpack } from "../ir/extract.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { NUM, tangentType } from "../ir/type.ts";
import type { Form } from "./form.ts";
import { Frame } from "./frame.ts";
import { Lists } from "./lists.ts";
import { Choice, cellsSoFar, isNode, NULL, Obj, type Value, Variant } from "./value.ts";

export abstract class Derivatives extends Lists {
  /**
   * A function of numbers and structures of them as a graph of its first argument's leaves, in a frame of its own. What the function
   * writes outside of it, and what it throws, are those of a call for its value.
   */
  protected graphOf(
    f: Value,
    args: readonly Value[],
    name: string,
  ): { graph: Graph; leaves: Node[]; imports: Node[]; template: Value; results: Node[] } {
    const outer = this.frame;
    const leaves: Node[] = [];
    this.leavesIn(args[0] as Value, leaves);
    const frame = new Frame(outer);
    this.frame = frame;
    const params = leaves.map((n) => frame.param(n.type));
    let template: Value;
    const own = this.rebuild(args[0] as Value, [...params]);
    const since = cellsSoFar();
    this.journal.begin();
    this.journal.write(this.checks, this.truth(true));
    const results: Node[] = [];
    const { tries } = this;
    this.tries = 0;
    try {
      template = this.call(f, [own, ...args.slice(1)], undefined, this.at as Syntax);
      this.leavesIn(template, results);
    } finally {
      this.frame = outer;
      this.tries = tries;
    }
    const mayThrow = (this.checks.value as Node).op !== "const";
    const writes = this.journal.revert(since);
    writes.delete(this.checks as never);
    if (writes.size > 0 || mayThrow) this.call(f, args, undefined, this.at as Syntax);
    const local = results.map((n) => frame.local(n));
    const imports = [...frame.imports.keys()];
    const graph = extract(
      name,
      [...params, ...imports.map((n) => frame.imports.get(n) as Node)],
      local,
      (b, r) => pack(b, r),
      this.spanOf(),
    );
    return { graph, leaves, imports, template, results: local };
  }

  protected gradient(f: Value, args: readonly Value[]): [Value, Value] {
    const { graph, leaves, imports, template } = this.graphOf(f, args, "grad");
    if (!isNode(template) || !isScalarNode(template))
      throw this.mistake("grad needs a function whose result is one number", "take the gradient of a sum, or of one component");
    const given = [...leaves, ...imports].map((n) => this.frame.local(n));
    const { build } = this.frame;
    const active = given.map((_, i) => i < leaves.length && isDifferentiable((given[i] as Node).type));
    const one = (result: Node): Cotangent =>
      result.type.kind === "tensor" ? build.ops.add(build.ops.mul(materialise(build, undefined, result), 0), 1) : build.constant(1);
    const { result, adjoints } = joint(build, graph, given, active, "all", one);
    const parts = leaves.map((_, i) => (active[i] ? this.frame.mine(materialise(build, adjoints[i], given[i] as Node)) : undefined));
    return [this.frame.mine(result), this.shaped(args[0] as Value, parts)];
  }

  protected vjp(f: Value, x: Value): Value {
    const { graph, leaves, imports, template, results } = this.graphOf(f, [x], "vjp");
    const whole = [...leaves, ...imports];
    const value = () => {
      const node = this.frame.made((b) =>
        b.invoke(
          graph,
          whole.map((n) => this.frame.local(n)),
        ),
      );
      return unpack(this.frame.build, node, results.length).map((n) => this.frame.mine(n));
    };
    const back = this.native("back", ([ct]) => {
      const seeds: Node[] = [];
      this.leavesIn(ct as Value, seeds);
      const { build } = this.frame;
      const given = whole.map((n) => this.frame.local(n));
      const active = given.map((g, i) => i < leaves.length && isDifferentiable(g.type));
      const local = seeds.map((s) => this.frame.local(s));
      const { adjoints } = joint(build, graph, given, active, "all", () => (results.length === 1 ? (local[0] as Node) : { fields: local }));
      const parts = leaves.map((_, i) => (active[i] ? this.frame.mine(materialise(build, adjoints[i], given[i] as Node)) : undefined));
      return this.shaped(x, parts);
    });
    return this.list([this.rebuild(template, value()), back]);
  }

  protected jvp(f: Value, x: Value, dx: Value): Value {
    const { graph, leaves, imports, template, results } = this.graphOf(f, [x], "jvp");
    const tangents: Node[] = [];
    this.leavesIn(dx, tangents);
    const given = [...leaves, ...imports].map((n) => this.frame.local(n));
    const { build } = this.frame;
    const { value, tangent } = dual(
      build,
      graph,
      given,
      given.map((g, i) => (i < leaves.length && isDifferentiable(g.type) ? this.frame.local(tangents[i] as Node) : undefined)),
    );
    const values = unpack(build, value, results.length).map((n) => this.frame.mine(n));
    const whole = materialise(build, tangent, value);
    const parts = unpack(build, whole, results.length).map((n) => this.frame.mine(n));
    return this.list([this.rebuild(template, values), this.shaped(template, parts)]);
  }

  /** A call of `f` as a graph of its own, which the way back computes again. */
  protected checkpointed(f: Value, args: readonly Value[]): Value {
    const spread = this.native("spread", ([all], at) => this.call(f, this.itemsOf(all as Value), undefined, at));
    const { graph, leaves, imports, template, results } = this.graphOf(spread, [this.list(args)], "checkpoint");
    const given = [...leaves, ...imports];
    const node = this.frame.made((b) =>
      b.invoke(
        { ...graph, isCheckpoint: true },
        given.map((n) => this.frame.local(n)),
      ),
    );
    return this.rebuild(
      template,
      unpack(this.frame.build, node, results.length).map((n) => this.frame.mine(n)),
    );
  }

  protected stopped(x: Value): Value {
    const nodes: Node[] = [];
    this.leavesIn(x, nodes);
    return this.rebuild(
      x,
      nodes.map((n) => (isDifferentiable(n.type) ? this.frame.apply(primitives.stopGradient as AnyPrimitive, [n], undefined) : n)),
    );
  }

  /** The nodes of a value, in order. */
  leavesIn(v: Value, out: Node[]): void {
    if (isNode(v)) out.push(v);
    else if (v instanceof Variant) out.push(v.node);
    else if (v instanceof Obj) {
      const c = this.fresh(v).content.value;
      if (c.kind === "array") out.push(c.node);
      else for (const x of c.kind === "record" ? c.fields.values() : c.items) this.leavesIn(x, out);
    } else if (v instanceof Choice)
      throw this.refuse("a derivative is asked for a value whose form depends on a condition", "give it one form");
  }

  /** A value of the same form with other nodes. */
  rebuild(v: Value, nodes: Node[]): Value {
    if (isNode(v)) return nodes.shift() as Node;
    if (v instanceof Variant) return this.variant(nodes.shift() as Node, v.form);
    if (!(v instanceof Obj)) return v;
    const c = v.content.value;
    if (c.kind === "array") return this.object({ kind: "array", node: nodes.shift() as Node, of: c.of });
    if (c.kind === "list") return this.object({ kind: "list", items: c.items.map((x) => this.rebuild(x, nodes)) }, v.type);
    return this.object({ kind: "record", fields: new Map([...c.fields].map(([k, x]) => [k, this.rebuild(x, nodes)])) }, v.type);
  }

  private shapeless() {
    return this.refuse(
      "a gradient is asked for by a list or a tree, by a value of several forms, or by an array of what holds more than numbers",
      "differentiate by numbers, tensors, and arrays and records of them",
    );
  }

  /** A gradient shaped like the value; null where there is none. */
  protected shaped(v: Value, parts: (Node | undefined)[]): Value {
    if (isNode(v)) {
      const part = parts.shift();
      return part === undefined || tangentType(v.type).kind === "unit" ? NULL : part;
    }
    if (v instanceof Variant) throw this.shapeless();
    if (!(v instanceof Obj)) return NULL;
    const c = v.content.value;
    if (c.kind === "array") {
      const of = gradientForm(c.of);
      if (of === undefined) throw this.shapeless();
      return this.object({ kind: "array", node: parts.shift() as Node, of });
    }
    if (c.kind === "list") return this.object({ kind: "list", items: c.items.map((x) => this.shaped(x, parts)) });
    return this.object({ kind: "record", fields: new Map([...c.fields].map(([k, x]) => [k, this.shaped(x, parts)])) });
  }
}

/** Of what holds numbers and float tensors alone: the form of a gradient by it, which is one of plain records. */
function gradientForm(form: Form): Form | undefined {
  switch (form.kind) {
    case "none":
      return form;
    case "leaf":
      return tangentType(form.type) === form.type ? form : undefined;
    case "array": {
      const of = gradientForm(form.of);
      return of && { kind: "array", of };
    }
    case "list": {
      const items = form.items.map(gradientForm);
      return items.every((f) => f !== undefined) ? { kind: "list", items } : undefined;
    }
    case "record": {
      const fields = [...form.fields].map(([k, f]) => [k, gradientForm(f)] as const);
      if (!fields.every((f): f is readonly [string, Form] => f[1] !== undefined)) return undefined;
      return { kind: "record", fields: new Map(fields), type: undefined };
    }
    default:
      return undefined;
  }
}

function isScalarNode(n: Node): boolean {
  return n.type === NUM || (n.type.kind === "tensor" && n.type.aval.size === 1);
}
