/**
 * Launches as steps: a C function of pointers and a block of int64 numbers (runtime/plan.c). Everything that a plan does is such a
 * list, so that a whole plan is one call and nothing has to be compiled for it but its kernels.
 */
import { effortOf } from "../../kernel/effort.ts";
import { type Geometry, storesNothing } from "../../kernel/kernel.ts";
import {
  type ConvolutionLaunch,
  type KernelLaunch,
  type Launch,
  type MatmulLaunch,
  operandsOf,
  outputsOf,
  type RoutineLaunch,
  type TogetherLaunch,
} from "../../kernel/launch.ts";
import { arePointsIndependent, splitOf, WHOLE } from "../../render/c-schedule.ts";
import type { Site } from "../../render/wasm-layout.ts";
import { byteOffsets } from "../bind.ts";
import type { Address } from "../device.ts";
import type { KernelCache } from "./kernels.ts";

/** One of the launch's outputs or inputs (outputs first), and an offset in bytes. */
export interface Place {
  readonly operand: number;
  readonly offset: number;
}

export interface Step {
  /** Address of the function, and of its numbers. */
  readonly run: Address;
  readonly numbers: Address;
  readonly pointers: readonly Place[];
  /** Where it may report an index out of range. */
  readonly sites: readonly Site[];
  readonly geometry: Geometry | undefined;
}

/** What steps are made with. `words` puts numbers into memory that lives as long as the device. */
export interface StepHost {
  readonly kernels: KernelCache;
  /** Addresses of the runtime's step functions, by names such as `gemm_f32`. */
  readonly functions: ReadonlyMap<string, Address>;
  readonly errorCell: Address;
  words(values: readonly number[]): Address;
}

/** The steps of a launch; none where nothing is stored. */
export function stepsOf(host: StepHost, launch: Launch): Step[] {
  switch (launch.kind) {
    case "kernel":
      return storesNothing(launch.kernel, launch.geometry) ? [] : [kernelStep(host, launch)];
    case "matmul":
      return matmulSteps(host, launch);
    case "convolution":
      return convolutionSteps(host, launch);
    case "routine":
      return [routineStep(host, launch)];
    case "together":
      return togetherSteps(host, launch);
    default:
      return launch satisfies never;
  }
}

/** The numbers of a kernel launch, split among threads as its geometry asks. */
export function kernelWords(host: StepHost, { kernel, geometry }: KernelLaunch): Address {
  const { layout, schedule } = host.kernels.get(kernel, geometry);
  return host.words(layout.values(geometry, splitOf(kernel, geometry, schedule), host.errorCell));
}

/** Where the pointers of a kernel are among the operands of its launch, of whose inputs there are `outputs` outputs before. */
function kernelPlaces(launch: KernelLaunch, outputs: number): Place[] {
  const offsets = byteOffsets(launch);
  const first = launch.kernel.operands.length;
  return [
    ...launch.kernel.outputs.map((_, o) => ({ operand: o, offset: offsets[first + o] as number })),
    ...launch.inputs.map((input, k) => ({ operand: input < 0 ? 0 : outputs + input, offset: offsets[k] as number })),
  ];
}

function kernelStep(host: StepHost, launch: KernelLaunch): Step {
  const compiled = host.kernels.get(launch.kernel, launch.geometry);
  return {
    run: compiled.run,
    numbers: kernelWords(host, launch),
    pointers: kernelPlaces(launch, launch.kernel.outputs.length),
    sites: compiled.sites,
    geometry: launch.geometry,
  };
}

/** The words of a tg_gemm. */
export function gemmWords(host: StepHost, { m, n, k, transposeA, transposeB, batch }: MatmulLaunch): number[] {
  const [only] = batch;
  const isSingle = batch.length === 1 && only?.a === 0 && only.b === 0 && only.c === 0;
  const offsets = isSingle ? 0 : host.words(batch.flatMap((at) => [at.a, at.b, at.c]));
  return [m, n, k, Number(transposeA), Number(transposeB), transposeA ? m : k, transposeB ? k : n, n, batch.length, offsets];
}

function matmulSteps(host: StepHost, launch: MatmulLaunch): Step[] {
  if (launch.m === 0 || launch.n === 0 || launch.batch.length === 0) return [];
  return finishedSteps(host, launch, `gemm_${launch.dtype}`, gemmWords(host, launch));
}

