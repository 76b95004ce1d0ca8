/**
 * Programs: straight lines of tfjs kernels over whole tensors. Shapes are known when a program is built, so each step is checked: a
 * kernel that gives another shape or dtype than was worked out here is an error, since backends have been seen to answer a request
 * they do not know with memory that nobody wrote. A tensor is disposed right after its last use; what a program keeps between runs
 * (constants, index tables) goes when the program is disposed.
 */
import { assert, BenchError } from "../../base/errors.ts";
import { elementCount, type Shape, sameShape, showShape } from "../../base/shape.ts";
import type { Address } from "../device.ts";
import { showBytes } from "../pool.ts";
import type { LoadedTfjs, TfDType, TfEngine, TfTensor } from "./backend.ts";

/** A tensor of a program, before it exists. */
export interface Value {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: TfDType;
  /** The number that all elements are, where that is known. */
  readonly constant?: number;
}

/** A tensor, and whether whoever gets it has to dispose it. */
export interface Held {
  readonly tensor: TfTensor;
  readonly owned: boolean;
}

interface Step {
  readonly args: readonly Value[];
  readonly out: Value;
  readonly run: (args: readonly TfTensor[], addresses: readonly Address[]) => Held;
}

/** `results` belong to the caller. */
export interface Program {
  run(addresses: readonly Address[]): TfTensor[];
  dispose(): void;
}

export class Builder {
  readonly engine: TfEngine;
  /** Whether tensors lie in memory of this process, so that host code that takes them costs no more than a kernel. */
  readonly isNear: boolean;
  private readonly steps: Step[] = [];
  private readonly constants: (TfTensor | undefined)[] = [];
  private readonly sources = new Map<number, (addresses: readonly Address[]) => Held>();
  private next = 0;

  constructor({ engine, backend }: LoadedTfjs) {
    this.engine = engine;
    this.isNear = backend === "wasm" || backend === "cpu";
  }

  /** The result of a kernel, which must have this shape and dtype. */
  kernel(
    name: string,
    inputs: Readonly<Record<string, Value>> | readonly Value[],
    attributes: object,
    shape: Shape,
    dtype: TfDType,
  ): Value {
    const names = Array.isArray(inputs) ? undefined : Object.keys(inputs);
    return this.step(Object.values(inputs) as Value[], shape, dtype, (args) => {
      const given = names === undefined ? args : Object.fromEntries(names.map((n, i) => [n, args[i]]));
      return { tensor: runChecked(this.engine, name, given, attributes, shape, dtype), owned: true };
    });
  }

  /** A tensor that comes from elsewhere when the program runs, in any shape; it may be one that is only lent. */
  source(read: (addresses: readonly Address[]) => Held, shape: Shape, dtype: TfDType): Value {
    const value = this.step([], shape, dtype, (_, addresses) => {
      const held = read(addresses);
      if (sameShape(held.tensor.shape, shape)) return held;
      const tensor = runChecked(this.engine, "Reshape", { x: held.tensor }, { shape }, shape, dtype);
      if (held.owned) held.tensor.dispose();
      return { tensor, owned: true };
    });
    this.sources.set(value.id, read);
    return value;
  }

  /** A tensor made of others by host code. */
  compute(args: readonly Value[], shape: Shape, dtype: TfDType, run: (args: readonly TfTensor[]) => TfTensor): Value {
    return this.step(args, shape, dtype, (tensors) => ({ tensor: run(tensors), owned: true }));
  }

  /** A table that lives as long as the program. */
  table(values: Float32Array | Int32Array | Uint8Array, shape: Shape, dtype: TfDType): Value {
    const value = { id: this.next++, shape, dtype };
    this.constants[value.id] = makeTensor(this.engine, values, shape, dtype);
    return value;
  }

  /** One number, in a tensor of `rank` axes of length one. */
  constant(constant: number, rank: number, dtype: TfDType): Value {
    const shape = new Array<number>(rank).fill(1);
    return { ...this.table(arrayOf(dtype, [constant]), shape, dtype), constant };
  }

  reshape(x: Value, shape: Shape): Value {
    if (sameShape(x.shape, shape)) return x;
    const read = this.sources.get(x.id);
    if (read !== undefined) return this.source(read, shape, x.dtype);
    return this.kernel("Reshape", { x }, { shape }, shape, x.dtype);
  }

