/**
 * Matrix products that cuBLASLt finishes: A · B plus a row of biases, and the larger of that and 0, stored without a second pass over the
 * result. An algorithm is asked for when a launch is prepared, one for addresses that vectors fit and one for all others, so that bits
 * follow from the launch. What its documentation leaves open, whether a NaN stays one, is tried on small matrices for every algorithm
 * before it is used; whatever is refused is left to cuBLAS and a kernel behind it.
 */
import type { FloatDType } from "../../base/dtype.ts";
import type { MatmulLaunch } from "../../kernel/launch.ts";
import { binary, constant, type Expr, load } from "../../kernel/scalar-expr.ts";
import type { Address } from "../device.ts";
import { allocateNative, type Library, viewMemory } from "../foreign.ts";
import { CUBLAS_WORDS, fitsCublas, runsOf, WORKSPACE_BYTES } from "./cublas.ts";
import { StatusLibrary } from "./status-library.ts";

const address = "address";
const int32 = "int32";
const int64 = "int64";

export const CUBLASLT_FUNCTIONS = {
  cublasLtCreate: [address],
  cublasLtMatmulDescCreate: [address, int32, int32],
  cublasLtMatmulDescSetAttribute: [address, int32, "data", int64],
  cublasLtMatrixLayoutCreate: [address, int32, int64, int64, int64],
  cublasLtMatrixLayoutSetAttribute: [address, int32, "data", int64],
  cublasLtMatmulPreferenceCreate: [address],
  cublasLtMatmulPreferenceSetAttribute: [address, int32, "data", int64],
  cublasLtMatmulAlgoGetHeuristic: [address, address, address, address, address, address, address, int32, "data", address],
  cublasLtMatmul: [
    ...([address, address, address, address, address, address, address, address, address, address, address, address] as const),
    ...(["data", address, int64, address] as const),
  ],
} as const;

export const CUBLASLT_CONSTANTS = {
  CUDA_R_32F: 0,
  CUDA_R_64F: 1,
  CUBLAS_COMPUTE_32F: 68,
  CUBLAS_COMPUTE_64F: 70,
  CUBLAS_COMPUTE_32F_FAST_TF32: 77,
  CUBLASLT_MATMUL_DESC_TRANSA: 3,
  CUBLASLT_MATMUL_DESC_TRANSB: 4,
  CUBLASLT_MATMUL_DESC_EPILOGUE: 7,
  CUBLASLT_MATMUL_DESC_BIAS_POINTER: 8,
  CUBLASLT_EPILOGUE_RELU: 2,
  CUBLASLT_EPILOGUE_BIAS: 4,
  CUBLASLT_EPILOGUE_RELU_BIAS: 6,
  CUBLASLT_MATRIX_LAYOUT_ROWS: 2,
  CUBLASLT_MATRIX_LAYOUT_COLS: 3,
  CUBLASLT_MATRIX_LAYOUT_LD: 4,
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: 5,
  CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: 6,
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: 1,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: 5,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: 6,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: 7,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: 8,
} as const;

/** cublasLtMatmulHeuristicResult_t: its size, and where its parts are. */
export const HEURISTIC_RESULT = { bytes: 96, algo: 0, algoBytes: 64, workspaceSize: 64, state: 72 } as const;

const C = CUBLASLT_CONSTANTS;
/** The alignment that every vector load fits. */
const VECTOR = 16;

/** What is done with a product on its way to memory: `bias` is the operand of the epilogue that is added to every row. */
interface Finish {
  readonly relu: boolean;
  readonly bias: number | undefined;
}

/** What an epilogue is, where it is one that cuBLASLt has. */
export function finishOf({ epilogue, m, n, batch, dtype }: MatmulLaunch): Finish | undefined {
  if (epilogue === undefined) return undefined;
  const { kernel, geometry, inputs } = epilogue;
  const [output, ...more] = kernel.outputs;
  if (output === undefined || more.length > 0 || output.accumulate || output.indirect || output.dtype !== dtype) return undefined;
  const extents = [batch.length, m, n];
  const lies = (operand: number, strides: readonly number[]) =>
    strides.every((s, axis) => extents[axis] === 1 || geometry.strides[operand]?.[axis] === s);
  const dense = [m * n, n, 1];
  const last = kernel.operands.length;
  const products = [...inputs.keys()].filter((k) => inputs[k] === -1);
  const others = [...inputs.keys()].filter((k) => inputs[k] !== -1);
  const [product, bias] = [products[0], others[0]];
  if (product === undefined || products.length > 1 || others.length > 1 || !lies(product, dense) || !lies(last, dense)) return undefined;
  if (geometry.offsets[last] !== 0) return undefined;
  if (bias !== undefined && (kernel.operands[bias]?.dtype !== dtype || kernel.operands[bias]?.indirect || !lies(bias, [0, 0, 1])))
    return undefined;
  const [x, zero] = [load(product, dtype), constant(0, dtype)];
  const isResult = (e: Expr) => e === output.result;
  const isRelu = (of: Expr) => isResult(binary("max", of, zero)) || isResult(binary("max", zero, of));
  if (isRelu(x)) return { relu: true, bias: undefined };
  if (bias === undefined) return undefined;
  const sums = [binary("add", x, load(bias, dtype)), binary("add", load(bias, dtype), x)];
  if (sums.some(isResult)) return { relu: false, bias };
  return sums.some(isRelu) ? { relu: true, bias } : undefined;
}

