/* test_ring: positions, spans and wraps of a circular buffer. */
#include "unit.h"

#include <stdlib.h>

#include "ring.h"

#define SIZE 4096u

/* Exactly as large as the ring, so that the sanitizer sees a step outside. */
static vmmc_region_t make_ring(void)
{
    vmmc_region_t ring = {.base = malloc(SIZE), .size = SIZE, .handle = 1};
    assert_non_null(ring.base);
    memset(ring.base, 0xee, SIZE);
    return ring;
}

static void round_trip(const vmmc_region_t *ring, uint32_t position, uint32_t count)
{
    uint8_t in[SIZE], out[SIZE];
    for (uint32_t i = 0; i < count; i++)
        in[i] = unit_pattern(position, i);
    ring_put(COPY_PLAIN, ring, position, in, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(ring->base[(position + i) % SIZE], in[i]);
    ring_get(ring, position, out, count);
    assert_memory_equal(in, out, count);
}

static void a_span_ends_where_the_buffer_does(void **state)
{
    vmmc_region_t ring = {.size = SIZE};
    (void)state;
    assert_int_equal(ring_first_span(&ring, 0, 10), 10);
    assert_int_equal(ring_first_span(&ring, 0, SIZE), SIZE);
    assert_int_equal(ring_first_span(&ring, SIZE - 1, 10), 1);
    assert_int_equal(ring_first_span(&ring, SIZE - 10, 10), 10);
    assert_int_equal(ring_first_span(&ring, 5 * SIZE + 100, SIZE), SIZE - 100);
    assert_int_equal(ring_first_span(&ring, UINT32_MAX, 10), 1);
    assert_int_equal(ring_first_span(&ring, 17, 0), 0);
}

static void bytes_come_back_from_every_position_near_the_end(void **state)
{
    vmmc_region_t ring = make_ring();
    (void)state;
    for (uint32_t position = SIZE - 20; position < SIZE + 20; position++) {
        for (uint32_t count = 0; count < 45; count++)
            round_trip(&ring, position, count);
    }
    free(ring.base);
}

static void a_full_ring_wraps_at_every_offset(void **state)
{
    vmmc_region_t ring = make_ring();
    (void)state;
    for (uint32_t position = 0; position < SIZE; position += 97)
        round_trip(&ring, position, SIZE);
    free(ring.base);
}

static void positions_wrap_past_uint32_max(void **state)
{
    vmmc_region_t ring = make_ring();
    (void)state;
    for (uint32_t position = UINT32_MAX - 50; position != 50; position++) {
        round_trip(&ring, position, 33);
        round_trip(&ring, position, SIZE);
    }
    free(ring.base);
}

static void putting_leaves_other_bytes_alone(void **state)
{
    vmmc_region_t ring = make_ring();
    (void)state;
    ring_put(COPY_PLAIN, &ring, UINT32_MAX, (const uint8_t *)"ab", 2);
    assert_int_equal(ring.base[SIZE - 1], 'a');
    assert_int_equal(ring.base[0], 'b');
    for (uint32_t i = 1; i < SIZE - 1; i++)
        assert_int_equal(ring.base[i], 0xee);
    free(ring.base);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_ends_where_the_buffer_does),
        cmocka_unit_test(bytes_come_back_from_every_position_near_the_end),
        cmocka_unit_test(a_full_ring_wraps_at_every_offset),
        cmocka_unit_test(positions_wrap_past_uint32_max),
        cmocka_unit_test(putting_leaves_other_bytes_alone),
    };
    return unit_main_bare(argc, argv, tests);
}
