/**
 * Checks a hand-tracking instance: residuals, and the Jacobian column by column in forward mode. Where a point has coordinates in
 * its triangle, only its own residuals depend on them, so one pass gives the derivative by the same coordinate of every point.
 */
import type { Tree } from "../../engines/engine.ts";
import { flat, type Instance } from "./instance.ts";
import type { Bone, Point, Vertex } from "./workloads/ht.ts";

const numbersOf = (line: string, separator: string | RegExp) => line.trim().split(separator).map(Number);
const lines = (text: string) => text.trim().split("\n");

/** `name:parent:16 numbers relative to the parent:16 numbers of the inverse of the rest pose`. */
function parseBones(text: string): Bone[] {
  return lines(text).map((line) => {
    const [parent = -1, ...rest] = numbersOf(line.slice(line.indexOf(":") + 1), ":");
    return { parent, base: rest.slice(0, 16), inverse: rest.slice(16, 32) };
  });
}

/** `x:y:z:five numbers:count`, then that many pairs `bone:weight`. */
function parseVertices(text: string): Vertex[] {
  return lines(text).map((line) => {
    const all = numbersOf(line, ":");
    const weights = Array.from({ length: all[8] as number }, (_, i) => ({
      bone: all[9 + 2 * i] as number,
      weight: all[10 + 2 * i] as number,
    }));
    return { position: all.slice(0, 3), weights };
  });
}

interface HandInstance {
  readonly theta: number[];
  readonly us: number[][];
  readonly points: Point[];
}

/** `points parameters`, per point `correspondence x y z`, per point `u v` if they are triangles, then the parameters. */
function parseInstance(text: string, vertices: readonly Vertex[], triangles: readonly number[][]): HandInstance {
  const all = numbersOf(text, /\s+/);
  const [n, parameters] = all.slice(0, 2) as [number, number];
  const hasCoordinates = all.length > 2 + 4 * n + parameters;
  const points = Array.from({ length: n }, (_, i) => {
    const [at, ...measured] = all.slice(2 + 4 * i, 6 + 4 * i) as [number, ...number[]];
    const corners = hasCoordinates ? (triangles[at] as number[]) : [at];
    return { measured, vertices: corners.map((v) => vertices[v] as Vertex) };
  });
  const us = hasCoordinates ? Array.from({ length: n }, (_, i) => all.slice(2 + 4 * n + 2 * i, 4 + 4 * n + 2 * i)) : [];
  return { theta: all.slice(-parameters), us, points };
}

export function checkHand(c: Instance): void {
  const model = c.reference.case.model as string;
  const bones = parseBones(c.data(`${model}/bones.txt`));
  const triangles = lines(c.data(`${model}/triangles.txt`)).map((line) => numbersOf(line, ":"));
  const { theta, us, points } = parseInstance(c.data(), parseVertices(c.data(`${model}/vertices.txt`)), triangles);
  const args = [theta, us, bones, points] as unknown as Tree[];
  const f = c.prepare(args, us.length > 0 ? [0, 1] : [0]);
  c.compare("value", "objective", f.value(args));

  const none = { theta: theta.map(() => 0), us: us.map(() => [0, 0]) };
  const directions: Tree[][] = theta.map((_, k) => [theta.map((__, i) => (i === k ? 1 : 0)), none.us]);
  if (us.length > 0) directions.unshift([none.theta, us.map(() => [1, 0])], [none.theta, us.map(() => [0, 1])]);
  const columns = directions.map((d) => flat(f.jvp(args, [...d, null, null]).tangent));
  const rows = Array.from({ length: 3 * points.length }, (_, i) => columns.map((column) => column[i] as number));
  c.compare("jvp", "jacobian", rows);
  c.compare("jvp", "jacobian_shape", [rows.length, columns.length]);
  c.compare("jvp", "jacobian_frobenius", Math.hypot(...rows.flat()));
  c.compare(
    "jvp",
    "jacobian_column_sums",
    columns.map((column) => column.reduce((s, v) => s + v, 0)),
  );
  const first = c.expected.jacobian_first_rows as unknown[] | undefined;
  c.compare("jvp", "jacobian_first_rows", rows.slice(0, first?.length ?? 0));
}
