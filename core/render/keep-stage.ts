/**
 * A rewrite for row programs such as softmax, whose last fold and whose result share a costly expression:
 *
 *     sum(exp(x - max)); out = exp(x - max) / sum   →   sum(out = exp(x - max)); out = out / sum
 *
 * so that the exponential is computed once per element. The output serves as an operand of the result.
 */

import { isHeavy } from "../kernel/heavy.ts";
import type { Kernel, Output } from "../kernel/kernel.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { cast, type Expr, load, postorder } from "../kernel/scalar-expr.ts";

/**
 * The kernel with its result cast to the output's dtype and, where `kept`, reading the last fold's elements from the output
 * (operand number `operands.length`), where the fold has to store them.
 */
export function keepLastStage(given: Kernel): { readonly kernel: Kernel; readonly kept: boolean } {
  const kernel = { ...given, outputs: given.outputs.map((o) => ({ ...o, result: cast(o.result, o.dtype) })) };
  const last = kernel.reductions.at(-1);
  const [output, ...more] = kernel.outputs as [Output, ...Output[]];
  const fits =
    last !== undefined &&
    more.length === 0 &&
    output.each === "element" &&
    !output.accumulate &&
    output.storeAt === undefined &&
    output.dtype === last.of.dtype &&
    !output.access.includes("fixed") &&
    postorder([last.of]).some(isHeavy);
  if (!fits) return { kernel, kept: false };
  const result = rewrite([output.result], (e) => (e === last.of ? load(kernel.operands.length, output.dtype) : undefined))[0] as Expr;
  // Nothing else may move along the row: where the output shares memory with an operand, that operand is overwritten by now.
  const readsRow = (e: Expr) =>
    (e.kind === "load" && kernel.operands[e.operand]?.access.slice(kernel.rank - kernel.reduced).some((a) => a !== "fixed")) ||
    (e.kind === "load" && e.at !== undefined);
  if (result === output.result || postorder([result]).some(readsRow)) return { kernel, kept: false };
  return { kernel: { ...kernel, outputs: [{ ...output, result }] }, kept: true };
}
