// A tokenizer inside a GGUF file, written as the files that Hugging Face has for it.
#pragma once

#include "runtime/io/Gguf.h"
#include "runtime/tokenizers/Tokenizer.h"

namespace ftc::rt {

/// tokenizer.json and tokenizer_config.json from the metadata tokenizer.ggml.* and
/// tokenizer.chat_template. Kinds "gpt2" (byte-level BPE, whose tokenizer.ggml.pre names the
/// pre-tokenizer) and "llama" (SentencePiece's BPE); other kinds and pre-tokenizers are refused
/// by name.
Result<TokenizerFiles> ggufTokenizerFiles(const GgufFile &file);

} // namespace ftc::rt
