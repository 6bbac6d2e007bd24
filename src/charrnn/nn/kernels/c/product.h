/* Matrix products in which a row of the result is the same bits whatever rows stand beside it.

   Every number of a product is one sum, added up in the order of the inner index from zero on, however rows and columns
   are cut. A matrix that multiplies rows is packed first: panels of PANEL columns, each row of a panel contiguous, the
   last panel filled up with zeros. */

#define PANEL (2 * LANES)
#define INNER 256 /* a panel of so many rows stays in the first cache */
#if IS_COMPLEX
#define MOST_ROWS 4
#else
#define MOST_ROWS (VECTOR_BYTES == 64 ? 12 : 6) /* twice as many sums as rows, all in registers */
#endif

int64_t NAME(panel_size)(void) { return PANEL; }

/* W (K, N), row stride ldw, to panels (⌈N / PANEL⌉, K, PANEL). */
void NAME(pack)(int64_t K, int64_t N, int64_t ldw, const real *RESTRICT W, real *RESTRICT P)
{
    for (int64_t j = 0; j < N; j += PANEL) {
        int64_t w = MIN(PANEL, N - j);
        for (int64_t k = 0; k < K; k++, P += PANEL) {
            const real *row = W + k * ldw + j;
            if (w == PANEL) {
                *(vec *)P = *(const vec *)row;
                *(vec *)(P + LANES) = *(const vec *)(row + LANES);
                continue;
            }
            for (int64_t q = 0; q < w; q++) P[q] = row[q];
            for (int64_t q = w; q < PANEL; q++) P[q] = 0;
        }
    }
}

/* The transpose of W (N, K), row stride ldw, to panels: in blocks of rows that stay in the cache. */
void NAME(pack_transposed)(int64_t K, int64_t N, int64_t ldw, const real *RESTRICT W, real *RESTRICT P)
{
    for (int64_t j = 0; j < N; j += PANEL, P += K * PANEL) {
        const int64_t w = MIN(PANEL, N - j);
        if (w < PANEL) memset(P, 0, K * PANEL * sizeof(real));
        for (int64_t k0 = 0; k0 < K; k0 += 16)
            for (int64_t k = k0; k < MIN(k0 + 16, K); k++)
                for (int64_t q = 0; q < w; q++) P[k * PANEL + q] = W[(j + q) * ldw + k];
    }
}

/* R rows times Q panels, in registers: s = C, or 0; s += A P. The rows of A are a_row apart, what they multiply a_k; panels
   are `apart` numbers apart, and `w` columns of the last are there. */
INLINE void NAME(block)(const int R, const int Q, int64_t K, const real *RESTRICT A, int64_t a_row, int64_t a_k,
                        const real *RESTRICT P, int64_t apart, real *RESTRICT C, int64_t ldc, int64_t w, int add)
{
    vec s[12][2 * 4];
    const int whole = w >= Q * PANEL;
    UNROLL for (int r = 0; r < R; r++) {
        const real *c = C + r * ldc;
        real part[PANEL] = {0};
        if (add && !whole)
            for (int64_t q = 0; q < w; q++) part[q] = c[q];
        if (!whole || !add) c = part;
        UNROLL for (int q = 0; q < 2 * Q; q++) s[r][q] = *(const vec *)(c + (whole && !add ? 0 : q * LANES));
    }
    UNROLL for (int r = 0; r < R; r++) __builtin_prefetch(C + r * ldc, 1); /* written at the end */
    for (int64_t k = 0; k < K; k++, P += PANEL, A += a_k) {
        vec p[2 * 4];
        UNROLL for (int q = 0; q < 2 * Q; q++) p[q] = *(const vec *)(P + (q / 2) * apart + (q % 2) * LANES);
        UNROLL for (int r = 0; r < R; r++) {
            real x = A[r * a_row];
            UNROLL for (int q = 0; q < 2 * Q; q++) s[r][q] += x * p[q];
        }
    }
    UNROLL for (int r = 0; r < R; r++) {
        real part[PANEL], *c = whole ? C + r * ldc : part;
        UNROLL for (int q = 0; q < 2 * Q; q++) *(vec *)(c + q * LANES) = s[r][q];
        if (!whole)
            for (int64_t q = 0; q < w; q++) C[r * ldc + q] = part[q];
    }
}