/** A product or a convolution whose shape is `shape`, and its epilogue. */
function finishedSteps(host: StepHost, launch: MatmulLaunch | ConvolutionLaunch, name: string, shape: readonly number[]): Step[] {
  const { epilogue } = launch;
  const outputs = outputsOf(launch);
  const product = (words: readonly number[]): Step => ({
    run: host.functions.get(name) as Address,
    numbers: host.words([...shape, ...words]),
    pointers: Array.from({ length: operandsOf(launch) }, (_, operand) => ({ operand, offset: 0 })),
    sites: [],
    geometry: undefined,
  });
  const [a, b] = launch.inputs.map((input) => outputs + input) as [number, number];
  if (epilogue === undefined) return [product([0, 0, 0, a, b])];
  const { block, sites } = host.kernels.get(epilogue.kernel, epilogue.geometry);
  // A map that checks indices or must keep an order goes over the finished product.
  const isBlockwise = block !== 0 && sites.length === 0 && arePointsIndependent(epilogue.kernel, epilogue.geometry);
  if (!isBlockwise) return [product([0, 0, 0, a, b]), kernelStep(host, epilogue)];
  const { layout } = host.kernels.get(epilogue.kernel, epilogue.geometry);
  const numbers = host.words(layout.values(epilogue.geometry, WHOLE, host.errorCell));
  const places = kernelPlaces(epilogue, outputs);
  return [product([block, numbers, places.length, a, b, ...places.flatMap((p) => [p.operand, p.offset])])];
}

function convolutionSteps(host: StepHost, launch: ConvolutionLaunch): Step[] {
  const { product, n, groups, c, o, input, output, kernel, stride, dilation, padding } = launch;
  const words = [["forward", "input", "weight"].indexOf(product), n, groups, c, o];
  for (const pair of [input, output, kernel, stride, dilation, padding]) words.push(...pair);
  return finishedSteps(host, launch, `convolution_${launch.dtype}`, words);
}

/** The members as steps of one step, the most laborious first: it has the longest to go. */
function togetherSteps(host: StepHost, launch: TogetherLaunch): Step[] {
  const parts = launch.members
    .map((m) => ({ steps: stepsOf(host, m.launch), operands: m.operands, effort: Math.ceil(effortOf(m.launch)) }))
    .sort((a, b) => b.effort - a.effort);
  const steps = parts.flatMap((p) => p.steps);
  const pointers = parts.flatMap((p) =>
    p.steps.flatMap((s) => s.pointers.map(({ operand, offset }) => ({ operand: p.operands[operand] as number, offset }))),
  );
  if (steps.length === 0) return [];
  const table = host.words(steps.flatMap((s) => [s.run, s.numbers, s.pointers.length, 0]));
  let [step, pointer] = [0, 0];
  const members = [...parts, { steps: [], effort: 0 }].map((p) => {
    const words = [step, pointer, p.effort];
    step += p.steps.length;
    pointer += p.steps.reduce((n, s) => n + s.pointers.length, 0);
    return words;
  });
  const numbers = host.words([parts.length, table, ...members.flat()]);
  return [{ run: host.functions.get("together") as Address, numbers, pointers, sites: [], geometry: undefined }];
}

const ROUTINES = ["cholesky", "triangularSolve", "solve", "determinant", "logDeterminant", "argsort", "cofactors"] as const;

function routineStep(host: StepHost, launch: RoutineLaunch): Step {
  const { routine, batch, n, columns, lower, transpose, descending, inputs } = launch;
  const words = [ROUTINES.indexOf(routine), batch, n, columns, Number(lower), Number(transpose), Number(descending)];
  return libraryStep(host, `routine_${launch.dtype}`, [...words, Number(inputs.length > 1)], inputs);
}

function libraryStep(host: StepHost, name: string, words: readonly number[], inputs: readonly number[]): Step {
  return {
    run: host.functions.get(name) as Address,
    numbers: host.words(words),
    pointers: [{ operand: 0, offset: 0 }, ...inputs.map((input) => ({ operand: 1 + input, offset: 0 }))],
    sites: [],
    geometry: undefined,
  };
}
