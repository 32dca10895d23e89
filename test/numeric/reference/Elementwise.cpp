// Reference of activations, sums and dropout with its counter-based generator.
#include "test/numeric/reference/Reference.h"

#include <array>
#include <cmath>
#include <numbers>

using namespace mlir;

namespace ftc::reference {

double activate(nn::Activation kind, double x) {
  switch (kind) {
  case nn::Activation::None:
    return x;
  case nn::Activation::Gelu:
    return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
  case nn::Activation::GeluTanh: {
    double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    return 0.5 * x * (1 + std::tanh(u));
  }
  case nn::Activation::Relu:
    return x > 0 ? x : 0;
  case nn::Activation::Tanh:
    return std::tanh(x);
  case nn::Activation::Silu:
    return x / (1 + std::exp(-x));
  }
  return x;
}

double activateGrad(nn::Activation kind, double x) {
  switch (kind) {
  case nn::Activation::None:
    return 1;
  case nn::Activation::Gelu:
    return 0.5 * std::erfc(-x / std::numbers::sqrt2) +
           x * std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
  case nn::Activation::GeluTanh: {
    double c = std::sqrt(2 / std::numbers::pi);
    double t = std::tanh(c * (x + 0.044715 * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
  }
  case nn::Activation::Relu:
    return x > 0 ? 1 : 0;
  case nn::Activation::Tanh:
    return 1 - std::tanh(x) * std::tanh(x);
  case nn::Activation::Silu: {
    double s = 1 / (1 + std::exp(-x));
    return s * (1 + x * (1 - s));
  }
  }
  return 1;
}

/// Philox4x32-10 (Salmon et al., SC 2011).
static std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::uint32_t k0,
                                           std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t a = std::uint64_t{0xD2511F53} * c[0], b = std::uint64_t{0xCD9E8D57} * c[2];
    c = {std::uint32_t(b >> 32) ^ c[1] ^ k0, std::uint32_t(b),
         std::uint32_t(a >> 32) ^ c[3] ^ k1, std::uint32_t(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

double dropoutFactor(const Frame &frame, llvm::StringRef rate, std::uint32_t opId,
                     std::uint32_t head, std::uint32_t sequence, std::uint32_t position,
                     std::uint32_t channel) {
  double p = frame.scalar(rate);
  std::uint32_t r = channel % 64, block = channel / 64 * 16 + r % 16;
  std::uint32_t word = philox({opId | head << 16, sequence, position, block}, frame.state.seed,
                              frame.state.step)[r / 16];
  return std::ldexp(double(word >> 8), -24) >= p ? 1 / (1 - p) : 0;
}

static void dropout(nn::DropoutOp op, Frame &frame) {
  Tensor y = frame.get(op.getX());
  const Tensor &sequence = frame.get(op.getSequence()), &position = frame.get(op.getPosition());
  for (std::int64_t r = 0; r < y.rows(); ++r)
    for (std::int64_t c = 0; c < y.width(); ++c)
      y.at(r, c) *= dropoutFactor(frame, op.getRate(), op.getOpId(), 0, sequence.index(r),
                                  position.index(r), c);
  frame.set(op.getY(), y);
}

static void gatedGradient(nn::GatedGradOp op, Frame &frame) {
  const Tensor &dy = frame.get(op.getDy()), &gate = frame.get(op.getGate()),
               &up = frame.get(op.getUp());
  Tensor dgate = dy, dup = dy;
  for (std::size_t i = 0; i < dy.values.size(); ++i) {
    dgate.values[i] *= up.values[i] * activateGrad(op.getKind(), gate.values[i]);
    dup.values[i] *= activate(op.getKind(), gate.values[i]);
  }
  frame.set(op.getDgate(), dgate);
  frame.set(op.getDup(), dup);
}

bool runElementwise(Operation *op, Frame &frame) {
  if (auto activation = dyn_cast<nn::ActivationOp>(op)) {
    Tensor y = frame.get(activation.getX());
    nn::Activation kind = activation.getKind();
    for (double &value : y.values)
      value = activate(kind, value);
    frame.set(activation.getY(), y);
  } else if (auto grad = dyn_cast<nn::ActivationGradOp>(op)) {
    Tensor dx = frame.get(grad.getDy());
    const Tensor &x = frame.get(grad.getX());
    nn::Activation kind = grad.getKind();
    for (std::size_t i = 0; i < dx.values.size(); ++i)
      dx.values[i] *= activateGrad(kind, x.values[i]);
    frame.set(grad.getDx(), dx);
  } else if (auto add = dyn_cast<nn::AddOp>(op)) {
    Tensor y = frame.get(add.getA());
    const Tensor &b = frame.get(add.getB());
    for (std::size_t i = 0; i < y.values.size(); ++i)
      y.values[i] += b.values[i];
    frame.set(add.getY(), y);
  } else if (auto gated = dyn_cast<nn::GatedOp>(op)) {
    Tensor y = frame.get(gated.getUp());
    const Tensor &gate = frame.get(gated.getGate());
    for (std::size_t i = 0; i < y.values.size(); ++i)
      y.values[i] *= activate(gated.getKind(), gate.values[i]);
    frame.set(gated.getY(), y);
  } else if (auto gatedGrad = dyn_cast<nn::GatedGradOp>(op)) {
    gatedGradient(gatedGrad, frame);
  } else if (auto scale = dyn_cast<nn::ScaleOp>(op)) {
    Tensor y = frame.get(scale.getX());
    for (double &value : y.values)
      value *= scale.getFactor().convertToDouble();
    frame.set(scale.getY(), y);
  } else if (auto drop = dyn_cast<nn::DropoutOp>(op)) {
    dropout(drop, frame);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
