/**
 * Trials: which way of computing a scalar function is right on this backend. A trial runs a function once on numbers that tell right
 * from wrong (NaN, infinities, signs, ties, numbers near overflow, tiny ones) and compares with the definition.
 */
import { type DType, hostArray } from "../../base/dtype.ts";
import { compileScalar } from "../../kernel/javascript.ts";
import { withOperands } from "../../kernel/rewrite.ts";
import { type Expr, load, operandsOf } from "../../kernel/scalar-expr.ts";
import type { LoadedTfjs } from "./backend.ts";
import { TF_DTYPE, type Way, waysOf } from "./functions.ts";
import { hostCopy } from "./memory.ts";
import { arrayOf, Builder } from "./program.ts";

const FLOATS = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  ...[0, 1e-30, 1e-10, 1e-3, 0.1, 0.49999997, 0.5, 0.7, 1, 1.5, 2, 2.5, 3.3, 10, 80, 8388609, 2147483648, 1e20].flatMap((x) => [x, -x]),
];
const INTS = [0, 1, -1, 2, 7, -13, 65537, -65537, 16777217, 2147483647, 2147483646, -2147483648, -2147483647];
const NUMBERS: Record<DType, readonly number[]> = { f32: FLOATS, f64: [], i32: INTS, bool: [0, 1] };

/** A few units in the last place of f32. */
const RELATIVE = 2e-6;
/** Below the normal numbers, where a backend may flush to zero. */
const ABSOLUTE = 1.2e-38;

/** The ways that were found right, by operation and dtypes. */
export class Trials {
  private readonly loaded: LoadedTfjs;
  private readonly known = new Map<string, Way | undefined>();

  constructor(loaded: LoadedTfjs) {
    this.loaded = loaded;
  }

  /** The way to compute the root of an expression from its arguments; undefined where none of this backend is right. */
  wayOf(e: Expr): Way | undefined {
    const args = operandsOf(e);
    const key = `${e.kind} ${"fn" in e ? e.fn : ""} ${args.map((a) => a.dtype).join()} ${e.dtype}`;
    if (!this.known.has(key)) {
      const ways = waysOf(e);
      const alone =
        ways.length === 0
          ? e
          : withOperands(
              e,
              args.map((a, i) => load(i, a.dtype)),
            );
      this.known.set(
        key,
        ways.find((way) =>
          this.isRight(
            way,
            alone,
            args.map((a) => a.dtype),
          ),
        ),
      );
    }
    return this.known.get(key);
  }

  private isRight(way: Way, e: Expr, dtypes: readonly DType[]): boolean {
    const columns = combinations(dtypes.map((d) => Array.from(toArray(d, NUMBERS[d]))));
    const n = columns[0]?.length ?? 0;
    const define = compileScalar(e, dtypes.length);
    const b = new Builder(this.loaded);
    try {
      const args = columns.map((c, i) => {
        const dtype = TF_DTYPE[dtypes[i] as "f32"];
        return b.table(arrayOf(dtype, c), [n], dtype);
      });
      const program = b.finish([way(b, ...args)]);
      const [tensor] = program.run([]);
      if (tensor === undefined) return false;
      const got = hostCopy(tensor);
      tensor.dispose();
      return Array.from(got).every((x, i) => agrees(x, define(...columns.map((c) => c[i] as number)), e.dtype));
    } catch {
      // A kernel that the backend lacks, or whose result has another shape or dtype.
      return false;
    } finally {
      b.dispose();
    }
  }
}

function toArray(dtype: DType, values: readonly number[]) {
  const array = hostArray(dtype, values.length);
  array.set(values);
  return array;
}

/** Every combination of one number from each list, as one column for each list. */
function combinations(lists: readonly (readonly number[])[]): number[][] {
  let rows: number[][] = [[]];
  for (const list of lists) rows = rows.flatMap((row) => list.map((x) => [...row, x]));
  return lists.map((_, i) => rows.map((row) => row[i] as number));
}

function agrees(got: number, want: number, dtype: DType): boolean {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return true;
  return dtype === "f32" && Math.abs(got - want) <= RELATIVE * Math.abs(want) + ABSOLUTE;
}
