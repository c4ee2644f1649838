/* How far runs moved from the pre-trained model, part by part, and how alike their representations
 * are, layer by layer. */
#include <math.h>

#include "report/figure_draft.h"

enum { TITLE = 26, PANEL = 220, BETWEEN = 62, BOTTOM = 58, KINDS = 3 };

static const char *const colors[] = {EK_COLOR_OK, EK_COLOR_FAILED};
static const char *const kinds[KINDS] = {"both successful", "one failed", "both failed"};
static const char *const kind_colors[KINDS] = {EK_COLOR_OK, "#B5588F", EK_COLOR_FAILED};
static const int kind_points[KINDS] = {EK_POINT_OK, 5, EK_POINT_FAILED};

typedef struct {
    size_t all[2], drawn[2]; /* runs by outcome */
    size_t lines[2][EK_FIGURE_LINES];
    size_t pairs[KINDS];
    double low, high;  /* of the relative distances that are drawn */
    double least, top; /* of the mean similarities */
} figure;

static int kind_of(const ek_drift_file *file, const ek_drift_file_pair *pair)
{
    return file->runs[pair->a].run.failed + file->runs[pair->b].run.failed;
}

/* Mean over the runs of an outcome that have a value, NaN without any. */
static double mean_distance(const ek_drift_file *file, int failed, size_t part)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < file->run_count; i++) {
        if (file->runs[i].run.failed == failed && isfinite(file->runs[i].relative[part])) {
            sum += file->runs[i].relative[part];
            n++;
        }
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static double mean_cka(const ek_drift_file *file, int kind, size_t layer)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < file->pair_count; i++) {
        if (kind_of(file, &file->pairs[i]) == kind && isfinite(file->pairs[i].unbiased[layer])) {
            sum += file->pairs[i].unbiased[layer];
            n++;
        }
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static void count(const ek_drift_file *file, figure *f)
{
    *f =
        (figure){.low = (double)NAN, .high = (double)NAN, .least = (double)NAN, .top = (double)NAN};
    for (size_t i = 0; i < file->run_count; i++) {
        int failed = file->runs[i].run.failed;
        f->all[failed]++;
        if (f->drawn[failed] == EK_FIGURE_LINES) {
            continue;
        }
        f->lines[failed][f->drawn[failed]++] = i;
        for (size_t part = 0; part < file->layers + 2; part++) {
            double value = file->runs[i].relative[part];
            if (isfinite(value) && value > 0) {
                f->low = fmin(f->low, value);
                f->high = fmax(f->high, value);
            }
        }
    }
    for (size_t i = 0; i < file->pair_count; i++) {
        f->pairs[kind_of(file, &file->pairs[i])]++;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t layer = 0; layer <= file->layers; layer++) {
            double value = mean_cka(file, kind, layer);
            f->least = isfinite(value) ? fmin(f->least, value) : f->least;
            f->top = isfinite(value) ? fmax(f->top, value) : f->top;
        }
    }
}

/* ---- data ------------------------------------------------------------------------------------ */

static void put_row(ek_buf *tsv, size_t at, double value, const char *what, size_t number,
                    const char *part)
{
    ek_buf_printf(tsv, "%zu\t", at);
    ek__figure_number(tsv, value);
    ek_buf_printf(tsv, "\t%s\t", what);
    if (number > 0) {
        ek_buf_printf(tsv, "%zu", number);
    } else {
        ek_buf_puts(tsv, "NaN");
    }
    ek_buf_putc(tsv, '\t');
    ek__figure_line(tsv, part, 0);
    ek_buf_putc(tsv, '\n');
}

/* An index for every run, one for the means of each outcome, one for each kind of pair. */
static void put_data(const ek_drift_file *file, ek_buf *tsv)
{
    static const char *const means[] = {"mean of successful runs", "mean of failed runs"};
    ek_buf_puts(tsv, "place\tvalue\twhat\trun\tpart\n");
    for (size_t i = 0; i < file->run_count; i++) {
        const ek_drift_file_run *run = &file->runs[i];
        for (size_t part = 0; part < file->layers + 2; part++) {
            double value = run->relative[part];
            put_row(tsv, part, value > 0 ? value : (double)NAN,
                    run->run.failed ? "failed run" : "successful run", (size_t)run->run.id,
                    file->parts[part]);
        }
        ek_buf_puts(tsv, "\n\n");
    }
    for (int failed = 0; failed < 2; failed++) {
        for (size_t part = 0; part < file->layers + 2; part++) {
            double mean = mean_distance(file, failed, part);
            put_row(tsv, part, mean > 0 ? mean : (double)NAN, means[failed], 0, file->parts[part]);
        }
        ek_buf_puts(tsv, "\n\n");
    }
    for (int kind = 0; kind < KINDS && file->pair_count > 0; kind++) {
        for (size_t layer = 0; layer <= file->layers; layer++) {
            put_row(tsv, layer, mean_cka(file, kind, layer), kinds[kind], 0, file->parts[layer]);
        }
        ek_buf_puts(tsv, kind + 1 < KINDS ? "\n\n" : "");
    }
}

