/** The engines that there are. A new engine is a folder with an `engine.ts` and one line here. */
import { BenchError } from "../core/base/errors.ts";
import type { Engine } from "./engine.ts";
import { graph } from "./graph/engine.ts";
import { programTransform } from "./program-transform/engine.ts";
import { tape } from "./tape/engine.ts";

export const engines: readonly Engine[] = [tape, graph, programTransform];

/** The engine of that name; an unknown name is a usage error that lists those that exist. */
export function engineByName(name: string): Engine {
  const found = engines.find((e) => e.name === name);
  if (found === undefined)
    throw new BenchError("usage", `there is no engine "${name}"`, { advice: `engines: ${engines.map((e) => e.name).join(", ")}, all` });
  return found;
}
