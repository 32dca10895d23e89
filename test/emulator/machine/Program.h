// Decoded PTX: flat instructions over compacted registers, made once when a module is loaded.
#pragma once

#include "test/emulator/ptx/Fault.h"
#include "test/emulator/ptx/Syntax.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ftc::emulator {

struct Warp;
struct Instruction;

/// Executes an instruction for the lanes of `mask`, which is not empty.
using Handler = void (*)(Warp &, const Instruction &, std::uint32_t mask);

/// An operand: byte offset of 32 lanes in the warp's registers or, with bit 0 set, in the
/// kernel's constants. Lanes of 16 and 32 bits are 4 bytes, of 64 bits 8 bytes. Of a
/// predicate: its index.
using Ref = std::uint32_t;
constexpr Ref kConstant = 1;

/// What the warp's loop does itself.
enum class Control : std::uint8_t {
  None, // call the handler
  Branch,
  Return,
  Barrier,  // bar.sync, bar.arrive, bar.red: the CTA
  WarpSync, // bar.warp.sync
  Together, // the handler needs all lanes of its member mask at this instruction
  Aligned   // the handler needs all lanes of the warp at this instruction
};

/// Where an instruction is issued, for the cost report.
enum class Pipe : std::uint8_t { Alu, Fma, Fp64, Special, Tensor, LoadStore, Control, Count };

constexpr int kMaxOperands = 16;

struct Instruction {
  Handler run = nullptr;
  std::uint16_t op = 0;    // index into the table of handlers
  std::int16_t guard = -1; // index of a predicate
  bool guardNegated = false;
  Control control = Control::None;
  Pipe pipe = Pipe::Alu;
  Space space = Space::Generic;
  std::uint8_t size = 0;  // bytes an element of a memory access
  std::uint8_t count = 1; // elements a lane
  std::uint8_t width = 4; // bytes of a destination lane of a load
  bool isSigned = false;
  std::uint8_t variant = 0;        // what the handler says
  std::uint8_t defs = 0, uses = 0; // operands [0, defs) are written, the next `uses` read
  std::uint16_t predicates = 0;    // bits of the operands that are predicates
  std::int32_t line = 0;
  std::int32_t target = -1;      // of a branch; of a memory access its number in the kernel
  std::int64_t offset = 0;       // added to an address; a count of groups
  std::int64_t sourceOffset = 0; // added to the source address of a cp.async
  Ref a[kMaxOperands] = {};
};

enum class Special : std::uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NwarpId,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  Count
};

struct PtxModule;

struct Kernel {
  std::string name;
  const PtxModule *module = nullptr;
  std::vector<Parameter> parameters;
  std::uint32_t parameterBytes = 0;
  std::uint32_t maxThreads = 0, requiredThreads = 0;
  std::vector<Instruction> code; // ends with a return
  std::vector<std::pair<Special, Ref>> specials;
  std::vector<std::uint8_t> constants; // lanes of constants
  std::uint32_t registerBytes = 0;     // of a warp
  std::uint32_t predicates = 0;
  std::uint32_t liveRegisters = 0; // 32-bit registers a thread, a lower bound of ptxas's
  std::uint32_t sharedBytes = 0;   // static
  std::uint32_t localBytes = 0;    // of a thread
  std::uint32_t granule = 4;       // bytes of shared memory that one shadow entry stands for
  std::int32_t accesses = 0;       // memory instructions
  bool ordered = false;            // its result depends on the order of blocks: atomics
  bool usesTensor = false;
};

struct GlobalVariable {
  std::uint64_t address = 0, bytes = 0;
};

struct PtxModule {
  Syntax syntax;
  std::map<std::string, GlobalVariable> globals;
  std::vector<std::unique_ptr<Kernel>> kernels;
  const Kernel *find(const std::string &name) const {
    for (const auto &kernel : kernels)
      if (kernel->name == name)
        return kernel.get();
    return nullptr;
  }
};

/// Parses and decodes PTX. `allocate` gives memory for a global variable: its device address.
/// Throws Fault(InvalidPtx) that quotes the line of anything unknown.
std::unique_ptr<PtxModule>
loadModule(std::string_view text,
           const std::function<std::uint64_t(const Variable &)> &allocate);

/// "kernel 'name', line 12: `...`: " of an instruction.
std::string describe(const Kernel &kernel, const Instruction &instruction);

/// Bases of the windows in the generic address space; a shared address is an offset from
/// kSharedStart, so that the null pointer is no shared variable.
constexpr std::uint64_t kSharedWindow = std::uint64_t(1) << 56;
constexpr std::uint64_t kLocalWindow = std::uint64_t(2) << 56;
constexpr std::uint64_t kWindowBytes = std::uint64_t(1) << 24;
constexpr std::uint32_t kSharedStart = 1024;
constexpr std::uint32_t kLocalStart = 1024;

} // namespace ftc::emulator
