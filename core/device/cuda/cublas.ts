/**
 * Matrix products by cuBLAS. It thinks in columns: a row-major C = A · B is its C^T = B^T · A^T, so the operands change places and
 * every matrix is given as it lies. Working memory is ours, so that products can be captured into graphs and give the same bits.
 */
import { BenchError } from "../../base/errors.ts";
import type { MatmulLaunch } from "../../kernel/launch.ts";
import type { Address } from "../device.ts";
import { allocateNative, type Library, type NativeFunction, type NativeType, readText, viewMemory } from "../foreign.ts";

const address = "address";
const int32 = "int32";
const HANDLES = [address] as const;
const GEMM: readonly NativeType[] = [
  address,
  int32,
  int32,
  int32,
  int32,
  int32,
  address,
  address,
  int32,
  address,
  int32,
  address,
  address,
  int32,
];
const STRIDED: readonly NativeType[] = [
  ...([address, int32, int32, int32, int32, int32, address] as const),
  ...([address, int32, "int64", address, int32, "int64", address, address, int32, "int64", int32] as const),
];

const DEFAULT_MATH = 0;
const TF32_MATH = 3;

export const WORKSPACE_BYTES = 32 * 2 ** 20;

/** Consecutive matrices whose offsets grow by fixed steps. */
interface Run {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly count: number;
  readonly steps: { readonly a: number; readonly b: number; readonly c: number };
}

export class Cublas {
  private readonly library: Library;
  private readonly handle: number;
  /** 1 and 0, as f32 and as f64. */
  private readonly scalars = allocateNative(32);
  private readonly functions = new Map<string, NativeFunction>();

  /** `tf32`: products of f32 may round their operands to 10 bits behind the point. */
  constructor(library: Library, stream: number, workspace: Address, tf32: boolean) {
    this.library = library;
    new Float32Array(viewMemory(this.scalars, 8)).set([1, 0]);
    new Float64Array(viewMemory(this.scalars + 16, 16)).set([1, 0]);
    const cell = allocateNative(8);
    this.check(this.declare("cublasCreate_v2", HANDLES)(cell), "cublasCreate");
    this.handle = Number(new BigUint64Array(viewMemory(cell, 8))[0]);
    this.check(this.declare("cublasSetStream_v2", [address, address])(this.handle, stream), "cublasSetStream");
    this.check(
      this.declare("cublasSetWorkspace_v2", [address, address, "int64"])(this.handle, workspace, WORKSPACE_BYTES),
      "cublasSetWorkspace",
    );
    this.check(this.declare("cublasSetMathMode", [address, int32])(this.handle, tf32 ? TF32_MATH : DEFAULT_MATH), "cublasSetMathMode");
  }

  /** A function that puts the product on the stream; k is not 0, and no extent is. */
  prepare(launch: MatmulLaunch): (c: Address, a: Address, b: Address) => void {
    const { m, n, k, transposeA, transposeB, dtype } = launch;
    const size = dtype === "f32" ? 4 : 8;
    const one = this.scalars + (dtype === "f32" ? 0 : 16);
    const letter = dtype === "f32" ? "S" : "D";
    const [lda, ldb] = [transposeA ? m : k, transposeB ? k : n];
    const head = [this.handle, Number(transposeB), Number(transposeA), n, m, k, one] as const;
    const single = this.declare(`cublas${letter}gemm_v2`, GEMM);
    const strided = this.declare(`cublas${letter}gemmStridedBatched`, STRIDED);
    const runs = runsOf(launch);
    return (c, a, b) => {
      for (const r of runs) {
        const [at, bt, ct] = [a + r.a * size, b + r.b * size, c + r.c * size];
        const status =
          r.count === 1
            ? single(...head, bt, ldb, at, lda, one + size, ct, n)
            : strided(...head, bt, ldb, r.steps.b, at, lda, r.steps.a, one + size, ct, n, r.steps.c, r.count);
        if (status !== 0) throw this.failure(status, `a product of ${m}×${k} and ${k}×${n}`);
      }
    };
  }

  private declare(name: string, types: readonly NativeType[]): NativeFunction {
    let f = this.functions.get(name);
    if (f === undefined) {
      f = this.library.declare(name, int32, types);
      this.functions.set(name, f);
    }
    return f;
  }

  private check(status: number, what: string): void {
    if (status !== 0) throw this.failure(status, what);
  }

  private failure(status: number, what: string): BenchError {
    const text = readText(this.library.declare("cublasGetStatusString", address, [int32])(status), 256);
    return new BenchError("runtime", `cuBLAS failed in ${what}: ${text} (${status})`, {
      advice: "with TRIGRAD_LIBCUBLAS set to nothing our own kernels compute products",
    });
  }
}

/** The batch as few runs of matrices at fixed distances. */
export function runsOf({ batch }: MatmulLaunch): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < batch.length; ) {
    const first = batch[i] as MatmulLaunch["batch"][number];
    const second = batch[i + 1];
    if (second === undefined) {
      runs.push({ ...first, count: 1, steps: { a: 0, b: 0, c: 0 } });
      break;
    }
    const steps = { a: second.a - first.a, b: second.b - first.b, c: second.c - first.c };
    let count = 2;
    const fits = (at: MatmulLaunch["batch"][number]) =>
      at.a === first.a + count * steps.a && at.b === first.b + count * steps.b && at.c === first.c + count * steps.c;
    while (i + count < batch.length && fits(batch[i + count] as MatmulLaunch["batch"][number])) count++;
    const isForward = steps.a >= 0 && steps.b >= 0 && steps.c > 0;
    runs.push({ ...first, count: isForward ? count : 1, steps });
    i += isForward ? count : 1;
  }
  return runs;
}
