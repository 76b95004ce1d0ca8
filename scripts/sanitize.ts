/**
 * `npm run sanitize [-- address | thread] [test files]`: the tests of the native device with its runtime and all kernels compiled for
 * AddressSanitizer and UndefinedBehaviorSanitizer, then for ThreadSanitizer, whose libraries are loaded into Node before anything else.
 * Prints what they found and ends with 1 where there is anything. First a fault is made on purpose in the same way: where it is not
 * reported, or a sanitizer is not there, that half is skipped and says why. Ten minutes or so, most of them the C compiler's.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Compiler, findCompiler } from "../core/device/native/compiler.ts";
import { compileAndLoad } from "../core/device/native/library.ts";

type Kind = "address" | "thread";

/** Not those that compile nothing of ours, and not the process that ends fifty times. */
const TESTS = [
  ...["convolution", "device", "gemm", "routines", "vector-math"].map((name) => `core/device/native/${name}.test.ts`),
  ...["kernels", "overlap", "epilogue", "convolution-epilogue"].map((name) => `core/device/${name}.test.ts`),
  "test/compile/whole-part.test.ts",
];

const FLAGS: Record<Kind, string> = { address: "-fsanitize=address,undefined", thread: "-fsanitize=thread" };

const FAULTS: Record<Kind, string> = {
  address: `#include <stdlib.h>
    #include "trigrad.h"
    TG_EXPORT int32_t fault(void) { volatile int64_t *p = malloc(64); p[8] = 1; return (int32_t)p[0]; }`,
  thread: `#include <pthread.h>
    #include "trigrad.h"
    static int64_t count;
    static void *add(void *times) { for (int64_t i = 0; i < *(int64_t *)times; i++) *(volatile int64_t *)&count += i; return 0; }
    TG_EXPORT int32_t fault(void) {
      int64_t times = 10000;
      pthread_t a, b;
      pthread_create(&a, 0, add, &times), pthread_create(&b, 0, add, &times);
      pthread_join(a, 0), pthread_join(b, 0);
      return (int32_t)count;
    }`,
};

function architecture(): string {
  return process.arch === "arm64" ? "aarch64" : "x86_64";
}

const isClang = ({ version }: Compiler) => version.includes("clang");

/** A sanitizer as a library of its own, by the name that gcc or clang gives it. */
function libraryName(compiler: Compiler, kind: Kind): string {
  const short = kind === "address" ? "asan" : "tsan";
  return isClang(compiler) ? `libclang_rt.${short}-${architecture()}.so` : `lib${short}.so`;
}

/** Its path, where the compiler has one that other programs can load. */
function libraryOf(compiler: Compiler, kind: Kind): string | undefined {
  const [program, ...leading] = compiler.command as [string, ...string[]];
  const path = execFileSync(program, [...leading, `-print-file-name=${libraryName(compiler, kind)}`], { encoding: "utf8" }).trim();
  return path.includes("/") && existsSync(path) ? path : undefined;
}

interface Setting {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** What Node is started by. */
  readonly command: readonly [string, ...string[]];
}

function settingOf(kind: Kind, compiler: Compiler, library: string): Setting {
  const folder = mkdtempSync(join(tmpdir(), "sanitize-"));
  const options = (...own: string[]) => [`log_path=${join(folder, "report")}`, ...own].join(":");
  // Threads have shadow memory at fixed places, which a random layout of the process may hold already.
  const isPinned = kind === "thread" && spawnSync("setarch", ["-R", "true"]).status === 0;
  const shared = isClang(compiler) ? " -shared-libsan" : "";
  return {
    folder,
    command: isPinned ? ["setarch", "-R", process.execPath] : [process.execPath],
    environment: {
      ...process.env,
      CC: `${compiler.command.join(" ")} -g ${FLAGS[kind]}${shared}`,
      XDG_CACHE_HOME: folder,
      LD_PRELOAD: library,
      // Node never gives back what it has until it ends, and takes memory in ways that are its own business.
      ASAN_OPTIONS: options("detect_leaks=0", "allocator_may_return_null=1", "alloc_dealloc_mismatch=0", "detect_odr_violation=0"),
      UBSAN_OPTIONS: options("print_stacktrace=1"),
      TSAN_OPTIONS: options("exitcode=0", "report_signal_unsafe=0", "detect_deadlocks=0"),
      ...(kind === "thread" && { TRIGRAD_THREADS: process.env.TRIGRAD_THREADS ?? "3" }),
    },
  };
}