  /** The program that gives `results`, each a tensor of its own. */
  finish(results: readonly Value[]): Program {
    const outputs = results.map((value, i) => {
      const isShared = this.sources.has(value.id) || this.constants[value.id] !== undefined || results.indexOf(value) !== i;
      return isShared ? this.kernel("Identity", { x: value }, {}, value.shape, value.dtype) : value;
    });
    return new Line(this.steps, this.constants, outputs, this.next);
  }

  /** Lets go of the tables, for a program that was not finished. */
  dispose(): void {
    for (const tensor of this.constants) tensor?.dispose();
  }

  private step(args: readonly Value[], shape: Shape, dtype: TfDType, run: Step["run"]): Value {
    const out = { id: this.next++, shape, dtype };
    this.steps.push({ args, out, run });
    return out;
  }
}

class Line implements Program {
  private readonly constants: readonly (TfTensor | undefined)[];
  private readonly outputs: readonly Value[];
  private readonly steps: readonly (Step & { readonly last: readonly number[] })[];
  private readonly registers: (TfTensor | undefined)[];
  private readonly owned: boolean[];

  constructor(steps: readonly Step[], constants: readonly (TfTensor | undefined)[], outputs: readonly Value[], size: number) {
    this.constants = constants;
    this.outputs = outputs;
    this.registers = Array.from({ length: size }, (_, i) => constants[i]);
    this.owned = new Array<boolean>(size).fill(false);
    const needed = new Set(outputs.map((v) => v.id));
    const line: (Step & { readonly last: readonly number[] })[] = [];
    // Backwards: steps that nobody needs are left out, and the first use that is met is the last.
    for (const step of [...steps].reverse()) {
      if (!needed.has(step.out.id)) continue;
      const last = [...new Set(step.args.map((a) => a.id))].filter((id) => !needed.has(id));
      for (const arg of step.args) needed.add(arg.id);
      line.push({ ...step, last });
    }
    this.steps = line.reverse();
  }

  run(addresses: readonly Address[]): TfTensor[] {
    const { registers, owned } = this;
    try {
      for (const { args, out, run, last } of this.steps) {
        const held = run(
          args.map((a) => registers[a.id] as TfTensor),
          addresses,
        );
        registers[out.id] = held.tensor;
        owned[out.id] = held.owned;
        for (const id of last) this.drop(id);
      }
    } catch (error) {
      for (let id = 0; id < registers.length; id++) this.drop(id);
      throw error;
    }
    return this.outputs.map(({ id }) => {
      const tensor = registers[id] as TfTensor;
      registers[id] = undefined;
      owned[id] = false;
      return tensor;
    });
  }

  dispose(): void {
    for (const tensor of this.constants) tensor?.dispose();
  }

  private drop(id: number): void {
    if (this.constants[id] !== undefined) return;
    if (this.owned[id]) (this.registers[id] as TfTensor).dispose();
    this.registers[id] = undefined;
    this.owned[id] = false;
  }
}

/** The one place where a kernel runs. */
export function runChecked(engine: TfEngine, name: string, inputs: object, attributes: object, shape: Shape, dtype: TfDType): TfTensor {
  needRoom(engine, shape);
  const result = engine.runKernel(name, inputs, attributes);
  const tensor = (Array.isArray(result) ? result[0] : result) as TfTensor;
  if (tensor.dtype !== dtype || !sameShape(tensor.shape, shape)) {
    tensor.dispose();
    assert(false, `the tfjs kernel ${name} gives ${tensor.dtype}${showShape(tensor.shape)} where ${dtype}${showShape(shape)} was due`);
  }
  return tensor;
}

/** The one place where a tensor is made of host numbers, which are its own then. */
export function makeTensor(engine: TfEngine, values: Float32Array | Int32Array | Uint8Array, shape: Shape, dtype: TfDType): TfTensor {
  needRoom(engine, shape);
  return engine.makeTensor(values, shape, dtype);
}

function needRoom({ memory, mostBytes }: TfEngine, shape: Shape): void {
  if (mostBytes === Number.POSITIVE_INFINITY) return;
  const [bytes, held] = [elementCount(shape) * 4, memory().numBytes];
  if (held + bytes <= mostBytes) return;
  throw new BenchError(
    "out-of-memory",
    `out of memory on tfjs: ${showBytes(bytes)} asked for, ${showBytes(held)} in all its tensors, limit ${showBytes(mostBytes)}`,
    { advice: "use a smaller size, or free intermediate tensors earlier" },
  );
}

export function arrayOf(dtype: TfDType, values: ArrayLike<number>): Float32Array | Int32Array | Uint8Array {
  return dtype === "float32" ? Float32Array.from(values) : dtype === "int32" ? Int32Array.from(values) : Uint8Array.from(values);
}
