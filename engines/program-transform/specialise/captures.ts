/**
 * What functions capture: the variables that are written somewhere as the cells that they are, shared with everybody, and the values
 * of the others. A function made again with the same of both is the same function, and one made with other values is of the same form:
 * a loop may make functions in each turn, and an array of unknown length hold them, as records of what they hold.
 */
import type { Node as Syntax } from "oxc-parser";
import { Cell, type Closure, Fn, isNode, Nothing, Scope, Text, type Value } from "./value.ts";

/** Names that code reads and does not declare. */
interface Free {
  readonly names: readonly string[];
  /** `this` or `super` of the function around it. */
  readonly readsThis: boolean;
}

const numbers = new WeakMap<object, number>();
let numbered = 0;
/** A number that stands for an object's identity in keys. */
export function numberOf(o: object): number {
  let n = numbers.get(o);
  if (n === undefined) {
    n = ++numbered;
    numbers.set(o, n);
  }
  return n;
}

/** What the scope of a function is made of. */
interface Captured {
  /** The function, and the variables that it shares with others: what stays when its values are exchanged. */
  readonly head: string;
  /** The names of the variables that it holds the values of. */
  readonly names: readonly string[];
  /** Several functions were made with the same. */
  isOfMany: boolean;
}

const captured = new WeakMap<Scope, Captured>();

/** Equal for functions of one text that differ by the values that they hold alone. */
export function headOfClosure({ syntax, scope }: Closure): string {
  return `f${captured.get(scope)?.head ?? `${numberOf(syntax)}.${numberOf(scope)}`}`;
}

/** Whether functions that are told apart by === may be taken for this one. */
export const isOfMany = ({ scope }: Closure): boolean => captured.get(scope)?.isOfMany ?? false;

/** The values that a function holds; undefined where it shares all of its variables. */
export function valuesOf({ scope }: Closure): ReadonlyMap<string, Value> | undefined {
  const names = captured.get(scope)?.names;
  return names && new Map(names.map((name) => [name, scope.cells.get(name)?.value as Value]));
}

export class Captures {
  private readonly scopes = new Map<string, Scope>();

  /** The scope of a function that holds other values. */
  exchanged({ scope }: Closure, values: ReadonlyMap<string, Value>): Scope {
    return this.kept((captured.get(scope) as Captured).head, scope, values, new Map());
  }

  private kept(
    head: string,
    outer: Scope,
    values: ReadonlyMap<string, Value>,
    shared: ReadonlyMap<string, Cell<Value | undefined>>,
  ): Scope {
    const key = [head, ...[...values.values()].map(keyOfValue)].join();
    const known = this.scopes.get(key);
    if (known !== undefined) {
      (captured.get(known) as Captured).isOfMany = true;
      return known;
    }
    const scope = new Scope(outer);
    fill(scope, values, shared);
    captured.set(scope, { head, names: [...values.keys()], isOfMany: false });
    this.scopes.set(key, scope);
    return scope;
  }

  /**
   * The scope of a function made here: the cells as they are when it is made. Code that follows a condition may be run once in each
   * arm, and declares its variables anew there; a function made in one arm keeps those of that arm. `program`: all code of the module.
   */
  scopeOf(syntax: Syntax, scope: Scope, program: readonly Syntax[]): Scope {
    const { names, readsThis } = freeIn(syntax);
    const shared = new Map<string, Cell<Value | undefined>>();
    const values = new Map<string, Value>();
    let isKnown = true;
    for (const name of names) {
      const cell = scope.find(name);
      // What is declared further down is found when it is read.
      if (cell === undefined) isKnown = false;
      if (cell === undefined || scope.isOfModule(name)) continue;
      if (cell.value === undefined) isKnown = false;
      if (cell.value === undefined || writtenIn(program).has(name)) shared.set(name, cell);
      else values.set(name, cell.value);
    }
    const self = readsThis ? scope.thisValue() : undefined;
    if (self !== undefined) values.set("this", self);
    if (isKnown) {
      const home = scope.homeClass();
      const around = home === undefined ? "" : String(numberOf(home));
      return this.kept([numberOf(syntax), ...[...shared.values()].map(numberOf), around].join("."), scope, values, shared);
    }
    const own = new Scope(scope);
    fill(own, values, shared);
    return own;
  }
}

