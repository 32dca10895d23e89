// Products by panels of columns that stay in registers; the rest are plain loops whose inner
// dimension is contiguous, so that the compiler vectorizes them.
#include "assess/Dense.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

// One machine's bits: the widest vectors that it has, chosen when the program starts.
#if defined(__x86_64__) && defined(__clang__)
#define FTC_WIDE_VECTORS __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FTC_WIDE_VECTORS
#endif

namespace ftc::assess {

/// Columns of an output that stand in registers together.
constexpr std::int64_t kPanel = 16;
using Lanes = float __attribute__((vector_size(kPanel * sizeof(float))));

/// Rows, or columns, of an output that stand in registers together.
constexpr std::int64_t kRowsAtOnce = 4, kColumnsAtOnce = 8;

/// out [kRowsAtOnce, kPanel] += x w, of rows x[r] [d] and a panel w [d, kPanel].
FTC_WIDE_VECTORS static void addRowsTimesPanel(const float *const *x, std::int64_t d,
                                               const float *w, float *out) {
  Lanes sums[kRowsAtOnce];
  std::memcpy(sums, out, sizeof sums);
  for (std::int64_t k = 0; k < d; ++k) {
    Lanes row;
    std::memcpy(&row, w + k * kPanel, sizeof row);
    for (std::int64_t r = 0; r < kRowsAtOnce; ++r)
      sums[r] += x[r][k] * row;
  }
  std::memcpy(out, sums, sizeof sums);
}

/// out [kColumnsAtOnce, kPanel] = xᵀ r, of columns x[q] [n] that are `stride` apart and a panel
/// r [n, kPanel].
FTC_WIDE_VECTORS static void columnsTimesPanel(const float *const *x, std::int64_t n,
                                               std::int64_t stride, const float *r,
                                               float *out) {
  Lanes sums[kColumnsAtOnce] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    Lanes row;
    std::memcpy(&row, r + i * kPanel, sizeof row);
    for (std::int64_t q = 0; q < kColumnsAtOnce; ++q)
      sums[q] += x[q][i * stride] * row;
  }
  std::memcpy(out, sums, sizeof sums);
}

/// Columns `first` … of `m` as a panel [m.rows, kPanel], zeros behind the last.
static void packPanel(const Matrix &m, std::int64_t first, std::vector<float> &panel) {
  std::int64_t width = std::min(kPanel, m.columns - first);
  panel.assign(static_cast<std::size_t>(m.rows * kPanel), 0.0f);
  for (std::int64_t i = 0; i < m.rows; ++i)
    std::copy_n(m.row(i).data() + first, width, panel.data() + i * kPanel);
}

/// out [i] += factor * in [i], in f64.
FTC_WIDE_VECTORS static void addScaled(double factor, const float *in, std::int64_t size,
                                       double *out) {
  for (std::int64_t i = 0; i < size; ++i)
    out[i] += factor * static_cast<double>(in[i]);
}

void multiplyAdd(const Matrix &x, const Matrix &w, std::span<const float> bias, Matrix &out) {
  out.rows = x.rows;
  out.columns = w.columns;
  out.values.resize(static_cast<std::size_t>(x.rows * w.columns));
  std::vector<float> panel;
  float sums[kRowsAtOnce][kPanel];
  const float *rows[kRowsAtOnce];
  for (std::int64_t first = 0; first < w.columns; first += kPanel) {
    std::int64_t width = std::min(kPanel, w.columns - first);
    packPanel(w, first, panel);
    for (std::int64_t i = 0; i < x.rows; i += kRowsAtOnce) {
      for (std::int64_t r = 0; r < kRowsAtOnce; ++r) { // the last again, where there are fewer
        rows[r] = x.row(std::min(i + r, x.rows - 1)).data();
        std::fill_n(sums[r], kPanel, 0.0f);
        std::copy_n(bias.begin() + first, width, sums[r]);
      }
      addRowsTimesPanel(rows, x.columns, panel.data(), sums[0]);
      for (std::int64_t r = 0; r < std::min(kRowsAtOnce, x.rows - i); ++r)
        std::copy_n(sums[r], width, out.row(i + r).data() + first);
    }
  }
}

void multiplyTransposed(const Matrix &x, const Matrix &r, Matrix &out) {
  out.rows = x.columns;
  out.columns = r.columns;
  out.values.assign(static_cast<std::size_t>(x.columns * r.columns), 0.0f);
  std::vector<float> panel;
  float sums[kColumnsAtOnce][kPanel];
  const float *columns[kColumnsAtOnce];
  for (std::int64_t first = 0; x.rows > 0 && first < r.columns; first += kPanel) {
    std::int64_t width = std::min(kPanel, r.columns - first);
    packPanel(r, first, panel);
    for (std::int64_t k = 0; k < x.columns; k += kColumnsAtOnce) {
      for (std::int64_t q = 0; q < kColumnsAtOnce; ++q)
        columns[q] = x.values.data() + std::min(k + q, x.columns - 1);
      columnsTimesPanel(columns, x.rows, x.columns, panel.data(), sums[0]);
      for (std::int64_t q = 0; q < std::min(kColumnsAtOnce, x.columns - k); ++q)
        std::copy_n(sums[q], width, out.row(k + q).data() + first);
    }
  }
}

