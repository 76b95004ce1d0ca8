/**
 * The tape: operations in the order in which they ran, as a struct of arrays. An operation on plain numbers is a few entries of
 * typed arrays; one on tensors (or on values traced by an outer operator) adds its avals and the primals that its backward rule
 * reads, and nothing else, to one array. There is no object and no closure per operation; rules are found by opcode. The index
 * order is a topological order, so the backward walk is a loop.
 *
 * A tape is reused: releasing it moves its epoch on, and a variable of an old epoch is refused in O(1).
 */
import type { Aval } from "../../core/base/aval.ts";
import { isFloat } from "../../core/base/dtype.ts";
import { assert, unsupported } from "../../core/base/errors.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { opcodeOf } from "../../core/primitives/table.ts";
import { apply } from "../../core/tensor/apply.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import { isNumber, Traced, type Value } from "../../core/tensor/traced.ts";
import { avalOf } from "../../core/tensor/values.ts";
import { READS_OUT, residualsOf } from "../../rules/residuals.ts";
import { inputRule, type Rule } from "../../rules/rule.ts";
import { ruleOf } from "../../rules/table.ts";
import { holdValue, releaseValue } from "./hold.ts";
import { nextLevel } from "./level.ts";

/** The opcode of a leaf: an argument that is differentiated. */
export const LEAF = 0xffff;

/** Entries of `side` per operation: params, result aval, saved result; then per input its aval and saved primal. */
export const SIDE = { params: 0, outAval: 1, out: 2, inputs: 3 } as const;

/** A value on a tape: the node that made it, and what it is one level down. */
export class Variable extends Traced {
  readonly tape: Tape;
  readonly epoch: number;
  readonly node: number;
  readonly primal: Value;

  constructor(tape: Tape, node: number, primal: Value) {
    super();
    this.tape = tape;
    this.epoch = tape.epoch;
    this.node = node;
    this.primal = primal;
  }

  override get level(): number {
    return this.tape.level;
  }

  override interpret(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
    return this.tape.record(primitive, inputs, params);
  }
}

export class Tape {
  level = 0;
  epoch = 0;
  /** Depth of the scope that owns this tape while a pull-back may still use it; kept by `scope.ts`. */
  owner = 0;
  /** Number of nodes. */
  count = 0;
  /** Bytes of distinct storages kept for the backward walk. */
  savedBytes = 0;

  opcode = new Uint16Array(64);
  /** 1 where the node is a JavaScript number, 0 where it is a tensor. */
  isNumber = new Uint8Array(64);
  /** First input slot of each node; the slots of node n end where those of n + 1 begin. */
  inStart = new Int32Array(65);
  /** Node of each input slot, or -1 for a constant. */
  inputs = new Int32Array(128);
  /** Primal of each input slot of a node on plain numbers. */
  inNumber = new Float64Array(128);
  /** Result of each node on plain numbers. */
  outNumber = new Float64Array(64);
  /** Where a node's entries in `side` begin; -1 for a node on plain numbers. */
  sideStart = new Int32Array(64);
  readonly side: unknown[] = [];

  /** Starts a new recording at a level above all those that exist. */
  begin(): void {
    this.level = nextLevel();
    this.count = 0;
    this.savedBytes = 0;
    this.inStart[0] = 0;
  }

  /** Ends the recording: saved values are let go and variables of it become invalid. */
  release(): void {
    if (this.side.length > 0) for (let n = 0; n < this.count; n++) this.releaseSaved(n);
    this.side.length = 0;
    this.count = 0;
    this.epoch++;
    this.owner = 0;
    if (this.opcode.length <= MAX_POOLED_NODES) pool.push(this);
  }

  /** A differentiated argument. */
  leaf(primal: Value): Variable {
    const node = this.reserve(0);
    this.opcode[node] = LEAF;
    this.isNumber[node] = isNumber(primal) ? 1 : 0;
    if (typeof primal === "number") {
      this.sideStart[node] = -1;
      this.outNumber[node] = primal;
    } else {
      this.sideStart[node] = this.side.length;
      this.side.push(undefined, avalOf(primal), undefined);
    }
    return new Variable(this, node, primal);
  }

  /** Computes a primitive one level down and notes it. Results that carry no derivative come back untraced. */
  record(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
    const k = inputs.length;
    const primals = new Array<Value>(k);
    let numbers = primitive.scalar !== undefined;
    for (let i = 0; i < k; i++) {
      const x = inputs[i] as Value;
      if (x instanceof Variable && x.tape === this) {
        if (x.epoch !== this.epoch) throw ended();
        primals[i] = x.primal;
      } else primals[i] = x;
      if (typeof primals[i] !== "number") numbers = false;
    }
    const opcode = opcodeOf.get(primitive) as number;
    const rule = ruleOf[opcode] as Rule;
    if (numbers) {
      const scalar = primitive.scalar as (...args: number[]) => number;
      const out =
        k === 2
          ? scalar(primals[0] as number, primals[1] as number)
          : k === 1
            ? scalar(primals[0] as number)
            : scalar(...(primals as number[]));
      if (rule.kind === "zero") return out;
      return new Variable(this, this.noteNumbers(primitive, opcode, rule, inputs, primals as number[], out), out);
    }
    const out = apply(primitive, primals, params);
    if (rule.kind === "zero" || !isFloat(avalOf(out).dtype)) return out;
    return new Variable(this, this.noteValues(primitive, opcode, rule, inputs, primals, params, out), out);
  }

