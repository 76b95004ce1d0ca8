/**
 * Memory as tensors laid on a line. The tensors of tfjs cannot be written to, so a buffer is a list of pieces, each a run of elements
 * of some tensor: a launch that stores a region lays a new tensor there and cuts what it covers; one that reads a region gets the
 * tensor that lies there, or a slice, or several joined. A bool is an int32 here, as everywhere outside of expressions. An address
 * is a buffer's number times 2^32 plus a place within it.
 */
import { type DType, hostArray, type TypedArray } from "../../base/dtype.ts";
import { assert, BenchError } from "../../base/errors.ts";
import type { Address } from "../device.ts";
import { showBytes } from "../pool.ts";
import type { TfDType, TfEngine, TfTensor } from "./backend.ts";
import { arrayOf, type Held, makeTensor, runChecked } from "./program.ts";

/** Every element of what is stored takes so many bytes. */
export const ELEMENT = 4;
const SPAN = 2 ** 32;

interface Shared {
  readonly tensor: TfTensor;
  pieces: number;
}

/** Elements [from, from + (end - start) / 4) of a tensor, at bytes [start, end) of a buffer. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly of: Shared;
}

interface Buffer {
  readonly bytes: number;
  /** In their order, without overlap; where there is none, nothing was written. */
  pieces: Piece[];
}

export class Memory {
  live = 0;
  peak = 0;
  count = 0;
  allocations = 0;
  private readonly engine: TfEngine;
  private readonly limit: number;
  private readonly buffers: (Buffer | undefined)[] = [undefined];
  private readonly vacant: number[] = [];

  constructor(engine: TfEngine, limit: number) {
    this.engine = engine;
    this.limit = limit;
  }

  alloc(bytes: number): Address {
    if (this.live + bytes > this.limit || bytes >= SPAN) {
      throw new BenchError(
        "out-of-memory",
        `out of memory on tfjs: ${showBytes(bytes)} asked for, ${showBytes(this.live)} live in ${this.count} buffers, limit ${showBytes(Math.min(this.limit, SPAN))}`,
        { advice: "use a smaller size, free intermediate tensors earlier, or raise the device's limit" },
      );
    }
    const id = this.vacant.pop() ?? this.buffers.length;
    this.buffers[id] = { bytes, pieces: [] };
    this.live += bytes;
    this.peak = Math.max(this.peak, this.live);
    this.count++;
    this.allocations++;
    return id * SPAN;
  }

  free(address: Address, bytes: number): void {
    const { buffer, offset, id } = this.at(address);
    assert(offset === 0 && buffer.bytes === bytes, `${bytes} bytes are freed at byte ${offset} of a buffer of ${buffer.bytes}`);
    for (const piece of buffer.pieces) release(piece);
    this.buffers[id] = undefined;
    this.vacant.push(id);
    this.live -= bytes;
    this.count--;
  }

  upload(address: Address, data: TypedArray): void {
    assert(!(data instanceof Float64Array), "float64 numbers are laid in the memory of tfjs");
    if (data.length === 0) return;
    // A copy: the backend in JavaScript keeps the array that it is given.
    this.write(address, makeTensor(this.engine, data.slice(), [data.length], data instanceof Float32Array ? "float32" : "int32"));
  }

  /** A host copy of `length` elements. */
  download(address: Address, dtype: DType, length: number): TypedArray {
    if (length === 0) return hostArray(dtype, 0);
    const { tensor, owned } = this.read(address, length, dtype === "f32" ? "float32" : "int32");
    const values = hostCopy(tensor);
    if (owned) tensor.dispose();
    return values;
  }

  /** Lays a tensor at an address; it belongs to the memory now. */
  write(address: Address, tensor: TfTensor): void {
    const { buffer, offset: start } = this.at(address);
    const end = start + tensor.size * ELEMENT;
    assert(end <= buffer.bytes, `bytes up to ${end} of a buffer of ${buffer.bytes} are written`);
    const piece: Piece = { start, end, from: 0, of: { tensor, pieces: 1 } };
    const pieces: Piece[] = [];
    for (const old of buffer.pieces) {
      if (old.end <= start || old.start >= end) {
        pieces.push(old);
        continue;
      }
      const before = old.start < start ? [{ ...old, end: start }] : [];
      const after = old.end > end ? [{ ...old, start: end, from: old.from + (end - old.start) / ELEMENT }] : [];
      old.of.pieces += before.length + after.length;
      pieces.push(...before, ...after);
      release(old);
    }
    pieces.push(piece);
    buffer.pieces = pieces.length === 1 ? pieces : pieces.sort((a, b) => a.start - b.start);
  }

