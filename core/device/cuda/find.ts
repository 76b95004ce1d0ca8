/**
 * Where the libraries of CUDA are: named by an environment variable, under CUDA_HOME or CUDA_PATH, on the loader's path, inside
 * NVIDIA's wheels for Python, or in /usr/local/cuda. Nothing is installed and no other program is run to find them.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { BenchError } from "../../base/errors.ts";
import { Library } from "../foreign.ts";

export type CudaLibraryName = "driver" | "nvrtc" | "cublas" | "cudnn";

interface Wanted {
  /** The environment variable that names the file; empty: there is none. */
  readonly variable: string;
  /** Its names, the best first; `major` is that of CUDA. */
  readonly files: (major: number) => readonly string[];
  /** True where the name says nothing about the version of CUDA. */
  readonly isUnversioned?: boolean;
  /** What it needs from its own folder and finds by name only: loaded before it, with global symbols. */
  readonly before: RegExp | undefined;
}

const WANTED: Record<CudaLibraryName, Wanted> = {
  driver: { variable: "TRIGRAD_LIBCUDA", files: () => ["libcuda.so.1", "libcuda.so"], isUnversioned: true, before: undefined },
  nvrtc: { variable: "TRIGRAD_LIBNVRTC", files: (m) => [`libnvrtc.so.${m}`], before: /^libnvrtc-builtins\.so\.[\d.]+$/ },
  cublas: { variable: "TRIGRAD_LIBCUBLAS", files: (m) => [`libcublas.so.${m}`], before: /^libcublasLt\.so\.\d+$/ },
  // It finds its other parts beside itself.
  cudnn: { variable: "TRIGRAD_LIBCUDNN", files: () => ["libcudnn.so.9", "libcudnn.so.8"], isUnversioned: true, before: undefined },
};

/** The oldest version of CUDA whose driver is enough. */
export const OLDEST_CUDA = 12;
/** The newest whose libraries are looked for. */
export const NEWEST_CUDA = 13;

/** Opens a library; undefined where there is none. `major`: the driver's version of CUDA, which libraries may not exceed. */
export function openCudaLibrary(name: CudaLibraryName, major: number, environment: NodeJS.ProcessEnv = process.env): Library | undefined {
  const { variable, before } = WANTED[name];
  const named = environment[variable];
  if (named === "") return undefined;
  for (const path of named === undefined ? candidates(name, major, environment) : [named]) {
    try {
      const folder = dirname(path);
      if (before !== undefined && folder !== "." && existsSync(folder))
        for (const file of readdirSync(folder)) if (before.test(file)) new Library(join(folder, file), { global: true, resident: true });
      return new Library(path, { resident: true });
    } catch (error) {
      if (named !== undefined)
        throw new BenchError("environment", `${variable} names ${named}, which cannot be loaded`, {
          advice: "name the library's file, or unset it",
          cause: error,
        });
    }
  }
  return undefined;
}

/** The file that an open library was mapped from, where the system tells. */
export function fileOf(library: Library): string {
  if (library.path.includes("/") || !existsSync("/proc/self/maps")) return library.path;
  const stem = library.path.replace(/\.so.*$/, "");
  const line = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((l) => basename(l).startsWith(`${stem}.so`));
  return line?.slice(line.indexOf("/")) ?? library.path;
}

/** Full paths that exist, and bare names for the loader, in the order in which they are tried: the newest version first. */
export function candidates(name: CudaLibraryName, major: number, environment: NodeJS.ProcessEnv): string[] {
  const found: string[] = [];
  const versions = WANTED[name].isUnversioned ? [0] : range(NEWEST_CUDA, OLDEST_CUDA).filter((version) => version <= major);
  for (const version of versions) {
    for (const file of WANTED[name].files(version)) {
      const inFolders = (folders: readonly string[]) => folders.map((folder) => join(folder, file)).filter((path) => existsSync(path));
      found.push(...inFolders(toolkitFolders(environment)), file, ...inFolders(wheelFolders(environment)), ...inFolders(systemFolders()));
    }
  }
  return found;
}

const range = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);

function toolkitFolders(environment: NodeJS.ProcessEnv): string[] {
  const roots = [environment.CUDA_HOME, environment.CUDA_PATH].filter((root) => root !== undefined && root !== "") as string[];
  return roots.flatMap((root) => [join(root, "lib64"), join(root, "lib"), join(root, "targets/x86_64-linux/lib")]);
}

function systemFolders(): string[] {
  return ["/usr/local/cuda/lib64", "/usr/lib/wsl/lib"];
}

/** `nvidia/<package>/lib` (or another folder there) of every Python whose place is known: the active environment's, those of the PATH, the user's, the system's. */
export function wheelFolders(environment: NodeJS.ProcessEnv, which = "lib"): string[] {
  const onPath = (environment.PATH ?? "")
    .split(delimiter)
    .filter((folder) => existsSync(join(folder, "python3")) || existsSync(join(folder, "python")));
  const roots = [environment.VIRTUAL_ENV, environment.CONDA_PREFIX, ...onPath.map(dirname), join(homedir(), ".local")];
  const packages = [...new Set(roots.filter((root) => root !== undefined && root !== "") as string[])].flatMap((root) =>
    list(join(root, "lib"))
      .filter((name) => name.startsWith("python3"))
      .flatMap((name) => [join(root, "lib", name, "site-packages"), join(root, "lib", name, "dist-packages")]),
  );
  return packages.flatMap((folder) => list(join(folder, "nvidia")).map((name) => join(folder, "nvidia", name, which)));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
