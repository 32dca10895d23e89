// How many registers a thread of a PTX kernel may take, beside the blocks that a multiprocessor holds.
#pragma once

#include <optional>
#include <set>
#include <string>

namespace ftc::cuda {

/// `ptx` in which the kernels `names` may take more registers: one block fewer of those that
/// .minnctapersm asks for, or 16 more than .maxnreg, 255 at most. Nothing where none may take more.
std::optional<std::string> withMoreRegisters(const std::string &ptx,
                                             const std::set<std::string> &names);

} // namespace ftc::cuda
