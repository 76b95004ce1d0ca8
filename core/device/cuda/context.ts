/**
 * What the CUDA device works with: the driver, one GPU with its primary context, one stream, and the compiler for its architecture.
 * The GPU is number 0, or the one that `$TRIGRAD_CUDA_DEVICE` names by its number.
 */
import { BenchError } from "../../base/errors.ts";
import type { Library } from "../foreign.ts";
import { readText } from "../foreign.ts";
import { CudaCompiler } from "./compiler.ts";
import { DRIVER_CONSTANTS, Driver } from "./driver.ts";
import { OLDEST_CUDA, openCudaLibrary } from "./find.ts";

export interface Gpu {
  readonly number: number;
  readonly name: string;
  /** As `sm_90`. */
  readonly architecture: string;
  readonly processors: number;
  readonly memoryBytes: number;
  /** True where memory can be allocated in the order of a stream. */
  readonly hasMemoryPools: boolean;
}

export interface CudaContext {
  readonly driver: Driver;
  readonly gpu: Gpu;
  /** As `13.0`. */
  readonly driverVersion: string;
  readonly stream: number;
  readonly compiler: CudaCompiler;
  readonly cublas: Library | undefined;
  readonly cudnn: Library | undefined;
}

/** CUDA as far as it can be told without taking a GPU: the driver, and how many GPUs there are. */
export interface CudaSystem {
  readonly driver: Driver;
  readonly major: number;
  readonly version: string;
  readonly gpus: number;
}

/** Undefined where there is no driver at all. Throws an `environment` error where there is one that cannot be used. */
export function cudaSystem(environment: NodeJS.ProcessEnv = process.env): CudaSystem | undefined {
  const library = openCudaLibrary("driver", 0, environment);
  if (library === undefined) return undefined;
  const driver = new Driver(library);
  driver.call("cuDriverGetVersion", driver.cell);
  const number = driver.foundInteger;
  const [major, version] = [Math.floor(number / 1000), `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`];
  if (major < OLDEST_CUDA) {
    throw new BenchError("environment", `the NVIDIA driver is too old: it serves CUDA ${version}, and ${OLDEST_CUDA}.0 is needed`, {
      advice: "update the driver of the GPU",
    });
  }
  const status = driver.attempt("cuInit", 0);
  if (status === DRIVER_CONSTANTS.CUDA_ERROR_NO_DEVICE) return { driver, major, version, gpus: 0 };
  if (status !== 0)
    throw new BenchError("environment", driver.failure(status, "cuInit").message, { advice: "see nvidia-smi, and bench doctor" });
  driver.call("cuDeviceGetCount", driver.cell);
  return { driver, major, version, gpus: driver.foundInteger };
}

/** The number of the GPU to use. */
export function chosenGpu(environment: NodeJS.ProcessEnv = process.env): number {
  const text = environment.TRIGRAD_CUDA_DEVICE?.trim();
  if (text === undefined || text === "") return 0;
  if (!/^\d+$/.test(text)) throw new BenchError("environment", `TRIGRAD_CUDA_DEVICE is ${text}, and has to be the number of a GPU`);
  return Number(text);
}

/** Facts of a GPU. Throws an `environment` error where there are not as many. */
export function gpuFacts({ driver, gpus }: CudaSystem, number: number): Gpu {
  if (number >= gpus) {
    throw new BenchError(
      "environment",
      gpus === 0 ? "the NVIDIA driver finds no GPU" : `there is no GPU ${number}: the driver finds ${gpus}`,
      {
        advice: "see nvidia-smi, CUDA_VISIBLE_DEVICES and TRIGRAD_CUDA_DEVICE",
      },
    );
  }
  const handle = handleOf(driver, number);
  const attribute = (id: number) => {
    driver.call("cuDeviceGetAttribute", driver.cell, id, handle);
    return driver.foundInteger;
  };
  driver.call("cuDeviceGetName", driver.cell, 64, handle);
  const name = readText(driver.cell, 64);
  driver.call("cuDeviceTotalMem_v2", driver.cell, handle);
  const memoryBytes = driver.found;
  return {
    number,
    name,
    architecture: `sm_${attribute(ATTRIBUTE.major)}${attribute(ATTRIBUTE.minor)}`,
    processors: attribute(ATTRIBUTE.processors),
    memoryBytes,
    hasMemoryPools: attribute(ATTRIBUTE.memoryPools) !== 0,
  };
}

const ATTRIBUTE = {
  processors: DRIVER_CONSTANTS.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
  major: DRIVER_CONSTANTS.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
  minor: DRIVER_CONSTANTS.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
  memoryPools: DRIVER_CONSTANTS.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED,
} as const;

/** Takes a GPU. Throws an `environment` error that says what is missing. */
export function openContext(number: number): CudaContext {
  const system = cudaSystem();
  if (system === undefined) throw noDriver();
  const { driver, major, version } = system;
  const gpu = gpuFacts(system, number);
  const nvrtc = openCudaLibrary("nvrtc", major);
  if (nvrtc === undefined) throw noCompiler(major);
  driver.call("cuDevicePrimaryCtxRetain", driver.cell, handleOf(driver, number));
  driver.call("cuCtxSetCurrent", driver.found);
  driver.call("cuStreamCreate", driver.cell, DRIVER_CONSTANTS.CU_STREAM_NON_BLOCKING);
  const stream = driver.found;
  const compiler = new CudaCompiler(nvrtc, gpu.architecture);
  // cuDNN needs libraries that come with cuBLAS: it finds those that are open.
  const cublas = openCudaLibrary("cublas", major);
  return { driver, gpu, driverVersion: version, stream, compiler, cublas, cudnn: openCudaLibrary("cudnn", major) };
}

function handleOf(driver: Driver, number: number): number {
  driver.call("cuDeviceGet", driver.cell, number);
  return driver.foundInteger;
}

export function noDriver(): BenchError {
  return new BenchError("environment", "no NVIDIA driver is here (libcuda.so.1)", { advice: "install the driver of an NVIDIA GPU" });
}

export function noCompiler(major: number): BenchError {
  return new BenchError("environment", `NVRTC, which compiles kernels, is not found (libnvrtc.so.${major} or older)`, {
    advice: `install the CUDA toolkit and set CUDA_HOME, or pip install nvidia-cuda-nvrtc${major === 12 ? "-cu12" : ""} nvidia-cublas${major === 12 ? "-cu12" : ""}`,
  });
}
