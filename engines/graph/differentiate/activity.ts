/** Which values depend on those that are differentiated: derivatives are built of these alone. */
import { isFloat } from "../../../core/base/dtype.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { opcodeOf } from "../../../core/primitives/table.ts";
import { type InputRule, inputRule, type Rule } from "../../../rules/rule.ts";
import { ruleOf } from "../../../rules/table.ts";
import type { Node, Output } from "../graph.ts";
import type { Type } from "../type.ts";
import { inOrder } from "../walk.ts";

/** Numbers, tensors of real numbers, lists of such and frames have derivatives. */
export function isDifferentiable(t: Type): boolean {
  if (t.kind === "list") return isDifferentiable(t.of);
  return t.kind !== "tensor" || isFloat(t.aval.dtype);
}

/** The rule of a primitive for input i; null where nothing flows. */
export function ruleFor(primitive: AnyPrimitive, i: number): InputRule | null {
  return inputRule(ruleOf[opcodeOf.get(primitive) as number] as Rule, i);
}

const NONE: ReadonlySet<Output> = new Set();

/**
 * The outputs among what `results` need that depend on `sources` in a way that can be differentiated, by
 * no way through `stop`. One graph; O(nodes).
 */
export function activeOutputs(
  results: readonly Output[],
  sources: Iterable<Output>,
  stop: ReadonlySet<Output> = NONE,
): ReadonlySet<Output> {
  const active = new Set(sources);
  for (const n of inOrder(results)) for (const o of activeOf(n, active)) if (!stop.has(o)) active.add(o);
  return active;
}

function activeOf(n: Node, active: ReadonlySet<Output>): readonly Output[] {
  const { operation } = n;
  switch (operation.op) {
    case "apply":
      return n.inputs.some((x, i) => active.has(x) && ruleFor(operation.primitive, i) !== null)
        ? n.outputs.filter((o) => isDifferentiable(o.type))
        : [];
    case "if": {
      if (!n.captures.some((c) => active.has(c))) return [];
      const within = [operation.consequent, operation.otherwise].map((g) => ({
        results: g.results,
        active: activeOutputs(
          g.results,
          g.captured.filter((_, i) => active.has(n.captures[i] as Output)),
        ),
      }));
      return n.outputs.filter((_, i) => within.some((g) => g.active.has(g.results[i] as Output)));
    }
    case "while": {
      const { states } = activeInLoop(n as never, active);
      return n.outputs.filter((_, i) => states[i]);
    }
    case "custom":
      return n.inputs.slice(0, operation.arguments).some((x) => active.has(x)) ? n.outputs.filter((o) => isDifferentiable(o.type)) : [];
    case "check":
      return active.has(n.inputs[0] as Output) ? n.outputs : [];
    default:
      return n.inputs.some((x) => active.has(x)) ? n.outputs.filter((o) => isDifferentiable(o.type)) : [];
  }
}

/** Which states of a loop depend on active values in some turn, and the active outputs of its body. */
export function activeInLoop(
  n: Node<Extract<Node["operation"], { op: "while" }>>,
  outside: ReadonlySet<Output>,
): { readonly states: readonly boolean[]; readonly inside: ReadonlySet<Output> } {
  const { body } = n.operation;
  const states = n.inputs.map((x) => outside.has(x) && isDifferentiable(x.type));
  const captured = body.captured.filter((_, i) => outside.has(n.captures[i] as Output));
  for (;;) {
    const inside = activeOutputs(body.results, [...captured, ...body.parameters.filter((_, i) => states[i])]);
    let changed = false;
    for (const [i, r] of body.results.entries()) {
      if (states[i] || !inside.has(r)) continue;
      states[i] = true;
      changed = true;
    }
    if (!changed) return { states, inside };
  }
}
