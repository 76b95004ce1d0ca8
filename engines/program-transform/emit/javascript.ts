/**
 * Graphs as JavaScript: one function per called graph, `for` loops for loops, `if` statements for ifs, scalars unboxed, tuples that
 * control flow returns as separate variables. Array updates are written in place where this file can see that nothing reads the
 * old array again: an array is owned by the code that made it or was handed it, until somebody else may hold it too.
 */
import { assert } from "../../../core/base/errors.ts";
import type { Span } from "../../../core/base/span.ts";
import type { Program } from "../../../core/compile/program.ts";
import type { Region } from "../../../core/compile/regions.ts";
import { scalarExpression } from "../../../core/compile/scalars.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { type Graph, graphsBelow, type LoopNode, type Node, nodesOf, TensorConstant } from "../ir/graph.ts";
import type { Type } from "../ir/type.ts";
import { arrayOperation, copied, EMPTY, handed, owning } from "./array-operations.ts";
import { type Block, borrowed, boxed, type Code, copyOf, leavesOf, mapLeaves, numeral, plain } from "./code.ts";
import { scheduled, type Unit } from "./regions.ts";
import { isLazy } from "./structures.ts";
import { heldBy, stacksOf, type Turns, turnsOf } from "./turns.ts";
import { isArray, isNumbers, updates } from "./updates.ts";
import { Writer } from "./writer.ts";

/** Text, the objects that it names `k[i]`, and the tensor programs whose plans it calls as `plan[i]`. */
export interface Emitted {
  readonly text: string;
  readonly constants: readonly unknown[];
  readonly programs: readonly Program[];
  /** The place in the user's source that each line of the text comes from. */
  readonly places: readonly (Span | undefined)[];
}

/** Longer expressions get a variable. */
const INLINE = 120;
/** So many values on JavaScript's stack are deep; it holds ten times as many. */
const DEEP = 20_000;
/** What a frame holds beside its variables. */
const FRAME = 12;

export function emitJavaScript(root: Graph): Emitted {
  return new Emitter(root).emit();
}

class Emitter {
  private readonly root: Graph;
  private readonly functions = new Map<Graph, string>();
  private readonly programs: Program[] = [];
  private readonly w = new Writer();
  private isDeep = false;

  constructor(root: Graph) {
    this.root = root;
  }

  emit(): Emitted {
    const called = new Set<Graph>([this.root]);
    for (const g of graphsBelow(this.root)) for (const n of nodesOf(g)) if (n.op === "invoke") called.add(n.graph);
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
    const isGuarded = [...called].some(isRecursive);
    if (isGuarded) this.w.line("let depth = 0;");
    for (const [g, name] of this.functions) {
      this.function(g, name, false);
      if (isRecursive(g)) this.function(g, name, true);
    }
    const root = this.functions.get(this.root);
    this.w.line(isGuarded ? `return (...args) => ((depth = 0), ${root}(...args));` : `return ${root};`);
    return { text: this.w.lines.join("\n"), constants: this.w.constants, programs: this.programs, places: this.w.places };
  }

  /**
   * A graph as a function. Recursion goes as deep as memory allows: each recursive graph is a function, and a generator whose calls
   * are yielded to a loop that keeps the frames (`deep`); the first passes on to the second where the stack becomes deep.
   */
  private function(graph: Graph, name: string, isDeep: boolean): void {
    this.isDeep = isDeep;
    this.w.start();
    this.w.span = undefined;
    const params = graph.params.map((p, i): Code => ({ text: `p${i}`, owned: isArray(p.type) && updates(graph, p.type) }));
    const list = params.map(boxed).join(", ");
    const guarded = isRecursive(graph) && !isDeep;
    this.w.block(isDeep ? `function* ${name}_deep(${list}) {` : `function ${name}(${list}) {`, () => {
      const entry = this.w.lines.length;
      const result = owning(this.body(graph, params), graph.resultType, (t) => updates(graph, t));
      const frame = this.w.size + FRAME;
      if (guarded) {
        this.w.insert(entry, `if (depth > ${DEEP}) return deep(${name}_deep(${list}));`, `depth += ${frame};`);
        const value = boxed(this.w.named(result));
        this.w.line(`depth -= ${frame};`);
        if (!isFailure(graph)) this.w.line(`return ${value};`);
      } else if (!isFailure(graph)) this.w.line(`return ${boxed(result)};`);
    });
  }

