#include "base/cpu.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const isa_names[EK_ISA_COUNT] = {"scalar", "avx2", "avx512", "avx512_bf16",
                                                    "neon"};

const char *ek_isa_name(ek_isa isa)
{
    return isa_names[isa];
}

/* ---- instruction sets ---- */

#if defined(__x86_64__)
/* XCR0: which registers the operating system saves. Call only where CPUID says OSXSAVE. */
static uint64_t saved_registers(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool x86_has(ek_isa isa)
{
    /* Intel SDM volume 1, 13 and 14; volume 2, CPUID. */
    enum {
        XCR0_AVX = 0x06,    /* xmm, upper halves of ymm */
        XCR0_AVX512 = 0xE6, /* and opmask, upper halves of zmm, zmm16-31 */
    };
    const uint32_t leaf1_wanted = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C;
    const uint32_t avx512_wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & leaf1_wanted) != leaf1_wanted) {
        return false;
    }
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & bit_AVX2) == 0) {
        return false;
    }
    uint64_t saved = saved_registers();
    if (isa == EK_ISA_AVX2) {
        return (saved & XCR0_AVX) == XCR0_AVX;
    }
    bool avx512 = (saved & XCR0_AVX512) == XCR0_AVX512 && (b & avx512_wanted) == avx512_wanted;
    if (!avx512 || isa == EK_ISA_AVX512) {
        return avx512;
    }
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVX512BF16) != 0;
}
#endif

bool ek_isa_available(ek_isa isa)
{
    switch (isa) {
    case EK_ISA_SCALAR:
        return true;
#if defined(__x86_64__)
    case EK_ISA_AVX2:
    case EK_ISA_AVX512:
    case EK_ISA_AVX512_BF16:
        return x86_has(isa);
#endif
#if defined(__aarch64__)
    case EK_ISA_NEON: /* part of the base architecture */
        return true;
#endif
    default:
        return false;
    }
}

/* Writes the names of what this machine has, "scalar, avx2". */
static void list_available(char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int isa = 0; isa < EK_ISA_COUNT; isa++) {
        if (ek_isa_available((ek_isa)isa) && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     isa_names[isa]);
        }
    }
}

ek_status ek_isa_choose(ek_isa *out, ek_error *err)
{
    const char *wanted = getenv("EK_ISA");
    bool chosen = false;
    for (int i = 0; i < EK_ISA_COUNT; i++) {
        ek_isa isa = (ek_isa)i;
        if (wanted == NULL || *wanted == '\0') {
            /* The table runs from slow to fast. */
            if (ek_isa_available(isa)) {
                *out = isa;
                chosen = true;
            }
        } else if (strcmp(wanted, isa_names[i]) == 0 && ek_isa_available(isa)) {
            *out = isa;
            chosen = true;
        }
    }
    if (!chosen) {
        char available[64];
        list_available(available, sizeof available);
        return ek_error_set(err, EK_E_USAGE, "EK_ISA=%s: this machine has %s", wanted, available);
    }
    return EK_OK;
}

/* ---- names and numbers of cores ---- */

const char *ek_cpu_name(void)
{
    static char name[128];
    if (name[0] != '\0') {
        return name;
    }
    strcpy(name, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) {
        return name;
    }
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            colon += 1 + strspn(colon + 1, " \t");
            size_t length = strcspn(colon, "\n");
            if (length > 0) {
                snprintf(name, sizeof name, "%.*s", (int)length, colon);
            }
            break;
        }
    }
    fclose(file);
    return name;
}

/* Reads up to two numbers of a small file; "max" counts as -1. Returns how many there were. */
static int read_numbers(const char *folder, const char *name, long long out[2])
{
    char *path = ek_path_join(folder, name);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    ek_free(path);
    if (file == NULL) {
        return 0;
    }
    int count = 0;
    char word[32];
    while (count < 2 && fscanf(file, "%31s", word) == 1) {
        int64_t value = -1;
        if (strcmp(word, "max") != 0 && !ek_parse_i64(word, &value)) {
            break;
        }
        out[count++] = value;
    }
    fclose(file);
    return count;
}

/* The quota of one group in cores, rounded up; INT32_MAX when there is none. */
static int quota_of_folder(const char *folder, bool v2)
{
    long long quota[2] = {-1, 0}, period[2];
    if (v2) {
        if (read_numbers(folder, "cpu.max", quota) != 2) {
            return INT32_MAX;
        }
        period[0] = quota[1];
    } else if (read_numbers(folder, "cpu.cfs_quota_us", quota) < 1 ||
               read_numbers(folder, "cpu.cfs_period_us", period) < 1) {
        return INT32_MAX;
    }
    if (quota[0] <= 0 || period[0] <= 0) {
        return INT32_MAX;
    }
    long long cores = quota[0] / period[0] + (quota[0] % period[0] != 0);
    return cores > INT32_MAX ? INT32_MAX : (int)cores;
}

