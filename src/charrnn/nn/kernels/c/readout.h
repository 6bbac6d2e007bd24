/* The loss of rows of logits and its gradient: nn/readout.py has the equations, nn/mixture.py those of the experts.

   N = T·B rows of V logits, S experts; functions do the rows from `first` to `end`. */

/* Logits become exp(o − max o), sums their sum over a row, and nats −log p of each target. */
void NAME(surprises)(int64_t V, int64_t first, int64_t end, real *RESTRICT logits, const int64_t *RESTRICT targets,
                     real *RESTRICT sums, exact *RESTRICT nats)
{
    for (int64_t n = first; n < end; n++) {
        real *o = logits + n * V;
        const scalar most = NAME(largest)(V, o);
        const real target = o[targets[n]] - most;
        INDEPENDENT for (int64_t v = 0; v < V; v++) o[v] = EXP(o[v] - most);
        sums[n] = NAME(sum)(V, o);
        nats[n] = LOG((exact)sums[n]) - target; /* [readout.3] */
    }
}

/* After `surprises`: exp(o − max o) becomes d_o of the mean over N. */
void NAME(surprises_backward)(int64_t N, int64_t V, int64_t first, int64_t end, real *RESTRICT logits,
                              const int64_t *RESTRICT targets, const real *RESTRICT sums)
{
    for (int64_t n = first; n < end; n++) {
        real *o = logits + n * V, scale = 1 / (sums[n] * (scalar)N);
        INDEPENDENT for (int64_t v = 0; v < V; v++) o[v] *= scale; /* [readout.2] */
        o[targets[n]] -= 1 / (scalar)N;                            /* [readout.4] */
    }
}

/* o += c + Σ_s λ_s ℓ_s, [readout.1], [src.5] and [src.6]. h (N, H), log_q (S, N, V), gate_weight (S, H), gates (N, S). */
void NAME(logits_forward)(int64_t N, int64_t V, int64_t H, int64_t S, int64_t first, int64_t end,
                          const real *RESTRICT bias, const real *h, const scalar *log_q, const real *gate_weight,
                          const real *gate_bias, real *gates, real *RESTRICT logits)
{
    for (int64_t n = first; n < end; n++) {
        real *o = logits + n * V;
        INDEPENDENT for (int64_t v = 0; v < V; v++) o[v] += bias[v];
        for (int64_t s = 0; s < S; s++) {
            const real trust = gates[n * S + s] = DOT(H, h + n * H, gate_weight + s * H) + gate_bias[s];
            const scalar *q = log_q + (s * N + n) * V;
            INDEPENDENT for (int64_t v = 0; v < V; v++) o[v] += trust * q[v];
        }
    }
}

/* dλ, and what it adds to d_h, [src.7]. d_logits (N, V), d_gates (N, S), d_h (N, H). */
void NAME(logits_backward)(int64_t N, int64_t V, int64_t H, int64_t S, int64_t first, int64_t end, const real *d_logits,
                           const scalar *log_q, const real *gate_weight, real *d_gates, real *RESTRICT d_h)
{
    for (int64_t n = first; n < end; n++)
        for (int64_t s = 0; s < S; s++) {
            const scalar *q = log_q + (s * N + n) * V;
            const real *d = d_logits + n * V, *weight = gate_weight + s * H;
            real sum = 0;
#if IS_COMPLEX
            for (int64_t v = 0; v < V; v++) sum += d[v] * q[v];
#else
            sum = DOT(V, d, q);
#endif
            d_gates[n * S + s] = sum;
            INDEPENDENT for (int64_t h = 0; h < H; h++) d_h[n * H + h] += sum * weight[h];
        }
}

/* φ = [√q_1; …; √q_S], (N, S·V), [src.4]. */
void NAME(roots)(int64_t N, int64_t V, int64_t S, int64_t first, int64_t end, const scalar *log_q, real *RESTRICT phi)
{
    for (int64_t n = first; n < end; n++)
        for (int64_t s = 0; s < S; s++)
            INDEPENDENT for (int64_t v = 0; v < V; v++)
                phi[(n * S + s) * V + v] = EXP((scalar)0.5 * log_q[(s * N + n) * V + v]);
}

/* One id for each of B rows of logits, which are overwritten: the first whose cumulative share of the row exceeds u. */
void NAME(pick)(int64_t B, int64_t V, real *RESTRICT logits, const double *RESTRICT u, int64_t *RESTRICT ids)
{
    for (int64_t b = 0; b < B; b++) {
        real *o = logits + b * V, sum = 0;
        const scalar most = NAME(largest)(V, o);
        for (int64_t v = 0; v < V; v++) o[v] = sum += EXP(o[v] - most);
        const double limit = u[b] * REAL_PART(sum);
        ids[b] = 0;
        while (ids[b] < V - 1 && !(REAL_PART(o[ids[b]]) > limit)) ids[b]++;
    }
}

/* A row of logits divided by a temperature, [sampling.1]; at 0, only the first of the largest stays. */
void NAME(soften)(int64_t V, const real *RESTRICT logits, const double *RESTRICT temperature, double *RESTRICT row)
{
    const double most = NAME(largest)(V, logits), t = *temperature;
    int found = 0;
    for (int64_t v = 0; v < V; v++) {
        const double below = REAL_PART(logits[v]) - most;
        row[v] = t > 0 ? below / t : below < 0 || found++ ? -INFINITY : 0;
    }
}
