/* One precision: the number `real`, a vector of LANES of them, and exp, tanh and σ.

   Every header is compiled once for each precision. A complex number passes through the same lines as a real one,
   so that complex-step derivatives check the code that trains. Vectors are those of gcc and clang; for complex numbers a
   vector is a single one. */

#define JOIN_(name, precision, instructions) name##_##precision##_##instructions
#define JOIN(name, precision, instructions) JOIN_(name, precision, instructions)
#define NAME(name) JOIN(name, PRECISION, INSTRUCTIONS)

#if IS_COMPLEX
#define scalar double /* the real numbers of the same precision */
#define exact double complex
#define REAL_PART creal
#define SQRT csqrt
#define LOG clog
#define LANES 1
typedef real NAME(vec);
#else
#define scalar real
#define exact double
#define REAL_PART(x) (x)
#define SQRT(x) ((real)(IS_FLOAT ? sqrtf(x) : sqrt(x)))
#define LOG log
#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
typedef real NAME(vec) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real))));
#endif
#define vec NAME(vec)

/* Branch-free in float: Cephes polynomials, at most 2.5 units in the last place. Comparisons are written so that NaN
   fails them and passes through. */
#if IS_FLOAT
INLINE float NAME(exponential)(float x)
{
    float y = x > 88.3f ? 88.3f : x, n, r, p, scale;
    y = y < -87.3f ? -87.3f : y;
    n = (y * 1.44269504088896341f + 12582912.0f) - 12582912.0f; /* the nearest integer to x / ln 2 */
    r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
    p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits = ((uint32_t)(int32_t)n + 127) << 23; /* 2ⁿ */
    memcpy(&scale, &bits, 4);
    return p * scale;
}

INLINE float NAME(hyperbolic_tangent)(float x)
{
    float a = fabsf(x), z = x * x, p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * (z * x) + x;
    float large = copysignf(1.0f - 2.0f / (NAME(exponential)(2.0f * a) + 1.0f), x);
    return a < 0.625f ? small : large;
}

INLINE float NAME(sigmoid)(float x) { return 1.0f / (1.0f + NAME(exponential)(-x)); }
#elif IS_COMPLEX
INLINE real NAME(exponential)(real x) { return cexp(x); }
INLINE real NAME(hyperbolic_tangent)(real x) { return ctanh(x); }
INLINE real NAME(sigmoid)(real x) { return 0.5 + 0.5 * ctanh(0.5 * x); }
#else
INLINE real NAME(exponential)(real x) { return exp(x); }
INLINE real NAME(hyperbolic_tangent)(real x) { return tanh(x); }
INLINE real NAME(sigmoid)(real x) { return 0.5 + 0.5 * tanh(0.5 * x); }
#endif
/* A sum over a row in 16 partial sums, whatever the length of a vector is. */
#define SUM_OVER_ROW(K, term)                                                                                          \
    real s[16] = {0};                                                                                                  \
    int64_t k = 0;                                                                                                     \
    for (; k + 16 <= K; k += 16)                                                                                       \
        for (int q = 0; q < 16; q++) s[q] += term(k + q);                                                              \
    for (int q = 0; k < K; k++, q++) s[q] += term(k);                                                                  \
    for (int width = 8; width; width /= 2)                                                                             \
        for (int q = 0; q < width; q++) s[q] += s[q + width];                                                          \
    return s[0];

INLINE real NAME(dot)(int64_t K, const real *RESTRICT a, const real *RESTRICT b)
{
#define TERM(k) (a[k] * b[k])
    SUM_OVER_ROW(K, TERM)
#undef TERM
}

INLINE real NAME(sum)(int64_t K, const real *RESTRICT a)
{
#define TERM(k) (a[k])
    SUM_OVER_ROW(K, TERM)
#undef TERM
}
#undef SUM_OVER_ROW

/* The largest real part of a row. A NaN may be passed over: it reaches the row's sum all the same. */
INLINE scalar NAME(largest)(int64_t K, const real *RESTRICT a)
{
    scalar most[16];
    for (int q = 0; q < 16; q++) most[q] = REAL_PART(a[q < K ? q : 0]);
    int64_t k = 16;
    for (; k + 16 <= K; k += 16)
        for (int q = 0; q < 16; q++) most[q] = REAL_PART(a[k + q]) > most[q] ? REAL_PART(a[k + q]) : most[q];
    for (int q = 0; k < K; k++, q++) most[q] = REAL_PART(a[k]) > most[q] ? REAL_PART(a[k]) : most[q];
    for (int q = 1; q < 16; q++) most[0] = most[q] > most[0] ? most[q] : most[0];
    return most[0];
}

#define DOT NAME(dot)
#define EXP NAME(exponential)
#define TANH NAME(hyperbolic_tangent)
#define SIGMOID NAME(sigmoid)
