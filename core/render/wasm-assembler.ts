/**
 * A WebAssembly binary encoder: functions are built instruction by instruction under the names of the specification, and a
 * module is functions, imports and one imported memory. It checks nothing: the engine's validator does.
 */

/** The value types that generated functions use. */
export type ValueType = "i32" | "f32" | "f64" | "v128";

const VALUE_TYPE: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** Instructions without immediates. */
const PLAIN = {
  return: 0x0f,
  select: 0x1b,
  "i32.eqz": 0x45,
  "i32.eq": 0x46,
  "i32.ne": 0x47,
  "i32.lt_s": 0x48,
  "i32.lt_u": 0x49,
  "i32.gt_s": 0x4a,
  "i32.gt_u": 0x4b,
  "i32.le_s": 0x4c,
  "i32.le_u": 0x4d,
  "i32.ge_s": 0x4e,
  "i32.ge_u": 0x4f,
  "f32.eq": 0x5b,
  "f32.ne": 0x5c,
  "f32.lt": 0x5d,
  "f32.gt": 0x5e,
  "f32.le": 0x5f,
  "f32.ge": 0x60,
  "f64.eq": 0x61,
  "f64.ne": 0x62,
  "f64.lt": 0x63,
  "f64.gt": 0x64,
  "f64.le": 0x65,
  "f64.ge": 0x66,
  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.div_s": 0x6d,
  "i32.rem_s": 0x6f,
  "i32.and": 0x71,
  "i32.or": 0x72,
  "i32.xor": 0x73,
  "i32.shl": 0x74,
  "i32.shr_s": 0x75,
  "i32.shr_u": 0x76,
  "f32.abs": 0x8b,
  "f32.neg": 0x8c,
  "f32.ceil": 0x8d,
  "f32.floor": 0x8e,
  "f32.trunc": 0x8f,
  "f32.sqrt": 0x91,
  "f32.add": 0x92,
  "f32.sub": 0x93,
  "f32.mul": 0x94,
  "f32.div": 0x95,
  "f32.min": 0x96,
  "f32.max": 0x97,
  "f32.copysign": 0x98,
  "f64.abs": 0x99,
  "f64.neg": 0x9a,
  "f64.ceil": 0x9b,
  "f64.floor": 0x9c,
  "f64.trunc": 0x9d,
  "f64.sqrt": 0x9f,
  "f64.add": 0xa0,
  "f64.sub": 0xa1,
  "f64.mul": 0xa2,
  "f64.div": 0xa3,
  "f64.min": 0xa4,
  "f64.max": 0xa5,
  "f64.copysign": 0xa6,
  "f32.convert_i32_s": 0xb2,
  "f32.demote_f64": 0xb6,
  "f64.convert_i32_s": 0xb7,
  "f64.promote_f32": 0xbb,
} as const;

/** Saturating conversions, behind the prefix 0xfc. */
const SATURATING = { "i32.trunc_sat_f32_s": 0, "i32.trunc_sat_f64_s": 2 } as const;

