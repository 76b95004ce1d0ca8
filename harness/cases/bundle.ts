/**
 * Checks a bundle-adjustment instance: residuals and the sparse Jacobian, whose blocks of 2 x 15 come from one observation each by
 * reverse mode. Columns are cameras (11 each), points (3 each), weights; the last rows are those of the weights' errors.
 */
import type { Prepared, Tree } from "../../engines/engine.ts";
import { flat, type Instance } from "./instance.ts";

interface Observation {
  readonly camera: number;
  readonly point: number;
}

/** The errors of one observation, and their derivatives by its camera, point and weight. */
interface Linearised {
  readonly errors: readonly number[];
  /** Two rows of 15. */
  readonly block: readonly (readonly number[])[];
  readonly weightDerivative: number;
}

function linearise(f: Prepared, args: readonly Tree[]): Linearised {
  const rows = [0, 1, 2].map((row) =>
    f.vjp(
      args,
      [0, 1, 2].map((i) => (i === row ? 1 : 0)),
    ),
  );
  const [u, v, w] = rows.map(({ grad }) => grad.slice(0, 3).flatMap((part) => flat(part))) as [number[], number[], number[]];
  return { errors: flat(rows[0]?.value), block: [u, v], weightDerivative: w.at(-1) as number };
}

export function checkBundle(c: Instance): void {
  const { input } = c;
  const { n, m, p } = input as unknown as Readonly<Record<"n" | "m" | "p", number>>;
  const isCopied = input.cam !== undefined;
  const observations: Observation[] = isCopied
    ? // Observation i of the copied problems sees camera i mod n and point i mod m.
      Array.from({ length: Math.min(p, SHOWN) }, (_, i) => ({ camera: i % n, point: i % m }))
    : (input.obs as [number, number][]).map(([camera, point]) => ({ camera, point }));
  const argsOf = (i: number): Tree[] => {
    const { camera, point } = observations[i] as Observation;
    if (isCopied) return [input.cam, input.x, input.w, input.feat] as Tree[];
    const pick = (list: unknown, k: number) => (list as Tree[])[k] as Tree;
    return [pick(input.cams, camera), pick(input.X, point), pick(input.w, i), pick(input.feats, i)];
  };
  const f = c.prepare(argsOf(0), [0, 1, 2]);
  const first = linearise(f, argsOf(0));
  const parts = isCopied ? observations.map(() => first) : observations.map((_, i) => linearise(f, argsOf(i)));

  c.compare("value", "reproj_err_first_observation", first.errors.slice(0, 2));
  c.compare(
    "value",
    "reproj_err",
    parts.map((o) => o.errors.slice(0, 2)),
  );
  c.compare("value", "w_err", isCopied ? first.errors[2] : parts.map((o) => o.errors[2] as number));
  c.compare("vjp", "jacobian_block_2x15", first.block);
  c.compare("vjp", "w_err_derivative", first.weightDerivative);
  c.compare("vjp", "jacobian_shape", [3 * p, 11 * n + 3 * m + p]);
  c.compare("vjp", "nnz", 31 * p);
  c.compare("value", "gradbench_objective", {
    reproj_error: { elements: first.errors.slice(0, 2), repeated: p },
    w_err: { element: first.errors[2] as number, repeated: p },
  });

  const matrix = sparse(parts, observations, { n, m, p });
  const whole = c.expected.jacobian_csr as { row_ptr: unknown; cols: unknown; vals: unknown } | undefined;
  if (whole) {
    c.compare("vjp", "jacobian rows", matrix.rows, whole.row_ptr);
    c.compare("vjp", "jacobian columns", matrix.columns, whole.cols);
    c.compare("vjp", "jacobian values", matrix.values, whole.vals);
  }
  const ends = c.expected.gradbench_jacobian as { rows: unknown; cols: unknown; vals: unknown } | undefined;
  if (ends) {
    const shown = (all: readonly number[], last: number) => [...all.slice(0, SHOWN), last];
    c.compare("vjp", "jacobian rows", shown(matrix.rows, 31 * p), ends.rows);
    c.compare("vjp", "jacobian columns", shown(matrix.columns, 11 * n + 3 * m + p - 1), ends.cols);
    c.compare("vjp", "jacobian values", shown(matrix.values, first.weightDerivative), ends.vals);
  }
}

/** GradBench shows this many entries of a list, and the last one. */
const SHOWN = 30;

/** Compressed rows: of the whole matrix where all observations are given, of its first rows otherwise. */
function sparse(parts: readonly Linearised[], observations: readonly Observation[], { n, m, p }: { n: number; m: number; p: number }) {
  const rows = [0];
  const columns: number[] = [];
  const values: number[] = [];
  const addRow = (at: readonly number[], row: readonly number[]) => {
    columns.push(...at);
    values.push(...row);
    rows.push(columns.length);
  };
  observations.forEach(({ camera, point }, i) => {
    const at = [
      ...Array.from({ length: 11 }, (_, k) => 11 * camera + k),
      ...Array.from({ length: 3 }, (_, k) => 11 * n + 3 * point + k),
      11 * n + 3 * m + i,
    ];
    for (const row of (parts[i] as Linearised).block) addRow(at, row);
  });
  if (observations.length === p) for (const [i, o] of parts.entries()) addRow([11 * n + 3 * m + i], [o.weightDerivative]);
  return { rows, columns, values };
}
