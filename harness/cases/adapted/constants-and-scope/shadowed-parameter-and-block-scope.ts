/** Shadowed parameter and block scope, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt } from "../../../../core/ops.ts";

export function f(x: number): number {
  const y = x * 2;
  const outer = x;
  {
    const x = y + 1;
    {
      const y = x * x;
      return cond(
        gt(y, 0),
        () => y + x,
        () => outer,
      );
    }
  }
}
