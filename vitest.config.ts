import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["node_modules/**", "dist/**", "results/**"],
    testTimeout: 60_000,
    pool: "forks",
  },
});
