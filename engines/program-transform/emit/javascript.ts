/**
 * Graphs as JavaScript: one function per called graph, `for` loops for loops, `if` statements for ifs, scalars unboxed, tuples that
 * control flow returns as separate variables. Array updates are written in place where this file can see that nothing reads the
 * old array again: an array is owned by the code that made it or was handed it, until somebody else may hold it too.
 */
import { assert } from "../../../core/base/errors.ts";
import type { Program } from "../../../core/compile/program.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { type Graph, graphsBelow, type LoopNode, type Node, reachable, TensorConstant } from "../ir/graph.ts";
import { resolveType, type Type } from "../ir/type.ts";
import { borrowed, boxed, type Code, copyOf, disown, leavesOf, mapLeaves, numeral, numeralOf, plain } from "./code.ts";
import { type Region, schedule, type Unit } from "./regions.ts";
import { scalarExpression } from "./scalars.ts";
import { isArray, isNumbers, updates } from "./updates.ts";

/** Text, the objects that it names `k[i]`, and the tensor programs whose plans it calls as `plan[i]`. */
export interface Emitted {
  readonly text: string;
  readonly constants: readonly unknown[];
  readonly programs: readonly Program[];
}

/** Longer expressions get a variable. */
const INLINE = 120;

export function emitJavaScript(root: Graph): Emitted {
  return new Emitter(root).emit();
}

class Emitter {
  private readonly root: Graph;
  private readonly functions = new Map<Graph, string>();
  private readonly constants: unknown[] = [];
  private readonly programs: Program[] = [];
  private readonly lines: string[] = [];
  private indent = 1;
  private names = 0;

  constructor(root: Graph) {
    this.root = root;
  }

  emit(): Emitted {
    const called = new Set<Graph>([this.root]);
    for (const g of graphsBelow(this.root)) for (const n of reachable([g.result as Node])) if (n.op === "invoke") called.add(n.graph);
    const taken = new Set<string>();
    for (const g of called) {
      const base =
        g.name
          .replaceAll("▶", "_forward")
          .replaceAll("◀", "_reverse")
          .replace(/[^\w$]/g, "_") || "f";
      let name = base;
      for (let i = 2; taken.has(name); i++) name = `${base}${i}`;
      taken.add(name);
      this.functions.set(g, name);
    }
    for (const [g, name] of this.functions) this.function(g, name);
    this.line(`return ${this.functions.get(this.root)};`);
    return { text: this.lines.join("\n"), constants: this.constants, programs: this.programs };
  }

  private function(graph: Graph, name: string): void {
    this.names = 0;
    const params = graph.params.map((p, i): Code => ({ text: `p${i}`, owned: isArray(p.type) && updates(graph, p.type) }));
    this.line(`function ${name}(${params.map((p) => (p as { text: string }).text).join(", ")}) {`);
    this.indent++;
    const result = this.body(graph, params);
    if (!isFailure(graph)) this.line(`return ${boxed(this.owning(result, graph.resultType, (t) => updates(graph, t)))};`);
    this.indent--;
    this.line("}");
  }

  /** Emits the nodes of a graph; its result. */
  private body(graph: Graph, params: readonly Code[]): Code {
    const result = graph.result as Node;
    const units = schedule(result);
    const codes = new Map<Node, Code>(graph.params.map((p, i) => [p, params[i] as Code]));
    const last = new Map<Node, Unit>();
    const uses = new Map<Node, number>();
    for (const u of units) {
      for (const a of u.args) {
        last.set(a, u);
        uses.set(a, (uses.get(a) ?? 0) + 1);
      }
    }
    uses.set(result, (uses.get(result) ?? 0) + 1);
    last.delete(result);
    const block: Block = {
      codes,
      isLast: (a, user) => last.get(a) === user && user.args.indexOf(a) === user.args.lastIndexOf(a),
      isInline: (n) => uses.get(n) === 1 && n !== result,
    };
    for (const u of units) {
      if (u.op === "region") this.region(u, codes);
      else if (!codes.has(u)) codes.set(u, this.node(u, block));
    }
    return codes.get(result) as Code;
  }

