/** Model-agnostic meta-learning: the loss after a few gradient steps per task, differentiated through those steps. */
import { add, matmul, mean, mseLoss, mul, select, stack, sub, type Tensor, tanh } from "../../../core/ops.ts";

type Params = { readonly W1: Tensor; readonly b1: Tensor; readonly W2: Tensor; readonly b2: Tensor };
type Data = { readonly xs: Tensor; readonly ys: Tensor; readonly xq: Tensor; readonly yq: Tensor };
type Attrs = { readonly tasks: number; readonly inner: number; readonly lr: number };

declare function grad(f: (p: Params) => Tensor): (p: Params) => Params;

function taskLoss({ W1, b1, W2, b2 }: Params, x: Tensor, y: Tensor): Tensor {
  return mseLoss(add(matmul(tanh(add(matmul(x, W1), b1)), W2), b2), y);
}

function adapt(params: Params, x: Tensor, y: Tensor, { inner, lr }: Attrs): Params {
  let p = params;
  for (let i = 0; i < inner; i++) {
    const g = grad((q) => taskLoss(q, x, y))(p);
    p = {
      W1: sub(p.W1, mul(g.W1, lr)),
      b1: sub(p.b1, mul(g.b1, lr)),
      W2: sub(p.W2, mul(g.W2, lr)),
      b2: sub(p.b2, mul(g.b2, lr)),
    };
  }
  return p;
}

export function outputs(params: Params, { xs, ys, xq, yq }: Data, attrs: Attrs): { task_losses: Tensor } {
  const losses: Tensor[] = [];
  for (let task = 0; task < attrs.tasks; task++) {
    const adapted = adapt(params, select(xs, 0, task), select(ys, 0, task), attrs);
    losses.push(taskLoss(adapted, select(xq, 0, task), select(yq, 0, task)));
  }
  return { task_losses: stack(losses, 0) };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  return mean(outputs(params, data, attrs).task_losses);
}
