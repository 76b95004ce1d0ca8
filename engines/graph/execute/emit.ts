/**
 * Graphs as JavaScript that calls plans: numbers are variables, tensor work between two decisions is one plan of the compile service,
 * branches and loops are statements. What a node costs at run time is what it computes: there is no queue of nodes and no look-up.
 */
import type { Program } from "../../../core/compile/program.ts";
import { type Carrier, type Region, schedule } from "../../../core/compile/regions.ts";
import { scalarExpression } from "../../../core/compile/scalars.ts";
import { primitives } from "../../../core/primitives/table.ts";
import type { If, While } from "../control.ts";
import type { Graph, Node, OpOf, Output } from "../graph.ts";
import { allGraphs, inOrder } from "../walk.ts";

/** Text of a function of an array of arguments, the objects that it names `k[i]`, and the programs that it calls as `plan[i]`. */
export interface Emitted {
  readonly text: string;
  /** For each line the node that it computes; undefined for lines of several nodes and of none. */
  readonly owners: readonly (Node | undefined)[];
  readonly constants: readonly unknown[];
  readonly programs: readonly Program[];
}

const carrier: Carrier<Node, Output> = {
  needs: (n) => n.needs,
  nodeOf: (v) => v.node,
  work(n) {
    const { operation, inputs } = n;
    const [result] = n.outputs as [Output];
    if (operation.op !== "apply" || result.type.kind !== "tensor") return undefined;
    return { primitive: operation.primitive, params: operation.params, args: inputs, result };
  },
  avalOf: ({ type }) => (type.kind === "tensor" ? type.aval : undefined),
  constantOf: ({ node }) => (node.operation.op === "constant" ? node.operation.value : undefined),
};

/**
 * What is told of a run: `values` after each node, all of them computed one by one; `times` around all work of the device. Of loops,
 * their turns.
 */
export type Observed = "values" | "times";

export interface EmitOptions {
  /** Each turn of a loop asks whether the run may go on. */
  readonly guarded?: boolean;
  readonly observed?: Observed | undefined;
}

export function emit(graph: Graph, options: EmitOptions = {}): Emitted {
  const emitter = new Emitter(options);
  emitter.main(graph);
  const { lines, owners, constants, programs } = emitter;
  return { text: lines.join("\n"), owners, constants, programs };
}

class Emitter {
  readonly lines: string[] = [];
  readonly owners: (Node | undefined)[] = [];
  readonly constants: unknown[] = [];
  private readonly places = new Map<unknown, number>();
  readonly programs: Program[] = [];
  private readonly texts = new Map<Output, string>();
  private readonly functions = new Map<Graph, string>();
  private names = 0;
  private depth = 0;
  private readonly options: EmitOptions;
  private owner: Node | undefined;

  constructor(options: EmitOptions) {
    this.options = options;
  }

  main(graph: Graph): void {
    this.line("(a) => {");
    this.depth++;
    for (const g of allGraphs(graph)) if (g.types !== undefined) this.functions.set(g, `f${this.functions.size}`);
    for (const [g, name] of this.functions) {
      this.line(`const ${name} = (a) => {`);
      this.computed(g);
      this.line("};");
    }
    this.depth--;
    this.computed(graph);
    this.line("}");
  }

  /** The results of a graph from an array of what its parameters are. */
  private computed(graph: Graph): void {
    this.depth++;
    for (const [i, p] of graph.parameters.entries()) {
      this.texts.set(p, this.declare(`a[${i}]`));
      this.see(p.node);
    }
    this.block(graph.results);
    this.line(`return [${graph.results.map((r) => this.text(r)).join(", ")}];`);
    this.depth--;
  }

  /** The nodes that `results` need. */
  private block(results: readonly Output[]): void {
    const nodes = inOrder(results).filter((n) => n.op !== "parameter" && n.op !== "constant");
    for (const unit of this.options.observed === "values" ? nodes : schedule(nodes, results, carrier)) {
      if ("program" in unit) this.region(unit);
      else {
        const around = this.owner;
        this.owner = unit;
        this.node(unit);
        this.see(unit);
        this.owner = around;
      }
    }
  }

