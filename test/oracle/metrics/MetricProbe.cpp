// Answers compare_text.py's requests, one JSON array a line, so that Python compares with
// rouge-score, sacreBLEU and nltk.
#include "runtime/metrics/Baselines.h"
#include "runtime/metrics/PorterStemmer.h"
#include "runtime/metrics/Sentences.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <string>

using namespace ftc::rt;
using nlohmann::json;

namespace {

json rougeOf(const std::string &target, const std::string &prediction) {
  RougeScores scores = rouge(target, prediction);
  json answer = json::array();
  for (const PrecisionRecallF1 &s :
       {scores.rouge1, scores.rouge2, scores.rougeL, scores.rougeLsum})
    for (double value : {s.precision, s.recall, s.f1})
      answer.push_back(value);
  return answer;
}

json corpusOf(const json &hypotheses, const json &references) {
  Bleu bleu;
  Chrf chrf;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    auto hypothesis = hypotheses[i].get<std::string>(),
         reference = references[i].get<std::string>();
    bleu.add(hypothesis, reference);
    chrf.add(hypothesis, reference);
  }
  BleuScore score = bleu.score();
  return {score.score,          score.precisions,       score.correct,         score.total,
          score.brevityPenalty, score.hypothesisLength, score.referenceLength, chrf.score(),
          Bleu::signature(),    Chrf::signature()};
}

json serve(const json &request) {
  auto what = request[0].get<std::string>();
  auto text = [&](int i) { return request[i].get<std::string>(); };
  if (what == "stem")
    return porterStem(text(1));
  if (what == "rouge")
    return rougeOf(text(1), text(2));
  if (what == "corpus")
    return corpusOf(request[1], request[2]);
  if (what == "13a")
    return tokenize13a(text(1));
  if (what == "sentences")
    return oneSentenceALine(text(1));
  LeadBaselines lead;
  for (std::size_t i = 0; i < request[1].size(); ++i)
    lead.add(request[1][i].get<std::string>(), request[2][i].get<std::string>());
  return {lead.lead1().rouge1(), lead.lead1().rougeLsum(), lead.lead3().rouge1(),
          lead.lead3().rougeLsum(), lead.describe()};
}

} // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << serve(json::parse(line)).dump() << "\n" << std::flush;
  return 0;
}
