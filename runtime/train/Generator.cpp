// The loop of generation: admit, decode, retire. Searches decide; this moves rows and slots.
#include "runtime/train/Generator.h"

#include <algorithm>

namespace ftc::rt {

Result<std::unique_ptr<Generator>> Generator::make(Session &session, GenerationPlan plan) {
  BatchLayout layout = session.layout;
  layout.padToken = -1; // a prompt's last token is its last, whatever it is
  FTC_ASSIGN_OR_RETURN(BatchFeed feed,
                       BatchFeed::make(session, layout, FeedFor::Evaluation));
  std::unique_ptr<Generator> generator(
      new Generator(session, std::move(plan), std::move(feed)));
  FTC_RETURN_IF_ERROR(generator->checkPrograms());
  if (generator->plan.hasSource())
    FTC_RETURN_IF_ERROR(generator->chooseStart());
  for (const char *caches : {"slots", "source_slots"}) {
    SymbolHandle all = session.executor->symbol(caches);
    session.executor->set(all, session.executor->capacity(all));
  }
  return generator;
}

Generator::Generator(Session &session, GenerationPlan given, BatchFeed feed)
    : session(session), executor(*session.executor), plan(std::move(given)),
      feed(std::move(feed)), pool(executor.capacity(executor.symbol("slots"))),
      sourcePool(executor.capacity(executor.symbol("source_slots"))),
      rowCapacity(executor.capacity(executor.symbol("beams"))),
      prefillProgram(executor.program("prefill")), decodeProgram(executor.program("decode")),
      logits(executor.output("next_logits")), nextSlots(executor.input("next_slots")),
      offsets(executor.input("cache_offsets")), entries(executor.input("cache_entries")),
      sourceOffsets(executor.input("source_offsets")),
      sourceEntries(executor.input("source_entries")), beams(executor.symbol("beams")),
      entryCount(executor.symbol("entries")),
      sourceEntryCount(executor.symbol("source_entries")) {
  bool source = plan.hasSource();
  slots = executor.input(source ? "source_slots" : "slots");
  nextIds = executor.input(source ? "next_target_ids" : "next_input_ids");
  nextPositions = executor.input(source ? "next_target_position" : "next_token_position");
  nextPositionIds =
      executor.input(source ? "next_target_position_ids" : "next_position_ids");
}

Status Generator::checkPrograms() const {
  bool sources = !plan.hasSource() || (sourceOffsets && sourceEntries);
  if (prefillProgram && decodeProgram && logits && slots && nextIds && nextSlots && offsets &&
      entries && sources && plan.beams() <= rowCapacity)
    return {};
  return Status::error(session.artifact->name() +
                       ": expected programs 'prefill' and 'decode', got none that generate; "
                       "compile it again with this version of ftc");
}

Status Generator::chooseStart() {
  if (const Tokenizer *target = session.encode.target.tokenizer;
      target && session.encode.target.decoderStart < 0) {
    FTC_ASSIGN_OR_RETURN(Encoding around, target->encode("", EncodeOptions()));
    plan.beginAsTargets(around.ids, session.encode.endOfText);
  }
  if (plan.decoderStart())
    return {};
  return Status::error(session.artifact->name() +
                       ": expected 'decoder_start_token_id' in generation_config.json or "
                       "config.json, got none; write it there, and compile again");
}

Result<std::vector<TokenIds>> Generator::run(std::span<const Example> prompts,
                                             const GenerationProgress &progress) {
  std::vector<TokenIds> results(prompts.size());
  std::size_t next = 0;
  std::int64_t done = 0;
  while (next < prompts.size() || !texts.empty()) {
    if (progress && !progress(done)) {
      for (const Text &text : texts)
        giveBack(text);
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
    std::int64_t before = plan.hasSource() ? 1 : prompt.tokens();
    GenerationSettings settings = plan.settingsFor(before);
    std::int64_t later = std::max<std::int64_t>(0, settings.maxLength - before - 1);
    std::int64_t needed = before + plan.beams() * later;
    tokens += prompt.tokens();
    bool room = (static_cast<std::int64_t>(texts.size()) + 1) * plan.beams() <= rowCapacity &&
                static_cast<std::int64_t>(batch.size()) < session.capacity.sequences &&
                tokens <= session.capacity.tokens && needed <= pool.available() &&
                (!plan.hasSource() || prompt.tokens() <= sourcePool.available());
    if (!room && !texts.empty())
      break;
    if (!room)
      return Status::error("line " + std::to_string(prompt.line) +
                           (plan.hasSource() ? ": the source has " : ": the prompt has ") +
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
  if (plan.hasSource())
    text.source = sourcePool.take(prompt.tokens());
  else
    text.length = prompt.tokens();
  text.used = static_cast<std::size_t>(text.length);
  text.rows = {TokenIds(text.own.begin(), text.own.begin() + text.length)};
  texts.push_back(std::move(text));
}

Status Generator::prefill(std::span<const Example *const> batch, std::size_t firstText) {
  if (plan.hasSource())
    return prefillSources(batch, firstText);
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

Status Generator::prefillSources(std::span<const Example *const> batch,
                                 std::size_t firstText) {
  // A batch has two streams: each source stands beside the token that its text begins with.
  std::vector<Example> sources(batch.size());
  std::vector<const Example *> pointers;
  slotIds.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    sources[i].ids = batch[i]->ids;
    sources[i].typeIds.assign(batch[i]->ids.size(), 0);
    sources[i].labels = {kIgnoredLabel};
    sources[i].targetIds = {*plan.decoderStart()};
    sources[i].line = batch[i]->line;
    pointers.push_back(&sources[i]);
    const TokenIds &own = texts[firstText + i].source;
    slotIds.insert(slotIds.end(), own.begin(), own.end());
  }
  FTC_RETURN_IF_ERROR(feed.feed(pointers, 0));
  FTC_RETURN_IF_ERROR(setInput(slots, slotIds));
  return executor.run(prefillProgram);
}

Status Generator::startSearch(Text &text, std::span<const float> scores) {
  TokenIds begin = plan.hasSource() ? TokenIds{*plan.decoderStart()} : text.prompt->ids;
  Result<std::unique_ptr<Search>> search =
      makeSearch(text.settings, std::move(begin), static_cast<std::int64_t>(scores.size()),
                 plan.seed(), static_cast<std::uint32_t>(text.index),
                 plan.hasSource() ? text.prompt->ids : TokenIds());
  if (!search)
    return search.takeStatus().withContext("line " + std::to_string(text.prompt->line));
  text.search = search.take();
  return text.search->advance(scores).withContext("line " + std::to_string(text.prompt->line));
}

void Generator::appendRows(Text &text) {
  std::vector<TokenIds> rows;
  Beam first{0, plan.decoderStart().value_or(0)};
  std::span<const Beam> running =
      text.search ? text.search->running() : std::span<const Beam>(&first, 1);
  for (const Beam &beam : running) {
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
    sourceLists.insert(sourceLists.end(), text.source.begin(), text.source.end());
    sourceStarts.push_back(static_cast<std::int32_t>(sourceLists.size()));
    rows.push_back(std::move(row));
  }
  text.rows = std::move(rows);
  ++text.length;
}

Status Generator::setDecodeInputs() {
  executor.set(beams, static_cast<std::int64_t>(ids.size()));
  executor.set(entryCount, static_cast<std::int64_t>(lists.size()));
  executor.set(sourceEntryCount, static_cast<std::int64_t>(sourceLists.size()));
  for (auto [handle, values] :
       {std::pair(nextIds, &ids), std::pair(nextPositions, &positions),
        std::pair(nextPositionIds, &positionIds), std::pair(nextSlots, &slotIds),
        std::pair(offsets, &starts), std::pair(entries, &lists),
        std::pair(sourceOffsets, &sourceStarts), std::pair(sourceEntries, &sourceLists)})
    FTC_RETURN_IF_ERROR(setInput(handle, *values));
  return {};
}

Status Generator::decode() {
  for (TokenIds *array : {&ids, &positions, &positionIds, &slotIds, &lists, &sourceLists})
    array->clear();
  starts.assign(1, 0);
  sourceStarts.assign(1, 0);
  for (Text &text : texts)
    appendRows(text);
  FTC_RETURN_IF_ERROR(setDecodeInputs());
  FTC_RETURN_IF_ERROR(session.demanded.admit(ids));
  FTC_RETURN_IF_ERROR(executor.run(decodeProgram));
  std::span<const float> all = executor.outputF32(logits);
  std::size_t at = 0, vocabulary = all.size() / ids.size();
  for (Text &text : texts) {
    std::size_t count = text.rows.size() * vocabulary;
    std::span<const float> scores = all.subspan(at, count);
    FTC_RETURN_IF_ERROR(text.search ? text.search->advance(scores)
                                    : startSearch(text, scores));
    at += count;
  }
  return {};
}

Status Generator::setInput(InputHandle handle, const TokenIds &values) {
  return executor.setInput(handle, std::span<const std::int32_t>(values));
}

void Generator::giveBack(const Text &text) {
  pool.giveBack(text.own);
  sourcePool.giveBack(text.source);
}

std::int64_t Generator::retire(std::vector<TokenIds> &results) {
  auto running = [](const Text &text) { return !text.search || !text.search->done(); };
  auto ended = std::stable_partition(texts.begin(), texts.end(), running);
  std::int64_t count = texts.end() - ended;
  for (auto text = ended; text != texts.end(); ++text) {
    results[text->index] = text->search->result();
    giveBack(*text);
  }
  texts.erase(ended, texts.end());
  return count;
}

} // namespace ftc::rt
