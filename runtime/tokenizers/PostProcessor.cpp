// Truncation with tokenizers' arithmetic, offset trimming, templates.
#include "runtime/tokenizers/PostProcessor.h"

#include <algorithm>

namespace ftc::rt {
namespace {

TemplateItem sequenceItem(std::int32_t index, std::int32_t typeId) {
  return {index, typeId, {}};
}
TemplateItem specialItem(std::int32_t id, std::int32_t typeId) { return {-1, typeId, {id}}; }

void cut(SequenceTokens &s, std::size_t length) {
  if (length >= s.ids.size())
    return;
  s.ids.resize(length);
  s.offsets.resize(length);
  s.words.resize(length);
  if (s.margins.size() > length)
    s.margins.resize(length);
}

Status truncate(SequenceTokens *sequences, bool pair, std::size_t limit, Truncation how) {
  std::size_t first = sequences[0].ids.size(), second = pair ? sequences[1].ids.size() : 0;
  if (first + second <= limit)
    return Status::ok();
  std::size_t excess = first + second - limit;
  if (limit == 0) {
    cut(sequences[0], 0);
    if (pair)
      cut(sequences[1], 0);
    return Status::ok();
  }
  if (how == Truncation::LongestFirst) {
    if (!pair) {
      cut(sequences[0], limit);
      return Status::ok();
    }
    std::size_t shorter = std::min(first, second);
    std::size_t longer = shorter > limit ? shorter : std::max(shorter, limit - shorter);
    if (shorter + longer > limit) {
      shorter = limit / 2;
      longer = shorter + limit % 2;
    }
    cut(sequences[0], first > second ? longer : shorter);
    cut(sequences[1], first > second ? shorter : longer);
    return Status::ok();
  }
  if (how == Truncation::OnlySecond && !pair)
    return Status::error("truncation: expected a pair of texts to cut the second of, got one");
  SequenceTokens &target = sequences[how == Truncation::OnlySecond ? 1 : 0];
  if (target.ids.size() <= excess)
    return Status::error("truncation: expected more than " + std::to_string(excess) +
                         " tokens in the sequence to be cut, got " +
                         std::to_string(target.ids.size()) + "; raise the maximum length");
  cut(target, target.ids.size() - excess);
  return Status::ok();
}

void trim(SequenceTokens &s, bool addPrefixSpace) {
  for (std::size_t i = 0; i < s.ids.size(); ++i) {
    auto [leading, trailing] = s.margins[i];
    Span &span = s.offsets[i];
    if (leading > 0) {
      if ((i == 0 || span.begin == 0) && addPrefixSpace && leading == 1)
        leading = 0;
      span.begin = static_cast<std::int32_t>(
          std::min<std::int64_t>(std::int64_t(span.begin) + leading, span.end));
    }
    if (trailing > 0 && span.end >= std::int64_t(trailing))
      span.end = std::max(span.end - std::int32_t(trailing), span.begin);
  }
}

void join(const SequenceTokens &s, const TemplateItem &item, Encoding &out) {
  out.ids.insert(out.ids.end(), s.ids.begin(), s.ids.end());
  for (Span span : s.offsets)
    out.offsets.emplace_back(span.begin, span.end);
  out.wordIds.insert(out.wordIds.end(), s.words.begin(), s.words.end());
  out.typeIds.insert(out.typeIds.end(), s.ids.size(), item.typeId);
  out.sequenceIds.insert(out.sequenceIds.end(), s.ids.size(), -1);
}

/// Sequence numbers as tokenizers gives them: by the range that a sequence was last put at.
void numberSequences(Encoding &out, const std::pair<std::size_t, std::size_t> (&ranges)[2],
                     const bool (&present)[2]) {
  int count = std::max(1, int(present[0]) + int(present[1]));
  for (int s = 0; s < count; ++s) {
    std::size_t begin = present[s] ? ranges[s].first : 0;
    std::size_t end = present[s] ? ranges[s].second : out.ids.size();
    std::fill(out.sequenceIds.begin() + begin, out.sequenceIds.begin() + end, s);
  }
}

/// Tokens [begin, end) of a sequence.
SequenceTokens sliceOf(const SequenceTokens &s, std::size_t begin, std::size_t end) {
  auto part = [&](const auto &values) {
    using Values = std::decay_t<decltype(values)>;
    return values.size() < end ? Values()
                               : Values(values.begin() + begin, values.begin() + end);
  };
  return {part(s.ids), part(s.offsets), part(s.words), part(s.margins)};
}

Template withoutSpecials(const Template &from) {
  Template out;
  std::copy_if(from.begin(), from.end(), std::back_inserter(out),
               [](const TemplateItem &item) { return item.sequence >= 0; });
  return out;
}

} // namespace

PostProcessor::PostProcessor() {
  full[0] = plain[0] = {sequenceItem(0, 0)};
  full[1] = plain[1] = {sequenceItem(0, 0), sequenceItem(1, 1)};
}

std::int32_t PostProcessor::added(bool pair) const {
  std::size_t count = 0;
  for (const TemplateItem &item : full[pair])
    count += item.ids.size();
  return static_cast<std::int32_t>(count);
}

PostProcessor makeBertProcessor(std::int32_t cls, std::int32_t sep) {
  PostProcessor out;
  out.full[0] = {specialItem(cls, 0), sequenceItem(0, 0), specialItem(sep, 0)};
  out.full[1] = out.full[0];
  out.full[1].push_back(sequenceItem(1, 1));
  out.full[1].push_back(specialItem(sep, 1));
  return out;
}

PostProcessor makeRobertaProcessor(std::int32_t cls, std::int32_t sep) {
  PostProcessor out;
  out.full[0] = {specialItem(cls, 0), sequenceItem(0, 0), specialItem(sep, 0)};
  out.full[1] = out.full[0];
  for (const TemplateItem &item :
       {specialItem(sep, 0), sequenceItem(1, 0), specialItem(sep, 0)})
    out.full[1].push_back(item);
  out.plain[1] = {sequenceItem(0, 0), sequenceItem(1, 0)};
  return out;
}

PostProcessor makeTemplateProcessor(Template single, Template pair) {
  PostProcessor out;
  out.plain[0] = withoutSpecials(single);
  out.plain[1] = withoutSpecials(pair);
  out.full[0] = std::move(single);
  out.full[1] = std::move(pair);
  return out;
}

Result<Encoding> postProcess(const PostProcessor &processor, SequenceTokens *sequences,
                             bool pair, const EncodeOptions &options) {
  std::size_t total = sequences[0].ids.size() + (pair ? sequences[1].ids.size() : 0);
  if (options.maxLength > 0) {
    std::int32_t special = options.addSpecialTokens ? processor.added(pair) : 0;
    if (options.maxLength < special)
      return Status::error("truncation: expected a maximum length of at least " +
                           std::to_string(special) + " (the special tokens), got " +
                           std::to_string(options.maxLength));
    FTC_RETURN_IF_ERROR(truncate(sequences, pair,
                                 static_cast<std::size_t>(options.maxLength - special),
                                 options.truncation));
  }
  Encoding out;
  std::size_t kept = sequences[0].ids.size() + (pair ? sequences[1].ids.size() : 0);
  out.truncated = static_cast<std::int64_t>(total - kept);
  for (bool addPrefixSpace : processor.trims)
    for (int s = 0; s <= int(pair); ++s)
      trim(sequences[s], addPrefixSpace);
  const Template &items = (options.addSpecialTokens ? processor.full : processor.plain)[pair];
  std::size_t size = kept + 8;
  out.ids.reserve(size);
  out.offsets.reserve(size);
  out.wordIds.reserve(size);
  out.typeIds.reserve(size);
  out.sequenceIds.reserve(size);
  std::pair<std::size_t, std::size_t> ranges[2];
  bool present[2] = {false, false};
  for (const TemplateItem &item : items) {
    if (item.sequence >= 0) {
      std::size_t begin = out.ids.size();
      join(sequences[item.sequence], item, out);
      ranges[item.sequence] = {begin, out.ids.size()};
      present[item.sequence] = true;
      continue;
    }
    for (std::int32_t id : item.ids) {
      out.ids.push_back(id);
      out.typeIds.push_back(item.typeId);
      out.offsets.emplace_back(0, 0);
      out.wordIds.push_back(-1);
      out.sequenceIds.push_back(-1);
    }
  }
  numberSequences(out, ranges, present);
  return out;
}

Result<std::vector<Encoding>> postProcessWindows(const PostProcessor &processor,
                                                 const SequenceTokens *sequences,
                                                 const EncodeOptions &options,
                                                 std::int64_t overlap) {
  std::int64_t first = static_cast<std::int64_t>(sequences[0].ids.size());
  std::int64_t second = static_cast<std::int64_t>(sequences[1].ids.size());
  std::int64_t special = options.addSpecialTokens ? processor.added(/*pair=*/true) : 0;
  std::int64_t room = second;
  if (options.maxLength > 0 && first + second + special > options.maxLength) {
    room = options.maxLength - special - first;
    if (room <= std::max<std::int64_t>(overlap, 0))
      return Status::error("expected room for more than " + std::to_string(overlap) +
                           " tokens of the second text, the overlap of windows, got room for " +
                           std::to_string(std::max<std::int64_t>(room, 0)) + " beside " +
                           std::to_string(first) + " tokens of the first and " +
                           std::to_string(special) + " special ones in " +
                           std::to_string(options.maxLength));
  }
  EncodeOptions whole = options;
  whole.maxLength = 0;
  std::vector<Encoding> windows;
  for (std::int64_t begin = 0;; begin += room - overlap) {
    std::int64_t end = std::min(begin + room, second);
    SequenceTokens pair[2] = {
        sequences[0],
        sliceOf(sequences[1], static_cast<std::size_t>(begin), static_cast<std::size_t>(end))};
    FTC_ASSIGN_OR_RETURN(Encoding window, postProcess(processor, pair, true, whole));
    windows.push_back(std::move(window));
    if (end == second)
      return windows;
  }
}

} // namespace ftc::rt
