/**
 * The operators of the golden files as programs over `core/ops.ts`: each entry writes the expression of one operator from its
 * attributes and inputs. The text is what engines that parse read, and the functions that it calls are looked up in core/ops, so
 * that an operator without its function is skipped by name instead of failing.
 */
import * as ops from "../../core/ops.ts";
import type { FunctionCase } from "./formats.ts";
import { Skip } from "./judge.ts";

/** `call(name, ...arguments)` writes a call of a function of core/ops and notes that it is needed. */
type Call = (name: string, ...args: readonly string[]) => string;
type Attrs = FunctionCase["attrs"];
type Entry = (x: readonly string[], attrs: Attrs, call: Call, shapes: readonly (readonly number[])[]) => string;

/** A constant of the source; an attribute that is absent is written as `otherwise`. */
const literal = (value: unknown, otherwise = "undefined"): string => (value === undefined ? otherwise : JSON.stringify(value));

/** A function of the inputs alone. */
const plain =
  (name: string): Entry =>
  (x, _attrs, call) =>
    call(name, ...x);
/** A function of the inputs, then of the named attributes (several names for one are alternatives). */
const withAttrs =
  (name: string, ...keys: readonly string[]): Entry =>
  (x, attrs, call) =>
    call(name, ...x, ...keys.map((key) => literal(firstOf(attrs, key.split("|")))));
const firstOf = (attrs: Attrs, names: readonly string[]) => names.map((n) => attrs[n]).find((v) => v !== undefined);

/** A function of a list of tensors. */
const ofList =
  (name: string): Entry =>
  (x, { axis }, call) =>
    call(name, `[${x.join(", ")}]`, literal(axis, "0"));
const reduction = (name: string) => withAttrs(name, "axes|axis", "keepdims");
/** An option record of those attributes that are given. */
const options = (attrs: Attrs, names: Readonly<Record<string, string>>): string =>
  `{ ${Object.entries(names)
    .filter(([from]) => attrs[from] !== undefined)
    .map(([from, to]) => `${to}: ${literal(attrs[from])}`)
    .join(", ")} }`;
const withOptions =
  (name: string, names: Readonly<Record<string, string>>): Entry =>
  (x, attrs, call) =>
    call(name, ...x, options(attrs, names));
const CONVOLUTION = {
  stride: "stride",
  padding: "padding",
  output_padding: "outputPadding",
  dilation: "dilation",
  groups: "groups",
};
const POOLING = { stride: "stride", padding: "padding", count_include_pad: "countIncludePad" };

/** snake_case of the files is camelCase of core/ops; these names need nothing else. */
const PLAIN = [
  ..."neg abs exp expm1 log log1p sqrt rsqrt square reciprocal sin cos tan asin acos atan sinh cosh tanh asinh sigmoid".split(" "),
  ..."log_sigmoid relu silu softplus erf erfc lgamma softsign hardtanh sign floor acosh atanh ceil trunc log2 log10 cbrt".split(" "),
  ..."digamma add sub mul div maximum minimum atan2 logaddexp hypot xlogy remainder where linear outer trace diag_part".split(" "),
  ..."embedding cholesky inverse det logabsdet solve".split(" "),
];
const REDUCTIONS = ["sum", "mean", "prod", "reduce_max", "reduce_min", "logsumexp"];

const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

