/**
 * What NVIDIA's headers say about the functions and constants that the CUDA device uses: the C++ compiler of the system is given the
 * real headers and asked for types, values and sizes, so that a wrong constant of ours is not believed by a fake of ours. Headers are
 * looked for in CUDA_HOME, /usr/local/cuda and NVIDIA's wheels for Python; each that is missing is named.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NVRTC_FUNCTIONS } from "../core/device/cuda/compiler.ts";
import { CUBLAS_CONSTANTS, CUBLAS_FUNCTIONS } from "../core/device/cuda/cublas.ts";
import { CUBLASLT_CONSTANTS, CUBLASLT_FUNCTIONS, HEURISTIC_RESULT } from "../core/device/cuda/cublas-lt.ts";
import { ALGO_PERF, CUDNN_CONSTANTS, CUDNN_FUNCTIONS } from "../core/device/cuda/cudnn.ts";
import { DRIVER_CONSTANTS, DRIVER_FUNCTIONS, STICKY_ERRORS } from "../core/device/cuda/driver.ts";
import { wheelFolders } from "../core/device/cuda/find.ts";
import { VERSION_CONSTANTS, VERSION_FUNCTIONS } from "../core/device/cuda/versions.ts";
import type { NativeType } from "../core/device/foreign.ts";

interface Header {
  readonly file: string;
  readonly functions: Readonly<Record<string, readonly NativeType[]>>;
  readonly constants: Readonly<Record<string, number>>;
  /** C expressions of sizes and places within structs, and what we take them for. */
  readonly sizes: Readonly<Record<string, number>>;
}

const perf = (which: string) => {
  const type = `cudnnConvolution${which}AlgoPerf_t`;
  return {
    [`sizeof(${type})`]: ALGO_PERF.bytes,
    [`offsetof(${type}, algo)`]: ALGO_PERF.algo,
    [`offsetof(${type}, status)`]: ALGO_PERF.status,
    [`offsetof(${type}, memory)`]: ALGO_PERF.memory,
    [`offsetof(${type}, determinism)`]: ALGO_PERF.determinism,
  };
};

export const HEADERS: readonly Header[] = [
  {
    file: "cuda.h",
    functions: DRIVER_FUNCTIONS,
    constants: { ...DRIVER_CONSTANTS, ...STICKY_ERRORS },
    sizes: { "sizeof(CUdeviceptr)": 8 },
  },
  { file: "nvrtc.h", functions: NVRTC_FUNCTIONS, constants: {}, sizes: {} },
  {
    file: "cublas_v2.h",
    functions: { ...CUBLAS_FUNCTIONS, cublasGetProperty: VERSION_FUNCTIONS.cublasGetProperty },
    constants: { ...CUBLAS_CONSTANTS, ...VERSION_CONSTANTS },
    sizes: {},
  },
  {
    file: "cublasLt.h",
    functions: CUBLASLT_FUNCTIONS,
    constants: CUBLASLT_CONSTANTS,
    sizes: {
      "sizeof(cublasLtMatmulHeuristicResult_t)": HEURISTIC_RESULT.bytes,
      "offsetof(cublasLtMatmulHeuristicResult_t, algo)": HEURISTIC_RESULT.algo,
      "sizeof(cublasLtMatmulAlgo_t)": HEURISTIC_RESULT.algoBytes,
      "offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize)": HEURISTIC_RESULT.workspaceSize,
      "offsetof(cublasLtMatmulHeuristicResult_t, state)": HEURISTIC_RESULT.state,
    },
  },
  {
    file: "cudnn.h",
    functions: CUDNN_FUNCTIONS,
    constants: CUDNN_CONSTANTS,
    sizes: { ...perf("Fwd"), ...perf("BwdData"), ...perf("BwdFilter") },
  },
];

/** The letters of what a parameter may be in C: p pointer, i 32-bit integer, b a byte (which travels as one), l 64-bit integer, f float, d double. */
const LETTERS: Record<NativeType, string> = {
  void: "v",
  int32: "ib",
  int64: "l",
  f32: "f",
  f64: "d",
  address: "pl",
  data: "p",
  string: "p",
  strings: "p",
};

