/**
 * `node dist/scripts/compile-kernels.js FOLDER`: CUDA programs that were written there (FAKE_CUDA_DUMP, docs/fake-cuda.md) are compiled by
 * NVIDIA's own compilers, many of them together in a run: by nvcc for every architecture that the device is made for, and by NVRTC, which is
 * what compiles them on a machine with a GPU, for one.
 * No GPU is needed. A compiler that is not here is named with the reason, and nothing is said to be checked by it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CudaCompiler } from "../core/device/cuda/compiler.ts";
import { openCudaLibrary } from "../core/device/cuda/find.ts";
import { runtimeText } from "../core/device/cuda/runtime-text.ts";
import { canCallNative } from "../core/device/foreign.ts";
import { ImageCache } from "../core/device/image-cache.ts";

const [source] = process.argv.slice(2);
const ARCHITECTURES = ["sm_75", "sm_80", "sm_90"];
const NVRTC_ARCHITECTURE = "sm_90";
/** Programs of one run of nvcc. */
const BATCH = 150;

/** Whether a program is the device's: tests of the fake write others by hand, most of them wrong on purpose. */
function isGenerated(program: string): boolean {
  const [, what] = runtimeText("").split("\n", 2);
  return program.split("\n", 2)[1] === what;
}

/** The kernels of a program, which begins with the device's own headers. */
function kernelsOf(program: string): string {
  const headers = runtimeText(program);
  if (!program.startsWith(headers)) throw new Error(`a program in ${source} begins with other headers than this build has: it is older`);
  return program.slice(headers.length);
}

/** The kernels of programs as one text: they are all called k0, k1, …, so those of each get a prefix. */
function joined(programs: readonly string[]): string {
  return programs.map((program, i) => kernelsOf(program).replace(/\bk(?=\d)/g, `p${i}_k`)).join("\n");
}

function byNvcc(programs: readonly string[], folder: string): boolean {
  try {
    execFileSync("nvcc", ["--version"], { stdio: "ignore" });
  } catch {
    console.log("nvcc: left out, it is not on this machine");
    return true;
  }
  const targets = ARCHITECTURES.flatMap((sm) => ["-gencode", `arch=${sm.replace("sm", "compute")},code=${sm}`]);
  const flags = ["-fatbin", ...targets, "--threads", "0", "--fmad=false", "-diag-suppress", "177", "-Werror", "all-warnings"];
  for (let from = 0; from < programs.length; from += BATCH) {
    const file = join(folder, `${from}.cu`);
    const kernels = joined(programs.slice(from, from + BATCH));
    writeFileSync(file, `${runtimeText(kernels)}\n${kernels}`);
    try {
      execFileSync("nvcc", [...flags, "-o", join(folder, "kernels.fatbin"), file], { encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      console.log(`nvcc: ${(error as { stderr: string }).stderr.split("\n").slice(0, 40).join("\n")}`);
      return false;
    }
  }
  console.log(`nvcc: ${programs.length} programs for ${ARCHITECTURES.join(", ")}`);
  return true;
}

function byNvrtc(programs: readonly string[], folder: string): boolean {
  const { TRIGRAD_LIBNVRTC: _, ...environment } = process.env;
  const library = canCallNative() ? openCudaLibrary("nvrtc", 13, environment) : undefined;
  if (library === undefined) {
    console.log("NVRTC: left out, it is not found (CUDA_HOME, the loader's path, NVIDIA's wheels in a Python; see scripts/nvrtc-wheel)");
    return true;
  }
  const compiler = new CudaCompiler(library, NVRTC_ARCHITECTURE, new ImageCache(folder, undefined, ".cubin"));
  for (let from = 0; from < programs.length; from += BATCH) {
    try {
      compiler.image(joined(programs.slice(from, from + BATCH)));
    } catch (error) {
      console.log(`NVRTC: ${(error as Error).message}`);
      return false;
    }
  }
  console.log(`NVRTC ${compiler.version}: ${programs.length} programs for ${NVRTC_ARCHITECTURE}`);
  return true;
}

if (source === undefined) {
  console.error("usage: compile-kernels FOLDER");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "trigrad-kernels-"));
try {
  const all = readdirSync(source)
    .filter((name) => name.endsWith(".cu"))
    .sort()
    .map((name) => readFileSync(join(source, name), "utf8"));
  const programs = all.filter(isGenerated);
  if (programs.length < all.length) console.log(`${all.length - programs.length} programs that tests wrote by hand are left out`);
  // Nothing to check is no success: the tests did not write what they should.
  if (programs.length === 0) throw new Error(`no programs in ${source}`);
  const results = [byNvcc(programs, folder), byNvrtc(programs, folder)];
  process.exitCode = results.every(Boolean) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