const ENTRIES: Readonly<Record<string, Entry>> = {
  ...Object.fromEntries(PLAIN.map((name) => [name, plain(camel(name))])),
  ...Object.fromEntries(REDUCTIONS.map((name) => [name, reduction(camel(name))])),
  leaky_relu: (x, { slope, negative_slope }, call) => call("leakyRelu", ...x, literal(slope ?? negative_slope, "0.01")),
  elu: withAttrs("elu", "alpha"),
  gelu: withAttrs("gelu", "approximate"),
  clamp: (x, { lo, hi }, call) => call("clamp", ...x, literal(lo, "null"), literal(hi, "null")),
  pow: (x, { exponent }, call) => call("pow", ...x, ...(exponent === undefined ? [] : [literal(exponent)])),
  var: withAttrs("variance", "axes|axis", "keepdims", "correction"),
  std: withAttrs("std", "axes|axis", "keepdims", "correction"),
  norm: (x, { p, axes, keepdims }, call) => call("norm", ...x, literal(p, "2"), literal(axes, "null"), literal(keepdims, "false")),
  cumsum: withAttrs("cumsum", "axis"),
  cumprod: withAttrs("cumprod", "axis"),
  topk: withAttrs("topk", "k"),
  sort: withAttrs("sort", "axis"),
  argmax: withAttrs("argmax", "axis"),
  matmul: withOptions("matmul", { transpose_a: "transposeA", transpose_b: "transposeB" }),
  einsum: (x, { equation }, call) => call("einsum", literal(equation), ...x),
  tril: (x, { k }, call) => call("tril", ...x, literal(k, "0")),
  triangular_solve: withOptions("triangularSolve", { lower: "lower", transpose: "transpose" }),
  conv1d: withOptions("conv1d", CONVOLUTION),
  conv2d: convolution("conv2d"),
  conv_transpose2d: convolution("convTranspose2d"),
  max_pool2d: (x, attrs, call) => call("maxPool2d", ...x, literal(attrs.kernel), options(attrs, POOLING)),
  avg_pool2d: (x, attrs, call) => call("avgPool2d", ...x, literal(attrs.kernel), options(attrs, POOLING)),
  unfold2d: (x, attrs, call) => call("unfold2d", ...x, literal(attrs.kernel), options(attrs, CONVOLUTION)),
  upsample_nearest2d: withAttrs("upsampleNearest2d", "scale"),
  softmax: withAttrs("softmax", "axis"),
  log_softmax: withAttrs("logSoftmax", "axis"),
  cross_entropy: (x, attrs, call) => call("crossEntropy", ...x, literal(attrs.reduction, '"mean"'), literal(attrs.label_smoothing, "0")),
  bce_with_logits: (x, { reduction: r }, call) => call("bceWithLogits", ...x, literal(r, '"mean"')),
  mse_loss: (x, { reduction: r }, call) => call("mseLoss", ...x, literal(r, '"mean"')),
  huber_loss: (x, { delta, reduction: r }, call) => call("huberLoss", ...x, literal(delta, "1"), literal(r, '"mean"')),
  layer_norm: (x, { normalized_shape: s, eps }, call) =>
    call("layerNorm", ...x, String(Array.isArray(s) ? s.length : 1), literal(eps, "1e-5")),
  batch_norm: withAttrs("batchNorm", "eps"),
  group_norm: withAttrs("groupNorm", "groups|num_groups", "eps"),
  rms_norm: withAttrs("rmsNorm", "eps"),
  dropout_mask: withAttrs("dropoutMask", "p"),
  attention: withAttrs("attention", "causal"),
  gather: (x, { axis }, call) => call("gather", x[0] as string, x[1] as string, literal(axis, "0")),
  scatter: (x, { axis }, call) => call("scatter", ...x, literal(axis, "0")),
  scatter_add: (x, { axis }, call) => call("scatterAdd", ...x, literal(axis, "0")),
  index_select: (x, { axis }, call) => call("indexSelect", ...x, literal(axis, "0")),
  index_add: (x, { axis }, call) => call("indexAdd", ...x, literal(axis, "0")),
  masked_fill: withAttrs("maskedFill", "value"),
  concat: ofList("concat"),
  stack: ofList("stack"),
  split: withAttrs("split", "sizes", "axis"),
  slice: withAttrs("slice", "start", "stop", "step"),
  pad: (x, { pads, mode, value }, call) => call("pad", ...x, literal(pads), literal(mode, '"constant"'), literal(value, "0")),
  transpose: withAttrs("transpose", "perm"),
  reshape: withAttrs("reshape", "shape"),
  broadcast_to: withAttrs("broadcastTo", "shape"),
  squeeze: (x, { axes, axis }, call) => call("squeeze", ...x, literal(axes ?? (axis === undefined ? undefined : [axis].flat()))),
  expand_dims: (x, { axes, axis }, call) => call("expandDims", ...x, literal(axes ?? [axis].flat())),
  flip: (x, { axes, axis }, call) => call("flip", ...x, literal(axes ?? [axis].flat())),
  roll: (x, { shift, shifts, axis, axes }, call) => {
    const by = [shift ?? shifts].flat();
    return [axis ?? axes].flat().reduce<string>((y, a, i) => call("roll", y, literal(by[i]), literal(a)), x[0] as string);
  },
  tile: withAttrs("tile", "reps"),
  repeat_interleave: withAttrs("repeatInterleave", "n|repeats", "axis"),
  select: (x, { axis, i, index }, call) => call("select", ...x, literal(axis, "0"), literal(i ?? index)),
  index_put_slice: assignSlice,
};