/* Some rows times a panel, as many at a time as registers hold. */
INLINE void NAME(rows_times_panel)(int64_t rows, int64_t K, const real *A, int64_t a_row, int64_t a_k, const real *P,
                                   real *C, int64_t ldc, int64_t w, int add)
{
    while (rows > 0) {
        int64_t turns = (rows + MOST_ROWS - 1) / MOST_ROWS, R = (rows + turns - 1) / turns;
#define CASE(r) \
    case r: NAME(block)(r, 1, K, A, a_row, a_k, P, 0, C, ldc, w, add); break;
        switch (R) {
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if VECTOR_BYTES == 64 && !IS_COMPLEX
            CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
        }
#undef CASE
        rows -= R, A += R * a_row, C += R * ldc;
    }
}

/* C (rows, N) = A (rows, K) W, or added to C; W packed. */
void NAME(product)(int64_t rows, int64_t K, int64_t N, const real *A, int64_t lda, const real *P, real *C, int64_t ldc,
                   int64_t add)
{
    int64_t j = 0;
    if (rows == 1) /* the sums of one panel would wait for one another */
        for (; j + 4 * PANEL <= N; j += 4 * PANEL, P += 4 * PANEL * K)
            NAME(block)(1, 4, K, A, lda, 1, P, K * PANEL, C + j, ldc, 4 * PANEL, add);
    if (rows == 2)
        for (; j + 2 * PANEL <= N; j += 2 * PANEL, P += 2 * PANEL * K)
            NAME(block)(2, 2, K, A, lda, 1, P, K * PANEL, C + j, ldc, 2 * PANEL, add);
    for (; j < N; j += PANEL, P += PANEL * K)
        for (int64_t k = 0; k < K || k == 0; k += INNER)
            NAME(rows_times_panel)(rows, MIN(INNER, K - k), A + k, lda, 1, P + PANEL * k, C + j, ldc, MIN(PANEL, N - j),
                                   add || k);
}

/* C (M, N) = Σ_n A[n]ᵀ B[n] over the n_rows rows of A (·, M) and B (·, N): a weight's gradient. Rows of A that `skip` marks
   count as zero. scratch holds INNER (M + MOST_ROWS + PANEL) numbers: columns of A, the last few filled up, and a panel of B. */
void NAME(outer)(int64_t n_rows, int64_t M, int64_t N, const real *A, int64_t lda, const uint8_t *skip, const real *B,
                 int64_t ldb, real *C, int64_t ldc, real *RESTRICT scratch)
{
    real *panel = scratch + INNER * (M + MOST_ROWS);
    for (int64_t n = 0; n < n_rows || n == 0; n += INNER) {
        const int64_t rows = MIN(INNER, n_rows - n);
        for (int64_t m = 0; m < M; m += MOST_ROWS)
            for (int64_t i = 0; i < rows; i++) {
                real *strip = scratch + m * rows + i * MOST_ROWS;
                const real *a = A + (n + i) * lda + m;
                if (skip && skip[n + i]) memset(strip, 0, MOST_ROWS * sizeof(real));
                else if (m + MOST_ROWS <= M) memcpy(strip, a, MOST_ROWS * sizeof(real)); /* of known length: fast */
                else memcpy(strip, a, (M - m) * sizeof(real));
            }
        for (int64_t j = 0; j < N; j += PANEL) {
            const int64_t w = MIN(PANEL, N - j);
            NAME(pack)(rows, w, ldb, B + n * ldb + j, panel);
            for (int64_t m = 0; m < M; m += MOST_ROWS)
                NAME(rows_times_panel)(MIN(MOST_ROWS, M - m), rows, scratch + m * rows, 1, MOST_ROWS, panel,
                                       C + m * ldc + j, ldc, w, n > 0);
        }
    }
}
