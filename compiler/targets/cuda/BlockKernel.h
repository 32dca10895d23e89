// Kernels written for the threads of a block, beside the vector kernels that run on a warp.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"
#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cuda {

using cpu::Elem;
using cpu::KernelBuilder;
using cpu::Num;
using cpu::Nums;
using cpu::Ptr;
using cpu::Term;

/// A kernel whose body is the code of one thread: block x works on task x. Values are scalars;
/// what threads share lies in shared memory, which begins at BlockBuilder::shared.
class BlockKernel : public cpu::Kernel {
public:
  virtual int threads() const = 0;
  virtual std::int64_t sharedBytes() const { return 0; }
  /// Blocks that a multiprocessor shall hold at least: bounds a thread's registers.
  virtual int residentBlocks() const { return 1; }
  /// The most registers of a thread where that bound is too loose; 0: it is not.
  virtual int mostRegisters() const { return 0; }
};

/// What a thread asks of the GPU, as the intrinsics of LLVM's NVPTX target.
class BlockBuilder {
public:
  explicit BlockBuilder(KernelBuilder &b) : b(b) {}

  /// The thread's index in its block, i32.
  Num thread() { return call("llvm.nvvm.read.ptx.sreg.tid.x", b.i32Type(), {}); }
  /// The block's task, i32.
  Num task() { return b.toI32(b.firstTask()); }
  /// `value`, i32, of which nothing is known: what follows from it is computed here, and takes no
  /// registers before.
  Num unknown(Num value);
  /// First in a loop's body: ptxas, which knows the number of its steps, does not write them out.
  void keepLoop();
  /// Waits for all threads of the block; what they wrote before is seen after it.
  void barrier();
  /// The same for the threads of a warp.
  void barrierOfWarp();

  /// An address in shared memory, in bytes from its begin.
  struct Shared {
    mlir::Value value;
    bool operator!() const { return !value; }
  };
  Shared shared(const Term &byteOffset);
  Shared at(Shared base, std::int64_t bytes);
  Num load(Shared from, mlir::Type type, unsigned alignment = 4);
  void store(Num value, Shared to, unsigned alignment = 4);

  /// `count` consecutive f32 (or i32) from global or shared memory in one access; `count` 2 or
  /// 4, the address aligned to all of them.
  Nums loadWide(Ptr from, int count);
  Nums loadWide(Shared from, int count, mlir::Type element);
  void storeWide(const Nums &values, Ptr to);
  void storeWide(const Nums &values, Shared to);

  /// The value of thread `lane ^ mask` of the warp, f32 or i32.
  Num shuffleXor(Num value, int mask);
  Num sumOfWarp(Num value);
  Num maxOfWarp(Num value);

  /// Copies 16 bytes from global to shared memory, as late as waitForCopies allows; zeros past
  /// the first `bytes` (i32), of which none are read.
  void copyAsync(Shared to, Ptr from, Num bytes);
  void commitCopies();
  /// Waits until at most the last `pending` groups of this thread's copies are under way.
  void waitForCopies(int pending);

  /// Four 8x8 matrices of 16-bit elements from the rows that the warp's threads name.
  Nums loadMatrices(Shared row, bool transposed = false);
  /// d = a b + c of 16x16 and 16x8 bf16 matrices, sums in f32.
  Nums multiplyBf16(const Nums &a, const Nums &b, const Nums &c);
  /// d = a b + c of 16x8 and 8x8 tf32 matrices, sums in f32; words with the bits of tf32.
  Nums multiplyTf32(const Nums &a, const Nums &b, const Nums &c);
  /// Two f32 rounded to nearest even as a word of bf16, `low` in its lower half.
  Num toBf16Pair(Num low, Num high);
  /// f32 rounded to tf32, as a word.
  Num toTf32(Num value);

  Num call(llvm::StringRef intrinsic, mlir::Type type, const Nums &operands);

  KernelBuilder &b;
};

} // namespace ftc::cuda
