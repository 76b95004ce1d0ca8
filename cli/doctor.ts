/** `bench doctor`: what this machine offers (devices, compilers, libraries, Python, GPU, peers), what is missing, how to get it. */
import { Command } from "commander";
import { fileOf, NEWEST_CUDA, openCudaLibrary } from "../core/device/cuda/find.ts";
import { versionOf } from "../core/device/cuda/versions.ts";
import { describeDevices } from "../core/device/registry.ts";
import { machineRecord, probe, output as programOutput } from "../harness/machine.ts";
import { findPeers } from "../harness/peers.ts";
import { installedVersion, packageFacts } from "../harness/root.ts";
import type { CommandMaker } from "./command.ts";
import { columns } from "./output.ts";

interface Finding {
  readonly name: string;
  /** Null where it is not here. */
  readonly version: string | null;
  readonly use: string;
  readonly how: string;
}

export const doctorCommand: CommandMaker = ({ output }) =>
  new Command("doctor")
    .description("what this machine offers, what is missing and how to get it")
    .option("--json", "JSON Lines on stdout")
    .action(({ json }: { json?: boolean }) => {
      const machine = machineRecord();
      const tools = findTools();
      const libraries = findLibraries();
      const peers = findPeers();
      if (json) {
        output.json({ machine });
        for (const device of describeDevices()) output.json({ device });
        for (const tool of tools) output.json({ tool });
        for (const library of libraries) output.json({ library });
        for (const peer of peers) output.json({ peer });
        return;
      }
      const gib = (machine.memoryBytes / 2 ** 30).toFixed(1);
      output.text(
        `machine\n${columns([
          ["cpu", `${machine.cpu}, ${machine.cores} cores, governor ${machine.governor ?? "unknown"}`],
          ["memory", `${gib} GiB`],
          ["system", `${machine.os}, kernel ${machine.kernel}`],
          ["node", `${machine.node}, v8 ${machine.v8}`],
          ["gpu", gpuText(machine.gpu)],
        ])}`,
      );
      output.text(
        `devices\n${columns(describeDevices().map(({ name, available, detail }) => [name, available ? "here" : "not here", detail]))}`,
      );
      output.text(`tools\n${columns(tools.map(findingRow))}`);
      output.text(`libraries\n${columns(libraries.map(findingRow))}`);
      output.text(`peers\n${columns(peers.map(({ name, paradigm, version, how }) => findingRow({ name, version, use: paradigm, how })))}`);
    });

function findingRow({ name, version, use, how }: Finding): string[] {
  return version === null ? [name, "not here", `${use}; to get it: ${how}`] : [name, version, use];
}

function gpuText(gpu: ReturnType<typeof machineRecord>["gpu"]): string {
  if (gpu === null) return "none that nvidia-smi shows";
  return [gpu.name, `driver ${gpu.driver}`, gpu.clocks, gpu.state].filter(Boolean).join(", ");
}

/** Where the libraries of the cuda device are, whether or not there is a GPU. */
function cudaLibraries(): Finding[] {
  const wheels = (name: string) => `install the CUDA toolkit and set CUDA_HOME, or pip install ${name}`;
  const wanted = [
    ["cuda driver", "driver", "the cuda device", "install the driver of an NVIDIA GPU"],
    ["nvrtc", "nvrtc", "kernels of the cuda device", wheels("nvidia-cuda-nvrtc")],
    ["cublas", "cublas", "matrix products of the cuda device", wheels("nvidia-cublas")],
    ["cudnn", "cudnn", "convolutions of the cuda device", wheels("nvidia-cudnn-cu13")],
  ] as const;
  return wanted.map(([name, library, use, how]) => {
    const found = probe(() => openCudaLibrary(library, NEWEST_CUDA), undefined);
    return { name, version: found === undefined ? null : `${versionOf(library, found)} ${fileOf(found)}`.trim(), use, how };
  });
}

function findTools(): Finding[] {
  const firstLine = (program: string, args: readonly string[]): string | null =>
    probe(() => programOutput(program, args).split("\n").at(0) ?? null, null);
  return [
    { name: "cc", version: firstLine("cc", ["--version"]), use: "the native device", how: "install gcc or clang" },
    {
      name: "nvidia-smi",
      version: firstLine("nvidia-smi", ["--query-gpu=driver_version", "--format=csv,noheader"]),
      use: "the cuda device",
      how: "install the driver of an NVIDIA GPU",
    },
    {
      name: "nvcc",
      version: probe(() => programOutput("nvcc", ["--version"]).split("\n").at(-1) ?? null, null),
      use: "CUDA libraries (NVRTC, cuBLAS)",
      how: "install the CUDA toolkit",
    },
    { name: "python3", version: firstLine("python3", ["--version"]), use: "peers written in Python", how: "install python3" },
    { name: "git", version: firstLine("git", ["--version"]), use: "the commit in a run's record", how: "install git" },
  ];
}

function findLibraries(): Finding[] {
  const npm = [...packageFacts().dependencies, "koffi", "@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"];
  const shared = probe(() => programOutput("/sbin/ldconfig", ["-p"]), "");
  const sharedLibrary = (name: string, file: RegExp, use: string, how: string): Finding => ({
    name,
    version: file.exec(shared)?.[0] ?? null,
    use,
    how,
  });
  return [
    ...[...new Set(npm)].map((name) => ({
      name,
      version: probe(() => installedVersion(name), null),
      use: "npm package",
      how: `npm install ${name}`,
    })),
    sharedLibrary("openblas", /libopenblas\S*\.so\S*/, "products and factorisations of the native device", "install libopenblas0"),
    ...cudaLibraries(),
  ];
}
