// The decoders of tokenizer.json.
#include "runtime/tokenizers/Decoder.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/Unicode.h"

namespace ftc::rt {
namespace {

std::string replaced(std::string_view text, std::string_view pattern,
                     std::string_view content) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t hit; (hit = text.find(pattern, at)) != std::string_view::npos;) {
    out.append(text, at, hit - at);
    out.append(content);
    at = hit + pattern.size();
  }
  return out.append(text, at);
}

class WordPieceDecoder : public Decoder {
public:
  WordPieceDecoder(std::string p, bool c) : prefix(std::move(p)), cleanup(c) {}
  void apply(std::vector<std::string> &tokens) const override {
    static constexpr const char *artifacts[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string &token = tokens[i];
      if (i != 0) {
        if (token.compare(0, prefix.size(), prefix) == 0)
          token.erase(0, prefix.size());
        else
          token.insert(token.begin(), ' ');
      }
      if (cleanup && token.find(' ') != std::string::npos)
        for (const auto &[from, to] : artifacts)
          token = replaced(token, from, to);
    }
  }

private:
  std::string prefix;
  bool cleanup;
};

class ByteLevelDecoder : public Decoder {
  void apply(std::vector<std::string> &tokens) const override {
    std::string bytes;
    for (const std::string &token : tokens) {
      std::size_t before = bytes.size();
      for (std::size_t at = 0; at < token.size();) {
        int byte = alphabetByte(unicode::decodeNext(token, at));
        if (byte < 0) {
          bytes.resize(before);
          bytes += token;
          break;
        }
        bytes += static_cast<char>(byte);
      }
    }
    tokens.assign(1, unicode::lossy(bytes));
  }
};

class ByteFallbackDecoder : public Decoder {
  void apply(std::vector<std::string> &tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    auto flush = [&] {
      if (bytes.empty())
        return;
      if (isValidUtf8(bytes))
        out.push_back(bytes);
      else
        for (std::size_t i = 0; i < bytes.size(); ++i)
          out.push_back("\xef\xbf\xbd");
      bytes.clear();
    };
    for (std::string &token : tokens) {
      int high = -1, low = -1;
      if (token.size() == 6 && token.compare(0, 3, "<0x") == 0 && token[5] == '>') {
        high = digit(token[3]);
        low = digit(token[4]);
      }
      if (high >= 0 && low >= 0) {
        bytes += static_cast<char>(high * 16 + low);
        continue;
      }
      flush();
      out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
  }
  static int digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  }
};

class FuseDecoder : public Decoder {
  void apply(std::vector<std::string> &tokens) const override {
    std::string all;
    for (const std::string &token : tokens)
      all += token;
    tokens.assign(1, std::move(all));
  }
};

class ReplaceDecoder : public Decoder {
public:
  ReplaceDecoder(std::string p, std::string c) : pattern(std::move(p)), content(std::move(c)) {}
  void apply(std::vector<std::string> &tokens) const override {
    for (std::string &token : tokens)
      token = replaced(token, pattern, content);
  }

private:
  std::string pattern, content;
};

class RegexReplaceDecoder : public Decoder {
public:
  RegexReplaceDecoder(Regex p, std::string c) : pattern(std::move(p)), content(std::move(c)) {}
  void apply(std::vector<std::string> &tokens) const override {
    for (std::string &token : tokens) {
      std::string out;
      std::size_t at = 0;
      for (std::size_t begin, end; pattern.find(token, at, begin, end); at = end)
        out.append(token, at, begin - at).append(content);
      token = out.append(token, at);
    }
  }

private:
  Regex pattern;
  std::string content;
};

class MetaspaceDecoder : public Decoder {
public:
  MetaspaceDecoder(char32_t c, bool d) : dropFirst(d) { unicode::append(replacement, c); }
  void apply(std::vector<std::string> &tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = replaced(tokens[i], replacement, i == 0 && dropFirst ? "" : " ");
  }

private:
  std::string replacement;
  bool dropFirst;
};

class SuffixDecoder : public Decoder {
public:
  explicit SuffixDecoder(std::string s) : suffix(std::move(s)) {}
  void apply(std::vector<std::string> &tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = replaced(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
  }

private:
  std::string suffix;
};

class StripDecoder : public Decoder {
public:
  StripDecoder(std::string c, std::size_t l, std::size_t r)
      : character(std::move(c)), start(l), stop(r) {}
  void apply(std::vector<std::string> &tokens) const override {
    std::size_t size = character.size();
    for (std::string &token : tokens) {
      std::size_t begin = 0, end = token.size();
      for (std::size_t i = 0; i < start && token.compare(begin, size, character) == 0; ++i)
        begin += size;
      for (std::size_t i = 0;
           i < stop && end >= begin + size && token.compare(end - size, size, character) == 0;
           ++i)
        end -= size;
      token = token.substr(begin, end - begin);
    }
  }

private:
  std::string character;
  std::size_t start, stop;
};

} // namespace

std::unique_ptr<Decoder> makeWordPieceDecoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}
std::unique_ptr<Decoder> makeByteLevelDecoder() { return std::make_unique<ByteLevelDecoder>(); }
std::unique_ptr<Decoder> makeByteFallbackDecoder() {
  return std::make_unique<ByteFallbackDecoder>();
}
std::unique_ptr<Decoder> makeFuseDecoder() { return std::make_unique<FuseDecoder>(); }
std::unique_ptr<Decoder> makeReplaceDecoder(std::string pattern, std::string content) {
  return std::make_unique<ReplaceDecoder>(std::move(pattern), std::move(content));
}
std::unique_ptr<Decoder> makeRegexReplaceDecoder(Regex pattern, std::string content) {
  return std::make_unique<RegexReplaceDecoder>(std::move(pattern), std::move(content));
}
std::unique_ptr<Decoder> makeMetaspaceDecoder(char32_t replacement, bool dropFirst) {
  return std::make_unique<MetaspaceDecoder>(replacement, dropFirst);
}
std::unique_ptr<Decoder> makeSuffixDecoder(std::string suffix) {
  return std::make_unique<SuffixDecoder>(std::move(suffix));
}
std::unique_ptr<Decoder> makeStripDecoder(std::string character, std::size_t start,
                                          std::size_t stop) {
  return std::make_unique<StripDecoder>(std::move(character), start, stop);
}

std::string cleanUpSpaces(std::string text) {
  static constexpr const char *artifacts[][2] = {
      {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
      {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto &[from, to] : artifacts)
    text = replaced(text, from, to);
  return text;
}

} // namespace ftc::rt
