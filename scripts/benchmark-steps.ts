/**
 * `npm run benchmark:steps`: value and gradient of suite models by the engines, beside TensorFlow's tf.function on the same numbers, one
 * run, turn by turn; results are compared with each other before anything is timed. Goals of the graph engine: half of TensorFlow's time
 * where launches decide, and no more than it where computing does. Takes about two minutes.
 *
 *     TRIGRAD_PYTHON    the Python that has TensorFlow; python3 where absent
 *     TRIGRAD_THREADS   threads of each side; all where absent
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Device } from "../core/device/device.ts";
import { describeDevices, openDevice } from "../core/device/registry.ts";
import { closeFrame, openFrame } from "../core/tensor/scope.ts";
import { createTensor, type Tensor, useDevice } from "../core/tensor/tensor.ts";
import type { Engine, Prepared, Tree } from "../engines/engine.ts";
import { engines } from "../engines/registry.ts";
import { lossProgram } from "../harness/discover.ts";
import { projectRoot } from "../harness/root.ts";
import { measure } from "./performance/measure.ts";
import { Peer, PeerProcess } from "./performance/peer.ts";
import { goalTable, judge, timeTable } from "./performance/report.ts";
import { clock, NotHere, type Side } from "./performance/side.ts";
import { fill, type InputSpec, sampled, type Workload } from "./performance/workloads.ts";

const EFFORT = { budgetMs: 5000, minRounds: 7, maxRounds: 40, sampleMs: 5 };
const PEER = "TensorFlow";

const threads = String(Number(process.env.TRIGRAD_THREADS) || availableParallelism());
process.env.TRIGRAD_THREADS = threads;

const uniform = (low: number, high: number, ...shape: number[]): InputSpec => ({ shape, low, high });
const weights = (rows: number, columns: number) => uniform(-1 / Math.sqrt(rows), 1 / Math.sqrt(rows), rows, columns);

function workload(key: string, size: string, inputs: readonly InputSpec[], ratio: number): Workload {
  const goals = [{ against: PEER, ratio, says: `≤ ${ratio} of ${PEER}` }];
  return { key, title: `${key}, value and gradient`, size, inputs, goals, run: (...x) => x };
}

function mlp(batch: number, width: number, ratio: number): Workload {
  const layers = [
    weights(64, width),
    uniform(-1, 1, width),
    weights(width, width),
    uniform(-1, 1, width),
    weights(width, 10),
    uniform(-1, 1, 10),
  ];
  return workload("mlp", `${batch}x${width}`, [...layers, uniform(0, 1, batch, 64), uniform(0, 10, batch)], ratio);
}

function logistic(rows: number, ratio: number): Workload {
  return workload("logistic", String(rows), [uniform(-1, 1, 30), uniform(0.1, 0.1), uniform(-2, 2, rows, 30), uniform(0, 1, rows)], ratio);
}

const workloads = [
  mlp(32, 32, 0.5),
  mlp(128, 128, 1),
  mlp(256, 256, 1),
  mlp(512, 512, 1),
  mlp(1024, 1024, 1),
  logistic(569, 0.5),
  logistic(9104, 1),
  logistic(145664, 1),
];

/** An engine's step of a suite model, on one device. */
class Step implements Side {
  readonly name: string;
  private readonly engine: Engine;
  private readonly device: Device;
  private mark = 0;
  private inputs: Tensor[] = [];
  private run = () => {};

  constructor(engine: Engine, device: Device) {
    this.name = `${engine.name}, ${device.name}`;
    this.engine = engine;
    this.device = device;
  }

  async prepare({ key, inputs }: Workload): Promise<number[][]> {
    useDevice(this.device);
    this.mark = openFrame();
    this.inputs = inputs.map((spec, i) => {
      const isLabels = key === "mlp" && i === inputs.length - 1;
      return createTensor(isLabels ? fill(spec, i).map(Math.floor) : fill(spec, i), spec.shape, isLabels ? "i32" : "f32");
    });
    const names = key === "mlp" ? ["w1", "b1", "w2", "b2", "w3", "b3"] : ["w", "b"];
    const params = Object.fromEntries(names.map((n, i) => [n, this.inputs[i] as Tensor]));
    const args: Tree[] = [params, { x: this.inputs.at(-2) as Tensor, t: this.inputs.at(-1) as Tensor }];
    const prepared: Prepared = this.engine.prepare(lossProgram(join(projectRoot, "suites", "dense", `${key}.ts`)), args, [0]);
    this.run = () => {
      const frame = openFrame();
      prepared.valueAndGrad(args);
      closeFrame(frame);
    };
    const { value, grad } = prepared.valueAndGrad(args);
    const gradients = grad[0] as Record<string, Tensor>;
    return [value as Tensor, ...names.map((n) => gradients[n] as Tensor)].map((y) => sampled(y.toArray()));
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

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const native = describeDevices().find((d) => d.name === "native")?.available === true;
  const device = openDevice(native ? "native" : "wasm");
  const sides: Side[] = engines.map((e) => new Step(e, device));
  let peer: PeerProcess | undefined;
  try {
    const script = join(projectRoot, "scripts", "peers", "tf-function.py");
    peer = await PeerProcess.start(process.env.TRIGRAD_PYTHON ?? "python3", [script], { TRIGRAD_THREADS: threads });
    sides.push(new Peer(peer, PEER), new Peer(peer, `${PEER} XLA`));
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    process.stderr.write(`without TensorFlow: ${error.message}\n`);
  }
  const all = [];
  try {
    for (const w of workloads.filter((x) => wanted.length === 0 || wanted.includes(x.key))) {
      process.stderr.write(`${w.key}, ${w.size}\n`);
      all.push(await measure(w, sides, EFFORT));
    }
  } finally {
    peer?.close();
  }
  const verdicts = all.flatMap((m) => m.workload.goals.map((g) => judge(m, g, [`graph, ${device.name}`])));
  const versions = Object.entries(peer?.about ?? {}).map(([name, version]) => `${name} ${version}`);
  console.log(`${device.name}, ${threads} threads, Node ${process.version}, ${versions.join(", ")}\n`);
  console.log(
    `${goalTable(verdicts)}\n\n${timeTable(
      all,
      sides.map((s) => s.name),
    )}`,
  );
}

await main();
