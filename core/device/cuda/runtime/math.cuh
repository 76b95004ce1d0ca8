/**
 * The scalar functions of kernels in CUDA: tg_<function>_f32 and tg_<function>_f64, with the special values of
 * core/kernel/javascript.ts. They are CUDA's own, which are within a few units of the last place over the whole range (CUDA C
 * Programming Guide, appendix on mathematical functions), except where those bounds exceed 4 units: these are computed in double.
 */

/**
 * round: halves go up. min, max: NaN if either is; -0 < 0. pow: unlike C, JavaScript has NaN for 1 to the power NaN and for 1 or -1 to
 * the power of an infinity. `c` is the letter that CUDA adds to names for this type.
 */
#define TG_BASIC(T, type, c)                                                                  \
  TG_FN T tg_abs_##type(T x) { return fabs##c(x); }                                           \
  TG_FN T tg_sign_##type(T x) { return x > 0 ? (T)1 : x < 0 ? (T)-1 : x; }                    \
  TG_FN T tg_floor_##type(T x) { return floor##c(x); }                                        \
  TG_FN T tg_ceil_##type(T x) { return ceil##c(x); }                                          \
  TG_FN T tg_trunc_##type(T x) { return trunc##c(x); }                                        \
  TG_FN T tg_round_##type(T x) {                                                              \
    const T below = floor##c(x);                                                              \
    return copysign##c(x - below >= (T)0.5 ? below + 1 : below, x);                           \
  }                                                                                           \
  TG_FN T tg_sqrt_##type(T x) { return sqrt##c(x); }                                          \
  TG_FN T tg_min_##type(T x, T y) {                                                           \
    const T least = x < y || (x == y && copysign##c((T)1, x) < 0) ? x : y;                    \
    return x != x ? x : least;                                                                \
  }                                                                                           \
  TG_FN T tg_max_##type(T x, T y) {                                                           \
    const T most = x > y || (x == y && copysign##c((T)1, x) > 0) ? x : y;                     \
    return x != x ? x : most;                                                                 \
  }                                                                                           \
  TG_FN T tg_rem_##type(T x, T y) { return fmod##c(x, y); }                                   \
  TG_FN T tg_exp_##type(T x) { return exp##c(x); }                                            \
  TG_FN T tg_expm1_##type(T x) { return expm1##c(x); }                                        \
  TG_FN T tg_log_##type(T x) { return log##c(x); }                                            \
  TG_FN T tg_log1p_##type(T x) { return log1p##c(x); }                                        \
  TG_FN T tg_log2_##type(T x) { return log2##c(x); }                                          \
  TG_FN T tg_log10_##type(T x) { return log10##c(x); }                                        \
  TG_FN T tg_cbrt_##type(T x) { return cbrt##c(x); }                                          \
  TG_FN T tg_sin_##type(T x) { return sin##c(x); }                                            \
  TG_FN T tg_cos_##type(T x) { return cos##c(x); }                                            \
  TG_FN T tg_tan_##type(T x) { return tan##c(x); }                                            \
  TG_FN T tg_asin_##type(T x) { return asin##c(x); }                                          \
  TG_FN T tg_acos_##type(T x) { return acos##c(x); }                                          \
  TG_FN T tg_atan_##type(T x) { return atan##c(x); }                                          \
  TG_FN T tg_atan2_##type(T y, T x) { return atan2##c(y, x); }                                \
  TG_FN T tg_sinh_##type(T x) { return sinh##c(x); }                                          \
  TG_FN T tg_cosh_##type(T x) { return cosh##c(x); }                                          \
  TG_FN T tg_tanh_##type(T x) { return tanh##c(x); }                                          \
  TG_FN T tg_asinh_##type(T x) { return asinh##c(x); }                                        \
  TG_FN T tg_acosh_##type(T x) { return acosh##c(x); }                                        \
  TG_FN T tg_atanh_##type(T x) { return atanh##c(x); }                                        \
  TG_FN T tg_erf_##type(T x) { return erf##c(x); }                                            \
  TG_FN T tg_erfc_##type(T x) { return erfc##c(x); }                                          \
  TG_FN T tg_pow_##type(T x, T y) {                                                           \
    const T p = pow##c(x, y);                                                                 \
    return y - y != 0 && (x == 1 || x == -1 || y != y) ? (T)TG_NAN_F32 : p;                   \
  }                                                                                           \
  TG_FN T tg_hypot_##type(T x, T y) { return hypot##c(x, y); }
TG_BASIC(float, f32, f)
TG_BASIC(double, f64, )
#undef TG_BASIC

TG_FN double tg_lgamma_f64(double x) { return lgamma(x); }
TG_FN float tg_lgamma_f32(float x) { return (float)lgamma((double)x); }
