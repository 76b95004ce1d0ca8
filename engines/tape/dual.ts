/**
 * Forward mode: a dual number (or tensor) carries the tangent along one direction. Each use of `jvp` is a level of its own, as on
 * the tape, so forward over reverse, reverse over forward and any nesting of them keep their perturbations apart.
 */

import type { Aval } from "../../core/base/aval.ts";
import { isFloat } from "../../core/base/dtype.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { opcodeOf } from "../../core/primitives/table.ts";
import { apply } from "../../core/tensor/apply.ts";
import { conformTo } from "../../core/tensor/conform.ts";
import { isNumber, Traced, type Value } from "../../core/tensor/traced.ts";
import { avalOf, valueOps } from "../../core/tensor/values.ts";
import { inputRule, type Site } from "../../rules/rule.ts";
import { ruleOf } from "../../rules/table.ts";
import { notDifferentiable } from "./tape.ts";

export class Dual extends Traced {
  readonly level: number;
  readonly primal: Value;
  readonly tangent: Value;

  constructor(level: number, primal: Value, tangent: Value) {
    super();
    this.level = level;
    this.primal = primal;
    this.tangent = tangent;
  }

  override parts(): readonly Value[] {
    return [this.primal, this.tangent];
  }

  override interpret(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
    const { level } = this;
    const own = (x: Value): x is Dual => x instanceof Dual && x.level === level;
    const primals = inputs.map((x) => (own(x) ? x.primal : x));
    const out = apply(primitive, primals, params);
    const rule = ruleOf[opcodeOf.get(primitive) as number] as (typeof ruleOf)[number];
    const outAval = avalOf(out);
    if (rule.kind === "zero" || !isFloat(outAval.dtype)) return out;

    const site: Site<Value> = {
      params,
      in: (i) => primals[i] as Value,
      out,
      inAval: (i): Aval => avalOf(primals[i] as Value),
      outAval,
    };
    let tangent: Value | undefined;
    inputs.forEach((x, i) => {
      if (!own(x)) return;
      const r = inputRule(rule, i);
      if (r === null) throw notDifferentiable(primitive, i);
      const part = r.jvp(valueOps, x.tangent, site);
      tangent = tangent === undefined ? part : valueOps.add(tangent, part);
    });
    const t = tangent as unknown as Value;
    return new Dual(level, out, isNumber(out) ? t : conformTo(t, outAval));
  }
}
