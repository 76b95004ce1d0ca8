/** A value brought to the shape and dtype of another: what broadcasting and promotion did to an operand is undone for its share. */
import type { Aval } from "../base/aval.ts";
import { isNumber, type Value } from "./traced.ts";
import { avalOf, valueOps } from "./values.ts";

/** Sums over the axes along which `want` was broadcast (spreads where the value is smaller), and converts its dtype. */
export function conformTo(share: Value, want: Aval): Value {
  if (isNumber(share)) return valueOps.broadcastTo(valueOps.lift(share, want.dtype), want.shape);
  const got = avalOf(share);
  if (got === want) return share;
  let v = got.dtype === want.dtype ? share : valueOps.cast(share, want.dtype);
  const lead = got.shape.length - want.shape.length;
  const folded = got.shape.map((_, i) => i).filter((i) => i < lead || (want.shape[i - lead] === 1 && got.shape[i] !== 1));
  if (folded.length > 0) v = valueOps.sum(v, folded, false);
  const after = avalOf(v);
  if (after.shape === want.shape) return v;
  return after.size === want.shape.reduce((n, d) => n * d, 1) ? valueOps.reshape(v, want.shape) : valueOps.broadcastTo(v, want.shape);
}

/** The sum of a value's elements as a number. */
export function conformToNumber(share: Value): Value {
  if (isNumber(share)) return share;
  const { shape } = avalOf(share);
  return valueOps.item(
    shape.length === 0
      ? share
      : valueOps.sum(
          share,
          shape.map((_, i) => i),
          false,
        ),
  );
}
