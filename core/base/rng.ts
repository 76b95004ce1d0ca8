/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). Block i of a key is a pure function of (key, i), made of 32-bit adds, rotations and xors only, so every
 * device that evaluates it gets the same bits; floating-point values are derived from the bits in float64 on the host.
 */
import { mismatch } from "./errors.ts";
export interface Rng {
  /** `n` independent 32-bit words. */
  bits(n: number): Uint32Array;
  /** `n` numbers uniform in [0, 1), with 53 random bits each. */
  uniform(n: number): Float64Array;
  /** `n` standard normal numbers (Box and Muller 1958). */
  normal(n: number): Float64Array;
  /** `n` integers uniform in [0, bound), without modulo bias. */
  integers(n: number, bound: number): Int32Array;
  /** `n` numbers that are 1 with probability p, else 0. */
  bernoulli(n: number, p: number): Int32Array;
  /** A uniformly random permutation of 0..n-1 (Fisher and Yates). */
  permutation(n: number): Int32Array;
  /** An independent generator named by `stream`; the same stream gives the same numbers whatever was drawn before. */
  split(stream: number): Rng;
}

export const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
export const PARITY = 0x1bd11bda;
/** The second word of the counter of blocks that are keys of split generators. */
export const SPLIT = 0x5bd1e995;

/** One block: two words from a two-word key and a two-word counter, written to `out[at]` and `out[at + 1]`. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number, out: Uint32Array, at: number): void {
  const ks = [k0 | 0, k1 | 0, (PARITY ^ k0 ^ k1) | 0] as const;
  let x0 = (c0 + ks[0]) | 0;
  let x1 = (c1 + ks[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8] as number;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    if (round % 4 === 3) {
      const s = (round + 1) / 4;
      x0 = (x0 + (ks[s % 3] as number)) | 0;
      x1 = (x1 + (ks[(s + 1) % 3] as number) + s) | 0;
    }
  }
  out[at] = x0;
  out[at + 1] = x1;
}

/** A generator whose key is the seed (an integer, 64 bits of which count). */
export function createRng(seed: number): Rng {
  return fromKey(...keyOfSeed(seed));
}

/** The two 32-bit words of a seed. */
export function keyOfSeed(seed: number): [number, number] {
  if (!Number.isSafeInteger(seed)) throw mismatch(`a seed is an integer, not ${seed}`);
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

function fromKey(k0: number, k1: number): Rng {
  let counter = 0;
  const bits = (n: number): Uint32Array => {
    const words = new Uint32Array(n + (n % 2));
    for (let i = 0; i < n; i += 2, counter++) threefry2x32(k0, k1, counter >>> 0, Math.floor(counter / 2 ** 32), words, i);
    return words.subarray(0, n);
  };
  const uniform = (n: number): Float64Array => {
    const w = bits(2 * n);
    return Float64Array.from({ length: n }, (_, i) => ((w[2 * i] as number) * 2 ** 21 + ((w[2 * i + 1] as number) >>> 11)) * 2 ** -53);
  };
  const integers = (n: number, bound: number): Int32Array => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 31) throw mismatch(`a bound is an integer in [1, 2^31], not ${bound}`);
    const limit = Math.floor(2 ** 32 / bound) * bound;
    const out = new Int32Array(n);
    for (let i = 0; i < n; ) {
      for (const w of bits(n - i)) if (w < limit) out[i++] = w % bound;
    }
    return out;
  };
  return {
    bits,
    uniform,
    integers,
    normal(n) {
      const u = uniform(n + (n % 2));
      const out = new Float64Array(u.length);
      for (let i = 0; i < u.length; i += 2) {
        const r = Math.sqrt(-2 * Math.log(1 - (u[i] as number)));
        const angle = 2 * Math.PI * (u[i + 1] as number);
        out[i] = r * Math.cos(angle);
        out[i + 1] = r * Math.sin(angle);
      }
      return out.subarray(0, n);
    },
    bernoulli(n, p) {
      return Int32Array.from(uniform(n), (u) => (u < p ? 1 : 0));
    },
    permutation(n) {
      const out = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = integers(1, i + 1)[0] as number;
        const t = out[i] as number;
        out[i] = out[j] as number;
        out[j] = t;
      }
      return out;
    },
    split(stream) {
      const key = new Uint32Array(2);
      threefry2x32(k0, k1, stream >>> 0, SPLIT, key, 0);
      return fromKey(key[0] as number, key[1] as number);
    },
  };
}
