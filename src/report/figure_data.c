/* What the figures draw, read once from the store, and the small writers they share. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/figure_draft.h"

const char *const ek__figure_colors[EK_FIGURE_COLORS] = {EK_COLOR_OK, "#009E73", "#B5588F",
                                                         EK_COLOR_FAILED};

const int ek__figure_points[EK_FIGURE_COLORS] = {7, 5, 9, 13};

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for the figures");
}

/* ---- text ------------------------------------------------------------------------------------ */

/* The next character of valid UTF-8 text. */
static uint32_t next_character(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? *p : *p & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        c = c << 6 | (p[i] & 0x3fu);
    }
    *at += more + 1;
    return c;
}

/* Controls, line and paragraph separators, and what turns the direction of text around. */
static bool is_unprintable(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || (c & 0xfffe) == 0xfffe || c == 0xfeff;
}

static size_t columns_of(uint32_t c)
{
    bool combining = c >= 0x300 && c < 0x370;
    bool wide = (c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) ||
                (c >= 0xac00 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) ||
                (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) || c >= 0x1f300;
    return combining ? 0 : wide ? 2 : 1;
}

static void make_valid(ek_buf *out, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        size_t good = ek_utf8_check(text, length);
        const char *end = text + good;
        for (const char *at = text; at < end;) {
            const char *from = at;
            if (is_unprintable(next_character(&at))) {
                ek_buf_putc(out, ' ');
            } else {
                ek_buf_append(out, from, (size_t)(at - from));
            }
        }
        if (good < length) {
            ek_buf_puts(out, "\xef\xbf\xbd");
            good++;
        }
        text += good;
        length -= good;
    }
}

size_t ek__figure_columns(const char *text)
{
    size_t columns = 0;
    while (*text) {
        columns += columns_of(next_character(&text));
    }
    return columns;
}

/* Cut in the middle: names of a grid begin alike and end differently. */
void ek__figure_line(ek_buf *out, const char *text, size_t most_columns)
{
    ek_buf valid = {0};
    make_valid(&valid, text);
    const char *whole = ek_buf_text(&valid), *at = whole;
    size_t columns = ek__figure_columns(whole);
    if (most_columns == 0 || columns <= most_columns) {
        ek_buf_puts(out, whole);
    } else {
        size_t left = (most_columns - 1) / 2, right = most_columns - 1 - left, passed = 0;
        for (const char *next = at; *next; at = next) {
            size_t more = columns_of(next_character(&next));
            if (passed + more > left) {
                break;
            }
            passed += more;
        }
        ek_buf_append(out, whole, (size_t)(at - whole));
        ek_buf_puts(out, "\xe2\x80\xa6");
        while (columns - passed > right) {
            passed += columns_of(next_character(&at));
        }
        ek_buf_puts(out, at);
    }
    out->failed = out->failed || valid.failed;
    ek_buf_deinit(&valid);
}

void ek__gp_string(ek_buf *gp, const char *text)
{
    ek_buf line = {0};
    ek__figure_line(&line, text, 0);
    ek_buf_putc(gp, '\'');
    for (const char *c = ek_buf_text(&line); *c; c++) {
        ek_buf_puts(gp, *c == '\'' ? "''" : (char[2]){*c, '\0'});
    }
    ek_buf_putc(gp, '\'');
    gp->failed = gp->failed || line.failed;
    ek_buf_deinit(&line);
}

void ek__figure_number(ek_buf *out, double value)
{
    if (isfinite(value)) {
        ek_buf_printf(out, "%.7g", value);
    } else {
        ek_buf_puts(out, "NaN");
    }
}

void ek__figure_score_label(const ek_figure_data *data, ek_buf *out)
{
    const ek_study_facts *facts = &data->table->facts;
    ek_buf_printf(out, "%s on %s%s", facts->reported, facts->split, data->unit);
}

static size_t doomed_runs(const ek_figure_data *data)
{
    size_t doomed = 0;
    for (size_t i = 0; i < data->table->count; i++) {
        doomed += data->table->rows[i].doomed.stopped;
    }
    return doomed;
}