  /** Emits the nodes of a graph; its result. */
  private body(graph: Graph, params: readonly Code[]): Code {
    const result = graph.result as Node;
    const units = scheduled(graph);
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
      isInline: (n) => uses.get(n) === 1,
    };
    for (const u of units) {
      if (u.op === "region") this.region(u, codes);
      else if (!codes.has(u)) {
        this.w.span = u.span ?? this.w.span;
        codes.set(u, this.node(u, block));
      }
    }
    return codes.get(result) as Code;
  }

  private node(n: Node, block: Block): Code {
    const text = (i: number) => boxed(block.codes.get(n.args[i] as Node) as Code);
    switch (n.op) {
      case "const":
        return n.value instanceof TensorConstant
          ? this.w.declare(`tensorOf(${this.w.constant(n.value)})`)
          : plain(this.w.constant(n.value));
      case "apply": {
        const args = n.args.map((_, i) => text(i));
        const expression = this.application(n.primitive, args, n.params, n.type);
        return n.type.kind !== "tensor" && block.isInline(n) && expression.length < INLINE ? plain(expression) : this.w.declare(expression);
      }
      case "tuple":
        return { fields: n.args.map((a) => handed(a, n, block)) };
      case "get": {
        const of = block.codes.get(n.args[0] as Node) as Code;
        if ("fields" in of) return of.fields[n.index] as Code;
        // What a call gives is there; what comes out of a structure may be unset, or a zero.
        return this.w.declare(n.args[0]?.op === "invoke" ? `${of.text}[${n.index}]` : this.orNothing(fieldOf(of.text, n.index), n));
      }
      case "inject":
        return this.w.declare(`{ c: ${n.index}, v: ${boxed(handed(n.args[0] as Node, n, block))} }`);
      case "isCase":
        return this.w.declare(`${text(0)}?.c === ${n.index}`);
      case "project":
        return this.w.declare(this.orNothing(`${text(0)}?.v`, n));
      case "if":
        return this.if(n, block);
      case "loop":
        return this.loop(n, block);
      case "invoke": {
        const args = n.args.map((a) => {
          const code = handed(a, n, block);
          return boxed(isArray(a.type) && updates(n.graph, a.type) ? copied(code, a.type) : code);
        });
        const name = this.functions.get(n.graph);
        const call = this.isDeep && isRecursive(n.graph) ? `yield ${name}_deep(${args.join(", ")})` : `${name}(${args.join(", ")})`;
        return this.w.declare(call, isArray(n.type) && updates(n.graph, n.type));
      }
      case "fail":
        this.w.line(`fail(${text(0)});`);
        return plain("undefined");
      case "unset":
        return plain(this.unset(n.type));
      case "param":
        throw new Error("a parameter has no code");
      default:
        return arrayOperation(this.w, n, block);
    }
  }

  /** What is read of a value whose zero is null. */
  private orNothing(text: string, { type, args }: Node): string {
    if (!isLazy((args[0] as Node).type) || isLazy(type)) return text;
    if (type.kind === "num") return `(${text} ?? 0)`;
    return type.kind === "tensor" || type.kind === "tuple" ? `(${text} ?? nothingOf(${this.w.constant(type)}))` : text;
  }

  /** A call of a plan. */
  private region({ args, dtypes, outputs, program }: Region<Node>, codes: Map<Node, Code>): void {
    const given = args.map((a, i) => {
      const text = boxed(codes.get(a) as Code);
      return dtypes[i] === undefined ? text : `liftNumber(+${text}, "${dtypes[i]}")`;
    });
    const names = outputs.map(() => this.w.name("v"));
    const at = this.programs.push(program) - 1;
    this.w.line(`const [${names.join(", ")}] = plan[${at}].run([${given.join(", ")}]);`);
    for (const [i, n] of outputs.entries()) codes.set(n, plain(names[i] as string));
  }

  private if(n: Extract<Node, { op: "if" }>, block: Block): Code {
    const [condition, ...args] = n.args as [Node, ...Node[]];
    const codes = args.map((a) => this.w.named(handed(a, n, block)));
    const targets = this.declared(n.type);
    const owned: boolean[][] = [];
    const arm = (graph: Graph) => () => {
      const result = this.body(graph, codes.map(copyOf));
      if (!isFailure(graph)) owned.push(this.assign(targets, result));
    };
    this.w.block(`if (${boxed(block.codes.get(condition) as Code)}) {`, arm(n.consequent), "} else {");
    this.w.indented(arm(n.otherwise));
    this.w.line("}");
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
      const code = handed(a, n, block);
      return i < carried ? owning(this.spread(code, a.type), a.type, isWritten) : this.w.named(code);
    });
    const turns = turnsOf(n);
    const stacks: ReadonlySet<number> = turns === undefined ? new Set() : stacksOf(n);
    const state = codes.slice(0, carried).map((code, i) => {
      const type = (body.params[i] as Node).type;
      const initial = leavesOf(code);
      const names = initial.map((c) => {
        const name = this.w.name("s");
        const isSized = turns !== undefined && c.text === EMPTY && stacks.has(i);
        this.w.line(`let ${name} = ${isSized ? `Numbers.room(${this.countOf(turns, codes)})` : boxed(c)};`);
        return name;
      });
      let at = 0;
      const roomy = turns?.isExact === true && initial[0]?.text === EMPTY && stacks.has(i);
      return mapLeaves(code, () => ({ text: names[at++] as string, owned: isArray(type) && isWritten(type), roomy }));
    });
    const all = [...state, ...codes.slice(carried)];
    const held = heldBy(n);
    const frames = held && this.w.name("t");
    if (frames) this.w.line(`const ${frames} = new Turns();`);
    const at = this.w.lines.length;
    let head = "for (;;) {";
    this.w.indented(() => {
      const condition = boxed(this.body(test, all.map(borrowed)));
      const isStatement = this.w.lines.length > at;
      if (frames) this.w.insert(at, `${frames}.begin();`);
      if (isStatement) this.w.line(`if (!${condition}) ${frames ? `{ ${frames}.leave(); break; }` : "break;"}`);
      else head = `while (${condition}) {`;
      this.next(state, this.spread(this.body(body, all.map(copyOf)), body.resultType), n);
      if (frames) {
        const names = (list: readonly number[]) => list.flatMap((i) => leavesOf(state[i] as Code).map((c) => c.text));
        this.w.line(
          `${frames}.end([${names(held.next).join(", ")}], [${names(held.stacks)
            .map((s) => `${s}.at(-1)`)
            .join(", ")}]);`,
        );
      }
    });
    this.w.insert(at, head);
    this.w.line("}");
    // The room was for the turns: what is pushed afterwards makes its own.
    return { fields: state.map((code) => withoutRoom(code)) };
  }

  /** How often a loop will turn. */
  private countOf({ counter, bound, step, inclusive }: Turns, codes: readonly Code[]): string {
    const end = bound.op === "param" ? boxed(codes[bound.index] as Code) : this.w.constant(bound.op === "const" ? bound.value : 0);
    const start = boxed(codes[counter] as Code);
    const distance = start === "0" ? end : `(${end} - ${start})`;
    return `${step === 1 ? distance : `${distance} / ${numeral(step)}`}${inclusive ? " + 1" : ""}`;
  }

  /** Assigns the state of the next turn: all values are there before the first changes. */
  private next(state: readonly Code[], result: Code, { body }: LoopNode): void {
    assert("fields" in result, "the body of a loop returns a tuple");
    const pairs = state.flatMap((to, i) => {
      const { type } = body.params[i] as Node;
      const value = owning(this.spread(result.fields[i] as Code, type), type, (t) => updates(body, t));
      const values = leavesOf(value);
      return leavesOf(to).map((t, j) => [t.text, boxed(values[j] as Code)] as const);
    });
    const moving = pairs.filter(([to, value]) => to !== value);
    const held = (value: string) => boxed(this.w.declare(value));
    const values = moving.map(([, value], i) => (i === 0 || /^v\d+$|^-?[\d.]+$/.test(value) ? value : held(value)));
    const [first] = moving;
    if (first !== undefined && moving.slice(1).some(([, v]) => v.includes(first[0]))) values[0] = held(values[0] as string);
    for (const [i, [to]] of moving.entries()) this.w.line(`${to} = ${values[i]};`);
  }

  /** Variables for a value that both arms assign. */
  private declared(t: Type): Code {
    if (t.kind === "tuple") return { fields: t.items.map((i) => this.declared(i)) };
    const name = this.w.name("v");
    this.w.line(`let ${name};`);
    return { text: name, owned: true };
  }

  /** Assigns leaf by leaf; which leaves are owned. */
  private assign(targets: Code, value: Code): boolean[] {
    if (!("fields" in targets)) {
      this.w.line(`${targets.text} = ${boxed(value)};`);
      return ["fields" in value || value.owned];
    }
    const fields = "fields" in value ? value.fields : undefined;
    return targets.fields.flatMap((t, i) => this.assign(t, fields?.[i] ?? plain(fieldOf(boxed(value), i))));
  }

  /** A tuple as its fields. */
  private spread(code: Code, t: Type): Code {
    if (t.kind !== "tuple") return code;
    if ("fields" in code) return { fields: code.fields.map((f, i) => this.spread(f, t.items[i] as Type)) };
    const whole = this.w.named(code) as { text: string };
    return { fields: t.items.map((item, i) => this.spread(plain(fieldOf(whole.text, i)), item)) };
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
      return `${this.w.constant(primitive)}.scalar(${args.join(", ")})`;
    }
    return `apply(${this.w.constant(primitive)}, [${args.join(", ")}], ${params === undefined ? "undefined" : this.w.constant(params)})`;
  }

  private unset(type: Type): string {
    if (type.kind === "array") return isNumbers(type) ? "Numbers.of()" : "[]";
    return type.kind === "num" ? "0" : type.kind === "bool" ? "false" : "undefined";
  }
}

const withoutRoom = (code: Code): Code =>
  "fields" in code ? { fields: code.fields.map(withoutRoom) } : { text: code.text, owned: code.owned };

/** A field of a tuple that may be unset: then nobody reads it. */
const fieldOf = (tuple: string, i: number) => `${tuple}?.[${i}]`;

const isFailure = (g: Graph) => g.result?.op === "fail";

const recursive = new WeakMap<Graph, boolean>();

/** True where a graph calls itself, directly or through others. */
function isRecursive(graph: Graph): boolean {
  let found = recursive.get(graph);
  if (found === undefined) {
    found = graphsBelow(graph).some((g) => nodesOf(g).some((n) => n.op === "invoke" && n.graph === graph));
    recursive.set(graph, found);
  }
  return found;
}