function fill(scope: Scope, values: ReadonlyMap<string, Value>, shared: ReadonlyMap<string, Cell<Value | undefined>>): void {
  for (const [name, cell] of shared) scope.cells.set(name, cell);
  for (const [name, value] of values) scope.cells.set(name, new Cell<Value | undefined>(value));
  scope.self = values.get("this");
}

function keyOfValue(v: Value): string {
  if (isNode(v)) return v.op === "const" ? `${typeof v.value}${Object.is(v.value, -0) ? "-0" : String(v.value)}` : `n${v.id}`;
  if (v instanceof Text) return v.key;
  if (v instanceof Nothing) return v.name;
  if (v instanceof Fn && v.code.kind === "closure" && v.code.self === undefined)
    return `f${numberOf(v.code.syntax)}.${numberOf(v.code.scope)}`;
  return `o${numberOf(v instanceof Fn ? v.code : v)}`;
}

const written = new WeakMap<readonly Syntax[], ReadonlySet<string>>();

/** The names of variables that are given a value elsewhere than where they are declared. */
function writtenIn(program: readonly Syntax[]): ReadonlySet<string> {
  let names = written.get(program);
  if (names === undefined) {
    names = writesOf(program);
    written.set(program, names);
  }
  return names;
}

export function writesOf(code: unknown): Set<string> {
  const names = new Set<string>();
  const work: unknown[] = [code];
  while (work.length > 0) {
    const n = work.pop();
    if (isSyntax(n) && n.type === "ForStatement" && n.init?.type === "VariableDeclaration" && !makesFunctions(n.update)) {
      // Each turn has its own variable, which the next one begins with: what is captured in a turn is not written by its update.
      const own = new Set<string>();
      for (const d of n.init.declarations) addNames(d.id, own);
      for (const name of writesOf(n.update)) if (n.init.kind === "var" || !own.has(name)) names.add(name);
      work.push(n.init, n.test, n.body);
      continue;
    }
    for (const part of partsOf(n)) work.push(part);
    if (!isSyntax(n)) continue;
    if (n.type === "AssignmentExpression") addNames(n.left, names);
    else if (n.type === "UpdateExpression") addNames(n.argument, names);
    else if (n.type === "ForOfStatement" || n.type === "ForInStatement") addNames(n.left, names);
    // A variable of these two may be declared more than once, or filled later.
    else if (n.type === "VariableDeclaration" && (n.kind === "var" || n.declarations.some((d) => d.init === null)))
      for (const d of n.declarations) addNames(d.id, names);
  }
  return names;
}

const variables = new WeakMap<Syntax, ReadonlySet<string>>();

/** The names that a function declares by `var`, wherever in its body: they are there, undefined, from its beginning. */
export function varsOf(body: Syntax): ReadonlySet<string> {
  let names = variables.get(body);
  if (names === undefined) {
    const found = new Set<string>();
    const work: unknown[] = [body];
    while (work.length > 0) {
      const n = work.pop();
      if (isSyntax(n) && /Function|Class/.test(n.type)) continue;
      if (isSyntax(n) && n.type === "VariableDeclaration" && n.kind === "var") for (const d of n.declarations) addNames(d.id, found);
      for (const part of partsOf(n)) work.push(part);
    }
    names = found;
    variables.set(body, names);
  }
  return names;
}

/** Whether a function is written in some code. */
export function makesFunctions(code: unknown): boolean {
  const work: unknown[] = [code];
  while (work.length > 0) {
    const n = work.pop();
    if (isSyntax(n) && /Function|Class/.test(n.type)) return true;
    for (const part of partsOf(n)) work.push(part);
  }
  return false;
}

function addNames(pattern: Syntax, names: Set<string>): void {
  switch (pattern.type) {
    case "Identifier":
      names.add(pattern.name);
      return;
    case "AssignmentPattern":
      addNames(pattern.left, names);
      return;
    case "RestElement":
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSNonNullExpression":
    case "TSSatisfiesExpression":
      addNames("argument" in pattern ? pattern.argument : pattern.expression, names);
      return;
    case "TSParameterProperty":
      addNames(pattern.parameter, names);
      return;
    case "ArrayPattern":
      for (const e of pattern.elements) if (e !== null) addNames(e, names);
      return;
    case "ObjectPattern":
      for (const p of pattern.properties) addNames(p.type === "Property" ? p.value : p, names);
      return;
  }
}

