// Collects one program's buffers and commands while ops are lowered, then places the arena's
// buffers and emits the plan ops.
#pragma once

#include "dialects/nn/Nn.h"
#include "dialects/plan/Plan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <string>
#include <vector>

namespace ftc {

/// The named integers that sizes range over, with capacities; shared by a module's programs.
class PlanSymbols {
public:
  explicit PlanSymbols(mlir::MLIRContext *context) : context(context) {}

  /// The expression of symbol `name`, added at its first mention. Capacity 0: a counter.
  mlir::AffineExpr get(llvm::StringRef name);
  void setCapacity(llvm::StringRef name, std::int64_t capacity);
  /// Value of `expr` with every symbol at its capacity.
  std::int64_t atCapacity(mlir::AffineExpr expr) const;
  mlir::AffineMapAttr map(mlir::AffineExpr expr) const;
  mlir::AffineExpr constant(std::int64_t value) const {
    return mlir::getAffineConstantExpr(value, context);
  }
  /// Writes plan.symbols and plan.capacities.
  void attach(mlir::ModuleOp module) const;

  const std::vector<std::string> &names() const { return order; }

private:
  mlir::MLIRContext *context;
  std::vector<std::string> order;
  std::map<std::string, std::int64_t> capacities;
};

/// Argument attribute, TypeAttr: a parameter's element type in its file, where that is bf16 or
/// f16. A frozen weight or table keeps it; kernels widen it as they read.
constexpr llvm::StringLiteral kFileType = "nn.file_type";

/// Where a parameter lies on the variant being planned; offsets and elements as plan.storage.
struct Storage {
  std::string parameter;
  mlir::RankedTensorType type; ///< canonical
  std::int64_t panelWidth = 0;
  std::int64_t offset = 0, elements = 0;
  bool trainable = false, decay = false;
  mlir::Type dtype; ///< bf16 or f16 as in the file; null: f32
  bool transposed = false; ///< nn.transposed: the checkpoint holds `type` transposed
  bool compact = false;    ///< its gradient and moments range over the space `touched`
  bool onDemand = true;    ///< no program reads or changes rows that no token id names
};

/// Where moment `index` of a parameter lies; `offset` is in bytes. A moment of its parameter's
/// own type has that one's panels, any other is row-major.
struct MomentStorage {
  std::string parameter;
  unsigned index = 0;
  mlir::RankedTensorType type;
  std::int64_t panelWidth = 0;
  std::int64_t offset = 0, elements = 0;
  bool compact = false; ///< `type` is the whole table's, as many rows are used as `touched` says
};

/// All parameters' storage on one variant.
struct StorageTable {
  std::vector<Storage> entries; ///< in the module's parameter order
  std::map<std::string, unsigned> index;
  std::int64_t paramsElements = 0, trainableElements = 0, decayElements = 0;
  std::int64_t compactElements = 0; ///< tables with compact gradients come first; they decay
  std::vector<MomentStorage> moments; ///< by offset
  std::int64_t momentsBytes = 0;

  const MomentStorage &moment(llvm::StringRef parameter, unsigned k) const;

  const Storage &of(llvm::StringRef parameter) const {
    return entries[index.at(parameter.str())];
  }
};

/// Index of a buffer of the program.
using BufferId = unsigned;

struct Operand {
  BufferId buffer;
  plan::Access access;
  /// Elements that a launch touches, where they are not the whole buffer (a gather's source).
  mlir::AffineExpr touched = {};
};

struct LaunchSpec {
  std::string kernel;
  std::vector<Operand> operands;
  std::vector<mlir::AffineExpr> ints;
  std::vector<std::string> scalars;
  mlir::AffineExpr grid, flops, bytes;
  std::string label;
};

class ProgramPlanner {
public:
  ProgramPlanner(PlanSymbols &symbols, const StorageTable &storage);

  /// Elements of a tensor value: its space's symbol (or offsets' + 1) times static dimensions;
  /// a parameter's, gradient's or moment's is what its storage takes.
  mlir::AffineExpr elementsOf(mlir::Type type);
  /// Rows of a tensor: dimension 0.
  mlir::AffineExpr rowsOf(mlir::Type type);

  /// Gives every argument of a program its place. Fails on an argument without a role.
  mlir::LogicalResult bindArguments(mlir::func::FuncOp function);
  /// Gives results that the host reads their place.
  void bindOutputs(mlir::func::FuncOp function);

  /// The buffer of a value, made in the arena at its first mention.
  BufferId buffer(mlir::Value value);
  bool isBound(mlir::Value value) const { return values.count(value) != 0; }
  /// Whether `value` lies in the arena, and no other value where it does.
  bool ownsPlace(mlir::Value value) const;
  /// `value` lives where `other` does.
  void alias(mlir::Value value, mlir::Value other) { values[value] = buffer(other); }
  void bind(mlir::Value value, BufferId id) { values[value] = id; }
  BufferId temporary(mlir::Type dtype, mlir::AffineExpr elements);
  /// Elements of a buffer as it is stored: with the padding of a packed weight or gradient.
  mlir::AffineExpr storedElements(BufferId id) const { return buffers[id].elements; }
  /// A compact gradient's or moment's rows from the beginning of their whole table's place.
  BufferId compactRows(plan::Segment segment, std::int64_t offset, mlir::Type type);
  /// A slice of the parameters or gradients, in elements.
  BufferId slice(plan::Segment segment, std::int64_t offset, std::int64_t elements);
  /// `elements` of the moments from byte `offset` on.
  BufferId moments(std::int64_t offset, mlir::Type dtype, std::int64_t elements);

  /// Its `bytes` follow from its operands where one of them is touched in part; for others the
  /// runtime takes whole buffers.
  void launch(LaunchSpec spec);
  void fill(BufferId target, llvm::StringRef unless = "");

  PlanSymbols &symbols;
  const StorageTable &storage;

  /// Places the arena's buffers and creates the plan.program.
  plan::ProgramOp emit(mlir::OpBuilder &builder, llvm::StringRef name);
  /// State bytes taken by nn.state arguments so far, shared through `stateOffsets`.
  std::map<std::string, std::int64_t> *stateOffsets = nullptr;
  std::int64_t *stateBytes = nullptr;

private:
  struct PlannedBuffer {
    plan::Segment segment;
    mlir::Type dtype;
    mlir::AffineExpr elements;
    std::int64_t offset = 0;
    std::string name;
    int firstUse = -1, lastUse = -1;
  };
  struct Command {
    enum Kind { Launch, Fill } kind;
    LaunchSpec launch;
    BufferId target = 0;
    std::string unless;
  };
  BufferId add(PlannedBuffer buffer);
  BufferId place(plan::Segment segment, mlir::Type dtype, std::int64_t offset,
                 std::int64_t elements);
  void use(BufferId id, int command);
  std::int64_t placeArena();
  std::int64_t bytesAtCapacity(const PlannedBuffer &buffer) const;
  mlir::AffineExpr bytesTouched(llvm::ArrayRef<Operand> operands) const;

  llvm::DenseMap<mlir::Value, BufferId> values;
  std::vector<PlannedBuffer> buffers;
  std::vector<Command> commands;
};

} // namespace ftc
