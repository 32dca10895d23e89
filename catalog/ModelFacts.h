// What a directory's own files say of a model.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ftc::catalog {

struct ModelFile {
  std::string name;
  std::int64_t bytes = 0;
};

struct ModelFacts {
  std::string modelType;
  std::string architecture;     ///< the class that saved it; empty: config.json names none
  std::int64_t parameters = 0;  ///< elements of the stored weights
  std::string types;            ///< what they are stored in: "F32", "BF16, F32"
  std::string tokenizer;        ///< "WordPiece, 30522 tokens, tokenizer.json"
  std::string tokenizerProblem; ///< why it cannot be read; empty: it can
  std::vector<ModelFile> files; ///< that belong to the model, by name
  /// Integers and flags of config.json that say how large it is, under its names.
  std::vector<std::pair<std::string, std::string>> sizes;
};

/// Reads headers and configurations, no weights. `path` is a model's directory or GGUF file.
rt::Result<ModelFacts> readFacts(const std::string &path);

} // namespace ftc::catalog
