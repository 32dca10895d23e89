// The plan dialect: programs as flat lists of commands over buffer slices, nothing left to decide.
#ifndef FTC_PLAN_OPS_TD
#define FTC_PLAN_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::ftc::plan";
  let summary = "Commands over planned buffers, one to one with the artifact";
  let description = [{
    Device-neutral in form, one variant per target in content. A variant holds the storage
    of every parameter, the kernels it uses and the programs; a program is a flat list of
    launches, fills and copies in execution order over buffers whose places are fixed. Sizes
    and grids are affine maps over the module's symbols (`plan.symbols`): s0 is the first.
  }];
  let useDefaultTypePrinterParser = 1;
}

def Plan_BufferType : TypeDef<Plan_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "A slice of a segment: an address range that the runtime resolves";
}

def Plan_Segment : I32EnumAttr<"Segment", "where a buffer lies", [
    I32EnumAttrCase<"Params", 0, "params">, I32EnumAttrCase<"Grads", 1, "grads">,
    I32EnumAttrCase<"Moments", 2, "moments">, I32EnumAttrCase<"Arena", 3, "arena">,
    I32EnumAttrCase<"Input", 4, "input">, I32EnumAttrCase<"Output", 5, "output">,
    I32EnumAttrCase<"State", 6, "state">]> {
  let cppNamespace = "::ftc::plan";
}
def Plan_Access : I32EnumAttr<"Access", "how a command uses an operand", [
    I32EnumAttrCase<"Read", 0, "read">, I32EnumAttrCase<"Write", 1, "write">,
    I32EnumAttrCase<"ReadWrite", 2, "read_write">]> {
  let cppNamespace = "::ftc::plan";
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;

def Plan_VariantOp : Plan_Op<"variant", [Symbol, SymbolTable, NoTerminator, SingleBlock,
                                         IsolatedFromAbove]> {
  let summary = "Everything one target needs: storage, kernels, programs";
  let description = [{
    `params_elements`, `trainable_elements` and `decay_elements` are the extents of the
    parameter segment: trainable parameters with decay come first, then those without, then
    frozen ones. `moments_bytes` is the extent of the segment of the optimizer's moments.
    Where a step has one micro-batch, gradients may lie in the arena (ftc-overlay-gradients): from
    element `overlaid_from` on from byte `overlaid_at` on, compact ones, which come before that
    element, from byte `overlaid_compact_at` on.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$target, I64Attr:$params_elements,
      I64Attr:$trainable_elements, I64Attr:$decay_elements, I64Attr:$moments_bytes,
      I64Attr:$state_bytes, OptionalAttr<I64Attr>:$overlaid_from,
      OptionalAttr<I64Attr>:$overlaid_at, OptionalAttr<I64Attr>:$overlaid_compact_at);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def Plan_StorageOp : Plan_Op<"storage", [HasParent<"VariantOp">]> {
  let summary = "Where a parameter lies, and how";
  let description = [{
    `panel_width` 0: row-major. Otherwise W[rows, columns] lies in panels
    [ceil(rows / width)][columns][width], rows padded with zeros. Offsets and elements are in
    units of 4 bytes; `dtype` is bf16 or f16 where a frozen parameter keeps its file's type.
    Of a table of `rows_on_demand` rows programs read those of token ids alone, and update those
    with a slot.
  }];
  let arguments = (ins StrAttr:$parameter, I64Attr:$panel_width, I64Attr:$offset,
      I64Attr:$elements, OptionalAttr<TypeAttr>:$dtype, OptionalAttr<I64Attr>:$rows_on_demand);
  let assemblyFormat = "$parameter attr-dict";
}

def Plan_MomentOp : Plan_Op<"moment", [HasParent<"VariantOp">]> {
  let summary = "Where a moment of a parameter lies, and how";
  let description = [{
    `index` counts a parameter's moments. `shape` is canonical; `panel_width` as a storage's;
    `elements` as stored. The offset is in bytes. A `compact` moment uses as many of its rows as
    the symbol `touched` says, in the order of the input `touched.slots`.
  }];
  let arguments = (ins StrAttr:$parameter, I64Attr:$index, TypeAttr:$dtype,
      DenseI64ArrayAttr:$shape, I64Attr:$panel_width, I64Attr:$offset, I64Attr:$elements,
      UnitAttr:$compact);
  let assemblyFormat = "$parameter attr-dict";
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, HasParent<"VariantOp">,
                                       DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A kernel of the variant: its exported name and scratch bytes a thread";
  let description = [{
    On a GPU `threads` are a block's, `shared_bytes` its shared memory and `resident` the blocks
    that a multiprocessor shall hold at least; absent on the CPU. A kernel with `runs` is a group:
    run i has `counts[i]` launches of kernel `runs[i]` over grids of one size.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$scratch_bytes,
      OptionalAttr<I64Attr>:$threads, OptionalAttr<I64Attr>:$shared_bytes,
      OptionalAttr<I64Attr>:$resident, OptionalAttr<ArrayAttr>:$runs,
      OptionalAttr<DenseI64ArrayAttr>:$counts);
  let assemblyFormat = "$sym_name attr-dict";
  let hasVerifier = 1;
}

def Plan_ProgramOp : Plan_Op<"program", [Symbol, HasParent<"VariantOp">, NoTerminator,
                                         SingleBlock]> {
  let summary = "A flat list of commands";
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arena_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Plan_BufferOp : Plan_Op<"buffer", [HasParent<"ProgramOp">, Pure]> {
  let summary = "A slice of a segment";
  let description = [{
    `offset` is in bytes for arena, state and moments, in elements for params and grads;
    `elements` is a size over the module's symbols; inputs and outputs are named.
  }];
  let arguments = (ins Plan_Segment:$segment, TypeAttr:$dtype, AffineMapAttr:$elements,
      I64Attr:$offset, OptionalAttr<StrAttr>:$name);
  let results = (outs Plan_BufferType:$buffer);
  let assemblyFormat = "$segment ($name^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_LaunchOp : Plan_Op<"launch", [HasParent<"ProgramOp">,
                                       DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel over `grid` independent tasks";
  let description = [{
    With `group` this launch and those behind it, as many as the group's kernel counts, are
    independent of each other and given to the GPU as one: its grid is the sum of theirs.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Plan_BufferType>:$operands,
      DenseI32ArrayAttr:$access, ArrayAttr:$ints, ArrayAttr:$scalars, AffineMapAttr:$grid,
      StrAttr:$label, OptionalAttr<AffineMapAttr>:$flops, OptionalAttr<AffineMapAttr>:$bytes,
      OptionalAttr<FlatSymbolRefAttr>:$group);
  let assemblyFormat = "$kernel `(` $operands `)` attr-dict";
  let hasVerifier = 1;
}

def Plan_FillOp : Plan_Op<"fill", [HasParent<"ProgramOp">]> {
  let summary = "Zero bytes; skipped while the symbol `unless` is not zero";
  let arguments = (ins Plan_BufferType:$target, OptionalAttr<StrAttr>:$unless);
  let assemblyFormat = "$target attr-dict";
}

def Plan_CopyOp : Plan_Op<"copy", [HasParent<"ProgramOp">]> {
  let summary = "Copies a buffer to another of the same size";
  let arguments = (ins Plan_BufferType:$source, Plan_BufferType:$target);
  let assemblyFormat = "$source `to` $target attr-dict";
}

#endif