void ek__figure_failed_note(const ek_figure_data *data, ek_buf *out)
{
    const ek_study_facts *facts = &data->table->facts;
    if (isfinite(facts->baseline)) {
        ek_buf_printf(out,
                      " A run has failed when its final score is not above that of always "
                      "answering the most frequent label (%.1f%s), or when it diverged (a loss, "
                      "gradient or output was not finite).",
                      data->scale * facts->baseline, *data->unit ? " %" : "");
    } else {
        ek_buf_puts(out, " A run has failed when it diverged: a loss, gradient or output was not "
                         "finite.");
    }
    if (doomed_runs(data) > 0) {
        ek_buf_printf(out,
                      " %zu run%s stopped early as doomed and count%s as failed, with the score of "
                      "that step.",
                      doomed_runs(data), doomed_runs(data) == 1 ? " was" : "s were",
                      doomed_runs(data) == 1 ? "s" : "");
    }
}

void ek__gp_begin(ek_figure_draft *draft, int width, int height)
{
    ek_buf *gp = &draft->gp;
    const char *id = draft->id;
    ek_buf_printf(gp,
                  "# %s.gp: draws %s.svg from %s.tsv. In this folder:\n"
                  "#     gnuplot %s.gp\n"
                  "#     gnuplot -e \"format='pdf'\" %s.gp\n"
                  "if (!exists('format')) format = 'svg'\n"
                  "reset\n"
                  "set encoding utf8\n"
                  "set datafile separator tab\n"
                  "set datafile missing 'NaN'\n",
                  id, id, id, id, id);
    ek_buf_printf(
        gp,
        "if (format eq 'pdf') {\n"
        "    set terminal pdfcairo noenhanced size %.2fin,%.2fin font 'sans,11'\n"
        "    set output '%s.pdf'\n"
        "} else {\n"
        "    set terminal svg noenhanced dynamic rounded size %d,%d font 'sans-serif,15'\n"
        "    set output '%s.svg'\n"
        "}\n",
        width / 96.0, height / 96.0, id, width, height, id);
    ek_buf_puts(gp, "set border 3 lc rgb '#808080'\n"
                    "set tics nomirror scale 0.5 textcolor rgb 'black'\n"
                    "set format '%g'\n"
                    "set grid lc rgb '#d0d0d0' lw 1 dt 1\n"
                    "unset key\n");
}

void ek__gp_log_ticks(ek_buf *gp, char axis, double low, double high)
{
    static const double full[] = {1, 1.5, 2, 3, 4, 5, 6, 8}, some[] = {1, 2, 3, 5}, few[] = {1, 3};
    double decades = log10(high / low);
    if (!(low > 0) || !(decades > 0) || decades > 4) {
        return; /* gnuplot's own powers of ten */
    }
    const double *nice = decades < 0.7 ? full : decades < 1.6 ? some : few;
    size_t count = decades < 0.7 ? 8 : decades < 1.6 ? 4 : 2;
    const char *between = "";
    ek_buf_printf(gp, "set %ctics (", axis);
    for (double power = pow(10, floor(log10(low))); power <= high; power *= 10) {
        for (size_t i = 0; i < count; i++) {
            double tick = nice[i] * power;
            if (tick >= low && tick <= high) {
                ek_buf_printf(gp, "%s'%g' %.6g", between, tick, tick);
                between = ", ";
            }
        }
    }
    ek_buf_puts(gp, ")\n");
}

/* Where an entry of the legend begins, in px; a row ends where the next would not fit. */
static void place(const ek_legend_entry *entry, double *x, int *row)
{
    double width = 40 + 8.0 * (double)ek__figure_columns(entry->title) + 18;
    if (*x > 0 && *x + width > EK_FIGURE_WIDTH) {
        *x = 0;
        ++*row;
    }
    *x += width;
}

int ek__gp_legend(ek_buf *gp, const ek_legend_entry *entries, size_t count, double height)
{
    return ek__gp_legend_at(gp, entries, count, 0, height);
}

int ek__gp_legend_at(ek_buf *gp, const ek_legend_entry *entries, size_t count, double top,
                     double height)
{
    double end = 0;
    int row = 0;
    for (size_t i = 0; i < count; i++) {
        const ek_legend_entry *e = &entries[i];
        double before = end;
        int row_before = row;
        place(e, &end, &row);
        if (!gp) {
            continue;
        }
        double x = (row == row_before ? before : 0) + 8;
        double y = 1 - (top + 14 + EK_LEGEND_ROW * row) / height;
        size_t number = EK_LEGEND_FIRST + 2 * i;
        if (e->line > 0) {
            ek_buf_printf(gp,
                          "set arrow %zu from screen %.4f, %.4f to screen %.4f, %.4f nohead lw %g "
                          "dt %d lc rgb '%s'\n",
                          number, x / EK_FIGURE_WIDTH, y, (x + 26) / EK_FIGURE_WIDTH, y, e->line,
                          e->dash, e->color);
        }
        if (e->point > 0) {
            ek_buf_printf(gp,
                          "set label %zu '' at screen %.4f, %.4f point pt %d ps 0.8 lc rgb '%s'\n",
                          number, (x + 13) / EK_FIGURE_WIDTH, y, e->point, e->color);
        }
        ek_buf_printf(gp, "set label %zu ", number + 1);
        ek__gp_string(gp, e->title);
        ek_buf_printf(gp, " at screen %.4f, %.4f left noenhanced\n", (x + 34) / EK_FIGURE_WIDTH, y);
    }
    return row + 1;
}

