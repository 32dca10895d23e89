// Lion, Adafactor and 8-bit AdamW against plain loops, in every layout; padding holds NaN in
// gradients and marks in parameters, so that a leak shows.
#include "compiler/targets/cpu/kernels/Adafactor.h"
#include "compiler/targets/cpu/kernels/AdamW8bit.h"
#include "compiler/targets/cpu/kernels/Optimizer.h"

#include "test/kernels/KernelHarness.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

/// A matrix as it lies in memory: row-major, or panels whose padding holds `padding`.
struct Matrix {
  std::int64_t rows, columns;
  const CpuIsa *panels;    ///< null: row-major
  bool transposed = false; ///< what lies there is the transpose

  /// 0: row-major.
  int panelWidth() const {
    return panels ? panels->panelWidth(transposed ? columns : rows) : 0;
  }
  Floats transpose(const Floats &values, std::int64_t height, std::int64_t width) const {
    Floats out(height * width);
    for (std::int64_t i = 0; i < height; ++i)
      for (std::int64_t j = 0; j < width; ++j)
        out[j * height + i] = values[i * width + j];
    return out;
  }
  Floats stored(const Floats &canonical, float padding) const {
    if (transposed)
      return Matrix{columns, rows, panels}.stored(transpose(canonical, rows, columns), padding);
    if (!panels)
      return canonical;
    Floats out = toPanels(canonical, columns, rows, *panels);
    std::int64_t width = panelWidth();
    for (std::int64_t row = rows; row < (rows + width - 1) / width * width; ++row)
      for (std::int64_t column = 0; column < columns; ++column)
        out[(row / width * columns + column) * width + row % width] = padding;
    return out;
  }
  Floats canonical(const Floats &stored) const {
    if (transposed)
      return transpose(Matrix{columns, rows, panels}.canonical(stored), columns, rows);
    return panels ? fromPanels(stored, columns, rows, *panels) : stored;
  }
};

std::vector<Matrix> matrices(const CpuIsa &isa) {
  std::vector<Matrix> all;
  for (auto [rows, columns] : {std::pair{1, 1}, {7, 5}, {33, 70}, {130, 48}, {64, 300}})
    for (const CpuIsa *panels : {static_cast<const CpuIsa *>(nullptr), &isa})
      all.push_back({rows, columns, panels});
  return all;
}

/// And transposes, as Conv1D weights lie: in panels on a CPU, by rows on a GPU.
std::vector<Matrix> matricesAndTransposes(const CpuIsa &isa) {
  std::vector<Matrix> all = matrices(isa);
  for (auto [rows, columns] : {std::pair{1, 1}, {7, 5}, {33, 70}, {70, 33}, {64, 300}})
    for (const CpuIsa *panels : {static_cast<const CpuIsa *>(nullptr), &isa})
      all.push_back({rows, columns, panels, true});
  return all;
}

const Floats kGo{0.5f, 1}, kStop{0.5f, 0};

/// Adafactor's step on plain arrays; rows of v and columns of vColumn, or v alone.
struct PlainAdafactor {
  std::vector<double> p, v, vColumn;
  double lr, beta2, eps, clip, decay;

  void step(const Floats &g, double coefficient) {
    std::size_t rows = v.size(), columns = std::max<std::size_t>(1, vColumn.size());
    std::vector<double> u(p.size()), sums(columns);
    double total = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < columns; ++j) {
        double x = g[i * columns + j] * coefficient, s = x * x + eps;
        u[i * columns + j] = x;
        sum += s;
        sums[j] += s;
      }
      v[i] = beta2 * v[i] + (1 - beta2) * sum / columns;
      total += v[i];
    }
    double squares = 0;
    for (std::size_t j = 0; j < vColumn.size(); ++j)
      vColumn[j] = beta2 * vColumn[j] + (1 - beta2) * sums[j] / rows;
    for (std::size_t e = 0; e < p.size(); ++e) {
      double size = v[e / columns];
      if (!vColumn.empty())
        size = size / (total / rows) * vColumn[e % columns];
      u[e] /= std::sqrt(size);
      squares += u[e] * u[e];
    }
    double scale = lr / std::max(1.0, std::sqrt(squares / p.size()) / clip);
    for (std::size_t e = 0; e < p.size(); ++e)
      p[e] = p[e] * (1 - lr * decay) - scale * u[e];
  }
};

