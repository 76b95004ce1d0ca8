/**
 * One cell made ready inside its process: the model loaded, device opened, parameters and data made, and the engine's program
 * prepared, with the time of each step. Everything after this (checking, timing, counting) works on the same objects.
 */
import { assert, BenchError } from "../core/base/errors.ts";
import type { Device, DeviceName } from "../core/device/device.ts";
import { openDevice } from "../core/device/registry.ts";
import { scope } from "../core/tensor/scope.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import type { Engine, Prepared, Tree } from "../engines/engine.ts";
import { engineByName } from "../engines/registry.ts";
import type { Model } from "../suites/model.ts";
import { loadModel, lossProgram } from "./discover.ts";
import { makeCase } from "./materials.ts";
import type { CellRequest } from "./request.ts";
import type { Cell } from "./schema.ts";

export interface Workload {
  readonly request: CellRequest;
  readonly model: Model;
  readonly engine: Engine;
  readonly device: Device;
  readonly params: unknown;
  readonly batch: unknown;
  readonly prepared: Prepared;
  readonly phases: NonNullable<Cell["phases"]>;
  /** Distinct kernels that preparing and the first gradient compiled. */
  readonly kernels: number;
}

/** Loads, prepares and runs the gradient once. */
export function makeWorkload(request: CellRequest): Workload {
  const engine = engineByName(request.cell.engine);
  const device = openDevice(request.cell.device as DeviceName);
  useDevice(device);
  const [model, loadMs] = timed(() => loadModel(request.file, engine.intrinsics));
  assert(model !== null, `${request.file} holds no model`);
  const size = model.sizes[request.cell.size];
  if (size === undefined)
    throw new BenchError("usage", `${model.name} has no size ${request.cell.size}`, {
      advice: `its sizes are ${Object.keys(model.sizes).join(", ")}`,
    });
  const { params, batch } = makeCase(model, size, request.seed, request.cell.dtype);
  device.sync();
  const kernelsBefore = device.stats().kernels;
  const prepared = engine.prepare(lossProgram(request.file), [params, batch] as Tree[], [0]);
  const [, firstCallMs] = timed(() => {
    scope(() => {
      prepared.valueAndGrad([params, batch] as Tree[]);
    });
    device.sync();
  });
  return {
    request,
    model,
    engine,
    device,
    params,
    batch,
    prepared,
    phases: { load: loadMs, ...prepared.phases, firstCall: firstCallMs },
    kernels: device.stats().kernels - kernelsBefore,
  };
}

function timed<T>(body: () => T): [result: T, milliseconds: number] {
  const start = performance.now();
  const result = body();
  return [result, performance.now() - start];
}
