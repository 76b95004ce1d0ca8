/** The package's root folder, found by walking up to its package.json: the same from source and from the compiled `dist`. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ReportError } from "./failure.ts";

function find(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) || !existsSync(join(folder, "reports", "fonts"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new ReportError("runtime", "the package's own files are not where they should be", "install it again");
    folder = parent;
  }
  return folder;
}

export const packageRoot = find();
