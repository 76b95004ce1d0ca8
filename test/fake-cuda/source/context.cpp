// The driver's front: initialisation, the one device and its attributes, the context, error names; settings from the environment.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "fake.h"

namespace fake {

Counters counters;

static bool initialised = false;
static int retained = 0;
static thread_local bool current = false;
static Status standingError = SUCCESS;
static char contextToken;

long long setting(const char *name, long long otherwise) {
  const char *text = getenv((std::string("FAKE_CUDA_") + name).c_str());
  return text && *text ? strtoll(text, nullptr, 0) : otherwise;
}

uint64_t seeded() {
  static uint64_t state = 0;
  static long long from = -1;
  long long seed = setting("SEED", 1);
  if (seed == 0) return 0;
  if (seed != from) from = seed, state = (uint64_t)seed * 0x9e3779b97f4a7c15u;
  uint64_t x = state += 0x9e3779b97f4a7c15u;  // splitmix64
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

int architecture() { return (int)setting("ARCH", 90); }

Status explain(Status status, const std::string &why) {
  if (setting("QUIET", 0) == 0) fprintf(stderr, "fake CUDA: %d: %s\n", status, why.c_str());
  return status;
}

Status ready() {
  if (!initialised) return NOT_INITIALIZED;
  if (!current || retained == 0) return INVALID_CONTEXT;
  return standingError;
}

Status standing() { return standingError; }
void stand(Status status) { standingError = status; }

struct ErrorName {
  Status status;
  const char *name, *text;
};
static const ErrorName errorNames[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {CAPTURE_MERGE, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences"},
    {CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the same stream as it began"},
    {CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream"},
    {CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing blocking stream"},
    {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
};

static const ErrorName *nameOf(Status status) {
  for (const ErrorName &e : errorNames)
    if (e.status == status) return &e;
  return nullptr;
}

/// Attributes by the driver's numbers, as an H100 has them but for the number of multiprocessors.
static const std::map<int, int> &attributes() {
  static const std::map<int, int> common = {
      {1, 1024},     // threads per block
      {2, 1024},     {3, 1024},  {4, 64},  // block
      {5, 0x7fffffff}, {6, 65535}, {7, 65535},  // grid
      {8, 49152},    // shared memory per block
      {9, 65536},    // constant memory
      {10, 32},      // warp
      {12, 65536},   // registers per block
      {13, 1980000}, // clock, kHz
      {14, 512},     // texture alignment
      {15, 1},       // overlaps copies
      {16, 4},       // multiprocessors
      {17, 0},       // no time limit of kernels
      {18, 0},       // not integrated
      {19, 1},       // maps host memory
      {20, 0},       // compute mode
      {31, 1},       // concurrent kernels
      {32, 1},       // ECC
      {33, 0},       {34, 0}, {50, 0},  // PCI
      {36, 2619000}, // memory clock, kHz
      {37, 5120},    // memory bus, bits
      {38, 52428800}, // L2
      {39, 2048},    // threads per multiprocessor
      {40, 3},       // copy engines
      {41, 1},       // unified addressing
      {78, 1},       // stream priorities
      {81, 233472},  // shared memory per multiprocessor
      {82, 65536},   // registers per multiprocessor
      {83, 1},       // managed memory
      {95, 1},       // cooperative launch
      {97, 232448},  // shared memory per block, opt-in
      {106, 32},     // blocks per multiprocessor
      {111, 1024},   // reserved shared memory per block
      {115, 1},      // memory pools
  };
  return common;
}

}  // namespace fake

using namespace fake;

API Status cuInit(unsigned flags) {
  if (flags != 0) return INVALID_VALUE;
  if (setting("DEVICES", 1) == 0) return NO_DEVICE;
  if (!initialised) watchSignals();
  initialised = true;
  return SUCCESS;
}

API Status cuDriverGetVersion(int *version) {
  *version = (int)setting("DRIVER", 13000);
  return SUCCESS;
}

API Status cuDeviceGetCount(int *count) {
  if (!initialised) return NOT_INITIALIZED;
  *count = 1;
  return SUCCESS;
}

API Status cuDeviceGet(int *device, int ordinal) {
  if (!initialised) return NOT_INITIALIZED;
  if (ordinal != 0) return INVALID_DEVICE;
  *device = 0;
  return SUCCESS;
}

API Status cuDeviceGetName(char *name, int length, int device) {
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  if (length <= 0) return INVALID_VALUE;
  snprintf(name, (size_t)length, "Fake CUDA device");
  return SUCCESS;
}

API Status cuDeviceGetUuid(unsigned char *uuid, int device) {
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  memcpy(uuid, "fake-cuda-device", 16);
  return SUCCESS;
}
API Status cuDeviceGetUuid_v2(unsigned char *uuid, int device) { return cuDeviceGetUuid(uuid, device); }

API Status cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  const int arch = architecture();
  if (attribute == 75) *value = arch / 10;
  else if (attribute == 76) *value = arch % 10;
  else if (attribute == 97 && arch < 80) *value = 65536;
  else if (attribute == 81 && arch < 80) *value = 65536;
  else if (attribute == 39 && arch < 80) *value = 1024;
  else if (auto found = attributes().find(attribute); found != attributes().end()) *value = found->second;
  else return explain(INVALID_VALUE, "device attribute " + std::to_string(attribute) + " is not known to the fake");
  return SUCCESS;
}

API Status cuDeviceTotalMem_v2(size_t *bytes, int device) {
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  *bytes = (size_t)setting("MEMORY", 4ll << 30);
  return SUCCESS;
}

API Status cuDevicePrimaryCtxRetain(void **context, int device) {
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  retained++;
  *context = &contextToken;
  return SUCCESS;
}

API Status cuDevicePrimaryCtxRelease_v2(int device) {
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  if (retained == 0) return INVALID_CONTEXT;
  if (retained == 1 && standingError == SUCCESS) finishAll();
  retained--;
  return SUCCESS;
}

API Status cuCtxSetCurrent(void *context) {
  if (!initialised) return NOT_INITIALIZED;
  if (context != nullptr && context != &contextToken) return INVALID_CONTEXT;
  current = context != nullptr;
  return SUCCESS;
}

API Status cuCtxGetCurrent(void **context) {
  if (!initialised) return NOT_INITIALIZED;
  *context = current ? &contextToken : nullptr;
  return SUCCESS;
}

API Status cuCtxSynchronize() {
  READY;
  if (Status r = refuseInCapture("cuCtxSynchronize")) return r;
  counters.waits++;
  return finishAll();
}

API Status cuGetErrorName(Status status, const char **name) {
  const ErrorName *e = nameOf(status);
  *name = e ? e->name : nullptr;
  return e ? SUCCESS : INVALID_VALUE;
}

API Status cuGetErrorString(Status status, const char **text) {
  const ErrorName *e = nameOf(status);
  *text = e ? e->text : nullptr;
  return e ? SUCCESS : INVALID_VALUE;
}

/// For tests: as if the process were a fresh one, with no standing error. Handles and addresses of before are no more.
API void fakeCudaReset() {
  forgetCaptures();
  forgetStreams();
  forgetMemory();
  standingError = SUCCESS;
  counters = {};
}

/// For tests: "launches", "commands", "graphs", "waits", "allocations", "bytes" and "blocks" (alive now).
API long long fakeCudaCount(const char *what) {
  const std::map<std::string, uint64_t> all = {
      {"launches", counters.launches}, {"commands", counters.commands},       {"graphs", counters.graphLaunches}, {"waits", counters.waits},
      {"bytes", counters.liveBytes},   {"allocations", counters.allocations}, {"blocks", counters.liveBlocks},
  };
  auto found = all.find(what);
  return found == all.end() ? -1 : (long long)found->second;
}
