/**
 * What a model's parameters and data are made from: seeded random numbers, text files below `suites/data`, and tensors on the
 * current device. Parameters and data draw from separate streams, so one does not depend on how much the other drew.
 */
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import type { FloatDType } from "../core/base/dtype.ts";
import { BenchError } from "../core/base/errors.ts";
import { createRng } from "../core/base/rng.ts";
import { createTensor } from "../core/tensor/tensor.ts";
import type { Materials, Model, Size } from "../suites/model.ts";
import { projectRoot } from "./root.ts";

const DATA = join(projectRoot, "suites", "data");

/** `stream` numbers independent generators of one seed. */
export function createMaterials(seed: number, stream: number, dtype: FloatDType): Materials {
  return {
    rng: createRng(seed).split(stream),
    dtype,
    text: readData,
    tensor: (values, shape) => createTensor(values, shape, dtype),
    indices: (values, shape) => createTensor(values, shape, "i32"),
  };
}

/** Parameters and data of one case, as tensors on the current device. */
export function makeCase(model: Model, size: Size, seed: number, dtype: FloatDType): { params: unknown; batch: unknown } {
  return { params: model.params(size, createMaterials(seed, 0, dtype)), batch: model.batch(size, createMaterials(seed, 1, dtype)) };
}

/** Text of a file below `suites/data`; `.gz` is unpacked. */
function readData(file: string): string {
  const path = resolve(DATA, file);
  if (relative(DATA, path).startsWith("..")) throw new BenchError("usage", `${file} is not below ${DATA}`);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new BenchError("usage", `no data file ${path}`, { cause, advice: `data files live below ${DATA}` });
  }
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}
