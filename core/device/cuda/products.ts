/**
 * Products on CUDA. Matrix products go to cuBLAS where it is found (with the epilogues that it has, to cuBLASLt), convolutions to cuDNN,
 * and what follows them is a map over the result. Small ones that an epilogue finishes, and all that no library takes, are our own
 * kernels (core/render/cuda-product.ts), which finish each element before they store it.
 */
import { assert } from "../../base/errors.ts";
import type { Geometry } from "../../kernel/kernel.ts";
import { type ConvolutionLaunch, type KernelLaunch, type MatmulLaunch, outputsOf } from "../../kernel/launch.ts";
import { storesApart } from "../../render/c-schedule.ts";
import { hasTable, matricesOf, type ProductLaunch, planProduct, renderProduct } from "../../render/cuda-product.ts";
import { product } from "../../render/cuda-schedule.ts";
import type { Address } from "../device.ts";
import { fitsCublas } from "./cublas.ts";
import { finishOf } from "./cublas-lt.ts";
import type { WantedText } from "./kernels.ts";
import { kernelPlaces, kernelStep, type Place, type Step, type StepHost } from "./step.ts";

/** Multiplications up to which one kernel that also finishes is worth more than the faster product. Not measured on a GPU. */
const SMALL = 2 ** 21;

/** Who computes a product, and whether the epilogue is part of it. */
type Way =
  | { readonly by: "own"; readonly launch: ProductLaunch }
  | { readonly by: "cuBLAS" | "cuBLASLt" | "cuDNN"; readonly isWhole: boolean; readonly run: (...at: Address[]) => void };

/** The text that a product needs compiled, if it is ours; `isWhole` where nothing is left of the launch to be done by a kernel behind it. */
export function wantedProduct(host: StepHost, launch: ProductLaunch): { readonly text: WantedText | undefined; readonly isWhole: boolean } {
  if (isEmpty(launch)) return { text: undefined, isWhole: true };
  const way = wayOf(host, launch);
  if (way.by !== "own") return { text: undefined, isWhole: way.isWhole };
  return { text: textOf(way.launch), isWhole: way.launch.epilogue === launch.epilogue };
}

function textOf(launch: ProductLaunch): WantedText {
  const plan = planProduct(launch);
  return { key: plan.key, render: (name) => renderProduct(launch, plan, name) };
}

/** True where there is no element of a result. */
function isEmpty(launch: ProductLaunch): boolean {
  return product(matricesOf(launch).filter((_, i) => i !== 2)) === 0;
}

function wayOf(host: StepHost, launch: ProductLaunch): Way {
  const { epilogue, ...plain } = launch;
  // A map that must keep an order goes over the finished product.
  const fused = epilogue === undefined || !storesApart(epilogue.kernel, epilogue.geometry) ? (plain as ProductLaunch) : launch;
  const own = { by: "own", launch: fused } as const;
  if (fused.epilogue !== undefined && product(matricesOf(launch)) <= SMALL) return own;
  if (launch.kind === "convolution") {
    const run = host.cudnn?.prepare(launch);
    return run === undefined ? own : { by: "cuDNN", isWhole: epilogue === undefined, run };
  }
  const whole = host.cublasLt?.prepare(launch);
  if (whole !== undefined) return { by: "cuBLASLt", isWhole: true, run: whole };
  if (host.cublas === undefined || !fitsCublas(launch)) return own;
  return { by: "cuBLAS", isWhole: epilogue === undefined, run: host.cublas.prepare(launch) };
}

export function productSteps(host: StepHost, launch: ProductLaunch): Step[] {
  if (isEmpty(launch)) return [];
  const { epilogue } = launch;
  const outputs = outputsOf(launch);
  const operands = launch.inputs.map((input) => ({ operand: outputs + input, offset: 0 })) as [Place, Place];
  const way = wayOf(host, launch);
  const steps = way.by === "own" ? ownSteps(host, way.launch, operands, outputs) : [libraryStep(way, launch, operands, outputs)];
  const isWhole = way.by === "own" ? way.launch.epilogue === epilogue : way.isWhole;
  if (epilogue !== undefined && !isWhole) steps.push(kernelStep(host, epilogue, outputs));
  return steps;
}

function libraryStep({ by, run }: Exclude<Way, { by: "own" }>, launch: ProductLaunch, operands: readonly Place[], outputs: number): Step {
  const [rows, columns, depth, batches] = matricesOf(launch);
  const places = [{ operand: 0, offset: 0 }, ...operands];
  const bias = by === "cuBLASLt" ? finishOf(launch as MatmulLaunch)?.bias : undefined;
  if (bias !== undefined) places.push(kernelPlaces(launch.epilogue as KernelLaunch, outputs)[bias] as Place);
  return {
    label: `${by} ${launch.dtype} ${batches}×${rows}×${columns}×${depth}${by === "cuBLASLt" ? " with its epilogue" : ""}`,
    places,
    isHost: false,
    // Libraries share their working memory.
    isFixed: true,
    checks: false,
    run: ([c, x, y, z = 0]) => run(c as number, x as number, y as number, z),
  };
}

function ownSteps(host: StepHost, launch: ProductLaunch, [a, b]: readonly [Place, Place], outputs: number): Step[] {
  const plan = planProduct(launch);
  const loaded = host.kernel(textOf(launch));
  const geometry = launch.epilogue?.geometry ?? denseGeometry(launch);
  const places =
    launch.epilogue === undefined
      ? [
          { operand: 0, offset: 0 },
          { operand: 0, offset: 0 },
        ]
      : kernelPlaces(launch.epilogue, outputs);
  const pointers: Record<string, number> = {};
  if (hasTable(launch)) pointers.batch = host.table(batchOffsets(launch as MatmulLaunch));
  if (plan.splits > 1) pointers.parts = host.scratch(plan.partBytes);
  const source: KernelLaunch | undefined = launch.epilogue;
  return [
    host.launchStep(loaded, {
      label: plan.key,
      source,
      grid: [plan.tiles, 1],
      threads: [256, 1],
      words: (owner) =>
        loaded.layout.values(geometry, { counts: geometry.extents, total: 0, columns: 0, grain: 0, chunks: 0, owner }, plan.words),
      places: [...places, a, b],
      pointers,
      join: { blocks: Math.ceil(plan.size / 256), threads: [256, 1] },
    }),
  ];
}

/** Where each pair of matrices begins, in the order of the results. */
function batchOffsets({ batch, m, n }: MatmulLaunch): number[] {
  assert(
    batch.every(({ c }, i) => c === i * m * n),
    "the results of a batch of products do not lie one after the other",
  );
  return batch.flatMap(({ a, b }) => [a, b]);
}

/** The result as three axes, as an epilogue would have them. */
function denseGeometry(launch: ProductLaunch): Geometry {
  const strides = launch.kind === "matmul" ? [launch.m * launch.n, launch.n, 1] : resultStrides(launch);
  return { extents: [1, 1, 1], strides: [strides, strides], offsets: [0, 0], indirect: [undefined, undefined] };
}

function resultStrides({ product: which, c, o, groups, input, output, kernel }: ConvolutionLaunch): number[] {
  if (which === "weight") return [0, (c / groups) * product(kernel), 1];
  const [maps, area] = which === "forward" ? [o, product(output)] : [c, product(input)];
  return [maps * area, area, 1];
}
