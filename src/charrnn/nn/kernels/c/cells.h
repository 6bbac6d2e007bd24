/* The recurrent cells over a window: nn/cells/ has their equations, nn/layers/recurrent.py the loop over time.

   T seq_len, B batch_size, H hidden_size, G gates. Arrays are (T, B, ·), with the gates of a unit side by side, (T, B, G·H).
   `fresh` marks the steps and lanes whose state begins at zero. */

typedef struct {
    int64_t T, B, H;
    const int64_t *ids;          /* (T, B): the lowest layer's inputs, rows of `table`; or NULL, and gates hold U x_t */
    const real *table;           /* (V, G·H), Uᵀ */
    const uint8_t *fresh;        /* (T, B), or NULL */
    const real *bias, *bias_hh;  /* (G·H,) */
    const real *forward_panels;  /* Wᵀ, packed */
    const real *backward_panels; /* W, packed */
    const real *zeros;           /* (G·H,) */
    real *gates;                 /* (T, B, G·H) */
    real *hidden_proj;           /* (B, G·H): W h_prev of one step */
    real *states;                /* (S, T + 1, B, H): [:, 0] the initial state */
    real *saved;                 /* (K, T, B, H) */
    const real *d_outputs;       /* (T, B, H) */
    real *d_gates, *d_hidden;    /* (T, B, G·H); the same array unless a gate multiplies W h_prev */
    real *d_states;              /* (S, B, H): of the step that backward has reached, at last of the initial state */
} NAME(window);

/* The rows of one lane at one step. */
typedef struct {
    const real *x, *y, *h_prev, *c_prev, *d_out; /* U x or gates; W h_prev; states before */
    real *gates, *h, *c, *saved, *d_gates, *d_hidden, *d_h, *d_c;
} NAME(rows);

INLINE NAME(rows) NAME(rows_at)(const NAME(window) *w, int G, int64_t t, int64_t b)
{
    const int64_t H = w->H, n = t * w->B + b, after = n + w->B, all = (w->T + 1) * w->B;
    const int fresh = w->fresh && w->fresh[n];
    NAME(rows) r = {
        .x = w->ids ? w->table + w->ids[n] * G * H : w->gates + n * G * H,
        .y = fresh ? w->zeros : w->hidden_proj + b * G * H,
        .h_prev = fresh ? w->zeros : w->states + n * H,
        .c_prev = fresh ? w->zeros : w->states + (all + n) * H,
        .d_out = w->d_outputs + n * H,
        .gates = w->gates + n * G * H,
        .h = w->states + after * H,
        .c = w->states + (all + after) * H,
        .saved = w->saved + n * H,
        .d_gates = w->d_gates + n * G * H,
        .d_hidden = w->d_hidden + n * G * H,
        .d_h = w->d_states + b * H,
        .d_c = w->d_states + (w->B + b) * H,
    };
    return r;
}

INLINE void NAME(rnn_step)(const NAME(window) *w, NAME(rows) r)
{
    const real *RESTRICT x = r.x, *RESTRICT y = r.y, *RESTRICT bias = w->bias;
    real *RESTRICT h = r.h;
    INDEPENDENT for (int64_t k = 0; k < w->H; k++) h[k] = TANH(x[k] + bias[k] + y[k]); /* [rnn.1], [rnn.2] */
}

INLINE void NAME(rnn_step_back)(const NAME(window) *w, NAME(rows) r)
{
    const real *RESTRICT h = r.h, *RESTRICT d_out = r.d_out, *RESTRICT d_h = r.d_h;
    real *RESTRICT d_a = r.d_gates;
    INDEPENDENT for (int64_t k = 0; k < w->H; k++) d_a[k] = (d_h[k] + d_out[k]) * (1 - h[k] * h[k]); /* [rnn.3] */
}

INLINE void NAME(lstm_step)(const NAME(window) *w, NAME(rows) r)
{
    const int64_t H = w->H;
    const real *x = r.x, *y = r.y, *bias = w->bias, *c_prev = r.c_prev;
    real *a = r.gates, *h = r.h, *c = r.c, *tanh_c = r.saved;
    INDEPENDENT for (int64_t k = 0; k < H; k++) {
        real i = SIGMOID(x[k] + bias[k] + y[k]), f = SIGMOID(x[H + k] + bias[H + k] + y[H + k]);
        real g = TANH(x[2 * H + k] + bias[2 * H + k] + y[2 * H + k]);
        real o = SIGMOID(x[3 * H + k] + bias[3 * H + k] + y[3 * H + k]); /* [lstm.1] */
        real now = f * c_prev[k] + i * g;                                /* [lstm.2] */
        real squashed = TANH(now);
        a[k] = i, a[H + k] = f, a[2 * H + k] = g, a[3 * H + k] = o;
        c[k] = now, tanh_c[k] = squashed, h[k] = o * squashed; /* [lstm.3] */
    }
}

