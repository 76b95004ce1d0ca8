/**
 * argsort, for one element type T: a stable radix sort (least byte first) of keys whose order as unsigned integers is that of the
 * numbers. Bytes that all keys share cost one look.
 */

/** `descending` turns the order of the keys round, but for NaN, which is last both ways. 0 and -0 are equal. */
static void NAME(argsort)(int64_t n, const T *x, int descending, int32_t *out) {
  typedef struct {
    uint64_t key;
    int64_t index;
  } entry;
  if (n == 0) return;
  entry *from = tg_scratch(TG_SCRATCH_ROUTINE, 2 * n * (int64_t)sizeof(entry)), *to = from + n;
  if (!from) return;
  uint64_t all = ~(uint64_t)0, any = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t key = NAME(sort_key)(x[i]);
    from[i].key = x[i] != x[i] ? ~(uint64_t)0 : descending ? ~key - 1 : key;
    from[i].index = i;
    all &= from[i].key;
    any |= from[i].key;
  }
  for (int shift = 0; shift < 64; shift += 8) {
    if (((all ^ any) >> shift & 255) == 0) continue;
    int64_t places[256] = {0};
    for (int64_t i = 0; i < n; i++) places[from[i].key >> shift & 255]++;
    for (int64_t value = 0, sum = 0; value < 256; value++) {
      int64_t count = places[value];
      places[value] = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; i++) to[places[from[i].key >> shift & 255]++] = from[i];
    entry *swap = from;
    from = to;
    to = swap;
  }
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)from[i].index;
}