  private noteNumbers(
    primitive: AnyPrimitive,
    opcode: number,
    rule: Rule,
    inputs: readonly Value[],
    primals: readonly number[],
    out: number,
  ): number {
    const node = this.reserve(inputs.length);
    const start = this.inStart[node] as number;
    this.opcode[node] = opcode;
    this.isNumber[node] = 1;
    this.sideStart[node] = -1;
    this.outNumber[node] = out;
    for (let i = 0; i < inputs.length; i++) {
      const from = this.nodeOf(inputs[i] as Value);
      if (from >= 0 && inputRule(rule, i) === null) throw notDifferentiable(primitive, i);
      this.inputs[start + i] = from;
      this.inNumber[start + i] = primals[i] as number;
    }
    return node;
  }

  private noteValues(
    primitive: AnyPrimitive,
    opcode: number,
    rule: Rule,
    inputs: readonly Value[],
    primals: readonly Value[],
    params: unknown,
    out: Value,
  ): number {
    const k = inputs.length;
    const node = this.reserve(k);
    const start = this.inStart[node] as number;
    const avals = primals.map(avalOf);
    const outAval = avalOf(out);
    this.opcode[node] = opcode;
    this.isNumber[node] = isNumber(out) ? 1 : 0;
    this.sideStart[node] = this.side.length;
    let reads = 0;
    for (let i = 0; i < k; i++) {
      const from = this.nodeOf(inputs[i] as Value);
      this.inputs[start + i] = from;
      if (from >= 0) reads |= readsOf(primitive, rule, i, avals, outAval, params);
    }
    this.side.push(params, outAval, (reads & READS_OUT) !== 0 ? this.save(out) : undefined);
    for (let i = 0; i < k; i++) this.side.push(avals[i], i < 30 && (reads & (1 << i)) !== 0 ? this.save(primals[i] as Value) : undefined);
    return node;
  }

  /** The node of a value on this tape; -1 for all else. */
  private nodeOf(x: Value): number {
    return x instanceof Variable && x.tape === this ? x.node : -1;
  }

  private save(v: Value): Value {
    holdValue(v);
    let inside: Value | undefined = v;
    while (inside instanceof Traced) inside = inside.parts()[0];
    if (inside instanceof Tensor && inside.storage.mark !== this) {
      inside.storage.mark = this;
      this.savedBytes += inside.storage.bytes;
    }
    return v;
  }

  /** Lets go of what a node saved. */
  releaseSaved(node: number): void {
    const at = this.sideStart[node] as number;
    if (at < 0 || this.opcode[node] === LEAF) return;
    const end = at + SIDE.inputs + 2 * ((this.inStart[node + 1] as number) - (this.inStart[node] as number));
    for (let i = at + SIDE.out; i < end; i += 2) {
      const saved = this.side[i] as Value | undefined;
      if (saved === undefined) continue;
      releaseValue(saved);
      this.side[i] = undefined;
    }
  }

  /** Makes room for a node with k inputs. */
  private reserve(k: number): number {
    const node = this.count++;
    const slots = (this.inStart[node] as number) + k;
    if (node + 2 > this.inStart.length) this.growNodes();
    if (slots > this.inputs.length) this.growSlots(slots);
    this.inStart[node + 1] = slots;
    return node;
  }

  private growNodes(): void {
    const n = this.opcode.length * 2;
    assert(n < 2 ** 31, "a tape of more than 2^31 operations");
    this.opcode = grown(this.opcode, new Uint16Array(n));
    this.isNumber = grown(this.isNumber, new Uint8Array(n));
    this.outNumber = grown(this.outNumber, new Float64Array(n));
    this.sideStart = grown(this.sideStart, new Int32Array(n));
    this.inStart = grown(this.inStart, new Int32Array(n + 1));
  }

  private growSlots(needed: number): void {
    const n = Math.max(needed, this.inputs.length * 2);
    this.inputs = grown(this.inputs, new Int32Array(n));
    this.inNumber = grown(this.inNumber, new Float64Array(n));
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Tapes ready for reuse, with the arrays that they have grown to; one that grew beyond this (some 50 MB) goes to the collector. */
const MAX_POOLED_NODES = 2 ** 20;
const pool: Tape[] = [];

/** A tape at a new level, ready to record. */
export function beginTape(): Tape {
  const tape = pool.pop() ?? new Tape();
  tape.begin();
  return tape;
}

/** Masks of `residualsOf` by rule and input; what a rule reads does not depend on its site (see rules/rule.ts). */
const reads = new Map<Rule, (number | undefined)[]>();

function readsOf(primitive: AnyPrimitive, rule: Rule, i: number, avals: readonly Aval[], outAval: Aval, params: unknown): number {
  let masks = reads.get(rule);
  if (masks === undefined) {
    masks = [];
    reads.set(rule, masks);
  }
  const known = masks[i];
  if (known !== undefined) return known;
  if (inputRule(rule, i) === null) throw notDifferentiable(primitive, i);
  const mask = residualsOf(rule, i, avals, outAval, params);
  masks[i] = mask;
  return mask;
}

export function notDifferentiable(primitive: AnyPrimitive, i: number) {
  return unsupported(
    `${primitive.name} has no derivative with respect to its argument ${i + 1}`,
    "wrap that argument in stopGradient(...) if it is a constant",
  );
}

function ended() {
  return unsupported(
    "a value that was traced by a derivative operator is used after that operator has returned",
    "return it from the differentiated function instead of storing it outside",
  );
}