void ek__gp_legend_end(ek_buf *gp, size_t count)
{
    for (size_t i = EK_LEGEND_FIRST; i < EK_LEGEND_FIRST + 2 * count; i++) {
        ek_buf_printf(gp, "unset label %zu\nunset arrow %zu\n", i, i);
    }
}

void ek__gp_run_lines(ek_buf *gp, const char *id, const size_t lines[2][EK_FIGURE_LINES],
                      const size_t drawn[2], size_t means)
{
    static const char *const colors[] = {EK_RGB_OK, EK_RGB_FAILED};
    for (int failed = 1; failed >= 0; failed--) {
        for (size_t i = 0; i < drawn[failed]; i++) {
            ek_buf_printf(
                gp, "'%s.tsv' skip 1 index %zu using 1:2 with lines lw 1 lc rgb '#50%s', \\\n    ",
                id, lines[failed][i], colors[failed]);
        }
    }
    for (int failed = 0; failed < 2; failed++) {
        ek_buf_printf(gp,
                      "%s'%s.tsv' skip 1 index %zu using 1:2 with linespoints lw 3 pt %d ps 0.5 lc "
                      "rgb '#%s'",
                      failed ? ", \\\n    " : "", id, means + (size_t)failed,
                      failed ? EK_POINT_FAILED : EK_POINT_OK, colors[failed]);
    }
}

void ek__gp_panel_name(ek_buf *gp, const char *text)
{
    ek_buf_puts(gp, "set label 1 noenhanced ");
    ek__gp_string(gp, text);
    ek_buf_puts(gp, " at graph 0, graph 1 left offset 0, 0.6\n");
}

void ek__gp_rows(ek_buf *gp, double top, double bottom, double height)
{
    ek_buf_printf(gp, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", 1 - top / height,
                  1 - bottom / height);
}

void ek__gp_axis(ek_buf *gp, char axis, double low, double high, int ticks)
{
    if (!(high > low)) {
        return; /* gnuplot widens an empty range */
    }
    double rough = (high - low) / ticks, step = pow(10, floor(log10(rough)));
    step *= rough > 5 * step ? 10 : rough > 2 * step ? 5 : rough > step ? 2 : 1;
    ek_buf_printf(gp, "set %crange [%.7g:%.7g]\nset %ctics %.3g\n", axis, low, high, axis, step);
}

/* ---- data ------------------------------------------------------------------------------------ */

static ek_status load_series(ek_figure_series *out, double *tail, ek_store *store, int64_t run,
                             const char *name, ek_error *err)
{
    size_t count;
    EK_TRY(ek_store_series(store, run, name, &out->steps, &out->values, &count, err));
    out->logged = count;
    if (tail && count > 0) {
        size_t last = (count + 9) / 10;
        double sum = 0;
        for (size_t i = count - last; i < count; i++) {
            sum += out->values[i];
        }
        *tail = sum / (double)last;
    }
    size_t stride = (count + EK_FIGURE_POINTS - 1) / EK_FIGURE_POINTS;
    for (size_t i = 0; i < count; i++) {
        if ((count - 1 - i) % stride == 0) {
            out->steps[out->count] = out->steps[i];
            out->values[out->count++] = out->values[i];
        }
    }
    if (out->count > 0) { /* thousands of runs: give back what thinning left */
        int64_t *steps = ek_realloc(out->steps, out->count, sizeof *steps);
        out->steps = steps ? steps : out->steps;
        double *values = ek_realloc(out->values, out->count, sizeof *values);
        out->values = values ? values : out->values;
    }
    return EK_OK;
}

