// Dense linear algebra of the size that probes need: a few thousand rows of some hundred
// features.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ftc::assess {

/// Row-major [rows, columns].
template <typename T> struct MatrixOf {
  std::int64_t rows = 0, columns = 0;
  std::vector<T> values;

  MatrixOf() = default;
  MatrixOf(std::int64_t rows, std::int64_t columns)
      : rows(rows), columns(columns), values(static_cast<std::size_t>(rows * columns)) {}
  std::span<T> row(std::int64_t i) {
    return std::span<T>(values).subspan(i * columns, columns);
  }
  std::span<const T> row(std::int64_t i) const {
    return std::span<const T>(values).subspan(i * columns, columns);
  }
};
using Matrix = MatrixOf<float>;
using DoubleMatrix = MatrixOf<double>;

/// out [n, c] = x [n, d] w [d, c] + bias [c].
void multiplyAdd(const Matrix &x, const Matrix &w, std::span<const float> bias, Matrix &out);

/// out [d, c] = xᵀ [d, n] r [n, c].
void multiplyTransposed(const Matrix &x, const Matrix &r, Matrix &out);

/// The eigenvalues of a symmetric matrix, ascending, and their vectors as rows of `vectors`.
struct SymmetricEigen {
  std::vector<double> values;
  DoubleMatrix vectors;
};

/// Householder's tridiagonal form, then QL with implicit shifts (Golub and Van Loan, Matrix
/// Computations, 8.3). Reads the lower triangle.
SymmetricEigen eigenOfSymmetric(DoubleMatrix a);

/// x xᵀ, or xᵀ x with `columns`, in f64.
DoubleMatrix gram(const Matrix &x, bool columns);

} // namespace ftc::assess