const OUTPUT = "report-output";
/** Milliseconds that a test may take: what is watched runs several times slower. */
const PATIENCE = "600000";
const IMAGE = /[\w-]+-[0-9a-f]{32}\.so/;

/** The reports so far that are of our code, each text once. */
function findings({ folder }: Setting): string[] {
  const texts = readdirSync(folder).filter((name) => name.startsWith("report"));
  const reports = texts.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    if (text.includes("ERROR: AddressSanitizer")) return [text];
    if (!text.includes("ThreadSanitizer")) return text.split(/^(?=\S+:\d+:\d+: runtime error)/m).filter((r) => r.includes("runtime error"));
    // Node is not compiled for it, so most of its own reports mean nothing; and glibc reuses the memory of threads that ended.
    const isOurs = (r: string) =>
      IMAGE.test(r.split(/^ {2}(?:Location|Thread|As if|Mutex)/m)[0] as string) && !r.includes("_dl_deallocate_tls");
    return text.split("==================").filter(isOurs);
  });
  return [...new Map(reports.map((r) => [r.replaceAll(/0x[0-9a-f]+|pid=\d+|==\d+==/g, ""), resolved(r.trim(), folder)])).values()];
}

/** A report with functions and lines in place of offsets into images. */
function resolved(report: string, folder: string): string {
  return report.replaceAll(/<null> <null> \(([\w-]+-[0-9a-f]{32}\.so)\+(0x[0-9a-f]+)\)/g, (frame, image: string, offset: string) => {
    const found = spawnSync("addr2line", ["-f", "-p", "-e", join(folder, "trigrad", image), offset], { encoding: "utf8" });
    return found.status === 0 ? found.stdout.trim() : frame;
  });
}

/** What is printed is kept with the reports, among which UndefinedBehaviorSanitizer's may be. */
function run({ command: [program, ...leading], environment, folder }: Setting, args: readonly string[]): boolean {
  const output = openSync(join(folder, OUTPUT), "w");
  const { status } = spawnSync(program, [...leading, ...args], { env: environment, stdio: ["ignore", output, output] });
  closeSync(output);
  return status === 0;
}

/** Whether all is well; a half that cannot be done is. */
function sanitize(kind: Kind, tests: readonly string[]): boolean {
  const skip = (why: string) => {
    console.log(`${kind}: skipped, ${why}`);
    return true;
  };
  if (process.platform !== "linux") return skip("made for Linux");
  const compiler = findCompiler();
  if (compiler === undefined) return skip("no C compiler runs here");
  const library = libraryOf(compiler, kind);
  if (library === undefined) return skip(`${compiler.version} has no ${libraryName(compiler, kind)}`);
  const trial = settingOf(kind, compiler, library);
  run(trial, [fileURLToPath(import.meta.url), "fault", kind]);
  const isReported = findings(trial).length > 0;
  rmSync(trial.folder, { recursive: true, force: true });
  if (!isReported) return skip(`a fault made on purpose was not reported with ${library}`);

  const setting = settingOf(kind, compiler, library);
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const passed = run(setting, [vitest, "run", "--testTimeout", PATIENCE, "--hookTimeout", PATIENCE, ...tests]);
  if (!passed) console.log(readFileSync(join(setting.folder, OUTPUT), "utf8").split("\n").slice(-60).join("\n"));
  const found = findings(setting);
  rmSync(setting.folder, { recursive: true, force: true });
  for (const report of found) console.log(`\n${report}`);
  console.log(
    `${kind}: ${found.length} ${found.length === 1 ? "finding" : "findings"}, tests ${passed ? "passed" : "failed"} (${compiler.version})`,
  );
  return passed && found.length === 0;
}

const [first, ...rest] = process.argv.slice(2);
if (first === "fault") {
  compileAndLoad(FAULTS[rest[0] as Kind], "fault").declare("fault", "int32", [])();
} else {
  const isKind = first === "address" || first === "thread";
  const given = isKind ? rest : process.argv.slice(2);
  const kinds: readonly Kind[] = isKind ? [first] : ["address", "thread"];
  const tests = given.length > 0 ? given : TESTS;
  process.exitCode = kinds.map((kind) => sanitize(kind, tests)).every((well) => well) ? 0 : 1;
}
