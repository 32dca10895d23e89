// KernelBuilder: f32 functions by polynomials fitted at Chebyshev nodes in high precision.
// Their errors, measured against f64 over dense grids, stand beside the declarations.
#include "compiler/targets/cpu/KernelBuilder.h"

#include "mlir/IR/BuiltinTypes.h"

namespace ftc::cpu {

/// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
template <std::size_t N>
static Num horner(KernelBuilder &b, Num x, const double (&coefficients)[N]) {
  Num sum = b.like(x, coefficients[N - 1]);
  for (std::size_t i = N - 1; i-- > 0;)
    sum = b.fma(sum, x, coefficients[i]);
  return sum;
}

static mlir::Type bitsType(KernelBuilder &b, Num x) {
  auto vector = mlir::dyn_cast<mlir::VectorType>(x.type());
  return vector ? b.vectorOf(b.i32Type(), vector.getDimSize(0)) : b.i32Type();
}

Num KernelBuilder::exp(Num x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds to the nearest integer and
  // leaves n in the low bits. ln 2 in two parts keeps r exact.
  const double magic = 12582912.0;
  x = max(-87.3, min(88.3, x));
  Num rounded = fma(1.44269504088896341, x, magic);
  Num n = rounded - magic;
  Num r = fma(-0.693359375, n, x);
  r = fma(2.12194440054690583e-4, n, r);
  static const double series[] = {0.5, 0.16666576266288757, 0.04166646674275398,
                                  0.008363181725144386, 0.0013933652080595493};
  Num y = fma(horner(*this, r, series), r * r, r) + 1.0;
  Num exponent = bitcast(rounded, bitsType(*this, x)) << 23;
  Num value = bitcast(bitcast(y, bitsType(*this, x)) + exponent, x.type());
  // A GPU's NaN is all ones, which the sum of bits would carry away; x86's leave it alone.
  return isa.lanes == 32 ? select(x == x, value, x) : value;
}

Num KernelBuilder::log(Num x) {
  // x = 2^e m with m in [sqrt(1/2), sqrt(2)): subtracting the bits of sqrt(1/2) puts e on top.
  mlir::Type bits = bitsType(*this, x);
  Num raw = bitcast(x, bits);
  Num shifted = raw - std::int64_t{0x3f3504f3};
  // An arithmetic shift, by a bias that keeps the sum positive.
  Num e = toF32(((shifted + std::int64_t{0x40000000}) >> 23) - 128);
  Num m = bitcast((shifted & std::int64_t{0x007fffff}) + std::int64_t{0x3f3504f3}, x.type());
  Num f = m - 1.0;
  static const double series[] = {
      0.3333333134651184,  -0.24999989569187164, 0.20000708103179932,
      -0.1666848063468933, 0.14249937236309052,  -0.12411050498485565,
      0.11661510914564133, -0.115712009370327,   0.07149753719568253};
  Num f2 = f * f;
  Num y = horner(*this, f, series) * f * f2;
  y = fma(-2.12194440054690583e-4, e, y);
  y = fma(-0.5, f2, y);
  return fma(0.693359375, e, y + f);
}

Num KernelBuilder::tanh(Num x) {
  Num t = x * x;
  static const double series[] = {-0.333333283662796, 0.13332782685756683, -0.05385249853134155,
                                  0.021003641188144684, -0.006104947999119759};
  Num small = fma(horner(*this, t, series) * t, x, x);
  Num size = abs(x);
  Num large = 1.0 - 2.0 / (exp(size * 2.0) + 1.0);
  return select(size < 0.625, small, copySign(large, x));
}

std::pair<Num, Num> KernelBuilder::sinCos(Num x) {
  // x = n pi/2 + r with |r| <= pi/4. The first part of pi/2 has 24 bits: each fma's product is
  // exact and the difference a multiple of its last bit, so that r keeps all of x's bits.
  const double magic = 12582912.0;
  Num rounded = fma(0.63661977236758134, x, magic);
  Num n = rounded - magic;
  Num r = fma(-1.57079637050628662109375, n, x);
  r = fma(4.37113900018624283e-8, n, r);
  Num z = r * r;
  // Cephes' minimax polynomials (Moshier), below 1 ulp on [-pi/4, pi/4].
  static const double sineSeries[] = {-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4};
  static const double cosineSeries[] = {4.166664568298827e-2, -1.388731625493765e-3,
                                        2.443315711809948e-5};
  Num sine = fma(horner(*this, z, sineSeries) * z, r, r);
  Num cosine = fma(horner(*this, z, cosineSeries) * z, z, fma(-0.5, z, 1.0));
  mlir::Type bits = bitsType(*this, x);
  Num quadrant = bitcast(rounded, bits);
  Num straight = (quadrant & 1) == 0;
  Num sineSign = (quadrant & 2) << 30, cosineSign = ((quadrant + 1) & 2) << 30;
  Num first = select(straight, sine, cosine), second = select(straight, cosine, sine);
  return {bitcast(bitcast(first, bits) ^ sineSign, x.type()),
          bitcast(bitcast(second, bits) ^ cosineSign, x.type())};
}

Num KernelBuilder::sigmoid(Num x) { return 1.0 / (exp(0.0 - x) + 1.0); }

} // namespace ftc::cpu
