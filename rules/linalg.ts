/** Rules of matrix products (Giles 2008). Transposes become flags of the products; nothing is copied to be turned. */
import type { MatmulParams } from "../core/primitives/linalg.ts";
import { inputs } from "./rule.ts";

const mm = (transposeA: boolean, transposeB: boolean): MatmulParams => ({ transposeA, transposeB });

export const linalgRules = {
  /** C = op(A) op(B): for no flags Ā = C̄ Bᵀ and B̄ = Aᵀ C̄; a transposed operand gets the transpose of that. */
  matmul: inputs<MatmulParams>(
    {
      vjp: (op, ct, s) =>
        s.params.transposeA
          ? op.matmul(s.in(1), ct, mm(s.params.transposeB, true))
          : op.matmul(ct, s.in(1), mm(false, !s.params.transposeB)),
      jvp: (op, t, s) => op.matmul(t, s.in(1), s.params),
    },
    {
      vjp: (op, ct, s) =>
        s.params.transposeB
          ? op.matmul(ct, s.in(0), mm(true, s.params.transposeA))
          : op.matmul(s.in(0), ct, mm(!s.params.transposeA, false)),
      jvp: (op, t, s) => op.matmul(s.in(0), t, s.params),
    },
  ),
};
