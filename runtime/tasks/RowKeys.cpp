// Cells become bytes with lengths between them, so that no two rows give the same bytes.
#include "runtime/tasks/RowKeys.h"

#include "runtime/metrics/PythonSpace.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Text.h"

#include <charconv>

namespace ftc::rt {

namespace {

std::string fold(std::string_view text) {
  std::string folded;
  for (std::string_view word : splitAtSpace(text)) {
    folded += folded.empty() ? "" : " ";
    for (char c : word)
      folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return folded;
}

class KeyHash {
public:
  explicit KeyHash(bool folded) : folded(folded) {}

  void addCell(const DataTable &table, std::int64_t row, int column) {
    if (column < 0)
      return add("-");
    add(table.text(row, column));
    table.list(row, column, items);
    add(std::to_string(items.size()));
    for (const std::string &item : items)
      add(item);
    for (const Object &object : table.objects(row, column))
      for (const ObjectMember &member : object) {
        add(member.key);
        add(member.text);
      }
  }

  Result<RowKey> finish() {
    FTC_ASSIGN_OR_RETURN(std::string hex, hash.finishHex());
    RowKey key{};
    for (std::size_t half = 0; half < key.size(); ++half)
      std::from_chars(hex.data() + 16 * half, hex.data() + 16 * half + 16, key[half], 16);
    return key;
  }

private:
  void add(std::string_view text) {
    std::string less = folded ? fold(text) : std::string();
    std::string_view bytes = folded ? std::string_view(less) : text;
    std::uint64_t size = bytes.size();
    hash.update(&size, sizeof size);
    hash.update(bytes);
  }

  bool folded;
  Sha256 hash;
  std::vector<std::string> items;
};

/// A completion is learnt, though it is one of the texts that an example is made of.
bool pairIsInput(const TaskColumns &columns) {
  return columns.pair >= 0 && columns.pair != columns.label;
}

} // namespace

Result<RowKey> inputKey(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                        bool folded) {
  KeyHash hash(folded);
  hash.addCell(table, row, columns.text);
  if (pairIsInput(columns))
    hash.addCell(table, row, columns.pair);
  return hash.finish();
}

Result<RowKey> labelKey(const DataTable &table, std::int64_t row, const TaskColumns &columns) {
  KeyHash hash(false);
  if (columns.label < 0 || columns.label == columns.text)
    return hash.finish();
  if (!columns.indicators.empty()) {
    for (int column : columns.indicators)
      hash.addCell(table, row, column);
    return hash.finish();
  }
  hash.addCell(table, row, columns.label);
  hash.addCell(table, row, columns.start);
  return hash.finish();
}

std::string inputExcerpt(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         std::size_t maxBytes) {
  std::string text(table.text(row, columns.text));
  std::vector<std::string> items;
  table.list(row, columns.text, items);
  for (const std::string &item : items)
    if (text.size() <= maxBytes)
      text += (text.empty() ? "" : " ") + item;
  for (const Object &object : table.objects(row, columns.text))
    for (const ObjectMember &member : object)
      if (member.key == "content" && text.size() <= maxBytes)
        text += (text.empty() ? "" : " ") + std::string(member.text);
  return quote(text, maxBytes);
}

} // namespace ftc::rt
