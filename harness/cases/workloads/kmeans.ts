/** The sum over points [n, d] of the squared distance to the nearest of the centroids [k, d]. */
import { expandDims, reduceMin, square, sub, sum, type Tensor } from "../../../core/ops.ts";

export function f(centroids: Tensor, points: Tensor): Tensor {
  const distances = sum(square(sub(expandDims(points, [1]), expandDims(centroids, [0]))), [2]);
  return sum(reduceMin(distances, [1]));
}
