// What the compiler's checks of undefined behaviour call. They are compiled into every kernel (-fsanitize), with no library behind them; each
// ends the kernel with the status that a GPU gives, or with 719 where a GPU would go on with a number that C++ does not define.
#pragma once

struct __fake_place {
  const char *file;
  unsigned line, column;
};

#define FAKE_CHECK(name, status, what, ...)                                                                           \
  extern "C" __attribute__((visibility("hidden"))) void __ubsan_handle_##name##_abort(__VA_ARGS__) {                  \
    __fake_image.fault(status, what, ((__fake_place *)place)->file, (int)((__fake_place *)place)->line);              \
  }
FAKE_CHECK(add_overflow, 719, "overflow of a signed sum", void *place, void *, void *)
FAKE_CHECK(sub_overflow, 719, "overflow of a signed difference", void *place, void *, void *)
FAKE_CHECK(mul_overflow, 719, "overflow of a signed product", void *place, void *, void *)
FAKE_CHECK(negate_overflow, 719, "overflow of a signed negation", void *place, void *)
FAKE_CHECK(divrem_overflow, 719, "division by zero, or of the least integer by -1", void *place, void *, void *)
FAKE_CHECK(shift_out_of_bounds, 719, "shift by as many bits as the type has", void *place, void *, void *)
FAKE_CHECK(float_cast_overflow, 719, "number too large for the integer it is cast to", void *place, void *)
FAKE_CHECK(out_of_bounds, 700, "index outside an array of the kernel", void *place, void *)
FAKE_CHECK(type_mismatch_v1, 716, "misaligned address", void *place, void *)
