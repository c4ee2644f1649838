/* Results of probes: what is read is what was written; a file that may be anything is refused in
 * words, whichever byte of it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "probe_samples.h"
#include "temp_folder.h"

static void nothing_there(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_forgetting_file forgetting;
    ek_surface_file surface;
    ek_drift_file drift;
    bool found = true;
    assert_int_equal(ek_forgetting_file_read(&forgetting, temp_path("none"), &found, &err), EK_OK);
    assert_false(found);
    assert_int_equal(ek_surface_file_read(&surface, temp_path("none"), &found, &err), EK_OK);
    assert_false(found);
    assert_int_equal(ek_drift_file_read(&drift, temp_path("none"), &found, &err), EK_OK);
    assert_false(found);
}

static void what_was_written(void **state)
{
    (void)state;
    ek_error err = {0};
    bool found;
    char dir[300];
    snprintf(dir, sizeof dir, "%s", temp_path("whole"));
    sample_all(dir);
    ek_forgetting_file f;
    assert_int_equal(ek_forgetting_file_read(&f, dir, &found, &err), EK_OK);
    assert_true(found);
    assert_int_equal(f.layers, SAMPLE_LAYERS);
    assert_int_equal(f.run_count, SAMPLE_RUNS);
    assert_int_equal(f.masked_tokens, 90);
    assert_string_equal(f.text, "wiki `x` <b>");
    assert_true(f.pretrained_perplexity == 10);
    assert_true(f.runs[0].run.failed && f.runs[1].run.failed && !f.runs[2].run.failed);
    assert_true(f.runs[0].perplexity[0] == 160 && f.runs[0].perplexity[3] == 20);
    assert_true(isnan(f.runs[1].perplexity[2]));
    assert_string_equal(f.runs[3].run.group, "stable");
    assert_int_equal(f.runs[3].run.seed, 2);
    ek_forgetting_file_free(&f);

    ek_surface_file s;
    assert_int_equal(ek_surface_file_read(&s, dir, &found, &err), EK_OK);
    assert_true(found && s.points == SAMPLE_POINTS && s.line_count == 9);
    assert_true(s.low == -1.5 && s.high == 1.5 && s.barrier == 0.65625);
    assert_true(s.failed.loss == 2.01 && s.failed.a == 1 && s.ok.b == 1);
    assert_true(s.grid[1].b == -1 && s.grid[1].a == -1.5); /* b is inner */
    assert_true(isnan(s.grid[SAMPLE_POINTS * SAMPLE_POINTS - 1].loss));
    assert_int_equal(s.failed_run.id, 1);
    assert_int_equal(s.ok_run.id, 3);
    ek_surface_file_free(&s);

    ek_drift_file d;
    assert_int_equal(ek_drift_file_read(&d, dir, &found, &err), EK_OK);
    assert_true(found && d.layers == SAMPLE_LAYERS && d.examples == 40);
    assert_int_equal(d.pair_count, SAMPLE_RUNS * (SAMPLE_RUNS - 1) / 2);
    assert_true(d.pairs[0].a == 0 && d.pairs[0].b == 1 && d.pairs[0].values[1] == 0.5);
    assert_true(d.pairs[0].unbiased[1] == 0.4);
    assert_true(d.runs[0].relative[0] == 0.02 && d.runs[2].distance[1] == 1.5);
    assert_string_equal(d.parts[4], "pooler");
    ek_drift_file_free(&d);
}

/* Reads each of the three from a folder, keeps none; the number that could be read. */
static int read_all(const char *dir, ek_error *err)
{
    ek_forgetting_file f;
    ek_surface_file s;
    ek_drift_file d;
    bool found;
    int good = 0;
    ek_status status = ek_forgetting_file_read(&f, dir, &found, err);
    assert_true(status == EK_OK || (status == EK_E_DATA && err->message[0]));
    good += status == EK_OK && found;
    ek_forgetting_file_free(&f);
    status = ek_surface_file_read(&s, dir, &found, err);
    assert_true(status == EK_OK || (status == EK_E_DATA && err->message[0]));
    good += status == EK_OK && found;
    ek_surface_file_free(&s);
    status = ek_drift_file_read(&d, dir, &found, err);
    assert_true(status == EK_OK || (status == EK_E_DATA && err->message[0]));
    good += status == EK_OK && found;
    ek_drift_file_free(&d);
    return good;
}

/* The sample with `from` replaced by `to` where it first stands. */
static void write_changed(const char *dir, const char *name, void (*make)(ek_buf *out),
                          const char *from, const char *to)
{
    ek_buf text = {0}, changed = {0};
    make(&text);
    const char *at = strstr(ek_buf_text(&text), from);
    if (!at) {
        fail_msg("the sample of %s has no %s", name, from);
    }
    ek_buf_append(&changed, text.data, (size_t)(at - text.data));
    ek_buf_puts(&changed, to);
    ek_buf_puts(&changed, at + strlen(from));
    sample_write(dir, name, &changed);
    ek_buf_deinit(&text);
    ek_buf_deinit(&changed);
}