void expectClose(const Floats &values, const std::vector<double> &reference, double tolerance) {
  ASSERT_EQ(values.size(), reference.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], reference[i], tolerance * (1e-3 + std::abs(reference[i]))) << i;
}

/// The four launches of a matrix.
struct AdafactorLaunches {
  std::vector<std::shared_ptr<AdafactorMatrix>> stages;

  AdafactorLaunches(int panelWidth, bool control) {
    for (auto stage : {AdafactorMatrix::Rows, AdafactorMatrix::Columns,
                       AdafactorMatrix::Squares, AdafactorMatrix::Apply}) {
      stages.push_back(std::make_shared<AdafactorMatrix>());
      stages.back()->stage = stage;
      stages.back()->panelWidth = panelWidth;
      stages.back()->control = control;
    }
  }

  void run(const KernelLibrary &library, const Matrix &matrix, Floats &p, Floats &g, Floats &v,
           Floats &vColumn, Floats *control, const PlainAdafactor &scalars, Split split) const {
    std::int64_t rows = matrix.rows, columns = matrix.columns;
    std::int64_t height = AdafactorMatrix::blockRows(matrix.panelWidth());
    std::int64_t blocks = (rows + height - 1) / height;
    Floats partial(blocks * columns), factor(columns), mean(1);
    Buffer<double> squares(blocks);
    auto launch = [&](int stage, std::vector<void *> buffers, std::vector<std::int64_t> ints,
                      std::vector<double> values) {
      if (control)
        buffers.push_back(control->data());
      library.run(*stages[stage], buffers, ints, values, split);
    };
    launch(0, {g.data(), v.data(), partial.data()}, {rows, columns},
           {scalars.beta2, scalars.eps});
    launch(1, {partial.data(), v.data(), vColumn.data(), factor.data(), mean.data()},
           {columns, rows, blocks}, {scalars.beta2});
    launch(2, {g.data(), v.data(), factor.data(), mean.data(), squares.data()}, {rows, columns},
           {});
    launch(3, {p.data(), g.data(), v.data(), factor.data(), mean.data(), squares.data()},
           {rows, columns, blocks}, {scalars.lr, scalars.clip, scalars.decay});
    ASSERT_TRUE(partial.intact() && factor.intact() && mean.intact() && squares.intact());
  }
};

TEST(MemoryOptimizers, LionFollowsItsEquations) {
  for (const CpuIsa *isa : runnableIsas())
    for (bool control : {true, false}) {
      auto spec = std::make_shared<Lion>();
      spec->control = control;
      KernelLibrary library({spec}, *isa);
      for (std::int64_t n : {0, 1, 5, 33000}) {
        Floats p = randomFloats(n, 1), m(n), go = kGo, stop = kStop;
        std::vector<double> rp(p.data(), p.data() + n), rm(n);
        const double lr = 1e-2, b1 = 0.9, b2 = 0.99, decay = 0.01;
        for (int t = 1; t <= 5; ++t) {
          Floats g = randomFloats(n, 10 + t);
          if (n > 4 && t == 1)
            g[3] = 0; // sign(0) = 0
          std::vector<void *> buffers{p.data(), g.data(), m.data()};
          if (control)
            buffers.push_back(go.data());
          library.run(*spec, buffers, {n}, {lr, b1, b2, decay},
                      t % 2 ? Split::Pieces : Split::Whole);
          for (std::int64_t i = 0; i < n; ++i) {
            double gradient = g[i] * (control ? 0.5 : 1.0);
            double u = b1 * rm[i] + (1 - b1) * gradient;
            if (std::abs(u) > 1e-6 || u == 0) // a sign that rounding cannot turn
              rp[i] = rp[i] * (1 - lr * decay) - lr * ((u > 0) - (u < 0));
            else
              rp[i] = p[i];
            rm[i] = b2 * rm[i] + (1 - b2) * gradient;
            ASSERT_NEAR(p[i], rp[i], 1e-6) << "t=" << t << " i=" << i;
            ASSERT_NEAR(m[i], rm[i], 1e-6);
          }
        }
        ASSERT_TRUE(p.intact() && m.intact());
        if (!control)
          continue;
        Floats before = p, mBefore = m, g = randomFloats(n, 99);
        library.run(*spec, {p.data(), g.data(), m.data(), stop.data()}, {n},
                    {lr, b1, b2, decay});
        ASSERT_TRUE(p == before && m == mBefore) << "state touched";
      }
    }
}

