/** The CUDA that is written by hand (runtime/), as text: generated kernels come after it in one program, which needs no header file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sourceFolder } from "../source-folder.ts";

const texts = new Map<string, string>();

/** The headers that a program needs, joined; those that few need cost their compilation time only there. */
export function runtimeText(program: string): string {
  const names = ["kernel", "math"];
  if (program.includes("tg_product<")) names.push("product");
  if (program.includes("tg_polygamma")) names.push("special");
  if (/tg_(cholesky|triangular_solve|solve|determinant|sort_pass)\(/.test(program)) names.push("routines");
  return names.map(text).join("\n");
}

function text(name: string): string {
  let found = texts.get(name);
  if (found === undefined) {
    found = readFileSync(join(sourceFolder("cuda"), `${name}.cuh`), "utf8");
    texts.set(name, found);
  }
  return found;
}
