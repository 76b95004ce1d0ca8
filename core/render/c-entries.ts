/** The functions by which a generated kernel is entered: for one chunk, for a launch, by pointers in an array, for a block of a product. */
import type { Kernel } from "../kernel/kernel.ts";

/**
 * `name_box` is defined before, and `name_check` where `hasCheck`, `name_state` where `isJoinable`. Exported are `name`, `name_run`
 * and for maps of three axes `name_block`.
 */
export function entriesText(name: string, kernel: Kernel, isJoinable: boolean, hasCheck: boolean): string {
  const pointers = Array.from({ length: kernel.operands.length + kernel.outputs.length }, (_, i) => `p${i}`);
  const box = `int64_t box[${2 * Math.max(1, kernel.rank)}];`;
  const lines = [
    `static void ${name}_chunk(void *context, int64_t chunk) {`,
    "  const tg_launch *g = (const tg_launch *)context;",
    `  ${box}`,
    `  tg_box(g->n, ${kernel.rank}, chunk, box);`,
    `  ${name}_box(g, box, ${isJoinable ? "g->n[TG_POINTS] > 0 ? TG_PART : TG_WHOLE" : "TG_WHOLE"}, chunk);`,
    "}",
  ];
  if (isJoinable) {
    lines.push(
      `static __attribute__((noinline)) void ${name}_joined(void *const *p, const int64_t *n) {`,
      `  ${name}_state state[n[TG_CHUNKS] * n[TG_POINTS]];`,
      "  tg_launch g = {p, n, (char *)state};",
      `  tg_parallel(n[TG_CHUNKS], ${name}_chunk, &g);`,
      `  ${box}`,
      `  for (int a = 0; a < ${kernel.rank}; a++) box[2 * a] = 0, box[2 * a + 1] = n[TG_WORDS + a];`,
      `  ${name}_box(&g, box, TG_JOIN, 0);`,
      "}",
    );
  }
  lines.push(
    `static inline void ${name}_all(void *const *p, const int64_t *n) {`,
    "  tg_launch g = {p, n, 0};",
    ...(hasCheck ? [`  if (!${name}_check(&g)) return;`] : []),
    ...(isJoinable ? [`  if (n[TG_POINTS] > 0) { ${name}_joined(p, n); return; }`] : []),
    `  if (n[TG_CHUNKS] == 1) ${name}_chunk(&g, 0);`,
    `  else tg_parallel(n[TG_CHUNKS], ${name}_chunk, &g);`,
    "}",
    `TG_EXPORT void ${name}_run(void *const *p, const int64_t *n) { ${name}_all(p, n); }`,
    `TG_EXPORT void ${name}(${[...pointers.map((p) => `void *${p}`), "const int64_t *n"].join(", ")}) {`,
    `  void *const p[] = {${pointers.join(", ")}};`,
    `  ${name}_all(p, n);`,
    "}",
  );
  if (kernel.rank === 3 && kernel.reduced === 0) {
    lines.push(
      `TG_EXPORT void ${name}_block(void *g, int64_t batch, int64_t row0, int64_t row1, int64_t column0, int64_t column1) {`,
      "  const int64_t box[] = {batch, batch + 1, row0, row1, column0, column1};",
      `  ${name}_box((const tg_launch *)g, box, TG_WHOLE, 0);`,
      "}",
    );
  }
  return `${lines.join("\n")}\n`;
}
