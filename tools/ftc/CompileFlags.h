// Checks of flags that `ftc compile` and `ftc assess` share.
#pragma once

#include "compiler/Compile.h"
#include "tools/flags/FlagSet.h"

#include <string_view>

namespace ftc::cli {

/// --method: full, lora, head or layers:K.
rt::Status checkMethod(std::string_view text);

/// Which lengths a task has: one with target texts two, one that writes texts those as well,
/// every other one --max_seq_length alone.
rt::Status checkLengths(const FlagSet &flags, const rt::Task &task,
                        const CompileOptions &options);

} // namespace ftc::cli
