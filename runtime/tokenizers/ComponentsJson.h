// Readers of tokenizer.json's components; each appends to what is already there.
#pragma once

#include "runtime/tokenizers/JsonFields.h"
#include "runtime/tokenizers/Pipeline.h"

namespace ftc::rt {

/// "WHAT is not yet supported"
Status unsupported(const std::string &what);
/// "KIND 'TYPE'": a component's name in messages.
std::string named(const char *kind, const std::string &type);

/// `depth`: how many Sequence components this one is inside of. JSON null adds nothing.
Status readNormalizer(const Json &json, int depth, NormalizerList &out);
/// Appends pre-tokenizers; a byte-level one is held back in `parts.finalByteLevel` and only
/// built when something follows it.
Status readPreTokenizer(const Json &json, int depth, const TokenizerOptions &options,
                        PipelineParts &parts);
/// `placed` becomes true once a step has placed special tokens.
Status readPostProcessor(const Json &json, int depth, const TokenizerOptions &options,
                         bool &placed, PostProcessor &out);
Status readDecoder(const Json &json, int depth, DecoderList &out);

} // namespace ftc::rt
