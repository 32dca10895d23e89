// cuGetProcAddress: functions by the name that the documentation gives them.
#include "test/emulator/driver/State.h"

#include <cstring>

using namespace ftc::rt::cuda;

extern "C" {
#define FTC_DECLARE(name, symbol, parameters) Result symbol parameters;
FTC_CUDA_FUNCTIONS(FTC_DECLARE)
#undef FTC_DECLARE

Result cuGetProcAddress_v2(const char *symbol, void **function, int, std::uint64_t,
                           int *status);

Result cuGetProcAddress(const char *symbol, void **function, int version, std::uint64_t flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}

/// `symbol` with or without the suffix of its version. `status` 0: found, 1: not found.
Result cuGetProcAddress_v2(const char *symbol, void **function, int, std::uint64_t,
                           int *status) {
  static const struct {
    const char *name;
    void *address;
  } table[] = {
#define FTC_ENTRY(name, symbol, parameters) {#symbol, reinterpret_cast<void *>(&symbol)},
      FTC_CUDA_FUNCTIONS(FTC_ENTRY)
#undef FTC_ENTRY
          {"cuGetProcAddress_v2", reinterpret_cast<void *>(&cuGetProcAddress_v2)}};
  *function = nullptr;
  std::size_t length = std::strlen(symbol);
  for (const auto &entry : table) {
    bool same = std::strncmp(entry.name, symbol, length) == 0;
    const char *rest = same ? entry.name + length : "";
    if (same &&
        (*rest == 0 || std::strcmp(rest, "_v2") == 0 || std::strcmp(rest, "WithFlags") == 0))
      *function = entry.address;
  }
  if (status)
    *status = *function ? 0 : 1;
  return *function ? kSuccess : kNotFound;
}
}
