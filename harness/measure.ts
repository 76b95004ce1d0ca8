/**
 * Measures a verified workload: times of value, gradient and hand-written gradient in interleaved rounds; what one gradient does
 * on the device (launches, waits, bytes); and the engine's own time per step on a device whose kernels return at once.
 */
import { assert } from "../core/base/errors.ts";
import type { Device, DeviceTimes } from "../core/device/device.ts";
import { openDevice } from "../core/device/registry.ts";
import { scope } from "../core/tensor/scope.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import type { Tree } from "../engines/engine.ts";
import { lossProgram } from "./discover.ts";
import { makeCase } from "./materials.ts";
import { type SampleOptions, sampleInterleaved, type Task, typicalNanoseconds } from "./sample.ts";
import type { Cell } from "./schema.ts";
import { bootstrapMedian } from "./statistics.ts";
import type { Workload } from "./workload.ts";

type Measured = Pick<Cell, "value" | "gradient" | "handwritten" | "samples" | "host" | "times" | "counts" | "memory" | "notes">;

/** The share of a cell's time that goes to the null device. */
const HOST_SHARE = 0.15;

export function measureWorkload(work: Workload): Measured {
  const { counts, memory } = countOneGradient(work);
  const sampled = sampleTimes(work);
  const host = measureHost(work, counts.ops);
  const notes = { ...sampled.notes, ...host.notes };
  return { ...sampled, ...host, ...timesApart(work), counts, memory, ...(Object.keys(notes).length > 0 ? { notes } : {}) };
}

function sampleTimes(work: Workload): Pick<Measured, "value" | "gradient" | "handwritten" | "samples" | "notes"> {
  const { prepared, params, batch, device, model, request } = work;
  const args = [params, batch] as Tree[];
  const tasks: Task[] = [
    { name: "value", run: () => inScope(() => prepared.value(args)) },
    { name: "gradient", run: () => inScope(() => prepared.valueAndGrad(args)) },
  ];
  const byHand = model.handwritten;
  if (byHand) tasks.push({ name: "handwritten", run: () => inScope(() => byHand(params, batch)) });
  const { samples, settled } = sampleInterleaved(tasks, { ...sampleOptions(work, 1 - HOST_SHARE, device), seed: request.seed });
  const value = taken(samples, "value");
  const gradient = taken(samples, "gradient");
  const restless = Object.keys(settled).filter((name) => !settled[name]);
  return {
    value: bootstrapMedian(value, { seed: request.seed }),
    gradient: bootstrapMedian(gradient, { seed: request.seed }),
    samples: { value, gradient, ...(byHand ? { handwritten: taken(samples, "handwritten") } : {}) },
    ...(byHand ? { handwritten: bootstrapMedian(taken(samples, "handwritten"), { seed: request.seed }) } : {}),
    ...(restless.length > 0
      ? { notes: { warmUp: `the warm-up of ${restless.join(", ")} had not settled within 2 % when it was cut off` } }
      : {}),
  };
}

/** Gradients whose times on host and device are taken apart. */
const APART = 9;

/** Host, waiting and device apart, where the device can tell. */
function timesApart({ device, prepared, params, batch }: Workload): Pick<Measured, "times"> {
  if (device.times === undefined) return {};
  const step = () => inScope(() => prepared.valueAndGrad([params, batch] as Tree[]));
  const taken: DeviceTimes[] = [];
  for (let i = 0; i < APART; i++) taken.push(device.times(step));
  const median = (of: (t: DeviceTimes) => number) => taken.map(of).sort((a, b) => a - b)[APART >> 1] as number;
  return { times: { host: median((t) => t.host), wait: median((t) => t.wait), device: median((t) => t.device) } };
}

/** What the device does for one gradient, after the first call has compiled everything; and how many operations the loss applies. */
function countOneGradient(work: Workload): { counts: NonNullable<Cell["counts"]>; memory: NonNullable<Cell["memory"]> } {
  const { prepared, params, batch, device, model, kernels } = work;
  device.sync();
  const plainBefore = device.stats().launches;
  scope(() => {
    model.loss(params, batch);
  });
  const ops = device.stats().launches - plainBefore;
  device.sync();
  device.resetPeak();
  const before = device.stats();
  scope(() => {
    prepared.valueAndGrad([params, batch] as Tree[]);
  });
  const after = device.stats();
  device.sync();
  const { irNodes, tapeNodes, savedBytes } = prepared.counts();
  return {
    counts: {
      ops,
      kernels,
      launches: after.launches - before.launches,
      syncs: after.syncs - before.syncs,
      ...(irNodes === undefined ? {} : { irNodes }),
      ...(tapeNodes === undefined ? {} : { tapeNodes }),
    },
    memory: { peakBytes: after.peakBytes, savedBytes: savedBytes ?? 0 },
  };
}

/**
 * The same gradient on the null device, whose kernels compute nothing: what is left is the engine and the eager path. A model
 * that steers by the numbers it computed cannot run there, and the record says so.
 */
function measureHost(work: Workload, ops: number): Pick<Measured, "host" | "notes"> {
  const device = openDevice("null");
  const before = useDevice(device);
  try {
    const size = work.model.sizes[work.request.cell.size];
    assert(size !== undefined, "the size was there before");
    const { params, batch } = makeCase(work.model, size, work.request.seed, work.request.cell.dtype);
    const args = [params, batch] as Tree[];
    const prepared = work.engine.prepare(lossProgram(work.request.file), args, [0]);
    const nsPerStep = typicalNanoseconds(() => inScope(() => prepared.valueAndGrad(args)), sampleOptions(work, HOST_SHARE, device));
    return { host: { nsPerStep, ...(ops > 0 ? { nsPerOp: nsPerStep / ops } : {}) } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { notes: { host: `not measured on the null device: ${reason}` } };
  } finally {
    if (before) useDevice(before);
  }
}

function sampleOptions(work: Workload, share: number, device: Device): Omit<SampleOptions, "seed"> {
  const { budgetMs, minRounds, maxRounds } = work.request;
  return { budgetMs: budgetMs * share, minRounds, maxRounds, sync: () => device.sync(), collect: collectYoung };
}

/**
 * Empties the young generation between rounds. A full collection would also drop what the JavaScript engine has learnt and
 * compiled: the calls after it run up to twenty times slower for a while, which is no steady state.
 */
function collectYoung(): void {
  globalThis.gc?.({ type: "minor" });
}

function taken(samples: Readonly<Record<string, readonly number[]>>, name: string): number[] {
  const found = samples[name];
  assert(found !== undefined, `no samples of ${name}`);
  return [...found];
}

function inScope(body: () => unknown): void {
  scope(() => {
    body();
  });
}
