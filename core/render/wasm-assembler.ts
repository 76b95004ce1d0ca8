/**
 * A WebAssembly binary encoder: functions are built instruction by instruction under the names of the specification, and a
 * module is functions, imports and one imported memory. It checks nothing: the engine's validator does.
 */

import {
  LANE,
  type LaneOp,
  MEMORY,
  type MemoryOp,
  PLAIN,
  type PlainOp,
  SATURATING,
  VALUE_TYPE,
  type ValueType,
  VECTOR,
  VECTOR_MEMORY,
} from "./wasm-opcodes.ts";

export type { LaneOp, MemoryOp, PlainOp, ValueType } from "./wasm-opcodes.ts";

/** One function under construction. Locals are numbers; parameters come first. Methods append and return the builder. */
export class FunctionBuilder {
  readonly parameters: readonly ValueType[];
  private readonly locals: ValueType[] = [];
  private readonly code: number[] = [];

  constructor(parameters: readonly ValueType[]) {
    this.parameters = parameters;
  }

  /** A fresh local, zero at the start. */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.parameters.length + this.locals.length - 1;
  }

  op(...names: PlainOp[]): this {
    for (const name of names) {
      if (name in PLAIN) this.code.push(PLAIN[name as keyof typeof PLAIN]);
      else if (name in SATURATING) this.code.push(0xfc, SATURATING[name as keyof typeof SATURATING]);
      else this.vector(VECTOR[name as keyof typeof VECTOR]);
    }
    return this;
  }

  get(local: number): this {
    return this.indexed(0x20, local);
  }

  set(local: number): this {
    return this.indexed(0x21, local);
  }

  tee(local: number): this {
    return this.indexed(0x22, local);
  }

  i32(value: number): this {
    this.code.push(0x41);
    signed(this.code, value | 0);
    return this;
  }

  f32(value: number): this {
    this.code.push(0x43, ...bytesOf(Float32Array.of(value)));
    return this;
  }

  f64(value: number): this {
    this.code.push(0x44, ...bytesOf(Float64Array.of(value)));
    return this;
  }

  /** A vector constant: four equal i32 or f32, two equal f64. */
  all(type: "i32" | "f32" | "f64", value: number): this {
    return this.v128(
      type === "i32"
        ? Int32Array.of(value, value, value, value)
        : type === "f32"
          ? new Float32Array(4).fill(value)
          : Float64Array.of(value, value),
    );
  }

  v128(value: Int32Array | Float32Array | Float64Array): this {
    this.vector(0x0c);
    this.code.push(...bytesOf(value));
    return this;
  }

  /** Loads take the address from the stack, stores the address and the value; `offset` in bytes is added to the address. */
  memory(name: MemoryOp, offset = 0): this {
    let entry: readonly [number, number];
    if (name in MEMORY) {
      entry = MEMORY[name as keyof typeof MEMORY];
      this.code.push(entry[0]);
    } else {
      entry = VECTOR_MEMORY[name as keyof typeof VECTOR_MEMORY];
      this.vector(entry[0]);
    }
    this.code.push(entry[1]);
    unsigned(this.code, offset);
    return this;
  }

  /** Stores the low 64 bits of a vector: address and vector from the stack. */
  storeLow64(offset = 0): this {
    this.vector(0x5b);
    this.code.push(2);
    unsigned(this.code, offset);
    this.code.push(0);
    return this;
  }

  lane(name: LaneOp, lane: number): this {
    this.vector(LANE[name]);
    this.code.push(lane);
    return this;
  }

  /** Picks four 32-bit lanes of the two vectors on the stack: 0 to 3 of the first, 4 to 7 of the second. */
  shuffle32(...lanes: readonly [number, number, number, number]): this {
    this.vector(0x0d);
    for (const lane of lanes) for (let b = 0; b < 4; b++) this.code.push(lane * 4 + b);
    return this;
  }

  call(fn: number): this {
    return this.indexed(0x10, fn);
  }

  /** `body` may leave the block by `br(0)` (and deeper ones by larger numbers). */
  block(body: () => void): this {
    return this.structured(0x02, body);
  }

  /** In `body`, `br(0)` starts the next round. */
  loop(body: () => void): this {
    return this.structured(0x03, body);
  }

  /** Takes a condition from the stack. */
  if(then: () => void, otherwise?: () => void): this {
    this.code.push(0x04, 0x40);
    then();
    if (otherwise) {
      this.code.push(0x05);
      otherwise();
    }
    this.code.push(0x0b);
    return this;
  }

  /** Takes a condition from the stack; both branches leave a value of type `result`. */
  choose(result: ValueType, then: () => void, otherwise: () => void): this {
    this.code.push(0x04, VALUE_TYPE[result]);
    then();
    this.code.push(0x05);
    otherwise();
    this.code.push(0x0b);
    return this;
  }

  br(depth: number): this {
    return this.indexed(0x0c, depth);
  }

  brIf(depth: number): this {
    return this.indexed(0x0d, depth);
  }

  /** Repeats `body` while it leaves a non-zero i32 on the stack: a loop that runs at least once. */
  doWhile(body: () => void): this {
    return this.loop(() => {
      body();
      this.brIf(0);
    });
  }

  /** The code section's entry. */
  encode(): number[] {
    const groups: [ValueType, number][] = [];
    for (const type of this.locals) {
      const last = groups.at(-1);
      if (last?.[0] === type) last[1]++;
      else groups.push([type, 1]);
    }
    const body: number[] = [];
    unsigned(body, groups.length);
    for (const [type, count] of groups) {
      unsigned(body, count);
      body.push(VALUE_TYPE[type]);
    }
    append(body, this.code);
    body.push(0x0b);
    const out: number[] = [];
    unsigned(out, body.length);
    return append(out, body);
  }

  private structured(opcode: number, body: () => void): this {
    this.code.push(opcode, 0x40);
    body();
    this.code.push(0x0b);
    return this;
  }

  private indexed(opcode: number, value: number): this {
    this.code.push(opcode);
    unsigned(this.code, value);
    return this;
  }

  private vector(opcode: number): void {
    this.code.push(0xfd);
    unsigned(this.code, opcode);
  }
}

