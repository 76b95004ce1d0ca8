/**
 * Kernels of the kernel IR as programs of tfjs kernels: every scalar expression becomes a tensor over the iteration space, in which an
 * axis that the expression does not depend on has length one; loads are views of regions, reductions fold the last axes, and an
 * output is stored as the region that it makes of its buffer. What checks indices or meets an element twice (indirect loads,
 * scattered sums) looks at host copies.
 */
import { elementCount } from "../../base/shape.ts";
import type { Kernel, Output, Reduction } from "../../kernel/kernel.ts";
import type { KernelLaunch } from "../../kernel/launch.ts";
import { levelsOf } from "../../kernel/level.ts";
import { type Expr, operandsOf, postorder } from "../../kernel/scalar-expr.ts";
import { identity } from "../interpreter/fold.ts";
import type { TfDType } from "./backend.ts";
import { broadcast } from "./broadcast.ts";
import { TF_DTYPE } from "./functions.ts";
import { loadAt, storeAt } from "./indirect.ts";
import type { Builder, Value } from "./program.ts";
import { arg, cumulate, extremum, MAX_SCAN, total } from "./reduce.ts";
import type { Trials } from "./trial.ts";
import { loadView, type Region, regionOf, storeView, type Walk } from "./view.ts";

/** An output as a program leaves it: the content of a region of its buffer, in elements from its address on. */
export interface Stored {
  readonly output: number;
  readonly region: Region;
  readonly value: Value;
}

/** Regions of the buffers of a launch: those of operands, and what outputs held before. */
export interface Regions {
  operand(k: number, region: Region, dtype: TfDType): Value;
  output(o: number, region: Region, dtype: TfDType): Value;
}

/** The dtype of an element in memory. */
export function storedDType(dtype: Output["dtype"]): TfDType {
  return dtype === "f32" ? "float32" : "int32";
}

/** Why a kernel is left to the host: an expression, a scan or a rank that tfjs does not have here; undefined where there is no reason. */
export function hostReason({ kernel, geometry }: KernelLaunch, trials: Trials): string | undefined {
  if (kernel.rank > MAX_RANK) return `${kernel.rank} axes`;
  const foreign = postorder(rootsOf(kernel)).find(
    (e) => e.dtype === "f64" || (operandsOf(e).length > 0 && e.kind !== "load" && !trials.wayOf(e)),
  );
  if (foreign !== undefined) return `${"fn" in foreign ? foreign.fn : foreign.kind} of ${foreign.dtype}`;
  const [fold] = kernel.reductions;
  const isScan = kernel.outputs.some((o) => o.each === "prefix");
  const length = elementCount(geometry.extents.slice(kernel.rank - kernel.reduced));
  if (isScan && (fold?.op !== "sum" || fold.dtype === "bool" || length > MAX_SCAN)) return `a scan by ${fold?.op} of ${length} elements`;
  return undefined;
}

/** Kernels of more axes are left to the host: some backends are limited to six, and views need one more. */
const MAX_RANK = 5;

/** Adds a kernel to a program. It must have no {@link hostReason}. */
export function buildKernel(b: Builder, launch: KernelLaunch, trials: Trials, regions: Regions): Stored[] {
  return new KernelBuilder(b, launch, trials, regions).outputs();
}

class KernelBuilder {
  private readonly b: Builder;
  private readonly kernel: Kernel;
  private readonly launch: KernelLaunch;
  private readonly trials: Trials;
  private readonly regions: Regions;
  private readonly extents: readonly number[];
  /** Where the folded axes begin. */
  private readonly outer: number;
  private readonly levels: ReadonlyMap<Expr, number>;

  constructor(b: Builder, launch: KernelLaunch, trials: Trials, regions: Regions) {
    this.b = b;
    this.launch = launch;
    this.kernel = launch.kernel;
    this.trials = trials;
    this.regions = regions;
    this.extents = launch.geometry.extents;
    this.outer = this.kernel.rank - this.kernel.reduced;
    this.levels = levelsOf(this.kernel, postorder(rootsOf(this.kernel)));
  }

  outputs(): Stored[] {
    const { kernel, extents, outer } = this;
    const isEmpty = (axes: readonly number[]) => axes.includes(0);
    if (isEmpty(extents.slice(0, outer))) return [];
    const values = new Map<Expr, Value>();
    const folds: Value[] = [];
    for (const reduction of kernel.reductions) folds.push(this.fold(reduction, values, folds));
    const stored: Stored[] = [];
    for (const [o, output] of kernel.outputs.entries()) {
      if (output.each !== "row" && isEmpty(extents)) continue;
      if (output.each === "prefix") {
        const running = [cumulate(this.b, this.full(this.value((kernel.reductions[0] as Reduction).of, values, folds)), outer)];
        stored.push(this.store(o, output, new Map(), running));
      } else stored.push(this.store(o, output, values, folds));
    }
    return stored;
  }

