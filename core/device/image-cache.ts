/**
 * The disk cache of compiled images, shared by all processes of a user. An entry is one file, named by the hash of all that it was
 * made from, put in place by an atomic rename of a finished file, and sealed: its last bytes are the hash of the others, so that
 * a truncated or damaged entry is seen and made anew. Nothing is ever written in place, for a process may have it mapped.
 *
 * The folder is `$TRIGRAD_CACHE`, else `$XDG_CACHE_HOME/trigrad`, else `~/.cache/trigrad`; a temporary folder, gone when the
 * process ends, stands in for one that cannot be written.
 */
import { createHash } from "node:crypto";
import {
  accessSync,
  appendFileSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** Entries are evicted, the least recently used first, when they are more than this many bytes together. */
export const CACHE_LIMIT = 512 * 2 ** 20;

const SEAL = Buffer.from("trigrad1");
const SEAL_BYTES = SEAL.length + 32;
export class ImageCache {
  readonly folder: string;
  private readonly limit: number;
  private readonly suffix: string;
  private temporaries = 0;

  /** Entries of each kind end in a `suffix` of their own. */
  constructor(folder: string = cacheFolder(), limit: number = CACHE_LIMIT, suffix = ".so") {
    this.folder = folder;
    this.limit = limit;
    this.suffix = suffix;
  }

  /** The path of a sound entry, or undefined. A damaged one is removed. Marks the entry as used. */
  find(key: string): string | undefined {
    return this.read(key) === undefined ? undefined : this.path(key);
  }

  /** The image of a sound entry as it was put, or undefined; as {@link find}. */
  read(key: string): Buffer | undefined {
    const path = this.path(key);
    let image: Buffer;
    try {
      image = readFileSync(path);
    } catch {
      return undefined;
    }
    if (!isSealed(image)) {
      this.evict(key);
      return undefined;
    }
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // Another process may have evicted the entry just now, or the cache may be shared read-only: its age is only advice.
    }
    return image.subarray(0, image.length - SEAL_BYTES);
  }

  /** Removes an entry; processes that have it mapped keep it. */
  evict(key: string): void {
    rmSync(this.path(key), { force: true });
  }

  /** A path for a file of this process alone, beside the entries (so that a rename is atomic). */
  temporary(extension: string): string {
    return join(this.folder, `.${process.pid}-${Date.now()}-${this.temporaries++}.${extension}`);
  }

  /** Makes the finished file at `temporary` the entry `key`, and returns its path. */
  put(key: string, temporary: string): string {
    appendFileSync(temporary, Buffer.concat([SEAL, createHash("sha256").update(readFileSync(temporary)).digest()]));
    renameSync(temporary, this.path(key));
    this.trim(key);
    return this.path(key);
  }

  /** Where the entry `key` is, if there is one. */
  path(key: string): string {
    return join(this.folder, `${key}${this.suffix}`);
  }

  /** Evicts the oldest entries (never `keep`) down to three quarters of the limit, and what crashed processes left for a day. */
  private trim(keep: string): void {
    const aDayAgo = Date.now() - 86_400_000;
    const entries: { path: string; bytes: number; used: number }[] = [];
    let total = 0;
    for (const name of readdirSync(this.folder)) {
      const path = join(this.folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || !stat.isFile()) continue;
      if (name.startsWith(".") && stat.mtimeMs < aDayAgo) rmSync(path, { force: true });
      if (!name.endsWith(this.suffix) || name.startsWith(".")) continue;
      total += stat.size;
      if (path !== this.path(keep)) entries.push({ path, bytes: stat.size, used: stat.mtimeMs });
    }
    if (total <= this.limit) return;
    for (const entry of entries.sort((a, b) => a.used - b.used)) {
      if (total <= this.limit * 0.75) break;
      rmSync(entry.path, { force: true });
      total -= entry.bytes;
    }
  }
}

function isSealed(image: Buffer): boolean {
  const body = image.length - SEAL_BYTES;
  if (body <= 0 || !image.subarray(body, body + SEAL.length).equals(SEAL)) return false;
  return createHash("sha256")
    .update(image.subarray(0, body))
    .digest()
    .equals(image.subarray(body + SEAL.length));
}

/** The folder to use now, made if need be: see the top of this file. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const wanted = environment.TRIGRAD_CACHE || join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "trigrad");
  try {
    mkdirSync(wanted, { recursive: true, mode: 0o700 });
    accessSync(wanted, constants.W_OK | constants.X_OK);
    return wanted;
  } catch {
    const folder = mkdtempSync(join(tmpdir(), "trigrad-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }
}
