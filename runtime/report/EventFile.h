// EventFile: what TensorBoard reads. Records in TFRecord frames, each an Event in protobuf's
// wire format; of that format a handful of fields is written, by hand (docs/dependencies.md
// says why).
#pragma once

#include "runtime/io/Json.h"
#include "runtime/support/AppendFile.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ftc::rt {

/// A TFRecord frame around `data`: its length as 8 bytes, that length's masked CRC-32C, the
/// data, its masked CRC-32C; all little-endian.
std::string frameRecord(std::string_view data);

/// The tag that transformers' TensorBoardCallback gives a name of log_history: "eval_x" is
/// "eval/x", "test_x" is "test/x", any other "train/x".
std::string eventTag(std::string_view name);

/// One process's part of a run. Every call's records are in the file when it returns.
class EventFile {
public:
  /// Makes `directory` where it is missing, and in it a file
  /// events.out.tfevents.SECONDS.HOST.PID.N that nobody else has. It begins with the format's
  /// version and with a session's start at `step`: of files that are there already TensorBoard
  /// then shows only what is below that step.
  static Result<EventFile> create(const std::string &directory, std::int64_t step);

  /// Every number of an entry of log_history but "step" as a scalar of that step (a float),
  /// every string as a text.
  Status addEntry(const OrderedJson &entry);
  /// A text of the plugin "text", under `tag`/text_summary.
  Status addText(std::string_view tag, std::string_view text, std::int64_t step = 0);

  const std::string &path() const { return file.path(); }

private:
  explicit EventFile(AppendFile file) : file(std::move(file)) {}
  AppendFile file;
};

} // namespace ftc::rt
