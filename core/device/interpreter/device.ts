/**
 * The interpreter: the device that is obviously right. It walks the iteration space of a kernel point by point; each operation is done
 * in float64 and rounded to its dtype, so that a fused kernel gives the bits of the kernels that it was fused from; sums are rounded
 * once, at their end. Every other device is tested against it. Each buffer is an array of its own, filled with NaN bits
 * when it is handed out, so reading what nobody wrote shows, and addresses are checked against the buffers that are alive.
 */
import { type DType, sizeOf, type TypedArray } from "../../base/dtype.ts";
import { assert, BenchError } from "../../base/errors.ts";
import { compilePoint } from "../../kernel/javascript.ts";
import type { Geometry, Output } from "../../kernel/kernel.ts";
import type { ConvolutionLaunch, KernelLaunch, Launch, MatmulLaunch, RoutineLaunch, TogetherLaunch } from "../../kernel/launch.ts";
import { levelsOf } from "../../kernel/level.ts";
import { runRoutine } from "../../kernel/routines/run.ts";
import { postorder } from "../../kernel/scalar-expr.ts";
import { indexOutOfRange } from "../bounds.ts";
import type { Address, Device, DeviceStats, Runnable } from "../device.ts";
import { type PlanStep, type RunnablePlan, sequentialPlan } from "../plan.ts";
import { showBytes } from "../pool.ts";
import { convolve } from "./convolution.ts";
import { finish, identity, Sum, takes } from "./fold.ts";

/** A device that executes every launch on the host, one number after the other. `maxBytes` limits live memory. */
export function createInterpreter(options: { maxBytes?: number } = {}): Device {
  return new Interpreter(options.maxBytes ?? 2 ** 32);
}

class Interpreter implements Device {
  readonly name = "interpreter";
  private readonly limit: number;
  private readonly buffers = new Map<Address, { readonly memory: ArrayBuffer; readonly bytes: number }>();
  private readonly kernels = new Set<string>();
  private next: Address = 64;
  private live = 0;
  private peak = 0;
  private launches = 0;
  private syncs = 0;
  private allocations = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  alloc(bytes: number): Address {
    if (this.live + bytes > this.limit) {
      throw new BenchError(
        "out-of-memory",
        `out of memory on ${this.name}: ${showBytes(bytes)} asked for, ${showBytes(this.live)} live in ${this.buffers.size} buffers, limit ${showBytes(this.limit)}`,
        { advice: "use a smaller size, free intermediate tensors earlier, or raise the device's limit" },
      );
    }
    const memory = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
    new Uint8Array(memory).fill(0xff);
    const address = this.next;
    this.next += Math.ceil((bytes + 1) / 64) * 64;
    this.buffers.set(address, { memory, bytes });
    this.live += bytes;
    this.peak = Math.max(this.peak, this.live);
    this.allocations++;
    return address;
  }

  free(address: Address, bytes: number): void {
    const buffer = this.buffers.get(address);
    assert(buffer !== undefined, `address ${address} is freed but not allocated`);
    assert(buffer.bytes === bytes, `a buffer of ${buffer.bytes} bytes is freed as one of ${bytes}`);
    this.buffers.delete(address);
    this.live -= bytes;
  }

