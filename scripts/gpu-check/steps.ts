/**
 * Value and gradient of suite models: by an engine here, and by PyTorch or JAX in a child on the very numbers, which are files that both
 * read. Results are compared before anything is timed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FloatDType } from "../../core/base/dtype.ts";
import type { Device } from "../../core/device/device.ts";
import { closeFrame, openFrame } from "../../core/tensor/scope.ts";
import { Tensor, useDevice } from "../../core/tensor/tensor.ts";
import type { Engine, Tree } from "../../engines/engine.ts";
import { type FoundModel, loadModel, lossProgram } from "../../harness/discover.ts";
import { makeCase } from "../../harness/materials.ts";
import { leavesOf } from "../../harness/tree.ts";
import type { PeerProcess } from "../performance/peer.ts";
import { clock, NotHere, type Side } from "../performance/side.ts";
import { sampled, type Workload } from "../performance/workloads.ts";

const SEED = 20181129;

/** One model in one size and dtype. */
export interface Step extends Workload {
  readonly model: FoundModel;
  readonly sizeName: string;
  readonly dtype: FloatDType;
  /** Where the numbers are, for peers. */
  readonly folder: string;
}

export function stepsOf(models: readonly FoundModel[], small: boolean, folder: string): readonly Step[] {
  return models.flatMap(({ model, file, suite }) => {
    const sizes = small ? (model.quick ?? Object.keys(model.sizes)).slice(0, 1) : Object.keys(model.sizes);
    return sizes.map((sizeName): Step => {
      const dtype = model.dtypes?.[0] ?? "f32";
      const place = join(folder, `${model.name}-${sizeName}`);
      const about = { key: model.name, title: `${model.name}, value and gradient, ${dtype}`, size: sizeName, inputs: [], goals: [] };
      return { ...about, run: () => [], model: { model, file, suite }, sizeName, dtype, folder: place };
    });
  });
}

const host = (value: unknown) => (value instanceof Tensor ? value.toArray() : Float64Array.of(value as number));

/** Writes the numbers of a step: a file for each tensor, and index.json with their shapes and the plain numbers. */
export function writeNumbers({ model: { model }, sizeName, dtype, folder }: Step, device: Device): void {
  useDevice(device);
  mkdirSync(folder, { recursive: true });
  const frame = openFrame();
  const made = makeCase(model, model.sizes[sizeName] as (typeof model.sizes)[string], SEED, dtype);
  const index = Object.entries(made).flatMap(([of, tree]) =>
    leavesOf(tree).map(({ path, value }) => {
      if (!(value instanceof Tensor)) return { of, path, value };
      const file = `${of}-${path}.bin`;
      const data = value.toArray();
      writeFileSync(join(folder, file), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return { of, path, file, shape: value.shape, dtype: value.dtype };
    }),
  );
  writeFileSync(join(folder, "index.json"), JSON.stringify(index));
  closeFrame(frame);
}

export class EngineStep implements Side {
  readonly name: string;
  private readonly engine: Engine;
  private readonly device: Device;
  private mark = 0;
  private run = () => {};

  constructor(engine: Engine, device: Device) {
    this.name = engine.name;
    this.engine = engine;
    this.device = device;
  }

  async prepare(workload: Workload): Promise<number[][]> {
    const { model, sizeName, dtype } = workload as Step;
    useDevice(this.device);
    this.mark = openFrame();
    const own = loadModel(model.file, this.engine.intrinsics) ?? model.model;
    const { params, batch } = makeCase(own, own.sizes[sizeName] as (typeof own.sizes)[string], SEED, dtype);
    const args = [params, batch] as Tree[];
    const prepared = this.engine.prepare(lossProgram(model.file), args, [0]);
    this.run = () => {
      const frame = openFrame();
      prepared.valueAndGrad(args);
      closeFrame(frame);
    };
    const { value, grad } = prepared.valueAndGrad(args);
    const gradients = leavesOf(grad[0]).sort((a, b) => (a.path < b.path ? -1 : 1));
    return [value, ...gradients.map((g) => g.value)].map((x) => sampled(host(x)));
  }

  async time(calls: number): Promise<number> {
    useDevice(this.device);
    return clock(this.run, () => this.device.sync(), calls);
  }

  async finish(): Promise<void> {
    useDevice(this.device);
    closeFrame(this.mark);
  }
}

export class PeerStep implements Side {
  readonly name: string;
  private readonly process: PeerProcess;

  constructor(process: PeerProcess, name: string) {
    this.process = process;
    this.name = name;
  }

  async prepare(workload: Workload): Promise<number[][]> {
    const { key, folder } = workload as Step;
    const { outputs } = await this.process.ask({ do: "prepare", side: this.name, workload: key, folder });
    if (outputs === undefined) throw new NotHere("it gave no results");
    return outputs;
  }

  async time(calls: number): Promise<number> {
    return (await this.process.ask({ do: "time", side: this.name, calls })).nanoseconds as number;
  }

  async finish(): Promise<void> {
    await this.process.ask({ do: "finish", side: this.name });
  }
}
