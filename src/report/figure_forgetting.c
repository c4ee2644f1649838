/* Forgetting: perplexity when the top layers are pre-trained ones again (Mosbach et al. 2021,
 * figure 2). */
#include <math.h>

#include "report/figure_draft.h"

enum { PANEL = 280, BOTTOM = 58 };

typedef struct {
    size_t lines[2][EK_FIGURE_LINES]; /* places in file->runs that are drawn, by outcome */
    size_t drawn[2], all[2];
    double low, high; /* of what is drawn */
} figure;

static const char *const colors[] = {EK_COLOR_OK, EK_COLOR_FAILED};

static void widen(figure *f, double value)
{
    if (isfinite(value) && value > 0) {
        f->low = fmin(f->low, value);
        f->high = fmax(f->high, value);
    }
}

static void choose(const ek_forgetting_file *file, figure *f)
{
    *f = (figure){.low = (double)NAN, .high = (double)NAN};
    widen(f, file->pretrained_perplexity);
    for (size_t i = 0; i < file->run_count; i++) {
        int failed = file->runs[i].run.failed;
        f->all[failed]++;
        if (f->drawn[failed] < EK_FIGURE_LINES) {
            f->lines[failed][f->drawn[failed]++] = i;
            for (size_t k = 0; k <= file->layers; k++) {
                widen(f, file->runs[i].perplexity[k]);
            }
        }
    }
}

/* Of all runs with that outcome and a value; the mean of the losses, since perplexity is their
 * exponential. NaN without any. */
static double mean_of(const ek_forgetting_file *file, int failed, size_t k)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < file->run_count; i++) {
        double value = file->runs[i].perplexity[k];
        if (file->runs[i].run.failed == failed && isfinite(value) && value > 0) {
            sum += log(value);
            n++;
        }
    }
    return n > 0 ? exp(sum / (double)n) : (double)NAN;
}

/* Runs that lack a value somewhere. */
static size_t count_lost(const ek_forgetting_file *file)
{
    size_t lost = 0;
    for (size_t i = 0; i < file->run_count; i++) {
        bool whole = true;
        for (size_t k = 0; k <= file->layers; k++) {
            double value = file->runs[i].perplexity[k];
            whole = whole && isfinite(value) && value > 0;
        }
        lost += !whole;
    }
    return lost;
}

static void put_row(ek_buf *tsv, size_t k, double value, int failed, const ek_probe_file_run *run)
{
    ek_buf_printf(tsv, "%zu\t", k);
    ek__figure_number(tsv, value > 0 ? value : (double)NAN);
    if (run) {
        ek_buf_printf(tsv, "\t%d\t%u\t%lld\t", failed, run->seed, (long long)run->id);
        ek__figure_line(tsv, run->group, 0);
    } else {
        ek_buf_printf(tsv, "\t%d\tNaN\tNaN\tmean", failed);
    }
    ek_buf_putc(tsv, '\n');
}

/* An index for every run, then the means of successful and of failed runs. */
static void put_data(const ek_forgetting_file *file, const figure *f, ek_buf *tsv)
{
    ek_buf_puts(tsv, "replaced_layers\tperplexity\tfailed\tseed\trun\tgroup\n");
    for (size_t i = 0; i < file->run_count; i++) {
        const ek_forgetting_file_run *run = &file->runs[i];
        for (size_t k = 0; k <= file->layers; k++) {
            put_row(tsv, k, run->perplexity[k], run->run.failed, &run->run);
        }
        ek_buf_puts(tsv, "\n\n");
    }
    for (int failed = 0; failed < 2; failed++) {
        for (size_t k = 0; f->all[failed] > 0 && k <= file->layers; k++) {
            put_row(tsv, k, mean_of(file, failed, k), failed, NULL);
        }
        ek_buf_puts(tsv, f->all[failed] > 0 ? "\n\n" : "0\tNaN\n\n\n");
    }
}