/* The smallest quota from mount/group up to mount: each level limits those below it. Levels that
 * are not mounted (a container sees only its own) have no file and no say. */
static int quota_of_group(const char *mount, const char *group, bool v2)
{
    char *folder = ek_path_join(mount, group + strspn(group, "/"));
    if (folder == NULL) {
        return INT32_MAX;
    }
    int smallest = INT32_MAX;
    size_t root_length = strlen(mount);
    for (;;) {
        int quota = quota_of_folder(folder, v2);
        smallest = quota < smallest ? quota : smallest;
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < root_length) {
            break;
        }
        *slash = '\0';
    }
    ek_free(folder);
    return smallest;
}

/* Is "cpu" one of the comma-separated controllers? */
static bool has_cpu_controller(const char *controllers)
{
    for (const char *at = controllers; *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length == 3 && strncmp(at, "cpu", 3) == 0) {
            return true;
        }
        at += length + (at[length] == ',');
    }
    return false;
}

int ek__cpu_quota(const char *groups_file, const char *mount)
{
    ek_buf text = {0};
    int smallest = INT32_MAX;
    if (ek_file_read(groups_file, 1 << 20, &text, NULL) == EK_OK && text.length > 0) {
        /* Lines are "id:controllers:path"; version 2 has id 0 and no controllers. */
        char *rest = NULL;
        for (char *line = strtok_r(text.data, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            char *controllers = strchr(line, ':');
            char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
            if (group == NULL) {
                continue;
            }
            *group++ = '\0';
            controllers++;
            int quota = INT32_MAX;
            if (*controllers == '\0') {
                quota = quota_of_group(mount, group, true);
            } else if (has_cpu_controller(controllers)) {
                char *v1_mount = ek_path_join(mount, "cpu");
                if (v1_mount != NULL) {
                    quota = quota_of_group(v1_mount, group, false);
                }
                ek_free(v1_mount);
            }
            smallest = quota < smallest ? quota : smallest;
        }
    }
    ek_buf_deinit(&text);
    return smallest;
}

/* The affinity mask in a set as large as the kernel needs; NULL without memory. CPU_FREE it. */
static cpu_set_t *affinity_mask(int *size)
{
    for (*size = 1024; *size <= 1 << 20; *size *= 2) {
        cpu_set_t *mask = CPU_ALLOC((size_t)*size);
        if (mask == NULL) {
            return NULL;
        }
        if (sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)*size), mask) == 0) {
            return mask;
        }
        CPU_FREE(mask);
    }
    return NULL;
}

ek_cpu_mask ek_cpu_mask_read(void)
{
    int size;
    ek_cpu_mask mask = {.cores = affinity_mask(&size)};
    if (mask.cores != NULL) {
        mask.size_bytes = CPU_ALLOC_SIZE((size_t)size);
        mask.count = CPU_COUNT_S(mask.size_bytes, (cpu_set_t *)mask.cores);
    }
    return mask;
}

bool ek_cpu_mask_apply(const ek_cpu_mask *mask)
{
    return mask->cores != NULL && sched_setaffinity(0, mask->size_bytes, mask->cores) == 0;
}

void ek_cpu_mask_free(ek_cpu_mask *mask)
{
    if (mask->cores != NULL) {
        CPU_FREE((cpu_set_t *)mask->cores);
    }
    *mask = (ek_cpu_mask){0};
}

int ek_cpu_count(void)
{
    ek_cpu_mask mask = ek_cpu_mask_read();
    int count = mask.cores != NULL ? mask.count : (int)sysconf(_SC_NPROCESSORS_ONLN);
    ek_cpu_mask_free(&mask);
    int quota = ek__cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    count = quota < count ? quota : count;
    return count < 1 ? 1 : count;
}

bool ek_cpu_pin(int index)
{
    ek_cpu_mask mask = ek_cpu_mask_read();
    cpu_set_t *cores = mask.cores;
    bool pinned = false;
    for (size_t core = 0; cores != NULL && core < 8 * mask.size_bytes; core++) {
        if (CPU_ISSET_S(core, mask.size_bytes, cores) && index-- == 0) {
            CPU_ZERO_S(mask.size_bytes, cores);
            CPU_SET_S(core, mask.size_bytes, cores);
            pinned = ek_cpu_mask_apply(&mask);
            break;
        }
    }
    ek_cpu_mask_free(&mask);
    return pinned;
}
