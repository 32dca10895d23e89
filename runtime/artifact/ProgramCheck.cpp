// Checks of programs: what a run may rely on without looking again, for any symbol values
// within capacity.
#include "runtime/artifact/ArtifactCheck.h"
#include "runtime/artifact/ArtifactReader.h"
#include "runtime/artifact/Expression.h"
#include "runtime/support/Text.h"

#include <map>
#include <unordered_set>

namespace ftc::rt {

static constexpr std::int64_t kMaxGrid = std::int64_t(1) << 40;
static constexpr std::int64_t kMaxBytes = std::int64_t(1) << 46;
static constexpr std::uint32_t kMaxArguments = 1024;

namespace {
/// One walk over the programs of a variant; messages carry the program and command.
class ProgramChecker {
public:
  ProgramChecker(const abi::Artifact &artifact, const abi::Variant &variant);
  Status check(const abi::Program &program);

private:
  enum class Use { Argument, Size };
  Status checkExpr(const abi::Expr *expr, Use use, const char *what);
  Status checkBuffer(const abi::Buffer &buffer);
  Status checkNamed(const abi::Buffer &buffer, std::int64_t elements);
  Status checkInside(std::int64_t offset, std::int64_t size, std::int64_t limit,
                     const char *segment);
  Status checkCommand(const abi::Command &command);
  Status checkLaunch(const abi::Launch &launch);
  Status checkGroup(const abi::Command &command);
  Status checkTarget(std::uint32_t buffer, bool written);
  Status bad(const std::string &message) const {
    return Status::error("bad artifact: program " + quote(text(program->name())) + where +
                         ": " + message);
  }

