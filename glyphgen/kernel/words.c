/* Random words at addresses, as NumPy's Philox gives them: see streams.py, which says what they are.
 *
 * Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: Philox 4x64, ten rounds.
 */

#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

enum { ROUNDS = 10, WORDS = 4 /* for each value of the counter */ };

static inline uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 Wide;
    Wide product = (Wide)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
#else
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (uint32_t)middle;
    *high = a1 * b1 + (middle >> 32) + (other >> 32);
    return a * b;
#endif
}

static inline void draw(uint64_t count, uint64_t key0, uint64_t key1, uint64_t words[WORDS])
{
    uint64_t c0 = count, c1 = 0, c2 = 0, c3 = 0;
    for (int k = 0; k < ROUNDS; k++) {
        uint64_t high0, high1;
        uint64_t low0 = multiply(UINT64_C(0xD2E7470EE14C6C93), c0, &high0);
        uint64_t low1 = multiply(UINT64_C(0xCA5A826395121157), c2, &high1);
        c0 = high1 ^ c1 ^ key0;
        c1 = low1;
        c2 = high0 ^ c3 ^ key1;
        c3 = low0;
        key0 += UINT64_C(0x9E3779B97F4A7C15);
        key1 += UINT64_C(0xBB67AE8584CAA73B);
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* Set words (n, n_words) to the first words of samples: those of sample j of class c stand at the key
 * (seed, stage << 32 | c), from the counter j * counts + 1 on, as NumPy counts before it draws. */
EXPORTED void glyphgen_words_draw(uint64_t seed, uint64_t stage, int64_t counts, int64_t n,
                                  const int64_t *class_index, const int64_t *sample, int64_t n_words,
                                  uint64_t *words)
{
    for (int64_t k = 0; k < n; k++) {
        uint64_t count = (uint64_t)sample[k] * (uint64_t)counts, key1 = stage << 32 | (uint64_t)class_index[k];
        for (int64_t drawn = 0; drawn < n_words; drawn += WORDS, words += WORDS)
            draw(++count, seed, key1, words);
    }
}
