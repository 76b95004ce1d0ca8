import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openDevice } from "../../core/device/registry.ts";
import * as o from "../../core/ops.ts";
import { createTensor, scope, type Tensor } from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { checkMemory } from "../../test/memory.ts";
import { grad, jvp, lastUse, stopGradient, valueAndGrad, vjp } from "./transforms.ts";

type Fn = (...args: unknown[]) => unknown;
const device = openDevice("interpreter");
checkMemory("interpreter");

/** A function of numbers, for the operators' untyped interface. */
const fn = (f: (x: number) => unknown) => f as Fn;
const vector = (...v: number[]) => createTensor(v, [v.length], "f64");
const list = (t: unknown) => [...(t as Tensor).toArray()];

describe("numbers", () => {
  test("a program on numbers records numbers: no tensor and no launch", () => {
    const before = device.stats();
    expect(grad(fn((x) => o.mul(o.sin(x), o.exp(x))))(0.5)).toBeCloseTo(Math.exp(0.5) * (Math.sin(0.5) + Math.cos(0.5)), 14);
    expect(device.stats().launches).toBe(before.launches);
    expect(device.stats().allocations).toBe(before.allocations);
  });

  test("derivatives of x**5 to any order", () => {
    let f = fn((x) => o.mul(x, o.mul(x, o.mul(x, o.mul(x, x)))));
    const found = [];
    for (let n = 0; n <= 6; n++) {
      found.push(f(2));
      f = grad(f) as Fn;
    }
    expect(found).toEqual([32, 80, 160, 240, 240, 120, 0]);
  });

  test("perturbations are not confused, in every pairing of modes", () => {
    const forward = (f: Fn) => (x: unknown) => jvp(f, x, 1)[1];
    for (const outer of [grad, forward]) {
      for (const inner of [grad, forward]) {
        const f = fn((x) => o.mul(x, inner(fn((y) => o.add(x, y)))(1) as number));
        expect(outer(f)(1), `${outer.name} over ${inner.name}`).toBe(1);
        const g = fn((x) => o.mul(x, inner(fn((y) => o.mul(x, y)))(2) as number));
        expect(outer(g)(3), `${outer.name} over ${inner.name}`).toBe(6);
      }
    }
  });

  test("a chain of 300 000 operations needs no stack, and a fan of 10 000 is linear", () => {
    const chain = fn((x) => {
      let y: number = x;
      for (let i = 0; i < 300_000; i++) y = o.mul(y, 0.99999) as number;
      return y;
    });
    expect(grad(chain)(1)).toBeCloseTo(0.99999 ** 300_000, 12);
    expect(lastUse.nodes).toBe(300_001);
    const fan = fn((x) => {
      let s = 0;
      for (let i = 0; i < 10_000; i++) s = o.add(s, o.mul(x, i)) as number;
      return s;
    });
    expect(grad(fan)(1)).toBe((10_000 * 9_999) / 2);
  });

  test("random expressions agree with central differences", () => {
    const leaf = fc.constantFrom(
      (x: number) => x as unknown,
      () => 1.5,
      (x: number) => o.sin(x) as unknown,
    );
    const steps = fc.array(fc.tuple(fc.constantFrom("add", "mul", "sub", "tanh", "exp", "div"), leaf), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(steps, fc.double({ min: -1, max: 1, noNaN: true }), (program, x0) => {
        const f = fn((x) => {
          let y: unknown = x;
          for (const [op, arg] of program) {
            const a = arg(x) as number;
            const v = y as number;
            if (op === "tanh") y = o.tanh(v);
            else if (op === "exp") y = o.exp(o.tanh(v));
            else if (op === "div") y = o.div(v, o.add(2, o.mul(a, a)));
            else y = { add: o.add, mul: o.mul, sub: o.sub }[op as "add"](v, a);
          }
          return o.tanh(y as number);
        });
        const h = 1e-5;
        const numeric = ((f(x0 + h) as number) - (f(x0 - h) as number)) / (2 * h);
        const got = grad(f)(x0) as number;
        expect(Math.abs(got - numeric)).toBeLessThan(1e-6 * Math.max(1, Math.abs(numeric)));
        expect(jvp(f, x0, 1)[1] as number).toBeCloseTo(got, 10);
      }),
      { numRuns: 200 },
    );
  });
});

