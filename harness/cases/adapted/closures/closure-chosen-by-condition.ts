/** Closure chosen by condition, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, lt } from "../../../../core/ops.ts";

export function f(x: number): number {
  const a = x * x;
  const outer = () => {
    const b = x + 5;
    const g = (): number => a + b;
    const h = (): number => a * b;
    return () => cond(lt(x, 0), g, h);
  };
  return outer()();
}
