// The folder in which huggingface_hub keeps what it downloaded, and its layout:
//   models--OWNER--NAME/blobs/ETAG              contents, by SHA-256 (large files) or git's
//   SHA-1 models--OWNER--NAME/snapshots/COMMIT/FILE   symbolic links to them
//   models--OWNER--NAME/refs/main               the commit that "main" was
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ftc::catalog {

/// HOME, or where it is not set the directory that the system has for this user; empty: there
/// is none.
std::string homeDirectory();

/// HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub or
/// ~/.cache/huggingface/hub: the first whose variable is set; empty: there is no home either.
std::string hubCacheDirectory();
/// HF_HOME, XDG_CACHE_HOME/huggingface or ~/.cache/huggingface; empty as above.
std::string hubHomeDirectory();

/// "sentence-transformers/all-MiniLM-L6-v2" ->
/// "models--sentence-transformers--all-MiniLM-L6-v2".
std::string repoFolder(std::string_view repo);
/// The reverse; empty: no such folder's name.
std::string repoOfFolder(std::string_view folder);

/// Whether a directory holds a whole model: config.json and model.safetensors, or its index
/// with all shards, or one GGUF file; or a PEFT adapter's two files.
bool isModelDirectory(const std::string &path);

/// The directory of a repo's snapshot in `cache`: of refs/main, or else of another revision,
/// where that one is a whole model; empty: none is.
std::string cachedSnapshot(const std::string &cache, std::string_view repo);

/// The repos of which a whole model is in `cache`, sorted.
std::vector<std::string> cachedRepos(const std::string &cache);

/// An environment variable's value; empty where it is not set.
std::string environment(const char *name);

} // namespace ftc::catalog