static ek_status load_run(ek_figure_data *data, const ek_run_row *row, size_t group, double epochs,
                          ek_error *err)
{
    ek_figure_run *run = &data->runs[data->run_count++];
    *run = (ek_figure_run){.row = row,
                           .group = group,
                           .failed = row->outcome != EK_OUTCOME_OK,
                           .final_loss = (double)NAN,
                           .epochs = epochs};
    EK_TRY(load_series(&run->loss, &run->final_loss, data->store, row->id, "train_loss", err));
    ek_buf name = {0};
    ek_buf_printf(&name, "eval_%s", data->table->facts.reported);
    ek_status status =
        load_series(&run->score, NULL, data->store, row->id, ek_buf_text(&name), err);
    ek_buf_deinit(&name);
    data->most_logged = run->loss.logged > data->most_logged ? run->loss.logged : data->most_logged;
    data->most_logged =
        run->score.logged > data->most_logged ? run->score.logged : data->most_logged;
    return status;
}

/* num_train_epochs of a group, 0 where max_steps overrules it. */
static ek_status load_epochs(ek_figure_data *data, const char *group, double *epochs, ek_error *err)
{
    ek_buf text = {0}, steps = {0};
    double max_steps = 0;
    *epochs = 0;
    ek_status status = ek_store_group_value(data->store, group, "num_train_epochs", &text, err);
    if (status == EK_OK) {
        status = ek_store_group_value(data->store, group, "max_steps", &steps, err);
    }
    if (status == EK_OK && (!ek_parse_double(ek_buf_text(&text), epochs) || !(*epochs > 0) ||
                            (ek_parse_double(ek_buf_text(&steps), &max_steps) && max_steps > 0))) {
        *epochs = 0;
    }
    ek_buf_deinit(&text);
    ek_buf_deinit(&steps);
    return status;
}

static ek_status load_label(ek_figure_data *data, size_t group, ek_error *err)
{
    ek_buf label = {0};
    ek__figure_line(&label, data->table->rows[group].group, EK_FIGURE_LABEL);
    for (size_t i = 0; i < group; i++) {
        if (strcmp(data->labels[i], ek_buf_text(&label)) == 0) {
            ek_buf_clear(&label);
            ek_buf_printf(&label, "%zu: ", group + 1);
            ek__figure_line(&label, data->table->rows[group].group, EK_FIGURE_LABEL - 5);
        }
    }
    data->labels[group] = ek_strdup(ek_buf_text(&label));
    bool lost = label.failed || !data->labels[group];
    ek_buf_deinit(&label);
    return lost ? no_memory(err) : EK_OK;
}

static ek_status load(ek_figure_data *data, ek_error *err)
{
    const ek_group_table *table = data->table;
    data->labels = ek_calloc(table->count, sizeof *data->labels);
    data->runs = ek_calloc(table->run_count, sizeof *data->runs);
    if (!data->labels || !data->runs) {
        return no_memory(err);
    }
    bool is_error = strcmp(table->facts.reported, "mse") == 0;
    data->scale = is_error ? 1 : 100;
    data->unit = is_error ? "" : " (%)";
    for (size_t g = 0; g < table->count; g++) {
        double epochs;
        EK_TRY(load_label(data, g, err));
        EK_TRY(load_epochs(data, table->rows[g].group, &epochs, err));
        for (size_t i = 0; i < table->run_count; i++) {
            const ek_run_row *row = &table->runs[i];
            if (row->status == EK_RUN_DONE && strcmp(row->group, table->rows[g].group) == 0) {
                EK_TRY(load_run(data, row, g, epochs, err));
            }
        }
    }
    return EK_OK;
}

/* Whether the study has the run that a probe names. */
static bool knows(const ek_figure_data *data, const ek_probe_file_run *run)
{
    for (size_t i = 0; i < data->run_count; i++) {
        const ek_run_row *row = data->runs[i].row;
        if (row->id == run->id) {
            return row->seed == run->seed && strcmp(row->group, run->group) == 0;
        }
    }
    return false;
}

static void warn_of_stranger(const ek_probe_file_run *run, const char *file, ek_buf *warnings)
{
    ek_buf_printf(warnings, "probe/%s names run %lld (", file, (long long)run->id);
    ek__figure_line(warnings, run->group, EK_FIGURE_LABEL);
    ek_buf_printf(warnings, ", seed %u), which is not in this study: run the probe again\n",
                  run->seed);
}

/* An error of a probe's file as a warning; without memory it stays an error. */
static ek_status forgive(ek_status status, const ek_error *own, ek_buf *warnings, ek_error *err)
{
    if (status == EK_E_MEMORY) {
        return ek_error_set(err, EK_E_MEMORY, "%s", own->message);
    }
    if (status != EK_OK) {
        ek__figure_line(warnings, own->message, 0);
        ek_buf_putc(warnings, '\n');
    }
    return EK_OK;
}

