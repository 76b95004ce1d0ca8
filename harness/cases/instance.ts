/** One instance of a workload with what its check needs: arguments, programs, data files and comparisons in the workload's metric. */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createTensor, type Tensor } from "../../core/tensor/tensor.ts";
import type { Prepared, Tree } from "../../engines/engine.ts";
import { loadProgram } from "../../loader/load.ts";
import { projectRoot } from "../root.ts";
import { Findings, flatNumbers, type Quantity, workloadError } from "./compare.ts";
import { type Site, Skip } from "./judge.ts";
import type { ReferenceCase } from "./read.ts";

export type WorkloadReference = Extract<ReferenceCase, { kind: "workload" }>;

export class Instance {
  readonly reference: WorkloadReference;
  readonly site: Site;
  readonly findings = new Findings();

  constructor(reference: WorkloadReference, site: Site) {
    this.reference = reference;
    this.site = site;
  }

  /** The fields of the case's `input`, which are numbers and nested arrays of them. */
  get input(): Readonly<Record<string, Tree>> {
    return (this.reference.case.input ?? {}) as Readonly<Record<string, Tree>>;
  }

  get expected(): Record<string, unknown> {
    return this.reference.case.expected;
  }

  tensor(values: ArrayLike<number>, shape: readonly number[]): Tensor {
    return createTensor(values, shape, this.site.dtype);
  }

  indices(values: ArrayLike<number>, shape: readonly number[]): Tensor {
    return createTensor(values, shape, "i32");
  }

  prepare(
    args: readonly Tree[],
    wrt: readonly number[],
    name = "f",
    file = `harness/cases/workloads/${this.reference.workload}.ts`,
  ): Prepared {
    return this.site.engine.prepare(loadProgram({ file: join(projectRoot, file) }, name), args, wrt);
  }

  /** Text of a data file; paths are relative to the folder above that of the reference file, or to its own. */
  data(file = this.reference.case.file as string): string {
    const here = dirname(resolve(this.reference.file));
    for (const folder of [dirname(here), here]) {
      try {
        return readFileSync(join(folder, file), "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    throw new Skip(`the data file ${file} is neither in ${dirname(here)} nor in ${here}`);
  }

  /** Compares with an entry of `expected`, if it is there, flat and in order. */
  compare(
    quantity: Quantity,
    key: string,
    got: unknown,
    want = this.expected[key],
    error = workloadError,
    tolerance = this.tolerance,
  ): void {
    if (want === undefined) return;
    const numbers = flatNumbers(got);
    const wanted = flat(want);
    if (numbers === null || numbers.length !== wanted.length)
      this.findings.fail(`${key} has ${numbers?.length ?? "no"} numbers; the reference has ${wanted.length}`);
    else this.findings.note(quantity, key, error(numbers, wanted), tolerance);
  }

  get tolerance(): number {
    return this.site.dtype === "f32" ? 1e-4 : 1e-8;
  }
}

/** All numbers of nested arrays and records, in order. */
export function flat(value: unknown): number[] {
  return flatNumbers(value) ?? [];
}
