import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["node_modules/**", "dist/**", "results/**"],
    testTimeout: 60_000,
    pool: "forks",
    // All cores: the default leaves one to a watcher's terminal, which on two cores is half of them.
    maxWorkers: "100%",
  },
});
