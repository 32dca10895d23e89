// WordLevel: a word is one token, or unknown.
#include "runtime/tokenizers/Model.h"

namespace ftc::rt {
namespace {

class WordLevel : public Model {
public:
  WordLevel(Vocabulary v, std::int32_t unk) : Model(std::move(v)), unknown(unk) {}

  void tokenize(std::string_view word, std::vector<WordToken> &out) const override {
    std::int32_t id = vocabulary.find(word);
    out.push_back({id >= 0 ? id : unknown, 0, static_cast<std::uint32_t>(word.size())});
  }

private:
  std::int32_t unknown;
};

} // namespace

Result<std::unique_ptr<Model>> makeWordLevel(Vocabulary vocabulary,
                                             const std::string &unknown) {
  std::int32_t id = vocabulary.find(unknown);
  if (id < 0)
    return Status::error("WordLevel: expected the unknown token '" + unknown.substr(0, 64) +
                         "' in the vocabulary, got none");
  return std::unique_ptr<Model>(std::make_unique<WordLevel>(std::move(vocabulary), id));
}

} // namespace ftc::rt
