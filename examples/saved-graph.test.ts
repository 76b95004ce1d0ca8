/** The example of a saved graph: two halves, one after the other, are the whole, to the bit. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWasm } from "../core/device/wasm/device.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { trainSaved } from "./saved-graph.ts";

test("training that goes on from a file ends where training in one go does", () => {
  useDevice(createWasm());
  const file = join(mkdtempSync(join(tmpdir(), "saved-")), "half.json");
  const half = trainSaved({ steps: 6, to: file });
  const rest = trainSaved({ steps: 6, from: file });
  expect(rest).toBe(trainSaved({ steps: 12 }));
  expect(rest).toBeLessThan(half);
});
