// Optimizer updates over several steps against f64, the untouched state, the global norm.
#include "compiler/targets/cpu/kernels/Optimizer.h"

#include "test/kernels/KernelHarness.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

TEST(Optimizer, AdamWFollowsTorch) {
  for (const CpuIsa *isa : runnableIsas())
    for (bool control : {true, false}) {
      auto spec = std::make_shared<AdamW>();
      spec->control = control;
      KernelLibrary library({spec}, *isa);
      for (std::int64_t n : {0, 1, 5, 8, 33000}) {
        Floats p = randomFloats(n, 1), m(n), v(n), control2{0.5f, 1};
        std::vector<double> rp(p.data(), p.data() + n), rm(n), rv(n);
        const double lr = 1e-2, b1 = 0.9, b2 = 0.999, eps = 1e-8, decay = 0.01;
        for (int t = 1; t <= 5; ++t) {
          Floats g = randomFloats(n, 10 + t);
          double bc1 = 1 - std::pow(b1, t), bc2 = 1 - std::pow(b2, t);
          std::vector<void *> buffers{p.data(), g.data(), m.data(), v.data()};
          if (control)
            buffers.push_back(control2.data());
          library.run(*spec, buffers, {n}, {lr, b1, b2, eps, decay, bc1, bc2},
                      t % 2 ? Split::Pieces : Split::Whole);
          for (std::int64_t i = 0; i < n; ++i) {
            double gradient = g[i] * (control ? 0.5 : 1.0);
            rp[i] *= 1 - lr * decay;
            rm[i] = b1 * rm[i] + (1 - b1) * gradient;
            rv[i] = b2 * rv[i] + (1 - b2) * gradient * gradient;
            rp[i] -= lr / bc1 * rm[i] / (std::sqrt(rv[i]) / std::sqrt(bc2) + eps);
            // Some ulp of p and of the step, each time.
            ASSERT_NEAR(p[i], rp[i], 1e-6) << "t=" << t << " i=" << i;
            ASSERT_NEAR(m[i], rm[i], 1e-6);
            ASSERT_NEAR(v[i], rv[i], 1e-6 * rv[i] + 1e-12);
          }
        }
        ASSERT_TRUE(p.intact() && m.intact() && v.intact());
        Floats before = p, mBefore = m, vBefore = v, g = randomFloats(n, 99);
        if (n > 0)
          g[n / 2] = NAN;
        Floats stop{0.5f, 0};
        if (!control)
          continue;
        library.run(*spec, {p.data(), g.data(), m.data(), v.data(), stop.data()}, {n},
                    {lr, b1, b2, eps, decay, 0.1, 0.1});
        ASSERT_TRUE(p == before && m == mBefore && v == vBefore) << "state touched";
      }
    }
}

TEST(Optimizer, SgdWithMomentum) {
  for (const CpuIsa *isa : runnableIsas())
    for (bool control : {true, false}) {
      auto spec = std::make_shared<Sgd>();
      spec->control = control;
      KernelLibrary library({spec}, *isa);
      std::int64_t n = 20001;
      Floats p = randomFloats(n, 1), momentum(n), values{0.25f, 1};
      std::vector<double> rp(p.data(), p.data() + n), rb(n);
      for (int t = 0; t < 4; ++t) {
        Floats g = randomFloats(n, 10 + t);
        std::vector<void *> buffers{p.data(), g.data(), momentum.data()};
        if (control)
          buffers.push_back(values.data());
        library.run(*spec, buffers, {n}, {0.1, 0.9, 0.01}, Split::Pieces);
        for (std::int64_t i = 0; i < n; ++i) {
          rb[i] = 0.9 * rb[i] + g[i] * (control ? 0.25 : 1.0) + 0.01 * rp[i];
          rp[i] -= 0.1 * rb[i];
          ASSERT_NEAR(p[i], rp[i], 2e-6);
          ASSERT_NEAR(momentum[i], rb[i], 2e-6);
        }
      }
      ASSERT_TRUE(p.intact() && momentum.intact());
    }
}

TEST(Optimizer, GlobalNormClipsAndSeesWhatIsNotFinite) {
  for (const CpuIsa *isa : runnableIsas()) {
    auto squares = std::make_shared<SquareSum>();
    auto finalize = std::make_shared<NormFinalize>();
    KernelLibrary library({squares, finalize}, *isa);
    for (std::int64_t n : {0, 1, 37, 65536, 200003}) {
      Floats g = randomFloats(n, 1);
      double exact = 0;
      for (std::int64_t i = 0; i < n; ++i)
        exact += double(g[i]) * g[i];
      Buffer<double> partial((n + 65535) / 65536), again(partial);
      library.run(*squares, {g.data(), partial.data()}, {n});
      library.run(*squares, {g.data(), again.data()}, {n}, {}, Split::Pieces);
      ASSERT_TRUE(partial == again && partial.intact());
      for (double limit : {0.0, 0.5, 1e6}) {
        Floats norm(1), control(2);
        library.run(*finalize, {partial.data(), norm.data(), control.data()}, {n}, {limit});
        ASSERT_NEAR(norm[0], std::sqrt(exact), 1e-7 * std::sqrt(exact));
        double expected = limit > 0 ? std::min(1.0, limit / (std::sqrt(exact) + 1e-6)) : 1;
        ASSERT_NEAR(control[0], expected, 2e-7 * expected);
        ASSERT_EQ(control[1], 1);
      }
      for (float bad : {NAN, INFINITY, -INFINITY}) {
        if (n == 0)
          continue;
        Floats broken = g, norm(1), control(2);
        broken[n - 1] = bad;
        library.run(*squares, {broken.data(), partial.data()}, {n});
        library.run(*finalize, {partial.data(), norm.data(), control.data()}, {n}, {1.0});
        ASSERT_EQ(control[1], 0) << bad;
      }
    }
  }
}