  const abi::Artifact &artifact;
  const abi::Variant &variant;
  const abi::Program *program = nullptr;
  std::string where;
  std::vector<std::int64_t> capacities;
  std::uint32_t membersLeft = 0; // of the group that a command before began
  // (is output, name) of the program at hand, and their types over all programs.
  std::unordered_set<std::string> named;
  std::map<std::string, abi::DType> types;
};
} // namespace

ProgramChecker::ProgramChecker(const abi::Artifact &artifact, const abi::Variant &variant)
    : artifact(artifact), variant(variant) {
  for (std::uint32_t i = 0; i < count(artifact.symbols()); ++i)
    capacities.push_back(artifact.symbols()->Get(i)->capacity());
}

Status ProgramChecker::checkExpr(const abi::Expr *expr, Use use, const char *what) {
  if (!expr)
    return Status::ok();
  if (!isAligned<abi::Term>(expr->terms()))
    return bad(std::string(what) + " is misaligned");
  for (std::uint32_t i = 0; i < count(expr->terms()); ++i) {
    const abi::Term &term = *expr->terms()->Get(i);
    if (term.symbol() >= capacities.size())
      return bad(std::string(what) + " names symbol " + std::to_string(term.symbol()) + " of " +
                 std::to_string(capacities.size()));
    if (term.divisor() == 0)
      return bad(std::string(what) + " divides by zero");
    if (use == Use::Size && capacities[term.symbol()] == 0)
      return bad(std::string(what) + " depends on the counter " +
                 quote(text(artifact.symbols()->Get(term.symbol())->name())));
  }
  return Status::ok();
}

Status ProgramChecker::checkInside(std::int64_t offset, std::int64_t size, std::int64_t limit,
                                   const char *segment) {
  std::int64_t end;
  if (offset < 0 || __builtin_add_overflow(offset, size, &end) || end > limit)
    return bad("it reaches from " + std::to_string(offset) + " over " + std::to_string(size) +
               ", the " + segment + " segment ends at " + std::to_string(limit));
  return Status::ok();
}

Status ProgramChecker::checkNamed(const abi::Buffer &buffer, std::int64_t elements) {
  std::string_view name = text(buffer.name());
  bool output = buffer.segment() == abi::Segment::Output;
  if (name.empty() || !isValidUtf8(name) || buffer.offset() != 0)
    return bad("an input or output without a proper name, or with an offset");
  std::string key = (output ? "output " : "input ") + std::string(name);
  if (!named.insert(key).second)
    return bad("the name " + quote(name) + " is used twice");
  auto [entry, isNew] = types.emplace(key, buffer.dtype());
  if (!isNew && entry->second != buffer.dtype())
    return bad(quote(name) + " is " + nameOf(buffer.dtype()) + " here and " +
               nameOf(entry->second) + " in another program");
  return Status::ok();
}

Status ProgramChecker::checkBuffer(const abi::Buffer &buffer) {
  if (buffer.segment() > abi::Segment::MAX || buffer.dtype() > abi::DType::MAX)
    return bad("an unknown segment or element type");
  FTC_RETURN_IF_ERROR(checkExpr(buffer.elements(), Use::Size, "its size"));
  std::int64_t elements, bytes, width = sizeOf(buffer.dtype());
  if (!upperBound(*buffer.elements(), capacities, elements) || elements < 0 ||
      __builtin_mul_overflow(elements, width, &bytes) || bytes > kMaxBytes)
    return bad("an impossible size");
  switch (buffer.segment()) {
  case abi::Segment::Params:
  case abi::Segment::Grads: {
    if (buffer.dtype() != abi::DType::F32)
      return bad(std::string("parameters and gradients are f32, not ") +
                 nameOf(buffer.dtype()));
    bool params = buffer.segment() == abi::Segment::Params;
    if (!params && variant.overlaid_at() >= 0 && buffer.offset() < variant.overlaid_from() &&
        buffer.offset() > variant.overlaid_from() - elements)
      return bad("gradients on both sides of element " +
                 std::to_string(variant.overlaid_from()) + ", where those in the arena begin");
    std::int64_t limit = params ? variant.params_elements() : variant.trainable_elements();
    return checkInside(buffer.offset(), elements, limit,
                       abi::EnumNameSegment(buffer.segment()));
  }
  case abi::Segment::Moments:
  case abi::Segment::Arena:
  case abi::Segment::State: {
    if (buffer.offset() % width != 0)
      return bad("an offset that is not a multiple of its element size");
    std::int64_t limit = buffer.segment() == abi::Segment::Arena     ? program->arena_bytes()
                         : buffer.segment() == abi::Segment::Moments ? variant.moments_bytes()
                                                                     : variant.state_bytes();
    return checkInside(buffer.offset(), bytes, limit, abi::EnumNameSegment(buffer.segment()));
  }
  case abi::Segment::Input:
  case abi::Segment::Output:
    return checkNamed(buffer, elements);
  }
  return Status::ok();
}

Status ProgramChecker::checkTarget(std::uint32_t buffer, bool written) {
  if (buffer >= count(program->buffers()))
    return bad("it names buffer " + std::to_string(buffer) + " of " +
               std::to_string(count(program->buffers())));
  if (written && program->buffers()->Get(buffer)->segment() == abi::Segment::Input)
    return bad("it writes an input");
  return Status::ok();
}

Status ProgramChecker::checkLaunch(const abi::Launch &launch) {
  if (launch.kernel() >= count(variant.kernels()))
    return bad("it names kernel " + std::to_string(launch.kernel()) + " of " +
               std::to_string(count(variant.kernels())));
  if (count(launch.operands()) > kMaxArguments || count(launch.ints()) > kMaxArguments ||
      count(launch.scalars()) > kMaxArguments)
    return bad("it has too many arguments");
  if (!isAligned<abi::Operand>(launch.operands()))
    return bad("its operands are misaligned");
  for (std::uint32_t i = 0; i < count(launch.operands()); ++i) {
    const abi::Operand &operand = *launch.operands()->Get(i);
    if (operand.access() > abi::Access::MAX)
      return bad("an unknown access");
    FTC_RETURN_IF_ERROR(checkTarget(operand.buffer(), operand.access() != abi::Access::Read));
  }
  for (std::uint32_t i = 0; i < count(launch.ints()); ++i)
    FTC_RETURN_IF_ERROR(checkExpr(launch.ints()->Get(i), Use::Argument, "an argument"));
  for (std::uint32_t i = 0; i < count(launch.scalars()); ++i)
    if (launch.scalars()->Get(i) >= count(artifact.scalars()))
      return bad("it names scalar " + std::to_string(launch.scalars()->Get(i)) + " of " +
                 std::to_string(count(artifact.scalars())));
  FTC_RETURN_IF_ERROR(checkExpr(launch.grid(), Use::Size, "its grid"));
  std::int64_t grid;
  if (!upperBound(*launch.grid(), capacities, grid) || grid < 0 || grid > kMaxGrid)
    return bad("an impossible grid");
  const abi::Kernel &kernel = *variant.kernels()->Get(launch.kernel());
  if (kernel.members() > 0)
    return bad("it is no group, its kernel one of groups");
  bool grouped = kernel.grouped();
  if (launch.members() == 0)
    return grouped && membersLeft == 0 ? bad("it stands alone, its kernel in groups")
                                       : Status::ok();
  if (membersLeft > 0 || launch.group() >= count(variant.kernels()) ||
      variant.kernels()->Get(launch.group())->members() != launch.members() ||
      variant.kernels()->Get(launch.group())->grouped())
    return bad("an impossible group");
  return Status::ok();
}

/// The members of a group follow each other: launches without a condition.
Status ProgramChecker::checkGroup(const abi::Command &command) {
  const abi::Launch *launch = command.action_as_Launch();
  bool inGroup = membersLeft > 0 || (launch && launch->members() > 0);
  if (inGroup && (!launch || command.unless_symbol() >= 0))
    return bad("it stands among a group's launches");
  if (launch && launch->members() > 0)
    membersLeft = launch->members();
  if (membersLeft > 0)
    --membersLeft;
  return Status::ok();
}

Status ProgramChecker::checkCommand(const abi::Command &command) {
  if (command.unless_symbol() < -1 ||
      command.unless_symbol() >= static_cast<std::int64_t>(capacities.size()))
    return bad("it depends on symbol " + std::to_string(command.unless_symbol()) + " of " +
               std::to_string(capacities.size()));
  FTC_RETURN_IF_ERROR(checkExpr(command.flops(), Use::Argument, "its cost"));
  FTC_RETURN_IF_ERROR(checkExpr(command.bytes(), Use::Argument, "its cost"));
  switch (command.action_type()) {
  case abi::Action::Launch:
    return checkLaunch(*command.action_as_Launch());
  case abi::Action::Fill:
    return checkTarget(command.action_as_Fill()->buffer(), true);
  case abi::Action::CopyBuffer:
    FTC_RETURN_IF_ERROR(checkTarget(command.action_as_CopyBuffer()->source(), false));
    return checkTarget(command.action_as_CopyBuffer()->destination(), true);
  default:
    return bad("an unknown kind of command");
  }
}

Status ProgramChecker::check(const abi::Program &checked) {
  program = &checked;
  where.clear();
  named.clear();
  membersLeft = 0;
  if (checked.arena_bytes() < 0 || checked.arena_bytes() > kMaxBytes)
    return bad("an arena of " + std::to_string(checked.arena_bytes()) + " bytes");
  for (std::uint32_t i = 0; i < count(checked.buffers()); ++i) {
    where = " buffer " + std::to_string(i);
    FTC_RETURN_IF_ERROR(checkBuffer(*checked.buffers()->Get(i)));
  }
  for (std::uint32_t i = 0; i < count(checked.commands()); ++i) {
    const abi::Command &command = *checked.commands()->Get(i);
    where = " command " + std::to_string(i);
    if (command.label())
      where += " (" + quote(text(command.label()), 40) + ")";
    FTC_RETURN_IF_ERROR(checkCommand(command));
    FTC_RETURN_IF_ERROR(checkGroup(command));
  }
  return membersLeft == 0 ? Status::ok() : bad("it is the last, but not of its group");
}

Status checkPrograms(const abi::Artifact &artifact, const abi::Variant &variant) {
  if (variant.state_bytes() < 0 || variant.state_bytes() > kMaxBytes)
    return Status::error("bad artifact: a persistent state of " +
                         std::to_string(variant.state_bytes()) + " bytes");
  ProgramChecker checker(artifact, variant);
  std::unordered_set<std::string_view> names;
  for (std::uint32_t i = 0; i < count(variant.programs()); ++i) {
    const abi::Program &program = *variant.programs()->Get(i);
    if (program.name()->size() == 0 || !names.insert(text(program.name())).second)
      return Status::error("bad artifact: two programs are named " +
                           quote(text(program.name())));
    FTC_RETURN_IF_ERROR(checker.check(program));
  }
  return Status::ok();
}

} // namespace ftc::rt
