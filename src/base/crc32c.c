#include "base/crc32c.h"

#include <pthread.h>

static const uint32_t REFLECTED = 0x82f63b78u;

static uint32_t table[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) {
            value = (value >> 1) ^ (value & 1 ? REFLECTED : 0);
        }
        table[i] = value;
    }
}

uint32_t ek_crc32c(const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint32_t crc = UINT32_MAX;
    pthread_once(&once, fill_table);
    for (size_t i = 0; i < count; i++) {
        crc = (crc >> 8) ^ table[(crc ^ at[i]) & 0xff];
    }
    return ~crc;
}
