/**
 * The one table of derivative rules, read by all three engines. The type is the check: a primitive without a rule, a rule
 * without a primitive, or a rule for other parameters does not compile.
 */
import type { ParamsOf } from "../core/primitive.ts";
import { type PrimitiveName, type Primitives, primitiveNames } from "../core/primitives/table.ts";
import { decompositionRules } from "./decomposition.ts";
import { elementwiseRules } from "./elementwise.ts";
import { hostRules } from "./host.ts";
import { indexRules } from "./index.ts";
import { linalgRules } from "./linalg.ts";
import { movementRules } from "./movement.ts";
import { randomRules } from "./random.ts";
import { reduceRules } from "./reduce.ts";
import type { Rule } from "./rule.ts";
import { windowRules } from "./window.ts";

export const rules = {
  ...elementwiseRules,
  ...reduceRules,
  ...movementRules,
  ...linalgRules,
  ...decompositionRules,
  ...randomRules,
  ...indexRules,
  ...windowRules,
  ...hostRules,
} satisfies { readonly [K in PrimitiveName]: Rule<ParamsOf<Primitives[K]>> | Rule<never> };

/** Rules by opcode, the position of the primitive in its table. */
export const ruleOf: readonly Rule[] = primitiveNames.map((name) => rules[name] as unknown as Rule);