describe("trees and tensors", () => {
  test("gradients are shaped like the argument; constants get null, what has no influence gets zeros", () => {
    const f = ((p: { w: Tensor; b: number; name: string; unused: Tensor[] }) => o.sum(o.mul(p.w, p.b))) as unknown as Fn;
    const [value, g] = valueAndGrad(f)({ w: vector(1, 2), b: 3, name: "x", unused: [vector(7, 8)] }) as [
      Tensor,
      { w: Tensor; b: number; name: null; unused: Tensor[] },
    ];
    expect(value.item()).toBe(9);
    expect(list(g.w)).toEqual([3, 3]);
    expect(g.b).toBe(3);
    expect(g.name).toBeNull();
    expect(list(g.unused[0])).toEqual([0, 0]);
  });

  test("numbers and tensors of both float dtypes mix; each gradient has the dtype of its argument", () => {
    const a = createTensor([1, 2], [2], "f32");
    const f = ((p: { a: Tensor; b: Tensor; c: number }) => o.sum(o.mul(o.mul(p.a, p.b), p.c))) as unknown as Fn;
    const g = grad(f)({ a, b: vector(3, 4), c: 2 }) as { a: Tensor; b: Tensor; c: number };
    expect([g.a.dtype, list(g.a)]).toEqual(["f32", [6, 8]]);
    expect([g.b.dtype, list(g.b)]).toEqual(["f64", [2, 4]]);
    expect(g.c).toBe(11);
  });

  test("item and lift carry derivatives between tensors and numbers", () => {
    const f = ((x: Tensor) => o.mul(o.exp(o.item(o.sum(x)) as number), 2)) as unknown as Fn;
    expect(list(grad(f)(vector(0.5, -0.5)))).toEqual([2, 2]);
  });

  test("a pull-back may be used several times, and frees its tape when the scope ends", () => {
    const before = device.stats().liveBytes;
    scope(() => {
      const [y, back] = vjp(((x: Tensor) => o.square(x)) as unknown as Fn, vector(1, 2, 3));
      expect(list(y)).toEqual([1, 4, 9]);
      expect(list(back(vector(1, 0, 0)))).toEqual([2, 0, 0]);
      expect(list(back(vector(0, 1, 1)))).toEqual([0, 4, 6]);
    });
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  });

  test("a pull-back that leaves its scope with its result still works; used later it is refused", () => {
    const back = scope(() => vjp(((x: Tensor) => o.square(x)) as unknown as Fn, vector(3))[1]);
    scope(() => expect(list(back(vector(1)))).toEqual([6]));
    let gone: ((ct: unknown) => unknown) | undefined;
    scope(() => {
      gone = vjp(((x: Tensor) => o.square(x)) as unknown as Fn, vector(3))[1];
    });
    expect(() => gone?.(vector(1))).toThrow("after the scope around its vjp has ended");
  });

  test("second order through tensors: the Hessian of a cubic form, forward over reverse and reverse over reverse", () => {
    const f = ((x: Tensor) => o.sum(o.mul(x, o.mul(x, x)))) as unknown as Fn;
    const x = vector(1, 2, 3);
    expect(list(jvp(grad(f), x, vector(1, 1, 1))[1])).toEqual([6, 12, 18]);
    expect(list(grad(((y: Tensor) => o.sum(grad(f)(y) as Tensor)) as unknown as Fn)(x))).toEqual([6, 12, 18]);
    expect(list(jvp((y) => jvp(f, y, vector(1, 0, 0))[1], x, vector(1, 0, 0))[1])).toEqual([6]);
  });

  test("what the backward pass does not read is not saved", () => {
    scope(() => {
      const x = vector(...Array(100).fill(1));
      const f = ((y: Tensor) => o.sum(o.add(o.add(y, y), y))) as unknown as Fn;
      valueAndGrad(f)(x);
      expect(lastUse.savedBytes).toBe(0);
      valueAndGrad(((y: Tensor) => o.sum(o.tanh(o.tanh(y)))) as unknown as Fn)(x);
      expect(lastUse.savedBytes).toBe(2 * 100 * 8);
    });
  });

  test("live bytes return to the start after nested derivatives and after an exception", () => {
    const before = device.stats().liveBytes;
    scope(() => {
      const f = ((x: Tensor) => o.sum(o.exp(o.sin(o.mul(x, 3))))) as unknown as Fn;
      const hessianTrace = ((x: Tensor) => o.sum(o.square(grad(f)(x) as Tensor))) as unknown as Fn;
      grad(hessianTrace)(vector(1, 2, 3));
      jvp(grad(hessianTrace), vector(1, 2, 3), vector(1, 1, 1));
      expect(() => grad(((x: Tensor) => o.add(o.sum(o.exp(x)), vector(1, 2))) as unknown as Fn)(vector(1, 2, 3))).toThrow("scalar");
      expect(() => grad(((x: Tensor) => o.add(o.exp(x), vector(1, 2))) as unknown as Fn)(vector(1, 2, 3))).toThrow("do not broadcast");
    });
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  });
});