/** The numbers of one launch, for descriptors that all launches share. */
interface Described {
  readonly operation: number;
  readonly transposes: readonly [number, number];
  readonly epilogue: number;
  readonly hasBias: boolean;
  /** Rows, columns, leading dimension and step between the matrices of a batch: of B, A and C, as cuBLAS sees them. */
  readonly layouts: readonly (readonly [number, number, number, number])[];
  readonly count: number;
  readonly scalars: number;
}

/** Puts a product on the stream: C, A, B, and the biases where the epilogue has them. */
export type LtProduct = (c: Address, a: Address, b: Address, bias: Address) => void;

export class CublasLt {
  private readonly library: StatusLibrary<typeof CUBLASLT_FUNCTIONS>;
  private readonly handle: number;
  private readonly stream: number;
  private readonly workspace: Address;
  private readonly tf32: boolean;
  private readonly trial: Trial;
  private readonly operations = new Map<FloatDType, number>();
  private readonly layouts = new Map<FloatDType, readonly number[]>();
  private readonly preference: number;
  private readonly scalars = allocateNative(32);
  private readonly count = allocateNative(8);
  private readonly known = new WeakMap<MatmulLaunch, LtProduct | "refused">();
  /** What the descriptors say now. */
  private current: Described | undefined;

  /** `trial`: small matrices to try algorithms with. */
  constructor(library: Library, stream: number, workspace: Address, tf32: boolean, trial: Trial) {
    this.library = new StatusLibrary(library, CUBLASLT_FUNCTIONS, { ...CUBLAS_WORDS, title: "cuBLASLt" });
    this.stream = stream;
    this.workspace = workspace;
    this.tf32 = tf32;
    this.trial = trial;
    new Float32Array(viewMemory(this.scalars, 8)).set([1, 0]);
    new Float64Array(viewMemory(this.scalars + 16, 16)).set([1, 0]);
    this.handle = this.library.made(this.library.function("cublasLtCreate"), "cublasLtCreate");
    this.preference = this.library.made(this.library.function("cublasLtMatmulPreferenceCreate"), "cublasLtMatmulPreferenceCreate");
    this.prefer(C.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, BigInt64Array.of(BigInt(WORKSPACE_BYTES)));
  }

  /** A function that puts the product and its epilogue on the stream; undefined where cuBLASLt has no such thing. */
  prepare(launch: MatmulLaunch): LtProduct | undefined {
    const known = this.known.get(launch) ?? this.make(launch) ?? "refused";
    this.known.set(launch, known);
    return known === "refused" ? undefined : known;
  }

  private make(launch: MatmulLaunch): LtProduct | undefined {
    const finish = finishOf(launch);
    const [run, ...others] = runsOf(launch);
    if (finish === undefined || run === undefined || others.length > 0 || !fitsCublas(launch)) return undefined;
    const { m, n, k, transposeA, transposeB, dtype } = launch;
    const described: Described = {
      operation: this.operation(dtype),
      transposes: [Number(transposeB), Number(transposeA)],
      epilogue: finish.relu
        ? finish.bias === undefined
          ? C.CUBLASLT_EPILOGUE_RELU
          : C.CUBLASLT_EPILOGUE_RELU_BIAS
        : C.CUBLASLT_EPILOGUE_BIAS,
      hasBias: finish.bias !== undefined,
      layouts: [
        transposeB ? [k, n, k, run.steps.b] : [n, k, n, run.steps.b],
        transposeA ? [m, k, m, run.steps.a] : [k, m, k, run.steps.a],
        [n, m, n, run.steps.c],
      ],
      count: run.count,
      scalars: this.scalars + (dtype === "f32" ? 0 : 16),
    };
    const size = dtype === "f32" ? 4 : 8;
    const [vectors, elements] = [VECTOR, size].map((alignment) => this.algorithm(launch, described, alignment));
    if (vectors === undefined || elements === undefined) return undefined;
    for (const algo of finish.relu ? [vectors, elements] : []) if (!this.keepsNaN(launch, described, algo)) return undefined;
    return (c, a, b, bias) => {
      const fits = a % VECTOR === 0 && b % VECTOR === 0 && c % VECTOR === 0 && bias % VECTOR === 0;
      const at = [c + run.c * size, a + run.a * size, b + run.b * size] as const;
      const isVector = fits && at.every((x) => x % VECTOR === 0);
      const status = this.run(dtype, described, isVector ? vectors : elements, ...at, bias);
      if (status !== 0) throw this.library.failure(status, `a product of ${m}×${k} and ${k}×${n} with an epilogue`);
    };
  }

