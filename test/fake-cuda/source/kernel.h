// A loaded kernel, as modules.cpp finds it and execute.cpp runs it.
#pragma once
#include <string>
#include <vector>

#include "fake.h"
#include "image.h"

namespace fake {

struct Module {
  void *library = nullptr;
  __fake_image_state *state = nullptr;
  std::vector<std::unique_ptr<Kernel>> kernels;
  ~Module();
};

struct Kernel {
  std::string name;
  __fake_kernel *entry = nullptr;
  std::shared_ptr<Module> module;
  std::vector<__fake_parameter> parameters;
  unsigned parameterBytes = 0;
  int staticShared = 0;
  int maxDynamicShared = 49152;
};

}  // namespace fake
