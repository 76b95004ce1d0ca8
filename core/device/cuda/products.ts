/**
 * Products on CUDA. Matrix products go to cuBLAS where it is found, and what follows them is a map over the result; small ones that
 * an epilogue finishes, and all convolutions, are our own kernels (core/render/cuda-product.ts), which finish each element before
 * they store it.
 */
import { assert } from "../../base/errors.ts";
import type { Geometry } from "../../kernel/kernel.ts";
import { type ConvolutionLaunch, type KernelLaunch, type MatmulLaunch, outputsOf } from "../../kernel/launch.ts";
import { storesApart } from "../../render/c-schedule.ts";
import { hasTable, matricesOf, type ProductLaunch, planProduct, renderProduct } from "../../render/cuda-product.ts";
import { product } from "../../render/cuda-schedule.ts";
import type { WantedText } from "./kernels.ts";
import { kernelPlaces, kernelStep, type Place, type Step, type StepHost } from "./steps.ts";

/** Multiplications up to which one kernel that also finishes is worth more than the faster product. Not measured on a GPU. */
const SMALL = 2 ** 21;

/** The text that a product needs compiled, if it is ours; `isWhole` where it does all of the launch. */
export function wantedProduct(host: StepHost, launch: ProductLaunch): (WantedText & { readonly isWhole: boolean }) | undefined {
  const own = ownPart(host, launch);
  return own === undefined ? undefined : { ...textOf(own), isWhole: own.epilogue === launch.epilogue };
}

function textOf(launch: ProductLaunch): WantedText {
  const plan = planProduct(launch);
  return { key: plan.key, render: (name) => renderProduct(launch, plan, name) };
}

/** What our own kernel computes of a launch; undefined where cuBLAS does. */
function ownPart(host: StepHost, launch: ProductLaunch): ProductLaunch | undefined {
  if (product(matricesOf(launch).filter((_, i) => i !== 2)) === 0) return undefined;
  const { epilogue, ...plain } = launch;
  // A map that must keep an order goes over the finished product.
  const fused = epilogue === undefined || !storesApart(epilogue.kernel, epilogue.geometry) ? (plain as ProductLaunch) : launch;
  if (launch.kind === "convolution" || host.cublas === undefined || launch.k === 0) return fused;
  const isSmall = product(matricesOf(launch)) <= SMALL;
  return isSmall && fused.epilogue !== undefined ? fused : undefined;
}

export function productSteps(host: StepHost, launch: ProductLaunch): Step[] {
  const { epilogue } = launch;
  if (product(matricesOf(launch).filter((_, i) => i !== 2)) === 0) return [];
  const outputs = outputsOf(launch);
  const [a, b] = launch.inputs.map((input) => ({ operand: outputs + input, offset: 0 })) as [Place, Place];
  const own = ownPart(host, launch);
  const steps = own === undefined ? [libraryStep(host, launch as MatmulLaunch, a, b)] : ownSteps(host, own, a, b, outputs);
  if (epilogue !== undefined && own?.epilogue === undefined) steps.push(kernelStep(host, epilogue, outputs));
  return steps;
}

function libraryStep(host: StepHost, launch: MatmulLaunch, a: Place, b: Place): Step {
  assert(host.cublas !== undefined, "a product is given to cuBLAS, which is not there");
  const run = host.cublas.prepare(launch);
  const { m, n, k, batch, dtype } = launch;
  return {
    label: `cuBLAS ${dtype} ${batch.length}×${m}×${n}×${k}`,
    places: [{ operand: 0, offset: 0 }, a, b],
    isHost: false,
    isFixed: true,
    checks: false,
    run: ([c, x, y]) => run(c as number, x as number, y as number),
  };
}

function ownSteps(host: StepHost, launch: ProductLaunch, a: Place, b: Place, outputs: number): Step[] {
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
