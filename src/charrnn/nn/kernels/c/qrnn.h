/* The quasi-recurrent layer over a window: nn/layers/quasi_recurrent.py has its equations.

   T seq_len, B batch_size, H hidden_size, gates z, f, o side by side, (T, B, 3H). */

typedef struct {
    int64_t T, B, H;
    const int64_t *ids, *ids_before; /* (T, B): rows of the tables, in the lowest layer; NULL in the others */
    const uint8_t *fresh;            /* (T, B), or NULL */
    const real *a, *before;          /* what both halves of a pair add to the gates: tables, or all of it and the bias */
    const real *x;                   /* the stream (T, B, H), or the rows of the embedding */
    const scalar *mask;              /* (T, B, H) of dropout, or NULL */
    const real *zeros;               /* (H,) */
    real *gates;                     /* (T, B, 3H) */
    real *cells;                     /* (T + 1, B, H): [0] the initial state */
    real *outputs;                   /* (T, B, H) */
    const real *d_outputs;           /* (T, B, H) */
    real *d_gates;                   /* (T, B, 3H) */
    real *d_cells;                   /* (B, H): of the step that backward has reached, at last of the initial state */
} NAME(pooling);

/* For the lanes from `first` to `end`. */
void NAME(pool_forward)(const NAME(pooling) *w, int64_t first, int64_t end)
{
    const int64_t B = w->B, H = w->H;
    for (int64_t t = 0; t < w->T; t++)
        for (int64_t b = first; b < end; b++) {
            const int64_t n = t * B + b;
            const int fresh = w->fresh && w->fresh[n];
            const real *p = w->a + (w->ids ? w->ids[n] : n) * 3 * H;
            const real *q = w->before + (w->ids ? w->ids_before[n] * 3 * H : 0);
            const real *x = w->x + (w->ids ? w->ids[n] : n) * H, *c_prev = fresh ? w->zeros : w->cells + n * H;
            const scalar *mask = w->mask ? w->mask + n * H : 0;
            real *a = w->gates + n * 3 * H, *c = w->cells + (n + B) * H, *y = w->outputs + n * H;
            INDEPENDENT for (int64_t h = 0; h < H; h++) {
                real z = TANH(p[h] + q[h]), f = SIGMOID(p[H + h] + q[H + h]), o = SIGMOID(p[2 * H + h] + q[2 * H + h]);
                real now = z + f * (c_prev[h] - z); /* [qrnn.3], [qrnn.4] */
                a[h] = z, a[H + h] = f, a[2 * H + h] = o, c[h] = now;
                y[h] = o * now;
            }
            if (mask)
                INDEPENDENT for (int64_t h = 0; h < H; h++) y[h] = x[h] + y[h] * mask[h]; /* [dropout.1] */
            else
                INDEPENDENT for (int64_t h = 0; h < H; h++) y[h] += x[h]; /* [qrnn.5] */
        }
}

void NAME(pool_backward)(const NAME(pooling) *w, int64_t first, int64_t end)
{
    const int64_t B = w->B, H = w->H;
    memset(w->d_cells + first * H, 0, (end - first) * H * sizeof(real));
    for (int64_t t = w->T - 1; t >= 0; t--)
        for (int64_t b = first; b < end; b++) {
            const int64_t n = t * B + b;
            const int fresh = w->fresh && w->fresh[n];
            const real *a = w->gates + n * 3 * H, *c_prev = fresh ? w->zeros : w->cells + n * H, *c = w->cells + (n + B) * H;
            const real *d_out = w->d_outputs + n * H;
            const scalar *mask = w->mask ? w->mask + n * H : 0;
            real *d_a = w->d_gates + n * 3 * H, *d_c = w->d_cells + b * H, *d_y = d_a + 2 * H;
            if (mask)
                INDEPENDENT for (int64_t h = 0; h < H; h++) d_y[h] = d_out[h] * mask[h]; /* [dropout.2] */
            else
                memcpy(d_y, d_out, H * sizeof(real));
            INDEPENDENT for (int64_t h = 0; h < H; h++) {
                real z = a[h], f = a[H + h], o = a[2 * H + h], d = d_y[h], d_now = d_c[h] + d * o; /* [qrnn.6] */
                d_a[h] = d_now * (1 - f) * (1 - z * z);
                d_a[H + h] = d_now * (c_prev[h] - z) * (f * (1 - f));
                d_a[2 * H + h] = d * c[h] * (o * (1 - o)); /* [qrnn.7], [qrnn.8] */
                d_c[h] = d_now * f;
            }
            if (fresh) memset(d_c, 0, H * sizeof(real));
        }
}

#define PAIR_ROWS 96 /* a product of so many rows is in the cache when its other half is added */

/* gates = W [u_{t−1}; u_t] for the rows from `first` to `end` of T·B, [qrnn.2] without the bias. u (T + 1, B, H), W's halves
   packed. */
void NAME(pairs_forward)(int64_t B, int64_t H, int64_t first, int64_t end, const real *u, const real *left,
                         const real *right, const uint8_t *fresh, real *gates)
{
    for (int64_t n = first; n < end; n += PAIR_ROWS) {
        const int64_t rows = MIN(PAIR_ROWS, end - n);
        NAME(product)(rows, H, 3 * H, u + n * H, H, left, gates + n * 3 * H, 3 * H, 0);
        for (int64_t k = n; fresh && k < n + rows; k++)
            if (fresh[k]) memset(gates + k * 3 * H, 0, 3 * H * sizeof(real));
        NAME(product)(rows, H, 3 * H, u + (n + B) * H, H, right, gates + n * 3 * H, 3 * H, 1);
    }
}

/* d_u (T + 1, B, H) from d_gates, for the rows from `first` to `end` of (T + 1)·B, [qrnn.10]: what u gave to the step after it,
   and to its own. */
void NAME(pairs_backward)(int64_t T, int64_t B, int64_t H, int64_t first, int64_t end, const real *d_gates,
                          const real *left, const real *right, const uint8_t *fresh, real *d_u)
{
    for (int64_t n = first; n < end; n += PAIR_ROWS) {
        const int64_t stop = MIN(n + PAIR_ROWS, end), inner = MIN(stop, T * B), own = n < B ? B : n;
        if (n < inner) NAME(product)(inner - n, 3 * H, H, d_gates + n * 3 * H, 3 * H, left, d_u + n * H, H, 0);
        for (int64_t k = n; k < stop; k++)
            if (k >= T * B || (fresh && fresh[k])) memset(d_u + k * H, 0, H * sizeof(real));
        if (own < stop)
            NAME(product)(stop - own, 3 * H, H, d_gates + (own - B) * 3 * H, 3 * H, right, d_u + own * H, H, 1);
    }
}
