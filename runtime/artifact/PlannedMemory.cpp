// Sums of the segments that programs touch.
#include "runtime/artifact/PlannedMemory.h"

#include "runtime/artifact/ArtifactReader.h"

namespace ftc::rt {

void VariantMemory::add(std::string name, std::int64_t arena, bool gradientsToo,
                        bool momentsToo, bool stateToo) {
  if (gradientsToo)
    arena = std::max(arena, overlaidArena);
  programs.push_back({std::move(name), params, gradientsToo ? gradients : 0,
                      momentsToo ? moments : 0, arena, stateToo ? state : 0,
                      gradientsToo || momentsToo});
}

std::int64_t VariantMemory::trainingState() const {
  std::int64_t gradientsOfAll = 0, momentsOfAll = 0;
  for (const ProgramMemory &program : programs) {
    gradientsOfAll = std::max(gradientsOfAll, program.gradients);
    momentsOfAll = std::max(momentsOfAll, program.moments);
  }
  return params + gradientsOfAll + momentsOfAll;
}

std::int64_t VariantMemory::trainingArena() const {
  std::int64_t arena = 0;
  for (const ProgramMemory &program : programs)
    if (!program.state)
      arena = std::max(arena, program.arena);
  return arena;
}

std::int64_t VariantMemory::peak() const {
  std::int64_t generating = 0;
  for (const ProgramMemory &program : programs)
    if (!program.trains)
      generating = std::max(generating, params + state + program.arena);
  return std::max(trainingState() + trainingArena(), generating);
}

std::int64_t overlaidEnd(std::int64_t trainable, std::int64_t from, std::int64_t at,
                         std::int64_t compactAt) {
  return std::max(at + 4 * (trainable - from), compactAt + 4 * from);
}

std::int64_t overlaidEnd(const abi::Variant &variant) {
  return variant.overlaid_at() < 0
             ? 0
             : overlaidEnd(variant.trainable_elements(), variant.overlaid_from(),
                           variant.overlaid_at(), variant.overlaid_compact_at());
}

VariantMemory memoryOf(const abi::Variant &variant, GradientPlace place) {
  VariantMemory memory;
  memory.params = 4 * variant.params_elements() - variant.unused_params_bytes();
  memory.gradients = 4 * variant.trainable_elements() - variant.unused_grads_bytes();
  if (place == GradientPlace::Arena && variant.overlaid_at() >= 0) {
    memory.gradients = 0;
    memory.overlaidArena = overlaidEnd(variant) - variant.unused_overlaid_bytes();
  }
  memory.moments = variant.moments_bytes() - variant.unused_moments_bytes();
  memory.state = variant.state_bytes();
  for (const abi::Program *program : *variant.programs()) {
    bool gradients = false, moments = false, state = false;
    for (std::uint32_t i = 0; i < count(program->buffers()); ++i) {
      abi::Segment segment = program->buffers()->Get(i)->segment();
      gradients |= segment == abi::Segment::Grads;
      moments |= segment == abi::Segment::Moments;
      state |= segment == abi::Segment::State;
    }
    memory.add(std::string(text(program->name())), program->arena_bytes(), gradients, moments,
               state);
  }
  return memory;
}

} // namespace ftc::rt
