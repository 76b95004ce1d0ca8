/** How many threads the devices that compute on this machine's processor may use. */
import { availableParallelism } from "node:os";

const MOST = 256;

/** `$TRIGRAD_THREADS`, or as many as the process may run at once; at least 1. */
export function threadLimit(): number {
  return Math.min(MOST, Math.max(1, Math.trunc(Number(process.env.TRIGRAD_THREADS)) || availableParallelism()));
}
