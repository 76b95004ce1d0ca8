/**
 * ADBench's hand tracking: a hand of 22 bones, posed by 26 numbers, carries a skin; residuals are the differences between measured
 * points and the places on the skin that they correspond to, a vertex or a place in a triangle given by two coordinates.
 */
type Vector = readonly number[];

export interface Bone {
  readonly parent: number;
  /** 4 x 4, row-major: the bone relative to its parent, and the inverse of its absolute rest pose. */
  readonly base: Vector;
  readonly inverse: Vector;
}

export interface Vertex {
  readonly position: Vector;
  readonly weights: readonly { readonly bone: number; readonly weight: number }[];
}

export interface Point {
  readonly measured: Vector;
  /** One vertex, or the three of a triangle. */
  readonly vertices: readonly Vertex[];
}

function multiply(a: Vector, b: Vector): number[] {
  const c: number[] = [];
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      let s = 0;
      for (let k = 0; k < 4; k++) s += (a[4 * i + k] as number) * (b[4 * k + j] as number);
      c.push(s);
    }
  }
  return c;
}

/** A point, moved by the first three rows of a 4 x 4 matrix. */
function transform(a: Vector, p: Vector): number[] {
  return [0, 1, 2].map((i) => {
    const [x, y, z, w] = [a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]] as [number, number, number, number];
    return x * (p[0] as number) + y * (p[1] as number) + z * (p[2] as number) + w;
  });
}

/** Rz(z) Rx(x). */
function bend(x: number, z: number): number[] {
  const [cx, sx, cz, sz] = [Math.cos(x), Math.sin(x), Math.cos(z), Math.sin(z)] as const;
  return [cz, -sz * cx, sz * sx, 0, sz, cz * cx, -cz * sx, 0, 0, sx, cx, 0, 0, 0, 0, 1];
}

/** Bone 0 is the wrist; bones 4f + 1 to 4f + 4 are finger f, of which the first stays, and the second bends both ways. */
function pose(theta: Vector, bone: number): number[] | null {
  const finger = Math.floor((bone - 1) / 4);
  const joint = (bone - 1) % 4;
  if (bone === 0 || finger > 4 || joint === 0) return null;
  const at = 6 + 4 * finger;
  if (joint === 1) return bend(theta[at] as number, theta[at + 1] as number);
  return bend(theta[at + joint] as number, 0);
}

/** Moves of the skin per bone: from the rest pose to the pose. */
function skinMoves(theta: Vector, bones: readonly Bone[]): number[][] {
  const absolute: Vector[] = [];
  return bones.map((bone, i) => {
    const bent = pose(theta, i);
    const relative = bent === null ? bone.base : multiply(bone.base, bent);
    const placed = bone.parent < 0 ? relative : multiply(absolute[bone.parent] as Vector, relative);
    absolute.push(placed);
    return multiply(placed, bone.inverse);
  });
}

/** Angle-axis rotation of p, none for tiny angles, and then a shift. */
function place(theta: Vector, p: Vector): number[] {
  const [r0, r1, r2, t0, t1, t2] = theta as unknown as readonly [number, number, number, number, number, number];
  const [x, y, z] = p as unknown as readonly [number, number, number];
  const angle = Math.sqrt(r0 * r0 + r1 * r1 + r2 * r2);
  if (angle < 1e-4) return [x + t0, y + t1, z + t2];
  const [a, b, c] = [r0 / angle, r1 / angle, r2 / angle] as const;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const along = (a * x + b * y + c * z) * (1 - cos);
  return [
    x * cos + (b * z - c * y) * sin + a * along + t0,
    y * cos + (c * x - a * z) * sin + b * along + t1,
    z * cos + (a * y - b * x) * sin + c * along + t2,
  ];
}

/** Three residuals per point. `us` holds the two coordinates of each point in its triangle. */
export function f(theta: Vector, us: readonly Vector[], bones: readonly Bone[], points: readonly Point[]): number[] {
  const moves = skinMoves(theta, bones);
  const positionOf = ({ position, weights }: Vertex): number[] => {
    const p = [0, 0, 0];
    for (const { bone, weight } of weights) {
      const moved = transform(moves[bone] as Vector, position);
      for (let i = 0; i < 3; i++) p[i] = (p[i] as number) + weight * (moved[i] as number);
    }
    return place(theta, p);
  };
  return points.flatMap(({ measured, vertices }, k) => {
    const [a, b, c] = vertices.map(positionOf) as [number[], number[]?, number[]?];
    if (b === undefined || c === undefined) return measured.map((m, i) => m - (a[i] as number));
    const [u, v] = us[k] as unknown as readonly [number, number];
    return measured.map((m, i) => m - (u * (a[i] as number) + v * (b[i] as number) + (1 - u - v) * (c[i] as number)));
  });
}
