// Device memory: pages of an address range of its own, each block at the end of its pages and followed by a page that nobody may touch.
// Blocks are closed (PROT_NONE) unless a running command touches them (guard.cpp), begin as 0xff bytes, which are NaNs and -1, and
// addresses are never used twice, so that what was freed stays forbidden. Pinned memory is ordinary memory that is remembered.
#include <sys/mman.h>

#include <cstring>
#include <map>

#include "fake.h"

namespace fake {

static const size_t PAGE = 4096, ALIGN = 256;
static const unsigned char POISON = 0xff;

enum class State { Reserved, Live, Retired, Freed };
struct Memory {
  size_t asked, bytes, pages;
  Address start;  // of the pages
  State state;
  bool ordered, open;
};

static Address rangeStart = 0, rangeEnd = 0, rangeNext = 0;
static std::map<Address, Memory> blocks;
static std::vector<Memory *> opened;
static std::map<Address, size_t> pinned;

static size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

static bool openRange() {
  for (size_t bytes = (size_t)8 << 40; bytes >= (size_t)16 << 30; bytes /= 2) {
    void *at = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) continue;
    rangeStart = rangeNext = (Address)at;
    rangeEnd = rangeStart + bytes;
    return true;
  }
  return false;
}

Address reserve(size_t asked, bool ordered, Status &status) {
  status = OUT_OF_MEMORY;
  counters.allocations++;
  if (rangeStart == 0 && !openRange()) return 0;
  if ((long long)counters.allocations == setting("FAIL_ALLOCATION", 0)) return 0;
  const size_t bytes = roundUp(asked, ALIGN), pages = roundUp(bytes, PAGE);
  if (asked > (size_t)1 << 46 || counters.liveBytes + bytes > (size_t)setting("MEMORY", 4ll << 30)) return 0;
  if (rangeNext + pages + PAGE > rangeEnd) {
    explain(status, "the fake's address range is used up: its addresses are never used twice");
    return 0;
  }
  const Address start = rangeNext, address = start + pages - bytes;
  rangeNext += pages + PAGE;
  counters.liveBytes += bytes;
  counters.liveBlocks++;
  blocks[address] = {asked, bytes, pages, start, State::Reserved, ordered, false};
  status = SUCCESS;
  return address;
}

static void protect(Memory &block, bool open) {
  mprotect((void *)block.start, block.pages, open ? PROT_READ | PROT_WRITE : PROT_NONE);
  block.open = open;
}

void commit(Address address) {
  Memory &block = blocks.at(address);
  protect(block, true);
  memset((void *)block.start, POISON, block.pages);
  protect(block, false);
  block.state = State::Live;
}

Block blockAt(Address address) {
  auto found = blocks.find(address);
  if (found == blocks.end() || found->second.state == State::Retired || found->second.state == State::Freed) return Block::None;
  return found->second.ordered ? Block::Ordered : Block::Plain;
}

void retire(Address address) { blocks.at(address).state = State::Retired; }

/// Writes next to a block, within its pages, raise no signal: they are found by the poison that they destroyed.
static std::string damage(Address address, Memory &block) {
  const unsigned char *start = (const unsigned char *)block.start, *begin = (const unsigned char *)address;
  const bool wasOpen = block.open;
  if (!wasOpen) protect(block, true);
  std::string found;
  for (const unsigned char *p = begin - start > 256 ? begin - 256 : start; p < begin; p++)
    if (*p != POISON) found = std::to_string(begin - p) + " bytes before";
  for (const unsigned char *p = begin + block.bytes; p-- > begin + block.asked;)
    if (*p != POISON) found = std::to_string(p - begin - (long)block.asked + 1) + " bytes behind";
  if (!wasOpen) protect(block, false);
  return found.empty() ? found : "something was written " + found + " a block of " + std::to_string(block.asked) + " bytes";
}

Status checkMargins() {
  // Only what this command opened can have been written to.
  for (Memory *block : opened) {
    const std::string found = damage(block->start + block->pages - block->bytes, *block);
    if (!found.empty()) return explain(ILLEGAL_ADDRESS, found);
  }
  return SUCCESS;
}

