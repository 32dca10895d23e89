// Answers compare.py's requests, one JSON array a line, so that Python compares with the wheel;
// prints the requests of RandomRequests.h, which recordRandom.py asks the wheel.
#include "test/oracle/tokenizers/RandomRequests.h"
#include "test/oracle/tokenizers/Requests.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>

using namespace ftc::rt;
using namespace ftc::test;

namespace {

/// Encodes each line of a file; prints CPU seconds and tokens.
int timeLines(const Tokenizer &tokenizer, const char *path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  std::size_t tokens = 0;
  std::clock_t start = std::clock();
  for (const std::string &line : lines)
    if (auto encoding = tokenizer.encode(line, EncodeOptions{}))
      tokens += encoding->ids.size();
  double spent = double(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%.6f %zu\n", spent, tokens);
  return 0;
}

/// Prints the requests of the blocks [first, end), of 10,000 each, as [kind, texts, special, max,
/// how]; `added`: a JSON list of the added tokens.
int printRandom(const Tokenizer &tokenizer, const char *added, int first, int end) {
  RandomRequests requests(tokenizer, Json::parse(added).get<std::vector<std::string>>());
  static constexpr const char *kinds[] = {"text", "pair", "words"};
  static constexpr const char *cuts[] = {"longest_first", "only_first", "only_second"};
  std::ios::sync_with_stdio(false);
  for (int block = first; block < end; ++block)
    for (const Request &request : requests.block(static_cast<std::uint64_t>(block), 10000))
      std::cout << Json::array({kinds[static_cast<int>(request.kind)], request.texts,
                                request.options.addSpecialTokens, request.options.maxLength,
                                cuts[static_cast<int>(request.options.truncation)]})
                << "\n";
  return 0;
}

} // namespace

/// tokenizer-probe DIR MODEL_TYPE FLAGS [FILE_TO_TIME | --random ADDED FIRST END]
int main(int argc, char **argv) {
  if (argc < 4)
    return 2;
  auto files = readTokenizerFiles(argv[1]);
  if (!files) {
    std::fprintf(stderr, "%s\n", files.status().message().c_str());
    return 1;
  }
  auto tokenizer = makeTokenizer(*files, tokenizerOptions(argv[2], argv[3]));
  if (!tokenizer) {
    std::fprintf(stderr, "%s\n", tokenizer.status().message().c_str());
    return 1;
  }
  if (argc == 8 && std::string_view(argv[4]) == "--random")
    return printRandom(**tokenizer, argv[5], std::atoi(argv[6]), std::atoi(argv[7]));
  if (argc > 4)
    return timeLines(**tokenizer, argv[4]);
  std::ios::sync_with_stdio(false);
  std::cout << (*tokenizer)->vocabularySize() << "\n";
  for (std::string line; std::getline(std::cin, line);)
    std::cout << serve(**tokenizer, line) << "\n";
  return 0;
}
