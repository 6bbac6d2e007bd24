/* charrnn's compiled kernels, for float, double and double complex.

   The NumPy code in the folders above is the definition: labels in square brackets are its equations, and tests hold every
   function here against it. Compiled once for each set of instructions; INSTRUCTIONS is in the name of every function. */

#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define RESTRICT __restrict__
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define UNROLL _Pragma("GCC unroll 16")
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)") /* without it, several times as slow */
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

#include "keys.h"

#define real float
#define PRECISION float32
#define IS_FLOAT 1
#define IS_COMPLEX 0
#include "all.h"

#define real double
#define PRECISION float64
#define IS_FLOAT 0
#define IS_COMPLEX 0
#include "all.h"

#ifndef __clang__
#pragma GCC optimize("Os", "cx-limited-range") /* small, without repairing infinities: it only checks gradients */
#endif
#define real double complex
#define PRECISION complex128
#define IS_FLOAT 0
#define IS_COMPLEX 1
#include "all.h"