  private node(n: Node, block: Block): Code {
    const text = (i: number) => boxed(block.codes.get(n.args[i] as Node) as Code);
    switch (n.op) {
      case "const":
        return n.value instanceof TensorConstant ? this.declare(`tensorOf(${this.constant(n.value)})`) : plain(this.constant(n.value));
      case "apply": {
        const args = n.args.map((_, i) => text(i));
        const expression = this.application(n.primitive, args, n.params, n.type);
        return n.type.kind !== "tensor" && block.isInline(n) && expression.length < INLINE ? plain(expression) : this.declare(expression);
      }
      case "tuple":
        return { fields: n.args.map((a) => this.handed(a, n, block)) };
      case "get": {
        const of = block.codes.get(n.args[0] as Node) as Code;
        return "fields" in of ? (of.fields[n.index] as Code) : this.declare(`${of.text}[${n.index}]`);
      }
      case "inject":
        return this.declare(`{ c: ${n.index}, v: ${boxed(this.handed(n.args[0] as Node, n, block))} }`);
      case "isCase":
        return this.declare(`${text(0)}.c === ${n.index}`);
      case "project":
        return this.declare(`${text(0)}.v`);
      case "if":
        return this.if(n, block);
      case "loop":
        return this.loop(n, block);
      case "invoke": {
        const args = n.args.map((a) => {
          const code = this.handed(a, n, block);
          return boxed(isArray(a.type) && updates(n.graph, a.type) ? this.copied(code, a.type) : code);
        });
        return this.declare(`${this.functions.get(n.graph)}(${args.join(", ")})`, isArray(n.type) && updates(n.graph, n.type));
      }
      case "fail":
        this.line(`fail(${text(0)});`);
        return plain("undefined");
      case "unset":
        return plain(this.unset(n.type));
      case "param":
        throw new Error("a parameter has no code");
      default:
        return this.array(n, block, text);
    }
  }

  /** A call of a plan. */
  private region({ args, dtypes, outputs, program }: Region, codes: Map<Node, Code>): void {
    const given = args.map((a, i) => {
      const text = boxed(codes.get(a) as Code);
      return dtypes[i] === undefined ? text : `liftNumber(+${text}, "${dtypes[i]}")`;
    });
    const names = outputs.map(() => this.name("v"));
    const at = this.programs.push(program) - 1;
    this.line(`const [${names.join(", ")}] = plan[${at}].run([${given.join(", ")}]);`);
    for (const [i, n] of outputs.entries()) codes.set(n, plain(names[i] as string));
  }

  /** Operations on arrays. */
  private array(n: Node, block: Block, text: (i: number) => string): Code {
    const ofNumbers = isNumbers(n.args[0]?.type ?? n.type);
    switch (n.op) {
      case "arrayOf": {
        const items = n.args.map((a) => boxed(this.handed(a, n, block)));
        return this.declare(isNumbers(n.type) ? `Numbers.of(${items.join(", ")})` : `[${items.join(", ")}]`, true);
      }
      case "arrayLength":
        return this.declare(`${text(0)}.length`);
      case "arrayGet":
        return this.declare(ofNumbers ? `${text(0)}.get(${text(1)})` : `itemAt(${text(0)}, ${text(1)})`);
      case "arrayFill":
        return this.declare(isNumbers(n.type) ? `Numbers.fill(${text(0)}, ${text(1)})` : `new Array(${text(0)}).fill(${text(1)})`, true);
      case "arraySum":
        return this.declare(ofNumbers ? `${text(0)}.sum()` : `sumOf(${text(0)}, ${this.constant(n.type)})`);
      case "zeros":
        return this.declare(
          ofNumbers ? `Numbers.fill(${text(0)}.length, 0)` : `zerosOf(${text(0)}, ${this.constant(n.args[0]?.type)})`,
          true,
        );
      case "plus": {
        const a = this.target(n, block);
        return this.declare(ofNumbers ? `${a}.plus(${text(1)})` : `plusOf(${a}, ${text(1)}, ${this.constant(n.type)})`, true);
      }
      case "arraySet": {
        const value = boxed(this.handed(n.args[2] as Node, n, block));
        const a = this.target(n, block);
        return this.declare(ofNumbers ? `${a}.set(${text(1)}, ${value})` : `setAt(${a}, ${text(1)}, ${value})`, true);
      }
      case "arrayAdd": {
        const a = this.target(n, block);
        const type = resolveType(n.type);
        assert(type.kind === "array", "an addition to what is no array");
        return this.declare(
          ofNumbers ? `${a}.add(${text(1)}, ${text(2)})` : `addAt(${a}, ${text(1)}, ${text(2)}, ${this.constant(type.of)})`,
          true,
        );
      }
      case "arrayPush": {
        const value = boxed(this.handed(n.args[1] as Node, n, block));
        const a = this.target(n, block);
        return this.declare(ofNumbers ? `${a}.push(${value})` : `pushTo(${a}, ${value})`, true);
      }
      case "arrayPop":
        return this.declare(ofNumbers ? `${this.target(n, block)}.pop()` : `popFrom(${this.target(n, block)})`, true);
      default:
        throw new Error(`${n.op} is no operation on arrays`);
    }
  }

