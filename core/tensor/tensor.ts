/**
 * Tensors: a dense row-major block on a device with an aval. Nobody waits for the garbage collector: a tensor counts who holds it
 * (the scope it was made in, a tape that saved it), and its storage goes back to the device's pool when the last one lets go.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { type DType, hostArray, isFloat, sizeOf, type TypedArray } from "../base/dtype.ts";
import { assert, BenchError, mismatch } from "../base/errors.ts";
import { type Shape, showShape } from "../base/shape.ts";
import type { Address, Device } from "../device/device.ts";
import { openDevice } from "../device/registry.ts";
import { own } from "./scope.ts";

let current: Device | undefined;

/** The device on which tensors are made and operations run; opened as `auto` on first use. */
export function currentDevice(): Device {
  current ??= openDevice("auto");
  return current;
}

/** Makes `device` current; returns the one before. Tensors stay where they were made. */
export function useDevice(device: Device): Device | undefined {
  const before = current;
  current = device;
  return before;
}

/** A block of device memory, shared by a tensor and its reshaped forms; or a part of another block, which it keeps alive. */
export class Storage {
  readonly device: Device;
  readonly address: Address;
  readonly bytes: number;
  holders = 1;
  /** Who counted these bytes last, so that a storage is counted once. */
  mark: object | undefined = undefined;
  /** The block that this one is a part of. */
  readonly whole: Storage | undefined;

  constructor(device: Device, bytes: number, part?: { readonly whole: Storage; readonly offset: number }) {
    this.device = device;
    this.bytes = bytes;
    this.whole = part?.whole;
    if (part === undefined) this.address = device.alloc(bytes);
    else {
      this.address = part.whole.address + part.offset;
      part.whole.holders++;
    }
  }

  /** One holder less; the last one returns the memory. */
  release(): void {
    if (--this.holders > 0) return;
    if (this.whole === undefined) this.device.free(this.address, this.bytes);
    else this.whole.release();
  }
}

export class Tensor {
  readonly aval: Aval;
  readonly storage: Storage;
  /** Who holds this tensor; 0 means freed. */
  references = 1;
  /** Depth of the scope that owns it; 0 for none. Kept by `scope.ts`. */
  owner = 0;

  /** Takes over one hold on `storage`. The current scope, if any, owns the new tensor. */
  constructor(aval: Aval, storage: Storage) {
    this.aval = aval;
    this.storage = storage;
    own(this);
  }

  get shape(): Shape {
    return this.aval.shape;
  }

  get dtype(): DType {
    return this.aval.dtype;
  }

  /** The number of elements. */
  get size(): number {
    return this.aval.size;
  }

  /** The elements in row-major order, copied to the host; waits for the device. */
  toArray(): TypedArray {
    this.check();
    return this.storage.device.download(this.storage.address, this.aval.dtype, this.aval.size);
  }

  /**
   * The elements in row-major order, copied to the host: they are asked for now, and the process may go on until they are there, where
   * the device works beside it. The tensor may be disposed, or its numbers be overwritten, meanwhile.
   */
  async read(): Promise<TypedArray> {
    this.check();
    const { device, address } = this.storage;
    const { dtype, size } = this.aval;
    return device.read === undefined ? device.download(address, dtype, size) : device.read(address, dtype, size);
  }

  /** The one element as a JavaScript number; waits for the device. */
  item(): number {
    if (this.aval.size !== 1)
      throw mismatch(
        `item() of ${showAval(this.aval)}, which has ${this.aval.size} elements`,
        "reduce it first, for instance with sum(x) or mean(x)",
      );
    return this.toArray()[0] as number;
  }

  /** One more holder, who must call `release`. */
  retain(): this {
    this.check();
    this.references++;
    return this;
  }

  /** One holder less; the last one returns the storage. */
  release(): void {
    if (this.references <= 0) assert(false, `released ${showAval(this.aval)} more often than retained`);
    if (--this.references > 0) return;
    this.storage.release();
  }

  /** Frees the tensor before its scope ends (or where there is no scope). */
  dispose(): void {
    this.check();
    this.owner = -1;
    this.release();
  }

  /** Throws where the tensor was freed. */
  check(): void {
    if (this.references > 0) return;
    throw new BenchError("runtime", `a tensor ${showAval(this.aval)} is used after its scope has freed it`, {
      advice: "return it from the scope, or keep(...) it there",
    });
  }

  toString(): string {
    return `Tensor ${showAval(this.aval)}`;
  }

  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw mismatch(
      `a tensor ${showAval(this.aval)} is used where JavaScript needs a number`,
      "use the functions of core/ops, or item(x) for a tensor of one element",
    );
  }
}

/** `count` entries of a tensor along its first axis from `start` on, in the same memory, which nobody may write to. O(1). */
export function rowsOf(t: Tensor, start: number, count: number): Tensor {
  t.check();
  const { storage, aval: whole } = t;
  const rows = aval([count, ...whole.shape.slice(1)], whole.dtype);
  const bytes = rows.size * sizeOf(rows.dtype);
  const offset = count === 0 ? 0 : (start * bytes) / count;
  return new Tensor(rows, new Storage(storage.device, bytes, { whole: storage, offset }));
}

/**
 * A tensor of host values (row-major) on the current device. f32 rounds; i32 takes integers of 32 bits and bool takes 0 and 1: another
 * value is an error.
 */
export function createTensor(values: ArrayLike<number>, shape: Shape, dtype: DType = "f32"): Tensor {
  if (!Array.isArray(shape) || typeof values !== "object" || values === null)
    throw mismatch(
      `createTensor of ${values === null ? "null" : typeof values} with the shape ${JSON.stringify(shape)}`,
      "needs a list of numbers and a list of lengths, as in createTensor([1, 2], [2])",
    );
  const a = aval(shape, dtype);
  if (values.length !== a.size)
    throw mismatch(`${values.length} values do not fill a tensor of shape ${showShape(shape)}, which has ${a.size} elements`);
  if (Array.isArray(values)) checkNumbers(values);
  const host = hostArray(dtype, a.size);
  host.set(values);
  if (!isFloat(dtype)) checkIntegers(values, host, dtype);
  const tensor = new Tensor(a, new Storage(currentDevice(), a.size * sizeOf(dtype)));
  try {
    tensor.storage.device.upload(tensor.storage.address, host);
  } catch (refusal) {
    tensor.dispose();
    throw refusal;
  }
  return tensor;
}

/** Throws where an element is no number: an array that is set from it would hold NaN. Truth values are taken for 0 and 1. */
function checkNumbers(values: readonly unknown[]): void {
  for (let i = 0; i < values.length; i++) {
    const x = values[i];
    if (typeof x !== "number" && typeof x !== "boolean") throw mismatch(`${String(x)} at position ${i} of a tensor's values is no number`);
  }
}

/** Throws where a value did not survive its dtype. */
function checkIntegers(values: ArrayLike<number>, host: TypedArray, dtype: DType): void {
  const isBool = dtype === "bool";
  if (!isBool && values instanceof Int32Array) return;
  for (let i = 0; i < host.length; i++) {
    const x = host[i] as number;
    // Truth values are taken for the numbers that they are.
    if (x === Number(values[i]) && (!isBool || x === 0 || x === 1)) continue;
    throw mismatch(`${values[i]} at position ${i} is no ${dtype}`, isBool ? "give 0 or 1" : "give integers of 32 bits, or take f64");
  }
}
