/**
 * Random bodies of functions of (x, y, xs): expressions and statements with side effects in every place where the order of
 * evaluation can be got wrong. Values stay bounded (assignments go through tanh), loops end.
 */
import fc from "fast-check";

const LOCALS = ["a", "b", "c"] as const;
const MEMBERS = ["o.p", 'o["q"]', "o.r.s", "l[0]", "l[1]", "l[n % 3]", "at(o).p", "at(l)[k() % 3]"] as const;

const leaf = fc.oneof(
  fc.constantFrom("x", "y", "xs[1]", "xs[n % 4]", "n", "0.5", "2", "3", ...LOCALS, ...MEMBERS),
  fc.integer({ min: -3, max: 3 }).map((i) => `(${i})`),
);

const target = fc.constantFrom(...LOCALS, ...MEMBERS);
const arithmetic = fc.constantFrom("+", "-", "*");
const comparison = fc.constantFrom("<", "<=", ">", ">=", "===", "!==", "==", "!=");

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const e = tie("expression");
  return {
    expression: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      leaf,
      fc.tuple(e, arithmetic, e).map(([l, op, r]) => `(${l} ${op} ${r})`),
      fc.tuple(e, e).map(([l, r]) => `(${l} / (2 + Math.tanh(${r})))`),
      fc.tuple(e, e).map(([l, r]) => `(${l} % (3 + Math.tanh(${r})))`),
      e.map((v) => `(- ${v})`),
      fc.tuple(fc.constantFrom("sin", "tanh", "abs", "cos"), e).map(([f, v]) => `Math.${f}(${v})`),
      fc.tuple(fc.constantFrom("max", "min"), e, e).map(([f, l, r]) => `Math.${f}(${l}, ${r})`),
      fc.tuple(e, comparison, e, e, e).map(([l, op, r, yes, no]) => `(${l} ${op} ${r} ? ${yes} : ${no})`),
      fc.tuple(e, e, e).map(([c, yes, no]) => `(${c} ? ${yes} : ${no})`),
      fc.tuple(e, fc.constantFrom("&&", "||", "??"), e).map(([l, op, r]) => `((${l}) ${op} (${r}))`),
      fc.tuple(e, e).map(([l, r]) => `(${l}, ${r})`),
      fc.tuple(target, fc.constantFrom("", "+", "-", "*"), e).map(([t, op, v]) => `(${t} ${op}= Math.tanh(${v}))`),
      fc.tuple(target, fc.constantFrom("&&=", "||=", "??="), e).map(([t, op, v]) => `(${t} ${op} Math.tanh(${v}))`),
      fc.tuple(target, fc.constantFrom("++", "--"), fc.boolean()).map(([t, op, isPrefix]) => (isPrefix ? `(${op}${t})` : `(${t}${op})`)),
      e.map((v) => `twice((t) => t * 0.5 + ${v}, a)`),
      e.map((v) => `xs.map((v) => v * ${v}).filter((v) => v).length`),
      e.map((v) => `(~~${v} | 1)`),
    ),
  };
});

const { statement } = fc.letrec<{ statement: string }>((tie) => {
  const s = tie("statement");
  const block = fc.array(s, { minLength: 1, maxLength: 3 }).map((list) => `{ ${list.join(" ")} }`);
  return {
    statement: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.tuple(target, expression).map(([t, v]) => `${t} = Math.tanh(${v});`),
      fc.tuple(target, fc.constantFrom("+=", "-=", "*="), expression).map(([t, op, v]) => `${t} ${op} Math.sin(${v});`),
      expression.map((v) => `${v};`),
      fc.tuple(expression, block, block).map(([c, yes, no]) => `if (${c}) ${yes} else ${no}`),
      block.map((b) => `for (let i = 0; i < 3; i++) { n += i; ${b} }`),
      fc.tuple(expression, block).map(([c, b]) => `{ let left = 3; while (left-- && (${c})) ${b} }`),
      fc
        .tuple(expression, block, block)
        .map(([v, one, other]) => `switch (Math.floor(${v})) { case 0: ${one} break; case -1: ${other} default: n++; }`),
      expression.map((v) => `l[2] = twice((t) => Math.sin(t + ${v}), b);`),
      fc.tuple(expression, s).map(([v, then]) => `try { if (${v}) throw new Error("e"); } catch { ${then} }`),
      fc.tuple(expression, expression).map(([v, w]) => `[a, o.p] = [Math.tanh(${v}), Math.tanh(${w})];`),
    ),
  };
});

/** A body that returns the whole state. */
export const program = fc.tuple(fc.array(statement, { minLength: 1, maxLength: 5 }), expression).map(
  ([statements, result]) => `
let a = x, b = y, c = 0.5, n = 0, calls = 0;
const o = { p: x * y, q: 1, r: { s: y } }, l = [x, 2, y];
const at = (t) => { calls++; return t; };
const k = () => ++calls;
const twice = (g, v) => g(Math.tanh(g(v)));
${statements.join("\n")}
const result = Math.tanh(${result});
return [result, a, b, c, n, calls, o.p, o.q, o.r.s, ...l];`,
);