/* ---- the drawing ----------------------------------------------------------------------------- */

/* Whether any run has a distance of its pooler: checkpoints without one have nothing to start from.
 */
static bool has_pooler(const ek_drift_file *file)
{
    for (int failed = 0; failed < 2; failed++) {
        if (isfinite(mean_distance(file, failed, file->layers + 1))) {
            return true;
        }
    }
    return false;
}

/* Layers by their number from 1, between the embeddings and the pooler where those are drawn. */
static void put_part_ticks(const ek_drift_file *file, bool embeddings, bool pooler, ek_buf *gp)
{
    size_t every = (file->layers + 11) / 12;
    ek_buf_puts(gp, embeddings ? "set xtics ('emb' 0" : "set xtics ('1' 1");
    for (size_t layer = every; layer <= file->layers; layer += every) {
        bool crowded = pooler && every > 1 && layer == file->layers;
        if (!crowded && (embeddings || layer > 1)) {
            ek_buf_printf(gp, ", '%zu' %zu", layer, layer);
        }
    }
    if (pooler) {
        ek_buf_printf(gp, ", 'pooler' %zu", file->layers + 1);
    }
    ek_buf_printf(gp, ")\nset xrange [%.2f:%.2f]\n", embeddings ? -0.2 : 0.8,
                  (double)file->layers + (pooler ? 1.2 : 0.2));
}

static size_t distance_legend(const figure *f, ek_legend_entry legend[2])
{
    size_t entries = 0;
    for (int failed = 0; failed < 2; failed++) {
        if (f->all[failed] > 0) {
            legend[entries++] = (ek_legend_entry){.title = failed ? "failed runs (thick: mean)"
                                                                  : "successful runs (thick: mean)",
                                                  .color = colors[failed],
                                                  .point = failed ? EK_POINT_FAILED : EK_POINT_OK,
                                                  .line = 3,
                                                  .dash = 1};
        }
    }
    return entries;
}

static void put_distance(const ek_drift_file *file, const figure *f, ek_figure_draft *draft)
{
    ek_buf *gp = &draft->gp;
    ek_buf_puts(gp, "set logscale y\nset ylabel 'relative distance' offset 0.5, 0\n");
    double low = f->low / 1.2, high = f->high * 1.2;
    ek_buf_printf(gp, "set yrange [%.6g:%.6g]\n", low, high);
    ek__gp_log_ticks(gp, 'y', low, high);
    put_part_ticks(file, true, has_pooler(file), gp);
    ek__gp_panel_name(gp, "Weights: distance from the pre-trained ones (logarithmic)");
    ek_buf_puts(gp, "plot ");
    ek__gp_run_lines(gp, draft->id, f->lines, f->drawn, file->run_count);
    ek_buf_puts(gp, "\nunset logscale y\n");
}

static void put_similarity(const ek_drift_file *file, const figure *f, ek_figure_draft *draft)
{
    ek_buf *gp = &draft->gp;
    double room = f->top - f->least > 0.02 ? 0.05 * (f->top - f->least) : 0.01;
    ek_buf_puts(gp, "set ylabel 'linear CKA' offset 0.5, 0\n");
    ek__gp_axis(gp, 'y', f->least - room, f->top + room, 6);
    put_part_ticks(file, false, false, gp);
    ek__gp_panel_name(gp, "[CLS]: similarity of two runs, mean over pairs");
    ek_buf_puts(gp, "plot ");
    bool first = true;
    for (int kind = 0; kind < KINDS; kind++) {
        if (f->pairs[kind] > 0) {
            ek_buf_printf(gp,
                          "%s'%s.tsv' skip 1 index %zu using 1:2 with linespoints lw 2.5 pt %d ps "
                          "0.6 lc rgb '%s'",
                          first ? "" : ", \\\n    ", draft->id, file->run_count + 2 + (size_t)kind,
                          kind_points[kind], kind_colors[kind]);
            first = false;
        }
    }
    ek_buf_puts(gp, "\n");
}

