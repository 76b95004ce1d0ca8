/** What `npm run gpu-check` measures of the device: memory traffic, products, and launches. Small sizes try the script, and say nothing. */
import { add, matmul, mul, neg, sigmoid, softmax, sum, type Tensor } from "../../core/ops.ts";
import type { InputSpec, Workload } from "../performance/workloads.ts";
import { LAUNCHES } from "./launches.ts";

const centred = (...shape: number[]): InputSpec => ({ shape, low: -2, high: 2 });
const count = (n: number) => (n >= 2 ** 20 ? `${n / 2 ** 20}M` : `${n}`);

/** `passes`: how many times every element is read or written, at least. */
function traffic(title: string, n: number, inputs: number, passes: number, run: (...x: Tensor[]) => Tensor, shape = [n]): Workload {
  const specs = Array.from({ length: inputs }, () => centred(...shape));
  const bytes = Math.round(4 * passes * n);
  return {
    key: title,
    title,
    size: shape.join(" × "),
    inputs: specs,
    run: (...x) => [run(...x)],
    goals: [],
    work: { amount: bytes, unit: "GB/s" },
  };
}

export function gpuWorkloads(small: boolean): readonly Workload[] {
  const n = small ? 4096 : 2 ** 26;
  const rows = small ? 16 : 2 ** 14;
  const columns = n / rows;
  const products = small ? [48] : [512, 1024, 2048, 4096, 8192];
  const one: InputSpec = centred(16);
  return [
    traffic("negation", n, 1, 2, (x) => neg(x)),
    traffic("addition", n, 2, 3, (x, y) => add(x, y)),
    traffic("x · σ(x) + y", n, 2, 3, (x, y) => add(mul(x, sigmoid(x)), y)),
    traffic("sum of all", n, 1, 1, (x) => sum(x)),
    traffic("sums of rows", n, 1, 1, (x) => sum(x, [1]), [rows, columns]),
    traffic("sums of columns", n, 1, 1, (x) => sum(x, [0]), [rows, columns]),
    traffic("softmax of rows", n, 1, 2, (x) => softmax(x), [rows, columns]),
    ...products.map(
      (k): Workload => ({
        key: "matmul",
        title: "matrix product",
        size: `${count(k)}³`,
        inputs: [centred(k, k), centred(k, k)],
        run: (a, b) => [matmul(a, b)],
        goals: [],
        work: { amount: 2 * k ** 3, unit: "GFLOP/s" },
      }),
    ),
    { key: "small", title: "one eager addition", size: "16", inputs: [one, one], run: (x, y) => [add(x, y)], goals: [], eagerOnly: true },
    { key: "launches", title: `${LAUNCHES} launches`, size: "16", inputs: [one], run: (x) => [x], goals: [] },
  ];
}
