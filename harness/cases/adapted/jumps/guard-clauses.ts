/** Guard clauses, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, lt } from "../../../../core/ops.ts";

export function f(x: number, y: number): number {
  const quotient = () =>
    cond(
      lt(x, y),
      () => x * y,
      () => x / y,
    );
  return cond(
    lt(x, 0),
    () => 0,
    () => cond(lt(y, 0), () => x, quotient),
  );
}
