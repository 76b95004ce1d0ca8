/**
 * The backward walk: one loop from the last node to the first. A node that has received a cotangent asks the rule of each traced
 * input for its share. Rules ignore broadcasting; a share is brought to the shape and dtype of its input here, once. What a node
 * saved and the cotangent that it received are let go as soon as it has been visited.
 *
 * The rules compute with the same operations as programs do, on primals of one level down, so a walk inside an outer derivative
 * is recorded there: that is how derivatives of derivatives arise. O(nodes) time.
 */
import type { Aval } from "../../core/base/aval.ts";
import { assert } from "../../core/base/errors.ts";
import { NUMBER } from "../../core/primitives/host.ts";
import { conformTo, conformToNumber } from "../../core/tensor/conform.ts";
import { closeFrame, openFrame } from "../../core/tensor/scope.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { valueOps } from "../../core/tensor/values.ts";
import { type InputRule, inputRule, type Site } from "../../rules/rule.ts";
import { ruleOf } from "../../rules/table.ts";
import { holdValue, passToScope, releaseValue } from "./hold.ts";
import { LEAF, SIDE, type Tape } from "./tape.ts";

/** The site of a node on plain numbers; one object serves a whole walk. */
class NumberSite implements Site<Value> {
  readonly params = undefined;
  readonly outAval = NUMBER;
  node = 0;
  start = 0;
  private readonly tape: Tape;

  constructor(tape: Tape) {
    this.tape = tape;
  }
  in(i: number): Value {
    return this.tape.inNumber[this.start + i] as number;
  }
  get out(): Value {
    return this.tape.outNumber[this.node] as number;
  }
  inAval(): Aval {
    return NUMBER;
  }
}

/** The site of a node on tensors or on values traced by an outer operator. */
class ValueSite implements Site<Value> {
  at = 0;
  private readonly side: readonly unknown[];

  constructor(tape: Tape) {
    this.side = tape.side;
  }
  get params(): unknown {
    return this.side[this.at + SIDE.params];
  }
  get outAval(): Aval {
    return this.side[this.at + SIDE.outAval] as Aval;
  }
  in(i: number): Value {
    return this.saved(this.at + SIDE.inputs + 2 * i + 1);
  }
  get out(): Value {
    return this.saved(this.at + SIDE.out);
  }
  inAval(i: number): Aval {
    return this.side[this.at + SIDE.inputs + 2 * i] as Aval;
  }
  private saved(index: number): Value {
    const v = this.side[index] as Value | undefined;
    assert(v !== undefined, "a backward rule reads a primal that the tape did not save, or the walk is run a second time");
    return v;
  }
}

function ruleAt(opcode: number, i: number): InputRule {
  return inputRule(ruleOf[opcode] as (typeof ruleOf)[number], i) as InputRule;
}

/**
 * Cotangents of the first `leaves` nodes, given cotangents of some nodes; undefined where nothing arrived. They belong to the
 * current scope. With `consume`, saved values are freed on the way and the tape cannot be walked again.
 */
export function backward(
  tape: Tape,
  seeds: readonly { node: number; ct: Value }[],
  leaves: number,
  consume: boolean,
): (Value | undefined)[] {
  const top = seeds.reduce((n, s) => Math.max(n, s.node), leaves - 1);
  // A cotangent is a plain number in `numbers` (has = 1) or any value in `values` (has = 2).
  const has = new Uint8Array(top + 1);
  const numbers = new Float64Array(top + 1);
  const values: (Value | undefined)[] = [];
  const numberSite = new NumberSite(tape);
  const valueSite = new ValueSite(tape);

  const arrive = (node: number, share: Value): void => {
    const ct = typeof share === "number" && tape.isNumber[node] === 1 ? share : conform(share, tape, node);
    switch (has[node]) {
      case 0:
        if (typeof ct === "number") {
          has[node] = 1;
          numbers[node] = ct;
          return;
        }
        break;
      case 1:
        if (typeof ct === "number") {
          (numbers[node] as number) += ct;
          return;
        }
        put(node, valueOps.add(numbers[node] as number, ct));
        return;
      default: {
        const before = values[node] as Value;
        put(node, valueOps.add(before, ct));
        releaseValue(before);
        return;
      }
    }
    put(node, ct);
  };
  const put = (node: number, ct: Value): void => {
    holdValue(ct);
    has[node] = 2;
    values[node] = ct;
  };

  for (const s of seeds) arrive(s.node, s.ct);
  for (let node = top; node >= 0; node--) {
    const state = has[node] as number;
    const opcode = tape.opcode[node] as number;
    if (state === 0 || opcode === LEAF) {
      if (consume) tape.releaseSaved(node);
      continue;
    }
    const start = tape.inStart[node] as number;
    const end = tape.inStart[node + 1] as number;
    const at = tape.sideStart[node] as number;
    const ct = state === 1 ? (numbers[node] as number) : (values[node] as Value);
    if (at < 0 && state === 1) {
      numberSite.node = node;
      numberSite.start = start;
      for (let slot = start; slot < end; slot++) {
        const from = tape.inputs[slot] as number;
        if (from >= 0) arrive(from, ruleAt(opcode, slot - start).vjp(valueOps, ct, numberSite));
      }
      continue;
    }
    const mark = openFrame();
    const site: Site<Value> = at < 0 ? numberSite : valueSite;
    if (at < 0) {
      numberSite.node = node;
      numberSite.start = start;
    } else valueSite.at = at;
    for (let slot = start; slot < end; slot++) {
      const from = tape.inputs[slot] as number;
      if (from >= 0) arrive(from, ruleAt(opcode, slot - start).vjp(valueOps, ct, site));
    }
    closeFrame(mark);
    if (consume) tape.releaseSaved(node);
    if (state === 2) {
      values[node] = undefined;
      releaseValue(ct);
    }
  }
  return Array.from({ length: leaves }, (_, node) => {
    if (has[node] === 0) return undefined;
    if (has[node] === 1) return numbers[node] as number;
    passToScope(values[node] as Value);
    return values[node];
  });
}

/** A share of a cotangent, brought to what its node is: a number, or a tensor of its shape and dtype. */
function conform(share: Value, tape: Tape, node: number): Value {
  if (tape.isNumber[node] === 1) return conformToNumber(share);
  return conformTo(share, tape.side[(tape.sideStart[node] as number) + SIDE.outAval] as Aval);
}