static ek_status load_forgetting(ek_figure_data *data, const char *dir, ek_buf *warnings,
                                 ek_error *err)
{
    bool found;
    ek_error own = {0};
    ek_forgetting_file *file = &data->forgetting;
    ek_status status = ek_forgetting_file_read(file, dir, &found, &own);
    for (size_t i = 0; i < file->run_count; i++) {
        if (!knows(data, &file->runs[i].run)) {
            warn_of_stranger(&file->runs[i].run, "forgetting.json", warnings);
            ek_forgetting_file_free(file);
        }
    }
    return forgive(status, &own, warnings, err);
}

static ek_status load_surface(ek_figure_data *data, const char *dir, ek_buf *warnings,
                              ek_error *err)
{
    bool found;
    ek_error own = {0};
    ek_surface_file *file = &data->surface;
    ek_status status = ek_surface_file_read(file, dir, &found, &own);
    if (file->grid && (!knows(data, &file->failed_run) || !knows(data, &file->ok_run))) {
        warn_of_stranger(knows(data, &file->failed_run) ? &file->ok_run : &file->failed_run,
                         "surface.json", warnings);
        ek_surface_file_free(file);
    }
    return forgive(status, &own, warnings, err);
}

static ek_status load_drift(ek_figure_data *data, const char *dir, ek_buf *warnings, ek_error *err)
{
    bool found;
    ek_error own = {0};
    ek_drift_file *file = &data->drift;
    ek_status status = ek_drift_file_read(file, dir, &found, &own);
    for (size_t i = 0; i < file->run_count; i++) {
        if (!knows(data, &file->runs[i].run)) {
            warn_of_stranger(&file->runs[i].run, "drift.json", warnings);
            ek_drift_file_free(file);
        }
    }
    return forgive(status, &own, warnings, err);
}

/* Takes the losses of full passes over the training examples for final_loss, if all runs that have
 * a training loss have one: two kinds of loss do not stand in one figure. */
static ek_status load_full_passes(ek_figure_data *data, ek_error *err)
{
    double *losses = ek_calloc(data->run_count, sizeof *losses);
    ek_status status = losses ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the figures");
    bool all = data->run_count > 0;
    for (size_t i = 0; i < data->run_count && all && status == EK_OK; i++) {
        ek_figure_series series = {0};
        status = load_series(&series, &losses[i], data->store, data->runs[i].row->id,
                             "train_eval_loss", err);
        all = series.logged > 0 || isnan(data->runs[i].final_loss);
        ek_free(series.steps);
        ek_free(series.values);
    }
    for (size_t i = 0; i < data->run_count && all && status == EK_OK; i++) {
        data->full_pass = true;
        data->runs[i].final_loss = isnan(data->runs[i].final_loss) ? (double)NAN : losses[i];
    }
    ek_free(losses);
    return status;
}

ek_status ek__figure_data_load(ek_figure_data *data, const ek_group_table *table, ek_store *store,
                               const char *study_dir, ek_buf *warnings, ek_error *err)
{
    *data = (ek_figure_data){.table = table, .store = store, .study_dir = study_dir};
    ek_status status = load(data, err);
    status = status == EK_OK ? load_full_passes(data, err) : status;
    if (status == EK_OK && study_dir) {
        status = load_forgetting(data, study_dir, warnings, err);
        status = status == EK_OK ? load_surface(data, study_dir, warnings, err) : status;
        status = status == EK_OK ? load_drift(data, study_dir, warnings, err) : status;
    }
    if (status != EK_OK) {
        ek__figure_data_free(data);
    }
    return status;
}

void ek__figure_data_free(ek_figure_data *data)
{
    for (size_t i = 0; i < data->run_count; i++) {
        ek_free(data->runs[i].loss.steps);
        ek_free(data->runs[i].loss.values);
        ek_free(data->runs[i].score.steps);
        ek_free(data->runs[i].score.values);
    }
    for (size_t i = 0; data->labels && i < data->table->count; i++) {
        ek_free(data->labels[i]);
    }
    ek_free(data->runs);
    ek_free(data->labels);
    ek_forgetting_file_free(&data->forgetting);
    ek_surface_file_free(&data->surface);
    ek_drift_file_free(&data->drift);
    *data = (ek_figure_data){0};
}

size_t ek__figure_count(const ek_figure_data *data, size_t group, bool failed)
{
    size_t count = 0;
    for (size_t i = 0; i < data->run_count; i++) {
        count += data->runs[i].group == group && data->runs[i].failed == failed;
    }
    return count;
}
