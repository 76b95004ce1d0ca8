// Faults: a command runs between two sigsetjmp lines, and whatever goes wrong in it jumps back. A touch of device memory raises SIGSEGV
// the first time, because it is closed; the handler opens the block that was meant and goes on, so that only blocks which a command
// touches cost anything, and the host, which no handler helps, cannot read device memory at all.
#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

namespace fake {

static sigjmp_buf escape;
static volatile bool running = false;
static volatile int signalNumber;
static volatile Address signalAddress;
/// A fault of no page: the processor's own check of the alignment of a vector, where the compiler's had left it out.
static volatile bool isProtection;
static Status faultStatus;
static std::string faultReason;
static double busy = 0;
static const int watched[3] = {SIGSEGV, SIGBUS, SIGALRM};
static struct sigaction before[3];

static double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

double deviceTime() { return busy; }

/// Not our fault: it belongs to whoever was there first, such as the traps of WebAssembly.
static void passOn(int number, siginfo_t *info, void *context) {
  struct sigaction &old = before[std::find(watched, watched + 3, number) - watched];
  if (number != SIGALRM && inDeviceRange((Address)info->si_addr)) {
    const char text[] = "fake CUDA: the host touched device memory, which only the device can read\n";
    (void)!write(2, text, sizeof text - 1);
  }
  if (old.sa_flags & SA_SIGINFO) return old.sa_sigaction(number, info, context);
  if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) return old.sa_handler(number);
  signal(number, SIG_DFL);  // The instruction runs again, and ends the process.
}

static void onSignal(int number, siginfo_t *info, void *context) {
  if (!running) return passOn(number, info, context);
  const Address address = (Address)info->si_addr;
  if (number == SIGSEGV && openBlock(address)) return;
  signalNumber = number;
  signalAddress = address;
  isProtection = info->si_code == SI_KERNEL;
  siglongjmp(escape, 1);
}

void watchSignals() {
  struct sigaction action = {};
  action.sa_sigaction = onSignal;
  // A stack of its own, since the stack of a thread of a kernel may be what ran over.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int i = 0; i < 3; i++) sigaction(watched[i], &action, &before[i]);
}

static void ownSignalStack() {
  static thread_local void *stack = nullptr;
  if (stack) return;
  const size_t bytes = 65536;
  stack = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t ours = {};
  ours.ss_sp = stack;
  ours.ss_size = bytes;
  sigaltstack(&ours, nullptr);
}

void fault(Status status, const std::string &why) {
  if (!running) {
    fprintf(stderr, "fake CUDA: a fault outside a command: %s\n", why.c_str());
    abort();
  }
  signalNumber = 0;
  faultStatus = status;
  faultReason = why;
  siglongjmp(escape, 1);
}

Status guarded(const std::string &name, const std::function<void()> &run) {
  ownSignalStack();
  const double start = now();
  volatile bool failed = false;
  alarm((unsigned)setting("TIMEOUT", 120));
  if (sigsetjmp(escape, 0) == 0) {
    running = true;
    run();
  } else {
    failed = true;
  }
  running = false;
  alarm(0);
  const Status margins = failed ? SUCCESS : checkMargins();
  closeBlocks();
  busy += now() - start + 0.0005;
  if (!failed) return margins;
  if (signalNumber == SIGALRM) {
    faultStatus = LAUNCH_TIMEOUT;
    faultReason = "does not end (FAKE_CUDA_TIMEOUT seconds)";
  } else if (signalNumber != 0) {
    faultStatus = isProtection ? MISALIGNED_ADDRESS : ILLEGAL_ADDRESS;
    faultReason = isProtection ? "a vector at an address that it does not fit" : describeAddress(signalAddress);
  }
  return explain(faultStatus, name + ": " + faultReason);
}

}  // namespace fake
