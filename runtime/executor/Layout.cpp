// Row-major and panel layouts: a permutation of elements plus zero padding, so lossless.
#include "runtime/executor/Layout.h"

#include <algorithm>
#include <cstring>

namespace ftc::rt {

bool storageElements(std::span<const std::int64_t> shape, const abi::Layout &layout,
                     std::int64_t &elements) {
  std::int64_t product = 1;
  for (std::int64_t dimension : shape)
    if (dimension < 1 || __builtin_mul_overflow(product, dimension, &product))
      return false;
  if (layout.kind() != abi::LayoutKind::RowMajor) {
    std::int64_t width = layout.width();
    bool transposed = layout.kind() == abi::LayoutKind::PanelsTransposed;
    if (shape.size() < 2 || (transposed && shape.size() != 2) || width < 1)
      return false;
    std::int64_t rows = shape[0], columns = product / rows;
    std::int64_t across = transposed ? columns : rows, along = transposed ? rows : columns;
    std::int64_t panels = across / width + (across % width != 0 ? 1 : 0);
    if (__builtin_mul_overflow(panels, along, &product) ||
        __builtin_mul_overflow(product, width, &product))
      return false;
  }
  elements = product;
  return true;
}

/// Columns of the matrix that a shape is to panels: its dimensions but the first.
static std::int64_t columnsOf(std::span<const std::int64_t> shape) {
  std::int64_t columns = 1;
  for (std::int64_t dimension : shape.subspan(1))
    columns *= dimension;
  return columns;
}

void packParameter(std::span<const std::int64_t> shape, const abi::Layout &layout,
                   std::span<const float> canonical, std::span<float> storage) {
  if (layout.kind() == abi::LayoutKind::RowMajor) {
    std::memcpy(storage.data(), canonical.data(), canonical.size_bytes());
    return;
  }
  std::int64_t rows = shape[0], columns = columnsOf(shape), width = layout.width();
  float *out = storage.data();
  if (layout.kind() == abi::LayoutKind::PanelsTransposed) {
    for (std::int64_t column = 0; column < columns; column += width) {
      std::int64_t used = std::min(width, columns - column);
      for (std::int64_t row = 0; row < rows; ++row, out += width) {
        const float *from = canonical.data() + row * columns + column;
        std::fill(std::copy(from, from + used, out), out + width, 0.0f);
      }
    }
    return;
  }
  for (std::int64_t row = 0; row < rows; row += width) {
    std::int64_t used = std::min(width, rows - row);
    const float *panel = canonical.data() + row * columns;
    for (std::int64_t column = 0; column < columns; ++column, out += width) {
      for (std::int64_t i = 0; i < used; ++i)
        out[i] = panel[i * columns + column];
      std::fill(out + used, out + width, 0.0f);
    }
  }
}

void unpackParameter(std::span<const std::int64_t> shape, const abi::Layout &layout,
                     std::span<const float> storage, std::span<float> canonical,
                     std::int64_t first) {
  if (layout.kind() == abi::LayoutKind::RowMajor) {
    std::memcpy(canonical.data(), storage.data() + first, canonical.size_bytes());
    return;
  }
  std::int64_t rows = shape[0], columns = columnsOf(shape), width = layout.width();
  std::int64_t row = first / columns, column = first % columns;
  auto left = static_cast<std::int64_t>(canonical.size());
  for (float *out = canonical.data(); left > 0; ++row, column = 0) {
    std::int64_t end = std::min(columns, column + left);
    left -= end - column;
    if (layout.kind() == abi::LayoutKind::PanelsTransposed) {
      for (; column < end; ++column)
        *out++ = storage[(column / width * rows + row) * width + column % width];
      continue;
    }
    const float *in = storage.data() + row / width * columns * width + row % width;
    for (; column < end; ++column)
      *out++ = in[column * width];
  }
}

} // namespace ftc::rt