/** An imported function: `arity` float64 arguments, a float64 result. */
export interface Import {
  readonly name: string;
  readonly arity: number;
}

/** Imported functions come first in a module's numbering, in the order of first use. */
export class Imports {
  private readonly list: Import[] = [];

  /** The number to `call`. */
  number(name: string, arity: number): number {
    const at = this.list.findIndex((i) => i.name === name);
    return at >= 0 ? at : this.list.push({ name, arity }) - 1;
  }

  all(): readonly Import[] {
    return this.list;
  }
}

/**
 * A module that imports `env.memory` (`isShared` says of which kind) and functions `env.<name>`, and exports the given functions
 * (none of which has a result).
 */
export function encodeModule(
  functions: Readonly<Record<string, FunctionBuilder>>,
  imports: readonly Import[],
  isShared: boolean,
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(functions);
  const builders = Object.values(functions);
  const out = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

  const types = vectorOf([
    ...imports.map((i) => [0x60, ...vectorOf(new Array<number[]>(i.arity).fill([VALUE_TYPE.f64])), 1, VALUE_TYPE.f64]),
    ...builders.map((f) => [0x60, ...vectorOf(f.parameters.map((p) => [VALUE_TYPE[p]])), 0]),
  ]);
  section(out, 1, types);
  const memory = [...text("env"), ...text("memory"), 0x02, isShared ? 0x03 : 0x01, 0x01, ...unsigned([], 65536)];
  section(out, 2, vectorOf([memory, ...imports.map((i, type) => [...text("env"), ...text(i.name), 0x00, ...unsigned([], type)])]));
  section(out, 3, vectorOf(builders.map((_, i) => unsigned([], imports.length + i))));
  section(out, 7, vectorOf(names.map((name, i) => [...text(name), 0x00, ...unsigned([], imports.length + i)])));
  section(out, 10, vectorOf(builders.map((f) => f.encode())));
  return Uint8Array.from(out);
}

function section(out: number[], id: number, content: number[]): void {
  out.push(id);
  unsigned(out, content.length);
  append(out, content);
}

function vectorOf(items: readonly (readonly number[])[]): number[] {
  const out = unsigned([], items.length);
  for (const item of items) append(out, item);
  return out;
}

function text(name: string): number[] {
  const bytes = new TextEncoder().encode(name);
  return append(unsigned([], bytes.length), [...bytes]);
}

function bytesOf(value: Int32Array | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(value.buffer);
}

function append(out: number[], more: readonly number[]): number[] {
  for (const b of more) out.push(b);
  return out;
}

/** LEB128. */
function unsigned(out: number[], value: number): number[] {
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

function signed(out: number[], value: number): void {
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
      out.push(low);
      return;
    }
    out.push(low | 0x80);
  }
}
