// Files that a user names as plugins, looked at before the loader has them.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace ftc {

/// Fails, saying what was expected and found but not the path, unless `file` is a shared
/// library of this machine (64-bit x86-64) that holds all that its ELF headers promise: the
/// loader maps one that was cut short and touches what is not there, which ends the process
/// with SIGBUS.
llvm::Error checkPluginFile(llvm::StringRef file);

} // namespace ftc
