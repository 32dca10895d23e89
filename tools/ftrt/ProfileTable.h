// The table of ftrt bench --profile: what each kernel of a program takes, and of what it is
// short.
#pragma once

#include "runtime/executor/Executor.h"

#include <string>

namespace ftc::cli {

/// What the machine does at best, as measured; 0: not known, and shares of it are "-".
struct MachinePeaks {
  double flops = 0;     ///< a second, f32
  double pairFlops = 0; ///< a second, of bf16 pairs: what kernels of such products are held to
  double bytes = 0;     ///< a second, from and to memory
};

/// A title, a line of headings, a line an entry with its command and kernel, the longest time
/// first; empty without entries.
/// Times, GFLOPs and MB (10^6 bytes) are those of a call.
std::string profileTable(const std::string &title, std::vector<rt::ProfileEntry> entries,
                         const MachinePeaks &peaks);

} // namespace ftc::cli