  upload(address: Address, data: TypedArray): void {
    const { memory, bytes, offset } = this.at(address);
    assert(data.byteLength <= bytes, `${data.byteLength} bytes are uploaded to a buffer of ${bytes}`);
    new Uint8Array(memory, offset).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  download(address: Address, dtype: DType, length: number): TypedArray {
    this.syncs++;
    assert(
      length * sizeOf(dtype) <= this.at(address).bytes,
      `${length} elements of ${dtype} are read from a buffer of ${this.at(address).bytes} bytes`,
    );
    return this.view(address, dtype).slice(0, length);
  }

  prepare(launch: Launch): Runnable {
    const run = this.execute(launch);
    return (...addresses) => {
      this.launches++;
      run(...addresses);
    };
  }

  preparePlan(steps: readonly PlanStep[]): RunnablePlan {
    return sequentialPlan(this, steps);
  }

  forget(): void {}

  sync(): void {
    this.syncs++;
  }

  stats(): DeviceStats {
    return {
      liveBytes: this.live,
      peakBytes: this.peak,
      liveBuffers: this.buffers.size,
      reservedBytes: this.live,
      launches: this.launches,
      kernels: this.kernels.size,
      syncs: this.syncs,
      allocations: this.allocations,
    };
  }

  resetPeak(): void {
    this.peak = this.live;
  }

  private execute(launch: Launch): Runnable {
    switch (launch.kind) {
      case "kernel":
        return this.kernel(launch);
      case "matmul":
        return this.finished(this.matmul(launch), launch, launch.batch.length * launch.m * launch.n);
      case "convolution":
        return this.finished(this.convolution(launch), launch, launch.n * launch.o * launch.output[0] * launch.output[1]);
      case "routine":
        return this.routine(launch);
      case "together":
        return this.together(launch);
      default:
        return launch satisfies never;
    }
  }

  /** The buffer in which an address lies, or that ends there, as an empty tensor may; `bytes` is what is left of it from there. */
  private at(address: Address): { readonly memory: ArrayBuffer; readonly offset: number; readonly bytes: number } {
    const own = this.buffers.get(address);
    if (own !== undefined) return { ...own, offset: 0 };
    for (const [start, { memory, bytes }] of this.buffers) {
      const offset = address - start;
      if (offset > 0 && offset <= bytes) return { memory, offset, bytes: bytes - offset };
    }
    return assert(false, `address ${address} is used but not allocated`) as never;
  }

  private view(address: Address, dtype: DType): TypedArray {
    const { memory, offset } = this.at(address);
    return dtype === "f32"
      ? new Float32Array(memory, offset)
      : dtype === "f64"
        ? new Float64Array(memory, offset)
        : new Int32Array(memory, offset);
  }

  private routine(launch: RoutineLaunch): Runnable {
    this.kernels.add(`${launch.routine} ${launch.dtype}`);
    return (out, ...inputs) => {
      const target = this.view(out, launch.routine === "argsort" ? "i32" : launch.dtype);
      runRoutine(
        launch,
        target,
        launch.inputs.map((i) => this.view(inputs[i] as Address, launch.dtype)),
      );
    };
  }

  /** A product of `size` elements and its epilogue: the product goes to memory of its own; the map reads it there. */
  private finished(product: Runnable, { epilogue, dtype }: MatmulLaunch | ConvolutionLaunch, size: number): Runnable {
    if (epilogue === undefined) return product;
    const inputs = epilogue.inputs.map((i) => i + 1);
    const map = this.kernel({ ...epilogue, inputs });
    const outputs = epilogue.kernel.outputs.length;
    const bytes = size * sizeOf(dtype);
    return (...addresses) => {
      const given = addresses.slice(outputs);
      const at = this.alloc(bytes);
      product(at, ...given);
      map(...(addresses.slice(0, outputs) as [Address]), at, ...given);
      this.free(at, bytes);
    };
  }

  /** One after the other. */
  private together({ members }: TogetherLaunch): Runnable {
    const runs = members.map(({ launch, operands }) => ({ run: this.execute(launch), operands }));
    return (...addresses) => {
      for (const { run, operands } of runs) run(...(operands.map((i) => addresses[i]) as [Address]));
    };
  }

  private convolution(launch: ConvolutionLaunch): Runnable {
    this.kernels.add(`convolution ${launch.product} ${launch.dtype}`);
    return (out, ...inputs) => {
      const [a, b] = launch.inputs.map((i) => this.view(inputs[i] as Address, launch.dtype)) as [TypedArray, TypedArray];
      convolve(launch, this.view(out, launch.dtype), a, b);
    };
  }

  private matmul(launch: MatmulLaunch): Runnable {
    const { m, n, k, transposeA, transposeB } = launch;
    this.kernels.add(`matmul ${launch.dtype} ${transposeA} ${transposeB}`);
    return (out, ...inputs) => {
      const a = this.view(inputs[launch.inputs[0]] as Address, launch.dtype);
      const b = this.view(inputs[launch.inputs[1]] as Address, launch.dtype);
      const c = this.view(out, launch.dtype);
      for (const at of launch.batch) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const sum = new Sum();
            for (let p = 0; p < k; p++) {
              sum.add(element(a, at.a + (transposeA ? p * m + i : i * k + p)) * element(b, at.b + (transposeB ? j * k + p : p * n + j)));
            }
            c[at.c + i * n + j] = sum.value();
          }
        }
      }
    };
  }

  private kernel(launch: KernelLaunch): Runnable {
    const { kernel, geometry } = launch;
    this.kernels.add(kernel.key);
    const outer = kernel.rank - kernel.reduced;
    const folds = kernel.reductions.map((r) => ({ reduction: r, value: compilePoint(r.of) }));
    const outputs = kernel.outputs.map((o, i) => ({
      ...o,
      number: kernel.operands.length + i,
      value: compilePoint(o.result),
      at: o.storeAt === undefined ? undefined : compilePoint(o.storeAt),
      atId: o.storeAt?.id as number,
    }));
    const roots = [
      ...kernel.reductions.map((r) => r.of),
      ...kernel.outputs.flatMap((o) => (o.storeAt ? [o.result, o.storeAt] : [o.result])),
    ];
    const levels = new Map([...levelsOf(kernel, postorder(roots))].map(([e, level]) => [e.id, level]));

    return (...addresses) => {
      const inputs = addresses.slice(outputs.length);
      const views = kernel.operands.map((o, k) => this.view(inputs[launch.inputs[k] as number] as Address, o.dtype));
      const targets = outputs.map((o, i) => this.view(addresses[i] as Address, o.dtype));
      const point = new Array<number>(kernel.rank).fill(0);
      const reduced: number[] = [];
      const load = (operand: number, at?: number, atId?: number): number =>
        element(views[operand] as TypedArray, offsetOf(geometry, operand, point, at, levels.get(atId as number)));

      const store = (each: Output["each"]) => {
        const values = outputs.map((o) => (o.each === each ? o.value(load, point, reduced) : 0));
        for (const [i, o] of outputs.entries()) {
          if (o.each !== each) continue;
          const target = targets[i] as TypedArray;
          const offset = offsetOf(geometry, o.number, point, o.at?.(load, point, reduced), levels.get(o.atId));
          const stored = o.accumulate ? element(target, offset) + (values[i] as number) : (values[i] as number);
          target[offset] = o.dtype === "bool" ? Number(stored !== 0) : stored;
        }
      };
      const has = (each: Output["each"]) => outputs.some((o) => o.each === each);

      forEachPoint(geometry.extents, point, 0, outer, () => {
        for (const [stage, { reduction, value }] of folds.entries()) {
          const sum = new Sum();
          let extreme = identity(reduction.op, reduction.of.dtype);
          let position = 0;
          let inner = 0;
          forEachPoint(geometry.extents, point, outer, kernel.rank, () => {
            const x = value(load, point, reduced);
            if (reduction.op === "sum") sum.add(x);
            else if (takes(reduction.op, x, extreme, inner === 0)) {
              extreme = x;
              position = inner;
            }
            inner++;
            if (!has("prefix")) return;
            reduced[stage] = finish(reduction, sum.value(), extreme, position);
            store("prefix");
          });
          reduced[stage] = finish(reduction, sum.value(), extreme, position);
        }
        if (has("element")) forEachPoint(geometry.extents, point, outer, kernel.rank, () => store("element"));
        if (has("row")) store("row");
      });
    };
  }
}

