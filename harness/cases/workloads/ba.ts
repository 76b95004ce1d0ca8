/**
 * Bundle adjustment, one observation: the weighted difference of a projected point from where it was seen, and the error of the
 * weight. Camera: rotation vector, centre, focal length, principal point, radial distortion.
 */
type Vector = readonly [number, number, number];

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Rodrigues' formula; a rotation by zero turns by the cross product, which is its derivative. */
function rotate(r: Vector, p: Vector): Vector {
  const squared = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
  if (squared === 0) {
    const c = cross(r, p);
    return [p[0] + c[0], p[1] + c[1], p[2] + c[2]];
  }
  const theta = Math.sqrt(squared);
  const a: Vector = [r[0] / theta, r[1] / theta, r[2] / theta];
  const cos = Math.cos(theta);
  const sin = Math.sin(theta);
  const c = cross(a, p);
  const along = (a[0] * p[0] + a[1] * p[1] + a[2] * p[2]) * (1 - cos);
  return [p[0] * cos + c[0] * sin + a[0] * along, p[1] * cos + c[1] * sin + a[1] * along, p[2] * cos + c[2] * sin + a[2] * along];
}

/** [two weighted reprojection errors, 1 - w²]. */
export function f(camera: readonly number[], X: Vector, w: number, feature: readonly number[]): number[] {
  const [r0, r1, r2, c0, c1, c2, focal, u0, v0, k1, k2] = camera as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [x, y, z] = rotate([r0, r1, r2], [X[0] - c0, X[1] - c1, X[2] - c2]);
  const px = x / z;
  const py = y / z;
  const rho2 = px * px + py * py;
  const distortion = 1 + k1 * rho2 + k2 * rho2 * rho2;
  const u = focal * px * distortion + u0;
  const v = focal * py * distortion + v0;
  return [w * (u - (feature[0] as number)), w * (v - (feature[1] as number)), 1 - w * w];
}
