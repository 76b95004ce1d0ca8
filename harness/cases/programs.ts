/** The programs of `programs/`, each the natural TypeScript of one golden program, as text: engines that parse need the source. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../root.ts";
import { Skip } from "./judge.ts";

/** The module whose `f` is the golden program of that name. */
export function programSource(name: string): string {
  const text = textBelow("programs", name);
  if (text === null) throw new Skip(`no program is known by the name ${name}`);
  return text;
}

/** Text of `harness/cases/<folder>/<name>.ts`, null where there is none. Names are taken with dashes for underscores. */
export function textBelow(folder: string, name: string): string | null {
  if (!/^\w+$/.test(name)) return null;
  const file = join(projectRoot, "harness/cases", folder, `${name.replaceAll("_", "-")}.ts`);
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}
