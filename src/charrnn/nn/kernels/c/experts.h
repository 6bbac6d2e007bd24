/* What counts say after one more character in each lane: ngrams/reader.py and ngrams/distributions.py. */

#define LOG_OF(x) ((scalar)(IS_FLOAT ? logf(x) : log(x)))

/* The row of a key, or −1 for a context that was never seen. */
INLINE int64_t NAME(row_of)(const counts *t, uint64_t key)
{
    key >>= 64 - KEY_BITS;
    if (t->rows == 0 || key > t->keys[t->rows - 1]) return -1;
    int64_t row = t->starts[key >> t->shift];
    while (t->keys[row] < key) row++;
    return t->keys[row] == key ? row : -1;
}

/* codes (B, REACH) take in ids (B,); log_q (S, B, V) is what the S chains say then. sums (V,) is room. */
void NAME(experts_read)(int64_t S, int64_t V, int64_t B, int64_t boundary, const chain *chains, const counts *t,
                        const int64_t *ids, int64_t *all_codes, double *RESTRICT sums, scalar *RESTRICT log_q)
{
    for (int64_t b = 0; b < B; b++) {
        int64_t *codes = all_codes + b * REACH;
        if (ids[b] == boundary) memset(codes, 0, REACH * sizeof(int64_t));
        memmove(codes, codes + 1, (REACH - 1) * sizeof(int64_t));
        codes[REACH - 1] = ids[b] + 1;
        for (int64_t s = 0; s < S; s++) {
            const chain *c = chains + s;
            uint64_t keys[MOST_LEVELS];
            int64_t rows[MOST_LEVELS];
            float weights[MOST_LEVELS], above = 1; /* Π M / A of the levels above, [src.1] */
            int64_t last[REACH];
            for (int k = 0; k < REACH; k++) last[k] = c->own ? c->own[codes[k]] : codes[k];
            if (c->kinds) keys_of_words(c, last, keys);
            else if (c->first_label) keys_of_labels(c, last, keys);
            else keys_of_characters(c, last, keys);
            for (int64_t k = c->levels - 2; k >= 0; k--) {
                rows[k] = NAME(row_of)(t, keys[k] ^ c->mark);
                weights[k] = above;
                if (rows[k] >= 0) above *= t->passed_on[rows[k]];
            }
            for (int64_t v = 0; v < V; v++) sums[v] = above * t->shortest[s * V + v];
            for (int64_t k = 0; k < c->levels - 1; k++)
                for (int64_t p = rows[k] < 0 ? 0 : t->first[rows[k]]; rows[k] >= 0 && p < t->first[rows[k] + 1]; p++)
                    sums[t->symbols[p]] += t->discounted[p] * weights[k];
            scalar *out = log_q + (s * B + b) * V;
            for (int64_t v = 0; v < V; v++) out[v] = LOG_OF((scalar)sums[v]);
        }
    }
}
