// What the parts of the fake CUDA driver share. One process, one device, one thread at a time: calls put commands on streams, and what
// waits for them runs them here, on the calling thread. The real interface is extern "C"; what is in `fake` is ours.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))
#define SHARED __attribute__((visibility("default")))

namespace fake {

using Status = int;
using Address = uint64_t;

enum : Status {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  INVALID_PTX = 218,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_OUT_OF_RESOURCES = 701,
  LAUNCH_TIMEOUT = 702,
  MISALIGNED_ADDRESS = 716,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801,
  CAPTURE_UNSUPPORTED = 900,
  CAPTURE_INVALIDATED = 901,
  CAPTURE_MERGE = 902,
  CAPTURE_UNMATCHED = 903,
  CAPTURE_UNJOINED = 904,
  CAPTURE_ISOLATION = 905,
  CAPTURE_IMPLICIT = 906,
  CAPTURED_EVENT = 907,
};

// ---- context.cpp: settings, errors, what every call asks first

/// The environment variable FAKE_CUDA_<name> as a number, or `otherwise` where it is unset. Read at every use, so that a test may change it.
SHARED long long setting(const char *name, long long otherwise);
/// The next number of the sequence that FAKE_CUDA_SEED (1 unless set) begins. Seed 0: zeros, everything in its natural order.
SHARED uint64_t seeded();
/// The architecture that is played, FAKE_CUDA_ARCH, as 10 * major + minor.
int architecture();
/// Says on stderr why a call failed or a kernel was stopped, unless FAKE_CUDA_QUIET is 1; returns `status`.
SHARED Status explain(Status status, const std::string &why);
/// Not initialised, no context, or the standing error: once a kernel went wrong, every call of the process fails.
SHARED Status ready();
Status standing();
void stand(Status status);

#define READY                                     \
  do {                                            \
    if (fake::Status r = fake::ready()) return r; \
  } while (0)

// ---- memory.cpp

/// A block that cannot be used yet. Its address is never given again.
Address reserve(size_t bytes, bool ordered, Status &status);
/// Makes a block usable; every byte of it is 0xff.
void commit(Address address);
enum class Block { None, Plain, Ordered };
/// What begins at an address: nothing, or a block of cuMemAlloc or of cuMemAllocAsync, unless it was given to freeing.
Block blockAt(Address address);
/// From now on nobody may use the block, though commands on their way still do.
void retire(Address address);
/// Ends a block: whoever touches it from now on is stopped.
void release(Address address);
SHARED bool withinDevice(Address address, size_t bytes);
bool withinPinned(Address address, size_t bytes);
/// Whether a kernel may be given this pointer: null, device memory or what lies right behind it, pinned memory.
bool isPlausible(Address address);
/// Opens the block at `address` for the command that runs; false where there is none that is alive.
bool openBlock(Address address);
/// Closes all blocks again: the host cannot read device memory.
void closeBlocks();
/// Where an address is, for people.
std::string describeAddress(Address address);
bool inDeviceRange(Address address);
/// Ends with a fault where bytes around a block were written to.
Status checkMargins();

// ---- streams.cpp

struct Stream;
struct Capture;

/// Reached once `sequence` commands of the stream are done.
struct Point {
  std::shared_ptr<Stream> stream;
  uint64_t sequence = 0;
};

struct Command {
  std::string name;
  std::function<void()> run;
  std::vector<Point> after;
  /// A graph: its nodes are guarded one by one.
  bool guardsItself = false;
};

struct Stream {
  std::deque<Command> queue;
  uint64_t enqueued = 0, completed = 0;
  /// In the implicit order with the default stream.
  bool blocking = true;
  std::shared_ptr<Capture> capture;
  /// While captured: the nodes that the next one comes after.
  std::set<size_t> last;
};

/// The stream of a handle (0 and 1 are the default stream), or nullptr.
SHARED std::shared_ptr<Stream> streamOf(uint64_t handle);
/// Adds a command to a stream, or a node to the graph that the stream is captured to.
SHARED Status enqueue(const std::shared_ptr<Stream> &stream, std::string name, std::function<void()> run, bool guardsItself = false);
/// Makes the next command of `stream` wait.
void waitFor(const std::shared_ptr<Stream> &stream, Point point);
bool reached(const Point &point);
Status finish(const Point &point);
Status finishAll();
/// Runs a part of what is outstanding before a point, as if some time had passed.
void progress(const Point &point);
bool allIdle();

// ---- graphs.cpp

/// For calls that a capture does not allow: spoils every capture whose mode watches for them and returns 900, else SUCCESS.
Status refuseInCapture(const char *what);
/// For work on the default stream, which would wait for a stream that is captured.
Status refuseImplicit();
Status addNode(Stream &stream, std::string name, std::function<void()> run);
/// The stream takes part in a capture from now on, after these nodes.
Status joinCapture(const std::shared_ptr<Stream> &stream, const std::shared_ptr<Capture> &capture, const std::set<size_t> &nodes);
Status spoil(Stream &stream, Status status, const std::string &why);
bool isSpoiled(const Capture &capture);

// ---- guard.cpp

/// Runs a command. A fault in it, by a signal or by fault(), ends it and is its status.
Status guarded(const std::string &name, const std::function<void()> &run);
[[noreturn]] SHARED void fault(Status status, const std::string &why);
void watchSignals();
/// Milliseconds that commands have run: the device's clock.
double deviceTime();

// ---- execute.cpp

struct Kernel;
struct Shape {
  unsigned x, y, z;
};
/// Runs a grid: all blocks one after the other, each with all its threads. Called within guarded().
void runGrid(const Kernel &kernel, const char *packed, Shape grid, Shape block, unsigned dynamicShared);

// ---- what a fresh process would have: each file forgets its own

void forgetStreams();
void forgetCaptures();
void forgetMemory();

/// What tests may ask: see fakeCudaCount.
struct Counters {
  uint64_t launches = 0, commands = 0, graphLaunches = 0, waits = 0, allocations = 0, liveBytes = 0, liveBlocks = 0, compilations = 0;
};
extern Counters counters;

}  // namespace fake