TEST(MemoryOptimizers, AdafactorOfMatricesInBothLayouts) {
  for (const CpuIsa *isa : runnableIsas())
    for (bool control : {true, false})
      for (const Matrix &matrix : matrices(*isa)) {
        AdafactorLaunches launches(matrix.panelWidth(), control);
        KernelLibrary library({launches.stages.begin(), launches.stages.end()}, *isa);
        std::int64_t n = matrix.rows * matrix.columns;
        Floats start = randomFloats(n, 1), v(matrix.rows), vColumn(matrix.columns);
        Floats p = matrix.stored(start, 7), go = kGo, stop = kStop;
        PlainAdafactor plain{{start.data(), start.data() + n},
                             std::vector<double>(matrix.rows),
                             std::vector<double>(matrix.columns),
                             0.01,
                             0,
                             1e-30,
                             1,
                             0.1};
        for (int t = 1; t <= 4; ++t) {
          plain.beta2 = 1 - std::pow(t, -0.8);
          // The third step's update is far above the threshold.
          Floats canonical = randomFloats(n, 10 + t, t == 3 ? 100 : 0.1f);
          Floats g = matrix.stored(canonical, NAN);
          launches.run(library, matrix, p, g, v, vColumn, control ? &go : nullptr, plain,
                       t % 2 ? Split::Pieces : Split::Whole);
          plain.step(canonical, control ? 0.5 : 1);
          // f32 squares and roots: some 1e-7 of each value.
          expectClose(matrix.canonical(p), plain.p, 1e-5);
          expectClose(v, plain.v, 1e-5);
          expectClose(vColumn, plain.vColumn, 1e-5);
          ASSERT_TRUE(p == matrix.stored(matrix.canonical(p), 7)) << "padding was written";
        }
        ASSERT_TRUE(p.intact() && v.intact() && vColumn.intact());
        if (!control)
          continue;
        Floats before = p, vBefore = v, columnBefore = vColumn;
        Floats g = matrix.stored(randomFloats(n, 99), NAN);
        launches.run(library, matrix, p, g, v, vColumn, &stop, plain, Split::Whole);
        ASSERT_TRUE(p == before && v == vBefore && vColumn == columnBefore) << "state touched";
      }
}

TEST(MemoryOptimizers, AdafactorOfVectors) {
  for (const CpuIsa *isa : runnableIsas())
    for (bool control : {true, false}) {
      auto spec = std::make_shared<AdafactorVector>();
      spec->control = control;
      KernelLibrary library({spec}, *isa);
      for (std::int64_t n : {1, 5, 64, 3001}) {
        Floats p = randomFloats(n, 1), v(n), go = kGo, stop = kStop;
        PlainAdafactor plain{
            {p.data(), p.data() + n}, std::vector<double>(n), {}, 0.01, 0, 1e-30, 1, 0.1};
        auto run = [&](Floats &g, Floats &flag) {
          std::vector<void *> buffers{p.data(), g.data(), v.data()};
          if (control)
            buffers.push_back(flag.data());
          library.run(*spec, buffers, {n},
                      {plain.lr, plain.beta2, plain.eps, plain.clip, plain.decay});
        };
        for (int t = 1; t <= 4; ++t) {
          plain.beta2 = 1 - std::pow(t, -0.8);
          Floats g = randomFloats(n, 10 + t, t == 3 ? 100 : 0.1f);
          run(g, go);
          plain.step(g, control ? 0.5 : 1);
          expectClose(p, plain.p, 1e-5);
          expectClose(v, plain.v, 1e-5);
        }
        ASSERT_TRUE(p.intact() && v.intact());
        Floats before = p, vBefore = v, g = randomFloats(n, 99);
        if (!control)
          continue;
        run(g, stop);
        ASSERT_TRUE(p == before && v == vBefore) << "state touched";
      }
    }
}

