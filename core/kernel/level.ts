/**
 * Levels: the level of an expression is the number of leading iteration axes that it depends on, so that it can be computed
 * once before the loops over all later axes begin. A constant has level 0; a load that moves along axis 2 has level 3.
 */
import type { Kernel } from "./kernel.ts";
import { type Expr, operandsOf } from "./scalar-expr.ts";

/** The level of every expression of `ordered`, which lists arguments before their uses (see `postorder`). */
export function levelsOf(kernel: Kernel, ordered: readonly Expr[]): Map<Expr, number> {
  const levels = new Map<Expr, number>();
  for (const e of ordered) {
    let level = ownLevel(kernel, e);
    for (const arg of operandsOf(e)) level = Math.max(level, levels.get(arg) as number);
    levels.set(e, level);
  }
  return levels;
}

function ownLevel(kernel: Kernel, e: Expr): number {
  switch (e.kind) {
    case "load": {
      const access = kernel.operands[e.operand]?.access ?? [];
      let level = access.length;
      while (level > 0 && access[level - 1] === "fixed") level--;
      return level;
    }
    case "index":
      return e.axis + 1;
    case "reduced":
      return kernel.rank - kernel.reduced;
    default:
      return 0;
  }
}