/** x, w and, where there are three inputs, the bias, which is added per channel. */
function convolution(name: string): Entry {
  return (x, attrs, call) => {
    const y = call(name, x[0] as string, x[1] as string, options(attrs, CONVOLUTION));
    return x.length < 3 ? y : call("add", y, call("reshape", x[2] as string, "[-1, 1, 1]"));
  };
}

/** x[start:stop:step] = v in functional form: v, broadcast to the slice, is scattered to the slice's elements of the flat x. */
function assignSlice(x: readonly string[], attrs: Attrs, call: Call, shapes: readonly (readonly number[])[]): string {
  const shape = shapes[0] as readonly number[];
  const axis = typeof attrs.axis === "number" ? (attrs.axis + shape.length) % shape.length : 0;
  const given = (value: unknown, i: number) => (Array.isArray(value) ? (value[i] as unknown) : i === axis ? value : undefined);
  const places = shape.map((d, i) => sliced(d, given(attrs.start, i), given(attrs.stop, i), given(attrs.step, i)));
  const flat = places.reduce((at, own, i) => at.flatMap((p) => own.map((q) => p * (shape[i] as number) + q)), [0]);
  const elements = literal([shape.reduce((n, d) => n * d, 1)]);
  const size = literal([flat.length]);
  const value = call("reshape", call("broadcastTo", x[1] as string, literal(places.map((own) => own.length))), size);
  const index = call("createTensor", literal(flat), size, '"i32"');
  return call("reshape", call("scatter", call("reshape", x[0] as string, elements), index, value, "0"), literal(shape));
}

/** The positions of Python's start:stop:step along an axis of length d. */
function sliced(d: number, start: unknown, stop: unknown, step: unknown): number[] {
  const by = typeof step === "number" ? step : 1;
  const bound = (value: unknown, otherwise: number) =>
    typeof value !== "number" ? otherwise : Math.min(Math.max(value < 0 ? value + d : value, by < 0 ? -1 : 0), by < 0 ? d - 1 : d);
  const from = bound(start, by < 0 ? d - 1 : 0);
  const to = bound(stop, by < 0 ? -1 : d);
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / by)) }, (_, i) => from + i * by);
}

/** Every operator that has an entry. */
export const operators: readonly string[] = Object.keys(ENTRIES);

/** A module whose `f` is the operator of a case. Skips an unknown operator, and one whose function is not in core/ops. */
export function operatorSource({ op, attrs, inputs }: Pick<FunctionCase, "op" | "attrs" | "inputs">): string {
  const entry = Object.hasOwn(ENTRIES, op) ? ENTRIES[op] : undefined;
  if (entry === undefined) throw new Skip(`${op} is not an operator of the golden vocabulary`);
  const used = new Set<string>();
  const names = inputs.map((_, i) => `x${i}`);
  const call: Call = (name, ...args) => {
    used.add(name);
    return `${name}(${trimmed(args).join(", ")})`;
  };
  const body = entry(
    names,
    attrs,
    call,
    inputs.map((i) => i.shape),
  );
  const missing = [...used].filter((name) => !(name in ops));
  if (missing.length > 0) throw new Skip(`core/ops has no function ${missing.join(", ")}`);
  return `import { ${[...used].sort().join(", ")}, type Tensor } from "trigrad/core/ops.ts";
export function f(${names.map((x) => `${x}: Tensor`).join(", ")}) {
  return ${body};
}
`;
}

/** Arguments that are not given are left out at the end. */
function trimmed(args: readonly string[]): string[] {
  const kept = [...args];
  while (kept.at(-1) === "undefined") kept.pop();
  return kept;
}
