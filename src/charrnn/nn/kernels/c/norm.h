/* Root-mean-square normalisation of rows: nn/rms_norm.py has its equations. */

#define EPS ((scalar)1e-6)
#define NORM_ROWS 64 /* rows whose part of dn is one sum: parts are added in their order, however rows are cut */

/* u = n x̂ and r, for the rows from `first` to `end`. x, u (N, H), r (N,). */
void NAME(norm_forward)(int64_t H, int64_t first, int64_t end, const real *RESTRICT x, const real *RESTRICT n,
                        real *RESTRICT u, real *RESTRICT r)
{
    for (int64_t k = first; k < end; k++) {
        const real *row = x + k * H;
        const real scale = 1 / SQRT(DOT(H, row, row) / (scalar)H + EPS); /* [rmsnorm.1] */
        r[k] = scale;
        INDEPENDENT for (int64_t h = 0; h < H; h++) u[k * H + h] = row[h] * scale * n[h]; /* [rmsnorm.2] */
    }
}

/* d_u to d_x, to which d_y is added where there is one; `first` is a multiple of NORM_ROWS. d_n (⌈N / NORM_ROWS⌉, H): parts. */
void NAME(norm_backward)(int64_t H, int64_t first, int64_t end, const real *RESTRICT x, const real *RESTRICT n,
                         const real *RESTRICT r, real *RESTRICT d_u, const real *d_y, real *d_x, real *RESTRICT d_n)
{
    for (int64_t k = first; k < end; k++) {
        const real *row = x + k * H, scale = r[k];
        real *g = d_u + k * H, *part = d_n + k / NORM_ROWS * H, *out = d_x + k * H;
        if (k % NORM_ROWS == 0) memset(part, 0, H * sizeof(real));
        INDEPENDENT for (int64_t h = 0; h < H; h++) {
            part[h] += g[h] * (row[h] * scale); /* [rmsnorm.3] */
            g[h] *= n[h];
        }
        const real mean = DOT(H, row, g) * scale / (scalar)H;
        if (d_y)
            INDEPENDENT for (int64_t h = 0; h < H; h++)
                out[h] = scale * (g[h] - row[h] * scale * mean) + d_y[k * H + h]; /* [rmsnorm.4], [qrnn.11] */
        else
            INDEPENDENT for (int64_t h = 0; h < H; h++) out[h] = scale * (g[h] - row[h] * scale * mean);
    }
}