void release(Address address) {
  Memory &block = blocks.at(address);
  mmap((void *)block.start, block.pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  block.state = State::Freed;
  block.open = false;
  counters.liveBytes -= block.bytes;
  counters.liveBlocks--;
}

/// The last block whose pages begin at or before an address.
static std::pair<const Address, Memory> *around(Address address) {
  auto next = blocks.upper_bound(address);
  if (next != blocks.end() && next->second.start <= address) return &*next;
  return next == blocks.begin() ? nullptr : &*--next;
}

static bool isUsable(const Memory &block) { return block.state == State::Live || block.state == State::Retired; }

static bool within(Address address, size_t bytes, State otherwise) {
  auto *found = around(address);
  if (!found || !(found->second.state == State::Live || found->second.state == otherwise)) return false;
  return address >= found->first && address + bytes <= found->first + found->second.asked;
}

bool withinDevice(Address address, size_t bytes) { return within(address, bytes, State::Reserved); }

/// The same, when the turn of a command comes: what was freed behind it in the stream is still there.
static bool stillThere(Address address, size_t bytes) { return within(address, bytes, State::Retired); }

bool withinPinned(Address address, size_t bytes) {
  auto next = pinned.upper_bound(address);
  if (next == pinned.begin()) return false;
  --next;
  return address + bytes <= next->first + next->second;
}

bool inDeviceRange(Address address) { return address >= rangeStart && address < rangeEnd; }

bool isPlausible(Address address) { return address == 0 || inDeviceRange(address) || withinPinned(address, 1); }

bool openBlock(Address address) {
  if (!inDeviceRange(address)) return false;
  auto *found = around(address);
  if (!found) return false;
  Memory &block = found->second;
  if (!isUsable(block) || block.open || address < block.start || address >= block.start + block.pages) return false;
  protect(block, true);
  opened.push_back(&block);
  return true;
}

void closeBlocks() {
  for (Memory *block : opened)
    if (block->open) protect(*block, false);
  opened.clear();
}

std::string describeAddress(Address address) {
  char text[32];
  snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
  const std::string what = std::string("touched ") + text;
  if (!inDeviceRange(address)) return what + ", which is not device memory";
  auto *found = around(address);
  if (!found) return what + ", where no block ever was";
  const auto &[start, block] = *found;
  const std::string size = "a block of " + std::to_string(block.asked) + " bytes";
  if (block.state == State::Freed && address < start + block.bytes) return what + ", in " + size + " that was freed";
  if (block.state == State::Reserved) return what + ", in " + size + " whose allocation is not reached in its stream";
  if (address >= start + block.bytes) return what + ", " + std::to_string(address - start - block.asked) + " bytes behind the end of " + size;
  return what + ", near " + size;
}

void forgetMemory() {
  for (auto &[address, block] : blocks)
    if (block.state != State::Freed) release(address);
  for (auto &[address, bytes] : pinned) munmap((void *)address, roundUp(bytes, PAGE));
  pinned.clear();
}

}  // namespace fake

using namespace fake;

API Status cuMemAlloc_v2(Address *address, size_t bytes) {
  READY;
  if (Status r = refuseInCapture("cuMemAlloc")) return r;
  if (address == nullptr || bytes == 0) return INVALID_VALUE;
  Status status;
  *address = reserve(bytes, false, status);
  if (status == SUCCESS) commit(*address);
  return status;
}

API Status cuMemFree_v2(Address address) {
  READY;
  if (Status r = refuseInCapture("cuMemFree")) return r;
  if (address == 0) return SUCCESS;
  if (blockAt(address) == Block::None) return explain(INVALID_VALUE, "cuMemFree of what is no block, or was freed before");
  if (Status r = finishAll()) return r;
  release(address);
  return SUCCESS;
}

API Status cuMemAllocAsync(Address *address, size_t bytes, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "the fake has no memory nodes: cuMemAllocAsync in a capture");
  if (address == nullptr || bytes == 0) return INVALID_VALUE;
  Status status;
  const Address at = *address = reserve(bytes, true, status);
  return status ? status : enqueue(stream, "cuMemAllocAsync", [at] { commit(at); });
}

API Status cuMemFreeAsync(Address address, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "the fake has no memory nodes: cuMemFreeAsync in a capture");
  if (blockAt(address) != Block::Ordered)
    return explain(INVALID_VALUE, "cuMemFreeAsync of what is no block of cuMemAllocAsync, or was freed before");
  Status status = enqueue(stream, "cuMemFreeAsync", [address] { release(address); });
  if (status == SUCCESS) retire(address);
  return status;
}

API Status cuMemGetInfo_v2(size_t *free, size_t *total) {
  READY;
  *total = (size_t)setting("MEMORY", 4ll << 30);
  *free = counters.liveBytes > *total ? 0 : *total - counters.liveBytes;
  return SUCCESS;
}

