/* The figures one after the other: drafts, files, gnuplot, drawings for the page. */
#include "report/figure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "report/figure_draft.h"
#include "report/figure_gnuplot.h"
#include "report/figure_svg.h"

static const struct {
    const char *id;
    ek_figure_maker make;
} makers[] = {
    {"scores", ek__figure_scores},
    {"loss_curves", ek__figure_loss_curves},
    {"score_curves", ek__figure_score_curves},
    {"gradient_norms", ek__figure_gradient_norms},
    {"gradient_groups", ek__figure_gradient_groups},
    {"forgetting", ek__figure_forgetting},
    {"loss_surface", ek__figure_loss_surface},
    {"gradient_surface", ek__figure_gradient_surface},
    {"loss_barrier", ek__figure_loss_barrier},
    {"drift", ek__figure_drift},
    {"score_over_epochs", ek__figure_score_over_epochs},
    {"loss_against_score", ek__figure_loss_against_score},
    {"disagreement", ek__figure_disagreement},
    {"expected_best", ek__figure_expected_best},
    {"variance_by_source", ek__figure_variance_by_source},
};

enum {
    FIGURES = sizeof makers / sizeof *makers,
    LIMIT_SECONDS = 30, /* for all of them; a second is usual */
    MOST_SVG = 64 << 20,
};

static char *path_of(const char *dir, const char *id, const char *ending)
{
    ek_buf name = {0};
    ek_buf_printf(&name, "%s%s", id, ending);
    char *path = name.failed ? NULL : ek_path_join(dir, ek_buf_text(&name));
    ek_buf_deinit(&name);
    return path;
}

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for the figures");
}

/* What an earlier report left would pass for this one's. */
static ek_status remove_old(const char *dir, ek_error *err)
{
    static const char *const endings[] = {".tsv", ".gp", ".svg", ".pdf"};
    for (size_t i = 0; i < FIGURES; i++) {
        for (size_t e = 0; e < sizeof endings / sizeof *endings; e++) {
            char *path = path_of(dir, makers[i].id, endings[e]);
            if (!path) {
                return no_memory(err);
            }
            int code = unlink(path) == 0 || errno == ENOENT ? 0 : errno;
            if (code != 0) {
                ek_error_set(err, EK_E_IO, "cannot remove %s: %s", path, strerror(code));
            }
            ek_free(path);
            if (code != 0) {
                return EK_E_IO;
            }
        }
    }
    return EK_OK;
}

static ek_status write_text(const char *dir, const char *id, const char *ending, const ek_buf *text,
                            ek_error *err)
{
    char *path = path_of(dir, id, ending);
    if (!path) {
        return no_memory(err);
    }
    ek_status status = ek_file_write(path, ek_buf_text(text), text->length, err);
    ek_free(path);
    return status;
}

ek_status ek__figure_write(const ek_figure_draft *draft, const char *dir, ek_error *err)
{
    EK_TRY(ek_buf_status(&draft->tsv, err));
    EK_TRY(ek_buf_status(&draft->gp, err));
    EK_TRY(write_text(dir, draft->id, ".tsv", &draft->tsv, err));
    return write_text(dir, draft->id, ".gp", &draft->gp, err);
}

/* Writes a draft's files and moves it into the set. */
static ek_status add(ek_figure_set *figures, ek_figure_draft *draft, const char *dir, ek_error *err)
{
    EK_TRY(ek__figure_write(draft, dir, err));
    ek_figure *figure = &figures->items[figures->count++];
    *figure = (ek_figure){.id = ek_strdup(draft->id),
                          .title = ek_buf_take(&draft->title),
                          .caption = ek_buf_take(&draft->caption),
                          .alt = ek_buf_take(&draft->alt),
                          .tsv = ek_buf_take(&draft->tsv)};
    if (!figure->id || !figure->title || !figure->caption || !figure->alt || !figure->tsv) {
        return no_memory(err);
    }
    return EK_OK;
}

void ek__figure_draft_free(ek_figure_draft *draft)
{
    ek_buf_deinit(&draft->title);
    ek_buf_deinit(&draft->caption);
    ek_buf_deinit(&draft->alt);
    ek_buf_deinit(&draft->tsv);
    ek_buf_deinit(&draft->gp);
}

