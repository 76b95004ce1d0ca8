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
  // The backend has no kernel for the gradient of a filter: it is written as the convolution that it is, of channels by images.
  convolutionGradients: (x, w, ct) => [
    tf.conv2dTranspose(ct as tf.Tensor4D, w as tf.Tensor4D, (x as tf.Tensor4D).shape, 1, "same"),
    tf.transpose(
      tf.conv2d(tf.transpose(x as tf.Tensor4D, [3, 1, 2, 0]), tf.transpose(ct as tf.Tensor4D, [1, 2, 0, 3]), 1, 1),
      [1, 2, 0, 3],
    ),
  ],
};

/** Our order of axes to that of the backend, and back: images, then filters. */
const IMAGE = { in: [0, 2, 3, 1], out: [0, 3, 1, 2] } as const;
const FILTER = { in: [2, 3, 1, 0], out: [3, 2, 0, 1] } as const;
type Order = typeof IMAGE | typeof FILTER;

/** The orders of inputs and outputs of workloads on images. */
const ORDERS: Readonly<Record<string, { readonly inputs: readonly Order[]; readonly outputs: readonly Order[] }>> = {
  convolution: { inputs: [IMAGE, FILTER], outputs: [IMAGE] },
  convolutionGradients: { inputs: [IMAGE, FILTER, IMAGE], outputs: [IMAGE, FILTER] },
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
    const orders = ORDERS[key];
    const turned = (xs: readonly tf.Tensor[], by: readonly (readonly number[])[]) => xs.map((x, i) => tf.transpose(x, [...(by[i] ?? [])]));
    if (orders !== undefined) {
      this.inputs = turned(
        given,
        orders.inputs.map((o) => o.in),
      );
      tf.dispose(given);
    } else this.inputs = given;
    this.run = () => tf.tidy(() => void run(...this.inputs));
    return tf.tidy(() => {
      const outputs = run(...this.inputs);
      const order = orders?.outputs.map((o) => o.out);
      return (order === undefined ? outputs : turned(outputs, order)).map((y) => sampled(y.dataSync()));
    });
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
