/**
 * Matrix products by cuBLAS. It thinks in columns: a row-major C = A · B is its C^T = B^T · A^T, so the operands change places and
 * every matrix is given as it lies. Working memory is ours, so that products can be captured into graphs and give the same bits.
 */
import type { MatmulLaunch } from "../../kernel/launch.ts";
import type { Address } from "../device.ts";
import { allocateNative, type Library, type NativeType, viewMemory } from "../foreign.ts";
import { StatusLibrary } from "./status-library.ts";

const address = "address";
const int32 = "int32";
const int64 = "int64";
const GEMM: readonly NativeType[] = [
  ...([address, int32, int32, int32, int32, int32, address] as const),
  ...([address, int32, address, int32, address, address, int32] as const),
];
const STRIDED: readonly NativeType[] = [
  ...([address, int32, int32, int32, int32, int32, address] as const),
  ...([address, int32, int64, address, int32, int64, address, address, int32, int64, int32] as const),
];

export const CUBLAS_FUNCTIONS = {
  cublasCreate_v2: [address],
  cublasSetStream_v2: [address, address],
  cublasSetWorkspace_v2: [address, address, int64],
  cublasSetMathMode: [address, int32],
  cublasSgemm_v2: GEMM,
  cublasDgemm_v2: GEMM,
  cublasSgemmStridedBatched: STRIDED,
  cublasDgemmStridedBatched: STRIDED,
} as const;

export const CUBLAS_CONSTANTS = { CUBLAS_OP_N: 0, CUBLAS_OP_T: 1, CUBLAS_DEFAULT_MATH: 0, CUBLAS_TF32_TENSOR_OP_MATH: 3 } as const;

export const CUBLAS_WORDS = {
  title: "cuBLAS",
  describe: "cublasGetStatusString",
  advice: "with TRIGRAD_LIBCUBLAS set to nothing our own kernels compute products",
} as const;

export const WORKSPACE_BYTES = 32 * 2 ** 20;
/** Extents and leading dimensions are 32-bit numbers. */
const MOST = 2 ** 31 - 1;

/** Consecutive matrices whose offsets grow by fixed steps. */
interface Run {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly count: number;
  readonly steps: { readonly a: number; readonly b: number; readonly c: number };
}

export class Cublas {
  private readonly library: StatusLibrary<typeof CUBLAS_FUNCTIONS>;
  private readonly handle: number;
  /** 1 and 0, as f32 and as f64. */
  private readonly scalars = allocateNative(32);

  /** `tf32`: products of f32 may round their operands to 10 bits behind the point. */
  constructor(library: Library, stream: number, workspace: Address, tf32: boolean) {
    this.library = new StatusLibrary(library, CUBLAS_FUNCTIONS, CUBLAS_WORDS);
    new Float32Array(viewMemory(this.scalars, 8)).set([1, 0]);
    new Float64Array(viewMemory(this.scalars + 16, 16)).set([1, 0]);
    this.handle = this.library.made(this.library.function("cublasCreate_v2"), "cublasCreate");
    this.library.call("cublasSetStream_v2", this.handle, stream);
    this.library.call("cublasSetWorkspace_v2", this.handle, workspace, WORKSPACE_BYTES);
    const { CUBLAS_TF32_TENSOR_OP_MATH, CUBLAS_DEFAULT_MATH } = CUBLAS_CONSTANTS;
    this.library.call("cublasSetMathMode", this.handle, tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH);
  }

  /** A function that puts the product on the stream; k is not 0, and no extent is. */
  prepare(launch: MatmulLaunch): (c: Address, a: Address, b: Address) => void {
    const { m, n, k, transposeA, transposeB, dtype } = launch;
    const size = dtype === "f32" ? 4 : 8;
    const one = this.scalars + (dtype === "f32" ? 0 : 16);
    const letter = dtype === "f32" ? "S" : "D";
    const [lda, ldb] = [transposeA ? m : k, transposeB ? k : n];
    const head = [this.handle, Number(transposeB), Number(transposeA), n, m, k, one] as const;
    const single = this.library.function(`cublas${letter}gemm_v2`);
    const strided = this.library.function(`cublas${letter}gemmStridedBatched`);
    const runs = runsOf(launch);
    return (c, a, b) => {
      for (const r of runs) {
        const [at, bt, ct] = [a + r.a * size, b + r.b * size, c + r.c * size];
        const status =
          r.count === 1
            ? single(...head, bt, ldb, at, lda, one + size, ct, n)
            : strided(...head, bt, ldb, r.steps.b, at, lda, r.steps.a, one + size, ct, n, r.steps.c, r.count);
        if (status !== 0) throw this.library.failure(status, `a product of ${m}×${k} and ${k}×${n}`);
      }
    };
  }
}

/** Whether cuBLAS can be asked for a product. */
export function fitsCublas({ m, n, k, batch }: MatmulLaunch): boolean {
  return k > 0 && Math.max(m, n, k, batch.length) <= MOST;
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
