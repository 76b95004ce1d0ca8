import { expect, test } from "vitest";
import { Peer, PeerProcess } from "./peer.ts";
import { NotHere } from "./side.ts";
import { type Workload, workloads } from "./workloads.ts";

const workload: Workload = { ...(workloads[0] as Workload), key: "known" };

/** A child that speaks the protocol: `known` is its one workload, batches of 13 calls fail, and of 99 end it. */
const CHILD = `
console.log(JSON.stringify({ about: { child: "1.0" } }));
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const r = JSON.parse(line);
  if (r.calls === 99) process.exit(1);
  const known = { outputs: [[r.inputs?.length, r.side.length]] };
  const answer = r.do === "prepare" ? (r.workload === "known" ? known : { absent: "not mine" }) : r.calls === 13 ? { error: "unlucky" } : { nanoseconds: r.calls * 2 };
  console.log(JSON.stringify(answer));
});
`;
const start = () => PeerProcess.start(process.execPath, ["-e", CHILD], {});

test("a child says what it is, makes workloads ready and clocks them", async () => {
  const process = await start();
  const side = new Peer(process, "four");
  expect(process.about).toEqual({ child: "1.0" });
  expect(await side.prepare(workload)).toEqual([[2, 4]]);
  expect(await side.time(5)).toBe(10);
  await side.finish();
  process.close();
});

test("a workload that a child lacks is no failure, and what fails there fails here with its words", async () => {
  const process = await start();
  const side = new Peer(process, "four");
  await expect(side.prepare({ ...workload, key: "other" })).rejects.toThrow(NotHere);
  await expect(side.time(13)).rejects.toThrow("unlucky");
  expect(await side.time(1)).toBe(2);
  process.close();
});

test("a child that ends in the middle of a request is told of, then and later", async () => {
  const side = new Peer(await start(), "four");
  await expect(side.time(99)).rejects.toThrow(/ended in the middle of/);
  await expect(side.time(1)).rejects.toThrow(/ended in the middle of/);
});

test.each([
  ["a program that is not installed", "no-such-program-at-all", [], /ENOENT/],
  ["a child that lacks what it needs", process.execPath, ["-e", `console.log('{"absent":"no torch"}')`], /no torch/],
  ["a child that fails at once", process.execPath, ["-e", "throw new Error('broken')"], /broken/],
])("%s is not here, with the reason", async (_, program, args, reason) => {
  const refused = PeerProcess.start(program, args, {});
  await expect(refused).rejects.toThrow(NotHere);
  await expect(refused).rejects.toThrow(reason);
});
