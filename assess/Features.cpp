// Batches are cut by tokens: a row's value depends on that row alone.
#include "assess/Features.h"

#include "runtime/artifact/Expression.h"
#include "runtime/support/Text.h"
#include "runtime/train/BatchFeed.h"
#include "runtime/train/TrunkCache.h"

#include <chrono>
#include <numeric>

namespace ftc::assess {

namespace {

constexpr std::int64_t kTokensAtOnce = 2048;

/// An output of `trunk`: rows of `width` floats over one space.
struct TrunkOutput {
  rt::OutputHandle handle;
  std::string space;
  std::int64_t width = 0;
};

/// The outputs whose rows are those of the widest agreement: what a head reads is one of them.
rt::Result<std::vector<TrunkOutput>> trunkOutputs(rt::Session &session) {
  std::vector<TrunkOutput> out;
  const rt::ArtifactReader &artifact = *session.artifact;
  for (const abi::Program *program : *session.executor->variant().programs()) {
    if (rt::text(program->name()) != rt::kTrunk)
      continue;
    for (std::uint32_t i = 0; i < rt::count(program->buffers()); ++i) {
      const abi::Buffer &buffer = *program->buffers()->Get(i);
      if (buffer.segment() != abi::Segment::Output || buffer.dtype() != abi::DType::F32)
        continue;
      const abi::Expr &size = *buffer.elements();
      if (size.constant() != 0 || rt::count(size.terms()) != 1)
        continue;
      const abi::Term &term = *size.terms()->Get(0);
      out.push_back({session.executor->output(rt::text(buffer.name())),
                     std::string(rt::text(artifact->symbols()->Get(term.symbol())->name())),
                     term.coefficient()});
    }
  }
  if (out.empty())
    return rt::Status::error(artifact.name() + ": expected a program 'trunk' with frozen "
                                               "features, got none");
  return out;
}

struct Collector {
  Features &features;
  rt::Session &session;
  std::vector<TrunkOutput> outputs;

  /// Appends the rows of a batch whose first example is `first`.
  void take(const rt::Batch &batch, std::int64_t first, std::span<const rt::Example> examples) {
    const std::string &space = outputs.front().space;
    std::int64_t width = 0;
    for (const TrunkOutput &output : outputs)
      width += output.space == space ? output.width : 0;
    std::int64_t count = space == "tokens"      ? batch.tokens()
                         : space == "sequences" ? batch.sequences()
                                                : batch.labelled();
    Matrix &rows = features.rows;
    rows.columns = width;
    std::size_t base = rows.values.size();
    rows.values.resize(base + static_cast<std::size_t>(count * width));
    rows.rows += count;
    std::int64_t column = 0;
    for (const TrunkOutput &output : outputs) {
      if (output.space != space)
        continue;
      std::span<const float> values = session.executor->outputF32(output.handle);
      for (std::int64_t i = 0; i < count; ++i)
        std::copy_n(values.begin() + i * output.width, output.width,
                    rows.values.begin() + base + i * width + column);
      column += output.width;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      rt::OutputRow owner = space == "tokens" ? batch.tokenOutput(i) : batch.labelledOutput(i);
      owner.example += first;
      const rt::Example &example = examples[owner.example];
      std::int32_t label = rt::kIgnoredLabel;
      if (session.layout.placement == rt::LabelPlacement::Sequence)
        label = example.labels.empty() ? rt::kIgnoredLabel : example.labels[0];
      else if (session.layout.placement == rt::LabelPlacement::Token && owner.token >= 0)
        label = example.labels[owner.token];
      features.owners.push_back(owner);
      features.labels.push_back(label);
    }
  }
};

} // namespace

Features Features::pick(std::span<const std::int64_t> some) const {
  Features out;
  out.rows.columns = rows.columns;
  out.begins.push_back(0);
  for (std::size_t i = 0; i < some.size(); ++i) {
    for (std::int64_t row = begins[some[i]]; row < begins[some[i] + 1]; ++row) {
      out.rows.values.insert(out.rows.values.end(), rows.row(row).begin(), rows.row(row).end());
      out.labels.push_back(labels[row]);
      out.owners.push_back({static_cast<std::int64_t>(i), owners[row].token});
      ++out.rows.rows;
    }
    out.begins.push_back(out.rows.rows);
  }
  return out;
}

Features Features::prefix(std::int64_t count) const {
  std::vector<std::int64_t> some(static_cast<std::size_t>(count));
  std::iota(some.begin(), some.end(), 0);
  return pick(some);
}

rt::Result<Features> computeFeatures(rt::Session &session,
                                     std::span<const rt::Example> examples,
                                     const rt::StopRequest &stopped) {
  auto start = std::chrono::steady_clock::now();
  FTC_ASSIGN_OR_RETURN(std::vector<TrunkOutput> outputs, trunkOutputs(session));
  FTC_ASSIGN_OR_RETURN(rt::BatchFeed feed,
                       rt::BatchFeed::make(session, session.layout, rt::FeedFor::Evaluation));
  rt::ProgramHandle trunk = session.executor->program(rt::kTrunk);
  Features features;
  Collector collector{features, session, std::move(outputs)};
  std::vector<const rt::Example *> pointers;
  std::vector<rt::MicroBatch> parts;
  auto size = static_cast<std::int64_t>(examples.size());
  for (std::int64_t begin = 0, end = 0; begin < size; begin = end) {
    if (stopped && stopped())
      return rt::Status::interrupted("stopped while frozen features were computed");
    pointers.clear();
    std::int64_t tokens = 0;
    for (; end < size && (end == begin || tokens + examples[end].tokens() <= kTokensAtOnce);
         ++end) {
      tokens += examples[end].tokens();
      pointers.push_back(&examples[end]);
    }
    FTC_RETURN_IF_ERROR(
        rt::splitMicroBatches(pointers, session.capacity, session.layout.placement, parts));
    for (const rt::MicroBatch &part : parts) {
      std::span<const rt::Example *const> micro(pointers.data() + part.begin,
                                                part.end - part.begin);
      FTC_RETURN_IF_ERROR(feed.feed(micro, part.begin));
      features.tokens += feed.batch().tokens();
      if (feed.batch().labelled() == 0)
        continue;
      FTC_RETURN_IF_ERROR(session.executor->run(trunk));
      collector.take(feed.batch(), begin, examples);
    }
  }
  features.begins.assign(static_cast<std::size_t>(size) + 1, features.rows.rows);
  std::int64_t row = 0;
  for (std::int64_t example = 0; example < size; ++example) {
    features.begins[example] = row;
    while (row < features.rows.rows && features.owners[row].example == example)
      ++row;
  }
  features.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return features;
}

} // namespace ftc::assess