  private run(dtype: FloatDType, described: Described, algo: Uint8Array, c: Address, a: Address, b: Address, bias: Address): number {
    this.describe(dtype, described);
    const { library, handle, workspace, stream } = this;
    const { operation, scalars } = described;
    if (described.hasBias) this.set(operation, C.CUBLASLT_MATMUL_DESC_BIAS_POINTER, BigInt64Array.of(BigInt(bias)));
    const [left, right, result] = this.layoutsOf(dtype) as [number, number, number];
    const zero = scalars + (dtype === "f32" ? 4 : 8);
    const operands = [operation, scalars, b, left, a, right, zero, c, result, c, result] as const;
    return library.function("cublasLtMatmul")(handle, ...operands, algo, workspace, WORKSPACE_BYTES, stream);
  }

  /** The algorithm that cuBLASLt thinks the fastest for addresses of this alignment. */
  private algorithm({ dtype }: MatmulLaunch, described: Described, alignment: number): Uint8Array | undefined {
    this.describe(dtype, described);
    // Of the pointer only the alignment is looked at.
    if (described.hasBias)
      this.set(described.operation, C.CUBLASLT_MATMUL_DESC_BIAS_POINTER, BigInt64Array.of(BigInt(this.trial.at + alignment)));
    for (const attribute of [
      C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
      C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
      C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
      C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
    ])
      this.prefer(attribute, Int32Array.of(alignment));
    const [left, right, result] = this.layoutsOf(dtype) as [number, number, number];
    const found = new Uint8Array(HEURISTIC_RESULT.bytes);
    const ask = this.library.function("cublasLtMatmulAlgoGetHeuristic");
    const status = ask(this.handle, described.operation, left, right, result, result, this.preference, 1, found, this.count);
    const view = new DataView(found.buffer);
    const isFound = status === 0 && new Int32Array(viewMemory(this.count, 4))[0] === 1 && view.getInt32(HEURISTIC_RESULT.state, true) === 0;
    if (!isFound || view.getBigUint64(HEURISTIC_RESULT.workspaceSize, true) > WORKSPACE_BYTES) return undefined;
    return found.slice(HEURISTIC_RESULT.algo, HEURISTIC_RESULT.algo + HEURISTIC_RESULT.algoBytes);
  }

  /** Whether this algorithm gives the larger of a NaN and 0 as a NaN, and of other numbers what it should, on matrices of at most 32 rows and columns. */
  private keepsNaN({ dtype }: MatmulLaunch, described: Described, algo: Uint8Array): boolean {
    const values = [Number.NaN, -1, 2, -0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0.5, Number.NaN];
    const [rows, columns, depth] = [SIDE, SIDE, SIDE];
    // A column of values times a row of ones: every element of a row of the result is its value.
    const [isLeftTurned, isRightTurned] = [described.transposes[1] === 1, described.transposes[0] === 1];
    const left = Array.from({ length: rows * depth }, (_, i) => {
      const [row, at] = isLeftTurned ? [i % rows, Math.floor(i / rows)] : [Math.floor(i / depth), i % depth];
      return at === 0 ? (values[row % values.length] as number) : 0;
    });
    const right = Array.from({ length: depth * columns }, (_, i) => Number((isRightTurned ? i % depth : Math.floor(i / columns)) === 0));
    const small: Described = {
      ...described,
      layouts: [
        [SIDE, SIDE, SIDE, 0],
        [SIDE, SIDE, SIDE, 0],
        [SIDE, SIDE, SIDE, 0],
      ],
      count: 1,
    };
    const results = this.trial.run(dtype, left, right, (c, a, b, bias) => this.run(dtype, small, algo, c, a, b, bias));
    return results?.every((x, i) => isSame(x, Math.max(values[Math.floor(i / columns) % values.length] as number, 0))) ?? false;
  }

