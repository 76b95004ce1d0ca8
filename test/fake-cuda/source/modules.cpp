// Modules and launches. An image is what nvrtc.cpp made: a header and a shared library, which is written to a file of a name of its own
// (the loader takes two files of one name for one) and opened. A launch is checked as the driver checks it, and its parameters copied.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include "image-format.h"
#include "kernel.h"

namespace fake {

static std::unordered_map<uint64_t, std::shared_ptr<Module>> modules;
static std::unordered_map<uint64_t, Kernel *> functions;

Module::~Module() {
  if (library) dlclose(library);
}

static Kernel *functionOf(uint64_t handle) {
  auto found = functions.find(handle);
  return found == functions.end() ? nullptr : found->second;
}

static int maxShared() { return architecture() < 80 ? 65536 : 232448; }

}  // namespace fake

using namespace fake;

API Status cuModuleLoadData(uint64_t *handle, const char *image) {
  READY;
  if (Status r = refuseInCapture("cuModuleLoadData")) return r;
  std::string library;
  int arch = 0;
  bool isPortable = false;
  if (!readImage(image, library, arch, isPortable)) return explain(INVALID_IMAGE, "cuModuleLoadData of what the fake NVRTC did not make");
  const int ours = architecture();
  const bool runs = isPortable ? arch <= ours : arch / 10 == ours / 10 && arch <= ours;
  if (!runs) return explain(NO_BINARY_FOR_GPU, "an image for sm_" + std::to_string(arch) + " on a device of sm_" + std::to_string(ours));
  const char *folder = getenv("TMPDIR");
  std::string path = std::string(folder && *folder ? folder : "/tmp") + "/fake-cuda-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0) return explain(OUT_OF_MEMORY, "no temporary file for an image at " + path);
  for (size_t done = 0; done < library.size();) {
    const ssize_t n = write(file, library.data() + done, library.size() - done);
    if (n <= 0) break;
    done += (size_t)n;
  }
  close(file);
  auto module = std::make_shared<Module>();
  module->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  unlink(path.c_str());
  if (!module->library) return explain(INVALID_IMAGE, dlerror());
  module->state = (__fake_image_state *)dlsym(module->library, "__fake_image");
  *handle = (uint64_t)module.get();
  modules[*handle] = module;
  return SUCCESS;
}

API Status cuModuleUnload(uint64_t handle) {
  READY;
  if (Status r = refuseInCapture("cuModuleUnload")) return r;
  auto found = modules.find(handle);
  if (found == modules.end()) return INVALID_HANDLE;
  if (Status r = finishAll()) return r;
  for (auto &kernel : found->second->kernels) {
    functions.erase((uint64_t)kernel.get());
    kernel->module = nullptr;
  }
  modules.erase(found);
  return SUCCESS;
}

API Status cuModuleGetFunction(uint64_t *handle, uint64_t moduleHandle, const char *name) {
  READY;
  auto found = modules.find(moduleHandle);
  if (found == modules.end()) return INVALID_HANDLE;
  auto module = found->second;
  // Only a kernel that is extern "C" has its own name.
  auto *entry = (__fake_kernel *)dlsym(module->library, (std::string(name) + "__fake").c_str());
  if (!entry || !dlsym(module->library, name)) return NOT_FOUND;
  auto kernel = std::make_unique<Kernel>();
  kernel->name = name;
  kernel->entry = entry;
  kernel->module = module;
  __fake_parameter parameters[1025];
  kernel->parameters.assign(parameters, parameters + entry->parameters(parameters));
  for (const __fake_parameter &p : kernel->parameters) kernel->parameterBytes = p.offset + p.bytes;
  kernel->staticShared = staticShared(*entry);
  *handle = (uint64_t)kernel.get();
  functions[*handle] = kernel.get();
  module->kernels.push_back(std::move(kernel));
  return SUCCESS;
}

API Status cuFuncGetAttribute(int *value, int attribute, uint64_t function) {
  READY;
  Kernel *kernel = functionOf(function);
  if (!kernel) return INVALID_HANDLE;
  switch (attribute) {
    case 0: *value = kernel->entry->max_threads; break;
    case 1: *value = kernel->staticShared; break;
    case 2: case 3: *value = 0; break;  // constant and local memory
    case 4: *value = 32; break;         // registers
    case 5: case 6: *value = architecture(); break;
    case 8: *value = kernel->maxDynamicShared; break;
    default: return INVALID_VALUE;
  }
  return SUCCESS;
}

API Status cuFuncSetAttribute(uint64_t function, int attribute, int value) {
  READY;
  Kernel *kernel = functionOf(function);
  if (!kernel) return INVALID_HANDLE;
  if (attribute == 9) return SUCCESS;  // carve-out: advice
  if (attribute != 8 || value < 0 || value + kernel->staticShared > maxShared())
    return explain(INVALID_VALUE, "cuFuncSetAttribute(" + std::to_string(attribute) + ", " + std::to_string(value) + ") of " + kernel->name);
  kernel->maxDynamicShared = value;
  return SUCCESS;
}

