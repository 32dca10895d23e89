// Reference of the updates that keep less than a moment an element: Adafactor, 8-bit AdamW.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <array>
#include <cmath>

using namespace mlir;

namespace ftc::reference {

/// u and the new moments of one parameter of nn.adafactor; `column` null where not factored.
static Tensor adafactorStep(Tensor &v, Tensor *column, const Tensor &gradient, double clip,
                            double beta2, double eps) {
  Tensor u = gradient;
  for (double &value : u.values)
    value *= clip;
  std::int64_t rows = column ? gradient.rows() : static_cast<std::int64_t>(u.values.size());
  std::int64_t columns = column ? gradient.width() : 1;
  auto square = [&](std::int64_t i, std::int64_t j) {
    double g = u.values[i * columns + j];
    return g * g + eps;
  };
  double total = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < columns; ++j)
      sum += square(i, j);
    v.values[i] = beta2 * v.values[i] + (1 - beta2) * sum / double(columns);
    total += v.values[i];
  }
  for (std::int64_t j = 0; column && j < columns; ++j) {
    double sum = 0;
    for (std::int64_t i = 0; i < rows; ++i)
      sum += square(i, j);
    column->values[j] = beta2 * column->values[j] + (1 - beta2) * sum / double(rows);
  }
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) {
      double size =
          column ? v.values[i] / (total / double(rows)) * column->values[j] : v.values[i];
      u.values[i * columns + j] /= std::sqrt(size);
    }
  return u;
}

static void adafactor(nn::AdafactorOp op, double clip, bool active, Frame &frame) {
  double lr = frame.scalar("learning_rate"), limit = frame.scalar("adafactor_clip_threshold");
  double decay = op.getDecay() ? lr * frame.scalar("weight_decay") : 0.0;
  bool factored = !op.getVColumn().empty();
  for (std::size_t i = 0; i < op.getParams().size(); ++i) {
    Tensor p = frame.get(op.getParams()[i]), v = frame.get(op.getV()[i]);
    Tensor column = factored ? frame.get(op.getVColumn()[i]) : Tensor();
    if (active) {
      Tensor u =
          adafactorStep(v, factored ? &column : nullptr, frame.get(op.getGradients()[i]), clip,
                        frame.scalar("adafactor_beta2"), frame.scalar("adafactor_epsilon"));
      double squares = 0;
      for (double value : u.values)
        squares += value * value;
      double rms = std::sqrt(squares / double(u.values.size()));
      for (std::size_t e = 0; e < p.values.size(); ++e)
        p.values[e] = p.values[e] * (1 - decay) - lr * u.values[e] / std::max(1.0, rms / limit);
    }
    frame.set(op.getNewParams()[i], p);
    frame.set(op.getNewV()[i], v);
    if (factored)
      frame.set(op.getNewVColumn()[i], column);
  }
}

std::array<float, 256> dynamicMap(bool isSigned) {
  std::vector<float> values{0, 1};
  for (int exponent = 0; exponent < 7; ++exponent) {
    int count = 1 << (isSigned ? exponent : exponent + 1);
    for (int k = 0; k < count; ++k) {
      double low = 0.1 + 0.9 * k / count, high = 0.1 + 0.9 * (k + 1) / count;
      double value = (low + high) / 2 * std::pow(10.0, exponent - 6);
      values.push_back(float(value));
      if (isSigned)
        values.push_back(float(-value));
    }
  }
  std::array<float, 256> map;
  std::sort(values.begin(), values.end());
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

/// Codes and largest magnitudes of blocks of 256 values.
static void quantize(const std::vector<double> &values, const std::array<float, 256> &map,
                     Tensor &codes, Tensor &absmax) {
  for (std::size_t e = 0; e < values.size(); ++e) {
    std::size_t block = e / 256;
    if (e % 256 == 0) {
      double largest = 0;
      for (std::size_t k = e; k < std::min(e + 256, values.size()); ++k)
        largest = std::max(largest, std::abs(values[k]));
      absmax.values[block] = largest;
    }
    double scaled = absmax.values[block] > 0 ? values[e] / absmax.values[block] : 0;
    std::size_t nearest = 0;
    for (std::size_t code = 1; code < map.size(); ++code)
      if (std::abs(scaled - map[code]) < std::abs(scaled - map[nearest]))
        nearest = code;
    codes.values[e] = double(nearest);
  }
}

static void adamw8bit(nn::AdamW8bitOp op, double clip, bool active, Frame &frame) {
  static const std::array<float, 256> signedMap = dynamicMap(true),
                                      unsignedMap = dynamicMap(false);
  double lr = frame.scalar("learning_rate"), b1 = frame.scalar("adam_beta1"),
         b2 = frame.scalar("adam_beta2"), eps = frame.scalar("adam_epsilon");
  double decay = op.getDecay() ? lr * frame.scalar("weight_decay") : 0.0;
  double bc1 = frame.scalar("bias_correction1"), bc2 = frame.scalar("bias_correction2");
  for (std::size_t i = 0; i < op.getParams().size(); ++i) {
    Tensor p = frame.get(op.getParams()[i]), mCodes = frame.get(op.getM()[i]),
           vCodes = frame.get(op.getV()[i]), mAbsmax = frame.get(op.getMAbsmax()[i]),
           vAbsmax = frame.get(op.getVAbsmax()[i]);
    const Tensor &gradient = frame.get(op.getGradients()[i]);
    std::vector<double> m(p.values.size()), v(p.values.size());
    for (std::size_t e = 0; active && e < p.values.size(); ++e) {
      double g = clip * gradient.values[e];
      m[e] = b1 * signedMap[std::size_t(mCodes.values[e])] * mAbsmax.values[e / 256] +
             (1 - b1) * g;
      v[e] = b2 * unsignedMap[std::size_t(vCodes.values[e])] * vAbsmax.values[e / 256] +
             (1 - b2) * g * g;
      p.values[e] *= 1 - decay;
      p.values[e] -= lr / bc1 * m[e] / (std::sqrt(v[e]) / std::sqrt(bc2) + eps);
    }
    if (active) {
      quantize(m, signedMap, mCodes, mAbsmax);
      quantize(v, unsignedMap, vCodes, vAbsmax);
    }
    frame.set(op.getNewParams()[i], p);
    frame.set(op.getNewM()[i], mCodes);
    frame.set(op.getNewV()[i], vCodes);
    frame.set(op.getNewMAbsmax()[i], mAbsmax);
    frame.set(op.getNewVAbsmax()[i], vAbsmax);
  }
}

bool runMemoryOptimizer(Operation *op, double clip, bool active, Frame &frame) {
  if (auto update = dyn_cast<nn::AdafactorOp>(op))
    adafactor(update, clip, active, frame);
  else if (auto update = dyn_cast<nn::AdamW8bitOp>(op))
    adamw8bit(update, clip, active, frame);
  else
    return false;
  return true;
}

} // namespace ftc::reference
