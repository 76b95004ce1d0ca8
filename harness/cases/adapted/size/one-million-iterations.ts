/** One million iterations, for an engine that builds graphs: a loop of JavaScript adds nodes for each turn, whileLoop is one node. */
import { lt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number, n: number): number {
  const turn = ({ i, y }: { i: number; y: number }) => ({ i: i + 1, y: y - 1e-6 * y * y });
  return whileLoop(({ i }) => lt(i, n), turn, { i: 0, y: x }).y;
}
