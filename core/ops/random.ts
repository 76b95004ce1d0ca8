/**
 * Random numbers without a state: every function takes a key and gives the same numbers for the same key, on every device. Make a key
 * from a seed, split it, and use each part once: two draws from one key are not independent.
 *
 *     const [forWeights, forNoise] = splitKey(key(7), 2);
 *     const w = mul(normal(forWeights, [512, 512]), 0.02);
 */
import type { DType, FloatDType } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { keyOfSeed } from "../base/rng.ts";
import type { Shape } from "../base/shape.ts";
import { createTensor, type Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { valueOps as v } from "../tensor/values.ts";
import { select } from "./movement.ts";
import { listed, oneOf } from "./options.ts";

/** The key of a seed (an integer, 64 bits of which count): i32[2]. */
export function key(seed: number): Tensor {
  return createTensor(
    keyOfSeed(seed).map((word) => word | 0),
    [2],
    "i32",
  );
}

/** n keys, independent of each other and of what is drawn from `from`. The first keys are the same for every n. */
export function splitKey(from: Tensor, n = 2): Tensor[] {
  const keys = v.splitKey(from, n) as Tensor;
  return Array.from({ length: n }, (_, i) => select(keys, 0, i));
}

/** 32 random bits in each element, as i32. */
export function randomBits(from: Tensor, shape: Shape): Tensor {
  listed("randomBits", "the shape", shape);
  return v.randomBits(from, shape) as Tensor;
}

/** Uniform in [0, 1): multiples of 2^-53 in f64, and their first 24 bits in f32. */
export function uniform(from: Tensor, shape: Shape, dtype: FloatDType = "f32"): Tensor {
  listed("uniform", "the shape", shape);
  oneOf("uniform", "the dtype", dtype, ["f32", "f64"]);
  return v.randomUniform(from, shape, dtype) as Tensor;
}

/**
 * Standard normal (Box and Muller). Devices agree to 1e-14 (f64) or 2e-6 (f32) times the size of the number or 1, whichever is larger.
 * The largest number that can be drawn is 8.57 in f64 and 6.66 in f32.
 */
export function normal(from: Tensor, shape: Shape, dtype: FloatDType = "f32"): Tensor {
  listed("normal", "the shape", shape);
  oneOf("normal", "the dtype", dtype, ["f32", "f64"]);
  return v.randomNormal(from, shape, dtype) as Tensor;
}

/** bool, true with probability p: a number, or a tensor that broadcasts to the shape. */
export function bernoulli(from: Tensor, p: Tensor | number, shape: Shape): Tensor;
export function bernoulli(from: Value, p: Value, shape: Shape): Value {
  listed("bernoulli", "the shape", shape);
  if (typeof p === "number" && !(p >= 0 && p <= 1)) throw mismatch(`bernoulli with p = ${p}, which is no probability`);
  const u = v.randomUniform(from, shape, "f64");
  return v.lt(u, typeof p === "number" ? p : v.broadcastTo(v.cast(p, "f64"), shape));
}

/** i32, uniform in [low, high). Made from 53 bits, so no value is likelier than another by more than (high - low)·2^-53 of its share. */
export function randomInt(from: Tensor, shape: Shape, low: number, high: number): Tensor;
export function randomInt(from: Value, shape: Shape, low: number, high: number): Value {
  listed("randomInt", "the shape", shape);
  const isInt = (x: number) => Number.isInteger(x) && x >= -(2 ** 31) && x <= 2 ** 31;
  if (!isInt(low) || !isInt(high) || high <= low)
    throw mismatch(`randomInt in [${low}, ${high}): needs integers of 32 bits, the first below the second`);
  const dtype: DType = "i32";
  return v.cast(v.add(v.floor(v.mul(v.randomUniform(from, shape, "f64"), high - low)), low), dtype);
}

/** The numbers 0 to n-1 in random order, i32[n]: the order of n uniform numbers of 53 bits. */
export function permutation(from: Tensor, n: number): Tensor {
  return v.argsort(v.randomUniform(from, [n], "f64"), false) as Tensor;
}
