// CUDA C made ready for a C++ compiler: finds the kernels of a source, and gives shared memory a place. Works on the text with comments
// and strings blanked, so positions stay.
#pragma once
#include <cctype>
#include <regex>
#include <string>
#include <vector>

namespace fake {

struct FoundKernel {
  std::string name, bounds;
  size_t body, end;
};

struct CudaSource {
  std::string text, error;
  std::vector<FoundKernel> kernels;
};

inline std::string blanked(const std::string &source) {
  std::string code = source;
  auto blank = [&](size_t from, size_t to) {
    for (size_t i = from; i < to && i < code.size(); i++)
      if (code[i] != '\n') code[i] = ' ';
  };
  for (size_t i = 0; i < code.size();) {
    size_t end = i + 1;
    if (code.compare(i, 2, "//") == 0) {
      end = std::min(code.find('\n', i), code.size());
      blank(i, end);
    } else if (code.compare(i, 2, "/*") == 0) {
      end = code.find("*/", i + 2);
      end = end == std::string::npos ? code.size() : end + 2;
      blank(i, end);
    } else if (code[i] == '"' || (code[i] == '\'' && (i == 0 || !isalnum((unsigned char)code[i - 1])))) {
      while (end < code.size() && code[end] != code[i] && code[end] != '\n') end += code[end] == '\\' ? 2 : 1;
      blank(i + 1, end);
      end++;
    }
    i = end;
  }
  return code;
}

inline bool isWord(char c) { return isalnum((unsigned char)c) || c == '_'; }

/// The position behind the bracket that closes the one at `at`.
inline size_t behindBracket(const std::string &code, size_t at, char open, char close) {
  int depth = 0;
  for (; at < code.size(); at++) {
    if (code[at] == open) depth++;
    if (code[at] == close && --depth == 0) return at + 1;
  }
  return at;
}

/// The next place of a whole word, or npos.
inline size_t findWord(const std::string &code, const std::string &word, size_t from) {
  for (size_t at = from; (at = code.find(word, at)) != std::string::npos; at++) {
    const bool begins = at == 0 || !isWord(code[at - 1]);
    if (begins && (at + word.size() == code.size() || !isWord(code[at + word.size()]))) return at;
  }
  return std::string::npos;
}

inline void findKernels(CudaSource &result, const std::string &source, const std::string &code) {
  for (size_t at = 0; (at = findWord(code, "__global__", at)) != std::string::npos;) {
    const size_t statement = code.find_last_of(";{}", at) + 1;
    if (findWord(code.substr(0, at), "template", statement) != std::string::npos) result.error = "the fake NVRTC has no templates of kernels";
    FoundKernel kernel{"", "1024", 0, 0};
    // `__launch_bounds__` may stand before or behind the type.
    const size_t before = findWord(code.substr(0, at), "__launch_bounds__", statement);
    size_t i = before != std::string::npos ? before : at + 10;
    while (i < code.size() && kernel.name.empty()) {
      while (i < code.size() && !isWord(code[i]) && code[i] != '(') i++;
      size_t end = i;
      while (end < code.size() && isWord(code[end])) end++;
      const std::string word = code.substr(i, end - i);
      size_t next = code.find_first_not_of(" \t\n\r", end);
      if (word == "__launch_bounds__") {
        const size_t close = behindBracket(code, next, '(', ')');
        kernel.bounds = source.substr(next + 1, close - next - 2);
        if (size_t comma = kernel.bounds.find(','); comma != std::string::npos) kernel.bounds.resize(comma);
        i = close;
      } else if (next != std::string::npos && code[next] == '(') {
        kernel.name = word;
        i = behindBracket(code, next, '(', ')');
      } else {
        i = end > i ? end : i + 1;
      }
    }
    i = code.find_first_not_of(" \t\n\r", i);
    at += 10;
    if (i == std::string::npos || code[i] != '{' || kernel.name.empty()) continue;
    kernel.body = i;
    kernel.end = at = behindBracket(code, i, '{', '}');
    result.kernels.push_back(kernel);
  }
}

inline CudaSource adaptSource(const std::string &source) {
  CudaSource result;
  const std::string code = blanked(source);
  findKernels(result, source, code);
  size_t done = 0;
  for (size_t at = 0; (at = findWord(code, "__shared__", at)) != std::string::npos;) {
    const size_t word = code.find_last_not_of(" \t\n\r", at - 1);
    if (at > 0 && word != std::string::npos && word >= 5 && code.compare(word - 5, 6, "extern") == 0) {
      const size_t end = code.find(';', at);
      const std::string declaration = source.substr(at, end - at);
      static const std::regex form(R"(__shared__\s+(?:(?:__align__|alignas)\s*\([^)]*\)\s*)?([\w\s]+?)\s+(\w+)\s*\[\s*\])");
      std::smatch match;
      if (!std::regex_match(declaration, match, form)) {
        result.error = "the fake NVRTC does not understand: extern " + declaration;
        return result;
      }
      result.text += source.substr(done, word - 5 - done);
      result.text += match[1].str() + " *const " + match[2].str() + " = (" + match[1].str() + " *)__fake_image.dynamic_shared;";
      done = at = end + 1;
      continue;
    }
    std::string section = "fake_shared";
    for (const FoundKernel &kernel : result.kernels)
      if (at > kernel.body && at < kernel.end) section = "fake_of_" + kernel.name;
    result.text += source.substr(done, at - done) + "static __attribute__((used, section(\"" + section + "\")))";
    done = at = at + 10;
  }
  result.text += source.substr(done);
  return result;
}

}  // namespace fake
