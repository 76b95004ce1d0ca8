// The fake NVRTC: makes a CUDA source ready (cuda-source.h), compiles it with the C++ compiler of the host over device.h, with its checks of
// undefined behaviour on, and gives the shared library as machine code. Images are kept by the hash of all that they are made from.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <regex>

#include "cuda-source.h"
#include "fake.h"
#include "image-format.h"

// FAKE_FOLDER (of these headers), FAKE_COMPILER, FAKE_CACHE and FAKE_HASH (of the headers and the compiler) are given on the command line.

extern char **environ;

namespace {

using namespace fake;

enum Result { OK = 0, INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6, INTERNAL = 11 };

struct Program {
  std::string source, name, log, cubin, ptx;
  bool compiled = false;
};

struct Options {
  int arch = 75;
  bool isVirtual = true, contracts = true;
  std::vector<std::string> passed;
  std::string wrong;
};

Options readOptions(int count, const char *const *texts) {
  static const std::regex arch("(?:--gpu-architecture=|-arch=?)(sm|compute)_(\\d+)a?f?");
  static const std::vector<std::string> ignored = {"--std=c++17", "-std=c++17", "-default-device", "--device-as-default-execution-space", "-lineinfo",
                                                   "--generate-line-info", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "--restrict",
                                                   "--extra-device-vectorization", "-ewp", "--no-source-include"};
  Options options;
  for (int i = 0; i < count; i++) {
    const std::string text = texts[i];
    std::smatch match;
    if (std::regex_match(text, match, arch)) {
      options.isVirtual = match[1] == "compute";
      options.arch = std::stoi(match[2]);
    } else if (text == "--fmad=true" || text == "-fmad=true") options.contracts = true;
    else if (text == "--fmad=false" || text == "-fmad=false") options.contracts = false;
    else if (text.rfind("-D", 0) == 0) options.passed.push_back(text);
    else if (text.rfind("--define-macro=", 0) == 0) options.passed.push_back("-D" + text.substr(15));
    else if (std::find(ignored.begin(), ignored.end(), text) == ignored.end()) options.wrong = text;
  }
  return options;
}

/// FNV-1a with two seeds: a name, not a seal.
std::string hashOf(const std::string &text) {
  char name[40];
  uint64_t a = 0xcbf29ce484222325u, b = 0x9ae16a3b2f90404fu;
  for (unsigned char c : text) a = (a ^ c) * 0x100000001b3u, b = (b + c) * 0x9fb21c651e98df25u ^ b >> 29;
  snprintf(name, sizeof name, "%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
  return name;
}

void writeFile(const std::string &path, const std::string &text) {
  if (FILE *file = fopen(path.c_str(), "wb")) {
    fwrite(text.data(), 1, text.size(), file);
    fclose(file);
  }
}

std::vector<std::string> commandLine(const Options &options) {
  std::vector<std::string> words = {FAKE_COMPILER, "-x", "c++", "-std=gnu++17", "-O1", "-fexpensive-optimizations", "-w", "-shared", "-fPIC", "-fvisibility=hidden", "-nostdinc", "-I" FAKE_FOLDER,
      "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing", "-fno-math-errno", "-fno-stack-protector", "-U_FORTIFY_SOURCE",
      // No -fno-trapping-math: gcc makes (double)(int)x the function trunc with it, which keeps the sign of a zero.
      // Not checked: what C++17 leaves open and GPUs define alike.
      "-fsanitize=alignment,bounds,shift-exponent,integer-divide-by-zero,signed-integer-overflow,float-cast-overflow", "-fno-sanitize-recover=all",
      options.contracts ? "-ffp-contract=fast" : "-ffp-contract=off", "-D__CUDA_ARCH__=" + std::to_string(options.arch * 10)};
#ifdef __x86_64__
  words.push_back("-march=native");
#endif
  words.insert(words.end(), options.passed.begin(), options.passed.end());
  return words;
}

bool run(const std::vector<std::string> &words, const std::string &log) {
  std::vector<char *> arguments;
  for (const std::string &word : words) arguments.push_back((char *)word.c_str());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child;
  int status = 1;
  if (posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  posix_spawn_file_actions_destroy(&actions);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// What ptxas says of kernels that need more than a block may have.
std::string tooMuchShared(const std::string &library, const CudaSource &source) {
  void *image = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!image) return dlerror();
  std::string complaint;
  for (const FoundKernel &kernel : source.kernels) {
    auto *entry = (__fake_kernel *)dlsym(image, (kernel.name + "__fake").c_str());
    if (entry && staticShared(*entry) > 49152)
      complaint += "ptxas error   : Entry function '" + kernel.name + "' uses too much shared data (" + std::to_string(staticShared(*entry)) + " bytes, 49152 max)\n";
  }
  dlclose(image);
  return complaint;
}

/// Where the entries of kernels are, for the compiler's messages.
const std::string ENTRIES = "entries of kernels";

/// `name:3:5: error:` of the compiler, in NVRTC's words, without what is wrong with the entries because a kernel is.
std::string inNvrtcsWords(std::string log) {
  log.resize(std::min(log.size(), log.find(ENTRIES)));
  static const std::regex place("(^|\n)([^\n:]+):(\\d+):(\\d+): (error|fatal error):");
  return std::regex_replace(log, place, "$1$2($3): error:");
}

Result compile(Program &program, const Options &options) {
  static long long number = 0;
  const bool isBroken = ++number == setting("FAIL_COMPILE", 0);
  CudaSource adapted = adaptSource(program.source);
  if (!adapted.error.empty()) return program.log = adapted.error, COMPILATION;
  if (size_t at = adapted.text.find("__global__"); isBroken && at != std::string::npos) adapted.text.replace(at, 10, "a_fault_that_was_asked_for");
  std::string text = "#include \"device.h\"\n#include \"sanitizer.h\"\n#line 1 \"" + program.name + "\"\n" + adapted.text + "\n#line 1 \"" + ENTRIES + "\"\n";
  for (const FoundKernel &kernel : adapted.kernels) text += "FAKE_KERNEL(" + kernel.name + ", " + kernel.bounds + ")\n";
  std::vector<std::string> words = commandLine(options);
  std::string key = std::string(FAKE_HASH) + text;
  for (const std::string &word : words) key += "\n" + word;
  const std::string path = std::string(FAKE_CACHE) + "/" + hashOf(key) + ".image";
  program.cubin = readFile(path);
  if (program.cubin.empty()) {
    static int number = 0;
    const std::string temporary = std::string(FAKE_CACHE) + "/making-" + std::to_string(getpid()) + "-" + std::to_string(number++);
    const std::string source = temporary + ".cc", library = temporary + ".so", log = temporary + ".log";
    writeFile(source, text);
    // -nodefaultlibs: the checks call sanitizer.h, not a library. -Bsymbolic: a kernel may be called like a function of the C library.
    for (const std::string &word : {source, std::string("-o"), library, std::string("-nodefaultlibs"), std::string("-Wl,-Bsymbolic"), std::string("-lm"), std::string("-lc"), std::string("-lgcc")}) words.push_back(word);
    const bool compiled = run(words, log);
    program.log = inNvrtcsWords(readFile(log));
    if (compiled) program.log += tooMuchShared(library, adapted);
    const bool good = compiled && program.log.empty();
    if (good) {
      const std::string bytes = readFile(library);
      ImageHeader header = {};
      memcpy(header.magic, IMAGE_MAGIC, sizeof header.magic);
      header.bytes = bytes.size();
      header.arch = options.arch;
      program.cubin = std::string((const char *)&header, sizeof header) + bytes;
      writeFile(temporary, program.cubin);
      rename(temporary.c_str(), path.c_str());
    }
    for (const std::string &file : {source, library, log}) unlink(file.c_str());
    if (!good) {
      if (program.log.empty()) program.log = std::string(FAKE_COMPILER) + " does not run";
      return COMPILATION;
    }
  }
  if (const char *folder = getenv("FAKE_CUDA_DUMP"); folder && *folder)
    writeFile(std::string(folder) + "/" + hashOf(program.source) + ".cu", program.source);
  program.ptx = std::string(PTX_MAGIC) + path + "\n";
  if (options.isVirtual) program.cubin.clear();
  program.compiled = true;
  return OK;
}

}  // namespace

API int nvrtcVersion(int *major, int *minor) {
  const long long version = setting("NVRTC", 13000);
  *major = (int)(version / 1000);
  *minor = (int)(version % 1000 / 10);
  return OK;
}

static const int ARCHITECTURES[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

API int nvrtcGetNumSupportedArchs(int *count) {
  *count = sizeof ARCHITECTURES / sizeof *ARCHITECTURES;
  return OK;
}

API int nvrtcGetSupportedArchs(int *archs) {
  memcpy(archs, ARCHITECTURES, sizeof ARCHITECTURES);
  return OK;
}

API int nvrtcCreateProgram(Program **program, const char *source, const char *name, int headers, const char *const *, const char *const *) {
  if (!program || !source || headers != 0) return INVALID_INPUT;
  *program = new Program{source, name && *name ? name : "default_program", "", "", ""};
  return OK;
}

API int nvrtcDestroyProgram(Program **program) {
  if (!program || !*program) return INVALID_PROGRAM;
  delete *program;
  *program = nullptr;
  return OK;
}

API int nvrtcCompileProgram(Program *program, int count, const char *const *texts) {
  if (!program) return INVALID_PROGRAM;
  const Options options = readOptions(count, texts);
  if (!options.wrong.empty()) {
    program->log = "nvrtc: error: unrecognized option " + options.wrong + " found";
    return INVALID_OPTION;
  }
  bool known = false;
  for (int arch : ARCHITECTURES) known |= arch == options.arch;
  if (!known) {
    program->log = "nvrtc: error: invalid value for --gpu-architecture (-arch)";
    return INVALID_OPTION;
  }
  return compile(*program, options);
}

static int give(const Program *program, const std::string &what, char *out) {
  if (!program) return INVALID_PROGRAM;
  memcpy(out, what.c_str(), what.size());
  return OK;
}

API int nvrtcGetCUBINSize(Program *program, size_t *bytes) {
  if (!program || !program->compiled) return INVALID_PROGRAM;
  *bytes = program->cubin.size();
  return OK;
}
API int nvrtcGetCUBIN(Program *program, char *out) { return give(program, program->cubin, out); }

API int nvrtcGetPTXSize(Program *program, size_t *bytes) {
  if (!program || !program->compiled) return INVALID_PROGRAM;
  *bytes = program->ptx.size() + 1;
  return OK;
}
API int nvrtcGetPTX(Program *program, char *out) {
  out[program->ptx.size()] = 0;
  return give(program, program->ptx, out);
}

API int nvrtcGetProgramLogSize(Program *program, size_t *bytes) {
  if (!program) return INVALID_PROGRAM;
  *bytes = program->log.size() + 1;
  return OK;
}
API int nvrtcGetProgramLog(Program *program, char *out) {
  out[program->log.size()] = 0;
  return give(program, program->log, out);
}

API const char *nvrtcGetErrorString(int result) {
  switch (result) {
    case OK: return "NVRTC_SUCCESS";
    case 1: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case 2: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case COMPILATION: return "NVRTC_ERROR_COMPILATION";
    default: return "NVRTC_ERROR unknown";
  }
}
