// What the parts of the data check share: the list of findings and each part's entry.
#pragma once

#include "runtime/tasks/DataCheck.h"

namespace ftc::rt {

/// Gathers findings by kind and file; of each the first places are kept and all are counted.
class FindingList {
public:
  explicit FindingList(std::size_t shown) : shown(shown) {}

  /// Counts one more of `kind` in the file, and keeps where while there is room.
  void add(Severity severity, std::string_view kind, std::string_view what, FindingPlace place);
  /// The same of a row, where `text` is what stands behind "PATH: line N: " (which is taken off
  /// a message that begins with it).
  void addRow(Severity severity, std::string_view kind, std::string_view what,
              const CheckedFile &file, std::int64_t row, std::string text,
              std::int64_t item = 0);
  /// The findings, the worst first, else as they were met.
  std::vector<Finding> take();

private:
  std::size_t shown;
  std::vector<Finding> findings;
  std::map<std::pair<std::string, std::string>, std::size_t> byKind; ///< kind and path
};

/// Checks each row by itself: usable rows, and of these what is empty or equal.
void checkEachRow(const DataCheckOptions &options, const Task &task, CheckedFile &file,
                  FindingList &findings);

/// With a tokenizer: encodes the rows that the task takes, for their lengths. Rows that cannot
/// be are no longer usable.
void encodeEachRow(const DataCheckOptions &options, const Task &task, CheckedFile &file,
                   FindingList &findings);

/// Counts labels; without `known` labels they are taken from the training file. Rows with
/// labels that are not among them are no longer usable.
void checkLabels(const DataCheckOptions &options, DataCheck &check, FindingList &findings);

/// Duplicates in each file, and rows of the training file in the others.
Status checkDuplicates(DataCheck &check, FindingList &findings);

/// Lengths of usable rows, and what the limits would cut.
void checkLengths(const DataCheckOptions &options, const Task &task, CheckedFile &file);

} // namespace ftc::rt
