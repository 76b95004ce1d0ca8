/** Calls. A function that calls itself where that is not known to end becomes a graph, once per form of its arguments. */
import type { Node as Syntax } from "oxc-parser";
import { Builder, closeGraph, openGraph } from "../ir/build.ts";
import { copyInto, pack, unpack } from "../ir/extract.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { type Type, tupleType } from "../ir/type.ts";
import { type Completion, Unreachable } from "./completion.ts";
import { Frame } from "./frame.ts";
import { declareIn, functionScopes } from "./loop-statements.ts";
import { MAX_UNROLLED } from "./specialiser.ts";
import { Statements } from "./statements.ts";
import {
  Choice,
  type Closure,
  cellsSoFar,
  Fn,
  type FunctionSyntax,
  isNode,
  Nothing,
  Obj,
  Scope,
  Text,
  UNDEFINED,
  type Value,
} from "./value.ts";

/** A function called by itself under a condition that is not known: it becomes a graph. */
interface Recursion {
  readonly key: string;
  graph: Graph | undefined;
  /** Leaves of the result, when a pass has found them. */
  template: Value | undefined;
  types: readonly Type[];
  imports: readonly Node[];
}

class FoundRecursion extends Error {
  readonly closure: Closure;
  constructor(closure: Closure) {
    super("recursion");
    this.closure = closure;
  }
}

const DEEPEST = 400;

export abstract class Calls extends Statements {
  protected readonly stack: { readonly closure: Closure; readonly frame: Frame }[] = [];
  protected readonly recursions: { readonly closure: Closure; readonly recursion: Recursion }[] = [];
  protected readonly finished = new Map<FunctionSyntax, Map<string, Recursion>>();

  override call(fn: Value, args: readonly Value[], self: Value | undefined, at: Syntax): Value {
    if (fn instanceof Choice)
      return this.each(fn, (f) => {
        if (!(f instanceof Nothing)) return this.call(f, args, self, at);
        throw new Unreachable(`${f.name} is called`, true);
      });
    if (!(fn instanceof Fn)) throw this.mistake("what is called here is not a function", undefined, at);
    const { code } = fn;
    if (code.kind === "native") {
      if (!code.takesSpread) this.refuseSpread(args);
      const before = this.at;
      this.at = at;
      try {
        return code.call(args, at);
      } finally {
        this.at = before;
      }
    }
    if (code.kind === "class") throw this.mistake(`the class ${code.name} is called without new`, undefined, at);
    return this.closureCall(code, args, code.self ?? self);
  }

  protected closureCall(code: Closure, args: readonly Value[], self: Value | undefined): Value {
    const running = this.recursions.findLast((r) => r.closure.syntax === code.syntax && r.closure.scope === code.scope);
    if (running !== undefined) {
      const inner = this.keyOfArguments(args);
      if (inner === running.recursion.key) return this.recur(running.recursion, args);
    }
    const open = this.stack.find((c) => c.closure.syntax === code.syntax && c.closure.scope === code.scope);
    // A function of a library is called again by the callback that it calls, for other arrays: that is no recursion of the program.
    if (open !== undefined && code.module.site === undefined && (open.frame !== this.frame || this.depthOf(code) >= MAX_UNROLLED))
      throw new FoundRecursion(open.closure);
    if (this.stack.length > DEEPEST)
      throw this.refuse(
        "this recursion does not end by what is known before it runs, or is very deep",
        "give it a case that ends, or write it as a loop",
      );
    const before = this.frame;
    const notes = this.journal.depth;
    this.journal.begin();
    this.stack.push({ closure: code, frame: this.frame });
    const depth = this.stack.length;
    try {
      const result = this.body(code, args, self);
      this.journal.commit();
      this.stack.pop();
      return result;
    } catch (error) {
      this.frame = before;
      this.stack.length = depth - 1;
      this.journal.unwind(notes);
      if (
        !(error instanceof FoundRecursion) ||
        error.closure !== code ||
        this.stack.some((c) => c.closure.syntax === code.syntax && c.closure.scope === code.scope)
      )
        throw error;
    }
    return this.asGraph(code, args, self);
  }

