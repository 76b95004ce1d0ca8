/**
 * What a program's values are while it is specialised. Numbers, truth values and tensors are nodes of the IR (a known number is a
 * constant node); objects, arrays, functions and strings stay what they are, so that structure costs nothing at run time. What a
 * variable or an object holds lies in cells, whose writes are noted in a journal: an arm of an unknown condition is run, its
 * writes are taken back, the other arm is run, and both are joined.
 */

import type { Node as Syntax } from "oxc-parser";
import type { BenchError } from "../../../core/base/errors.ts";
import type { Node } from "../ir/graph.ts";
import type { Form, UnionForm } from "./form.ts";
import type { Frame } from "./frame.ts";
import type { ModuleScope } from "./module.ts";

export type Value = Node | Text | Nothing | Obj | Fn | Choice | Variant;

/** A string. */
export class Text {
  /** As messages show it. */
  readonly shown: string;
  constructor(text: string) {
    this.shown = text;
  }

  get text(): string {
    return this.shown;
  }

  /** Equal for equal texts. */
  get key(): string {
    return JSON.stringify(this.shown);
  }
}

/** Text with numbers in it that are not known: it can be passed on, thrown and shown, with dots in their place, but not be read. */
export class Wording extends Text {
  private readonly refused: () => BenchError;
  constructor(shown: string, refused: () => BenchError) {
    super(shown);
    this.refused = refused;
  }

  override get text(): string {
    throw this.refused();
  }

  override get key(): string {
    return `…${super.key}`;
  }
}

export class Nothing {
  readonly name: "undefined" | "null";
  constructor(name: "undefined" | "null") {
    this.name = name;
  }
}
export const UNDEFINED = new Nothing("undefined");
export const NULL = new Nothing("null");

let cells = 0;

/** A place that is written: a variable, or what an object consists of. Numbers increase in the order of making. */
export class Cell<T = Value> {
  readonly number = ++cells;
  /** The object that consists of what it holds. */
  owner: Obj | undefined;
  value: T;
  constructor(value: T) {
    this.value = value;
  }
}

/** Cells made from now on have larger numbers. */
export const cellsSoFar = () => cells;

/** What an object consists of; never changed in place. */
export type Content =
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Value> }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  /** An array whose length or place of access is not known: one value of array type, whose elements have one form. */
  | { readonly kind: "array"; readonly node: Node; readonly of: Form };

/**
 * An array of structures holds what its elements hold. An element that was read is an object of its own, which writes through to the
 * array. What was put into an array says what the element is for as long as nobody else wrote one: `known` has the contents of the
 * array for which it does. What was read from one is read again where it was written, while each place holds the object that it held.
 */
export interface Home {
  readonly array: Obj;
  readonly index: Node;
  /** What is at the place: the object itself, or the one that it is a part of. */
  readonly element: Obj;
  readonly known: WeakSet<Content>;
  readonly handle?: Handle;
}

/** How an element is read again. */
export interface Handle {
  readonly form: Form;
  /** What contents of the array have in common whose places hold the same objects. */
  readonly lineage: object;
  /** What the element was when it was first read. */
  readonly first: Reading;
  readonly readings: WeakMap<Content, Reading>;
  /** What the element and its parts hold now. */
  current: Reading;
}

export interface Reading {
  /** Where the nodes are known. */
  readonly frame: Frame;
  readonly parts: readonly (readonly [Obj, Content])[];
}

export class Obj {
  readonly content: Cell<Content>;
  /** The class that it is an instance of. */
  readonly type: ClassValue | undefined;
  /** It stands for different objects, by a condition: writes would have to reach the right one. */
  isJoined = false;
  /** Where it is kept by what it holds: in an array of structures. */
  home: Home | undefined;
  /** Of an array: an object in it is known by what it held once, under a name that nobody follows. */
  isCopied = false;
  /** Of an array: an object in it has been written. */
  isWritten = false;
  /** It was made by the top level of a module, and outlives a call. */
  isOfModule = false;
  /** It stands for one that the caller holds. */
  isGiven = false;
  /** By Object.freeze. */
  isFrozen = false;
  constructor(content: Content, type?: ClassValue) {
    this.content = new Cell(content);
    this.content.owner = this;
    this.type = type;
  }
}

/** Names to cells, innermost first. */
export class Scope {
  readonly outer: Scope | undefined;
  readonly cells = new Map<string, Cell<Value | undefined>>();
  /** `this` of the function that this is the scope of. */
  self: Value | undefined;
  /** The class that the function belongs to. */
  home: ClassValue | undefined;
  constructor(outer: Scope | undefined) {
    this.outer = outer;
  }
  find(name: string): Cell<Value | undefined> | undefined {
    for (let s: Scope | undefined = this; s !== undefined; s = s.outer) {
      const cell = s.cells.get(name);
      if (cell !== undefined) return cell;
    }
    return undefined;
  }
  /** Whether a name is a variable of the module, or of what surrounds it. */
  isOfModule(name: string): boolean {
    let s: Scope = this;
    while (!s.cells.has(name) && s.outer !== undefined) s = s.outer;
    return s.outer?.outer === undefined;
  }
  homeClass(): ClassValue | undefined {
    for (let s: Scope | undefined = this; s !== undefined; s = s.outer) if (s.home !== undefined) return s.home;
    return undefined;
  }
  thisValue(): Value | undefined {
    for (let s: Scope | undefined = this; s !== undefined; s = s.outer) if (s.self !== undefined) return s.self;
    return undefined;
  }
}

