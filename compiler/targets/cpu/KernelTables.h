// What kernels of quantized values need beside KernelBuilder's floats: arrays of bytes, and
// read-only tables that are looked up lane by lane.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"

#include <string>
#include <vector>

namespace ftc::cpu {

/// A pointer to bytes.
struct BytePtr {
  KernelBuilder *builder = nullptr;
  mlir::Value value;

  BytePtr operator[](Num index) const;
};

/// Buffer `index` of the launch as bytes.
BytePtr byteBuffer(KernelBuilder &b, int index);
/// A vector of bytes as i32; masked lanes 0, a null mask means all lanes.
Num loadBytes(KernelBuilder &b, BytePtr p, Num mask);
/// The low bytes of a vector of i32.
void storeBytes(KernelBuilder &b, Num values, BytePtr p, Num mask);

/// A read-only table of the module, made at the first call with that name.
Ptr constantTable(KernelBuilder &b, const std::string &name, const std::vector<float> &values);
Ptr constantTable(KernelBuilder &b, const std::string &name,
                  const std::vector<std::int32_t> &values);
/// Elements of a table of f32 or i32 at a vector of integer indices, all in range; masked lanes
/// 0, a null mask means all lanes.
Num gather(KernelBuilder &b, Ptr table, Num indices, Num mask = {});
/// Writes a vector of f32 to the elements at a vector of integer indices, each in one lane.
void scatter(KernelBuilder &b, Num values, Ptr table, Num indices, Num mask = {});

} // namespace ftc::cpu
