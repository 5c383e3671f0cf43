/* digest: eight lanes of multiply and add, one word of a block each. The keys change from block to block, so that a
 * block in another's place makes a difference; the word itself is added to the neighbour's lane, since a product with 0
 * says nothing of its other factor. */
#include "digest.h"

#include <emmintrin.h>
#include <string.h>

enum { PAIRS = DIGEST_BLOCK / 16 };

static const uint64_t golden = 0x9E3779B97F4A7C15u;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
    x = (x ^ (x >> 29)) * golden;
    return x ^ (x >> 32);
}

void digest_begin(digest_t *digest)
{
    memset(digest, 0, sizeof *digest);
    for (uint64_t i = 0; i < DIGEST_BLOCK / 8; i++)
        digest->keys[i] = mix(i + 1);
}

/* SSE2: all that Windows has run on for years, and without it 32-bit programs would multiply for ever. */
__attribute__((target("sse2"))) static void add_blocks(digest_t *digest, const uint8_t *bytes, size_t blocks)
{
    const __m128i step = _mm_set1_epi64x((long long)golden);
    __m128i lanes[PAIRS], keys[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        lanes[i] = _mm_loadu_si128((const __m128i *)digest->lanes + i);
        keys[i] = _mm_loadu_si128((const __m128i *)digest->keys + i);
    }
    for (; blocks; blocks--, bytes += DIGEST_BLOCK) {
        for (int i = 0; i < PAIRS; i++) {
            __m128i words = _mm_loadu_si128((const __m128i *)bytes + i), mixed = _mm_xor_si128(words, keys[i]);
            __m128i product = _mm_mul_epu32(mixed, _mm_srli_epi64(mixed, 32));
            __m128i swapped = _mm_shuffle_epi32(words, _MM_SHUFFLE(1, 0, 3, 2));
            lanes[i] = _mm_add_epi64(lanes[i], _mm_add_epi64(product, swapped));
            keys[i] = _mm_add_epi64(keys[i], step);
        }
    }
    for (int i = 0; i < PAIRS; i++) {
        _mm_storeu_si128((__m128i *)digest->lanes + i, lanes[i]);
        _mm_storeu_si128((__m128i *)digest->keys + i, keys[i]);
    }
}

void digest_add(digest_t *digest, const void *data, size_t count)
{
    const uint8_t *bytes = data;
    size_t waiting = digest->length % DIGEST_BLOCK;
    digest->length += count;
    if (waiting) {
        size_t n = count < DIGEST_BLOCK - waiting ? count : DIGEST_BLOCK - waiting;
        memcpy(digest->rest + waiting, bytes, n);
        if (waiting + n < DIGEST_BLOCK)
            return;
        add_blocks(digest, digest->rest, 1);
        bytes += n;
        count -= n;
    }
    add_blocks(digest, bytes, count / DIGEST_BLOCK);
    memcpy(digest->rest, bytes + count - count % DIGEST_BLOCK, count % DIGEST_BLOCK);
}

uint64_t digest_end(digest_t *digest)
{
    uint64_t result = mix(digest->length + golden);
    size_t waiting = digest->length % DIGEST_BLOCK;
    if (waiting) {
        memset(digest->rest + waiting, 0, DIGEST_BLOCK - waiting);
        add_blocks(digest, digest->rest, 1);
    }
    for (int i = 0; i < DIGEST_BLOCK / 8; i++)
        result = mix(result ^ digest->lanes[i]);
    return result;
}
