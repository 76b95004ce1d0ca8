/** Random numbers are constants to a derivative: what scales or shifts them (reparametrisation) is differentiated, they are not. */
import { zero } from "./rule.ts";

const constant = zero("random numbers depend on a key alone");

export const randomRules = { randomBits: constant, splitKey: constant, randomUniform: constant, randomNormal: constant };