DoubleMatrix gram(const Matrix &x, bool columns) {
  if (columns) {
    DoubleMatrix out(x.columns, x.columns);
    for (std::int64_t i = 0; i < x.rows; ++i) {
      std::span<const float> row = x.row(i);
      for (std::int64_t k = 0; k < x.columns; ++k)
        addScaled(static_cast<double>(row[k]), row.data(), k + 1, out.row(k).data());
    }
    for (std::int64_t i = 0; i < out.rows; ++i)
      for (std::int64_t j = i + 1; j < out.rows; ++j)
        out.row(i)[j] = out.row(j)[i];
    return out;
  }
  DoubleMatrix out(x.rows, x.rows);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < x.columns; ++k)
        sum += static_cast<double>(x.row(i)[k]) * static_cast<double>(x.row(j)[k]);
      out.row(i)[j] = out.row(j)[i] = sum;
    }
  return out;
}

namespace {

/// Householder reflections that leave a tridiagonal matrix: its diagonal, the elements below it
/// (below[i] couples i and i + 1), and in `q` the product of the reflections, its rows being
/// what the basis was made of.
void tridiagonalize(DoubleMatrix &a, std::vector<double> &diagonal, std::vector<double> &below,
                    DoubleMatrix &q) {
  std::int64_t n = a.rows;
  q = DoubleMatrix(n, n);
  for (std::int64_t i = 0; i < n; ++i)
    q.row(i)[i] = 1;
  std::vector<double> v(n), p(n);
  for (std::int64_t k = 0; k + 2 < n; ++k) {
    double norm = 0;
    for (std::int64_t i = k + 1; i < n; ++i)
      norm += a.row(i)[k] * a.row(i)[k];
    norm = std::sqrt(norm);
    if (norm == 0)
      continue;
    double alpha = a.row(k + 1)[k] > 0 ? -norm : norm;
    double size = 0;
    for (std::int64_t i = k + 1; i < n; ++i) {
      v[i] = a.row(i)[k] - (i == k + 1 ? alpha : 0);
      size += v[i] * v[i];
    }
    if (size == 0)
      continue;
    // A := H A H with H = I - 2 v vᵀ / vᵀv, on the trailing block and column k.
    double tau = 2 / size, dot = 0;
    for (std::int64_t i = k + 1; i < n; ++i) {
      double sum = 0;
      const double *row = a.row(i).data();
      for (std::int64_t j = k + 1; j < n; ++j)
        sum += row[j] * v[j];
      p[i] = tau * sum;
      dot += p[i] * v[i];
    }
    for (std::int64_t i = k + 1; i < n; ++i)
      p[i] -= tau / 2 * dot * v[i];
    for (std::int64_t i = k + 1; i < n; ++i) {
      double *row = a.row(i).data();
      for (std::int64_t j = k + 1; j < n; ++j)
        row[j] -= v[i] * p[j] + p[i] * v[j];
    }
    for (std::int64_t i = k + 1; i < n; ++i)
      a.row(i)[k] = a.row(k)[i] = i == k + 1 ? alpha : 0;
    // Rows of q stay the transpose of what multiplies from the left: q := H q.
    std::fill(p.begin(), p.end(), 0.0);
    for (std::int64_t i = k + 1; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        p[j] += v[i] * q.row(i)[j];
    for (std::int64_t i = k + 1; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        q.row(i)[j] -= tau * v[i] * p[j];
  }
  diagonal.resize(n);
  below.assign(n, 0.0);
  for (std::int64_t i = 0; i < n; ++i) {
    diagonal[i] = a.row(i)[i];
    if (i + 1 < n)
      below[i] = a.row(i + 1)[i];
  }
}

/// QL with implicit shifts; rotations go into the rows of `q`.
void diagonalize(std::vector<double> &d, std::vector<double> &e, DoubleMatrix &q) {
  constexpr int kMostSweeps = 60;
  auto n = static_cast<std::int64_t>(d.size());
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  for (std::int64_t l = 0; l < n; ++l)
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      std::int64_t m = l;
      while (m + 1 < n && std::abs(e[m]) > epsilon * (std::abs(d[m]) + std::abs(d[m + 1])))
        ++m;
      if (m == l)
        break;
      double g = (d[l + 1] - d[l]) / (2 * e[l]);
      double r = std::hypot(g, 1.0);
      g = d[m] - d[l] + e[l] / (g + std::copysign(r, g));
      double s = 1, c = 1, p = 0;
      std::int64_t i = m - 1;
      for (; i >= l; --i) {
        double f = s * e[i], b = c * e[i];
        r = std::hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        double *low = q.row(i).data(), *high = q.row(i + 1).data();
        for (std::int64_t k = 0; k < n; ++k) {
          double held = high[k];
          high[k] = s * low[k] + c * held;
          low[k] = c * low[k] - s * held;
        }
      }
      if (r == 0 && i >= l)
        continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
}

} // namespace

SymmetricEigen eigenOfSymmetric(DoubleMatrix a) {
  SymmetricEigen out;
  std::vector<double> below;
  DoubleMatrix q;
  tridiagonalize(a, out.values, below, q);
  diagonalize(out.values, below, q);
  std::vector<std::int64_t> order(out.values.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<std::int64_t>(i);
  std::sort(order.begin(), order.end(), [&](std::int64_t x, std::int64_t y) {
    return std::pair(out.values[x], x) < std::pair(out.values[y], y);
  });
  std::vector<double> sorted;
  out.vectors = DoubleMatrix(a.rows, a.rows);
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted.push_back(out.values[order[i]]);
    std::copy(q.row(order[i]).begin(), q.row(order[i]).end(), out.vectors.row(i).begin());
  }
  out.values = std::move(sorted);
  return out;
}

} // namespace ftc::assess
