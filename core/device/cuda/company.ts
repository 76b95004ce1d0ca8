/**
 * Launches that need nothing of each other, side by side: while a plan is captured, streams beside the main one wait for what came
 * before, take the members in turns, and are waited for by what comes after. The graph then has a branch for each stream.
 */
import { DRIVER_CONSTANTS, type Driver } from "./driver.ts";

/** Streams beside the main one: chains that a GPU can run at once without more bookkeeping than they save. */
const SIDES = 8;

export class Company {
  private readonly driver: Driver;
  private readonly main: number;
  private readonly sides: readonly { readonly stream: number; readonly event: number }[];
  private readonly begin: number;

  constructor(driver: Driver, main: number) {
    this.driver = driver;
    this.main = main;
    const event = () => {
      driver.call("cuEventCreate", driver.cell, DRIVER_CONSTANTS.CU_EVENT_DISABLE_TIMING);
      return driver.found;
    };
    const side = () => {
      driver.call("cuStreamCreate", driver.cell, DRIVER_CONSTANTS.CU_STREAM_NON_BLOCKING);
      return { stream: driver.found, event: event() };
    };
    this.sides = Array.from({ length: SIDES }, side);
    this.begin = event();
  }

  /** Runs each member on a stream; those of `fixed` on the main one. */
  run(members: readonly ((stream: number) => void)[], fixed: readonly ((stream: number) => void)[]): void {
    const { driver, main, begin } = this;
    const used = this.sides.slice(0, members.length);
    driver.call("cuEventRecord", begin, main);
    for (const { stream } of used) driver.call("cuStreamWaitEvent", stream, begin, 0);
    for (const [i, member] of members.entries()) member((used[i % used.length] as (typeof used)[number]).stream);
    for (const member of fixed) member(main);
    for (const { stream, event } of used) {
      driver.call("cuEventRecord", event, stream);
      driver.call("cuStreamWaitEvent", main, event, 0);
    }
  }
}