function element(view: TypedArray, offset: number): number {
  const x = view[offset];
  assert(x !== undefined, `element ${offset} of a buffer of ${view.length} is accessed`);
  return x;
}

/** Element offset of an operand (outputs come after the operands) at a point. */
function offsetOf(
  geometry: Geometry,
  operand: number,
  point: readonly number[],
  at: number | undefined,
  level: number | undefined,
): number {
  let offset = geometry.offsets[operand] as number;
  const strides = geometry.strides[operand] as readonly number[];
  for (let axis = 0; axis < point.length; axis++) offset += (point[axis] as number) * (strides[axis] as number);
  if (at === undefined) return offset;
  const { stride, extent } = geometry.indirect[operand] as { stride: number; extent: number };
  if (at < 0 || at >= extent) throw indexOutOfRange(at, extent, point.slice(0, level));
  return offset + at * stride;
}

/** Visits axes `from` to `to` (exclusive) of the space in row-major order, writing the coordinates into `point`. */
function forEachPoint(extents: readonly number[], point: number[], from: number, to: number, visit: () => void): void {
  let count = 1;
  for (let axis = from; axis < to; axis++) count *= extents[axis] as number;
  for (let i = 0; i < count; i++) {
    let rest = i;
    for (let axis = to - 1; axis >= from; axis--) {
      const extent = extents[axis] as number;
      point[axis] = rest % extent;
      rest = Math.floor(rest / extent);
    }
    visit();
  }
}
