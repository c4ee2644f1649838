/* probe_samples.h - small results of probes as files, for tests of their reader and of the figures.
 * Runs 1 and 2 of group "devlin" failed and diverged, run 3 and 4 of "stable" did not, seeds 1, 2,
 * 1, 2; `sample_runs` replaces them. */
#ifndef EK_TEST_PROBE_SAMPLES_H
#define EK_TEST_PROBE_SAMPLES_H

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "probe/probe_file.h"

enum { SAMPLE_LAYERS = 3, SAMPLE_POINTS = 7, SAMPLE_RUNS = 4 };

typedef struct {
    int64_t id;
    const char *group, *outcome;
    uint32_t seed;
} sample_run;

static const sample_run sample_runs_plain[SAMPLE_RUNS] = {{1, "devlin", "failed", 1},
                                                          {2, "devlin", "diverged", 2},
                                                          {3, "stable", "ok", 1},
                                                          {4, "stable", "ok", 2}};
static const sample_run *sample_runs = sample_runs_plain;

static inline void sample_write(const char *dir, const char *name, const ek_buf *text)
{
    ek_error err = {0};
    char *folder = ek_probe_path(dir, NULL), *path = ek_probe_path(dir, name);
    assert_non_null(path);
    assert_int_equal(ek_make_dirs(folder, &err), EK_OK);
    assert_int_equal(ek_file_replace(path, ek_buf_text(text), text->length, &err), EK_OK);
    ek_free(folder);
    ek_free(path);
}

static inline void sample_run_open(ek_buf *out, size_t i)
{
    const sample_run *run = &sample_runs[i];
    ek_buf_printf(out, "%s{\"run\":%lld,\"group\":", i ? "," : "", (long long)run->id);
    ek_buf_json_string(out, run->group, strlen(run->group));
    ek_buf_printf(out, ",\"seed\":%u,\"outcome\":\"%s\",\"score\":0.5", run->seed, run->outcome);
}

static inline void sample_list(ek_buf *out, const char *key, size_t count, double first,
                               double ratio)
{
    ek_buf_printf(out, ",\"%s\":[", key);
    for (size_t k = 0; k < count; k++) {
        ek_buf_puts(out, k ? "," : "");
        ek_buf_json_double(out, first * pow(ratio, (double)k));
    }
    ek_buf_putc(out, ']');
}

/* Perplexities of failed runs 160, 80, 40, 20, of the others 20 * 1.1^-k; run 2's are null. */
static inline void sample_forgetting(ek_buf *out)
{
    ek_buf_printf(out,
                  "{\"probe\":\"forgetting\",\"layers\":%d,\"text\":\"wiki `x` <b>\",\"text_hash\":"
                  "\"00\",\"mask_seed\":1,\"blocks\":5,\"masked_tokens\":90,"
                  "\"pretrained_perplexity\":10,\"runs\":[",
                  SAMPLE_LAYERS);
    for (size_t i = 0; i < SAMPLE_RUNS; i++) {
        bool ok = strcmp(sample_runs[i].outcome, "ok") == 0;
        bool lost = strcmp(sample_runs[i].outcome, "diverged") == 0;
        sample_run_open(out, i);
        sample_list(out, "perplexity", SAMPLE_LAYERS + 1,
                    lost ? (double)NAN
                    : ok ? 20
                         : 160,
                    ok ? 1 / 1.1 : 0.5);
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "]}\n");
}

/* A bowl around the successful run, loss 0.01 there; 1.01 at the pre-trained model, 2.01 at the
 * failed one; the gradient's norm is that of the bowl. The last point is null. */
