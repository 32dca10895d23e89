// Inputs are compared byte for byte: what differs in a space is another example to the model
// too.
#include "assess/DataFacts.h"

#include "runtime/support/Philox.h"
#include "runtime/tasks/RowKeys.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace ftc::assess {

namespace {

void addCell(const rt::DataTable &table, std::int64_t row, int column, std::string &out,
             std::vector<std::string> &items) {
  if (column < 0)
    return;
  out += table.text(row, column);
  table.list(row, column, items);
  for (const std::string &item : items) {
    out += item;
    out += '\x1f';
  }
  out += '\x1e';
}

bool isEntity(std::string_view tag) { return !tag.empty() && tag != "O" && tag != "0"; }

std::int64_t countWords(std::string_view text) {
  std::int64_t words = 0;
  bool inside = false;
  for (char c : text) {
    bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\x1f' || c == '\x1e';
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

std::int32_t unknownId(const rt::Tokenizer &tokenizer) {
  for (const char *name : {"[UNK]", "<unk>", "<UNK>", "<|unk|>"})
    if (std::int32_t id = tokenizer.tokenToId(name); id >= 0)
      return id;
  return -1;
}

/// All that the task reads of a row, for counting words.
std::string rowText(const rt::DataTable &table, const rt::TaskColumns &columns,
                    std::int64_t row) {
  std::string text;
  std::vector<std::string> items;
  addCell(table, row, columns.text, text, items);
  addCell(table, row, columns.pair, text, items);
  return text;
}

} // namespace

rt::Status countTraining(const rt::Task &task, const rt::DataSet &train, DataFacts &facts) {
  facts.trainRows = train.size();
  std::unordered_map<rt::RowKey, rt::RowKey, rt::RowKeyHash> seen;
  std::map<std::string, std::int64_t> labels;
  std::vector<std::string> items;
  bool classes = task.labelPlacement() == rt::LabelPlacement::Sequence && task.hasLabelSet();
  for (std::int64_t row : train.rows) {
    FTC_ASSIGN_OR_RETURN(rt::RowKey inputs,
                         rt::inputKey(*train.table, row, train.columns, /*folded=*/false));
    FTC_ASSIGN_OR_RETURN(rt::RowKey label, rt::labelKey(*train.table, row, train.columns));
    facts.emptyTexts += countWords(rowText(*train.table, train.columns, row)) == 0;
    auto [entry, fresh] = seen.try_emplace(inputs, label);
    facts.duplicates += !fresh;
    facts.conflicts += !fresh && entry->second != label;
    if (classes && task.problemType() == rt::kSingleLabel) {
      ++labels[std::string(train.table->text(row, train.columns.label))];
    } else if (task.labelPlacement() == rt::LabelPlacement::Token && task.hasLabelSet()) {
      train.table->list(row, train.columns.label, items);
      for (const std::string &item : items)
        if (isEntity(item))
          ++labels[item];
    }
  }
  facts.labels.clear();
  for (const auto &[label, count] : labels)
    facts.labels.push_back({label, count});
  std::sort(facts.labels.begin(), facts.labels.end(),
            [](const LabelCount &a, const LabelCount &b) {
              return a.count != b.count ? a.count > b.count : a.label < b.label;
            });
  if (!facts.labels.empty())
    facts.leastOfAClass = facts.labels.back().count;
  return rt::Status::ok();
}

rt::Result<std::vector<std::int64_t>> leakedRows(const rt::DataSet &train,
                                                 std::span<const std::int64_t> rows,
                                                 const rt::DataSet &set) {
  std::unordered_set<rt::RowKey, rt::RowKeyHash> known;
  for (std::int64_t row : rows) {
    FTC_ASSIGN_OR_RETURN(rt::RowKey key, rt::inputKey(*train.table, row, train.columns, false));
    known.insert(key);
  }
  std::vector<std::int64_t> leaked;
  for (std::int64_t row : set.rows) {
    FTC_ASSIGN_OR_RETURN(rt::RowKey key, rt::inputKey(*set.table, row, set.columns, false));
    if (known.count(key))
      leaked.push_back(row);
  }
  return leaked;
}

rt::Status measureLengths(const rt::Session &session, const rt::DataSet &train,
                          DataFacts &facts) {
  rt::EncodeSettings uncut = session.encode;
  uncut.maxSeqLength = 0;
  FTC_ASSIGN_OR_RETURN(
      rt::TokenStatistics tokens,
      rt::measureTokens(*session.task, *train.table, train.columns, *session.tokenizer, uncut));
  facts.cut = rt::cutBy(tokens.lengths, session.encode.maxSeqLength);
  facts.tokens = rt::summarizeLengths(tokens.lengths);
  // Of a thousand rows: unknown tokens, and tokens a word.
  std::int32_t unknown = unknownId(*session.tokenizer);
  std::int64_t ids = 0, unknowns = 0, words = 0;
  std::vector<rt::Example> examples;
  std::int64_t step = std::max<std::int64_t>(1, train.size() / 1000);
  for (std::int64_t i = 0; i < train.size(); i += step) {
    examples.clear();
    FTC_RETURN_IF_ERROR(session.task->encodeForPrediction(*train.table, train.rows[i],
                                                          train.columns, *session.tokenizer,
                                                          session.encode, examples));
    for (const rt::Example &example : examples) {
      ids += example.tokens();
      unknowns += std::count(example.ids.begin(), example.ids.end(), unknown);
    }
    words += countWords(rowText(*train.table, train.columns, train.rows[i]));
  }
  facts.unknownShare =
      unknown >= 0 && ids > 0 ? static_cast<double>(unknowns) / static_cast<double>(ids) : 0;
  facts.tokensPerWord = words > 0 ? static_cast<double>(ids) / static_cast<double>(words) : 0;
  return rt::Status::ok();
}

std::vector<std::int64_t> stratifiedOrder(const rt::Task &task, const rt::DataSet &set,
                                          std::vector<std::int64_t> rows, std::uint32_t seed) {
  struct Keyed {
    double rank = 0;
    std::uint64_t key = 0;
    std::int64_t row = 0;
  };
  std::map<std::string, std::vector<Keyed>> strata;
  std::vector<std::string> items;
  for (std::int64_t row : rows) {
    std::string stratum;
    if (task.labelPlacement() == rt::LabelPlacement::Token && task.hasLabelSet()) {
      set.table->list(row, set.columns.label, items);
      stratum = std::any_of(items.begin(), items.end(),
                            [](const std::string &tag) { return isEntity(tag); })
                    ? "entity"
                    : "";
    } else if (task.hasLabelSet() && task.problemType() == rt::kSingleLabel) {
      stratum = set.table->text(row, set.columns.label);
    }
    auto words = rt::philox({seed, 0x41535345u}, {static_cast<std::uint32_t>(row),
                                                  static_cast<std::uint32_t>(row >> 32), 0, 0});
    strata[stratum].push_back({0, std::uint64_t(words[0]) << 32 | words[1], row});
  }
  std::vector<Keyed> all;
  for (auto &[name, members] : strata) {
    std::sort(members.begin(), members.end(), [](const Keyed &a, const Keyed &b) {
      return std::pair(a.key, a.row) < std::pair(b.key, b.row);
    });
    for (std::size_t i = 0; i < members.size(); ++i) {
      double within = static_cast<double>(members[i].key) / 18446744073709551616.0;
      members[i].rank = (static_cast<double>(i) + within) / static_cast<double>(members.size());
      all.push_back(members[i]);
    }
  }
  std::sort(all.begin(), all.end(), [](const Keyed &a, const Keyed &b) {
    return std::tuple(a.rank, a.key, a.row) < std::tuple(b.rank, b.key, b.row);
  });
  std::vector<std::int64_t> order;
  for (const Keyed &one : all)
    order.push_back(one.row);
  return order;
}

} // namespace ftc::assess
