/**
 * TensorFlow.js on its wasm backend as a side, in this process and on one thread (its threads need a browser's workers). Images
 * have their channels last, as the backend demands; results are put back in order before they are compared.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { clock, NotHere, type Side } from "./side.ts";
import { fill, sampled, type Workload } from "./workloads.ts";

type Run = (...inputs: tf.Tensor[]) => tf.Tensor[];

function layerNorm(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), w), b);
}

const RUNS: Readonly<Record<string, Run>> = {
  add: (x, y) => [tf.add(x as tf.Tensor, y as tf.Tensor)],
  small: (x, y) => [tf.add(x as tf.Tensor, y as tf.Tensor)],
  negate: (x) => [tf.neg(x as tf.Tensor)],
  gelu: (given, b) => {
    const x = tf.add(given as tf.Tensor, b as tf.Tensor);
    const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.square(x)))));
    return [tf.mul(tf.mul(x, 0.5), tf.add(1, tf.tanh(inner)))];
  },
  layerNorm: (x, w, b) => [layerNorm(x as tf.Tensor, w as tf.Tensor, b as tf.Tensor)],
  softmax: (x) => [tf.softmax(x as tf.Tensor)],
  matmul: (a, b) => [tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D)],
  convolution: (x, w) => [tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same")],
};

export class Tfjs implements Side {
  readonly name = "tfjs";
  private inputs: tf.Tensor[] = [];
  private run = () => {};

  static async open(): Promise<Tfjs> {
    const require = createRequire(import.meta.url);
    setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")), "/"));
    setThreadsCount(1);
    await tf.setBackend("wasm");
    await tf.ready();
    return new Tfjs();
  }

  async prepare({ key, inputs }: Workload): Promise<number[][]> {
    const run = RUNS[key];
    if (run === undefined) throw new NotHere("not a workload of this side");
    const given = inputs.map((spec, i) => tf.tensor(fill(spec, i), [...spec.shape]));
    if (key === "convolution") {
      const [x, w] = given as [tf.Tensor, tf.Tensor];
      this.inputs = [tf.transpose(x, [0, 2, 3, 1]), tf.transpose(w, [2, 3, 1, 0])];
      tf.dispose(given);
    } else this.inputs = given;
    this.run = () => tf.tidy(() => void run(...this.inputs));
    return tf.tidy(() => run(...this.inputs).map((y) => sampled((key === "convolution" ? tf.transpose(y, [0, 3, 1, 2]) : y).dataSync())));
  }

  async time(calls: number): Promise<number> {
    return clock(this.run, () => {}, calls);
  }

  async finish(): Promise<void> {
    tf.dispose(this.inputs);
    this.inputs = [];
  }
}

export const tfjsVersion: string = tf.version_core;
