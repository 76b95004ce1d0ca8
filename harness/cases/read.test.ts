import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../root.ts";
import { readCases, recognise } from "./read.ts";

const data = join(projectRoot, "test", "data");

test("the shipped files are all recognised, indices apart", () => {
  const count = (folder: string) => {
    const all = readCases(join(data, folder));
    expect(all.filter((c) => c.kind === "unreadable")).toEqual([]);
    return Object.fromEntries([...new Set(all.map((c) => c.kind))].map((k) => [k, all.filter((c) => c.kind === k).length]));
  };
  expect(count("golden")).toEqual({ model: 9, function: 102 });
  expect(count("generality")).toEqual({ generality: 98 });
  expect(count("adbench")).toEqual({ workload: 76 });
});

test("names tell the kind, the group and the case apart", () => {
  expect(readCases(join(data, "golden/ops/tanh.json")).map((c) => c.name)).toEqual(["ops/tanh"]);
  expect(readCases(join(data, "golden/models/mlp_a.json")).map((c) => c.name)).toEqual(["models/mlp_a"]);
  expect(readCases(join(data, "generality/loops.json"))[0]?.name).toMatch(/^generality\/loops\/\w+$/);
  const all = readCases(data).map((c) => c.name);
  expect(new Set(all).size).toBe(all.length);
});

test("a file that is no reference file is handed on with the reason, and hides no other", () => {
  const folder = mkdtempSync(join(tmpdir(), "cases-"));
  mkdirSync(join(folder, "below"));
  writeFileSync(join(folder, "a.json"), '{"hello": 1}');
  writeFileSync(join(folder, "b.json"), "{");
  writeFileSync(join(folder, "below", "c.json"), '{"format": "ad-golden/1", "kind": "op", "id": "x"}');
  writeFileSync(join(folder, "d.json"), '[{"name": "n"}]');
  writeFileSync(join(folder, "notes.txt"), "not looked at");
  const found = readCases(folder);
  expect(found.map((c) => c.kind)).toEqual(Array(4).fill("unreadable"));
  const reasons = found.map((c) => (c.kind === "unreadable" ? c.reason : ""));
  expect(reasons[0]).toContain("none of the known reference files");
  expect(reasons[1]).toContain("is not JSON");
  expect(reasons[2]).toContain("not a valid op file: op:");
  expect(reasons[3]).toContain("not a valid array of programs at [0]: feature:");
});

test("a path that is not there or holds no case is a finding: to check nothing is not to pass", () => {
  const empty = mkdtempSync(join(tmpdir(), "cases-"));
  expect(readCases(empty)).toMatchObject([{ kind: "unreadable", reason: `${empty} holds no reference case` }]);
  const absent = join(empty, "absent.json");
  expect(readCases(absent)).toMatchObject([{ kind: "unreadable", reason: `${absent} does not exist` }]);
});

test("content of any other type is named as unknown", () => {
  for (const content of [1, "text", null, true, {}, { kind: "other" }])
    expect(recognise(content, "f.json")).toMatchObject([{ kind: "unreadable" }]);
  expect(recognise({ format: "ad-golden-index/1", cases: [] }, "f.json")).toEqual([]);
});
