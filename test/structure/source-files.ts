/** The project's own TypeScript files with their imports, as the parser sees them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";

export const ROOT = normalize(join(dirname(fileURLToPath(import.meta.url)), "../.."));
const FOLDERS = ["core", "rules", "engines", "suites", "peers", "loader", "harness", "reports", "cli", "scripts", "examples", "test"];

export interface SourceFile {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** What it imports: a path from the root, or the bare name of a package. */
  readonly imports: readonly { readonly to: string; readonly typeOnly: boolean }[];
}

export function sourceFiles(): SourceFile[] {
  return FOLDERS.flatMap((folder) => list(join(ROOT, folder))).map((file) => {
    const path = relative(ROOT, file).split(sep).join("/");
    const text = readFileSync(file, "utf8");
    const { module } = parseSync(path, text);
    const specifiers = [
      ...module.staticImports.map((i) => ({
        name: i.moduleRequest.value,
        typeOnly: i.entries.length > 0 && i.entries.every((e) => e.isType),
      })),
      ...module.staticExports
        .flatMap((e) => e.entries)
        .flatMap((e) => (e.moduleRequest ? [{ name: e.moduleRequest.value, typeOnly: e.isType }] : [])),
    ];
    return {
      path,
      text,
      imports: specifiers.map(({ name, typeOnly }) => ({
        to: name.startsWith(".")
          ? normalize(join(dirname(path), name))
              .split(sep)
              .join("/")
          : name,
        typeOnly,
      })),
    };
  });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name.endsWith(".ts") && !e.name.endsWith(".d.ts"))
      .map((e) => join(e.parentPath, e.name))
      .filter((f) => !f.includes(`${sep}data${sep}`));
  } catch {
    return [];
  }
}
