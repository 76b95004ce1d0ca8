/**
 * Runs reference cases: every case of the given paths on every engine, device and dtype, one check each, in a fixed order. A case
 * is isolated from the others: whatever it throws becomes its verdict, and the tensors that it made are freed.
 */
import type { FloatDType } from "../../core/base/dtype.ts";
import type { DeviceName } from "../../core/device/device.ts";
import { openDevice, readyDevice } from "../../core/device/registry.ts";
import { scope } from "../../core/tensor/scope.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import type { Engine, EngineName } from "../../engines/engine.ts";
import { engineByName } from "../../engines/registry.ts";
import type { Check } from "../schema.ts";
import { judgeAdapted } from "./adapted.ts";
import { checkGenerality } from "./generality.ts";
import { checkFunction } from "./golden.ts";
import type { Site, Verdict } from "./judge.ts";
import { checkModel } from "./models.ts";
import { type ReferenceCase, readCases } from "./read.ts";
import { checkWorkload } from "./workloads.ts";

export interface CaseOptions {
  /** Engines, or their names. */
  readonly engines: readonly (Engine | EngineName)[];
  readonly devices: readonly DeviceName[];
  readonly dtypes: readonly FloatDType[];
}

/**
 * The checks of the cases in `paths` (files, or folders of `.json` files). Throws only where an engine or a device is not there;
 * a file that is no reference file is a check with status `error`. Numbers of JavaScript are float64 whatever the dtype of tensors
 * is, so a case of plain numbers is checked once per engine and device, and as what it is: f64.
 */
export async function* runCases(paths: readonly string[], { engines, devices, dtypes }: CaseOptions): AsyncGenerator<Check> {
  const cases = paths.flatMap(readCases);
  for (const given of engines) {
    const engine = typeof given === "string" ? engineByName(given) : given;
    for (const device of devices) {
      await readyDevice(device);
      for (const [i, asked] of dtypes.entries()) {
        for (const reference of cases) {
          const plain = isPlain(reference);
          if (plain && i > 0) continue;
          const dtype = plain ? "f64" : asked;
          // A program under test may have made another device current, and a check may be followed by a long pause.
          useDevice(openDevice(device));
          const verdict = scope(() => judgeAdapted(reference, { engine, dtype }, (site) => checkCase(reference, site)));
          yield { case: reference.name, engine: engine.name, device, dtype, ...verdict };
        }
      }
    }
  }
}

/** The workloads whose programs are written over numbers and arrays, without tensors. */
const PLAIN_WORKLOADS: ReadonlySet<string> = new Set(["hello", "llsq", "det", "ode", "ba", "ht", "particle", "saddle"]);

/** True for programs over JavaScript numbers alone. */
function isPlain(reference: ReferenceCase): boolean {
  return reference.kind === "generality" || (reference.kind === "workload" && PLAIN_WORKLOADS.has(reference.workload));
}

function checkCase(reference: ReferenceCase, site: Site): Verdict {
  switch (reference.kind) {
    case "function":
      return checkFunction(reference.case, site);
    case "model":
      return checkModel(reference.case, site);
    case "generality":
      return checkGenerality(reference.case, site);
    case "workload":
      return checkWorkload(reference, site);
    case "unreadable":
      return { status: "error", worst: null, checks: {}, message: reference.reason };
    default:
      return reference satisfies never;
  }
}
