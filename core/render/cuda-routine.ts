/** Kernels around the routines that are written by hand (core/device/cuda/runtime/routines.cuh): their structs of parameters and calls. */
import { kernel } from "../kernel/kernel.ts";
import type { RoutineLaunch } from "../kernel/launch.ts";
import { C_TYPE } from "./c-scalar.ts";
import { CudaLayout } from "./cuda-layout.ts";
import type { RenderedCuda } from "./cuda-program.ts";

/** Pointers of a routine by their places, and the numbers after them; a pass of a sort finds runs of `width`, and goes `back` from the result to working memory. */
const ROUTINE_POINTERS = ["out", "first", "second", "work", "orders"] as const;
const WORDS = ["batch", "n", "columns", "width", "back"] as const;

const layout = new CudaLayout(
  kernel({ rank: 0, reduced: 0, operands: [], reductions: [], outputs: [] }),
  false,
  ROUTINE_POINTERS,
  WORDS.length,
);

type Routine = Exclude<RoutineLaunch["routine"], "cofactors">;

/** The key of a routine's text. */
export function routineKey({ routine, dtype, lower, transpose, descending }: RoutineLaunch): string {
  return ["routine", routine, dtype, Number(lower), Number(transpose), Number(descending)].join("/");
}

export function renderRoutine(launch: RoutineLaunch, routine: Routine, name: string): RenderedCuda {
  const type = C_TYPE[launch.dtype];
  const p = (pointer: (typeof ROUTINE_POINTERS)[number], of = type) => `(${of} *)a.p[${layout.place(pointer)}]`;
  const w = (word: (typeof WORDS)[number]) => layout.appended(WORDS.indexOf(word));
  const [lower, transpose, descending] = [launch.lower, launch.transpose, launch.descending];
  const size = `${w("batch")}, ${w("n")}`;
  const call = {
    cholesky: () => `tg_cholesky(${p("out")}, ${p("first")}, ${p("work", "double")}, ${size});`,
    triangularSolve: () =>
      `tg_triangular_solve(${p("out")}, ${p("first")}, ${p("second")}, ${p("work", "double")}, ${size}, ${w("columns")}, ${lower}, ${transpose});`,
    solve: () =>
      `tg_solve(${p("out")}, ${p("first")}, ${p("second")}, ${p("work", "double")}, ${p("orders", "int")}, ${size}, ${w("columns")}, ${transpose});`,
    determinant: () => `tg_determinant(${p("out")}, ${p("first")}, ${p("work", "double")}, ${p("orders", "int")}, ${size}, false);`,
    logDeterminant: () => `tg_determinant(${p("out")}, ${p("first")}, ${p("work", "double")}, ${p("orders", "int")}, ${size}, true);`,
    argsort: () => {
      const [result, work] = [p("out", "int"), p("work", "int")];
      const between = `${w("back")} ? ${work} : ${result}, ${w("back")} ? ${result} : ${work}`;
      return `tg_sort_pass(${between}, ${p("first")}, ${size}, ${w("width")}, ${descending});`;
    },
  }[routine]();
  const source = `${layout.definition(name)}\nextern "C" __global__ void __launch_bounds__(256) ${name}(const ${name}_args a) {\n  ${call}\n}\n`;
  return { source, sites: [], layout, joins: false };
}

/** The words of one launch of a routine. */
export function routineWords({ batch, n, columns }: RoutineLaunch, width = 0, isBack = false): number[] {
  const nothing = { extents: [], strides: [], offsets: [], indirect: [] };
  return layout.values(nothing, { counts: [], total: 0, columns: 0, grain: 0, chunks: 0, owner: 0 }, [
    batch,
    n,
    columns,
    width,
    Number(isBack),
  ]);
}