  private describe(dtype: FloatDType, described: Described): void {
    if (this.current === described) return;
    this.current = undefined;
    const { operation, transposes, epilogue, layouts, count } = described;
    this.set(operation, C.CUBLASLT_MATMUL_DESC_TRANSA, Int32Array.of(transposes[0]));
    this.set(operation, C.CUBLASLT_MATMUL_DESC_TRANSB, Int32Array.of(transposes[1]));
    this.set(operation, C.CUBLASLT_MATMUL_DESC_EPILOGUE, Int32Array.of(epilogue));
    for (const [i, layout] of this.layoutsOf(dtype).entries()) {
      const [rows, columns, ld, step] = layouts[i] as Described["layouts"][number];
      const set = (attribute: number, value: Int32Array | BigInt64Array) =>
        this.library.call("cublasLtMatrixLayoutSetAttribute", layout, attribute, value, value.byteLength);
      set(C.CUBLASLT_MATRIX_LAYOUT_ROWS, BigInt64Array.of(BigInt(rows)));
      set(C.CUBLASLT_MATRIX_LAYOUT_COLS, BigInt64Array.of(BigInt(columns)));
      set(C.CUBLASLT_MATRIX_LAYOUT_LD, BigInt64Array.of(BigInt(ld)));
      set(C.CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, Int32Array.of(count));
      set(C.CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, BigInt64Array.of(BigInt(step)));
    }
    this.current = described;
  }

  private set(operation: number, attribute: number, value: Int32Array | BigInt64Array): void {
    this.library.call("cublasLtMatmulDescSetAttribute", operation, attribute, value, value.byteLength);
  }

  private prefer(attribute: number, value: Int32Array | BigInt64Array): void {
    this.library.call("cublasLtMatmulPreferenceSetAttribute", this.preference, attribute, value, value.byteLength);
  }

  private operation(dtype: FloatDType): number {
    const compute = dtype === "f64" ? C.CUBLAS_COMPUTE_64F : this.tf32 ? C.CUBLAS_COMPUTE_32F_FAST_TF32 : C.CUBLAS_COMPUTE_32F;
    const create = this.library.function("cublasLtMatmulDescCreate");
    const made =
      this.operations.get(dtype) ?? this.library.made((cell) => create(cell, compute, typeOf(dtype)), "cublasLtMatmulDescCreate");
    this.operations.set(dtype, made);
    return made;
  }

  private layoutsOf(dtype: FloatDType): readonly number[] {
    const create = this.library.function("cublasLtMatrixLayoutCreate");
    const one = () => this.library.made((cell) => create(cell, typeOf(dtype), 1, 1, 1), "cublasLtMatrixLayoutCreate");
    const made = this.layouts.get(dtype) ?? [one(), one(), one()];
    this.layouts.set(dtype, made);
    return made;
  }
}

const typeOf = (dtype: FloatDType) => (dtype === "f32" ? C.CUDA_R_32F : C.CUDA_R_64F);
const isSame = (x: number, y: number) => x === y || (Number.isNaN(x) && Number.isNaN(y));

/** Rows and columns of the matrices of a trial. */
const SIDE = 32;

/** Small square matrices in device memory, and zeros for biases. */
export class Trial {
  static readonly bytes = 8 * (3 * SIDE * SIDE + SIDE);
  readonly at: Address;
  private readonly copy: TrialCopies;

  constructor(at: Address, copy: TrialCopies) {
    this.at = at;
    this.copy = copy;
  }

  /** The result of `product` on these operands; undefined where its status says that it refuses. */
  run(
    dtype: FloatDType,
    left: readonly number[],
    right: readonly number[],
    product: (c: Address, a: Address, b: Address, bias: Address) => number,
  ): readonly number[] | undefined {
    const array = dtype === "f32" ? Float32Array : Float64Array;
    const [c, a, b, bias] = [0, 1, 2, 3].map((i) => this.at + 8 * i * SIDE * SIDE) as [Address, Address, Address, Address];
    this.copy.upload(a, array.from(left));
    this.copy.upload(b, array.from(right));
    this.copy.upload(bias, new array(SIDE));
    if (product(c, a, b, bias) !== 0) return undefined;
    const results = new array(SIDE * SIDE);
    this.copy.download(c, results);
    return [...results];
  }
}

export interface TrialCopies {
  upload(to: Address, data: Float32Array | Float64Array): void;
  download(from: Address, data: Float32Array | Float64Array): void;
}