std::vector<float> readMap(std::ifstream &file) {
  std::vector<float> map(256);
  std::uint32_t bits = 0;
  for (float &value : map) {
    file >> std::hex >> bits;
    value = std::bit_cast<float>(bits);
  }
  return map;
}

/// bitsandbytes' values, as test/oracle/record_optimizers.py recorded them: equal bits.
TEST(MemoryOptimizers, DynamicMapsAreBitsandbytes) {
  std::ifstream file(FTC_TEST_DIR "/dynamic_maps.txt");
  for (bool isSigned : {true, false}) {
    std::vector<float> recorded = readMap(file);
    ASSERT_TRUE(file.good());
    std::array<float, 256> map = dynamicMap(isSigned);
    for (int i = 0; i < 256; ++i)
      EXPECT_EQ(std::bit_cast<std::uint32_t>(map[i]), std::bit_cast<std::uint32_t>(recorded[i]))
          << isSigned << " " << i;
  }
}

int nearestCode(const std::vector<float> &map, float x) {
  int nearest = 0;
  for (int code = 1; code < 256; ++code)
    if (std::abs(x - map[code]) < std::abs(x - map[nearest]))
      nearest = code;
  return nearest;
}

int foundCode(const CodeSearch &search, float x, bool isSigned) {
  std::int32_t bits = std::bit_cast<std::int32_t>(x);
  std::int32_t cell = ((bits & 0x7fffffff) >> search.shift) - search.firstCell;
  cell = std::max(cell, 0) + (isSigned && bits < 0 ? search.magnitudes : 0);
  int code = search.cells.at(cell);
  return code + (x > search.thresholds[code]);
}

TEST(MemoryOptimizers, CodeSearchFindsTheNearestCode) {
  for (bool isSigned : {true, false}) {
    CodeSearch search(isSigned);
    std::vector<float> values{0.0f, -0.0f, 1e-30f, 1.0f};
    // Around each code and each threshold, and across each cell's border.
    for (int i = 0; i < 255; ++i)
      for (float x :
           {search.map[i], search.thresholds[i], (search.map[i] + search.map[i + 1]) / 2})
        for (float near : {std::nextafter(x, -2.0f), x, std::nextafter(x, 2.0f)})
          values.push_back(near);
    for (std::int32_t cell = 0; cell < search.magnitudes; ++cell) {
      float x = std::bit_cast<float>((search.firstCell + cell) << search.shift);
      values.insert(values.end(), {x, std::nextafter(x, 0.0f)});
    }
    std::size_t plain = values.size();
    for (std::size_t i = 0; isSigned && i < plain; ++i)
      values.push_back(-values[i]);
    for (float x : values)
      if (x >= (isSigned ? -1.0f : 0.0f) && x <= 1.0f)
        ASSERT_EQ(foundCode(search, x, isSigned), nearestCode(search.map, x)) << x;
  }
}

/// AdamW8bit's step in f32, operation by operation: the kernel's bits in every layout.
struct PlainAdamW8bit {
  Floats p, mAbsmax, vAbsmax;
  std::vector<std::uint8_t> m, v;
  CodeSearch signedCodes{true}, unsignedCodes{false};

  void step(const Floats &g, float coefficient, bool scale, const std::vector<double> &s) {
    std::vector<float> mNew(p.size()), vNew(p.size());
    float keep1 = float(s[1]), rate1 = float(1.0 - s[1]), keep2 = float(s[2]);
    float rate2 = float(1.0 - s[2]), decay = float(1.0 - s[0] * s[4]), eps = float(s[3]);
    float size = float(s[0] / s[5]), root = float(std::sqrt(s[6]));
    for (std::size_t i = 0; i < p.size(); ++i) {
      float x = scale ? g[i] * coefficient : g[i];
      float mOld = signedCodes.map[m[i]] * mAbsmax[i / 256];
      float vOld = unsignedCodes.map[v[i]] * vAbsmax[i / 256];
      mNew[i] = std::fma(rate1, x, mOld * keep1);
      vNew[i] = std::fma(x * rate2, x, vOld * keep2);
      p[i] = p[i] * decay - size * (mNew[i] / (std::sqrt(vNew[i]) / root + eps));
    }
    for (std::size_t first = 0; first < p.size(); first += 256) {
      std::size_t end = std::min(first + 256, p.size());
      float mMax = 0, vMax = 0;
      for (std::size_t i = first; i < end; ++i) {
        mMax = std::max(mMax, std::abs(mNew[i]));
        vMax = std::max(vMax, vNew[i]);
      }
      mAbsmax[first / 256] = mMax;
      vAbsmax[first / 256] = vMax;
      for (std::size_t i = first; i < end; ++i) {
        m[i] = nearestCode(signedCodes.map, mNew[i] / (mMax > 0 ? mMax : 1));
        v[i] = nearestCode(unsignedCodes.map, vNew[i] / (vMax > 0 ? vMax : 1));
      }
    }
  }
};

