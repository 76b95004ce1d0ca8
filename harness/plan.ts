/**
 * The plan of a run: models x sizes x dtypes x devices x engines as cells in a stable order. It is stored with the run, so that a
 * report shows what was not reached, and a resumed run does exactly what is left.
 */
import type { FloatDType } from "../core/base/dtype.ts";
import type { FoundModel } from "./discover.ts";
import type { CellKey } from "./schema.ts";
import { shuffled } from "./statistics.ts";

export interface PlanOptions {
  readonly engines: readonly string[];
  readonly devices: readonly string[];
  /** Replaces the dtypes that the models name. */
  readonly dtypes?: readonly FloatDType[] | undefined;
  /** Only the models' quick sizes. */
  readonly quick: boolean;
}

export interface PlannedCell {
  readonly key: CellKey;
  readonly file: string;
}

/** Cells by suite, model, size, dtype, device, engine: the engines of one case are neighbours, so they meet the same machine. */
export function planCells(models: readonly FoundModel[], options: PlanOptions): PlannedCell[] {
  const cells: PlannedCell[] = [];
  for (const { suite, file, model } of models)
    for (const size of options.quick ? quickSizes(model) : Object.keys(model.sizes))
      for (const dtype of options.dtypes ?? model.dtypes ?? ["f32"])
        for (const device of options.devices)
          for (const engine of options.engines) cells.push({ file, key: { suite, model: model.name, size, engine, device, dtype } });
  return cells;
}

/** The order of execution: cases as planned, the engines of each case shuffled, so that none always runs first. */
export function executionOrder(cells: readonly PlannedCell[], seed: number): PlannedCell[] {
  const cases = new Map<string, PlannedCell[]>();
  for (const cell of cells) {
    const { suite, model, size, device, dtype } = cell.key;
    const id = JSON.stringify([suite, model, size, dtype, device]);
    const group = cases.get(id);
    if (group === undefined) cases.set(id, [cell]);
    else group.push(cell);
  }
  return [...cases.values()].flatMap((group, i) => shuffled(group, seed + i));
}

function quickSizes(model: FoundModel["model"]): readonly string[] {
  return model.quick ?? Object.keys(model.sizes).slice(0, 1);
}
