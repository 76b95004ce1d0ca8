/** A recursive network over binary trees of words: the structure of the computation is the structure of the data. */
import { add, concat, crossEntropy, matmul, slice, type Tensor, tanh } from "../../../core/ops.ts";

type Tree = number | readonly [Tree, Tree];
type Params = { readonly E: Tensor; readonly W: Tensor; readonly b: Tensor; readonly V: Tensor; readonly v: Tensor };
type Data = { readonly labels: Tensor };
type Attrs = { readonly trees: readonly Tree[]; readonly d: number };

/** The representation [1, d] of a tree: a row of E for a word, a layer over both halves for a pair. */
function represent(tree: Tree, params: Params, d: number): Tensor {
  if (typeof tree === "number") return slice(params.E, [tree, 0], [tree + 1, d]);
  const [left, right] = tree;
  const pair = concat([represent(left, params, d), represent(right, params, d)], 1);
  return tanh(add(matmul(pair, params.W), params.b));
}

export function outputs(params: Params, _data: Data, { trees, d }: Attrs): { logits: Tensor } {
  const roots = trees.map((tree) => represent(tree, params, d));
  return { logits: add(matmul(concat(roots, 0), params.V), params.v) };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  return crossEntropy(outputs(params, data, attrs).logits, data.labels);
}
