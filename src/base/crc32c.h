/* crc32c.h - CRC-32C (Castagnoli), as iSCSI and record files use it: reflected, polynomial
 * 1edc6f41, start and end inverted (RFC 3720, appendix B.4).
 */
#ifndef EK_BASE_CRC32C_H
#define EK_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t ek_crc32c(const void *bytes, size_t count);

#endif
