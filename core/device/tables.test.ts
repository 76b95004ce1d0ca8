import { expect, test } from "vitest";
import { copyLaunch } from "../kernel/lower.ts";
import { Pool } from "./pool.ts";
import { Tables } from "./tables.ts";
import { createWasm } from "./wasm/device.ts";

function tablesOf(): { readonly pool: Pool; readonly tables: Tables; readonly taken: () => number } {
  let top = 64;
  let released = 0;
  const pool = new Pool(
    "test",
    {
      reserve: (bytes) => {
        top += bytes;
        return top - bytes;
      },
      release: (_, bytes) => {
        released += bytes;
      },
    },
    1e6,
  );
  const taken = () => {
    pool.trim();
    return top - 64 - released;
  };
  return { pool, tables: new Tables(pool), taken };
}

test("what a preparation within a preparation takes belongs to the outer one", () => {
  const { tables, taken } = tablesOf();
  const outer = tables.ownedBy(() => {
    tables.block(64);
    const inner = tables.ownedBy(() => {
      tables.block(128);
      return () => {};
    });
    tables.forget(inner);
    return () => inner();
  });
  expect(taken()).toBe(192);
  tables.forget(outer);
  expect(taken()).toBe(0);
  tables.forget(outer);
  expect(taken()).toBe(0);
});

test("a preparation that fails keeps nothing, and the next one starts afresh", () => {
  const { tables, taken } = tablesOf();
  expect(() =>
    tables.ownedBy(() => {
      tables.block(64);
      throw new Error("no such kernel");
    }),
  ).toThrow("no such kernel");
  expect(taken()).toBe(0);
  tables.forget(
    tables.ownedBy(() => {
      tables.block(64);
      return () => {};
    }),
  );
  expect(taken()).toBe(0);
});

test("launches on wasm with ever-changing geometry hold no memory once forgotten", () => {
  const device = createWasm();
  const transpose = (rows: number) =>
    copyLaunch([rows, 3, 5], { input: 0, dtype: "f32", strides: [1, rows, 3 * rows] }, { dtype: "f32", strides: [15, 5, 1] });
  device.forget(device.prepare(transpose(1)));
  const before = device.stats().reservedBytes;
  for (let rows = 2; rows < 500; rows++) device.forget(device.prepare(transpose(rows)));
  expect(device.stats().reservedBytes).toBe(before);
});
