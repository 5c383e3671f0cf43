/* checksum: the CRC that the POSIX utility `cksum` prints: polynomial 0x04C11DB7, most significant bit first, the
 * length appended, complemented. Eight tables take eight bytes a step: checking a file is not what one waits for. */
#include "checksum.h"

#define POLYNOMIAL 0x04C11DB7u
#define STRIDE 8

static uint32_t table[STRIDE][256];

static void fill_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1) ^ (crc & 0x80000000u ? POLYNOMIAL : 0);
        table[0][byte] = crc;
    }
    for (int k = 1; k < STRIDE; k++)
        for (int byte = 0; byte < 256; byte++)
            table[k][byte] = (table[k - 1][byte] << 8) ^ table[0][table[k - 1][byte] >> 24];
}

static uint32_t add_byte(uint32_t crc, uint8_t byte)
{
    return (crc << 8) ^ table[0][(crc >> 24) ^ byte];
}

static uint32_t add_stride(uint32_t crc, const uint8_t *p)
{
    return table[7][p[0] ^ (crc >> 24)] ^ table[6][p[1] ^ ((crc >> 16) & 255)] ^ table[5][p[2] ^ ((crc >> 8) & 255)] ^
           table[4][p[3] ^ (crc & 255)] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
}

uint32_t checksum_of(const void *data, size_t length)
{
    const uint8_t *p = data;
    uint32_t crc = 0;
    size_t left = length;

    if (!table[0][1])
        fill_tables();
    for (; left >= STRIDE; left -= STRIDE, p += STRIDE)
        crc = add_stride(crc, p);
    while (left--)
        crc = add_byte(crc, *p++);
    for (uint64_t n = length; n; n >>= 8)
        crc = add_byte(crc, (uint8_t)n);
    return ~crc;
}
