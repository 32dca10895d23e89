// Conversations as data sets hold them: a list of {"role": …, "content": …} objects.
#pragma once

#include "runtime/data/DataTable.h"

namespace ftc::rt {

/// One turn of a conversation; views live as long as the table.
struct ChatMessage {
  std::string_view role;    ///< "system", "user", "assistant" or what else a template knows
  std::string_view content; ///< may be empty
};

/// The conversation in a cell, in order. Fails, with file, line and the message's number from
/// 1, unless it is a list of at least one object that has strings as role and content, the role
/// not empty. Calls of tools are refused: training on the text alone would teach something
/// else. Any other key is passed over.
Result<std::vector<ChatMessage>> readMessages(const DataTable &table, std::int64_t row,
                                              int column);

} // namespace ftc::rt
