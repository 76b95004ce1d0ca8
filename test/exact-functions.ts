/**
 * exp, log and tanh of float64 numbers in integer arithmetic with 256 bits behind the point: an oracle for functions that are held
 * to a unit in the last place.
 */

const POINT = 256n;
const ONE = 1n << POINT;

/** A positive number m 2^(exponent - 256), m from 2^256 to 2^257. */
export interface Exact {
  readonly m: bigint;
  readonly exponent: number;
}

/** x = mantissa 2^exponent. */
function parts(x: number): { readonly mantissa: bigint; readonly exponent: number } {
  const bits = new BigUint64Array(Float64Array.of(x).buffer)[0] as bigint;
  const field = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (field === 0 ? 0n : 1n << 52n);
  return { mantissa: bits >> 63n === 1n ? -mantissa : mantissa, exponent: Math.max(field, 1) - 1075 };
}

const shift = (m: bigint, by: number) => (by >= 0 ? m << BigInt(by) : m >> BigInt(-by));
const fixed = (x: number) => shift(parts(x).mantissa, parts(x).exponent + Number(POINT));

/** 2 artanh(1/3). */
const LN2 = (() => {
  let sum = 0n;
  for (let k = 0n, power = ONE / 3n; power > 0n; k++, power /= 9n) sum += power / (2n * k + 1n);
  return 2n * sum;
})();

function normal(m: bigint, exponent: number): Exact {
  const length = m.toString(2).length - 1 - Number(POINT);
  return { m: shift(m, -length), exponent: exponent + length };
}

function expFixed(x: bigint): Exact {
  const k = x / LN2;
  let sum = 0n;
  for (let n = 1n, term = ONE; term !== 0n; n++) {
    sum += term;
    term = (term * (x - k * LN2)) / (n << POINT);
  }
  return normal(sum, Number(k));
}

export function exactExp(x: number): Exact {
  return expFixed(fixed(x));
}

/** Of positive x, from 2^-100 on. */
export function exactTanh(x: number): Exact {
  const { m, exponent } = expFixed(2n * fixed(x));
  const e = shift(m, exponent);
  return normal(((e - ONE) << POINT) / (e + ONE), 0);
}

/** |log x| for x > 0, not 1: what float64 gives, corrected by one step of Newton's. */
export function exactLog(x: number): Exact {
  const near = Math.log(x);
  const { mantissa, exponent } = parts(x);
  const inverse = expFixed(-fixed(near));
  const d = shift(mantissa * inverse.m, exponent + inverse.exponent) - ONE;
  const log = fixed(near) + d - ((d * d) >> (POINT + 1n));
  return normal(log < 0n ? -log : log, 0);
}

/** How far a positive x is from `exact`, in units of the last place of float64 there. */
export function ulpsFrom(x: number, exact: Exact): number {
  const { mantissa, exponent } = parts(x);
  const lowest = Math.max(exact.exponent, -1022) - 52;
  // Both in units of 2^-64 of the last place.
  const difference = shift(mantissa, exponent - lowest + 64) - shift(exact.m, exact.exponent - Number(POINT) - lowest + 64);
  return Math.abs(Number(difference)) / 2 ** 64;
}
