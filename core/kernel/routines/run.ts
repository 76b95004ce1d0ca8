/**
 * The routines of a `RoutineLaunch` on host numbers, computed in float64 and rounded where they are stored: the definition for the
 * interpreter, and what a device whose memory is a typed array runs as it is. Blocks of a batch are independent.
 */
import type { TypedArray } from "../../base/dtype.ts";
import type { RoutineLaunch } from "../launch.ts";
import { argsort, sortSpace } from "./argsort.ts";
import { choleskyInPlace } from "./cholesky.ts";
import { cofactorSpace, cofactorsInPlace, cofactorsTangentInPlace } from "./cofactors.ts";
import { determinantOf, logDeterminantOf, solveInPlace } from "./lu.ts";
import { square, transposed } from "./matrix.ts";
import { solveTriangular } from "./triangular.ts";

/** Runs `launch`; `out` and the inputs begin at their first elements, and `out` shares no memory with the inputs. */
export function runRoutine(launch: RoutineLaunch, out: TypedArray, inputs: readonly TypedArray[]): void {
  const { n, columns, batch } = launch;
  if (launch.routine === "argsort") {
    sortRows(launch, out as Int32Array, inputs[0] as TypedArray);
    return;
  }
  const a = new Float64Array(n * n);
  const b = new Float64Array(n * columns);
  const spare = new Float64Array(n * columns);
  const space = launch.routine === "cofactors" && columns === 0 ? cofactorSpace(n) : undefined;
  for (let i = 0; i < batch; i++) {
    a.set((inputs[0] as TypedArray).subarray(i * n * n, (i + 1) * n * n));
    if (columns > 0) b.set((inputs[1] as TypedArray).subarray(i * n * columns, (i + 1) * n * columns));
    switch (launch.routine) {
      case "cholesky":
        choleskyInPlace(a, n);
        out.set(a, i * n * n);
        break;
      case "triangularSolve": {
        const t = square(a, n);
        const x = { data: b, start: 0, row: columns, column: 1 };
        solveTriangular(launch.transpose ? transposed(t) : t, x, n, columns, launch.lower !== launch.transpose);
        out.set(b, i * n * columns);
        break;
      }
      case "solve":
        solveInPlace(a, b, n, columns, launch.transpose, spare);
        out.set(b, i * n * columns);
        break;
      case "determinant":
        out[i] = determinantOf(a, n);
        break;
      case "logDeterminant":
        out[i] = logDeterminantOf(a, n);
        break;
      case "cofactors":
        if (columns > 0) cofactorsTangentInPlace(a, b, n);
        else cofactorsInPlace(a, n, space);
        out.set(a, i * n * n);
        break;
      default:
        launch.routine satisfies never;
    }
  }
}

function sortRows({ n, batch, descending }: RoutineLaunch, out: Int32Array, x: TypedArray): void {
  const space = sortSpace(n);
  for (let i = 0; i < batch; i++) argsort(x.subarray(i * n, (i + 1) * n), out.subarray(i * n, (i + 1) * n), descending, space);
}
