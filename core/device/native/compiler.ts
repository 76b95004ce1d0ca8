/**
 * The compiler service: C source to a shared library on disk, by the C compiler of the system. An image is made once per source,
 * compiler, flags and CPU, and found in the {@link ImageCache} from then on.
 *
 * The flags keep IEEE arithmetic as it is written: no -ffast-math, nothing that loses a NaN, an infinity, the sign of zero or the
 * order of operations, and no contraction into fused multiply-adds, so that a fused kernel gives the same bits as the kernels
 * that it was fused from (the runtime's own code asks for an FMA by name where it wants one). `-fno-trapping-math` and
 * `-fno-math-errno` only give up exception flags and errno, which nobody reads; with these, branches become vector selects.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { BenchError } from "../../base/errors.ts";
import { ImageCache } from "../image-cache.ts";
import { sourceFolder } from "../source-folder.ts";

export interface Compiler {
  /** The program and its leading arguments: `$CC` may be `ccache gcc`. */
  readonly command: readonly string[];
  /** First line of what it prints for --version. */
  readonly version: string;
  readonly flags: readonly string[];
}

/** The compiler named by `$CC`, else the first of cc, gcc and clang that runs; undefined where there is none. `CC=none` names none. */
export function findCompiler(environment: NodeJS.ProcessEnv = process.env): Compiler | undefined {
  const wanted = environment.CC?.trim();
  for (const name of wanted ? [wanted] : ["cc", "gcc", "clang"]) {
    const command = name.split(/\s+/);
    try {
      const [program, ...leading] = command as [string, ...string[]];
      const stdio = ["ignore", "pipe", "ignore"] as const;
      const output = execFileSync(program, [...leading, "--version"], { encoding: "utf8", env: environment, stdio: [...stdio] });
      return { command, version: output.split("\n", 1)[0] as string, flags: compilerFlags(process.platform, process.arch, cpuFeatures()) };
    } catch {
      // Not installed, or no compiler: the next name.
    }
  }
  return undefined;
}

/** Flags that gcc and clang both know. 512-bit vectors are asked for where the CPU has them, since compilers prefer 256 bits. */
export function compilerFlags(platform: NodeJS.Platform, architecture: string, features: string): readonly string[] {
  return [
    ..."-std=gnu11 -D_GNU_SOURCE -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp-simd".split(" "),
    ..."-shared -fPIC -fvisibility=hidden -pthread".split(" "),
    architecture === "arm64" ? "-mcpu=native" : "-march=native",
    ...(/\bavx512vl\b/.test(features) ? ["-mprefer-vector-width=512"] : []),
    // A library whose threads live is never unmapped: at exit the process would otherwise run into a hole.
    ...(platform === "linux" ? ["-Wl,-z,nodelete"] : []),
  ];
}

/** Model and instruction sets of the CPU: what `-march=native` depends on. */
export function cpuFeatures(): string {
  const model = cpus()[0]?.model ?? process.arch;
  if (!existsSync("/proc/cpuinfo")) return model;
  const flags = /^(?:flags|Features)\s*:.*$/m.exec(readFileSync("/proc/cpuinfo", "utf8"));
  return `${model} ${flags?.[0] ?? ""}`;
}

/** The folder of the C sources and headers that ship with the project. */
export const runtimeFolder: string = sourceFolder("native");

export interface CompileOptions {
  readonly compiler?: Compiler;
  readonly cache?: ImageCache;
  /** Flags after those of the compiler, which they may override. */
  readonly flags?: readonly string[];
  /** Make the image anew even where the cache has one (one that cannot be loaded, say). */
  readonly rebuild?: boolean;
}

let found: { readonly compiler: Compiler | undefined } | undefined;
let ownCache: ImageCache | undefined;

/** The compiler of this process, looked for once. */
export function systemCompiler(): Compiler | undefined {
  found ??= { compiler: findCompiler() };
  return found.compiler;
}

/** The cache of this process. */
export function systemCache(): ImageCache {
  ownCache ??= new ImageCache();
  return ownCache;
}

/**
 * The path of a shared library made from C source; `name` (letters, digits, `-`) tells people what a file is. The source may
 * include the headers of {@link runtimeFolder}. Throws an `environment` error where there is no compiler, a `runtime` error with
 * the compiler's words and the path of the source, which is kept, where it does not compile.
 */
export function compileLibrary(source: string, name: string, options: CompileOptions = {}): string {
  const chosen = options.compiler ?? systemCompiler();
  if (chosen === undefined) {
    throw new BenchError("environment", "no C compiler runs here (looked for $CC, cc, gcc, clang)", {
      advice: "install gcc or clang, name one in CC, or use --device wasm",
    });
  }
  const compiler = { ...chosen, flags: [...chosen.flags, ...(options.flags ?? [])] };
  const cache = options.cache ?? systemCache();
  const key = `${name}-${imageHash(source, compiler)}`;
  const known = options.rebuild ? undefined : cache.find(key);
  return known ?? cache.put(key, build(source, key, compiler, cache));
}

/** Runs the compiler; returns the path of a finished file that is not yet an entry. */
function build(source: string, key: string, compiler: Compiler, cache: ImageCache): string {
  const text = cache.temporary("c");
  const image = cache.temporary("so");
  writeFileSync(text, source);
  const [program, ...leading] = compiler.command as [string, ...string[]];
  try {
    execFileSync(program, [...leading, `-I${runtimeFolder}`, text, ...compiler.flags, "-o", image, "-lm"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 2 ** 26,
    });
    rmSync(text, { force: true });
    return image;
  } catch (error) {
    rmSync(image, { force: true });
    const kept = join(cache.folder, `failed-${key}.c`);
    renameSync(text, kept);
    const { stderr, message } = error as { stderr?: string; message: string };
    const words = (stderr || message).replaceAll(text, kept).trim().split("\n").slice(0, 20).join("\n");
    throw new BenchError("runtime", `${compiler.command.join(" ")} does not compile ${kept}:\n${words}`, {
      advice: "please report this as a bug, with that file; --device wasm needs no compiler",
      cause: error,
    });
  }
}

let runtimeDigest: string | undefined;

function imageHash(source: string, compiler: Compiler): string {
  runtimeDigest ??= digestOfFolder(runtimeFolder);
  const parts = [source, compiler.command.join(" "), compiler.version, compiler.flags.join(" "), cpuFeatures(), runtimeDigest];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** Of the contents of all C files, which any source may include. */
function digestOfFolder(folder: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder).sort())
    if (/\.[ch]$/.test(name))
      hash
        .update(name)
        .update("\0")
        .update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}