  /** How many calls of a function are being run. */
  protected depthOf(code: Closure): number {
    return this.stack.filter((c) => c.closure.syntax === code.syntax && c.closure.scope === code.scope).length;
  }

  protected body(code: Closure, args: readonly Value[], self: Value | undefined): Value {
    if (code.syntax.generator)
      throw this.refuse("generators are outside the differentiable language", "collect the values in an array and return it", code.syntax);
    return this.within(code.module, () => {
      const scope = new Scope(code.scope);
      functionScopes.add(scope);
      scope.home = code.home;
      scope.self = code.syntax.type === "ArrowFunctionExpression" ? undefined : self;
      if (code.syntax.type !== "ArrowFunctionExpression" && self === undefined) scope.self = UNDEFINED;
      const params = code.syntax.params as readonly Syntax[];
      this.refuseSpread(
        args.slice(
          0,
          params.findIndex((p) => p.type === "RestElement"),
        ),
      );
      params.forEach((p, i) => {
        if (p.type === "Identifier" && p.name === "this") return;
        if (p.type === "RestElement") this.bind(p.argument, this.gathered(args.slice(i)), scope, (name) => declareIn(scope, name));
        else this.bind(p, args[i] ?? UNDEFINED, scope, (name) => declareIn(scope, name));
      });
      const { body } = code.syntax;
      if (body === null) throw this.refuse("a function without a body is called");
      if (body.type !== "BlockStatement") return this.evaluate(body, scope);
      this.hoist(body.body, scope);
      const end = this.statements(body.body, 0, scope, () => ({ kind: "return", value: UNDEFINED }));
      return this.returned(end);
    });
  }

  protected returned(end: Completion): Value {
    if (end.kind === "return") return end.value;
    if (end.kind === "mixed")
      return this.choose(
        end.condition,
        () => this.returned(end.consequent),
        () => this.returned(end.otherwise),
      );
    return UNDEFINED;
  }

  // Recursion.

  /** What of arguments is not a number: a graph is made for each form of them. */
  protected keyOfArguments(args: readonly Value[]): string {
    const show = (v: Value): string => {
      if (isNode(v)) return `n${v.type.id}`;
      if (v instanceof Text) return JSON.stringify(v.text);
      if (v instanceof Nothing) return v.name;
      if (v instanceof Fn)
        return `f${numberOf(v.code.kind === "closure" ? v.code.scope : v.code)}.${numberOf(v.code.kind === "closure" ? v.code.syntax : v.code)}`;
      if (v instanceof Obj) {
        const c = v.content.value;
        if (c.kind === "record") return `{${[...c.fields].map(([k, x]) => `${k}:${show(x)}`).join(",")}}`;
        return c.kind === "list" ? `[${c.items.map(show).join(",")}]` : `a${c.node.type.id}`;
      }
      return "?";
    };
    return args.map(show).join(";");
  }

  protected leavesOf(v: Value, out: Node[]): void {
    if (isNode(v)) out.push(v);
    else if (v instanceof Obj) {
      const c = v.content.value;
      if (c.kind === "array") out.push(c.node);
      else for (const x of c.kind === "record" ? c.fields.values() : c.items) this.leavesOf(x, out);
    } else if (v instanceof Choice)
      throw this.refuse(
        "a recursive function is given, or gives, values of different form",
        "give it one form, for instance a number that says which case it is",
      );
  }

  protected withLeaves(v: Value, queue: Node[]): Value {
    if (isNode(v)) return queue.shift() as Node;
    if (!(v instanceof Obj)) return v;
    const c = v.content.value;
    if (c.kind === "array") return this.object({ kind: "array", node: queue.shift() as Node });
    if (c.kind === "list") return this.object({ kind: "list", items: c.items.map((x) => this.withLeaves(x, queue)) }, v.type);
    return this.object({ kind: "record", fields: new Map([...c.fields].map(([k, x]) => [k, this.withLeaves(x, queue)])) }, v.type);
  }

  protected asGraph(code: Closure, args: readonly Value[], self: Value | undefined): Value {
    const key = this.keyOfArguments(args);
    const forms = this.finished.get(code.syntax) ?? new Map<string, Recursion>();
    this.finished.set(code.syntax, forms);
    const scoped = `${numberOf(code.scope)}|${key}`;
    let recursion = forms.get(scoped);
    if (recursion === undefined) {
      recursion = this.compileRecursion(code, args, self, key);
      if (recursion.imports.length === 0) forms.set(scoped, recursion);
    }
    return this.recur(recursion, args);
  }