INLINE void NAME(lstm_step_back)(const NAME(window) *w, NAME(rows) r)
{
    const int64_t H = w->H;
    const real *a = r.gates, *c_prev = r.c_prev, *tanh_c = r.saved, *d_out = r.d_out, *d_h = r.d_h;
    real *d_a = r.d_gates, *d_c = r.d_c;
    INDEPENDENT for (int64_t k = 0; k < H; k++) {
        real i = a[k], f = a[H + k], g = a[2 * H + k], o = a[3 * H + k], d = d_h[k] + d_out[k];
        real d_now = d_c[k] + d * o * (1 - tanh_c[k] * tanh_c[k]); /* [lstm.4] */
        d_a[k] = d_now * g * (i * (1 - i));
        d_a[H + k] = d_now * c_prev[k] * (f * (1 - f));
        d_a[2 * H + k] = d_now * i * (1 - g * g);
        d_a[3 * H + k] = d * tanh_c[k] * (o * (1 - o)); /* [lstm.5], [lstm.6], [lstm.8] */
        d_c[k] = d_now * f;                             /* [lstm.7] */
    }
}

INLINE void NAME(gru_step)(const NAME(window) *w, NAME(rows) r)
{
    const int64_t H = w->H;
    const real *x = r.x, *y = r.y, *bias = w->bias, *bias_hh = w->bias_hh, *h_prev = r.h_prev;
    real *a = r.gates, *h = r.h, *y_n = r.saved;
    INDEPENDENT for (int64_t k = 0; k < H; k++) {
        real reset = SIGMOID(x[k] + bias[k] + (y[k] + bias_hh[k]));
        real z = SIGMOID(x[H + k] + bias[H + k] + (y[H + k] + bias_hh[H + k])); /* [gru.1] */
        real own = y[2 * H + k] + bias_hh[2 * H + k];
        real n = TANH(x[2 * H + k] + bias[2 * H + k] + reset * own); /* [gru.2] */
        a[k] = reset, a[H + k] = z, a[2 * H + k] = n, y_n[k] = own;
        h[k] = n + z * (h_prev[k] - n); /* [gru.3] */
    }
}

INLINE void NAME(gru_step_back)(const NAME(window) *w, NAME(rows) r)
{
    const int64_t H = w->H;
    const real *a = r.gates, *h_prev = r.h_prev, *y_n = r.saved, *d_out = r.d_out;
    real *d_x = r.d_gates, *d_y = r.d_hidden, *d_h = r.d_h;
    INDEPENDENT for (int64_t k = 0; k < H; k++) {
        real reset = a[k], z = a[H + k], n = a[2 * H + k], d = d_h[k] + d_out[k];
        real d_n = d * (1 - z) * (1 - n * n);             /* [gru.4], [gru.6] */
        real d_z = d * (h_prev[k] - n) * (z * (1 - z));   /* [gru.4], [gru.8] */
        real d_r = d_n * y_n[k] * (reset * (1 - reset));  /* [gru.7], [gru.8] */
        d_x[k] = d_r, d_x[H + k] = d_z, d_x[2 * H + k] = d_n;
        d_y[k] = d_r, d_y[H + k] = d_z, d_y[2 * H + k] = d_n * reset;
        d_h[k] = d * z; /* [gru.5] */
    }
}

/* The loops over time, for the lanes from `first` to `end`. STATES of a cell; ADD: h_prev also reaches h past W. */
#define LOOPS(cell, GATES, STATES, ADD)                                                                                \
    void NAME(cell##_forward)(const NAME(window) *w, int64_t first, int64_t end)                                       \
    {                                                                                                                  \
        const int64_t B = w->B, H = w->H;                                                                              \
        for (int64_t t = 0; t < w->T; t++) {                                                                           \
            NAME(product)(end - first, H, GATES * H, w->states + (t * B + first) * H, H, w->forward_panels,            \
                          w->hidden_proj + first * GATES * H, GATES * H, 0);                                           \
            for (int64_t b = first; b < end; b++) NAME(cell##_step)(w, NAME(rows_at)(w, GATES, t, b));                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    void NAME(cell##_backward)(const NAME(window) *w, int64_t first, int64_t end)                                      \
    {                                                                                                                  \
        const int64_t B = w->B, H = w->H;                                                                              \
        for (int64_t t = w->T - 1; t >= 0; t--) {                                                                      \
            for (int64_t b = first; b < end; b++) NAME(cell##_step_back)(w, NAME(rows_at)(w, GATES, t, b));            \
            NAME(product)(end - first, GATES * H, H, w->d_hidden + (t * B + first) * GATES * H, GATES * H,             \
                          w->backward_panels, w->d_states + first * H, H, ADD);                                        \
            for (int64_t b = first; w->fresh && b < end; b++)                                                          \
                for (int s = 0; w->fresh[t * B + b] && s < STATES; s++)                                                \
                    memset(w->d_states + (s * B + b) * H, 0, H * sizeof(real));                                        \
        }                                                                                                              \
    }

LOOPS(rnn, 1, 1, 0)
LOOPS(lstm, 4, 2, 0)
LOOPS(gru, 3, 1, 1)
#undef LOOPS