test("a vjp whose function throws, and a label out of range, leave nothing behind", () => {
  const f = ((x: Tensor) => {
    o.exp(o.exp(x));
    throw new Error("stop");
  }) as unknown as Fn;
  expect(() => vjp(f, vector(1, 2))).toThrow("stop");
  const logits = createTensor([1, 2, 3, 4, 5, 6], [2, 3], "f64");
  const labels = createTensor([0, 3], [2], "i32");
  expect(() => grad(((x: Tensor) => o.crossEntropy(x, labels)) as unknown as Fn)(logits)).toThrow("index 3");
  expect(() => o.indexSelect(logits, labels, 1)).toThrow("index 3");
});

describe("refusals", () => {
  test("grad of a function that returns no scalar says what it returned", () => {
    expect(() => grad(fn((x) => [x, x]))(1)).toThrow(/one number \(a scalar\).*an array of 2/);
    expect(() => grad(fn(() => undefined))(1)).toThrow("undefined");
  });

  test("a value that escaped from an inner derivative is refused", () => {
    const f = fn((x) => {
      let leaked = 0;
      grad(
        fn((y) => {
          leaked = o.mul(y, 2);
          return leaked;
        }),
      )(1);
      return o.add(x, leaked);
    });
    expect(() => grad(f)(1)).toThrow("after that operator has returned");
  });

  test("JavaScript coercions of a traced number are refused, never a silent zero", () => {
    expect(() => grad(fn((x) => Math.sin(x)))(1)).toThrow("bare number");
    expect(() => grad(fn((x) => (x as number) * 2))(1)).toThrow("bare number");
    expect(() => grad(fn((x) => Number(JSON.stringify({ x }).length)))(1)).toThrow("JSON");
  });

  test("cotangents and tangents of the wrong shape name both sides", () => {
    const [, back] = vjp(((x: Tensor) => o.square(x)) as unknown as Fn, vector(1, 2));
    expect(() => back(vector(1, 2, 3))).toThrow(/\[3\].*\[2\]/);
    expect(() => jvp(((x: Tensor) => o.square(x)) as unknown as Fn, vector(1, 2), vector(1))).toThrow(/\[1\].*\[2\]/);
  });

  test("a derivative by the order of polygamma does not exist and is refused", () => {
    expect(() => grad(fn((n) => o.polygamma(n, 2.5)))(1)).toThrow("no derivative with respect to its argument 1");
  });
});

test("stopGradient keeps the value and drops the derivative", () => {
  expect(grad(fn((x) => o.mul(x, stopGradient(x) as number)))(3)).toBe(3);
});