static void put_plot(const ek_forgetting_file *file, const figure *f, ek_figure_draft *draft)
{
    static const char *const names[] = {"successful runs (thick: mean)",
                                        "failed runs (thick: mean)"};
    ek_legend_entry legend[3];
    size_t entries = 0;
    for (int failed = 0; failed < 2; failed++) {
        if (f->all[failed] > 0) {
            legend[entries++] = (ek_legend_entry){.title = names[failed],
                                                  .color = colors[failed],
                                                  .point = failed ? EK_POINT_FAILED : EK_POINT_OK,
                                                  .line = 3,
                                                  .dash = 1};
        }
    }
    legend[entries++] =
        (ek_legend_entry){.title = "pre-trained model", .color = "black", .line = 1.5, .dash = 2};
    double top = 18 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1);
    double height = top + PANEL + BOTTOM, low = f->low / 1.15, high = f->high * 1.15;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf *gp = &draft->gp;
    ek__gp_rows(gp, top, top + PANEL, height);
    ek__gp_legend(gp, legend, entries, height);
    ek_buf_puts(gp, "set lmargin 9\nset rmargin 3\nset logscale y\n"
                    "set ylabel 'perplexity (logarithmic)' offset 0.5, 0\n"
                    "set xlabel 'top layers replaced by pre-trained ones' offset 0, 0.4\n");
    ek_buf_printf(gp, "set yrange [%.6g:%.6g]\n", low, high);
    ek__gp_log_ticks(gp, 'y', low, high);
    ek_buf_printf(gp, "set xrange [0:%zu]\nset xtics %zu\n", file->layers,
                  (file->layers + 11) / 12);
    ek_buf_puts(gp, "plot ");
    if (file->pretrained_perplexity > 0) {
        ek_buf_printf(gp, "%.17g with lines lw 1.5 dt 2 lc rgb 'black', \\\n    ",
                      file->pretrained_perplexity);
    }
    ek__gp_run_lines(gp, draft->id, f->lines, f->drawn, file->run_count);
    ek_buf_puts(gp, "\n");
}

static void put_words(const ek_figure_data *data, const figure *f, ek_figure_draft *draft)
{
    const ek_forgetting_file *file = &data->forgetting;
    ek_buf_puts(&draft->title, "Forgetting: perplexity with the top layers pre-trained again");
    ek_buf_puts(&draft->caption, "Perplexity of masked-language modelling on ");
    ek__figure_line(&draft->caption, file->text, 60);
    ek_buf_printf(&draft->caption,
                  " (%zu masked tokens in %zu blocks, the same ones for every model; mask seed %u) "
                  "after the top k of a fine-tuned model's %zu layers were replaced by pre-trained "
                  "ones; embeddings and head are pre-trained for every k, so k = %zu is the "
                  "pre-trained model. Logarithmic axis. ",
                  file->masked_tokens, file->blocks, file->mask_seed, file->layers, file->layers);
    ek_buf_printf(&draft->caption, "Runs: %zu successful, %zu failed", f->all[0], f->all[1]);
    if (f->drawn[0] < f->all[0] || f->drawn[1] < f->all[1]) {
        ek_buf_printf(&draft->caption, " (at most %d of each are drawn)", EK_FIGURE_LINES);
    }
    ek_buf_puts(&draft->caption, "; thick: the mean of all, taken of the losses. ");
    size_t lost = count_lost(file);
    if (lost > 0) {
        ek_buf_printf(&draft->caption, "Values of %zu runs that are not finite are left out. ",
                      lost);
    }
    if (isfinite(file->pretrained_perplexity)) {
        ek_buf_printf(&draft->caption, "The pre-trained model has %.3g.",
                      file->pretrained_perplexity);
    }
    ek_buf_puts(&draft->caption, " Where the curve falls to that line lies what was forgotten.");
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_puts(&draft->alt, "Perplexity against the number of top layers replaced.");
    for (int failed = 0; failed < 2; failed++) {
        if (isfinite(mean_of(file, failed, 0))) {
            ek_buf_printf(&draft->alt, " %s runs: mean %.3g with none replaced, %.3g with all.",
                          failed ? "Failed" : "Successful", mean_of(file, failed, 0),
                          mean_of(file, failed, file->layers));
        }
    }
    if (isfinite(file->pretrained_perplexity)) {
        ek_buf_printf(&draft->alt, " Pre-trained model: %.3g.", file->pretrained_perplexity);
    }
}

ek_status ek__figure_forgetting(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    (void)err;
    figure f;
    if (data->forgetting.run_count == 0) {
        return EK_OK;
    }
    choose(&data->forgetting, &f);
    if (!isfinite(f.low)) {
        return EK_OK; /* not one value */
    }
    put_data(&data->forgetting, &f, &draft->tsv);
    put_plot(&data->forgetting, &f, draft);
    put_words(data, &f, draft);
    draft->drawn = true;
    return EK_OK;
}