  /** The first argument, to be written in place: itself where it is owned and nobody reads it later, else a copy. */
  private target(n: Node, block: Block): string {
    const a = n.args[0] as Node;
    const code = block.codes.get(a) as Code;
    const free = block.isLast(a, n) && !("fields" in code) && code.owned;
    return boxed(free ? code : this.copied({ ...(code as { text: string }), owned: false }, a.type));
  }

  /** An argument that the user may hold on to: still owned where this is its last use, owned by nobody from now on where not. */
  private handed(a: Node, user: Node, block: Block): Code {
    const code = block.codes.get(a) as Code;
    if (!block.isLast(a, user)) disown(code);
    return code;
  }

  private copied(code: Code, type: Type): Code {
    if ("fields" in code || code.owned || !isArray(type)) return code;
    return { text: `${code.text}.${isNumbers(type) ? "copy" : "slice"}()`, owned: true };
  }

  /** Copies of what is not owned, where somebody will write it. */
  private owning(code: Code, t: Type, isWritten: (t: Type) => boolean): Code {
    if (t.kind === "array") return isWritten(t) ? this.copied(code, t) : code;
    if (t.kind === "tuple" && "fields" in code) return { fields: code.fields.map((f, i) => this.owning(f, t.items[i] as Type, isWritten)) };
    return code;
  }

  private if(n: Extract<Node, { op: "if" }>, block: Block): Code {
    const [condition, ...args] = n.args as [Node, ...Node[]];
    const codes = args.map((a) => this.named(this.handed(a, n, block)));
    const targets = this.declared(n.type);
    this.line(`if (${boxed(block.codes.get(condition) as Code)}) {`);
    const owned: boolean[][] = [];
    for (const [k, arm] of [n.consequent, n.otherwise].entries()) {
      if (k === 1) this.line("} else {");
      this.indent++;
      const result = this.body(arm, codes.map(copyOf));
      if (!isFailure(arm)) owned.push(this.assign(targets, result));
      this.indent--;
    }
    this.line("}");
    let leaf = 0;
    return mapLeaves(targets, (text) => {
      const i = leaf++;
      return { text, owned: owned.every((o) => o[i]) };
    });
  }

  private loop(n: LoopNode, block: Block): Code {
    const { carried, test, body } = n;
    const isWritten = (t: Type) => updates(body, t);
    const codes = n.args.map((a, i) => {
      const code = this.handed(a, n, block);
      return i < carried ? this.owning(this.spread(code, a.type), a.type, isWritten) : this.named(code);
    });
    const state = codes.slice(0, carried).map((code, i) => {
      const type = (body.params[i] as Node).type;
      const initial = leavesOf(code);
      const names = initial.map((c) => {
        const name = this.name("s");
        this.line(`let ${name} = ${boxed(c)};`);
        return name;
      });
      let at = 0;
      return mapLeaves(code, () => ({ text: names[at++] as string, owned: isArray(type) && isWritten(type) }));
    });
    const all = [...state, ...codes.slice(carried)];
    this.line("for (;;) {");
    this.indent++;
    this.line(`if (!(${boxed(this.body(test, all.map(borrowed)))})) break;`);
    const result = this.spread(this.body(body, all.map(copyOf)), body.resultType);
    assert("fields" in result, "the body of a loop returns a tuple");
    const pairs = state.flatMap((to, i) => {
      const next = this.owning(
        this.spread(result.fields[i] as Code, (body.params[i] as Node).type),
        (body.params[i] as Node).type,
        isWritten,
      );
      const values = leavesOf(next);
      return leavesOf(to).map((t, j) => [t.text, boxed(values[j] as Code)] as const);
    });
    // All next values before any is assigned.
    const moving = pairs.filter(([to, value]) => to !== value);
    const values = moving.map(([, value], i) => (i === 0 || /^v\d+$|^-?[\d.]+$/.test(value) ? value : this.held(value)));
    const first = moving[0];
    const isRead = first && moving.slice(1).some(([, v]) => v.includes(first[0]));
    if (first && isRead) values[0] = this.held(values[0] as string);
    moving.forEach(([to], i) => {
      this.line(`${to} = ${values[i]};`);
    });
    this.indent--;
    this.line("}");
    return { fields: state };
  }