/** Vector instructions without immediates, behind the prefix 0xfd. */
const VECTOR = {
  "i32x4.splat": 0x11,
  "f32x4.splat": 0x13,
  "f64x2.splat": 0x14,
  "i32x4.eq": 0x37,
  "i32x4.ne": 0x38,
  "i32x4.lt_s": 0x39,
  "i32x4.gt_s": 0x3b,
  "i32x4.le_s": 0x3d,
  "i32x4.ge_s": 0x3f,
  "f32x4.eq": 0x41,
  "f32x4.ne": 0x42,
  "f32x4.lt": 0x43,
  "f32x4.gt": 0x44,
  "f32x4.le": 0x45,
  "f32x4.ge": 0x46,
  "f64x2.eq": 0x47,
  "f64x2.ne": 0x48,
  "f64x2.lt": 0x49,
  "f64x2.gt": 0x4a,
  "f64x2.le": 0x4b,
  "f64x2.ge": 0x4c,
  "v128.not": 0x4d,
  "v128.and": 0x4e,
  "v128.andnot": 0x4f,
  "v128.or": 0x50,
  "v128.xor": 0x51,
  "v128.bitselect": 0x52,
  "v128.any_true": 0x53,
  "f32x4.demote_f64x2_zero": 0x5e,
  "f64x2.promote_low_f32x4": 0x5f,
  "f32x4.ceil": 0x67,
  "f32x4.floor": 0x68,
  "f32x4.trunc": 0x69,
  "f32x4.nearest": 0x6a,
  "f64x2.ceil": 0x74,
  "f64x2.floor": 0x75,
  "f64x2.trunc": 0x7a,
  "f64x2.nearest": 0x94,
  "i32x4.abs": 0xa0,
  "i32x4.neg": 0xa1,
  "i32x4.shl": 0xab,
  "i32x4.shr_s": 0xac,
  "i32x4.shr_u": 0xad,
  "i32x4.add": 0xae,
  "i32x4.sub": 0xb1,
  "i32x4.mul": 0xb5,
  "i32x4.min_s": 0xb6,
  "i32x4.max_s": 0xb8,
  "i64x2.extend_low_i32x4_s": 0xc7,
  "i64x2.shl": 0xcb,
  "i64x2.add": 0xce,
  "f32x4.abs": 0xe0,
  "f32x4.neg": 0xe1,
  "f32x4.sqrt": 0xe3,
  "f32x4.add": 0xe4,
  "f32x4.sub": 0xe5,
  "f32x4.mul": 0xe6,
  "f32x4.div": 0xe7,
  "f32x4.min": 0xe8,
  "f32x4.max": 0xe9,
  "f32x4.pmin": 0xea,
  "f32x4.pmax": 0xeb,
  "f64x2.abs": 0xec,
  "f64x2.neg": 0xed,
  "f64x2.sqrt": 0xef,
  "f64x2.add": 0xf0,
  "f64x2.sub": 0xf1,
  "f64x2.mul": 0xf2,
  "f64x2.div": 0xf3,
  "f64x2.min": 0xf4,
  "f64x2.max": 0xf5,
  "i32x4.trunc_sat_f32x4_s": 0xf8,
  "f32x4.convert_i32x4_s": 0xfa,
  "i32x4.trunc_sat_f64x2_s_zero": 0xfc,
  "f64x2.convert_low_i32x4_s": 0xfe,
} as const;

/** Loads and stores: [opcode, log2 of the natural alignment]. */
const MEMORY = {
  "i32.load": [0x28, 2],
  "f32.load": [0x2a, 2],
  "f64.load": [0x2b, 3],
  "i32.store": [0x36, 2],
  "f32.store": [0x38, 2],
  "f64.store": [0x39, 3],
} as const;
const VECTOR_MEMORY = {
  "v128.load": [0x00, 2],
  "v128.load32_splat": [0x09, 2],
  "v128.load64_splat": [0x0a, 3],
  "v128.store": [0x0b, 2],
  "v128.load64_zero": [0x5d, 2],
} as const;

/** Instructions that name a lane. */
const LANE = {
  "i32x4.extract_lane": 0x1b,
  "i32x4.replace_lane": 0x1c,
  "f32x4.extract_lane": 0x1f,
  "f32x4.replace_lane": 0x20,
  "f64x2.extract_lane": 0x21,
  "f64x2.replace_lane": 0x22,
} as const;

export type PlainOp = keyof typeof PLAIN | keyof typeof SATURATING | keyof typeof VECTOR;
export type MemoryOp = keyof typeof MEMORY | keyof typeof VECTOR_MEMORY;
export type LaneOp = keyof typeof LANE;

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
 * A module that imports `env.memory` and functions `env.<name>`, and exports the given functions (none of which has a result).
 */
export function encodeModule(functions: Readonly<Record<string, FunctionBuilder>>, imports: readonly Import[]): Uint8Array<ArrayBuffer> {
  const names = Object.keys(functions);
  const builders = Object.values(functions);
  const out = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

  const types = vectorOf([
    ...imports.map((i) => [0x60, ...vectorOf(new Array<number[]>(i.arity).fill([VALUE_TYPE.f64])), 1, VALUE_TYPE.f64]),
    ...builders.map((f) => [0x60, ...vectorOf(f.parameters.map((p) => [VALUE_TYPE[p]])), 0]),
  ]);
  section(out, 1, types);
  const memory = [...text("env"), ...text("memory"), 0x02, 0x01, 0x01, ...unsigned([], 65536)];
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