API Status cuMemHostAlloc(void **address, size_t bytes, unsigned) {
  READY;
  if (Status r = refuseInCapture("cuMemHostAlloc")) return r;
  if (bytes == 0) return INVALID_VALUE;
  void *at = mmap(nullptr, roundUp(bytes, PAGE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return OUT_OF_MEMORY;
  memset(at, POISON, bytes);
  pinned[(Address)at] = bytes;
  *address = at;
  return SUCCESS;
}

API Status cuMemFreeHost(void *address) {
  READY;
  if (Status r = refuseInCapture("cuMemFreeHost")) return r;
  auto found = pinned.find((Address)address);
  if (found == pinned.end()) return explain(INVALID_VALUE, "cuMemFreeHost of what is no pinned memory, or was freed before");
  munmap(address, roundUp(found->second, PAGE));
  pinned.erase(found);
  return SUCCESS;
}

// ---- copies

/// What a copy does when its turn comes: both ends must still be there.
static void copy(Address to, Address from, size_t bytes, bool host, const char *name) {
  const bool toDevice = inDeviceRange(to), fromDevice = inDeviceRange(from);
  if (toDevice && !stillThere(to, bytes)) fault(ILLEGAL_ADDRESS, std::string(name) + " to memory that was freed");
  if (fromDevice && !stillThere(from, bytes)) fault(ILLEGAL_ADDRESS, std::string(name) + " from memory that was freed");
  const Address end = toDevice ? from : to;
  if (host && !withinPinned(end, bytes)) fault(ILLEGAL_ADDRESS, std::string(name) + " with pinned memory that was freed");
  memmove((void *)to, (const void *)from, bytes);
}

API Status cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (bytes == 0) return SUCCESS;
  if (!withinDevice(to, bytes)) return explain(INVALID_VALUE, "cuMemcpyHtoDAsync to what is not within one block");
  if (withinPinned((Address)from, bytes))
    return enqueue(stream, "cuMemcpyHtoDAsync", [=] { copy(to, (Address)from, bytes, true, "cuMemcpyHtoDAsync"); });
  if (stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "cuMemcpyHtoDAsync from pageable memory in a capture");
  // Pageable memory is read before the call returns.
  auto staged = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + bytes);
  return enqueue(stream, "cuMemcpyHtoDAsync", [=] { copy(to, (Address)staged->data(), bytes, false, "cuMemcpyHtoDAsync"); });
}

API Status cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (bytes == 0) return SUCCESS;
  if (!withinDevice(from, bytes)) return explain(INVALID_VALUE, "cuMemcpyDtoHAsync from what is not within one block");
  const bool isPinned = withinPinned((Address)to, bytes);
  if (!isPinned && stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "cuMemcpyDtoHAsync to pageable memory in a capture");
  Status status = enqueue(stream, "cuMemcpyDtoHAsync", [=] { copy((Address)to, from, bytes, isPinned, "cuMemcpyDtoHAsync"); });
  // Pageable memory is written before the call returns.
  return status || isPinned ? status : finish({stream, stream->enqueued});
}

API Status cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (bytes == 0) return SUCCESS;
  if (!withinDevice(to, bytes) || !withinDevice(from, bytes))
    return explain(INVALID_VALUE, "cuMemcpyDtoDAsync with what is not within one block");
  return enqueue(stream, "cuMemcpyDtoDAsync", [=] { copy(to, from, bytes, false, "cuMemcpyDtoDAsync"); });
}

API Status cuMemcpyHtoD_v2(Address to, const void *from, size_t bytes) {
  READY;
  if (Status r = refuseImplicit()) return r;
  Status status = cuMemcpyHtoDAsync_v2(to, from, bytes, 0);
  auto stream = streamOf(0);
  return status ? status : finish({stream, stream->enqueued});
}

API Status cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) {
  READY;
  if (Status r = refuseImplicit()) return r;
  Status status = cuMemcpyDtoHAsync_v2(to, from, bytes, 0);
  auto stream = streamOf(0);
  return status ? status : finish({stream, stream->enqueued});
}

template <class T> static Status fill(const char *name, Address to, T value, size_t count, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (count == 0) return SUCCESS;
  if (to % sizeof(T) != 0) return INVALID_VALUE;
  if (!withinDevice(to, count * sizeof(T))) return explain(INVALID_VALUE, std::string(name) + " of what is not within one block");
  return enqueue(stream, name, [=] {
    if (!stillThere(to, count * sizeof(T))) fault(ILLEGAL_ADDRESS, std::string(name) + " of memory that was freed");
    for (size_t i = 0; i < count; i++) ((T *)to)[i] = value;
  });
}

API Status cuMemsetD8Async(Address to, unsigned char value, size_t count, uint64_t handle) {
  return fill("cuMemsetD8Async", to, value, count, handle);
}
API Status cuMemsetD32Async(Address to, unsigned value, size_t count, uint64_t handle) {
  return fill("cuMemsetD32Async", to, value, count, handle);
}
