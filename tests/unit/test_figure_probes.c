/* Figures of what probes found: made from small files beside a study in memory; hostile names, bad
 * files and files of another study. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "figure_study.h"
#include "probe_samples.h"
#include "report/page_parts.h"
#include "temp_folder.h"

/* As figure_study.h has them: seed by seed, groups inside. */
static const sample_run study_runs[SAMPLE_RUNS] = {{1, "devlin", "failed", 1},
                                                   {3, "devlin", "diverged", 2},
                                                   {2, "stable", "ok", 1},
                                                   {4, "stable", "ok", 2}};

static const char *const probe_ids[] = {"forgetting", "loss_surface", "gradient_surface",
                                        "loss_barrier", "drift"};
enum { PROBES = sizeof probe_ids / sizeof *probe_ids };

static bool has_figure(const ek_figure_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void all_of_them(void **state)
{
    (void)state;
    char dir[300], out[300];
    ek_store *store = make_study(NULL, true, false);
    ek_figure_set set = {0};
    snprintf(dir, sizeof dir, "%s", temp_path("study"));
    snprintf(out, sizeof out, "%s", temp_path("figures"));
    sample_runs = study_runs;
    sample_all(dir);
    make_set(&set, store, dir, out);
    assert_null(set.warnings);
    for (size_t i = 0; i < PROBES; i++) {
        const ek_figure *figure = find(&set, probe_ids[i]);
        check_table(figure->tsv);
        assert_true(in_folder(out, figure->id, ".tsv") && in_folder(out, figure->id, ".gp"));
        assert_true(strlen(figure->title) > 0 && strlen(figure->caption) > 60);
        assert_int_equal(set.gnuplot, figure->svg != NULL);
        check_has_not(figure->alt, "nan");
        if (figure->svg) {
            check_has_not(figure->svg, "NaN");
            check_has_not(figure->svg, "<b>");
        }
    }
    const ek_figure *f = find(&set, "forgetting");
    check_has(f->tsv, "0\t160\t1\t1\t1\tdevlin\n");
    check_has(f->tsv, "2\t40\t1\t1\t1\tdevlin\n");
    check_has(f->tsv, "0\t20\t0\tNaN\tNaN\tmean\n");
    check_has(f->caption, "wiki `x` <b> (90 masked tokens in 5 blocks");
    check_has(f->caption, "2 successful, 2 failed");
    check_has(f->caption, "The pre-trained model has 10.");
    /* the run whose perplexities are lost does not take the others with it */
    check_has(f->tsv, "0\t160\t1\tNaN\tNaN\tmean\n");
    check_has(f->alt, "Failed runs: mean 160 with none replaced, 20 with all");
    const ek_figure *plane = find(&set, "loss_surface");
    check_has(plane->tsv, "\n0\t1\t-2\t0.01\t"); /* 10^-2 at the successful run */
    check_has(plane->caption,
              "failed run 1 (devlin, seed 1) and the successful run 2 (stable, seed 1)");
    check_has(plane->caption, "1 points without a finite value");
    check_has(plane->caption, "that of the failed run");
    check_has(plane->alt, "At the pre-trained model 1.01, at the failed run 2.01");
    check_has(find(&set, "gradient_surface")->alt, "from 0.01 to");
    check_has(find(&set, "loss_barrier")->caption, "0.656 here");
    if (set.gnuplot) {
        check_has(find(&set, "loss_barrier")->svg, "barrier 0.656");
        check_has(plane->svg, "<polygon");
    }
    const ek_figure *drift = find(&set, "drift");
    check_has(drift->caption, "2 successful runs, 2 failed");
    check_has(drift->caption, "1 both successful, 4 one failed, 1 both failed");
    check_has(drift->tsv, "1\t0.015\tsuccessful run\t2\tlayer 0\n");
    ek_figures_free(&set);
    ek_store_close(store);
}

static void hostile_texts(void **state)
{
    (void)state;
    char dir[300];
    ek_store *store = make_study(hostile_names, true, false);
    ek_figure_set set = {0};
    /* JSON cannot carry what is not UTF-8, so the second group has no probe */
    const sample_run runs[SAMPLE_RUNS] = {{1, hostile_names[0], "failed", 1},
                                          {3, hostile_names[0], "diverged", 2},
                                          {5, hostile_names[0], "ok", 3},
                                          {7, hostile_names[0], "doomed", 4}};
    snprintf(dir, sizeof dir, "%s", temp_path("hostile"));
    sample_runs = runs;
    sample_all(dir);
    make_set(&set, store, dir, temp_path("hostile_figures"));
    assert_null(set.warnings);
    for (size_t i = 0; i < PROBES; i++) {
        const ek_figure *figure = find(&set, probe_ids[i]);
        check_table(figure->tsv);
        if (figure->svg) {
            check_has_not(figure->svg, "<script");
        }
    }
    assert_false(in_folder(dir, "HACKED", ""));
    assert_false(in_folder(temp_folder, "hostile_figures/HACKED", ""));
    assert_false(ek_file_exists("HACKED"));
    ek_figures_free(&set);
    ek_store_close(store);
    sample_runs = study_runs;
}

/* A bad file is a line on the page; the other figures are there. */
static void bad_files_are_warnings(void **state)
{
    (void)state;
    static const sample_run strangers[SAMPLE_RUNS] = {{1, "devlin", "failed", 1},
                                                      {3, "devlin", "diverged", 7},
                                                      {2, "stable", "ok", 1},
                                                      {99, "<i>new</i>", "ok", 2}};
    char dir[300];
    ek_store *store = make_study(NULL, true, false);
    ek_figure_set set = {0};
    ek_buf text = {0};
    snprintf(dir, sizeof dir, "%s", temp_path("bad"));
    sample_runs = strangers;
    sample_all(dir);
    sample_runs = study_runs;
    ek_buf_puts(&text, "{\"probe\":\"drift\",\"layers\":<b>}");
    sample_write(dir, "drift.json", &text);
    make_set(&set, store, dir, temp_path("bad_figures"));
    assert_non_null(set.warnings);
    check_has(set.warnings, "probe/forgetting.json names run 3 (devlin, seed 7), which is not in");
    check_has(set.warnings, "probe/drift.json, line 1");
    check_has_not(set.warnings, "surface"); /* its two runs are this study's */
    assert_true(has_figure(&set, "scores") && has_figure(&set, "loss_surface"));
    assert_false(has_figure(&set, "forgetting") || has_figure(&set, "drift"));
    ek_buf_clear(&text);
    ek__page_figures(&set, &text);
    check_has(ek_buf_text(&text), "<li>probe/forgetting.json names run 3");
    check_has_not(ek_buf_text(&text), "<b>");
    ek_buf_deinit(&text);
    ek_figures_free(&set);
    ek_store_close(store);
}

/* Only lost numbers, only one outcome: no figure, or one that can be drawn. */
static void little_to_draw(void **state)
{
    (void)state;
    static const sample_run failed[SAMPLE_RUNS] = {{1, "devlin", "diverged", 1},
                                                   {3, "devlin", "diverged", 2},
                                                   {2, "stable", "diverged", 1},
                                                   {4, "stable", "diverged", 2}};
    char dir[300];
    ek_store *store = make_study(NULL, true, false);
    ek_figure_set set = {0};
    snprintf(dir, sizeof dir, "%s", temp_path("little"));
    sample_runs = failed;
    sample_all(dir);
    sample_runs = study_runs;
    make_set(&set, store, dir, temp_path("little_figures"));
    assert_null(set.warnings);
    for (size_t i = 0; i < PROBES; i++) {
        check_table(find(&set, probe_ids[i])->tsv);
    }
    ek_figures_free(&set);
    /* a flat plane has no contours; numbers that are all lost, no figure */
    ek_buf text = {0}, flat = {0};
    sample_surface(&text);
    const char *at = strstr(ek_buf_text(&text), "\"grid\":[");
    ek_buf_append(&flat, text.data, (size_t)(at - text.data));
    ek_buf_puts(&flat, "\"grid\":[");
    for (int i = 0; i < SAMPLE_POINTS * SAMPLE_POINTS; i++) {
        ek_buf_printf(&flat, "%s[%.17g,%.17g,0.5,null]", i ? "," : "",
                      -1.5 + 0.5 * (i / SAMPLE_POINTS), -1.5 + 0.5 * (i % SAMPLE_POINTS));
    }
    ek_buf_puts(&flat, "]}");
    sample_write(dir, "surface.json", &flat);
    ek_buf_deinit(&text);
    ek_buf_deinit(&flat);
    make_set(&set, store, dir, temp_path("flat_figures"));
    assert_null(set.warnings);
    assert_true(has_figure(&set, "loss_surface") && !has_figure(&set, "gradient_surface"));
    ek_figures_free(&set);
    ek_store_close(store);
}

static void without_memory(void **state)
{
    (void)state;
    ek_error err = {0};
    char dir[300], *path = ek_strdup(getenv("PATH") ? getenv("PATH") : "");
    ek_store *store = make_study(NULL, true, false);
    ek_group_table table = {0};
    const ek_figure_options options = {0};
    size_t refused = 0;
    ek_status status = EK_E_MEMORY;
    snprintf(dir, sizeof dir, "%s", temp_path("memory"));
    sample_all(dir);
    assert_int_equal(ek_group_table_load(&table, store, &err), EK_OK);
    setenv("PATH", "/nowhere", 1);
    for (long n = 1; n < 1000000; n += 1 + n / 3) {
        ek_figure_set set = {0};
        ek_mem_fail_after(n);
        status = ek_figures_make(&set, &table, store, dir, temp_path("no_memory"), &options, &err);
        ek_mem_fail_after(0);
        refused += status == EK_E_MEMORY;
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        ek_figures_free(&set);
    }
    setenv("PATH", path, 1);
    ek_free(path);
    assert_int_equal(status, EK_OK); /* the last n is beyond all allocations */
    assert_true(refused > 12);
    ek_group_table_free(&table);
    ek_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_them),
        cmocka_unit_test(hostile_texts),
        cmocka_unit_test(bad_files_are_warnings),
        cmocka_unit_test(little_to_draw),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