export type FunctionSyntax = Extract<Syntax, { type: "FunctionDeclaration" | "FunctionExpression" | "ArrowFunctionExpression" }>;

export interface Closure {
  readonly kind: "closure";
  readonly name: string;
  readonly syntax: FunctionSyntax;
  readonly scope: Scope;
  readonly module: ModuleScope;
  readonly self: Value | undefined;
  /** The class that it is a method of: where `super` starts to look above. */
  readonly home?: ClassValue;
}

export interface ClassValue {
  readonly kind: "class";
  readonly name: string;
  readonly syntax: Extract<Syntax, { type: "ClassDeclaration" | "ClassExpression" }>;
  readonly scope: Scope;
  readonly module: ModuleScope;
  readonly base: ClassValue | undefined;
  readonly methods: ReadonlyMap<string, FunctionSyntax>;
  readonly getters: ReadonlyMap<string, FunctionSyntax>;
  readonly setters: ReadonlyMap<string, FunctionSyntax>;
  readonly statics: ReadonlyMap<string, FunctionSyntax>;
  /** Its static fields, given their values when the class is declared. */
  readonly fields: Obj;
}

/** Something written in this project. */
export interface Native {
  readonly kind: "native";
  readonly name: string;
  readonly call: (args: readonly Value[], at: Syntax) => Value;
  /** An argument may stand for all elements of an array whose length is not known. */
  readonly takesSpread?: boolean;
}

/** A field that is computed when it is read, and calls a function when it is written. */
export interface Accessor {
  readonly kind: "accessor";
  readonly get: Closure | undefined;
  readonly set: Closure | undefined;
}

/** A function; an accessor where an object has a field of that name, and nowhere else. */
export class Fn {
  readonly code: Closure | ClassValue | Native | Accessor;
  /** It stands for different functions, by a condition or by the turn of a loop. */
  isJoined = false;
  constructor(code: Closure | ClassValue | Native | Accessor) {
    this.code = code;
  }
}

/** One of two values of different form, by a condition. */
export class Choice {
  readonly condition: Node;
  readonly consequent: Value;
  readonly otherwise: Value;
  constructor(condition: Node, then: Value, otherwise: Value) {
    this.condition = condition;
    this.consequent = then;
    this.otherwise = otherwise;
  }
}

/**
 * A value of which only the program knows, when it runs, which of several forms it has: a node of union type. It is opened case by
 * case; `tests` say which case it is, but for the last.
 */
export class Variant {
  readonly node: Node;
  readonly form: UnionForm;
  readonly tests: readonly Node[];
  constructor(node: Node, form: UnionForm, tests: readonly Node[]) {
    this.node = node;
    this.form = form;
    this.tests = tests;
  }
}

export const isNode = (v: unknown): v is Node => typeof v === "object" && v !== null && "op" in v;

/** The journal of writes: while one is open, the value that a cell had before is noted once. */
export class Journal {
  private readonly open: Map<Cell<unknown>, unknown>[] = [];

  write<T>(cell: Cell<T>, value: T): void {
    const top = this.open.at(-1);
    if (top !== undefined && !top.has(cell as Cell<unknown>)) top.set(cell as Cell<unknown>, cell.value);
    cell.value = value;
  }

  begin(): void {
    this.open.push(new Map());
  }

  /** How many are open. */
  get depth(): number {
    return this.open.length;
  }

  /** Takes back what was written since fewer were open: after an error. */
  unwind(depth: number): void {
    while (this.open.length > depth) this.revert();
  }

  /** Keeps the writes since `begin`. */
  commit(): void {
    const before = this.open.pop() as Map<Cell<unknown>, unknown>;
    const outer = this.open.at(-1);
    if (outer !== undefined) for (const [cell, value] of before) if (!outer.has(cell)) outer.set(cell, value);
  }

  /**
   * Takes the writes since `begin` back, to cells up to number `since`; gives what was written to them. Cells made later keep what
   * they hold: who can reach them got them from what was run.
   */
  revert(since = Number.POSITIVE_INFINITY): Map<Cell<unknown>, unknown> {
    const before = this.open.pop() as Map<Cell<unknown>, unknown>;
    const after = new Map<Cell<unknown>, unknown>();
    for (const [cell, value] of before) {
      if (cell.number > since) continue;
      // What was written and restored is no write.
      if (cell.value !== value) after.set(cell, cell.value);
      cell.value = value;
    }
    return after;
  }
}
