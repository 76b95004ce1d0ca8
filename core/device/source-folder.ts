/** Where the sources are that ship with the project and are compiled on the user's machine. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BenchError } from "../base/errors.ts";

/** The folder `core/device/<device>/runtime`, be this module compiled (`dist/`) or source. */
export function sourceFolder(device: "native" | "cuda"): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, "core", "device", device, "runtime");
    if (existsSync(join(candidate, device === "native" ? "trigrad.h" : "kernel.cuh"))) return candidate;
    if (dirname(folder) === folder)
      throw new BenchError("environment", `the sources of the ${device} runtime are not at ${start} or above it`);
  }
}