TEST(MemoryOptimizers, AdamW8bitInEveryLayout) {
  for (const CpuIsa *isa : runnableIsas())
    for (bool control : {true, false})
      for (const Matrix &matrix : matricesAndTransposes(*isa)) {
        auto spec = std::make_shared<AdamW8bit>();
        spec->panelWidth = matrix.panelWidth();
        spec->transposed = matrix.transposed;
        spec->control = control;
        KernelLibrary library({spec}, *isa);
        std::int64_t n = matrix.rows * matrix.columns, blocks = (n + 255) / 256;
        Floats start = randomFloats(n, 1), go = kGo, stop = kStop;
        Floats p = matrix.stored(start, 7), mAbsmax(blocks), vAbsmax(blocks);
        Buffer<std::uint8_t> m(n), v(n);
        PlainAdamW8bit plain{start, mAbsmax, vAbsmax, std::vector<std::uint8_t>(n),
                             std::vector<std::uint8_t>(n)};
        auto run = [&](Floats &g, Floats &flag, const std::vector<double> &scalars,
                       Split split) {
          std::vector<void *> buffers{p.data(), g.data(),       m.data(),
                                      v.data(), mAbsmax.data(), vAbsmax.data()};
          if (control)
            buffers.push_back(flag.data());
          library.run(*spec, buffers, {n, matrix.columns, 3, (blocks + 2) / 3}, scalars, split);
        };
        std::vector<double> scalars{1e-2, 0.9, 0.999, 1e-8, 0.01, 0, 0};
        for (int t = 1; t <= 4; ++t) {
          scalars[5] = 1 - std::pow(0.9, t);
          scalars[6] = 1 - std::pow(0.999, t);
          // Magnitudes over many decades, some zeros; a whole block of them at first.
          Floats canonical = randomFloats(n, 10 + t), exponents = randomFloats(n, 50 + t);
          for (std::int64_t i = 0; i < n; ++i)
            canonical[i] *= i % 7 == 0 || (t == 1 && i < 256) ? 0 : std::exp(8 * exponents[i]);
          Floats g = matrix.stored(canonical, NAN);
          run(g, go, scalars, t % 2 ? Split::Pieces : Split::Whole);
          plain.step(canonical, 0.5f, control, scalars);
          ASSERT_TRUE(matrix.canonical(p) == plain.p) << "t=" << t;
          ASSERT_TRUE(mAbsmax == plain.mAbsmax && vAbsmax == plain.vAbsmax) << "t=" << t;
          for (std::int64_t i = 0; i < n; ++i) {
            ASSERT_EQ(m[i], plain.m[i]) << "t=" << t << " i=" << i;
            ASSERT_EQ(v[i], plain.v[i]) << "t=" << t << " i=" << i;
          }
          ASSERT_TRUE(p == matrix.stored(matrix.canonical(p), 7)) << "padding was written";
        }
        ASSERT_TRUE(p.intact() && m.intact() && v.intact() && mAbsmax.intact());
        if (!control)
          continue;
        Floats before = p, mBefore = mAbsmax, vBefore = vAbsmax;
        Buffer<std::uint8_t> mCodes = m, vCodes = v;
        Floats g = matrix.stored(randomFloats(n, 99), NAN);
        run(g, stop, scalars, Split::Whole);
        ASSERT_TRUE(p == before && m == mCodes && v == vCodes && mAbsmax == mBefore &&
                    vAbsmax == vBefore)
            << "state touched";
      }
}

} // namespace
