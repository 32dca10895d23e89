// The loop of generation: admit, decode, retire. Searches decide; this moves rows and slots.
#include "runtime/train/Generator.h"

#include <algorithm>

namespace ftc::rt {

Result<std::unique_ptr<Generator>> Generator::make(Session &session, GenerationPlan plan) {
  BatchLayout layout = session.layout;
  layout.padToken = -1; // a prompt's last token is its last, whatever it is
  FTC_ASSIGN_OR_RETURN(BatchFeed feed,
                       BatchFeed::make(*session.executor, session.capacity, layout,
                                       session.classWeights));
  std::unique_ptr<Generator> generator(
      new Generator(session, std::move(plan), std::move(feed)));
  FTC_RETURN_IF_ERROR(generator->checkPrograms());
  SymbolHandle all = session.executor->symbol("slots");
  session.executor->set(all, session.executor->capacity(all));
  return generator;
}

Generator::Generator(Session &session, GenerationPlan given, BatchFeed feed)
    : session(session), executor(*session.executor), plan(std::move(given)),
      feed(std::move(feed)), pool(executor.capacity(executor.symbol("slots"))),
      rowCapacity(executor.capacity(executor.symbol("beams"))),
      prefillProgram(executor.program("prefill")), decodeProgram(executor.program("decode")),
      logits(executor.output("next_logits")), slots(executor.input("slots")),
      nextIds(executor.input("next_input_ids")),
      nextPositions(executor.input("next_token_position")),
      nextPositionIds(executor.input("next_position_ids")),
      nextSlots(executor.input("next_slots")), offsets(executor.input("cache_offsets")),
      entries(executor.input("cache_entries")), beams(executor.symbol("beams")),
      entryCount(executor.symbol("entries")) {}

Status Generator::checkPrograms() const {
  if (prefillProgram && decodeProgram && logits && slots && nextIds && nextSlots && offsets &&
      entries && plan.beams() <= rowCapacity)
    return {};
  return Status::error(session.artifact->name() +
                       ": expected programs 'prefill' and 'decode', found none that generate; "
                       "compile it again with this version of ftc");
}

Result<std::vector<TokenIds>> Generator::run(std::span<const Example> prompts,
                                             const GenerationProgress &progress) {
  std::vector<TokenIds> results(prompts.size());
  std::size_t next = 0;
  std::int64_t done = 0;
  while (next < prompts.size() || !texts.empty()) {
    if (progress && !progress(done)) {
      for (const Text &text : texts)
        pool.giveBack(text.own);
      texts.clear();
      return Status::interrupted("generation was stopped");
    }
    FTC_RETURN_IF_ERROR(admit(prompts, next));
    done += retire(results);
    if (texts.empty())
      continue;
    FTC_RETURN_IF_ERROR(decode());
    done += retire(results);
  }
  if (progress)
    progress(done);
  return results;
}

/// A text takes its slots at once, for the worst case, so that none has to wait half-way.
Status Generator::admit(std::span<const Example> prompts, std::size_t &next) {
  std::size_t firstText = texts.size();
  std::vector<const Example *> batch;
  std::int64_t tokens = 0;
  for (; next < prompts.size(); ++next) {
    const Example &prompt = prompts[next];
    GenerationSettings settings = plan.settingsFor(prompt.tokens());
    std::int64_t later = std::max<std::int64_t>(0, settings.maxLength - prompt.tokens() - 1);
    std::int64_t needed = prompt.tokens() + plan.beams() * later;
    tokens += prompt.tokens();
    bool room = (static_cast<std::int64_t>(texts.size()) + 1) * plan.beams() <= rowCapacity &&
                static_cast<std::int64_t>(batch.size()) < session.capacity.sequences &&
                tokens <= session.capacity.tokens && needed <= pool.available();
    if (!room && !texts.empty())
      break;
    if (!room)
      return Status::error("line " + std::to_string(prompt.line) + ": the prompt has " +
                           std::to_string(prompt.tokens()) +
                           " tokens, more than the artifact can hold: shorten it, or compile "
                           "with a larger --max_source_length");
    begin(prompt, next, std::move(settings), needed);
    batch.push_back(&prompt);
  }
  return batch.empty() ? Status::ok() : prefill(batch, firstText);
}

void Generator::begin(const Example &prompt, std::size_t index, GenerationSettings settings,
                      std::int64_t needed) {
  Text text;
  text.index = index;
  text.prompt = &prompt;
  text.settings = std::move(settings);
  text.own = pool.take(needed);
  text.used = prompt.ids.size();
  text.length = prompt.tokens();
  text.rows = {TokenIds(text.own.begin(), text.own.begin() + prompt.tokens())};
  texts.push_back(std::move(text));
}

Status Generator::prefill(std::span<const Example *const> batch, std::size_t firstText) {
  FTC_RETURN_IF_ERROR(feed.feed(batch, 0));
  slotIds.clear();
  for (std::size_t i = firstText; i < texts.size(); ++i)
    slotIds.insert(slotIds.end(), texts[i].rows[0].begin(), texts[i].rows[0].end());
  FTC_RETURN_IF_ERROR(setInput(slots, slotIds));
  FTC_RETURN_IF_ERROR(executor.run(prefillProgram));
  std::span<const float> rows = executor.outputF32(logits);
  std::size_t vocabulary = rows.size() / batch.size();
  for (std::size_t i = 0; i < batch.size(); ++i)
    FTC_RETURN_IF_ERROR(
        startSearch(texts[firstText + i], rows.subspan(i * vocabulary, vocabulary)));
  return {};
}

Status Generator::startSearch(Text &text, std::span<const float> scores) {
  Result<std::unique_ptr<Search>> search =
      makeSearch(text.settings, text.prompt->ids, static_cast<std::int64_t>(scores.size()),
                 plan.seed(), static_cast<std::uint32_t>(text.index));
  if (!search)
    return search.takeStatus().withContext("line " + std::to_string(text.prompt->line));
  text.search = search.take();
  return text.search->advance(scores).withContext("line " + std::to_string(text.prompt->line));
}

void Generator::appendRows(Text &text) {
  std::vector<TokenIds> rows;
  for (const Beam &beam : text.search->running()) {
    TokenIds row = text.rows[beam.parent];
    std::int32_t slot = text.nextSlot();
    row.push_back(slot);
    ids.push_back(beam.token);
    positions.push_back(static_cast<std::int32_t>(text.length));
    positionIds.push_back(static_cast<std::int32_t>(text.length) +
                          session.layout.positionOffset);
    slotIds.push_back(slot);
    lists.insert(lists.end(), row.begin(), row.end());
    starts.push_back(static_cast<std::int32_t>(lists.size()));
    rows.push_back(std::move(row));
  }
  text.rows = std::move(rows);
  ++text.length;
}

Status Generator::decode() {
  for (TokenIds *array : {&ids, &positions, &positionIds, &slotIds, &lists})
    array->clear();
  starts.assign(1, 0);
  for (Text &text : texts)
    appendRows(text);
  executor.set(beams, static_cast<std::int64_t>(ids.size()));
  executor.set(entryCount, static_cast<std::int64_t>(lists.size()));
  for (auto [handle, values] :
       {std::pair(nextIds, &ids), std::pair(nextPositions, &positions),
        std::pair(nextPositionIds, &positionIds), std::pair(nextSlots, &slotIds),
        std::pair(offsets, &starts), std::pair(entries, &lists)})
    FTC_RETURN_IF_ERROR(setInput(handle, *values));
  FTC_RETURN_IF_ERROR(executor.run(decodeProgram));
  std::span<const float> all = executor.outputF32(logits);
  std::size_t at = 0, vocabulary = all.size() / ids.size();
  for (Text &text : texts) {
    std::size_t count = text.rows.size() * vocabulary;
    FTC_RETURN_IF_ERROR(text.search->advance(all.subspan(at, count)));
    at += count;
  }
  return {};
}

Status Generator::setInput(InputHandle handle, const TokenIds &values) {
  return executor.setInput(handle, std::span<const std::int32_t>(values));
}

std::int64_t Generator::retire(std::vector<TokenIds> &results) {
  auto running = [](const Text &text) { return !text.search->done(); };
  auto ended = std::stable_partition(texts.begin(), texts.end(), running);
  std::int64_t count = texts.end() - ended;
  for (auto text = ended; text != texts.end(); ++text) {
    results[text->index] = text->search->result();
    pool.giveBack(text->own);
  }
  texts.erase(ended, texts.end());
  return count;
}

} // namespace ftc::rt
