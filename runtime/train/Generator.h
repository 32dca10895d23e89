// Generator: continues prompts, or answers sources, with the programs prefill and decode. Texts
// of any lengths run side by side without padding; each begins as soon as there is room, and
// makes room when it ends.
#pragma once

#include "runtime/generation/GenerationPlan.h"
#include "runtime/generation/Search.h"
#include "runtime/generation/SlotPool.h"
#include "runtime/train/BatchFeed.h"
#include "runtime/train/Session.h"

#include <functional>
#include <vector>

namespace ftc::rt {

using TokenIds = std::vector<std::int32_t>;

/// Called between steps with the texts done; returns false to stop.
using GenerationProgress = std::function<bool(std::int64_t done)>;

class Generator {
public:
  /// `session` was opened with prefill and decode, and its weights are loaded.
  static Result<std::unique_ptr<Generator>> make(Session &session, GenerationPlan plan);

  /// The continuation of each prompt, its end token included; an encoder-decoder's prompts are
  /// sources, of which only the ids are read, and what it writes begins behind the start token.
  /// A text's tokens depend on its prompt alone (sampled ones on its index among the prompts
  /// too), not on the others. Fails on a prompt without tokens, or with more than the
  /// artifact's max_source_length.
  /// Code::Interrupted when `progress` stopped it.
  Result<std::vector<TokenIds>> run(std::span<const Example> prompts,
                                    const GenerationProgress &progress);

private:
  /// A text that runs: its search, its slots, and for each of its rows the slots of its tokens
  /// (an encoder-decoder's rows begin empty: their first token is the start token).
  struct Text {
    std::size_t index = 0;
    const Example *prompt = nullptr;
    GenerationSettings settings;
    std::unique_ptr<Search> search; ///< from its first logits on
    TokenIds source;                ///< slots of its source, where it has one
    TokenIds own;                   ///< slots, taken for the worst case
    std::size_t used = 0;           ///< of them
    std::vector<TokenIds> rows;
    std::int64_t length = 0; ///< tokens of each row

    std::int32_t nextSlot() { return own[used++]; }
  };

  Generator(Session &session, GenerationPlan plan, BatchFeed feed);
  Status checkPrograms() const;
  /// Settles what an encoder-decoder's texts begin with.
  Status chooseStart();
  /// Begins as many of the prompts from `next` on as there is room for.
  Status admit(std::span<const Example> prompts, std::size_t &next);
  void begin(const Example &prompt, std::size_t index, GenerationSettings settings,
             std::int64_t slots);
  Status prefill(std::span<const Example *const> batch, std::size_t firstText);
  /// Runs the encoder, whose results stay in the caches.
  Status prefillSources(std::span<const Example *const> batch, std::size_t firstText);
  Status startSearch(Text &text, std::span<const float> scores);
  Status decode();
  Status setDecodeInputs();
  /// Appends a text's running rows to the arrays of the next decode.
  void appendRows(Text &text);
  Status setInput(InputHandle handle, const TokenIds &values);
  void giveBack(const Text &text);
  /// Takes the results of the texts that are done, and their slots back.
  std::int64_t retire(std::vector<TokenIds> &results);

  Session &session;
  Executor &executor;
  GenerationPlan plan;
  BatchFeed feed;
  SlotPool pool, sourcePool;
  std::int64_t rowCapacity = 0;
  ProgramHandle prefillProgram, decodeProgram;
  OutputHandle logits;
  InputHandle slots, nextIds, nextPositions, nextPositionIds, nextSlots, offsets, entries,
      sourceOffsets, sourceEntries;
  SymbolHandle beams, entryCount, sourceEntryCount;
  std::vector<Text> texts;
  TokenIds ids, positions, positionIds, slotIds, starts, lists, sourceStarts, sourceLists;
};

} // namespace ftc::rt
