/** Dataflows and sessions as a user of TensorFlow 1 knows them, and dataflows as JSON. */
import { describe, expect, test } from "vitest";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { Dataflow } from "./dataflow.ts";
import { restore, save } from "./saved.ts";
import { type RunMetadata, Session } from "./session.ts";

const device = createWasm();
useDevice(device);

const { add, createTensor, lt, matmul, mean, mul, scope, sin, square, sub, sum, tanh, whileLoop } = ops;
const T = (values: readonly number[], shape: readonly number[] = [values.length]) => createTensor(values, shape, "f64");
const numbers = (t: ops.Tensor) => [...t.toArray()];

/** A network of two layers with momentum, for any number of rows. */
const network = () =>
  new Dataflow("network", (g) => {
    const x = g.placeholder("x", "f64", ["rows", 2]);
    const y = g.placeholder("y", "f64", ["rows", 1]);
    const layer = (name: string, input: ops.Tensor, rows: number, columns: number) =>
      g.scope(name, () => {
        const w = g.variable(`${name}/w`, () =>
          T(
            Array.from({ length: rows * columns }, (_, i) => Math.sin(i + rows)),
            [rows, columns],
          ),
        );
        const b = g.variable(`${name}/b`, () => T(Array.from({ length: columns }, () => 0)));
        return add(matmul(input, w), b) as ops.Tensor;
      });
    const hidden = tanh(layer("first", x, 2, 3)) as ops.Tensor;
    const output = layer("second", hidden, 3, 1);
    const loss = mean(square(sub(output, y) as ops.Tensor) as ops.Tensor);
    const parameters = g.trainable();
    const gradients = g.gradients([loss], parameters);
    const step = parameters.flatMap((p, i) => {
      const v = g.variable(`momentum${i}`, () => T(new Array(p.aval.size).fill(0), p.shape), { trainable: false });
      const next = add(mul(v, 0.9), gradients[i] as ops.Tensor) as ops.Tensor;
      return [g.assign(v, next), g.assign(p, sub(p, mul(next, 0.05)) as ops.Tensor)];
    });
    return { loss, output, hidden, gradients, step };
  });
const batch = (rows: number, seed: number) => ({
  x: T(
    Array.from({ length: rows * 2 }, (_, i) => Math.cos(i * 1.7 + seed)),
    [rows, 2],
  ),
  y: T(
    Array.from({ length: rows }, (_, i) => Math.sin(i + seed)),
    [rows, 1],
  ),
});

