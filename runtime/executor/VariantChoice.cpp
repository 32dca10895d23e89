// Picks the variant to run: the best instruction set among those the device supports.
#include "runtime/executor/Executor.h"

#include "runtime/support/Text.h"

namespace ftc::rt {

/// Orders "x86-64-v3" before "x86-64-v4" and "sm_90" before "sm_100".
static bool isBetter(std::string_view isa, std::string_view than) {
  return isa.size() != than.size() ? isa.size() > than.size() : isa > than;
}

Result<std::uint32_t> chooseVariant(const ArtifactReader &artifact, Device &device) {
  std::string present;
  int best = -1;
  Status reason;
  const auto *variants = artifact->variants();
  for (std::uint32_t i = 0; i < count(variants); ++i) {
    const abi::Variant &variant = *variants->Get(i);
    std::string_view isa = text(variant.isa());
    if (present.size() < 120)
      present += (present.empty() ? "" : ", ") + escape(text(variant.target()), 16) + " " +
                 escape(isa, 24);
    if (text(variant.target()) != device.properties().target)
      continue;
    std::vector<std::string_view> features;
    for (std::uint32_t k = 0; k < count(variant.features()); ++k)
      features.push_back(text(variant.features()->Get(k)));
    Status supported = device.supports(isa, features);
    if (!supported)
      reason = std::move(supported);
    else if (best < 0 || isBetter(isa, text(variants->Get(best)->isa())))
      best = static_cast<int>(i);
  }
  if (best >= 0)
    return static_cast<std::uint32_t>(best);
  if (!reason)
    return std::move(reason).withContext(artifact.name());
  return Status::error(artifact.name() + ": it has code for " + present + ", none for " +
                       device.properties().target + ": compile with --target " +
                       device.properties().target);
}

} // namespace ftc::rt
