/** Calls. A function that calls itself where that is not known to end becomes a graph, once per form of its arguments. */
import type { Node as Syntax } from "oxc-parser";
import { BenchError } from "../../../core/base/errors.ts";
import { Builder, closeGraph, openGraph } from "../ir/build.ts";
import { copyInto, pack, unpack } from "../ir/extract.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { BOOL, type Type, tupleType } from "../ir/type.ts";
import { numberOf, valuesOf, varsOf } from "./captures.ts";
import { type Completion, Unreachable } from "./completion.ts";
import { type Form, keyOf, leafTypes, NONE } from "./form.ts";
import { Frame } from "./frame.ts";
import { declareIn, functionScopes } from "./loop-statements.ts";
import { isSeveral } from "./operators.ts";
import { MAX_UNROLLED } from "./specialiser.ts";
import { Statements } from "./statements.ts";
import { Choice, type Closure, cellsSoFar, Fn, type FunctionSyntax, Nothing, Obj, Scope, Text, UNDEFINED, type Value } from "./value.ts";

/** A function called by itself under a condition that is not known: it becomes a graph. */
interface Recursion {
  readonly key: string;
  /** Of its arguments. */
  readonly forms: readonly Form[];
  graph: Graph | undefined;
  /** Of the result, when a pass has found it. */
  result: Form | undefined;
  /** One object is in the result more than once: as separate values they cannot be written. */
  isShared: boolean;
  /** It gives back an object that it was given, under a condition perhaps. */
  isGiving: boolean;
  imports: readonly Node[];
  /** Something in it throws: it returns the checks too. */
  isChecked: boolean;
}

class FoundRecursion extends Error {
  readonly closure: Closure;
  constructor(closure: Closure) {
    super("recursion");
    this.closure = closure;
  }
}

const DEEPEST = 400;
/** Graphs of recursive functions that are being made at one time. */
const MOST_RECURSIONS = 24;

export abstract class Calls extends Statements {
  protected readonly stack: { readonly closure: Closure; readonly frame: Frame }[] = [];
  protected readonly recursions: { readonly closure: Closure; readonly recursion: Recursion }[] = [];
  protected readonly finished = new Map<FunctionSyntax, Map<string, Recursion>>();

  override call(fn: Value, args: readonly Value[], self: Value | undefined, at: Syntax): Value {
    if (isSeveral(fn))
      return this.each(fn, (f) => {
        if (!(f instanceof Nothing)) return this.call(f, args, self, at);
        throw this.thrownHere(`${f.name} is called`);
      });
    if (!(fn instanceof Fn)) throw this.mistake("what is called here is not a function", "declare it, or give it a function", at);
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
    if (code.kind === "class" && code.module.isLibrary) return this.construct(fn, args, at);
    if (code.kind === "class") throw this.mistake(`the class ${code.name} is called without new`, "write new", at);
    if (code.kind === "accessor") throw new Error("an accessor is taken for a value");
    return this.closureCall(code, args, code.self ?? self);
  }

