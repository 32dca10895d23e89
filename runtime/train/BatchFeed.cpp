// Names are resolved when the feed is made; feeding is packing and copies.
#include "runtime/train/BatchFeed.h"

namespace ftc::rt {

Result<BatchFeed> BatchFeed::make(Session &session, const BatchLayout &layout,
                                  FeedFor purpose) {
  FTC_ASSIGN_OR_RETURN(Batch batch, Batch::make(session.capacity, layout));
  BatchFeed feed(session, purpose, std::move(batch));
  Executor &executor = *session.executor;
  for (const std::string &name : feed.packed.arrayNames())
    if (InputHandle handle = executor.input(name))
      feed.inputs.push_back({handle, name});
  FTC_RETURN_IF_ERROR(executor.setInput(executor.input("class_weights"), session.classWeights));
  feed.targets = executor.input("targets");
  for (const abi::Symbol *symbol : *executor.artifact()->symbols())
    if (std::string_view name = text(symbol->name()); feed.packed.symbol(name))
      feed.symbols.push_back({executor.symbol(name), std::string(name)});
  return feed;
}

Status BatchFeed::feed(std::span<const Example *const> examples, std::int64_t firstSequence) {
  FTC_RETURN_IF_ERROR(packed.pack(examples, firstSequence));
  for (const Input &input : inputs)
    FTC_RETURN_IF_ERROR(executor->setInput(input.handle, *packed.array(input.name)));
  for (const char *ids : {"input_ids.rows", "target_ids.rows"})
    if (auto rows = packed.array(ids)) {
      FTC_RETURN_IF_ERROR(session->demanded.admit(*rows));
      if (purpose == FeedFor::Training)
        FTC_RETURN_IF_ERROR(session->touched.admit(*rows));
    }
  if (auto values = packed.floats("targets"))
    FTC_RETURN_IF_ERROR(executor->setInput(targets, *values));
  for (const Symbol &symbol : symbols)
    if (auto value = packed.symbol(symbol.name))
      executor->set(symbol.handle, *value);
  return Status::ok();
}

} // namespace ftc::rt
