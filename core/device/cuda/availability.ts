/** Whether the CUDA device can be used on this machine, and with which GPU and libraries; found out without taking the GPU. */
import { BenchError } from "../../base/errors.ts";
import { canCallNative } from "../foreign.ts";
import type { Availability } from "../native/availability.ts";
import { CudaCompiler } from "./compiler.ts";
import { chosenGpu, cudaSystem, gpuFacts, noCompiler, noDriver } from "./context.ts";
import { fileOf, openCudaLibrary } from "./find.ts";

let found: Availability | undefined;

/** Looked for once per process. */
export function findCuda(): Availability {
  found ??= look();
  return found;
}

function look(): Availability {
  if (!canCallNative())
    return { available: false, isQuiet: true, detail: "koffi is not installed for this platform (npm ci --include=optional)" };
  try {
    const system = cudaSystem();
    if (system === undefined) return { available: false, isQuiet: true, detail: told(noDriver()) };
    if (system.gpus === 0)
      return { available: false, isQuiet: true, detail: "the NVIDIA driver finds no GPU (see nvidia-smi and CUDA_VISIBLE_DEVICES)" };
    const gpu = gpuFacts(system, chosenGpu());
    const nvrtc = openCudaLibrary("nvrtc", system.major);
    if (nvrtc === undefined) return { available: false, detail: told(noCompiler(system.major)) };
    // Refuses a GPU that is newer than it.
    const { version } = new CudaCompiler(nvrtc, gpu.architecture);
    const cublas = openCudaLibrary("cublas", system.major);
    const products =
      cublas === undefined ? "no cuBLAS: products by our own kernels (pip install nvidia-cublas)" : `cuBLAS ${fileOf(cublas)}`;
    const cudnn = openCudaLibrary("cudnn", system.major);
    const convolutions = cudnn === undefined ? "no cuDNN: convolutions by our own kernels" : `cuDNN ${fileOf(cudnn)}`;
    return {
      available: true,
      detail: `${gpu.name} (${gpu.architecture}), driver for CUDA ${system.version}, NVRTC ${version} ${fileOf(nvrtc)}, ${products}, ${convolutions}`,
    };
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    return { available: false, detail: told(error) };
  }
}

function told(error: BenchError): string {
  return error.advice === undefined ? error.message : `${error.message}; ${error.advice}`;
}
