/* The keys of contexts after the last REACH characters of a text: ngrams/chains.py has their definition; and tables of counts. */

#define REACH 64
#define MOST_LEVELS 8
#define KEY_BITS 43
#define BASE UINT64_C(0x9E3779B97F4A7C15)
#define SALT UINT64_C(0xBF58476D1CE4E5B9)
#define MIX UINT64_C(0x94D049BB133111EB)

enum { BETWEEN, IN_WORD, ALONE }; /* kinds of characters */

typedef struct {
    int64_t levels, salt, first_label; /* the code of the first label, in a chain of labels, or 0 */
    uint64_t mark;                 /* of the keys of a chain of all texts, or 0 */
    const int64_t *kinds, *folded; /* of each code, in a chain of words: its kind, and the code of its lower case */
    const int64_t *own;            /* what a chain of all texts has in place of each code, or NULL */
} chain;

/* The tables of all chains, `CompiledCounts` in ngrams/compiled.py. */
typedef struct {
    int64_t rows, shift;
    const uint64_t *keys;
    const int64_t *starts;
    const int32_t *first;
    const uint16_t *symbols;
    const float *passed_on, *discounted;
    const double *shortest;
} counts;

INLINE uint64_t mixed(uint64_t key, uint64_t salt)
{
    key = (key + salt * SALT) * MIX;
    key = (key ^ key >> 31) * MIX;
    return key ^ key >> 29;
}

/* The key of each context but the shortest. codes (REACH,): ids + 1, and 0 where there is nothing. */
INLINE void keys_of_characters(const chain *c, const int64_t *codes, uint64_t *keys)
{
    uint64_t sum = 0, power = 1;
    for (int64_t k = 1; k < c->levels; k++, power *= BASE) {
        sum += codes[REACH - k] * power;
        keys[k - 1] = mixed(sum, c->salt + k);
    }
}

INLINE void keys_of_labels(const chain *c, const int64_t *codes, uint64_t *keys)
{
    int place = REACH - 1;
    while (place >= 0 && codes[place] < c->first_label) place--;
    const uint64_t label = place < 0 ? 0 : codes[place];
    keys_of_characters(c, codes, keys);
    for (int64_t k = c->levels - 2; k > 0; k--) keys[k] = mixed(keys[k - 1], label);
    keys[0] = mixed(mixed(0, c->salt), label);
}

/* Where the run of characters of one kind begins that ends before a place, end ≥ 1. */
INLINE int run_start(const chain *c, const int64_t *codes, int end)
{
    const int64_t kind = c->kinds[codes[--end]];
    while (kind != ALONE && end > 0 && c->kinds[codes[end - 1]] == kind) end--;
    return end;
}

/* Where the last word before a place ends. */
INLINE int word_end(const chain *c, const int64_t *codes, int place)
{
    return place == 0 || c->kinds[codes[place - 1]] != BETWEEN ? place : run_start(c, codes, place);
}

INLINE void keys_of_words(const chain *c, const int64_t *codes, uint64_t *keys)
{
    const int64_t kind = c->kinds[codes[REACH - 1]];
    const int start = kind == ALONE ? REACH : run_start(c, codes, REACH);
    uint64_t sum = 0;
    for (int k = start; k < REACH; k++) sum = sum * BASE + codes[k];
    keys[0] = mixed(sum, 101 + (kind != BETWEEN));
    int end = kind == ALONE ? REACH : kind == IN_WORD ? word_end(c, codes, start) : start;
    for (int level = 1; level < 3; level++) {
        const int begin = end == 0 ? 0 : run_start(c, codes, end);
        uint64_t word = 0;
        for (int k = begin; k < end; k++) word = word * BASE + c->folded[codes[k]];
        keys[level] = mixed(keys[level - 1] ^ mixed(word, 102 + level), 102 + level);
        end = word_end(c, codes, begin);
    }
}
