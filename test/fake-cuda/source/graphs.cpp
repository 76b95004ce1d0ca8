// Capture and graphs. A captured stream runs nothing: each command becomes a node that comes after the stream's last one; events carry
// the order to other streams. A graph's launch is one command, which runs the nodes in an order that the seed chooses among those that
// respect it. What a capture does not allow fails with the code of the real driver and spoils the capture.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "fake.h"

namespace fake {

struct Node {
  std::string name;
  std::function<void()> run;
  std::set<size_t> after;
};

struct Graph {
  std::vector<Node> nodes;
};

struct Capture {
  Graph graph;
  int mode;
  Stream *origin;
  std::vector<std::shared_ptr<Stream>> streams;
  bool spoiled = false;
};

/// CU_STREAM_CAPTURE_MODE_RELAXED: nothing is watched but the captured streams.
static const int RELAXED = 2;

static std::vector<std::shared_ptr<Capture>> captures;
static std::unordered_map<uint64_t, std::shared_ptr<Graph>> graphs, executables;

bool isSpoiled(const Capture &capture) { return capture.spoiled; }

Status spoil(Stream &stream, Status status, const std::string &why) {
  if (stream.capture->spoiled) return CAPTURE_INVALIDATED;
  stream.capture->spoiled = true;
  return explain(status, why);
}

Status refuseInCapture(const char *what) {
  bool refused = false;
  for (auto &capture : captures)
    if (capture->mode != RELAXED) refused = capture->spoiled = true;
  return refused ? explain(CAPTURE_UNSUPPORTED, std::string(what) + " while a stream is captured") : SUCCESS;
}

Status refuseImplicit() {
  for (auto &capture : captures)
    for (auto &stream : capture->streams)
      if (stream->blocking) return spoil(*stream, CAPTURE_IMPLICIT, "work on the default stream would wait for a stream that is captured");
  return SUCCESS;
}

Status addNode(Stream &stream, std::string name, std::function<void()> run) {
  Capture &capture = *stream.capture;
  if (capture.spoiled) return CAPTURE_INVALIDATED;
  capture.graph.nodes.push_back({std::move(name), std::move(run), stream.last});
  stream.last = {capture.graph.nodes.size() - 1};
  return SUCCESS;
}

Status joinCapture(const std::shared_ptr<Stream> &stream, const std::shared_ptr<Capture> &capture, const std::set<size_t> &nodes) {
  if (capture->spoiled) return CAPTURE_INVALIDATED;
  if (std::find(captures.begin(), captures.end(), capture) == captures.end())
    return explain(INVALID_VALUE, "a wait for an event of a capture that has ended");
  if (stream->capture && stream->capture != capture) {
    capture->spoiled = true;
    return spoil(*stream, CAPTURE_MERGE, "a wait would merge two captures");
  }
  if (!stream->capture) {
    stream->capture = capture;
    capture->streams.push_back(stream);
    stream->last.clear();
  }
  stream->last.insert(nodes.begin(), nodes.end());
  return SUCCESS;
}

/// Whether every node leads to the origin's last ones: work of other streams that nobody waits for would be lost.
static bool isJoined(const Graph &graph, const std::set<size_t> &last) {
  std::vector<bool> seen(graph.nodes.size());
  std::vector<size_t> pending(last.begin(), last.end());
  while (!pending.empty()) {
    size_t node = pending.back();
    pending.pop_back();
    if (seen[node]) continue;
    seen[node] = true;
    pending.insert(pending.end(), graph.nodes[node].after.begin(), graph.nodes[node].after.end());
  }
  return std::all_of(seen.begin(), seen.end(), [](bool x) { return x; });
}

/// Runs the nodes; which of those that may be next is drawn from the seed.
static void runGraph(const Graph &graph) {
  const size_t n = graph.nodes.size();
  std::vector<size_t> missing(n);
  std::vector<std::vector<size_t>> followers(n);
  std::vector<size_t> open;
  for (size_t i = 0; i < n; i++) {
    missing[i] = graph.nodes[i].after.size();
    for (size_t before : graph.nodes[i].after) followers[before].push_back(i);
  }
  for (size_t i = n; i-- > 0;)
    if (missing[i] == 0) open.push_back(i);
  while (!open.empty()) {
    std::swap(open[open.size() - 1 - seeded() % open.size()], open.back());
    const size_t node = open.back();
    open.pop_back();
    // A node is guarded for itself, so that its name is in the message and its blocks are closed before the next.
    if (Status r = guarded(graph.nodes[node].name + " in a graph", graph.nodes[node].run)) {
      stand(r);
      return;
    }
    for (size_t follower : followers[node])
      if (--missing[follower] == 0) open.push_back(follower);
  }
}

void forgetCaptures() {
  captures.clear();
  graphs.clear();
  executables.clear();
}

}  // namespace fake

