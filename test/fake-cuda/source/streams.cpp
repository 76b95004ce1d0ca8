// Streams are lazy: a call adds a command, and nothing runs before somebody waits or asks. A wait runs what the point needs, together with
// commands of other streams in an order drawn from the seed (seed 0: only what is needed), so that a missing dependency shows.
#include <unordered_map>

#include "fake.h"

namespace fake {

static std::shared_ptr<Stream> defaultStream = std::make_shared<Stream>();
static std::unordered_map<uint64_t, std::shared_ptr<Stream>> streams;

std::shared_ptr<Stream> streamOf(uint64_t handle) {
  if (handle <= 1) return defaultStream;
  auto found = streams.find(handle);
  return found == streams.end() ? nullptr : found->second;
}

bool reached(const Point &point) { return !point.stream || point.stream->completed >= point.sequence; }

static Point endOf(const std::shared_ptr<Stream> &stream) { return {stream, stream->enqueued}; }

/// What waits before the next command of a stream.
static std::unordered_map<Stream *, std::vector<Point>> waiting;

void waitFor(const std::shared_ptr<Stream> &stream, Point point) {
  if (!reached(point)) waiting[stream.get()].push_back(std::move(point));
}

Status enqueue(const std::shared_ptr<Stream> &stream, std::string name, std::function<void()> run, bool guardsItself) {
  if (stream->capture) return addNode(*stream, std::move(name), std::move(run));
  if (stream == defaultStream)
    if (Status r = refuseImplicit()) return r;
  Command command{std::move(name), std::move(run), {}, guardsItself};
  if (auto found = waiting.find(stream.get()); found != waiting.end()) {
    command.after = std::move(found->second);
    waiting.erase(found);
  }
  // The default stream's order with the blocking ones.
  if (stream == defaultStream) {
    for (auto &[handle, other] : streams)
      if (other->blocking && !other->queue.empty()) command.after.push_back(endOf(other));
  } else if (stream->blocking && !defaultStream->queue.empty()) {
    command.after.push_back(endOf(defaultStream));
  }
  stream->queue.push_back(std::move(command));
  stream->enqueued++;
  counters.commands++;
  return SUCCESS;
}

/// Runs one command: the next of a stream, or what it waits for, or what that waits for.
static Status step(std::shared_ptr<Stream> stream) {
  for (;;) {
    const Point *unmet = nullptr;
    for (const Point &point : stream->queue.front().after)
      if (!reached(point)) unmet = &point;
    if (!unmet) break;
    stream = unmet->stream;
  }
  Command command = std::move(stream->queue.front());
  stream->queue.pop_front();
  Status status = SUCCESS;
  if (command.guardsItself) {
    command.run();
    status = standing();
  } else {
    status = guarded(command.name, command.run);
  }
  stream->completed++;
  if (status) stand(status);
  return status;
}

/// Any stream that has work, drawn from the seed.
static std::shared_ptr<Stream> anyStream() {
  std::vector<std::shared_ptr<Stream>> busy;
  if (!defaultStream->queue.empty()) busy.push_back(defaultStream);
  for (auto &[handle, stream] : streams)
    if (!stream->queue.empty()) busy.push_back(stream);
  return busy.empty() ? nullptr : busy[seeded() % busy.size()];
}

Status finish(const Point &point) {
  while (!reached(point))
    if (Status r = step(setting("SEED", 1) == 0 ? point.stream : anyStream())) return r;
  return SUCCESS;
}

Status finishAll() {
  while (auto stream = anyStream())
    if (Status r = step(stream)) return r;
  return SUCCESS;
}

void progress(const Point &point) {
  if (reached(point)) return;
  const uint64_t outstanding = point.sequence - point.stream->completed;
  const uint64_t until = point.stream->completed + (outstanding + 1) / 2;
  finish({point.stream, until});
}

bool allIdle() { return anyStream() == nullptr; }

/// An event is the last place where it was recorded.
struct Record {
  Point point;
  double time = 0;
  bool done = false;
};
struct Event {
  std::shared_ptr<Record> record;
  bool isTimed = true;
  std::shared_ptr<Capture> capture;
  std::set<size_t> nodes;
};
static std::unordered_map<uint64_t, std::unique_ptr<Event>> events;

static Event *eventOf(uint64_t handle) {
  auto found = events.find(handle);
  return found == events.end() ? nullptr : found->second.get();
}

void forgetStreams() {
  streams.clear();
  waiting.clear();
  events.clear();
  defaultStream = std::make_shared<Stream>();
}

}  // namespace fake

using namespace fake;