  protected closureCall(code: Closure, args: readonly Value[], self: Value | undefined): Value {
    const running = this.recursions.findLast((r) => r.closure.syntax === code.syntax && r.closure.scope === code.scope);
    if (running !== undefined) {
      if (this.fits(this.formsOf(args), running.recursion)) return this.recur(running.recursion, args);
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
    let end: Completion | undefined;
    try {
      end = this.body(code, args, self);
      this.journal.commit();
      this.stack.pop();
    } catch (error) {
      this.frame = before;
      this.stack.length = depth - 1;
      // What a function wrote before it threw stays written.
      if (error instanceof Unreachable) while (this.journal.depth > notes) this.journal.commit();
      else this.journal.unwind(notes);
      if (
        !(error instanceof FoundRecursion) ||
        error.closure !== code ||
        this.stack.some((c) => c.closure.syntax === code.syntax && c.closure.scope === code.scope)
      )
        throw error;
    }
    return end === undefined ? this.asGraph(code, args, self) : this.valueOf(end);
  }

  /** How many calls of a function are being run. */
  protected depthOf(code: Closure): number {
    return this.stack.filter((c) => c.closure.syntax === code.syntax && c.closure.scope === code.scope).length;
  }

  /** Runs a function; how it ends. */
  protected body(code: Closure, args: readonly Value[], self: Value | undefined): Completion {
    if (code.syntax.generator)
      throw this.refuse("generators are outside the differentiable language", "collect the values in an array and return it", code.syntax);
    const run = (): Completion => {
      const scope = new Scope(code.scope);
      functionScopes.add(scope);
      scope.home = code.home;
      scope.self = code.syntax.type === "ArrowFunctionExpression" ? undefined : self;
      if (code.syntax.type !== "ArrowFunctionExpression" && self === undefined) scope.self = UNDEFINED;
      const own = code.syntax.id as { name: string } | null;
      if ((code.syntax.type as string) === "FunctionExpression" && own)
        declareIn(scope, own.name).value = new Fn({ ...code, self: undefined });
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
      if (body === null) throw this.refuse("a function without a body is called", "give it a body, or import the one that has it");
      if (body.type !== "BlockStatement") return { kind: "return", value: this.evaluate(body, scope) };
      for (const name of varsOf(body)) if (!scope.cells.has(name)) declareIn(scope, name).value = UNDEFINED;
      this.hoist(body.body, scope);
      return this.statements(body.body, 0, scope, () => ({ kind: "return", value: UNDEFINED }));
    };
    return this.within(code.module, () => this.contained(run));
  }

  // Recursion.

  /** Whether arguments are of the form, or of a special one of it, that a function is being made a graph for. */
  private fits(forms: readonly Form[], { forms: wide, key }: Recursion): boolean {
    const joined = this.widened(wide, forms);
    return joined !== undefined && keysOf(joined) === key;
  }

  /** The common forms of two lists of arguments; undefined where they have none, such as two functions. */
  private widened(forms: readonly Form[], by: readonly Form[]): Form[] | undefined {
    if (forms.length !== by.length) return undefined;
    try {
      return forms.map((f, i) => this.algebra.join(f, by[i] as Form));
    } catch (error) {
      if (error instanceof BenchError) return undefined;
      throw error;
    }
  }

  /** A graph is made for each form of the arguments. */
  protected formsOf(args: readonly Value[]): Form[] {
    return args.map((a) => this.algebra.whole(this.algebra.of(a, -1)));
  }

  protected asGraph(code: Closure, args: readonly Value[], self: Value | undefined): Value {
    let argumentForms = this.formsOf(args);
    // Called by itself with another form (a list that grows): one graph for both forms.
    const running = this.recursions.findLast((r) => r.closure.syntax === code.syntax && r.closure.scope === code.scope);
    if (running !== undefined) argumentForms = this.widened(running.recursion.forms, argumentForms) ?? argumentForms;
    if (this.recursions.length > MOST_RECURSIONS)
      throw this.refuse("a function calls itself with another function each time", "give the numbers that it computes with instead");
    const key = keysOf(argumentForms);
    const forms = this.finished.get(code.syntax) ?? new Map<string, Recursion>();
    this.finished.set(code.syntax, forms);
    const scoped = `${numberOf(code.scope)}|${key}`;
    let recursion = forms.get(scoped);
    if (recursion === undefined) {
      recursion = this.compileRecursion(code, argumentForms, self, key);
      if (recursion.imports.length === 0) forms.set(scoped, recursion);
    }
    return this.recur(recursion, args);
  }

  protected compileRecursion(code: Closure, forms: readonly Form[], self: Value | undefined, key: string): Recursion {
    const outer = this.frame;
    const recursion: Recursion = {
      key,
      forms,
      graph: undefined,
      result: undefined,
      isShared: false,
      isGiving: false,
      imports: [],
      isChecked: false,
    };
    const given = forms.flatMap(leafTypes);
    for (let pass = 0; pass < 12; pass++) {
      const frame = new Frame(outer);
      this.frame = frame;
      const before = cellsSoFar();
      const params = given.map((t) => frame.param(t));
      const queue = [...params];
      const own = forms.map((f) => this.rebuilt(f, queue, false) as Value);
      const types = resultTypes(recursion);
      const [freezes, unsettled] = [this.frozen.length, this.unsettled];
      const since = cellsSoFar();
      recursion.graph = openGraph(
        code.name,
        [...given, ...recursion.imports.map((n) => n.type)],
        types.length === 1 ? (types[0] as Type) : tupleType(types),
        this.spanOf(code.syntax),
      );
      this.recursions.push({ closure: code, recursion });
      this.passes++;
      const notes = this.journal.depth;
      this.journal.begin();
      let result: Value | undefined;
      this.journal.write(this.checks, this.truth(true));
      let checks: Node;
      try {
        const end = this.body(code, own, self);
        result = this.closedOff("a recursive function", () => this.valueOf(end));
        checks = this.checks.value as Node;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        throw this.refuse("this recursion has no end", "give it a case that does not call itself", code.syntax);
      } finally {
        this.recursions.pop();
        this.passes--;
        this.frame = outer;
        this.journal.unwind(notes + 1);
        const writes = this.journal.revert(since);
        writes.delete(this.checks as never);
        if (result !== undefined && writes.size > 0) result = new Text("");
      }
      if (result instanceof Text)
        throw this.refuse("a recursive function writes to variables outside of it", "return what it computes", code.syntax);
      const oldest = oldestIn(result as Value, before);
      if (oldest <= before)
        throw this.refuse(
          "a recursive function returns this, or an object of the function around it",
          "return a copy: { ...o } or [...a]",
          code.syntax,
        );
      const isGiving = oldest <= since;
      const form = this.algebra.join(recursion.result ?? NONE, this.algebra.whole(this.algebra.of(result as Value, -1)));
      const isSame =
        recursion.result !== undefined &&
        keyOf(form) === keyOf(recursion.result) &&
        (checks.op === "const" || recursion.isChecked) &&
        (!isGiving || recursion.isGiving) &&
        this.unsettled === unsettled &&
        !this.frozen.slice(freezes).some((n) => n <= before);
      this.unsettled = unsettled;
      const leaves: Node[] = [];
      if (isSame) this.leaves(frame, form, result as Value, leaves);
      if (isSame && recursion.isChecked) leaves.push(checks);
      const imports = [...frame.imports.keys()];
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
      recursion.result = form;
      recursion.isChecked ||= checks.op !== "const";
      recursion.isShared ||= holdsTwice(result as Value);
      recursion.isGiving ||= isGiving;
      recursion.imports = imports;
    }
    throw this.refuse("the result of this recursive function changes its form from call to call", "give it one form", code.syntax);
  }

  protected recur(recursion: Recursion, args: readonly Value[]): Value {
    if (recursion.result === undefined) throw new Unreachable("a recursive call", false);
    if (recursion.isChecked && this.tries > 0) throw this.uncatchable("a recursive function");
    const leaves: Node[] = [];
    for (const [i, a] of args.entries()) {
      const form = recursion.forms[i] as Form;
      // What is handed on is one object under two names, and comes back as another: neither may be written.
      if (recursion.isGiving) this.freeze(form, a);
      else this.freezeShared(form, a);
      this.leaves(this.frame, form, a, leaves);
    }
    const all = [...leaves, ...recursion.imports].map((n) => this.frame.local(n));
    const node = this.frame.made((b) => b.invoke(recursion.graph as Graph, all));
    const results = unpack(this.frame.build, node, resultTypes(recursion).length).map((n) => this.frame.mine(n));
    if (recursion.isChecked) this.journal.write(this.checks, this.apply("logicalAnd", this.checks.value as Node, results.at(-1) as Node));
    return this.rebuilt(recursion.result, results, recursion.isShared || recursion.isGiving) as Value;
  }
}

/** Of what its graph returns. */
const resultTypes = ({ result, isChecked }: Recursion): Type[] =>
  result === undefined ? [] : [...leafTypes(result), ...(isChecked ? [BOOL] : [])];

const keysOf = (forms: readonly Form[]) => forms.map(keyOf).join(";");

/** Whether one object is in a value more than once. */
function holdsTwice(v: Value): boolean {
  const seen = new Set<Obj>();
  const work = [v];
  for (let x = work.pop(); x !== undefined; x = work.pop()) {
    if (x instanceof Choice) work.push(x.consequent, x.otherwise);
    if (!(x instanceof Obj)) continue;
    if (seen.has(x)) return true;
    seen.add(x);
    const c = x.content.value;
    if (c.kind !== "array") work.push(...(c.kind === "record" ? c.fields.values() : c.items));
  }
  return false;
}

/** The number of the oldest object in a value. Objects up to `shared` stay what they are in functions that share them. */
function oldestIn(v: Value, shared: number): number {
  const oldest = (values: Iterable<Value>) => [...values].map((x) => oldestIn(x, shared));
  if (v instanceof Choice) return Math.min(...oldest([v.consequent, v.otherwise]));
  if (v instanceof Fn) {
    const held = v.code.kind === "closure" ? valuesOf(v.code)?.values() : undefined;
    return Math.min(...oldest(held ?? []).filter((n) => n > shared));
  }
  if (!(v instanceof Obj)) return Number.POSITIVE_INFINITY;
  const c = v.content.value;
  return Math.min(v.content.number, ...oldest(c.kind === "array" ? [] : c.kind === "record" ? c.fields.values() : c.items));
}