  private text(v: Output): string {
    const { operation } = v.node;
    if (operation.op !== "constant") return this.texts.get(v) as string;
    return typeof operation.value === "number" ? numeral(operation.value) : `tensorOf(${this.constant(operation.value)})`;
  }

  private node(n: Node): void {
    const { operation } = n;
    const args = n.inputs.map((x) => this.text(x));
    const [x, y] = args as [string, string];
    const [out] = n.outputs as [Output];
    const set = (v: Output, text: string) => this.texts.set(v, text);
    switch (operation.op) {
      case "apply":
        set(out, this.declare(this.work(n, this.application(n as Node<OpOf<"apply">>, args))));
        return;
      case "identity":
        set(out, x);
        return;
      case "unset":
        set(out, out.type.kind === "number" ? "0" : "undefined");
        return;
      case "emptyList":
        set(out, this.declare(`new List(${this.constant((out.type as { of: unknown }).of)})`));
        return;
      case "push":
        set(out, this.declare(`${x}.push(${y})`));
        return;
      case "pop":
        set(n.outputs[1] as Output, this.declare(`${x}.last`));
        set(out, this.declare(`${x}.rest`));
        return;
      case "addLists":
        set(out, this.declare(this.work(n, `sum(${x}, ${y})`)));
        return;
      case "stack":
        set(out, this.declare(this.work(n, `${x}.stack(${out.aval.shape[0]}, ${operation.reversed})`)));
        return;
      case "unstack":
        set(
          out,
          this.declare(this.work(n, `List.unstack(${x}, ${this.constant((out.type as { of: unknown }).of)}, ${operation.reversed})`)),
        );
        return;
      case "call": {
        const names = n.outputs.map((o) => {
          const name = this.name();
          set(o, name);
          return name;
        });
        this.line(`const [${names.join(", ")}] = ${this.functions.get(operation.callee.graph)}([${args.join(", ")}]);`);
        return;
      }
      case "pack":
        set(out, this.declare(`[${args.join(", ")}]`));
        return;
      case "unpack":
        for (const [i, o] of n.outputs.entries())
          set(o, this.declare(`${x} === undefined ? zeroOf(${this.constant(o.type)}) : ${x}[${i}]`));
        return;
      case "sumProducts": {
        const { transposeA, transposeB } = operation;
        const zero = `() => zeroOf(${this.constant(out.type)})`;
        set(out, this.declare(this.work(n, `List.sumProducts(${x}, ${y}, ${JSON.stringify({ transposeA, transposeB })}, ${zero})`)));
        return;
      }
      case "check":
        this.line(`if (!${y}) fail(${JSON.stringify(operation.message)});`);
        set(out, x);
        return;
      case "custom":
        for (const [i, o] of n.outputs.entries()) set(o, args[args.length - n.outputs.length + i] as string);
        return;
      case "if":
        this.if(n as If);
        return;
      case "while":
        this.while(n as While);
        return;
      case "parameter":
      case "constant":
        return;
      default:
        operation satisfies never;
    }
  }

  private if(n: If): void {
    const { consequent, otherwise } = n.operation;
    const names = n.outputs.map((o) => {
      const name = this.name();
      this.line(`let ${name};`);
      this.texts.set(o, name);
      return name;
    });
    const branch = (g: Graph) => {
      this.depth++;
      for (const [i, c] of n.captures.entries()) this.texts.set(g.captured[i] as Output, this.text(c));
      this.block(g.results);
      for (const [i, r] of g.results.entries()) this.line(`${names[i]} = ${this.text(r)};`);
      this.depth--;
    };
    this.line(`if (${this.text(n.inputs[0] as Output)}) {`);
    branch(consequent);
    this.line("} else {");
    branch(otherwise);
    this.line("}");
  }