API Status cuStreamCreate(uint64_t *handle, unsigned flags) {
  READY;
  if (flags > 1) return INVALID_VALUE;
  auto stream = std::make_shared<Stream>();
  stream->blocking = flags == 0;
  *handle = (uint64_t)stream.get();
  streams[*handle] = stream;
  return SUCCESS;
}

API Status cuStreamDestroy_v2(uint64_t handle) {
  READY;
  auto found = streams.find(handle);
  if (found == streams.end()) return INVALID_HANDLE;
  if (found->second->capture) return spoil(*found->second, CAPTURE_UNSUPPORTED, "cuStreamDestroy of a stream that is captured");
  // What is on the stream still runs.
  if (Status r = finish(endOf(found->second))) return r;
  waiting.erase(found->second.get());
  streams.erase(found);
  return SUCCESS;
}

API Status cuStreamSynchronize(uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "cuStreamSynchronize of a stream that is captured");
  counters.waits++;
  return finish(endOf(stream));
}

API Status cuStreamQuery(uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "cuStreamQuery of a stream that is captured");
  if (stream->queue.empty()) return SUCCESS;
  progress(endOf(stream));
  return standing() ? standing() : NOT_READY;
}

API Status cuStreamWaitEvent(uint64_t streamHandle, uint64_t eventHandle, unsigned flags) {
  READY;
  auto stream = streamOf(streamHandle);
  Event *event = eventOf(eventHandle);
  if (!stream || !event) return INVALID_HANDLE;
  if (flags != 0) return INVALID_VALUE;
  if (event->capture) return joinCapture(stream, event->capture, event->nodes);
  if (stream->capture) {
    if (!event->record) return SUCCESS;
    return spoil(*stream, CAPTURE_ISOLATION, "a captured stream waits for an event that was recorded outside the capture");
  }
  if (event->record) waitFor(stream, event->record->point);
  return SUCCESS;
}

API Status cuEventCreate(uint64_t *handle, unsigned flags) {
  READY;
  if (flags & ~7u) return INVALID_VALUE;
  auto event = std::make_unique<Event>();
  event->isTimed = (flags & 2) == 0;
  *handle = (uint64_t)event.get();
  events[*handle] = std::move(event);
  return SUCCESS;
}

API Status cuEventDestroy_v2(uint64_t handle) {
  READY;
  return events.erase(handle) ? SUCCESS : INVALID_HANDLE;
}

API Status cuEventRecord(uint64_t eventHandle, uint64_t streamHandle) {
  READY;
  auto stream = streamOf(streamHandle);
  Event *event = eventOf(eventHandle);
  if (!stream || !event) return INVALID_HANDLE;
  if (stream->capture) {
    if (isSpoiled(*stream->capture)) return CAPTURE_INVALIDATED;
    event->capture = stream->capture;
    event->nodes = stream->last;
    event->record = nullptr;
    return SUCCESS;
  }
  auto record = std::make_shared<Record>();
  Status status = enqueue(stream, "cuEventRecord", [record] { record->time = deviceTime(), record->done = true; });
  if (status) return status;
  record->point = endOf(stream);
  event->record = record;
  event->capture = nullptr;
  return SUCCESS;
}

API Status cuEventQuery(uint64_t handle) {
  READY;
  Event *event = eventOf(handle);
  if (!event) return INVALID_HANDLE;
  if (event->capture) return CAPTURED_EVENT;
  if (Status r = refuseInCapture("cuEventQuery")) return r;
  if (!event->record || event->record->done) return SUCCESS;
  progress(event->record->point);
  return standing() ? standing() : NOT_READY;
}

API Status cuEventSynchronize(uint64_t handle) {
  READY;
  Event *event = eventOf(handle);
  if (!event) return INVALID_HANDLE;
  if (event->capture) return CAPTURED_EVENT;
  if (Status r = refuseInCapture("cuEventSynchronize")) return r;
  counters.waits++;
  return event->record ? finish(event->record->point) : SUCCESS;
}

API Status cuEventElapsedTime(float *milliseconds, uint64_t from, uint64_t to) {
  READY;
  Event *a = eventOf(from), *b = eventOf(to);
  if (!a || !b || !a->record || !b->record || !a->isTimed || !b->isTimed) return INVALID_HANDLE;
  if (!a->record->done || !b->record->done) return NOT_READY;
  *milliseconds = (float)(b->record->time - a->record->time);
  return SUCCESS;
}
API Status cuEventElapsedTime_v2(float *milliseconds, uint64_t from, uint64_t to) { return cuEventElapsedTime(milliseconds, from, to); }
