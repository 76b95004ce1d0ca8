/**
 * Where the project is. The same code runs from `dist/` (compiled) and from the sources (tests), so paths are found from this
 * module's own place: the project root is the nearest folder above it whose package.json names this project.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BenchError } from "../core/base/errors.ts";

const PACKAGE = "trigrad";
const here = fileURLToPath(import.meta.url);

/** Absolute path of the folder that holds package.json and `suites/`. */
export const projectRoot: string = findRoot(dirname(here));

/** The contents of package.json that the harness reads. */
export interface PackageFacts {
  readonly version: string;
  readonly dependencies: readonly string[];
}

export function packageFacts(): PackageFacts {
  const json = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
    version: string;
    dependencies?: Record<string, string>;
  };
  return { version: json.version, dependencies: Object.keys(json.dependencies ?? {}) };
}

/** The version of an installed package, or null. Reads its package.json, so nothing of the package runs. */
export function installedVersion(name: string): string | null {
  const file = join(projectRoot, "node_modules", name, "package.json");
  if (!existsSync(file)) return null;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/**
 * The compiled entry of a child process (harness/<name>.ts): a child is plain node, which does not read TypeScript.
 * Throws an environment error where the project runs from source and is not built.
 */
export function childEntry(name: "child" | "checks-child"): string {
  if (extname(here) === ".js") return join(dirname(here), `${name}.js`);
  const built = join(projectRoot, "dist", "harness", `${name}.js`);
  if (existsSync(built)) return built;
  throw new BenchError("environment", "the project is not built, and cells run in processes of their own", { advice: "run npm run build" });
}

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && (JSON.parse(readFileSync(file, "utf8")) as { name?: string }).name === PACKAGE) return folder;
    if (dirname(folder) === folder) throw new BenchError("environment", `no package.json of ${PACKAGE} in ${start} or above it`);
  }
}