  private store(o: number, output: Output, values: Map<Expr, Value>, folds: readonly Value[]): Stored {
    const { b, launch, kernel, extents } = this;
    const number = kernel.operands.length + o;
    const isRow = output.each === "row";
    const indirect = launch.geometry.indirect[number];
    const walk = this.walkOf(number, isRow ? this.outer : kernel.rank);
    const region = regionOf(walk, indirect);
    const dtype = storedDType(output.dtype);
    const old = () => this.regions.output(o, region, dtype);
    const shape = (x: Value) => (isRow ? b.reshape(x, x.shape.slice(0, this.outer)) : x);
    const result = this.asStored(shape(this.value(output.result, values, folds)));
    if (output.storeAt === undefined || indirect === undefined) {
      const sum = output.accumulate ? this.added(loadView(b, walk, old()), result, output) : result;
      const value = storeView(b, walk, sum, old);
      if (value !== undefined) return { output: o, region, value };
    }
    const at = output.storeAt && { index: shape(this.value(output.storeAt, values, folds)), level: this.levels.get(output.storeAt) ?? 0 };
    const into = { walk, region, indirect, accumulate: output.accumulate, isBool: output.dtype === "bool" };
    return { output: o, region, value: storeAt(b, into, broadcast(b, result, extents.slice(0, walk.extents.length)), at, old()) };
  }

  /** What was stored plus what is added, of the output's dtype. */
  private added(before: Value, x: Value, { dtype }: Output): Value {
    const { b } = this;
    const shape = before.shape.map((d, i) => Math.max(d, x.shape[i] as number));
    const [p, q] = [broadcast(b, before, shape), broadcast(b, x, shape)];
    return b.kernel(dtype === "bool" ? "Maximum" : "Add", { a: p, b: q }, {}, shape, p.dtype);
  }

  private fold(reduction: Reduction, values: Map<Expr, Value>, folds: readonly Value[]): Value {
    const { b, outer, kernel, extents } = this;
    const { op, of } = reduction;
    if (extents.slice(outer).includes(0)) {
      const nothing = op.startsWith("arg") ? 0 : identity(op, of.dtype);
      return b.constant(nothing, kernel.rank, TF_DTYPE[reduction.dtype as "f32"]);
    }
    const x = this.full(this.value(of, values, folds));
    const kept = x.shape.slice(0, outer);
    const flat = b.reshape(x, [elementCount(kept), elementCount(extents.slice(outer))]);
    const folded = op === "sum" ? total(b, flat) : op === "max" || op === "min" ? extremum(b, op, flat) : arg(b, op, flat);
    return b.reshape(folded, [...kept, ...extents.slice(outer).map(() => 1)]);
  }

  /** Stretched along the folded axes. */
  private full(x: Value): Value {
    return broadcast(this.b, x, [...x.shape.slice(0, this.outer), ...this.extents.slice(this.outer)]);
  }

  /** The tensor of an expression; `values` has those that are known. */
  private value(root: Expr, values: Map<Expr, Value>, folds: readonly Value[]): Value {
    for (const e of postorder([root]))
      if (!values.has(e))
        values.set(
          e,
          this.make(e, (x) => values.get(x) as Value, folds),
        );
    return values.get(root) as Value;
  }

  private make(e: Expr, of: (e: Expr) => Value, folds: readonly Value[]): Value {
    const { b, kernel, extents } = this;
    switch (e.kind) {
      case "load":
        return this.load(e, e.at && of(e.at));
      case "const":
        return b.constant(e.value, kernel.rank, TF_DTYPE[e.dtype as "f32"]);
      case "index": {
        const d = extents[e.axis] as number;
        const shape = extents.map((_, axis) => (axis === e.axis ? d : 1));
        return b.table(
          Int32Array.from({ length: d }, (_, i) => i),
          shape,
          "int32",
        );
      }
      case "reduced":
        return folds[e.stage] as Value;
      default:
        return (this.trials.wayOf(e) as NonNullable<ReturnType<Trials["wayOf"]>>)(b, ...operandsOf(e).map(of));
    }
  }

  private load(e: Extract<Expr, { kind: "load" }>, at: Value | undefined): Value {
    const { b, launch, kernel } = this;
    const walk = this.walkOf(e.operand, kernel.rank);
    const indirect = launch.geometry.indirect[e.operand];
    const region = regionOf(walk, indirect);
    const flat = this.regions.operand(e.operand, region, storedDType(e.dtype));
    const x =
      e.at !== undefined && at !== undefined && indirect !== undefined
        ? loadAt(b, { walk, region, indirect }, flat, { index: at, level: this.levels.get(e.at) ?? 0 })
        : loadView(b, walk, flat);
    if (e.dtype !== "bool") return x;
    return b.kernel("NotEqual", { a: x, b: broadcast(b, b.constant(0, kernel.rank, "int32"), x.shape) }, {}, x.shape, "bool");
  }

  private asStored(x: Value): Value {
    return x.dtype === "bool" ? this.b.kernel("Cast", { x }, { dtype: "int32" }, x.shape, "int32") : x;
  }

  private walkOf(number: number, rank: number): Walk {
    const { geometry } = this.launch;
    return {
      extents: this.extents.slice(0, rank),
      strides: (geometry.strides[number] as readonly number[]).slice(0, rank),
      offset: geometry.offsets[number] as number,
    };
  }
}

function rootsOf(kernel: Kernel): Expr[] {
  return [...kernel.reductions.map((r) => r.of), ...kernel.outputs.flatMap((o) => (o.storeAt ? [o.result, o.storeAt] : [o.result]))];
}
