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