/** What our tables say otherwise than these facts, in words. Facts of headers that were not there are not asked for. */
export function disagreements(facts: readonly string[], headers: readonly Header[] = HEADERS): string[] {
  const known = new Map(facts.map((line) => [line.slice(0, line.lastIndexOf(" = ")), line.slice(line.lastIndexOf(" = ") + 3)]));
  const isThere = ({ file }: Header) => facts.includes(`header ${file} = 1`);
  return headers.filter(isThere).flatMap(({ functions, constants, sizes }) => [
    ...Object.entries(functions).flatMap(([name, types]) => {
      const letters = known.get(`function ${name}`);
      const fits =
        letters?.length === types.length + 1 && letters[0] === "i" && types.every((t, i) => LETTERS[t].includes(letters[i + 1] as string));
      return fits ? [] : [`${name}(${types.join(", ")}) is ${letters ?? "not there"}`];
    }),
    ...Object.entries(constants).flatMap(([name, value]) =>
      known.get(`constant ${name}`) === `${value}` ? [] : [`${name} is ${known.get(`constant ${name}`) ?? "not there"}, not ${value}`],
    ),
    ...Object.entries(sizes).flatMap(([what, value]) =>
      known.get(what) === `${value}` ? [] : [`${what} is ${known.get(what) ?? "not there"}, not ${value}`],
    ),
  ]);
}

function program(headers: readonly Header[]): string {
  return [
    ...headers.map(({ file }) => `#include <${file}>`),
    "#include <cstddef>",
    "#include <cstdio>",
    "#include <type_traits>",
    "template <class T> constexpr char letter() {",
    "  if constexpr (std::is_void_v<T>) return 'v';",
    "  else if constexpr (std::is_pointer_v<T>) return 'p';",
    "  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? 'f' : 'd';",
    "  else return sizeof(T) == 4 ? 'i' : sizeof(T) == 8 ? 'l' : sizeof(T) == 1 ? 'b' : '?';",
    "}",
    "template <class F> struct Shown;",
    "template <class R, class... A> struct Shown<R (*)(A...)> {",
    '  static void print(const char *name) { printf("function %s = %c", name, letter<R>()); (putchar(letter<A>()), ...); puts(""); }',
    "};",
    "int main() {",
    ...headers.flatMap(({ file, functions, constants, sizes }) => [
      `  puts("header ${file} = 1");`,
      ...Object.keys(functions).map((name) => `  Shown<decltype(&${name})>::print("${name}");`),
      ...Object.keys(constants).map((name) => `  printf("constant ${name} = %lld\\n", (long long)${name});`),
      ...Object.keys(sizes).map((what) => `  printf("${what} = %lld\\n", (long long)(${what}));`),
    ]),
    "}",
    "",
  ].join("\n");
}

/** The facts of all headers that are here, sorted, and why the others are left out. */
export function headerFacts(environment: NodeJS.ProcessEnv = process.env): {
  readonly facts: readonly string[];
  readonly missing: readonly string[];
} {
  const roots = [environment.CUDA_HOME, environment.CUDA_PATH, "/usr/local/cuda"].filter(
    (root) => root !== undefined && root !== "",
  ) as string[];
  const folders = [...roots.map((root) => join(root, "include")), ...wheelFolders(environment, "include")].filter((folder) =>
    existsSync(folder),
  );
  const found = HEADERS.filter(({ file }) => folders.some((folder) => existsSync(join(folder, file))));
  const missing = HEADERS.filter((h) => !found.includes(h)).map(({ file }) => `${file} is not on this machine`);
  if (found.length === 0) return { facts: [], missing };
  const work = mkdtempSync(join(tmpdir(), "trigrad-headers-"));
  try {
    const [source, result] = [join(work, "facts.cpp"), join(work, "facts")];
    writeFileSync(source, program(found));
    const flags = ["-std=c++17", "-w", ...folders.flatMap((folder) => ["-I", folder]), "-o", result, source];
    execFileSync(environment.CXX ?? "g++", flags, { stdio: "pipe", encoding: "utf8" });
    return { facts: execFileSync(result, { encoding: "utf8" }).trim().split("\n").sort(), missing };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
