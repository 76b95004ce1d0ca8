/** What the device says and does when something is missing or goes wrong. The last test leaves the process without a device. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import { BenchError } from "../../base/errors.ts";
import { describeLaunch } from "../../kernel/lower.ts";
import { load, unary } from "../../kernel/scalar-expr.ts";
import { Library } from "../foreign.ts";
import { ImageCache } from "../image-cache.ts";
import { CudaCompiler } from "./compiler.ts";
import { openContext } from "./context.ts";
import { createCuda } from "./device.ts";
import { candidates, openCudaLibrary } from "./find.ts";
import { versionOf } from "./versions.ts";

const folder = mkdtempSync(join(tmpdir(), "trigrad-cuda-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const onFake = cuda.available && process.env.TRIGRAD_TEST_GPU !== "1";
const SETTINGS = [
  "FAKE_CUDA_DEVICES",
  "FAKE_CUDA_DRIVER",
  "FAKE_CUDA_ARCH",
  "FAKE_CUDA_MEMORY",
  "FAKE_CUDA_FAIL_LAUNCH",
  "TRIGRAD_CUDA_DEVICE",
];

function errorOf(f: () => unknown): BenchError {
  try {
    f();
  } catch (error) {
    if (error instanceof BenchError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const negate = describeLaunch({
  extents: [64],
  operands: [{ dtype: "f32", strides: [1], input: 0 }],
  output: { dtype: "f32", strides: [1] },
  result: unary("neg", load(0, "f32")),
});

describe("finding CUDA's libraries", () => {
  const touch = (path: string) => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), "");
    return join(folder, path);
  };

  it("looks under CUDA_HOME, then by the loader, then in wheels, the newest version first that the driver serves", () => {
    const toolkit = touch("toolkit/lib64/libnvrtc.so.13");
    const wheel13 = touch("venv/lib/python3.11/site-packages/nvidia/cu13/lib/libnvrtc.so.13");
    const wheel12 = touch("venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
    const environment = { CUDA_HOME: join(folder, "toolkit"), VIRTUAL_ENV: join(folder, "venv"), PATH: "" };
    const ours = (major: number) => candidates("nvrtc", major, environment).filter((p) => p.startsWith(folder) || !p.includes("/"));
    expect(ours(13)).toEqual([toolkit, "libnvrtc.so.13", wheel13, "libnvrtc.so.12", wheel12]);
    expect(ours(12)).toEqual(["libnvrtc.so.12", wheel12]);
  });

  it.runIf(onFake)("tells the versions of libraries without a GPU", () => {
    const names = ["driver", "nvrtc", "cublas", "cudnn"] as const;
    const versions = names.map((name) => versionOf(name, openCudaLibrary(name, 13) as Library));
    expect(versions).toEqual(["CUDA 13.0", "13.0", "13.0.0", "9.14.0"]);
    process.env.FAKE_CUDA_CUDNN = "8907";
    expect(versionOf("cudnn", openCudaLibrary("cudnn", 13) as Library)).toBe("8.9.7");
    delete process.env.FAKE_CUDA_CUDNN;
  });

  it("takes a named file, refuses one that does not load, and an empty name for none", () => {
    expect(openCudaLibrary("cublas", 13, { TRIGRAD_LIBCUBLAS: "" })).toBeUndefined();
    const wrong = touch("wrong.so");
    const error = errorOf(() => openCudaLibrary("nvrtc", 13, { TRIGRAD_LIBNVRTC: wrong }));
    expect(error.message).toContain("TRIGRAD_LIBNVRTC names");
    expect(error.kind).toBe("environment");
  });
});

describe.runIf(onFake)("the CUDA device without what it needs", () => {
  afterEach(() => {
    for (const name of SETTINGS) delete process.env[name];
  });

  it("says that there is no GPU, or not as many", () => {
    process.env.FAKE_CUDA_DEVICES = "0";
    expect(errorOf(() => openContext(0))).toMatchObject({ kind: "environment", message: "the NVIDIA driver finds no GPU" });
    delete process.env.FAKE_CUDA_DEVICES;
    process.env.TRIGRAD_CUDA_DEVICE = "3";
    expect(errorOf(() => createCuda()).message).toBe("there is no GPU 3: the driver finds 1");
    process.env.TRIGRAD_CUDA_DEVICE = "first";
    expect(errorOf(() => createCuda()).message).toMatch("has to be the number of a GPU");
  });

  it("says that the driver is too old, and that NVRTC does not know the GPU", () => {
    process.env.FAKE_CUDA_DRIVER = "11080";
    expect(errorOf(() => openContext(0)).message).toMatch("the NVIDIA driver is too old: it serves CUDA 11.8, and 12.0 is needed");
    delete process.env.FAKE_CUDA_DRIVER;
    const nvrtc = new Library(process.env.TRIGRAD_LIBNVRTC as string);
    const error = errorOf(() => new CudaCompiler(nvrtc, "sm_20", new ImageCache(folder, undefined, ".cubin")));
    expect(error.message).toMatch(/^NVRTC 13.0 \(.*\) does not know sm_20$/);
  });

  it("shows the log of a text that does not compile, the line, and keeps the text", () => {
    const nvrtc = new Library(process.env.TRIGRAD_LIBNVRTC as string);
    const compiler = new CudaCompiler(nvrtc, "sm_90", new ImageCache(folder, undefined, ".cubin"));
    const error = errorOf(() => compiler.image('extern "C" __global__ void f(float *x) { x[0] = missing(1); }'));
    expect(error.message).toMatch(/missing[\s\S]*\d+ \| extern "C" __global__ void f/);
    const kept = /(\S+\.cu) /.exec(error.message)?.[1] as string;
    expect(readFileSync(kept, "utf8")).toContain("missing(1)");
  });

  it("makes an image once", () => {
    const nvrtc = new Library(process.env.TRIGRAD_LIBNVRTC as string);
    const text = 'extern "C" __global__ void f(float *x) { x[0] = 1; }';
    const first = new CudaCompiler(nvrtc, "sm_90", new ImageCache(folder, undefined, ".cubin")).image(text);
    const broken = { has: () => false, path: nvrtc.path, declare: nvrtc.declare.bind(nvrtc) } as unknown as Library;
    const cached = new CudaCompiler(broken, "sm_90", new ImageCache(folder, undefined, ".cubin"));
    expect(cached.image(text).equals(first)).toBe(true);
  });

  it("runs out of the GPU's memory with the numbers, and is usable afterwards", () => {
    process.env.FAKE_CUDA_MEMORY = String(96 * 2 ** 20);
    const device = createCuda();
    const held = [16, 16].map((mebibytes) => device.alloc(mebibytes * 2 ** 20));
    const error = errorOf(() => device.alloc(80 * 2 ** 20));
    expect(error.kind).toBe("out-of-memory");
    expect(error.message).toMatch(/^out of memory on cuda: 80.0 MiB asked for, 32.0 MiB live in 2 buffers/);
    for (const address of held) device.free(address, 16 * 2 ** 20);
    // What waits in the pool is given back for a block of another size.
    const large = device.alloc(40 * 2 ** 20);
    device.upload(
      large,
      Float32Array.from({ length: 64 }, (_, i) => i),
    );
    device.prepare(negate)(large, large);
    expect(device.download(large, "f32", 64)[63]).toBe(-63);
    device.free(large, 40 * 2 ** 20);
  });

  it("tells a fault of a kernel once, with its name, and refuses everything after that", () => {
    const device = createCuda();
    const at = device.alloc(256);
    device.upload(at, new Float32Array(64));
    const run = device.prepare(negate);
    run(at, at);
    device.sync();
    const launches = new Library(process.env.TRIGRAD_LIBCUDA as string).declare("fakeCudaCount", "int64", ["string"])("launches");
    process.env.FAKE_CUDA_FAIL_LAUNCH = String(launches + 1);
    run(at, at);
    const error = errorOf(() => device.sync());
    expect(error.message).toMatch(/^CUDA failed in cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS \(700\)/);
    expect(error.advice).toContain("CUDA_LAUNCH_BLOCKING=1");
    for (const f of [() => device.alloc(64), () => device.download(at, "f32", 1), () => device.prepare(negate), () => run(at, at)])
      expect(errorOf(f).message).toMatch(/^the cuda device cannot be used any more: CUDA failed in cuStreamSynchronize/);
  });
});