  /** The `length` elements from an address on, as a tensor of any shape; what nobody wrote is zeros. */
  read(address: Address, length: number, dtype: TfDType): Held {
    const made: TfTensor[] = [];
    let result: TfTensor | undefined;
    try {
      result = this.joined(address, length, dtype, made);
      return { tensor: result, owned: made.includes(result) };
    } finally {
      for (const tensor of made) if (tensor !== result) tensor.dispose();
    }
  }

  /** `made` gets every tensor that is made on the way. */
  private joined(address: Address, length: number, dtype: TfDType, made: TfTensor[]): TfTensor {
    const { buffer, offset: start } = this.at(address);
    const end = start + length * ELEMENT;
    assert(end <= buffer.bytes, `bytes up to ${end} of a buffer of ${buffer.bytes} are read`);
    const parts: TfTensor[] = [];
    let position = start;
    for (const piece of buffer.pieces) {
      if (piece.end <= start) continue;
      if (piece.start >= end) break;
      if (piece.start > position) parts.push(this.zeros((piece.start - position) / ELEMENT, dtype, made));
      const [from, to] = [Math.max(piece.start, start), Math.min(piece.end, end)];
      parts.push(this.partOf(piece, (from - piece.start) / ELEMENT, (to - from) / ELEMENT, dtype, made));
      position = to;
    }
    if (position < end) parts.push(this.zeros((end - position) / ELEMENT, dtype, made));
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return only;
    const flat = parts.map((part) => this.flat(part, made));
    return note(made, runChecked(this.engine, "Concat", flat, { axis: 0 }, [length], dtype));
  }

  private partOf({ of, from }: Piece, skip: number, length: number, dtype: TfDType, made: TfTensor[]): TfTensor {
    const whole = this.bitsAs(of.tensor, dtype, made);
    if (length === whole.size) return whole;
    const x = this.flat(whole, made);
    return note(made, runChecked(this.engine, "Slice", { x }, { begin: [from + skip], size: [length] }, [length], dtype));
  }

  /** The same bits as another dtype, which reading a place as what it was not written as asks for. */
  private bitsAs(tensor: TfTensor, dtype: TfDType, made: TfTensor[]): TfTensor {
    if (tensor.dtype === dtype) return tensor;
    const { buffer } = hostCopy(tensor);
    const values = dtype === "float32" ? new Float32Array(buffer) : new Int32Array(buffer);
    return note(made, makeTensor(this.engine, values, [tensor.size], dtype));
  }

  private flat(x: TfTensor, made: TfTensor[]): TfTensor {
    if (x.shape.length === 1) return x;
    return note(made, runChecked(this.engine, "Reshape", { x }, { shape: [x.size] }, [x.size], x.dtype));
  }

  private zeros(length: number, dtype: TfDType, made: TfTensor[]): TfTensor {
    return note(made, makeTensor(this.engine, arrayOf(dtype, new Uint8Array(length)), [length], dtype));
  }

  private at(address: Address): { readonly buffer: Buffer; readonly offset: number; readonly id: number } {
    const id = Math.floor(address / SPAN);
    const buffer = this.buffers[id];
    if (buffer === undefined) return assert(false, `address ${address} is used but not allocated`) as never;
    return { buffer, offset: address - id * SPAN, id };
  }
}

function note(made: TfTensor[], tensor: TfTensor): TfTensor {
  made.push(tensor);
  return tensor;
}

function release({ of }: Piece): void {
  of.pieces--;
  if (of.pieces === 0) of.tensor.dispose();
}

/** The numbers of a tensor in an array of its own: backends may give an array that they go on using, or one of another type. */
export function hostCopy(tensor: TfTensor): Float32Array | Int32Array {
  const data = tensor.dataSync();
  return tensor.dtype === "float32" ? Float32Array.from(data) : Int32Array.from(data);
}
