/** Holding values: one more or one less holder for the tensors inside a value, however many levels trace it. */
import { own } from "../../core/tensor/scope.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import { Traced, type Value } from "../../core/tensor/traced.ts";

function eachTensor(value: Value, visit: (t: Tensor) => void): void {
  if (typeof value === "number") return;
  if (value instanceof Tensor) {
    visit(value);
    return;
  }
  const work: Value[] = [value];
  while (work.length > 0) {
    const v = work.pop() as Value;
    if (v instanceof Traced) work.push(...v.parts());
    else if (v instanceof Tensor) visit(v);
  }
}

export function holdValue(value: Value): void {
  eachTensor(value, (t) => t.retain());
}

export function releaseValue(value: Value): void {
  eachTensor(value, (t) => t.release());
}

/** Passes one hold on to the current scope. */
export function passToScope(value: Value): void {
  eachTensor(value, (t) => {
    if (t.owner > 0) t.release();
    else own(t);
  });
}