using namespace fake;

API Status cuStreamBeginCapture_v2(uint64_t handle, int mode) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  if (mode < 0 || mode > RELAXED) return INVALID_VALUE;
  if (stream == streamOf(0)) return explain(CAPTURE_UNSUPPORTED, "the default stream cannot be captured");
  if (stream->capture) return explain(INVALID_VALUE, "the stream is being captured already");
  auto capture = std::make_shared<Capture>();
  capture->mode = mode;
  capture->origin = stream.get();
  capture->streams = {stream};
  stream->capture = capture;
  stream->last.clear();
  captures.push_back(capture);
  return SUCCESS;
}

API Status cuStreamEndCapture(uint64_t handle, uint64_t *graph) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  *graph = 0;
  auto capture = stream->capture;
  if (!capture) return explain(INVALID_VALUE, "cuStreamEndCapture of a stream that is not captured");
  if (capture->origin != stream.get()) return spoil(*stream, CAPTURE_UNMATCHED, "the capture began on another stream");
  const bool joined = isJoined(capture->graph, stream->last);
  for (auto &taken : capture->streams) taken->capture = nullptr, taken->last.clear();
  captures.erase(std::find(captures.begin(), captures.end(), capture));
  if (capture->spoiled || setting("FAIL_CAPTURE", 0)) return CAPTURE_INVALIDATED;
  if (!joined) return explain(CAPTURE_UNJOINED, "work of another stream was captured, and the first stream does not wait for it");
  auto result = std::make_shared<Graph>(std::move(capture->graph));
  *graph = (uint64_t)result.get();
  graphs[*graph] = result;
  return SUCCESS;
}

API Status cuStreamIsCapturing(uint64_t handle, int *status) {
  READY;
  auto stream = streamOf(handle);
  if (!stream) return INVALID_HANDLE;
  *status = !stream->capture ? 0 : stream->capture->spoiled ? 2 : 1;
  return SUCCESS;
}

API Status cuGraphInstantiateWithFlags(uint64_t *executable, uint64_t handle, unsigned long long) {
  READY;
  auto found = graphs.find(handle);
  if (found == graphs.end()) return INVALID_HANDLE;
  auto result = std::make_shared<Graph>(*found->second);
  *executable = (uint64_t)result.get();
  executables[*executable] = result;
  return SUCCESS;
}

API Status cuGraphLaunch(uint64_t executable, uint64_t handle) {
  READY;
  auto stream = streamOf(handle);
  auto found = executables.find(executable);
  if (!stream || found == executables.end()) return INVALID_HANDLE;
  if (stream->capture) return spoil(*stream, CAPTURE_UNSUPPORTED, "the fake has no graphs within graphs: cuGraphLaunch in a capture");
  counters.graphLaunches++;
  return enqueue(stream, "cuGraphLaunch", [graph = found->second] { runGraph(*graph); }, true);
}

API Status cuGraphGetNodes(uint64_t handle, uint64_t *nodes, size_t *count) {
  READY;
  auto found = graphs.find(handle);
  if (found == graphs.end()) return INVALID_HANDLE;
  const size_t n = found->second->nodes.size();
  if (nodes)
    for (size_t i = 0; i < *count; i++) nodes[i] = i < n ? (uint64_t)&found->second->nodes[i] : 0;
  if (!nodes || *count > n) *count = n;
  return SUCCESS;
}

API Status cuGraphDestroy(uint64_t handle) {
  READY;
  return graphs.erase(handle) ? SUCCESS : INVALID_HANDLE;
}

API Status cuGraphExecDestroy(uint64_t handle) {
  READY;
  return executables.erase(handle) ? SUCCESS : INVALID_HANDLE;
}
