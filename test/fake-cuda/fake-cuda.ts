/**
 * A CUDA driver, NVRTC, cuBLAS and cuDNN that need no GPU and really run the kernels, so that what is wrong with a kernel, a copy or a
 * lifetime fails a test (docs/fake-cuda.md). The C++ of source/ is built once into the cache of the project, by the compiler of the
 * system; where there is none, tests that need it are skipped and say so.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../../core/device/image-cache.ts";

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "source");
const DRIVER = ["context", "guard", "memory", "streams", "graphs", "execute", "modules"];
/** Compiled kernels are thrown away, the oldest first, when they are more than this many bytes together. */
const IMAGE_LIMIT = 256 * 2 ** 20;

export interface FakeCuda {
  /** Paths of the libraries. */
  readonly cuda: string;
  readonly nvrtc: string;
  /** cuBLAS and, as in the real one, cuBLASLt. */
  readonly cublas: string;
  readonly cudnn: string;
  /** Makes the CUDA device of a process use them; more settings are in source/context.cpp and the documentation. */
  readonly environment: Readonly<Record<string, string>>;
}

let found: FakeCuda | { readonly reason: string } | undefined;

/** The fake, built now if need be; undefined where it cannot be, which is printed once. */
export function fakeCuda(): FakeCuda | undefined {
  if (found === undefined) {
    found = build();
    if ("reason" in found) process.stderr.write(`tests on the fake CUDA are skipped: ${found.reason}\n`);
  }
  return "reason" in found ? undefined : found;
}

function build(): FakeCuda | { readonly reason: string } {
  if (process.platform !== "linux") return { reason: "it is for Linux" };
  const compiler = findCompiler();
  if (compiler === undefined) return { reason: "no C++ compiler runs here (looked for $CXX, g++, clang++)" };
  const hash = createHash("sha256").update(SOURCE).update(compiler.command).update(compiler.version);
  for (const name of readdirSync(SOURCE).sort()) hash.update(name).update(readFileSync(join(SOURCE, name)));
  const key = hash.digest("hex").slice(0, 24);
  const folder = join(cacheFolder(), `fake-cuda-${key}`);
  if (!existsSync(folder)) alone(`${folder}.lock`, () => existsSync(folder) || make(folder, key, compiler.command));
  trimImages(join(folder, "images"));
  const at = (name: string) => join(folder, `lib${name}.so`);
  const paths = { cuda: at("cuda"), nvrtc: at("nvrtc"), cublas: at("cublas"), cudnn: at("cudnn") };
  const environment = {
    TRIGRAD_LIBCUDA: paths.cuda,
    TRIGRAD_LIBNVRTC: paths.nvrtc,
    TRIGRAD_LIBCUBLAS: paths.cublas,
    TRIGRAD_LIBCUDNN: paths.cudnn,
  };
  return { ...paths, environment };
}

/** The C++ compiler of the system. */
export function findCompiler(): { readonly command: string; readonly version: string } | undefined {
  for (const command of process.env.CXX ? [process.env.CXX] : ["g++", "clang++"]) {
    try {
      const version = execFileSync(command, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
      return { command, version: version.split("\n", 1)[0] as string };
    } catch {
      // Not installed: the next name.
    }
  }
  return undefined;
}

/** Builds beside `folder` and moves the result there; another process may be first. */
function make(folder: string, key: string, compiler: string): void {
  const temporary = mkdtempSync(join(dirname(folder), "fake-cuda-making-"));
  const flags = "-std=c++17 -O1 -fPIC -shared -fvisibility=hidden -U_FORTIFY_SOURCE -Wall -Wextra -Werror -Wl,-z,nodelete".split(" ");
  const path = (name: string) => join(temporary, name);
  const compile = (library: string, parts: readonly string[], more: readonly string[]) => {
    const sources = parts.map((part) => join(SOURCE, `${part}.cpp`));
    const options = { stdio: ["ignore", "ignore", "pipe"] as ("ignore" | "pipe")[], encoding: "utf8" as const };
    execFileSync(compiler, [...flags, ...sources, "-o", path(library), `-Wl,-soname,${key}-${library}`, ...more, "-ldl"], options);
  };
  // The others call functions of the driver: they find it by its soname, once it is loaded, or beside them.
  const driver = [path("libcuda.so"), "-Wl,-rpath,$ORIGIN"];
  const words = { FAKE_FOLDER: SOURCE, FAKE_COMPILER: compiler, FAKE_CACHE: join(folder, "images"), FAKE_HASH: key };
  try {
    compile("libcuda.so", DRIVER, []);
    compile("libnvrtc.so", ["nvrtc"], [...driver, ...Object.entries(words).map(([name, value]) => `-D${name}="${value}"`)]);
    compile("libcublas.so", ["cublas", "cublas-lt"], [...driver, "-O3"]);
    compile("libcudnn.so", ["cudnn"], [...driver, "-O3"]);
    mkdirSync(path("images"));
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

/** Of several processes that would build the same, one does and the others wait; for a minute, since the one may have died. */
function alone(lock: string, body: () => void): void {
  for (let waited = 0; waited < 600; waited++) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  try {
    body();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function trimImages(folder: string): void {
  const images = readdirSync(folder).map((name) => ({
    path: join(folder, name),
    stat: statSync(join(folder, name), { throwIfNoEntry: false }),
  }));
  let total = images.reduce((n, { stat }) => n + (stat?.size ?? 0), 0);
  if (total <= IMAGE_LIMIT) return;
  for (const { path, stat } of images.sort((a, b) => (a.stat?.mtimeMs ?? 0) - (b.stat?.mtimeMs ?? 0))) {
    if (total <= IMAGE_LIMIT / 2) break;
    rmSync(path, { force: true });
    total -= stat?.size ?? 0;
  }
}