API Status cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, uint64_t function, int threads, size_t dynamic) {
  READY;
  Kernel *kernel = functionOf(function);
  if (!kernel) return INVALID_HANDLE;
  if (threads <= 0) return INVALID_VALUE;
  const size_t shared = dynamic + (size_t)kernel->staticShared + 1024;
  const int byThreads = (architecture() < 80 ? 1024 : 2048) / ((threads + 31) / 32 * 32), byShared = (int)(233472 / shared);
  *blocks = threads > kernel->entry->max_threads ? 0 : std::min(32, std::min(byThreads, byShared));
  return SUCCESS;
}

/// The parameters as the kernel reads them, from either of the ways in which they are given.
static Status pack(const Kernel &kernel, void **parameters, void **extra, std::vector<char> &packed) {
  packed.assign(kernel.parameterBytes + 1, 0);
  if (parameters && extra) return INVALID_VALUE;
  if (!extra) {
    if (!parameters && !kernel.parameters.empty()) return explain(INVALID_VALUE, kernel.name + " is launched without parameters");
    for (size_t i = 0; i < kernel.parameters.size(); i++)
      memcpy(packed.data() + kernel.parameters[i].offset, parameters[i], kernel.parameters[i].bytes);
    return SUCCESS;
  }
  const void *buffer = nullptr;
  size_t bytes = 0;
  for (int i = 0; extra[i] != nullptr; i += 2) {
    if (extra[i] == (void *)1) buffer = extra[i + 1];
    else if (extra[i] == (void *)2) bytes = *(const size_t *)extra[i + 1];
    else return INVALID_VALUE;
  }
  const size_t wanted = kernel.parameterBytes;
  if (bytes < wanted || bytes > (wanted + 7) / 8 * 8)
    return explain(LAUNCH_OUT_OF_RESOURCES, kernel.name + " takes " + std::to_string(wanted) + " bytes of parameters, not " + std::to_string(bytes));
  if (wanted > 0) memcpy(packed.data(), buffer, wanted);
  return SUCCESS;
}

static Status checkShape(const Kernel &kernel, Shape grid, Shape block, unsigned dynamic) {
  const std::string of = " of " + kernel.name;
  const uint64_t threads = (uint64_t)block.x * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.x > 1024 || block.y > 1024 || block.z > 64)
    return explain(INVALID_VALUE, "a block of " + std::to_string(block.x) + " x " + std::to_string(block.y) + " x " + std::to_string(block.z) + of);
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
    return explain(INVALID_VALUE, "a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " + std::to_string(grid.z) + of);
  if ((int64_t)dynamic > kernel.maxDynamicShared || dynamic + (unsigned)kernel.staticShared > (unsigned)std::max(49152, kernel.maxDynamicShared + kernel.staticShared))
    return explain(INVALID_VALUE, std::to_string(dynamic) + " bytes of dynamic shared memory" + of);
  if (kernel.maxDynamicShared == 49152 && dynamic + (unsigned)kernel.staticShared > 49152)
    return explain(INVALID_VALUE, "more than 48 KiB of static and dynamic shared memory" + of);
  if (threads > (uint64_t)kernel.entry->max_threads)
    return explain(LAUNCH_OUT_OF_RESOURCES, std::to_string(threads) + " threads" + of + ", which is compiled for " + std::to_string(kernel.entry->max_threads));
  return SUCCESS;
}

API Status cuLaunchKernel(uint64_t function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                          unsigned dynamic, uint64_t streamHandle, void **parameters, void **extra) {
  READY;
  Kernel *kernel = functionOf(function);
  auto stream = streamOf(streamHandle);
  if (!kernel || !stream) return INVALID_HANDLE;
  const Shape grid{gridX, gridY, gridZ}, block{blockX, blockY, blockZ};
  if (Status r = checkShape(*kernel, grid, block, dynamic)) return r;
  auto packed = std::make_shared<std::vector<char>>();
  if (Status r = pack(*kernel, parameters, extra, *packed)) return r;
  return enqueue(stream, kernel->name, [=, module = kernel->module] {
    if (!kernel->module) fault(ILLEGAL_ADDRESS, "the module was unloaded");
    counters.launches++;
    if ((long long)counters.launches == setting("FAIL_LAUNCH", 0)) fault(ILLEGAL_ADDRESS, "a fault that was asked for");
    // Of all processes of a run, one.
    if (const char *file = getenv("FAKE_CUDA_FAIL_ONCE"); file && *file && unlink(file) == 0) fault(ILLEGAL_ADDRESS, "a fault that was asked for");
    for (size_t i = 0; i < kernel->parameters.size(); i++) {
      const __fake_parameter &p = kernel->parameters[i];
      Address address = 0;
      if (p.is_pointer) memcpy(&address, packed->data() + p.offset, 8);
      if (!isPlausible(address)) fault(ILLEGAL_ADDRESS, "parameter " + std::to_string(i) + " points to no device memory");
    }
    alignas(16) char aligned[4096 + 16];
    memcpy(aligned, packed->data(), packed->size());
    runGrid(*kernel, aligned, grid, block, dynamic);
  });
}