  private while(n: While): void {
    const { test, body } = n.operation;
    for (const [i, x] of n.inputs.entries()) {
      const name = this.name();
      this.line(`let ${name} = ${this.text(x)};`);
      for (const v of [n.outputs[i], test.parameters[i], body.parameters[i]]) this.texts.set(v as Output, name);
    }
    for (const [i, c] of n.captures.entries()) for (const g of [test, body]) this.texts.set(g.captured[i] as Output, this.text(c));
    const { guarded, observed } = this.options;
    if (observed !== undefined) this.line(`enter(${this.constant(n)});`);
    this.line("for (;;) {");
    this.depth++;
    if (guarded) this.line("goOn();");
    if (observed !== undefined) this.line("turn();");
    this.block(test.results);
    this.line(`if (!${this.text(test.results[0] as Output)}) break;`);
    this.block(body.results);
    const moved = body.results.flatMap((r, i) => {
      const name = this.texts.get(body.parameters[i] as Output) as string;
      const next = this.text(r);
      return next === name ? [] : [{ name, next }];
    });
    // A state that is another one's next value is read before it is written.
    const states = new Set(moved.map((m) => m.name));
    for (const m of moved) if (states.has(m.next)) m.next = this.declare(m.next);
    for (const { name, next } of moved) this.line(`${name} = ${next};`);
    this.depth--;
    this.line("}");
    if (observed !== undefined) this.line("leave();");
  }

  private region({ args, dtypes, outputs, program }: Region<Output>): void {
    const given = args.map((a, i) => (dtypes[i] === undefined ? this.text(a) : `liftNumber(+${this.text(a)}, "${dtypes[i]}")`));
    const names = outputs.map((o) => {
      const name = this.name();
      this.texts.set(o, name);
      return name;
    });
    const at = this.programs.push(program) - 1;
    this.line(`const [${names.join(", ")}] = plan[${at}].run([${given.join(", ")}]);`);
  }

  /** Work of the device by one node. */
  private work(n: Node, expression: string): string {
    if (this.options.observed !== "times" || n.outputs[0]?.type.kind === "number") return expression;
    return `timed(${this.constant(n)}, () => ${expression})`;
  }

  /** Tells what a node has computed, and of what. */
  private see(n: Node): void {
    if (this.options.observed !== "values" || n.op === "if" || n.op === "while") return;
    const list = (vs: readonly Output[]) => `[${vs.map((v) => this.text(v)).join(", ")}]`;
    this.line(`see(${this.constant(n)}, ${list(n.outputs)}, ${list(n.inputs)});`);
  }

  private application({ operation: { primitive, params }, outputs }: Node<OpOf<"apply">>, args: readonly string[]): string {
    const isNumber = outputs[0]?.type.kind === "number";
    if (isNumber && primitive === primitives.cast) {
      const { dtype } = params as { dtype: "f32" | "f64" | "i32" | "bool" };
      return `${{ f64: "+", f32: "Math.fround", i32: "Math.trunc", bool: "+!!" }[dtype]}(${args[0]})`;
    }
    if (isNumber && primitive !== primitives.item)
      return scalarExpression(primitive, args) ?? `${this.constant(primitive)}.scalar(${args.join(", ")})`;
    return `apply(${this.constant(primitive)}, [${args.join(", ")}], ${params === undefined ? "undefined" : this.constant(params)})`;
  }

  private constant(value: unknown): string {
    let at = this.places.get(value);
    if (at === undefined) {
      at = this.constants.push(value) - 1;
      this.places.set(value, at);
    }
    return `k[${at}]`;
  }

  private name(): string {
    return `v${++this.names}`;
  }

  private declare(expression: string): string {
    const name = this.name();
    this.line(`const ${name} = ${expression};`);
    return name;
  }

  private line(text: string): void {
    this.lines.push("  ".repeat(this.depth) + text);
    this.owners.push(this.owner);
  }
}

/** A number as an operand of any operator. */
function numeral(x: number): string {
  if (Object.is(x, -0)) return "(-0)";
  return Number.isFinite(x) && x >= 0 ? String(x) : Number.isNaN(x) ? "NaN" : `(${x})`;
}
