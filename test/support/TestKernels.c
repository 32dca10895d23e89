// Kernels of the hand-made artifacts in tests: small, plain, with the ABI's signature. Built
// into a shared object without any library, like compiled kernels.
#include <stdint.h>

#define KERNEL(name)                                                                           \
  __attribute__((visibility("default"))) void name(                                            \
      void *const *buffers, const int64_t *ints, const double *scalars, void *scratch,         \
      int64_t begin, int64_t end)

// out i32 [grid]: out[i] += ints[0] + i.
KERNEL(add_index) {
  int32_t *out = buffers[0];
  for (int64_t i = begin; i < end; ++i)
    out[i] += (int32_t)(ints[0] + i);
}

// in f32, out f32 [grid]: out[i] = in[i] * scalars[0].
KERNEL(scale) {
  const float *in = buffers[0];
  float *out = buffers[1];
  for (int64_t i = begin; i < end; ++i)
    out[i] = in[i] * (float)scalars[0];
}

// out f32 [grid]: 1 where all `ints[0]` floats of fresh scratch can be written and read.
KERNEL(use_scratch) {
  float *out = buffers[0];
  volatile float *mine = scratch;
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t k = 0; k < ints[0]; ++k)
      mine[k] = (float)(i + k);
    float good = 1;
    for (int64_t k = 0; k < ints[0]; ++k)
      good = mine[k] == (float)(i + k) ? good : 0;
    out[i] = good;
  }
}

// out u8: writes one byte at ints[0], wherever that is.
KERNEL(write_byte) { ((uint8_t *)buffers[0])[ints[0]] = 7; }

// x [rows, in], w [out, in], target [rows, out], error [rows, out] = x w^T - target; a task a
// row. ints: in, out, width (0: w is row-major, else panels).
KERNEL(linear_error) {
  const float *x = buffers[0], *w = buffers[1], *target = buffers[2];
  float *error = buffers[3];
  int64_t in = ints[0], out = ints[1], width = ints[2];
  for (int64_t r = begin; r < end; ++r)
    for (int64_t o = 0; o < out; ++o) {
      float sum = 0;
      for (int64_t i = 0; i < in; ++i) {
        int64_t at = width ? (o / width * in + i) * width + o % width : o * in + i;
        sum += x[r * in + i] * w[at];
      }
      error[r * out + o] = sum - target[r * out + o];
    }
}

// x, error, dw (as w): dw += error^T x * scalars[0]; a task an output.
// ints: rows, in, out, width.
KERNEL(linear_grad) {
  const float *x = buffers[0], *error = buffers[1];
  float *dw = buffers[2];
  int64_t rows = ints[0], in = ints[1], out = ints[2], width = ints[3];
  for (int64_t o = begin; o < end; ++o)
    for (int64_t i = 0; i < in; ++i) {
      float sum = 0;
      for (int64_t r = 0; r < rows; ++r)
        sum += error[r * out + o] * x[r * in + i];
      dw[width ? (o / width * in + i) * width + o % width : o * in + i] +=
          sum * (float)scalars[0];
    }
}

// error, loss f32 [1] = sum of squares * scalars[0]; one task. ints: elements.
KERNEL(square_loss) {
  const float *error = buffers[0];
  double sum = 0;
  for (int64_t i = 0; i < ints[0]; ++i)
    sum += (double)error[i] * error[i];
  for (int64_t i = begin; i < end; ++i)
    *(float *)buffers[1] = (float)(sum * scalars[0]);
}

// p, g: p -= scalars[0] * g; a task is 8 elements. ints: elements.
KERNEL(sgd) {
  float *p = buffers[0];
  const float *g = buffers[1];
  int64_t stop = end * 8 < ints[0] ? end * 8 : ints[0];
  for (int64_t i = begin * 8; i < stop; ++i)
    p[i] -= (float)scalars[0] * g[i];
}

// values f32, offsets i32 [sequences + 1], sums f32 [sequences]; a task a sequence.
KERNEL(segment_sum) {
  const float *values = buffers[0];
  const int32_t *offsets = buffers[1];
  float *sums = buffers[2];
  for (int64_t s = begin; s < end; ++s) {
    float sum = 0;
    for (int32_t t = offsets[s]; t < offsets[s + 1]; ++t)
      sum += values[t];
    sums[s] = sum;
  }
}

// a, b, out f32 [grid]: out = a * b.
KERNEL(multiply) {
  const float *a = buffers[0], *b = buffers[1];
  for (int64_t i = begin; i < end; ++i)
    ((float *)buffers[2])[i] = a[i] * b[i];
}

// cache f32 [capacity], token f32 [1], sum f32 [1]: cache[position] = token, sum of the cache
// up to it; one task. ints: position.
KERNEL(append) {
  float *cache = buffers[0], sum = 0;
  for (int64_t i = begin; i < end; ++i) {
    cache[ints[0]] = *(const float *)buffers[1];
    for (int64_t k = 0; k <= ints[0]; ++k)
      sum += cache[k];
    *(float *)buffers[2] = sum;
  }
}
