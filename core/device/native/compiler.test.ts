import { execFile } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { BenchError } from "../../base/errors.ts";
import { canCallNative } from "../foreign.ts";
import { cacheFolder, ImageCache } from "../image-cache.ts";
import { type Compiler, compileLibrary, compilerFlags, findCompiler, runtimeFolder } from "./compiler.ts";
import { compileAndLoad } from "./library.ts";

const compiler = findCompiler();
const usable = compiler !== undefined && canCallNative();
if (!usable) console.warn("skipping tests of the compiler service: no C compiler, or no koffi, on this machine");

const folders: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "trigrad-test-"));
  folders.push(path);
  return path;
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

const answer = (value: number) => `#include "trigrad.h"\nTG_EXPORT int answer(void) { return ${value}; }\n`;
const errorOf = (f: () => unknown): BenchError => {
  try {
    f();
  } catch (error) {
    if (error instanceof BenchError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe.skipIf(!usable)("the compiler service", () => {
  test("compiles once, and finds the image after that", () => {
    const cache = new ImageCache(folder());
    const path = compileLibrary(answer(1), "answer", { cache });
    const made = statSync(path).ino;
    expect(compileLibrary(answer(1), "answer", { cache })).toBe(path);
    expect(statSync(path).ino).toBe(made);
    expect(compileLibrary(answer(2), "answer", { cache })).not.toBe(path);
    expect(readdirSync(cache.folder).filter((name) => !name.endsWith(".so"))).toEqual([]);
  });

  test("makes an image for each compiler, each set of flags", () => {
    const cache = new ImageCache(folder());
    const own = compiler as Compiler;
    const path = compileLibrary(answer(1), "answer", { cache });
    expect(compileLibrary(answer(1), "answer", { cache, compiler: { ...own, flags: [...own.flags, "-g"] } })).not.toBe(path);
    expect(compileLibrary(answer(1), "answer", { cache, compiler: { ...own, version: "another" } })).not.toBe(path);
  });

  test.each(["truncated", "changed", "longer", "empty"])("makes an entry that is %s anew", (damage) => {
    const cache = new ImageCache(folder());
    const path = compileLibrary(answer(3), "answer", { cache });
    const sound = readFileSync(path);
    if (damage === "truncated") truncateSync(path, sound.length - 100);
    if (damage === "empty") truncateSync(path, 0);
    if (damage === "longer") appendFileSync(path, "x");
    if (damage === "changed")
      writeFileSync(
        path,
        sound.map((byte, i) => (i === 5000 ? byte ^ 1 : byte)),
      );
    expect(compileAndLoad(answer(3), "answer", { cache }).declare("answer", "int32", [])()).toBe(3);
    expect(readFileSync(path).length).toBe(sound.length);
  });

  test("makes an entry anew that is sealed but that the loader refuses", () => {
    const cache = new ImageCache(folder());
    const path = compileLibrary(answer(4), "answer", { cache });
    const wrong = cache.temporary("so");
    writeFileSync(wrong, "no library, but sealed like one");
    cache.put((path.split("/").at(-1) as string).replace(".so", ""), wrong);
    expect(compileAndLoad(answer(4), "answer", { cache }).declare("answer", "int32", [])()).toBe(4);
  });

  test("tells a compile error in the compiler's words, and keeps the source", () => {
    const cache = new ImageCache(folder());
    const error = errorOf(() => compileLibrary("int f(void) { return missing; }\n", "broken", { cache }));
    expect(error.kind).toBe("runtime");
    expect(error.message).toMatch(/missing/);
    const kept = /(\S+\.c):/.exec(error.message)?.[1] as string;
    expect(readFileSync(kept, "utf8")).toContain("return missing");
    expect(readdirSync(cache.folder)).toHaveLength(1);
  });

  test("evicts the oldest entries when they are too many bytes, never the newest", () => {
    const path = folder();
    const bytes = statSync(compileLibrary(answer(0), "answer", { cache: new ImageCache(path) })).size;
    const cache = new ImageCache(path, bytes * 4.5);
    for (let i = 1; i < 8; i++) {
      const entry = compileLibrary(answer(i), "answer", { cache });
      utimesSync(entry, 1000 + i, 1000 + i);
    }
    const left = readdirSync(path).length;
    expect(left).toBeGreaterThanOrEqual(3);
    expect(left).toBeLessThanOrEqual(4);
    expect(cache.find((compileLibrary(answer(7), "answer", { cache }).split("/").at(-1) as string).replace(".so", ""))).toBeDefined();
  });

  test("several processes may make the same image at once", { timeout: 120_000 }, async () => {
    // Child processes are plain node, so this module is compiled for them, within the project so that koffi is found.
    const out = join(runtimeFolder, "../../../../.cache", `compiler-test-${process.pid}`);
    folders.push(out);
    const run = promisify(execFile);
    const flags = "--target es2023 --module nodenext --types node --strict --skipLibCheck --rewriteRelativeImportExtensions --ignoreConfig";
    const tsc = join(runtimeFolder, "../../../../node_modules/.bin/tsc");
    await run(tsc, [...flags.split(" "), "--rootDir", "core", "--outDir", join(out, "core"), "core/device/native/library.ts"], {
      cwd: join(runtimeFolder, "../../../.."),
    });
    mkdirSync(join(out, "images"));
    writeFileSync(join(out, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(out, "child.js"),
      `import { compileAndLoad } from "./core/device/native/library.js";
       for (let i = 0; i < 3; i++) {
         const source = '#include "trigrad.h"\\nTG_EXPORT int answer(void) { return ' + i + '; }';
         if (compileAndLoad(source, "answer").declare("answer", "int32", [])() !== i) process.exit(1);
       }`,
    );
    const env = { ...process.env, TRIGRAD_CACHE: join(out, "images") };
    await Promise.all(Array.from({ length: 6 }, () => run(process.execPath, [join(out, "child.js")], { env })));
    expect(readdirSync(join(out, "images")).filter((name) => name.endsWith(".so"))).toHaveLength(3);
    expect(readdirSync(join(out, "images"))).toHaveLength(3);
  });
});

describe("finding the compiler", () => {
  test("a machine without one is told so, with the way out", () => {
    const error = errorOf(() => {
      const none = findCompiler({ PATH: folder() });
      expect(none).toBeUndefined();
      compileLibrary("", "nothing", {
        compiler: { command: ["/nonexistent/cc"], version: "", flags: [] },
        cache: new ImageCache(folder()),
      });
    });
    expect(error.message).toMatch(/nonexistent/);
    expect(error.advice).toMatch(/wasm/);
  });

  test("CC=none means none, whatever is installed", () => {
    expect(findCompiler({ ...process.env, CC: "none" })).toBeUndefined();
  });

  test("asks for wide vectors only where the CPU has them, and for nodelete only where the linker knows it", () => {
    expect(compilerFlags("linux", "x64", "avx2 avx512f avx512vl")).toContain("-mprefer-vector-width=512");
    expect(compilerFlags("linux", "x64", "avx2")).not.toContain("-mprefer-vector-width=512");
    expect(compilerFlags("darwin", "arm64", "")).not.toContain("-Wl,-z,nodelete");
    expect(compilerFlags("linux", "arm64", "")).toContain("-mcpu=native");
  });
});

describe("the cache folder", () => {
  test("follows TRIGRAD_CACHE, then XDG_CACHE_HOME", () => {
    const root = folder();
    expect(cacheFolder({ TRIGRAD_CACHE: join(root, "a"), XDG_CACHE_HOME: root })).toBe(join(root, "a"));
    expect(cacheFolder({ XDG_CACHE_HOME: root })).toBe(join(root, "trigrad"));
    expect(existsSync(join(root, "trigrad"))).toBe(true);
  });

  test("is a temporary one where the wanted one cannot be made", () => {
    const file = join(folder(), "file");
    writeFileSync(file, "");
    const instead = cacheFolder({ TRIGRAD_CACHE: join(file, "below") });
    folders.push(instead);
    expect(instead.startsWith(tmpdir())).toBe(true);
    expect(statSync(instead).mode & 0o777).toBe(0o700);
  });
});