static void put_plot(const ek_drift_file *file, const figure *f, ek_figure_draft *draft)
{
    ek_legend_entry legend[2], second[KINDS];
    size_t entries = distance_legend(f, legend), pairs = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        if (f->pairs[kind] > 0 && isfinite(f->least)) {
            second[pairs++] = (ek_legend_entry){.title = kinds[kind],
                                                .color = kind_colors[kind],
                                                .point = kind_points[kind],
                                                .line = 2.5,
                                                .dash = 1};
        }
    }
    double top = 8 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1) + TITLE;
    double middle = top + PANEL + BETWEEN;
    double start = middle + 8 + EK_LEGEND_ROW * ek__gp_legend(NULL, second, pairs, 1) + TITLE;
    double height = pairs > 0 ? start + PANEL + BOTTOM : top + PANEL + BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf *gp = &draft->gp;
    ek_buf_puts(gp, "set lmargin 9\nset rmargin 4\nset xlabel 'layer' offset 0, 0.4\n"
                    "set multiplot\n");
    ek__gp_legend(gp, legend, entries, height);
    ek__gp_rows(gp, top, top + PANEL, height);
    put_distance(file, f, draft);
    ek__gp_legend_end(gp, entries);
    if (pairs > 0) {
        ek__gp_legend_at(gp, second, pairs, middle, height);
        ek__gp_rows(gp, start, start + PANEL, height);
        put_similarity(file, f, draft);
    }
    ek_buf_puts(gp, "unset multiplot\n");
}

static void put_words(const ek_figure_data *data, const figure *f, ek_figure_draft *draft)
{
    const ek_drift_file *file = &data->drift;
    ek_buf_puts(&draft->title, "Drift from the pre-trained model, and similarity between runs");
    ek_buf_printf(&draft->caption,
                  "Above: L2 distance of a part's weights from the pre-trained ones over the L2 "
                  "norm of those (%zu successful runs, %zu failed",
                  f->all[0], f->all[1]);
    if (f->drawn[0] < f->all[0] || f->drawn[1] < f->all[1]) {
        ek_buf_printf(&draft->caption, "; at most %d of each are drawn", EK_FIGURE_LINES);
    }
    ek_buf_puts(&draft->caption, "; thick: the mean of all).");
    if (!has_pooler(file)) {
        ek_buf_puts(&draft->caption, " The pre-trained model has no pooler to be compared with.");
    }
    if (file->pair_count > 0) {
        ek_buf_printf(&draft->caption,
                      " Below: linear CKA (Kornblith et al. 2019; its unbiased variant) of each "
                      "layer's output on [CLS] over %zu validation examples: 1 is the same "
                      "representation but for rotation and scale, 0 none in common. Pairs:",
                      file->examples);
        for (int kind = 0; kind < KINDS; kind++) {
            ek_buf_printf(&draft->caption, "%s %zu %s", kind ? "," : "", f->pairs[kind],
                          kinds[kind]);
        }
        ek_buf_puts(&draft->caption, ".");
    }
    ek_buf_puts(&draft->caption, " Layers count from 1. Values that are not finite are left out.");
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_puts(&draft->alt, "Relative distance of weights from the pre-trained model by layer.");
    for (int failed = 0; failed < 2; failed++) {
        if (isfinite(mean_distance(file, failed, 1))) {
            ek_buf_printf(&draft->alt, " %s runs: first layer %.2g, last layer %.2g.",
                          failed ? "Failed" : "Successful", mean_distance(file, failed, 1),
                          mean_distance(file, failed, file->layers));
        }
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (isfinite(mean_cka(file, kind, file->layers))) {
            ek_buf_printf(&draft->alt, " CKA of two runs, %s: last layer %.2f.", kinds[kind],
                          mean_cka(file, kind, file->layers));
        }
    }
}

ek_status ek__figure_drift(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    (void)err;
    figure f;
    if (data->drift.run_count == 0) {
        return EK_OK;
    }
    count(&data->drift, &f);
    if (!isfinite(f.low)) {
        return EK_OK; /* not one value */
    }
    put_data(&data->drift, &draft->tsv);
    put_plot(&data->drift, &f, draft);
    put_words(data, &f, draft);
    draft->drawn = true;
    return EK_OK;
}