  private held(value: string): string {
    const name = this.name("v");
    this.line(`const ${name} = ${value};`);
    return name;
  }

  /** Variables for a value that both arms assign. */
  private declared(t: Type): Code {
    if (t.kind === "tuple") return { fields: t.items.map((i) => this.declared(i)) };
    const name = this.name("v");
    this.line(`let ${name};`);
    return { text: name, owned: true };
  }

  /** Assigns leaf by leaf; which leaves are owned. */
  private assign(targets: Code, value: Code): boolean[] {
    if (!("fields" in targets)) {
      this.line(`${targets.text} = ${boxed(value)};`);
      return ["fields" in value || value.owned];
    }
    const fields = "fields" in value ? value.fields : undefined;
    return targets.fields.flatMap((t, i) => this.assign(t, fields?.[i] ?? plain(`${boxed(value)}[${i}]`)));
  }

  /** A tuple as its fields. */
  private spread(code: Code, t: Type): Code {
    if (t.kind !== "tuple") return code;
    if ("fields" in code) return { fields: code.fields.map((f, i) => this.spread(f, t.items[i] as Type)) };
    const whole = this.named(code) as { text: string };
    return { fields: t.items.map((item, i) => this.spread(plain(`${whole.text}[${i}]`), item)) };
  }

  /** An expression that may be written several times. */
  private named(code: Code): Code {
    if ("fields" in code) return { fields: code.fields.map((f) => this.named(f)) };
    return /^[\w$.[\]-]+$/.test(code.text) ? code : this.declare(code.text, code.owned);
  }

  private application(primitive: AnyPrimitive, args: readonly string[], params: unknown, type: Type): string {
    if (primitive.name === "cast" && type.kind === "num") {
      const { dtype } = params as { dtype: string };
      const form = { f64: "+", f32: "Math.fround", i32: "Math.trunc", bool: "+!!" }[dtype] as string;
      return `${form}(${args[0]})`;
    }
    if (type.kind !== "tensor" && primitive.name !== "item") {
      const expression = scalarExpression(primitive, args);
      if (expression !== undefined) return expression;
      return `${this.constant(primitive)}.scalar(${args.join(", ")})`;
    }
    return `apply(${this.constant(primitive)}, [${args.join(", ")}], ${params === undefined ? "undefined" : this.constant(params)})`;
  }

  private constant(value: unknown): string {
    if (typeof value === "number") return Object.is(value, -0) ? "-0" : Number.isFinite(value) ? numeral(value) : numeralOf(value);
    if (value === null || typeof value === "boolean") return String(value);
    if (typeof value === "string") return JSON.stringify(value);
    let at = this.constants.indexOf(value);
    if (at < 0) at = this.constants.push(value) - 1;
    return `k[${at}]`;
  }

  private unset(type: Type): string {
    if (type.kind === "array") return isNumbers(type) ? "Numbers.of()" : "[]";
    return type.kind === "num" ? "0" : type.kind === "bool" ? "false" : "undefined";
  }

  private declare(expression: string, owned = false): Code {
    const name = this.name("v");
    this.line(`const ${name} = ${expression};`);
    return { text: name, owned };
  }

  private name(kind: "v" | "s"): string {
    return `${kind}${++this.names}`;
  }

  private line(text: string): void {
    this.lines.push("  ".repeat(this.indent - 1) + text);
  }
}

/** The nodes of one graph while it is emitted. */
interface Block {
  readonly codes: Map<Node, Code>;
  isLast(a: Node, user: Unit): boolean;
  isInline(n: Node): boolean;
}

const isFailure = (g: Graph) => g.result?.op === "fail";
