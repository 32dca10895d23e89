// `ftc catalog pull`: a model from a hub into huggingface_hub's cache, whole or not at all.
#pragma once

#include "catalog/Hub.h"

#include <string>

namespace ftc::catalog {

struct PullOptions {
  std::string repo;
  std::string revision = "main";
  std::string endpoint = "https://huggingface.co";
  std::string token;
  std::string cache; ///< the folder, in huggingface_hub's layout
  Persistence persistence;
};

/// What a pull did.
struct PullResult {
  std::string snapshot; ///< the directory that holds the model now
  std::string commit;
  int fetched = 0, present = 0; ///< files
  std::int64_t bytes = 0;       ///< of the fetched ones
};

/// Which of a revision's files a model needs, beside shards that an index names: its
/// config.json, the tokenizer's files, generation_config.json, and weights: model.safetensors,
/// or its index, or one GGUF file; of a PEFT adapter its two files. Fails where there are no
/// such weights.
rt::Result<std::vector<std::string>> neededFiles(const std::string &repo,
                                                 const std::vector<std::string> &files);

/// Fetches what is needed and not there, each file checked against the hub's hash, then makes
/// the snapshot by one rename and writes refs/REVISION last. A pull that was ended anywhere
/// left nothing that looks like a model, and the next one goes on from what came. Notes go to
/// stderr. Two pulls of one repo at once are refused.
rt::Result<PullResult> pull(const PullOptions &options);

} // namespace ftc::catalog