static inline void sample_surface(ek_buf *out)
{
    double low = -1.5, step = 3.0 / (SAMPLE_POINTS - 1);
    ek_buf_printf(out,
                  "{\"probe\":\"surface\",\"failed_run\":%lld,\"ok_run\":%lld,\"failed_group\":",
                  (long long)sample_runs[0].id, (long long)sample_runs[2].id);
    ek_buf_json_string(out, sample_runs[0].group, strlen(sample_runs[0].group));
    ek_buf_puts(out, ",\"ok_group\":");
    ek_buf_json_string(out, sample_runs[2].group, strlen(sample_runs[2].group));
    ek_buf_printf(out,
                  ",\"failed_seed\":%u,\"ok_seed\":%u,\"examples\":128,\"low\":-1.5,\"high\":1.5,"
                  "\"points\":%d,\"head\":\"that of the failed run\",\"corners\":["
                  "{\"name\":\"pretrained\",\"a\":0,\"b\":0,\"loss\":1.01,\"grad_norm\":2},"
                  "{\"name\":\"failed\",\"a\":1,\"b\":0,\"loss\":2.01,\"grad_norm\":2.8},"
                  "{\"name\":\"ok\",\"a\":0,\"b\":1,\"loss\":0.01,\"grad_norm\":0}],\"line\":[",
                  sample_runs[0].seed, sample_runs[2].seed, SAMPLE_POINTS);
    for (int i = 0; i <= 8; i++) {
        double t = i / 8.0;
        ek_buf_printf(out, "%s{\"t\":%.17g,\"loss\":%.17g,\"grad_norm\":%.17g}", i ? "," : "", t,
                      0.01 + 2 * (1 - t) * (1 - t) + 8 * t * (1 - t), 2.8 * (1 - t));
    }
    ek_buf_puts(out, "],\"barrier\":0.65625,\"grid\":[");
    for (int i = 0; i < SAMPLE_POINTS * SAMPLE_POINTS; i++) {
        double a = low + step * (i / SAMPLE_POINTS), b = low + step * (i % SAMPLE_POINTS);
        bool last = i == SAMPLE_POINTS * SAMPLE_POINTS - 1;
        ek_buf_printf(out, "%s[%.17g,%.17g,", i ? "," : "", a, b);
        ek_buf_json_double(out, last ? (double)NAN : 0.01 + a * a + (b - 1) * (b - 1));
        ek_buf_putc(out, ',');
        ek_buf_json_double(out, last ? (double)NAN : 0.01 + 2 * hypot(a, b - 1));
        ek_buf_putc(out, ']');
    }
    ek_buf_puts(out, "]}\n");
}

/* Failed runs moved twice as far; two of them are as alike as 0.5, others as 0.9. */
static inline void sample_drift(ek_buf *out)
{
    ek_buf_printf(out,
                  "{\"probe\":\"drift\",\"layers\":%d,\"examples\":40,\"parts\":[\"embeddings\","
                  "\"layer 0\",\"layer 1\",\"layer 2\",\"pooler\"],\"runs\":[",
                  SAMPLE_LAYERS);
    for (size_t i = 0; i < SAMPLE_RUNS; i++) {
        bool ok = strcmp(sample_runs[i].outcome, "ok") == 0;
        sample_run_open(out, i);
        sample_list(out, "distance", SAMPLE_LAYERS + 2, ok ? 1 : 2, 1.5);
        sample_list(out, "relative", SAMPLE_LAYERS + 2, ok ? 0.01 : 0.02, 1.5);
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "],\"cka\":[");
    for (size_t i = 0; i < SAMPLE_RUNS; i++) {
        for (size_t k = 0; k < i; k++) {
            bool lost = strcmp(sample_runs[i].outcome, "ok") != 0 &&
                        strcmp(sample_runs[k].outcome, "ok") != 0;
            ek_buf_printf(out, "%s{\"a\":%lld,\"b\":%lld", i + k > 1 ? "," : "",
                          (long long)sample_runs[k].id, (long long)sample_runs[i].id);
            sample_list(out, "values", SAMPLE_LAYERS + 1, 1, lost ? 0.5 : 0.9);
            sample_list(out, "unbiased", SAMPLE_LAYERS + 1, 1, lost ? 0.4 : 0.8);
            ek_buf_putc(out, '}');
        }
    }
    ek_buf_puts(out, "]}\n");
}

static inline void sample_all(const char *dir)
{
    static const struct {
        const char *name;
        void (*make)(ek_buf *out);
    } files[] = {{"forgetting.json", sample_forgetting},
                 {"surface.json", sample_surface},
                 {"drift.json", sample_drift}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ek_buf text = {0};
        files[i].make(&text);
        sample_write(dir, files[i].name, &text);
        ek_buf_deinit(&text);
    }
}

#endif
