// Compiles kernels, loads them and runs them on guarded buffers: whole or in pieces of tasks.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "runtime/abi/Kernel.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ftc::cpu::test {

/// Begin and bytes of each live Buffer's elements: a device of its own memory copies them.
inline std::map<const void *, std::size_t> &liveBuffers() {
  static std::map<const void *, std::size_t> live;
  return live;
}

/// 64-byte aligned elements, 64 readable bytes of slack behind them, then guard bytes that a
/// kernel may not touch; the slack may not be written either.
template <typename T> class Buffer {
public:
  explicit Buffer(std::size_t count = 0) : count(count), storage(bytes(), 0x7f) {
    std::memset(data(), 0, count * sizeof(T));
    liveBuffers()[data()] = count * sizeof(T);
  }
  ~Buffer() { liveBuffers().erase(data()); }
  Buffer(std::initializer_list<T> values) : Buffer(values.size()) {
    std::copy(values.begin(), values.end(), data());
  }
  explicit Buffer(const std::vector<T> &values) : Buffer(values.size()) {
    std::copy(values.begin(), values.end(), data());
  }
  Buffer(const Buffer &other) : Buffer(other.count) {
    std::copy(other.data(), other.data() + count, data());
  }
  Buffer &operator=(const Buffer &other) {
    liveBuffers().erase(data());
    count = other.count;
    storage.assign(bytes(), 0x7f);
    std::copy(other.data(), other.data() + count, data());
    liveBuffers()[data()] = count * sizeof(T);
    return *this;
  }

  T *data() { return reinterpret_cast<T *>(base()); }
  const T *data() const { return const_cast<Buffer *>(this)->data(); }
  std::size_t size() const { return count; }
  T &operator[](std::size_t i) { return data()[i]; }
  const T &operator[](std::size_t i) const { return data()[i]; }
  bool operator==(const Buffer &other) const {
    return count == other.count && std::memcmp(data(), other.data(), count * sizeof(T)) == 0;
  }
  /// False when something was written before or behind the elements.
  bool intact() const {
    const unsigned char *begin = reinterpret_cast<const unsigned char *>(data());
    for (const unsigned char &byte : storage)
      if ((&byte < begin || &byte >= begin + count * sizeof(T)) && byte != 0x7f)
        return false;
    return true;
  }

private:
  std::size_t bytes() const { return count * sizeof(T) + 64 + 64 + 128; }
  unsigned char *base() {
    auto address = reinterpret_cast<std::uintptr_t>(storage.data());
    return storage.data() + ((address + 63) / 64 * 64 - address) + 64;
  }
  std::size_t count = 0;
  std::vector<unsigned char> storage;
};

using Floats = Buffer<float>;
using Ints = Buffer<std::int32_t>;

/// How a launch's tasks are run: all at once, or in uneven pieces from the last to the first.
enum class Split { Whole, Pieces };

/// Whether this machine can run code of `isa`.
bool canRun(const CpuIsa &isa);
/// The instruction sets to run tests on: those this machine has, and the AVX-512 kernels
/// generated for AVX2 where it lacks them.
std::vector<const CpuIsa *> runnableIsas();

/// A loaded shared object of kernels. Aborts with a message when it cannot be made.
class KernelLibrary {
public:
  KernelLibrary(const std::vector<KernelSpec> &kernels, const CpuIsa &isa);
  ~KernelLibrary();
  KernelLibrary(const KernelLibrary &) = delete;

  abi::KernelFn find(const Kernel &kernel) const;
  void run(const Kernel &kernel, const std::vector<void *> &buffers,
           const std::vector<std::int64_t> &ints = {}, const std::vector<double> &scalars = {},
           Split split = Split::Whole) const;

  const CpuIsa &isa;

private:
  void *handle = nullptr;
};

/// Uniform in [-1, 1), times `scale`; seeded.
/// Element `i` of bf16 that lie in `words` by twos.
inline std::uint16_t bf16At(const Floats &words, std::size_t i) {
  std::uint32_t word;
  std::memcpy(&word, &words[i / 2], sizeof word);
  return static_cast<std::uint16_t>(word >> i % 2 * 16);
}
Floats randomFloats(std::size_t count, unsigned seed, float scale = 1);

/// W[out, in] row-major to panels and back.
Floats toPanels(const Floats &weight, std::int64_t in, std::int64_t out, const CpuIsa &isa);
Floats fromPanels(const Floats &panels, std::int64_t in, std::int64_t out, const CpuIsa &isa);

/// The reference of Kernel.h's dropout: the factor (0 or 1 / (1 - p)) of one element.
double dropoutFactor(double p, std::uint32_t seed, std::uint32_t step, std::uint32_t opId,
                     std::uint32_t head, std::uint32_t sequence, std::uint32_t position,
                     std::uint32_t channel);

} // namespace ftc::cpu::test
