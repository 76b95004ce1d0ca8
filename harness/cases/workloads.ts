/** Checks an instance of a workload. */

import { type Site, Skip, type Verdict } from "./judge.ts";
import type { ReferenceCase } from "./read.ts";

export function checkWorkload({ workload }: Extract<ReferenceCase, { kind: "workload" }>, _site: Site): Verdict {
  throw new Skip(`workload ${workload} not written yet`);
}
