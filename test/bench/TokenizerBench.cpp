// How fast one thread tokenizes: TokenizerBench MODEL TEXTS PASSES. TEXTS has one text a line.
// Prints one JSON object: processor seconds of the fastest pass, texts, bytes, tokens.
#include "runtime/tokenizers/Tokenizer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

static double processorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: TokenizerBench MODEL TEXTS PASSES\n");
    return 2;
  }
  ftc::rt::Result<ftc::rt::TokenizerFiles> files = ftc::rt::readTokenizerFiles(argv[1]);
  if (!files)
    return std::fprintf(stderr, "%s\n", files.status().message().c_str()), 1;
  auto made = ftc::rt::makeTokenizer(*files, {});
  if (!made)
    return std::fprintf(stderr, "%s\n", made.status().message().c_str()), 1;
  std::vector<std::string> texts;
  std::ifstream in(argv[2]);
  std::size_t bytes = 0;
  for (std::string line; std::getline(in, line); bytes += texts.back().size())
    texts.push_back(line);
  double best = 0;
  std::size_t tokens = 0;
  for (int pass = 0; pass < std::atoi(argv[3]); ++pass) {
    double start = processorSeconds();
    tokens = 0;
    for (const std::string &text : texts) {
      ftc::rt::Result<ftc::rt::Encoding> encoding = (*made)->encode(text, {});
      if (!encoding)
        return std::fprintf(stderr, "%s\n", encoding.status().message().c_str()), 1;
      tokens += encoding->ids.size();
    }
    double seconds = processorSeconds() - start;
    best = pass ? std::min(best, seconds) : seconds;
  }
  std::printf("{\"seconds\": %.6f, \"texts\": %zu, \"bytes\": %zu, \"tokens\": %zu}\n", best,
              texts.size(), bytes, tokens);
}
