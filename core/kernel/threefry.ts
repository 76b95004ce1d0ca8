/**
 * Threefry-2x32-20 as scalar expressions: the same adds, rotations and xors as `core/base/rng.ts`, so a kernel that evaluates them at
 * a counter has the bits of the host, whatever the device.
 */
import { PARITY, ROTATIONS } from "../base/rng.ts";
import { binary, constant, type Expr } from "./scalar-expr.ts";

const int = (value: number) => constant(value | 0, "i32");
const add = (x: Expr, y: Expr) => binary("add", x, y);
const xor = (x: Expr, y: Expr) => binary("xor", x, y);
const rotate = (x: Expr, by: number) => binary("or", binary("shl", x, int(by)), binary("shr", x, int(32 - by)));

/** The two i32 words of one block, for a key and a counter of two i32 words each. */
export function threefryBlock(k0: Expr, k1: Expr, c0: Expr, c1: Expr): readonly [Expr, Expr] {
  const keys = [k0, k1, xor(int(PARITY), xor(k0, k1))] as const;
  let x0 = add(c0, k0);
  let x1 = add(c1, k1);
  for (let round = 0; round < 20; round++) {
    x0 = add(x0, x1);
    x1 = xor(rotate(x1, ROTATIONS[round % 8] as number), x0);
    if (round % 4 === 3) {
      const s = (round + 1) / 4;
      x0 = add(x0, keys[s % 3] as Expr);
      x1 = add(add(x1, keys[(s + 1) % 3] as Expr), int(s));
    }
  }
  return [x0, x1];
}
