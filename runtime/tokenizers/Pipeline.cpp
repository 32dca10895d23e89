// Encoding and decoding through the pipeline's parts.
#include "runtime/tokenizers/Pipeline.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>

namespace ftc::rt {
namespace {

/// Numbers of leading and trailing white space characters, byte-level spaces among them.
SequenceTokens::Margins marginsOf(std::string_view text) {
  auto space = [](char32_t c) {
    return c == byteAlphabet()[' '] || unicode::has(c, unicode::Whitespace);
  };
  SequenceTokens::Margins out{0, 0};
  for (std::size_t at = 0; at < text.size() && space(unicode::decodeNext(text, at));)
    ++out.leading;
  for (std::size_t at = text.size(); at > 0 && space(unicode::decodePrevious(text, at));)
    ++out.trailing;
  return out;
}

class Pipeline : public Tokenizer {
public:
  explicit Pipeline(PipelineParts p) : parts(std::move(p)) {
    if (parts.finalByteLevel.present) {
      parts.model->useRawBytes();
      parts.finalByteLevel.options.rawBytes = parts.model->readsBytes();
      parts.preTokenizers.push_back(makeByteLevel(parts.finalByteLevel.options));
    }
    if (!trims())
      return;
    const Vocabulary &vocabulary = parts.model->vocab();
    margins.resize(static_cast<std::size_t>(vocabulary.idBound()));
    for (std::int32_t id = 0; id < vocabulary.idBound(); ++id)
      margins[id] = marginsOf(vocabulary.text(id));
  }

  Result<Encoding> encode(std::string_view text, const EncodeOptions &options) const override {
    SequenceTokens tokens;
    FTC_RETURN_IF_ERROR(append(text, -1, tokens));
    return postProcess(parts.postProcessor, &tokens, false, options);
  }

  Result<Encoding> encodePair(std::string_view first, std::string_view second,
                              const EncodeOptions &options) const override {
    SequenceTokens tokens[2];
    FTC_RETURN_IF_ERROR(append(first, -1, tokens[0]));
    FTC_RETURN_IF_ERROR(append(second, -1, tokens[1]));
    return postProcess(parts.postProcessor, tokens, true, options);
  }

  Result<std::vector<Encoding>> encodeWindows(std::string_view first, std::string_view second,
                                              const EncodeOptions &options,
                                              std::int64_t overlap) const override {
    SequenceTokens tokens[2];
    FTC_RETURN_IF_ERROR(append(first, -1, tokens[0]));
    FTC_RETURN_IF_ERROR(append(second, -1, tokens[1]));
    return postProcessWindows(parts.postProcessor, tokens, options, overlap);
  }

  Result<Encoding> encodeWords(const std::vector<std::string> &words,
                               const EncodeOptions &options) const override {
    SequenceTokens tokens;
    for (std::size_t i = 0; i < words.size(); ++i)
      FTC_RETURN_IF_ERROR(append(words[i], static_cast<std::int32_t>(i), tokens));
    return postProcess(parts.postProcessor, &tokens, false, options);
  }

  std::int32_t vocabularySize() const override {
    return parts.model->vocab().size() + parts.addedTokens.beyond(parts.model->vocab());
  }

  std::int32_t tokenToId(std::string_view token) const override {
    std::int32_t id = parts.addedTokens.find(token);
    return id >= 0 ? id : parts.model->vocab().find(token);
  }

  std::string idToToken(std::int32_t id) const override {
    if (const AddedToken *token = parts.addedTokens.byId(id))
      return token->content;
    return std::string(parts.model->vocab().text(id));
  }

  std::string decode(const std::vector<std::int32_t> &ids, bool skipSpecial) const override {
    std::vector<std::string> tokens;
    for (std::int32_t id : ids) {
      if (!parts.addedTokens.byId(id) && !parts.model->vocab().hasId(id))
        continue;
      std::string text = idToToken(id);
      if (!skipSpecial || !parts.addedTokens.isSpecial(text))
        tokens.push_back(std::move(text));
    }
    for (const auto &decoder : parts.decoders)
      decoder->apply(tokens);
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i && !parts.hasDecoder)
        out += ' ';
      out += tokens[i];
    }
    return parts.cleansUp ? cleanUpSpaces(std::move(out)) : out;
  }

private:
  bool trims() const { return !parts.postProcessor.trims.empty(); }

  /// Buffers reused from one call to the next; given back when a long text made them large.
  struct Scratch {
    PieceText work;
    std::vector<WordToken> words;
    void clear() {
      constexpr std::size_t most = 1 << 18;
      if (work.text.text.capacity() > most)
        work = PieceText();
      if (words.capacity() > most)
        words = {};
      work.text.clear();
      work.pieces.clear();
    }
  };

  /// Appends the tokens of one text. `word`: the word number of all of them, or -1 to count.
  Status append(std::string_view text, std::int32_t word, SequenceTokens &out) const {
    constexpr std::size_t longest = std::size_t(1) << 30;
    if (text.size() > longest)
      return Status::error("text: expected at most 1 GiB, got " + std::to_string(text.size()) +
                           " bytes");
    if (auto bad = findInvalidUtf8(text))
      return Status::error("text: invalid UTF-8 at byte " + std::to_string(*bad) +
                           "; convert the input to UTF-8");
    static thread_local Scratch scratch;
    scratch.clear();
    PieceText &work = scratch.work;
    FTC_RETURN_IF_ERROR(parts.addedTokens.extract(text, parts.normalizers, work));
    for (const auto &step : parts.preTokenizers)
      step->apply(work);
    std::size_t expected = out.ids.size() + work.pieces.size() + work.pieces.size() / 2;
    out.ids.reserve(expected);
    out.offsets.reserve(expected);
    out.words.reserve(expected);
    const Span *spans = work.text.spans.data();
    for (std::size_t i = 0; i < work.pieces.size(); ++i) {
      const Piece &piece = work.pieces[i];
      std::int32_t number = word >= 0 ? word : static_cast<std::int32_t>(i);
      if (piece.token >= 0) {
        if (trims())
          out.margins.push_back(marginsOf(work.view(piece)));
        push(piece.token, spans, piece.begin, piece.end, number, out);
        continue;
      }
      scratch.words.clear();
      parts.model->tokenize(work.view(piece), scratch.words);
      for (WordToken token : scratch.words) {
        if (trims())
          out.margins.push_back(margins[token.id]);
        push(token.id, spans, piece.begin + token.begin, piece.begin + token.end, number, out);
      }
    }
    return Status::ok();
  }

  static void push(std::int32_t id, const Span *spans, std::uint32_t begin, std::uint32_t end,
                   std::int32_t word, SequenceTokens &out) {
    out.ids.push_back(id);
    Span first = spans[begin];
    out.offsets.push_back({first.begin, begin < end ? spans[end - 1].end : first.begin});
    out.words.push_back(word);
  }

  PipelineParts parts;
  std::vector<SequenceTokens::Margins> margins; ///< by id, where offsets are trimmed
};

} // namespace

std::unique_ptr<Tokenizer> makePipeline(PipelineParts parts) {
  return std::make_unique<Pipeline>(std::move(parts));
}

const std::string *findFile(const TokenizerFiles &files, std::string_view name) {
  auto found = std::find_if(files.begin(), files.end(),
                            [&](const auto &file) { return file.first == name; });
  return found == files.end() ? nullptr : &found->second;
}

} // namespace ftc::rt
