/**
 * The systems that each paradigm's engine is held against, and which of them this machine has. A peer is looked for without
 * running it: Python packages by their metadata, npm packages by their package.json.
 */
import { output, probe } from "./machine.ts";
import { installedVersion } from "./root.ts";

export interface Peer {
  readonly name: string;
  readonly paradigm: "tape" | "graph" | "program-transform";
  readonly version: string | null;
  /** How to get it. */
  readonly how: string;
}

interface Source {
  readonly name: string;
  readonly paradigm: Peer["paradigm"];
  readonly python?: string;
  readonly npm?: string;
}

const SOURCES: readonly Source[] = [
  { name: "pytorch", paradigm: "tape", python: "torch" },
  { name: "autograd", paradigm: "tape", python: "autograd" },
  { name: "mxnet", paradigm: "tape", python: "mxnet" },
  { name: "tfjs", paradigm: "tape", npm: "@tensorflow/tfjs-node-gpu" },
  { name: "tensorflow", paradigm: "graph", python: "tensorflow" },
  { name: "tvm", paradigm: "graph", python: "apache-tvm" },
  { name: "jax", paradigm: "program-transform", python: "jax" },
  { name: "tangent", paradigm: "program-transform", python: "tangent" },
  { name: "jax-js", paradigm: "program-transform", npm: "@jax-js/jax" },
];

const PYTHON =
  "import json,sys\nfrom importlib.metadata import version\nfound={}\nfor n in sys.argv[1:]:\n try: found[n]=version(n)\n except Exception: pass\nprint(json.dumps(found))";

export function findPeers(): readonly Peer[] {
  const packages = SOURCES.flatMap((source) => source.python ?? []);
  const python = probe(() => JSON.parse(output("python3", ["-c", PYTHON, ...packages])) as Record<string, string>, {});
  return SOURCES.map(({ name, paradigm, python: pip, npm }) => {
    const version =
      pip === undefined
        ? npm === undefined
          ? null
          : probe(() => installedVersion(npm), null)
        : ((python as Record<string, string>)[pip] ?? null);
    return { name, paradigm, version, how: pip === undefined ? `npm install ${npm}` : `pip install ${pip}` };
  });
}
