/* Sums over rows, for the columns from `first` to `end`: however columns are cut, each is added up in the order of rows. */

/* out[v] = Σ rows[n] over the n with ids[n] = v, which is one_hot(ids)ᵀ rows. rows (N, K), out (V, K). */
void NAME(sum_rows_by_id)(int64_t N, int64_t V, int64_t K, int64_t first, int64_t end, const real *RESTRICT rows,
                          const int64_t *RESTRICT ids, real *RESTRICT out)
{
    for (int64_t v = 0; v < V; v++) memset(out + v * K + first, 0, (end - first) * sizeof(real));
    for (int64_t n = 0; n < N; n++) {
        const real *row = rows + n * K;
        real *sum = out + ids[n] * K;
        INDEPENDENT for (int64_t k = first; k < end; k++) sum[k] += row[k];
    }
}

/* out = Σ rows[n]. rows (N, K), out (K,). */
void NAME(sum_rows)(int64_t N, int64_t K, int64_t first, int64_t end, const real *RESTRICT rows, real *RESTRICT out)
{
    memset(out + first, 0, (end - first) * sizeof(real));
    for (int64_t n = 0; n < N; n++)
        INDEPENDENT for (int64_t k = first; k < end; k++) out[k] += rows[n * K + k];
}
