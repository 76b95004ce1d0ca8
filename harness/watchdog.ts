/**
 * Kills what a killed harness would leave behind. Cells run in process groups of their own, which outlive a parent that is killed
 * with SIGKILL and would disturb the next run. A small shell reads from a pipe which process group is running now; when the
 * harness dies, in whatever way, the pipe ends and the shell kills that group. It sleeps in `read` all the time and costs nothing.
 */
import { spawn } from "node:child_process";

export interface Watchdog {
  /** Names the process group that is running; null when none is. */
  watch(group: number | null): void;
  close(): void;
}

// The form of kill that dash and bash both take: a signal by name, and no -- before the group.
const SCRIPT = 'group=0; while read -r line; do group=$line; done; if [ "$group" -gt 1 ]; then kill -KILL "-$group"; fi';

export function startWatchdog(): Watchdog {
  const shell = spawn("/bin/sh", ["-c", SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  shell.unref();
  // Without a shell there is no watchdog; the harness works, and only a killed harness leaves its cell running.
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  (shell.stdin as unknown as { unref?: () => void }).unref?.();
  return {
    watch: (group) => {
      shell.stdin.write(`${group ?? 0}\n`);
    },
    close: () => {
      shell.stdin.end("0\n");
    },
  };
}
