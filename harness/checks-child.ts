/**
 * Entry of the process that runs reference cases: a case may crash, exhaust the heap or never end, and the command line has to
 * outlive it. Each check is sent as soon as it is known.
 */
import { runCases } from "./cases/run.ts";
import { answer, checksRequestSchema } from "./request.ts";

const { paths, engines, devices, dtypes } = checksRequestSchema.parse(JSON.parse(process.argv[2] ?? "null"));
for await (const check of runCases(paths, { engines, devices, dtypes })) answer(check);
// Devices may keep threads and handles; every check is sent, so nothing is waited for.
process.exit(0);
