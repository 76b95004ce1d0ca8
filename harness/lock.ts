/**
 * One process per run folder. The lock file names its owner by process id and start time, so a lock left by a killed process is
 * recognised and taken over, also where the id has been given to another process since.
 */
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "../core/base/errors.ts";

export interface Lock {
  release(): void;
}

/** Takes the folder's lock, or throws a usage error that names the process which holds it. */
export function acquireLock(folder: string): Lock {
  const path = join(folder, ".lock");
  const own = `${path}.${process.pid}`;
  writeFileSync(own, `${process.pid} ${startTime(process.pid)}`);
  try {
    link(own, path, folder);
  } finally {
    rmSync(own, { force: true });
  }
  return { release: () => rmSync(path, { force: true }) };
}

/** A link appears with its contents, so nobody reads a lock that is not yet written. */
function link(own: string, path: string, folder: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      linkSync(own, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const [pid, started] = readFileSync(path, "utf8").split(" ");
      if (isAlive(Number(pid)) && startTime(Number(pid)) === started)
        throw new BenchError("usage", `process ${pid} is working on ${folder}`, { advice: "wait for it to end, or stop it" });
      rmSync(path, { force: true });
    }
  }
  throw new BenchError("environment", `the lock of ${folder} could not be taken`, {
    advice: "another process may be starting on it: try again",
  });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Clock ticks from boot to the process's start (field 22 of /proc/PID/stat); empty where there is no such file. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
