// Writes what ftc reads of a GGUF file, for comparisons with Python's readers:
//   gguf-probe raw FILE OUT.safetensors   every tensor as f32, the file's names and dimensions
//   gguf-probe export PATH DIRECTORY      the model in Hugging Face layout, f32
#include "runtime/io/GgufModel.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/FileSystem.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <cstdio>
#include <string_view>

using namespace ftc::rt;

namespace {

std::span<float> floats(std::span<std::byte> bytes) {
  return {reinterpret_cast<float *>(bytes.data()), bytes.size() / 4};
}

Status raw(const std::string &path, const std::string &out) {
  FTC_ASSIGN_OR_RETURN(GgufFile file, GgufFile::open(path));
  std::vector<TensorSource> tensors;
  for (const GgufTensor &info : file.tensors()) {
    TensorSource source;
    source.name = info.name;
    source.shape.assign(info.dimensions.rbegin(), info.dimensions.rend());
    source.fill = [&](std::uint64_t firstByte, std::span<std::byte> bytes) {
      return file.readAsF32(info, floats(bytes).data(), firstByte / 4, bytes.size() / 4);
    };
    tensors.push_back(std::move(source));
  }
  return saveSafeTensors(out, tensors);
}

Status exportModel(const std::string &path, const std::string &directory) {
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<WeightSource> weights, WeightSource::open(path));
  FTC_ASSIGN_OR_RETURN(std::string config, readModelConfig(path));
  FTC_ASSIGN_OR_RETURN(TokenizerFiles files, readTokenizerFiles(path));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, makeTokenizer(files, {}));
  FTC_RETURN_IF_ERROR(makeDirectories(directory));
  files.emplace_back("config.json", config);
  for (const auto &[name, content] : files)
    FTC_RETURN_IF_ERROR(writeFileAtomic(joinPath(directory, name), content));
  std::vector<TensorSource> tensors;
  for (const TensorInfo &info : weights->tensors()) {
    TensorSource source;
    source.name = info.name;
    source.shape = info.shape;
    source.fill = [&](std::uint64_t firstByte, std::span<std::byte> bytes) {
      return weights->readAsF32(info, floats(bytes).data(), firstByte / 4, bytes.size() / 4);
    };
    tensors.push_back(std::move(source));
  }
  return saveSafeTensors(joinPath(directory, "model.safetensors"), tensors);
}

} // namespace

int main(int argc, char **argv) {
  std::string_view mode = argc == 4 ? argv[1] : "";
  Status status = mode == "raw"      ? raw(argv[2], argv[3])
                  : mode == "export" ? exportModel(argv[2], argv[3])
                                     : Status::usage("expected raw or export, and two paths");
  if (!status)
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return status ? 0 : 1;
}