static ek_status make_drafts(ek_figure_set *figures, const ek_figure_data *data, const char *dir,
                             ek_error *err)
{
    for (size_t i = 0; i < FIGURES; i++) {
        ek_figure_draft draft = {.id = makers[i].id};
        ek_status status = makers[i].make(data, &draft, err);
        if (status == EK_OK && draft.drawn) {
            status = add(figures, &draft, dir, err);
        }
        ek__figure_draft_free(&draft);
        EK_TRY(status);
    }
    return EK_OK;
}

static ek_status read_drawing(ek_figure *figure, const char *dir, ek_error *err)
{
    char *path = path_of(dir, figure->id, ".svg");
    if (!path) {
        return no_memory(err);
    }
    ek_buf raw = {0}, clean = {0};
    ek_status status = ek_file_read(path, MOST_SVG, &raw, err);
    if (status == EK_OK) {
        status =
            ek__svg_clean(ek_buf_text(&raw), figure->id, figure->title, figure->alt, &clean, err);
        if (status != EK_OK) {
            ek_error_prefix(err, "%s", path);
        }
    }
    ek_buf_deinit(&raw);
    figure->svg = status == EK_OK ? ek_buf_take(&clean) : NULL;
    ek_buf_deinit(&clean);
    ek_free(path);
    return status == EK_OK && !figure->svg ? no_memory(err) : status;
}

static ek_status run_gnuplot(ek_figure_set *figures, const char *dir, bool pdf, ek_error *err)
{
    char names[FIGURES][64];
    const char *scripts[FIGURES];
    for (size_t i = 0; i < figures->count; i++) {
        snprintf(names[i], sizeof names[i], "%s.gp", figures->items[i].id);
        scripts[i] = names[i];
    }
    return ek__gnuplot_run(dir, scripts, figures->count, pdf, LIMIT_SECONDS, &figures->gnuplot,
                           err);
}

static ek_status draw(ek_figure_set *figures, const char *dir, const ek_figure_options *options,
                      ek_error *err)
{
    EK_TRY(run_gnuplot(figures, dir, false, err));
    for (size_t i = 0; figures->gnuplot && i < figures->count; i++) {
        EK_TRY(read_drawing(&figures->items[i], dir, err));
    }
    return figures->gnuplot && options->pdf ? run_gnuplot(figures, dir, true, err) : EK_OK;
}

static ek_status make(ek_figure_set *figures, const ek_figure_data *data, const char *dir,
                      const ek_figure_options *options, ek_error *err)
{
    EK_TRY(ek_make_dirs(dir, err));
    EK_TRY(remove_old(dir, err));
    EK_TRY(make_drafts(figures, data, dir, err));
    return draw(figures, dir, options, err);
}

ek_status ek_figures_make(ek_figure_set *figures, const ek_group_table *table, ek_store *store,
                          const char *study_dir, const char *dir, const ek_figure_options *options,
                          ek_error *err)
{
    *figures = (ek_figure_set){.items = ek_calloc(FIGURES, sizeof *figures->items)};
    if (!figures->items) {
        return no_memory(err);
    }
    ek_figure_data data;
    ek_buf warnings = {0};
    ek_status status = ek__figure_data_load(&data, table, store, study_dir, &warnings, err);
    if (status == EK_OK) {
        status = ek_buf_status(&warnings, err);
        if (status == EK_OK && warnings.length > 0) {
            figures->warnings = ek_buf_take(&warnings);
        }
    }
    ek_buf_deinit(&warnings);
    if (status == EK_OK) {
        status = make(figures, &data, dir, options, err);
        ek__figure_data_free(&data);
    }
    if (status != EK_OK) {
        ek_figures_free(figures);
    }
    return status;
}

void ek_figures_free(ek_figure_set *figures)
{
    for (size_t i = 0; i < figures->count; i++) {
        ek_figure *figure = &figures->items[i];
        ek_free(figure->id);
        ek_free(figure->title);
        ek_free(figure->caption);
        ek_free(figure->alt);
        ek_free(figure->tsv);
        ek_free(figure->svg);
    }
    ek_free(figures->items);
    ek_free(figures->warnings);
    *figures = (ek_figure_set){0};
}
