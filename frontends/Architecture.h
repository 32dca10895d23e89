// The registry of model families: one file a family under arch/, one line each here.
#pragma once

#include "frontends/GraphBuilder.h"

#include <memory>

namespace ftc {

/// What the compiler and the exported config.json need to know of an imported model.
struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< one function, @forward
  std::string modelType;
  std::string architecture;            ///< the task model's class, for "architectures"
  std::int64_t maxPositions = 0;       ///< longest input in tokens
  std::int64_t positionOffset = 0;     ///< id of the first position
  std::int64_t vocabulary = 0;
  std::int64_t decoderStart = -1;      ///< encoder-decoders: the decoder's first input; -1: the
                                       ///< target's last token (mBART's language)
  std::int64_t padToken = -1;          ///< decoders read the last token other than it; -1: none
  std::vector<std::string> notes;      ///< lines for the user: unused tensors, new heads
};

/// A family: which model_type it is and how its forward is built.
struct Architecture {
  const char *modelType;
  const char *classPrefix; ///< "Bert": BertForSequenceClassification
  rt::Result<ImportedModel> (*import)(mlir::MLIRContext *, const ModelSource &,
                                      const TaskSpec &);
  std::vector<std::string> tasks; ///< that the family has a head for here
};

// The tasks of families that have the same heads.
std::vector<std::string> encoderTasks(); ///< classification and question answering
std::vector<std::string> decoderTasks(); ///< those and all that write texts
std::vector<std::string> targetTasks();  ///< summarization and translation

const Architecture &bartArchitecture();
const Architecture &bertArchitecture();
const Architecture &debertaV2Architecture();
const Architecture &distilBertArchitecture();
const Architecture &electraArchitecture();
const Architecture &gpt2Architecture();
const Architecture &llamaArchitecture();
const Architecture &marianArchitecture();
const Architecture &mbartArchitecture();
const Architecture &mistralArchitecture();
const Architecture &modernBertArchitecture();
const Architecture &mt5Architecture();
const Architecture &pegasusArchitecture();
const Architecture &qwen2Architecture();
const Architecture &robertaArchitecture();
const Architecture &t5Architecture();

/// Whether models of this model_type are decoders alone, which write texts by continuing prompts.
bool isDecoderOnly(llvm::StringRef modelType);

/// All families, in the order they are listed to users.
llvm::ArrayRef<const Architecture *> architectures();

/// transformers' class of a family's model for a task: "BertForQuestionAnswering".
std::string taskClass(llvm::StringRef classPrefix, const TaskSpec &task);
/// The head of extractive question answering over hidden states x [tokens, width]: qa_outputs,
/// made anew where the checkpoint has none; closes @forward.
void buildSpanHead(GraphBuilder &graph, mlir::Value x, std::int64_t width, double initStd);

/// Imports the model that `source.config` describes, for a task. Fails with one line that
/// names what is missing, unexpected or misshapen.
rt::Result<ImportedModel> importModel(mlir::MLIRContext *context, const ModelSource &source,
                                      const TaskSpec &task);

/// hidden_act by its Hugging Face name; unsupported ones fail through `config`.
nn::Activation activationByName(ConfigReader &config, const char *key,
                                const char *fallback = "gelu");
/// The same of a name that was read from `key` already.
nn::Activation activationNamed(ConfigReader &config, const char *key, const std::string &name);
/// Whether a task has a label a token.
bool isTokenTask(const TaskSpec &task);
/// Whether a task marks an answer's first and last token.
bool isSpanTask(const TaskSpec &task);
/// Whether a task learns to continue texts: all do that a decoder alone writes texts for.
bool isLanguageTask(const TaskSpec &task);

} // namespace ftc
