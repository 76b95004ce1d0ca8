// What the fake NVRTC gives as machine code ("cubin": a header, then a shared library) and as PTX (text that names a cubin in the image
// cache), and how the driver reads either.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "image.h"

namespace fake {

struct ImageHeader {
  char magic[8];
  uint64_t bytes;
  int32_t arch, reserved;
};

inline const char IMAGE_MAGIC[8] = {'F', 'A', 'K', 'E', 'C', 'U', 'B', '1'};
inline const char PTX_MAGIC[] = "// fake PTX of ";

inline std::string readFile(const std::string &path) {
  std::string text;
  FILE *file = fopen(path.c_str(), "rb");
  if (!file) return text;
  char buffer[65536];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
  fclose(file);
  return text;
}

inline bool readImage(const char *image, std::string &library, int &arch, bool &isPortable) {
  std::string file;
  isPortable = strncmp(image, PTX_MAGIC, sizeof PTX_MAGIC - 1) == 0;
  if (isPortable) {
    const char *path = image + sizeof PTX_MAGIC - 1;
    file = readFile(std::string(path, strcspn(path, "\n")));
    image = file.data();
    if (file.size() < sizeof(ImageHeader)) return false;
  }
  ImageHeader header;
  if (memcmp(image, IMAGE_MAGIC, sizeof IMAGE_MAGIC) != 0) return false;
  memcpy(&header, image, sizeof header);
  library.assign(image + sizeof header, header.bytes);
  arch = header.arch;
  return true;
}

/// Bytes of shared memory that a kernel has of its own.
inline int staticShared(const __fake_kernel &kernel) {
  long bytes = 0;
  for (int i = 0; i < 2; i++)
    if (kernel.shared[i]) bytes += kernel.shared_end[i] - kernel.shared[i];
  return (int)bytes;
}

}  // namespace fake
