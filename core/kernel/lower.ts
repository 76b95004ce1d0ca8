/**
 * From views to launches. A primitive describes its iteration space and how each operand is walked through it (strides and an
 * offset); here that description is brought to normal form, so that a few kernels serve all shapes: axes of length one are
 * dropped, neighbouring axes that every operand walks as one are merged, and what remains is classified into access patterns.
 *
 *     add f32[8, 4, 16] + f32[8, 4, 16]   →   one axis of 512, all "unit"
 *     add f32[8, 4, 16] + f32[16]         →   axes 32 × 16; ("strided", "unit") and ("fixed", "unit")
 */
import type { DType } from "../base/dtype.ts";
import { type Shape, stridesOf } from "../base/shape.ts";
import { type Access, kernel, type Operand, type Output, type Reduction } from "./kernel.ts";
import type { KernelLaunch } from "./launch.ts";
import { type Expr, load } from "./scalar-expr.ts";

/** How one operand (or the output) is walked: element strides per iteration axis and a start offset. */
export interface View {
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset?: number;
  readonly indirect?: { readonly stride: number; readonly extent: number };
}

/** What one output stores and where. */
export interface StoredView extends View {
  readonly result: Expr;
  readonly each?: Output["each"];
  readonly storeAt?: Expr;
  readonly accumulate?: boolean;
}

export interface FusedDescription {
  /** Length of each iteration axis; the last `reduced` of them are folded. */
  readonly extents: readonly number[];
  readonly reduced?: number;
  /** Operands with the number of the input that each reads. */
  readonly operands: readonly (View & { readonly input: number })[];
  readonly outputs: readonly StoredView[];
  readonly reductions?: readonly Reduction[];
  /** True where an expression reads coordinates (`index`): then axes keep their numbers and nothing is merged. */
  readonly indexed?: boolean;
}

/** A description with one output, as primitives have it. */
export type Description = Omit<FusedDescription, "outputs"> & { readonly output: View } & Omit<StoredView, keyof View>;

/** The dense row-major view of a tensor over its own shape. */
export function dense(dtype: DType, shape: Shape): View {
  return { dtype, strides: stridesOf(shape) };
}

/** The launch of a described kernel with one output, in normal form. */
export function describeLaunch({ output, result, each, storeAt, accumulate, ...rest }: Description): KernelLaunch {
  const stored = { ...output, result, ...(each && { each }), ...(storeAt && { storeAt }), ...(accumulate && { accumulate }) };
  return describeFused({ ...rest, outputs: [stored] });
}

/** The launch of a described kernel, in normal form. */
export function describeFused(d: FusedDescription): KernelLaunch {
  const reduced = d.reduced ?? 0;
  const views: readonly View[] = [...d.operands, ...d.outputs];
  const axes = d.indexed ? d.extents.map((_, i) => [i]) : mergeAxes(d.extents, d.extents.length - reduced, views);
  const keptReduced = axes.filter((group) => (group[0] as number) >= d.extents.length - reduced).length;
  const extents = axes.map((group) => group.reduce((n, a) => n * (d.extents[a] as number), 1));
  // A merged group is walked with the stride of its innermost axis; an axis of length one needs no stride at all.
  const strides = views.map((v) => axes.map((group, g) => (extents[g] === 1 ? 0 : (v.strides[group.at(-1) as number] as number))));

  // Reductions need an axis to fold and a map an axis to walk, be it of length one.
  let reducedAxes = keptReduced;
  if (reduced > 0 && keptReduced === 0) {
    extents.push(1);
    // What did not move along the folded axes does not move along this one: a row's result may read it.
    for (const [k, v] of views.entries()) (strides[k] as number[]).push(v.strides.slice(-reduced).every((s) => s === 0) ? 0 : 1);
    reducedAxes = 1;
  } else if (extents.length === 0) {
    extents.push(1);
    for (const s of strides) s.push(1);
  }
  const outputs = d.outputs.map((o, i): Output => {
    const each = o.each ?? "element";
    const own = strides[d.operands.length + i] as number[];
    if (each === "row") own.fill(0, own.length - reducedAxes);
    return { ...operandOf(o, own), result: o.result, each, storeAt: o.storeAt, accumulate: o.accumulate ?? false };
  });
  return {
    kind: "kernel",
    kernel: kernel({
      rank: extents.length,
      reduced: reducedAxes,
      operands: d.operands.map((o, i) => operandOf(o, strides[i] as number[])),
      reductions: d.reductions ?? [],
      outputs,
    }),
    geometry: {
      extents,
      strides,
      offsets: views.map((v) => v.offset ?? 0),
      indirect: views.map((v) => v.indirect),
    },
    inputs: d.operands.map((o) => o.input),
  };
}

function operandOf(view: View, strides: readonly number[]): Operand {
  return { dtype: view.dtype, access: strides.map(accessOf), indirect: view.indirect !== undefined };
}

function accessOf(stride: number): Access {
  return stride === 0 ? "fixed" : stride === 1 ? "unit" : "strided";
}

/** Groups of neighbouring axes that every view walks as one axis; axes of length one vanish. Never across the reduced boundary. */
function mergeAxes(extents: readonly number[], boundary: number, views: readonly View[]): number[][] {
  const groups: number[][] = [];
  let previous: number | undefined;
  for (let a = 0; a < extents.length; a++) {
    if (extents[a] === 1) continue;
    const joins =
      previous !== undefined &&
      previous < boundary === a < boundary &&
      views.every((v) => v.strides[previous as number] === (v.strides[a] as number) * (extents[a] as number));
    if (joins) (groups.at(-1) as number[]).push(a);
    else groups.push([a]);
    previous = a;
  }
  return groups;
}

/** A copy of input 0 through two views: the whole of movement (transpose, slice, broadcast, flip, the parts of concat and pad). */
export function copyLaunch(extents: readonly number[], from: View & { input: number }, to: View): KernelLaunch {
  return describeLaunch({ extents, operands: [from], output: to, result: load(0, from.dtype) });
}
