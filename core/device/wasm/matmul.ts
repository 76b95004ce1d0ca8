/** Matrix products on the WebAssembly device. */
import { type FloatDType, sizeOf } from "../../base/dtype.ts";
import type { MatmulLaunch } from "../../kernel/launch.ts";
import { renderMatmul } from "../../render/wasm-matmul.ts";
import type { Address, Runnable } from "../device.ts";
import type { Pool } from "../pool.ts";
import type { WasmFunction } from "./bind.ts";
import type { Heap } from "./heap.ts";

export class MatmulLibrary {
  private readonly heap: Heap;
  private readonly compiled = new Map<FloatDType, WasmFunction>();

  constructor(heap: Heap, _pool: Pool) {
    this.heap = heap;
  }

  get kernels(): number {
    return this.compiled.size;
  }

  prepare({ dtype, m, n, k, transposeA, transposeB, batch, inputs }: MatmulLaunch, counter: { value: number }): Runnable {
    const run = this.function(dtype);
    const size = sizeOf(dtype);
    const [aRow, aDepth] = transposeA ? [size, m * size] : [k * size, size];
    const [bDepth, bColumn] = transposeB ? [size, k * size] : [n * size, size];
    return (out, ...given) => {
      counter.value++;
      const a = given[inputs[0]] as Address;
      const b = given[inputs[1]] as Address;
      for (const at of batch) run(out + at.c * size, a + at.a * size, b + at.b * size, m, n, k, aRow, aDepth, bDepth, bColumn);
    };
  }

  private function(dtype: FloatDType): WasmFunction {
    let found = this.compiled.get(dtype);
    if (found === undefined) {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(renderMatmul(dtype)), { env: { memory: this.heap.memory } });
      found = instance.exports.run as WasmFunction;
      this.compiled.set(dtype, found);
    }
    return found;
  }
}
