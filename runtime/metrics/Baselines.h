// What needs no model: Lead-n summaries and the source as its own translation. A trained model
// that does not beat them has learnt nothing worth its cost.
#pragma once

#include "runtime/metrics/Bleu.h"
#include "runtime/metrics/Chrf.h"
#include "runtime/metrics/Rouge.h"

#include <string>
#include <string_view>

namespace ftc::rt {

/// The first `sentences` sentences of a document (all where it has fewer), one a line.
std::string leadSentences(std::string_view document, std::size_t sentences);

/// ROUGE of documents' first sentence and first three sentences against their summaries; the
/// summaries too are split into sentences, for ROUGE-Lsum.
class LeadBaselines {
public:
  /// False when `stopped` said so; nothing is added then.
  bool add(std::string_view document, std::string_view summary, const StopRequest &stopped = {});
  const RougeMean &lead1() const { return one; }
  const RougeMean &lead3() const { return three; }
  /// "Lead-1 reaches ROUGE-1 30.12, …; Lead-3 …": one line for people, 0-100.
  std::string describe() const;

private:
  RougeMean one, three;
};

/// BLEU and chrF of sources, copied as they are, against their translations.
class CopyBaseline {
public:
  void add(std::string_view source, std::string_view translation);
  const Bleu &bleu() const { return copiedBleu; }
  const Chrf &chrf() const { return copiedChrf; }
  /// "copying the source reaches BLEU 1.23, chrF 15.10": one line for people, 0-100.
  std::string describe() const;

private:
  Bleu copiedBleu;
  Chrf copiedChrf;
};

} // namespace ftc::rt