  protected compileRecursion(code: Closure, args: readonly Value[], self: Value | undefined, key: string): Recursion {
    const outer = this.frame;
    const recursion: Recursion = { key, graph: undefined, template: undefined, types: [], imports: [] };
    const given: Node[] = [];
    for (const a of args) this.leavesOf(a, given);
    for (let pass = 0; pass < 8; pass++) {
      const frame = new Frame(outer);
      this.frame = frame;
      const params = given.map((n) => frame.param(n.type));
      const queue = [...params];
      const own = args.map((a) => this.withLeaves(a, queue));
      const since = cellsSoFar();
      recursion.graph = openGraph(
        code.name,
        [...given.map((n) => n.type), ...recursion.imports.map((n) => n.type)],
        recursion.types.length === 1 ? (recursion.types[0] as Type) : tupleType(recursion.types),
        this.spanOf(code.syntax),
      );
      this.recursions.push({ closure: code, recursion });
      const notes = this.journal.depth;
      this.journal.begin();
      let result: Value | undefined;
      try {
        result = this.body(code, own, self);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        throw this.refuse("this recursion has no end", "give it a case that does not call itself", code.syntax);
      } finally {
        this.recursions.pop();
        this.frame = outer;
        this.journal.unwind(notes + 1);
        const writes = this.journal.revert(since);
        if (result !== undefined && writes.size > 0) result = new Text("");
      }
      if (result instanceof Text)
        throw this.refuse("a recursive function writes to variables outside of it", "return what it computes", code.syntax);
      const leaves: Node[] = [];
      this.leavesOf(result, leaves);
      if (holdsOlder(result as Value, since))
        throw this.refuse("a recursive function returns an object that it was given", "return a new one: { ...o }", code.syntax);
      const types = leaves.map((n) => n.type);
      const imports = [...frame.imports.keys()];
      const isSame =
        recursion.template !== undefined && types.length === recursion.types.length && types.every((t, i) => t === recursion.types[i]);
      if (isSame && imports.length === recursion.imports.length && imports.every((n, i) => n === recursion.imports[i])) {
        const graph = recursion.graph;
        const build = new Builder();
        const map = new Map<Node, Node>();
        params.forEach((p, i) => {
          map.set(p, graph.params[i] as Node);
        });
        imports.forEach((n, i) => {
          map.set(frame.imports.get(n) as Node, graph.params[params.length + i] as Node);
        });
        closeGraph(
          graph,
          pack(
            build,
            copyInto(
              build,
              leaves.map((n) => frame.local(n)),
              map,
            ),
          ),
        );
        return recursion;
      }
      recursion.template = result;
      recursion.types = types;
      recursion.imports = imports;
    }
    throw this.refuse("the result of this recursive function changes its form from call to call", "give it one form", code.syntax);
  }

  protected recur(recursion: Recursion, args: readonly Value[]): Value {
    if (recursion.template === undefined) throw new Unreachable("a recursive call", false);
    const leaves: Node[] = [];
    for (const a of args) this.leavesOf(a, leaves);
    const all = [...leaves, ...recursion.imports].map((n) => this.frame.local(n));
    const node = this.frame.made((b) => b.invoke(recursion.graph as Graph, all));
    const results = unpack(this.frame.build, node, recursion.types.length).map((n) => this.frame.mine(n));
    return this.withLeaves(recursion.template, results);
  }
}

const numbers = new WeakMap<object, number>();
let numbered = 0;
function numberOf(o: object): number {
  let n = numbers.get(o);
  if (n === undefined) {
    n = ++numbered;
    numbers.set(o, n);
  }
  return n;
}

/** Whether a value holds an object made before: as the result of a graph it would be another one. */
function holdsOlder(v: Value, since: number): boolean {
  if (!(v instanceof Obj)) return false;
  if (v.content.number <= since) return true;
  const c = v.content.value;
  return c.kind !== "array" && [...(c.kind === "record" ? c.fields.values() : c.items)].some((x) => holdsOlder(x, since));
}