const free = new WeakMap<Syntax, Free>();

function freeIn(syntax: Syntax): Free {
  let known = free.get(syntax);
  if (known !== undefined) return known;
  const names = new Set<string>();
  let readsThis = false;
  const inside = (n: Syntax, bound: ReadonlySet<string>, isOwnThis: boolean) => {
    for (const part of partsOf(n)) visit(part, bound, isOwnThis);
  };
  /** `isOwnThis`: `this` is that of a function within. */
  const visit = (n: unknown, bound: ReadonlySet<string>, isOwnThis: boolean): void => {
    if (Array.isArray(n)) {
      for (const part of n) visit(part, bound, isOwnThis);
      return;
    }
    if (!isSyntax(n) || isType(n)) return;
    switch (n.type) {
      case "Identifier":
        if (!bound.has(n.name)) names.add(n.name);
        return;
      case "ThisExpression":
      case "Super":
        readsThis ||= !isOwnThis;
        return;
      case "MemberExpression":
        visit(n.object, bound, isOwnThis);
        if (n.computed) visit(n.property, bound, isOwnThis);
        return;
      case "Property":
      case "PropertyDefinition":
      case "MethodDefinition": {
        if (n.computed) visit(n.key, bound, isOwnThis);
        visit(n.value, bound, isOwnThis || n.type !== "Property");
        return;
      }
      case "LabeledStatement":
        visit(n.body, bound, isOwnThis);
        return;
      case "BreakStatement":
      case "ContinueStatement":
        return;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression": {
        const own = new Set(bound);
        if (n.type === "FunctionExpression" && n.id) own.add(n.id.name);
        for (const p of n.params) addNames(p, own);
        if (n.body) declaredIn(n.body, own);
        visit(n.params, own, isOwnThis || n.type !== "ArrowFunctionExpression");
        visit(n.body, own, isOwnThis || n.type !== "ArrowFunctionExpression");
        return;
      }
      case "ClassDeclaration":
      case "ClassExpression": {
        const own = new Set(bound);
        if (n.id) own.add(n.id.name);
        visit(n.superClass, own, isOwnThis);
        visit(n.body, own, true);
        return;
      }
      case "BlockStatement":
      case "ForStatement":
      case "ForOfStatement":
      case "ForInStatement":
      case "SwitchStatement":
      case "CatchClause": {
        const own = new Set(bound);
        declaredIn(n, own);
        inside(n, own, isOwnThis);
        return;
      }
      default:
        inside(n, bound, isOwnThis);
    }
  };
  visit(syntax, new Set(), syntax.type !== "ArrowFunctionExpression");
  known = { names: [...names], readsThis };
  free.set(syntax, known);
  return known;
}

/** Adds the names that a block, or the body of a function, declares for itself. */
function declaredIn(block: Syntax, names: Set<string>): void {
  const direct = (n: unknown): void => {
    if (!isSyntax(n)) return;
    if (n.type === "VariableDeclaration") for (const d of n.declarations) addNames(d.id, names);
    else if ((n.type === "FunctionDeclaration" || n.type === "ClassDeclaration") && n.id) names.add(n.id.name);
  };
  if (block.type === "BlockStatement") block.body.forEach(direct);
  else if (block.type === "ForStatement") direct(block.init);
  else if (block.type === "ForOfStatement" || block.type === "ForInStatement") direct(block.left);
  else if (block.type === "SwitchStatement") for (const c of block.cases) c.consequent.forEach(direct);
  else if (block.type === "CatchClause" && block.param) addNames(block.param, names);
}

const isSyntax = (n: unknown): n is Syntax => typeof n === "object" && n !== null && "type" in n;

/** What is of types alone; expressions within type syntax are not. */
const isType = (n: Syntax): boolean =>
  /^TS/.test(n.type) && !/^TS(As|Satisfies|NonNull|Instantiation)Expression$|^TSTypeAssertion$|^TSParameterProperty$/.test(n.type);

function partsOf(n: unknown): unknown[] {
  if (Array.isArray(n)) return n;
  if (!isSyntax(n)) return [];
  return Object.entries(n).flatMap(([key, value]) => (key !== "parent" && typeof value === "object" && value !== null ? [value] : []));
}
