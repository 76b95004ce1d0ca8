/**
 * ADBench's character model: layers of long short-term memory whose weights are diagonal, so that every product is elementwise.
 * `main` holds for each layer a row of weights and a row of biases, `extra` the weights into and out of the stack.
 */
import { add, exp, log, mul, neg, select, sigmoid, slice, split, sub, sum, type Tensor, tanh } from "../../../core/ops.ts";

export function f({ main, extra }: { main: Tensor; extra: Tensor }, state: Tensor, sequence: Tensor): Tensor {
  const layers = (main.shape[0] as number) / 2;
  const [c, b] = sequence.shape as readonly [number, number];
  const gates = (row: number) => split(select(main, 0, row), [b, b, b, b], 0) as [Tensor, Tensor, Tensor, Tensor];
  const parameters = Array.from({ length: layers }, (_, i) => ({ weights: gates(2 * i), biases: gates(2 * i + 1) }));
  const hidden = parameters.map((_, i) => select(state, 0, 2 * i));
  const cells = parameters.map((_, i) => select(state, 0, 2 * i + 1));
  const [inWeight, outWeight, outBias] = [select(extra, 0, 0), select(extra, 0, 1), select(extra, 0, 2)];
  let total = mul(sum(slice(extra, [0, 0], [1, 1])), 0);
  for (let t = 0; t < c - 1; t++) {
    // A row at a time: the cotangent of a row of the product of all would be as long as the sequence.
    let x = mul(select(sequence, 0, t), inWeight);
    for (let i = 0; i < layers; i++) {
      const { weights, biases } = parameters[i] as { weights: Tensor[]; biases: Tensor[] };
      const h = hidden[i] as Tensor;
      const gate = (k: number, from: Tensor) => add(mul(from, weights[k] as Tensor), biases[k] as Tensor);
      const forget = sigmoid(gate(0, x));
      const ingate = sigmoid(gate(1, h));
      const outgate = sigmoid(gate(2, x));
      const change = tanh(gate(3, h));
      const cell = add(mul(cells[i] as Tensor, forget), mul(ingate, change));
      cells[i] = cell;
      hidden[i] = mul(outgate, tanh(cell));
      x = hidden[i] as Tensor;
    }
    const y = add(mul(x, outWeight), outBias);
    const logNorm = sub(y, log(add(sum(exp(y)), 2)));
    total = add(total, sum(mul(select(sequence, 0, t + 1), logNorm)));
  }
  return mul(neg(total), 1 / ((c - 1) * b));
}
