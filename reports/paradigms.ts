/**
 * The three paradigms and what van Merriënboer, Breuleux, Bergeron and Lamblin said of each ("Automatic differentiation in ML:
 * where we are and where we should be going", NeurIPS 2018, arXiv 1810.11530). Their marks stand beside ours in the report and are
 * never mixed with them. The order of the paradigms, and the hue and shape that follow from it, are the same everywhere.
 */

export type Mark = "+" | "±" | "−";

export const PAPER = "van Merriënboer et al. 2018, arXiv 1810.11530";

export interface Paradigm {
  /** The engine's name in results. */
  readonly engine: string;
  readonly title: string;
  /** The systems that the paper puts in this column. */
  readonly systems: string;
}

export const PARADIGMS: readonly Paradigm[] = [
  { engine: "tape", title: "Operator overloading", systems: "PyTorch, TF Eager, Gluon" },
  { engine: "graph", title: "Graph transformation", systems: "TensorFlow, Caffe2, MXNet" },
  { engine: "program-transform", title: "Program transformation", systems: "Myia, Relay" },
];

export type RowName = "AD implementation" | "AD overhead" | "Runtime" | "User interface" | "Program representation" | "Generality";

export const ROW_NAMES: readonly RowName[] = [
  "AD implementation",
  "AD overhead",
  "Runtime",
  "User interface",
  "Program representation",
  "Generality",
];

/** The paper's words and mark, per row, in the order of `PARADIGMS`. It gives the first row no marks. */
export const PAPER_TABLE: Readonly<Record<RowName, readonly { readonly mark: Mark | null; readonly words: string }[]>> = {
  "AD implementation": [
    { mark: null, words: "operator overloading" },
    { mark: null, words: "graph transformation" },
    { mark: null, words: "program transformation" },
  ],
  "AD overhead": [
    { mark: "−", words: "runtime" },
    { mark: "+", words: "ahead of time" },
    { mark: "+", words: "ahead of time" },
  ],
  Runtime: [
    { mark: "−", words: "Python interpreter" },
    { mark: "+", words: "custom runtime" },
    { mark: "+", words: "custom runtime" },
  ],
  "User interface": [
    { mark: "+", words: "Python" },
    { mark: "−", words: "API" },
    { mark: "±", words: "Python subset" },
  ],
  "Program representation": [
    { mark: "+", words: "linear trace (numeric only)" },
    { mark: "−", words: "dataflow graph" },
    { mark: "+", words: "functional IR" },
  ],
  Generality: [
    { mark: "+", words: "Python" },
    { mark: "−", words: "limited" },
    { mark: "±", words: "Python subset" },
  ],
};

/** Engines in the fixed order: the three paradigms, then whatever else was run (peers), as met. */
export function engineOrder(names: Iterable<string>): string[] {
  const present = new Set(names);
  const own = PARADIGMS.map((p) => p.engine);
  return [...own.filter((e) => present.has(e)), ...[...present].filter((e) => !own.includes(e))];
}

/** The domain of every colour and shape scale: always the three paradigms first, so that a hue never moves. */
export function engineDomain(names: Iterable<string>): string[] {
  const own = PARADIGMS.map((p) => p.engine);
  return [...own, ...[...new Set(names)].filter((e) => !own.includes(e))];
}
