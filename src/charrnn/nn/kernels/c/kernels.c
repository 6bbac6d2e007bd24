/* charrnn's compiled kernels, for one precision and one set of instructions.

   The NumPy code in the folders above is the definition: labels in square brackets are its equations, and tests hold every
   function here against it. PRECISION and INSTRUCTIONS are in the name of every function; compile.py chooses them. */

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

#if IS_COMPLEX && !defined(__clang__)
#pragma GCC optimize("Os", "cx-limited-range") /* small, without repairing infinities: it only checks gradients */
#endif

#include "real.h"

#include "product.h"
#include "rows.h"
#include "norm.h"
#include "cells.h"
#include "qrnn.h"
#include "readout.h"
#include "optimizer.h"
#include "replay.h"
#include "keys.h"
#include "experts.h"