/// A table of `rows` x `width`, updated `steps` times by `whole` with gradients that are zero in
/// rows without a slot, and by `compact` with those alone: the same bits. Slots are given out as
/// the steps go on; the last row is not in memory, and stays as it is.
template <typename Update>
static void expectCompactUpdates(const CpuIsa &isa, std::int64_t width, bool control, int moments,
                                 const std::vector<double> &scalars) {
  const std::int64_t rows = 37, n = rows * width;
  auto whole = std::make_shared<Update>(), compact = std::make_shared<Update>();
  whole->control = compact->control = control;
  compact->rows = {width, 2 + moments + control};
  KernelLibrary library({whole, compact}, isa);
  Floats p = randomFloats(n, 1), q = p, original = p, values{0.5f, 1};
  const std::int64_t absent = n - width; // where the last row begins
  std::vector<Floats> state(moments, Floats(n)), rowState;
  Ints slots(rows);
  std::fill_n(slots.data(), rows, -1);
  slots[rows - 1] = -2;
  std::int64_t used = 0;
  for (int t = 1; t <= 4; ++t) {
    for (std::int64_t row = (5 * t) % 7; row < rows - 1; row += 3 + t)
      slots[row] = slots[row] < 0 ? static_cast<std::int32_t>(used++) : slots[row];
    rowState.resize(moments, Floats(n));
    Floats g(n), rowGradients(used * width), random = randomFloats(n, 10 + t);
    for (std::int64_t row = 0; row < rows; ++row)
      if (slots[row] >= 0) {
        std::copy_n(random.data() + row * width, width, g.data() + row * width);
        std::copy_n(random.data() + row * width, width, rowGradients.data() + slots[row] * width);
      }
    std::vector<void *> buffers{p.data(), g.data()}, rowBuffers{q.data(), rowGradients.data()};
    for (int k = 0; k < moments; ++k) {
      buffers.push_back(state[k].data());
      rowBuffers.push_back(rowState[k].data());
    }
    if (control) {
      buffers.push_back(values.data());
      rowBuffers.push_back(values.data());
    }
    rowBuffers.push_back(slots.data());
    library.run(*whole, buffers, {n}, scalars);
    library.run(*compact, rowBuffers, {rows}, scalars, t % 2 ? Split::Pieces : Split::Whole);
    ASSERT_TRUE(q.intact());
    ASSERT_TRUE(std::equal(q.data(), q.data() + absent, p.data()))
        << compact->key(isa) << " t=" << t;
    ASSERT_TRUE(std::equal(q.data() + absent, q.data() + n, original.data() + absent));
    for (int k = 0; k < moments; ++k)
      for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t c = 0; c < width; ++c)
          ASSERT_EQ(slots[row] < 0 ? 0.0f : rowState[k][slots[row] * width + c],
                    state[k][row * width + c]);
  }
  ASSERT_GT(used, 10);
  ASSERT_LT(used, rows);
  if (!control)
    return;
  Floats stop{0.5f, 0}, before = q, gradients = randomFloats(used * width, 99);
  std::vector<void *> buffers{q.data(), gradients.data()};
  for (int k = 0; k < moments; ++k)
    buffers.push_back(rowState[k].data());
  buffers.push_back(stop.data());
  buffers.push_back(slots.data());
  library.run(*compact, buffers, {rows}, scalars);
  ASSERT_TRUE(q == before) << "not finite, yet updated";
}

TEST(Optimizer, CompactRowsAreUpdatedAsWholeTables) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t width : {1, 8, 33})
      for (bool control : {true, false})
        for (double decay : {0.01, 0.0}) {
          expectCompactUpdates<AdamW>(*isa, width, control, 2,
                                      {1e-2, 0.9, 0.999, 1e-8, decay, 0.1, 0.01});
          expectCompactUpdates<Lion>(*isa, width, control, 1, {1e-2, 0.9, 0.99, decay});
        }
}

TEST(Optimizer, GlobalNormOfRowsAndElements) {
  for (const CpuIsa *isa : runnableIsas()) {
    auto rowSquares = std::make_shared<SquareSum>(), squares = std::make_shared<SquareSum>();
    auto finalize = std::make_shared<NormFinalize>();
    rowSquares->width = 384;
    finalize->widths = {384, 1};
    KernelLibrary library({rowSquares, squares, finalize}, *isa);
    for (std::int64_t rows : {0, 1, 170, 171, 1000}) {
      std::int64_t n = 70001, chunks = (rows + 169) / 170;
      Floats table = randomFloats(rows * 384, 1), rest = randomFloats(n, 2), norm(1), control(2);
      Buffer<double> tablePartial(chunks), partial(2);
      library.run(*rowSquares, {table.data(), tablePartial.data()}, {rows}, {}, Split::Pieces);
      library.run(*squares, {rest.data(), partial.data()}, {n}, {}, Split::Pieces);
      library.run(*finalize,
                  {tablePartial.data(), partial.data(), norm.data(), control.data()}, {rows, n},
                  {0.5});
      double exact = 0;
      for (std::int64_t i = 0; i < rows * 384; ++i)
        exact += double(table[i]) * table[i];
      for (std::int64_t i = 0; i < n; ++i)
        exact += double(rest[i]) * rest[i];
      ASSERT_TRUE(tablePartial.intact() && partial.intact() && norm.intact());
      ASSERT_NEAR(norm[0], std::sqrt(exact), 1e-7 * std::sqrt(exact)) << rows;
      ASSERT_EQ(control[1], 1);
    }
  }
}
