// Gives virtual registers places by linear scan over live ranges, so that a warp's registers
// fit the caches: PTX names a new register for nearly every value.
#include "test/emulator/machine/Decoder.h"

#include <algorithm>

namespace ftc::emulator {

namespace {

struct Range {
  std::int32_t first = -1, last = -1;
  void cover(std::int32_t at) {
    first = first < 0 ? at : std::min(first, at);
    last = std::max(last, at);
  }
};

/// A run of instructions with one way in and out.
struct Section {
  std::int32_t begin, end; // instructions
  std::vector<std::int32_t> next;
  std::vector<std::uint64_t> read, written, in, out; // bits a register
};

bool isRegister(const DraftOperand &operand) {
  return operand.kind == DraftOperand::Kind::Register;
}

std::vector<Section> findSections(const std::vector<Draft> &drafts) {
  auto count = static_cast<std::int32_t>(drafts.size());
  std::vector<bool> starts(drafts.size() + 1, false);
  starts[0] = true;
  for (std::int32_t i = 0; i < count; ++i) {
    const Instruction &instruction = drafts[static_cast<std::size_t>(i)].instruction;
    if (instruction.control == Control::Branch)
      starts[static_cast<std::size_t>(instruction.target)] = true;
    if (instruction.control == Control::Branch || instruction.control == Control::Return)
      starts[static_cast<std::size_t>(i) + 1] = true;
  }
  std::vector<Section> sections;
  std::vector<std::int32_t> sectionOf(drafts.size() + 1, -1);
  for (std::int32_t i = 0; i < count; ++i) {
    if (starts[static_cast<std::size_t>(i)])
      sections.push_back({i, i, {}, {}, {}, {}, {}});
    sections.back().end = i + 1;
    sectionOf[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(sections.size()) - 1;
  }
  for (Section &section : sections) {
    const Draft &last = drafts[static_cast<std::size_t>(section.end) - 1];
    if (last.instruction.control == Control::Branch)
      section.next.push_back(sectionOf[static_cast<std::size_t>(last.instruction.target)]);
    bool falls = last.guard >= 0 || (last.instruction.control != Control::Branch &&
                                     last.instruction.control != Control::Return);
    if (falls && section.end < count)
      section.next.push_back(sectionOf[static_cast<std::size_t>(section.end)]);
  }
  return sections;
}

void findLiveness(const std::vector<Draft> &drafts, std::vector<Section> &sections,
                  std::size_t registers) {
  std::size_t words = (registers + 63) / 64;
  auto has = [](const std::vector<std::uint64_t> &bits, std::uint32_t r) {
    return bits[r / 64] >> (r % 64) & 1;
  };
  for (Section &section : sections) {
    for (auto *bits : {&section.read, &section.written, &section.in, &section.out})
      bits->assign(words, 0);
    for (std::int32_t i = section.begin; i < section.end; ++i) {
      const Draft &draft = drafts[static_cast<std::size_t>(i)];
      auto use = [&](std::uint32_t r) {
        if (!has(section.written, r))
          section.read[r / 64] |= std::uint64_t(1) << (r % 64);
      };
      int defs = draft.instruction.defs;
      for (int k = defs; k < kMaxOperands; ++k)
        if (isRegister(draft.operands[k]))
          use(draft.operands[k].index);
      for (int k = 0; k < defs; ++k) {
        if (!isRegister(draft.operands[k]))
          continue;
        std::uint32_t r = draft.operands[k].index;
        if (draft.guard >= 0) // may keep its old value
          use(r);
        else
          section.written[r / 64] |= std::uint64_t(1) << (r % 64);
      }
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t s = sections.size(); s-- > 0;) {
      Section &section = sections[s];
      for (std::int32_t next : section.next)
        for (std::size_t k = 0; k < words; ++k)
          section.out[k] |= sections[static_cast<std::size_t>(next)].in[k];
      for (std::size_t k = 0; k < words; ++k) {
        std::uint64_t in = section.read[k] | (section.out[k] & ~section.written[k]);
        changed |= in != section.in[k];
        section.in[k] = in;
      }
    }
  }
}

} // namespace

void Decoder::placeRegisters() {
  std::size_t registers = registerWidths.size();
  std::vector<Section> sections = findSections(drafts);
  findLiveness(drafts, sections, registers);
  std::vector<Range> ranges(registers);
  for (std::size_t i = 0; i < drafts.size(); ++i)
    for (const DraftOperand &operand : drafts[i].operands)
      if (isRegister(operand))
        ranges[operand.index].cover(static_cast<std::int32_t>(i));
  for (const Section &section : sections)
    for (std::uint32_t r = 0; r < registers; ++r) {
      if (section.in[r / 64] >> (r % 64) & 1)
        ranges[r].cover(section.begin);
      if (section.out[r / 64] >> (r % 64) & 1)
        ranges[r].cover(section.end);
    }
  for (const auto &[name, r] : specialIds) { // set before the first instruction, kept
    ranges[r].first = -1;
    ranges[r].last = static_cast<std::int32_t>(drafts.size());
  }

  std::vector<std::uint32_t> order;
  for (std::uint32_t r = 0; r < registers; ++r)
    if (ranges[r].last >= 0)
      order.push_back(r);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(ranges[a].first, a) < std::pair(ranges[b].first, b);
  });
  std::vector<Ref> places(registers, 0);
  std::vector<std::uint32_t> active;
  std::vector<Ref> freePlaces[2];
  std::uint32_t live = 0;
  for (std::uint32_t r : order) {
    // A place is free again behind its last instruction, which reads before it writes; an
    // instruction with several results writes some before it has read all, so not in it.
    std::size_t kept = 0;
    for (std::uint32_t other : active) {
      if (ranges[other].last < ranges[r].first) {
        freePlaces[registerWidths[other] == 'l'].push_back(places[other]);
        live -= registerWidths[other] == 'l' ? 2 : 1;
      } else {
        active[kept++] = other;
      }
    }
    active.resize(kept);
    bool wide = registerWidths[r] == 'l';
    if (freePlaces[wide].empty()) {
      places[r] = kernel.registerBytes;
      kernel.registerBytes += wide ? 256 : 128;
    } else {
      places[r] = freePlaces[wide].back();
      freePlaces[wide].pop_back();
    }
    active.push_back(r);
    live += wide ? 2 : 1;
    kernel.liveRegisters = std::max(kernel.liveRegisters, live);
  }
  for (const auto &[name, r] : specialIds)
    kernel.specials.emplace_back(name, places[r]);
  for (Draft &draft : drafts) {
    for (int k = 0; k < kMaxOperands; ++k) {
      const DraftOperand &operand = draft.operands[k];
      if (operand.kind == DraftOperand::Kind::Predicate)
        draft.instruction.predicates |= static_cast<std::uint16_t>(1u << k);
      draft.instruction.a[k] = operand.kind == DraftOperand::Kind::Register
                                   ? places[operand.index]
                               : operand.kind == DraftOperand::Kind::None ? ~Ref(0)
                                                                          : operand.index;
    }
    kernel.code.push_back(draft.instruction);
  }
}

} // namespace ftc::emulator