describe("a session", () => {
  test("a run ends when its signal is aborted, before it or in a loop, and changes nothing", () => {
    let asked = 0;
    const flow = new Dataflow("endless", (g) => {
      const v = g.variable("v", () => T([1]));
      const next = whileLoop(
        (y) => lt(ops.item(sum(y)), 2),
        (y) => mul(y, 1) as ops.Tensor,
        v,
      );
      return { next, step: g.assign(v, next) };
    });
    const session = new Session(flow, { keepLess: true });
    const after = (turns: number) => ({
      get aborted() {
        return ++asked > turns;
      },
    });
    for (const turns of [0, 5]) {
      asked = 0;
      expect(() => session.run(flow.ends.step, {}, { signal: after(turns) })).toThrow("the run was aborted by its signal");
      expect(asked).toBe(turns + 1);
    }
    expect(numbers(session.read("v"))).toEqual([1]);
    session.dispose();
  });

  test("a graph that is built takes nothing more, and says so", () => {
    let building: Parameters<ConstructorParameters<typeof Dataflow>[1]>[0] | undefined;
    const flow = new Dataflow("closed", (g) => {
      building = g;
      return { y: mul(g.placeholder("x", "f64", [2]), 2) as ops.Tensor };
    });
    expect(() => building?.placeholder("late", "f64", [1])).toThrow("placeholder late is added to the graph closed, which is built");
    expect(() => building?.variable("late", () => T([1]))).toThrow("variable late is added");
    expect(() => mul(flow.ends.y, 2)).toThrow("applied to a value of a graph that is built to its end");
  });

  test("a dataflow becomes a part of another under other names, its placeholders given or not", () => {
    const inner = network();
    const flow = new Dataflow("two", (g) => {
      const x = g.placeholder("points", "f64", ["rows", 2]);
      const a = g.include(inner, "a", { x });
      const b = g.include(inner, "b", { x, y: a.output });
      return { a: a.output, loss: b.loss, step: b.step };
    });
    const session = new Session(flow);
    const alone = new Session(inner);
    const { x, y } = batch(4, 2);
    const { a, loss } = session.run({ a: flow.ends.a, loss: flow.ends.loss }, { points: x });
    expect(numbers(a)).toEqual(numbers(alone.run(inner.ends.output, { x })));
    // Both begin with the same weights, so the second tells the first without an error.
    expect(loss.item()).toBe(0);
    session.assign("b/first/w", T([1, 2, 3, 4, 5, 6], [2, 3]));
    session.run(flow.ends.step, { points: x });
    expect(numbers(session.read("a/first/w"))).toEqual(numbers(alone.read("first/w")));
    expect(numbers(session.read("b/first/w"))).not.toEqual([1, 2, 3, 4, 5, 6]);
    expect(() => new Dataflow("wrong", (g) => g.include(inner, "a", { x: y }))).toThrow(
      "placeholder x of a is f64[rows, 2], and is given f64[4, 1]",
    );
    session.dispose();
    alone.dispose();
  });

  test("runs what is fetched, for batches of any size, and keeps variables across runs", () => {
    const before = device.stats().liveBytes;
    scope(() => {
      const flow = network();
      const session = new Session(flow);
      const data = batch(6, 1);
      const losses = Array.from({ length: 40 }, () => session.run({ loss: flow.ends.loss, _: flow.ends.step }, data).loss.item());
      expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
      const loss = session.run(flow.ends.loss, data).item();
      // Nothing was trained by asking.
      expect(session.run([flow.ends.loss, { a: flow.ends.output }] as const, data)[0].item()).toBe(loss);
      expect(session.run(flow.ends.output, { x: batch(3, 2).x }).shape).toEqual([3, 1]);
      expect(session.run(flow.ends.output, { x: batch(17, 2).x }).shape).toEqual([17, 1]);
      session.initialise();
      expect(session.run(flow.ends.loss, data).item()).toBe(losses[0]);
      session.dispose();
    });
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  });

  test("is right: gradients are central differences", () => {
    const flow = network();
    const session = new Session(flow);
    const data = batch(5, 3);
    const [slope] = session.run(flow.ends.gradients, data) as unknown as [ops.Tensor];
    const w = numbers(session.read("first/w"));
    const at = (values: readonly number[]) => {
      session.assign("first/w", T(values, [2, 3]));
      return session.run(flow.ends.loss, data).item();
    };
    const h = 1e-6;
    for (const [i, g] of numbers(slope).entries()) {
      const [up, down] = [h, -h].map((d) => at(w.map((v, k) => (k === i ? v + d : v)))) as [number, number];
      expect((up - down) / (2 * h)).toBeCloseTo(g, 8);
    }
    session.dispose();
  });

  test("feeds any value, and computes nothing that is not needed then", () => {
    const flow = network();
    const session = new Session(flow);
    const hidden = T([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [2, 3]);
    const got = session.run(flow.ends.output, new Map([[flow.ends.hidden, hidden]]));
    const w = session.read("second/w");
    expect(numbers(got)).toEqual(numbers(matmul(hidden, w)));
    const call = session.callable(flow.ends.output, [flow.ends.hidden]);
    for (const t of [hidden, hidden, T([1, 2, 3, 4, 5, 6], [2, 3])]) expect(numbers(call(t))).toEqual(numbers(matmul(t, w)));
    session.dispose();
  });

  test("says what does not fit before it runs, and a run that fails changes nothing", () => {
    const flow = network();
    const session = new Session(flow);
    const data = batch(2, 0);
    expect(() => session.run(flow.ends.loss, { x: data.x })).toThrow("placeholder y (f64[2, 1]) is needed and not fed");
    expect(() => session.run(flow.ends.loss, { ...data, z: data.x })).toThrow("there is no placeholder z");
    expect(() => session.run(flow.ends.loss, { ...data, x: T([1, 2, 3, 4, 5, 6], [2, 3]) })).toThrow(
      "placeholder x is f64[rows, 2], and is fed f64[2, 3]",
    );
    expect(() => session.run(flow.ends.loss, { ...data, y: T([1], [1, 1]) })).toThrow("dimension rows is 2 in placeholder x and 1 in y");
    expect(() => session.run([flow.ends.step, flow.ends.step], data)).toThrow("one run is to assign variable momentum0 twice");
    expect(() => session.read("w")).toThrow("there is no variable w");
    const w = numbers(session.read("first/w"));
    const rows = new Dataflow("rows", (g) => {
      const at = g.placeholder("at", "i32", [1]);
      const v = g.variable("v", () => T([1, 2, 3], [3, 1]));
      return { row: ops.indexSelect(v, at, 0), step: g.assign(v, mul(v, 2) as ops.Tensor) };
    });
    const other = new Session(rows);
    expect(() => other.run(rows.ends, { at: createTensor([7], [1], "i32") })).toThrow();
    expect(numbers(other.read("v"))).toEqual([1, 2, 3]);
    expect(other.run(rows.ends, { at: createTensor([1], [1], "i32") }).step).toBeNull();
    expect(numbers(other.read("v"))).toEqual([2, 4, 6]);
    expect(numbers(session.read("first/w"))).toEqual(w);
    for (const s of [session, other]) s.dispose();
  });

  test("variables change places in one run", () => {
    const flow = new Dataflow("swap", (g) => {
      const [a, b] = [g.variable("a", () => T([1])), g.variable("b", () => T([2]))];
      return [g.assign(a, b), g.assign(b, a)];
    });
    const session = new Session(flow);
    session.run(flow.ends);
    expect([numbers(session.read("a")), numbers(session.read("b"))]).toEqual([[2], [1]]);
    session.run(flow.ends);
    expect(numbers(session.run(flow.first.building.reads.get("a") as unknown as ops.Tensor))).toEqual([1]);
    session.dispose();
  });

  test("a loop that does not end is ended by a timeout, and the run's figures are told", () => {
    const flow = new Dataflow("endless", (g) => {
      const x = g.placeholder("x", "f64", []);
      return whileLoop(
        (y) => lt(y, 1e9),
        (y) => sin(y) as ops.Tensor,
        x,
      );
    });
    const session = new Session(flow);
    expect(() => session.run(flow.ends, { x: T([1], []) }, { timeout: 30 })).toThrow(
      "a loop still turned when the run's timeout had passed",
    );
    const seen: RunMetadata[] = [];
    for (let i = 0; i < 2; i++) session.run(flow.ends, { x: T([2e9], []) }, { onRun: (m) => seen.push(m) });
    expect(seen.map((m) => m.isNew)).toEqual([true, false]);
    session.dispose();
  });

  test("gradients stop where they are told to, and refuse what is not connected", () => {
    const make = (options: object) =>
      new Dataflow("stops", (g) => {
        const x = g.placeholder("x", "f64", [2]);
        const inner = mul(x, x) as ops.Tensor;
        const y = sum(mul(inner, x) as ops.Tensor);
        const stop = "stop" in options ? { stop: [inner] } : options;
        return {
          by: g.gradients([y], [x], stop),
          of: g.gradients([sum(inner)], [g.placeholder("z", "f64", [1])], "stop" in options ? {} : options),
        };
      });
    const x = T([2, 3]);
    const plain = make({});
    const session = new Session(plain);
    expect(numbers(session.run(plain.ends.by, { x })[0] as ops.Tensor)).toEqual([12, 27]);
    expect(numbers(session.run(plain.ends.of, {})[0] as ops.Tensor)).toEqual([0]);
    const stopped = make({ stop: true });
    expect(numbers(new Session(stopped).run(stopped.ends.by, { x })[0] as ops.Tensor)).toEqual([4, 9]);
    expect(() => make({ unconnected: "refuse" })).toThrow("no y depends on x 0");
  });

  test("a function may have a gradient of its own, to any order of reverse mode", () => {
    const flow = new Dataflow("custom", (g) => {
      const x = g.placeholder("x", "f64", [2]);
      // A cube whose gradient is clipped to 10.
      const clipped = g.customGradient(
        (t: ops.Tensor) => mul(t, mul(t, t)) as ops.Tensor,
        (ct, t, y) => ops.minimum(add(mul(ct, mul(3, mul(t, t))), mul(0, y)), 10) as ops.Tensor,
      );
      const y = sum(clipped(mul(x, 2) as ops.Tensor));
      const [first] = g.gradients([y], [x]) as [ops.Tensor];
      return { y, first, second: g.gradients([sum(first)], [x]) };
    });
    const session = new Session(flow);
    const { y, first, second } = session.run(flow.ends, { x: T([0.5, 4]) });
    expect([y.item(), numbers(first), numbers(second[0] as ops.Tensor)]).toEqual([513, [6, 20], [24, 0]]);
    const again = restore(JSON.parse(JSON.stringify(save(session))));
    expect((again.session.run(again.dataflow.ends, { x: T([0.5, 4]) }) as { y: ops.Tensor }).y.item()).toBe(513);
    expect(
      () =>
        new Dataflow("forward", (g) => {
          const x = g.placeholder("x", "f64", [2]);
          return g.tangents(
            [
              g.customGradient(
                (t: ops.Tensor) => t,
                (ct) => ct,
              )(x),
            ],
            [x],
            [x],
          );
        }),
    ).toThrow("has no derivative in forward mode");
    expect(
      () =>
        new Dataflow("wrong", (g) =>
          g.customGradient(
            (t: ops.Tensor) => t,
            (ct) => sum(ct),
          )(g.placeholder("x", "f64", [2])),
        ),
    ).toThrow("a pullback gives f64[] for an argument that is f64[2]");
  });

  test("a check that does not hold ends the run with its message", () => {
    const flow = new Dataflow("checked", (g) => {
      const x = g.placeholder("x", "f64", [2]);
      const safe = g.check(x, ops.gt(ops.reduceMin(x), 0), "x must be positive");
      const y = sum(ops.log(safe));
      return { y, by: g.gradients([y], [x]), stopped: g.gradients([sum(mul(g.stopGradient(x), x) as ops.Tensor)], [x]) };
    });
    const session = new Session(flow);
    const { by, stopped } = session.run(flow.ends, { x: T([2, 4]) });
    expect([by, stopped].map(([t]) => numbers(t as ops.Tensor))).toEqual([
      [0.5, 0.25],
      [2, 4],
    ]);
    expect(() => session.run(flow.ends, { x: T([2, -4]) })).toThrow("x must be positive");
    const again = restore(JSON.parse(JSON.stringify(save(session))));
    expect(() => again.session.run(again.dataflow.ends, { x: T([2, -4]) })).toThrow("x must be positive");
  });

  test("shapes that do not fit are refused while the graph is built", () => {
    expect(() => new Dataflow("wrong", (g) => matmul(g.placeholder("a", "f64", [2, 3]), g.placeholder("b", "f64", [2, 3])))).toThrow(
      /2, 3/,
    );
    expect(() => new Dataflow("wrong", (g) => [g.placeholder("a", "f64", [2]), g.placeholder("a", "f64", [2])])).toThrow(
      "two placeholders of the name a",
    );
  });
});

describe("a saved dataflow", () => {
  test("goes on training bitwise as the one that it was saved from", () => {
    const flow = network();
    const session = new Session(flow);
    const data = batch(4, 5);
    const train = (s: Session, ends: { readonly loss: ops.Tensor; readonly step: unknown }, n: number) =>
      Array.from({ length: n }, () => (s.run({ loss: ends.loss, _: ends.step }, data) as { loss: ops.Tensor }).loss.item());
    train(session, flow.ends, 5);
    const text = JSON.stringify(save(session, { x: [4, 2], y: [4, 1] }));
    const again = restore(JSON.parse(text));
    const ends = again.dataflow.ends as typeof flow.ends;
    expect(train(again.session, ends, 5)).toEqual(train(session, flow.ends, 5));
    for (const name of flow.variables.keys()) expect(numbers(again.session.read(name))).toEqual(numbers(session.read(name)));
    expect(JSON.stringify(save(again.session))).toBe(JSON.stringify(save(session, { x: [4, 2], y: [4, 1] })));
    for (const s of [session, again.session]) s.dispose();
  });

  test("holds branches, loops, lists, constants and odd numbers", () => {
    const flow = new Dataflow("control", (g) => {
      const x = g.placeholder("x", "f64", [2]);
      const f = (t: ops.Tensor) =>
        whileLoop(
          ({ i }) => lt(i, sum(t)),
          ({ i, y }) => ({
            i: add(i, 1),
            y: ops.cond(
              lt(i, 2),
              () => mul(y, t) as ops.Tensor,
              () =>
                add(ops.maximum(y, ops.sum(ops.pad(y, [[1, 1]], "constant", Number.NEGATIVE_INFINITY), [0])), T([0.5, -0])) as ops.Tensor,
            ),
          }),
          { i: 0, y: t },
        ).y;
      const y = sum(f(x));
      return { y, by: g.gradients([y], [x]), tangent: g.tangents([y], [x], [T([1, 2])]) };
    });
    const session = new Session(flow);
    const again = restore(JSON.parse(JSON.stringify(save(session))));
    for (const x of [T([1.5, 2.5]), T([0.1, 0.2]), T([3, 4])]) {
      const run = (s: Session, ends: typeof flow.ends) => {
        const r = s.run(ends, { x });
        return [r.y, ...r.by, ...r.tangent].map((t) => numbers(t as ops.Tensor));
      };
      expect(run(again.session, again.dataflow.ends as typeof flow.ends)).toEqual(run(session, flow.ends));
    }
  });

  test("a file that is none is refused with what is wrong", () => {
    const flow = network();
    const session = new Session(flow);
    expect(() => save(session)).toThrow("placeholder x has open dimensions");
    const good = JSON.stringify(save(session, { x: [4, 2], y: [4, 1] }));
    const with_ = (from: string | RegExp, to: string) => () => restore(JSON.parse(good.replace(from, to)));
    expect(() => restore({})).toThrow("a saved graph cannot be read");
    expect(with_("trigrad-graph/1", "trigrad-graph/2")).toThrow("trigrad-graph/1");
    expect(with_('"primitive":"tanh"', '"primitive":"tank"')).toThrow("there is no primitive tank");
    expect(with_('"primitive":"tanh"', '"primitive":"sum"')).toThrow();
    expect(with_(/"in":\[\d+/, '"in":[99999')).toThrow("value 99999 is read before it is computed");
    session.dispose();
  });
});