static void refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*make)(ek_buf *out);
        const char *from, *to, *message;
    } cases[] = {
        {"forgetting.json", sample_forgetting, "{", "", "line 1"},
        {"forgetting.json", sample_forgetting, "\"forgetting\"", "\"drift\"", "\"probe\""},
        {"forgetting.json", sample_forgetting, "\"layers\":3", "\"layers\":4",
         "\"perplexity\" has 4"},
        {"forgetting.json", sample_forgetting, "\"layers\":3", "\"layers\":-1", "\"layers\""},
        {"forgetting.json", sample_forgetting, "\"layers\":3", "\"layers\":1e9", "\"layers\""},
        {"forgetting.json", sample_forgetting, "\"layers\":3,", "", "\"layers\" is missing"},
        {"forgetting.json", sample_forgetting, "\"seed\":1", "\"seed\":-1", "\"seed\""},
        {"forgetting.json", sample_forgetting, "\"failed\"", "\"sad\"", "\"outcome\""},
        {"forgetting.json", sample_forgetting, "\"group\":\"devlin\"", "\"group\":7", "\"group\""},
        {"forgetting.json", sample_forgetting, "[160", "[\"160\"", "\"perplexity\""},
        {"forgetting.json", sample_forgetting, "\"runs\":[", "\"runs\":7,\"x\":[", "\"runs\""},
        {"surface.json", sample_surface, "\"points\":7", "\"points\":8", "\"grid\" has 49"},
        {"surface.json", sample_surface, "\"points\":7", "\"points\":100000", "\"points\""},
        {"surface.json", sample_surface, "\"low\":-1.5", "\"low\":2", "range"},
        {"surface.json", sample_surface, "\"low\":-1.5", "\"low\":null", "range"},
        {"surface.json", sample_surface, "\"low\":-1.5", "\"low\":-1.4", "evenly"},
        {"surface.json", sample_surface, "\"a\":1", "\"a\":0.5", "\"corners\""},
        {"surface.json", sample_surface, "\"name\":\"ok\"", "\"name\":\"failed\"", "\"corners\""},
        {"surface.json", sample_surface, "\"t\":0.25", "\"t\":0.1", "ascending"},
        {"surface.json", sample_surface, "[-1.5,-1,", "[-1,-1.5,", "a outer"},
        {"surface.json", sample_surface, "[-1.5,-1,", "[-1.5,", "rows of a, b"},
        {"drift.json", sample_drift, "\"pooler\"", "7", "\"parts\""},
        {"drift.json", sample_drift, "\"pooler\"", "\"pooler\",\"x\"", "\"parts\" has 6"},
        {"drift.json", sample_drift, "\"a\":1,", "\"a\":9,", "names run 9"},
        {"drift.json", sample_drift, "\"b\":2,", "\"b\":1,", "two different"},
        {"drift.json", sample_drift, "\"values\":[", "\"values\":[1,", "\"values\" has 5"},
        {"drift.json", sample_drift, "\"relative\"", "\"relativ\"", "\"relative\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ek_error err = {0};
        char dir[300], folder[32];
        snprintf(folder, sizeof folder, "case%zu", i);
        snprintf(dir, sizeof dir, "%s", temp_path(folder));
        write_changed(dir, cases[i].name, cases[i].make, cases[i].from, cases[i].to);
        assert_int_equal(read_all(dir, &err), 0);
        if (!strstr(err.message, cases[i].message) || !strstr(err.message, cases[i].name)) {
            fail_msg("%s for %s: %s", cases[i].to, cases[i].from, err.message);
        }
    }
}

/* Cut anywhere, and with bytes replaced by others: read or refused, nothing else (sanitizers look).
 */
static void damaged(void **state)
{
    (void)state;
    static void (*const makes[])(ek_buf * out) = {sample_forgetting, sample_surface, sample_drift};
    static const char *const names[] = {"forgetting.json", "surface.json", "drift.json"};
    static const char bytes[] = "0-.e,:[]{}\"n\\9 \xff";
    ek_error err = {0};
    char dir[300];
    snprintf(dir, sizeof dir, "%s", temp_path("damaged"));
    int good = 0, all = 0;
    for (size_t k = 0; k < 3; k++) {
        ek_buf whole = {0};
        makes[k](&whole);
        for (uint32_t i = 0; i < 400; i++) {
            const ek_philox_block draw = ek_philox(1, 2, i, (uint32_t)k, 0, 0);
            ek_buf text = {0};
            size_t at = draw.v[0] % whole.length;
            ek_buf_append(&text, whole.data, i % 4 == 0 ? at : whole.length);
            if (i % 4 != 0) {
                text.data[at] = bytes[draw.v[1] % (sizeof bytes - 1)];
            }
            sample_write(dir, names[k], &text);
            ek_buf_deinit(&text);
            good += read_all(dir, &err) > (int)k;
            all++;
        }
        sample_write(dir, names[k], &whole);
        ek_buf_deinit(&whole);
    }
    assert_true(good > 0 && good < all / 2);
}

static void without_memory(void **state)
{
    (void)state;
    ek_error err = {0};
    char dir[300];
    bool found;
    size_t refused = 0;
    snprintf(dir, sizeof dir, "%s", temp_path("memory"));
    sample_all(dir);
    for (long n = 1; n < 400; n++) {
        ek_drift_file file;
        ek_mem_fail_after(n);
        ek_status status = ek_drift_file_read(&file, dir, &found, &err);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        refused += status == EK_E_MEMORY;
        ek_drift_file_free(&file);
    }
    assert_true(refused > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there),    cmocka_unit_test(what_was_written),
        cmocka_unit_test(refused_in_words), cmocka_unit_test(damaged),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
