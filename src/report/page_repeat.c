/* Everything that somebody needs to make the study again: commands, hashes, seeds, machines, the
 * resolved configuration with the origin of each value, the study file. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/page_parts.h"

/* ---- resolved configuration ------------------------------------------------------------------ */

struct setting {
    char *key, *value, *origin;
};
struct settings {
    struct setting *items;
    size_t count;
    bool failed; /* no memory */
};

static void add_setting(void *user, const char *key, const char *value, const char *origin)
{
    struct settings *settings = user;
    struct setting *grown = ek_realloc(settings->items, settings->count + 1, sizeof *grown);
    if (!grown) {
        settings->failed = true;
        return;
    }
    settings->items = grown;
    struct setting *item = &grown[settings->count++];
    *item = (struct setting){ek_strdup(key), ek_strdup(value), ek_strdup(origin)};
    settings->failed = settings->failed || !item->key || !item->value || !item->origin;
}

static void free_settings(struct settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        ek_free(settings->items[i].key);
        ek_free(settings->items[i].value);
        ek_free(settings->items[i].origin);
    }
    ek_free(settings->items);
}

static const struct setting *find_setting(const struct settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->items[i].key, key) == 0) {
            return &settings->items[i];
        }
    }
    return NULL;
}

/* Whether two or more of the groups have different values of key (or one has none). */
static bool differs(const struct settings *groups, size_t count, const char *key)
{
    const struct setting *first = find_setting(&groups[0], key);
    for (size_t i = 1; i < count; i++) {
        const struct setting *other = find_setting(&groups[i], key);
        if (!first != !other || (first && strcmp(first->value, other->value) != 0)) {
            return true;
        }
    }
    return false;
}

static void put_path(ek_buf *out, const char *text)
{
    ek_buf plain = {0};
    ek_without_homes(&plain, text);
    ek_html_text(out, ek_buf_text(&plain));
    ek_buf_deinit(&plain);
}

/* What the groups differ in: a row a group, a column a setting. */
static void put_differences(const ek_findings *findings, const struct settings *groups, ek_buf *out)
{
    size_t count = findings->table.count, columns = 0;
    for (size_t k = 0; k < groups[0].count; k++) {
        columns += differs(groups, count, groups[0].items[k].key);
    }
    if (columns == 0) {
        return;
    }
    ek_buf_puts(out, "<h3>What the groups differ in</h3>\n");
    ek__page_scroll_open(out, "Settings in which the groups differ");
    ek_buf_puts(out, "<table class=\"settings\">\n<thead><tr><th scope=\"col\">group</th>");
    for (size_t k = 0; k < groups[0].count; k++) {
        if (differs(groups, count, groups[0].items[k].key)) {
            ek_buf_puts(out, "<th scope=\"col\">");
            ek_html_text(out, groups[0].items[k].key);
            ek_buf_puts(out, "</th>");
        }
    }
    ek_buf_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t g = 0; g < count; g++) {
        ek_buf_puts(out, "<tr><th scope=\"row\">");
        ek_html_text(out, findings->table.rows[g].group);
        ek_buf_puts(out, "</th>");
        for (size_t k = 0; k < groups[0].count; k++) {
            const char *key = groups[0].items[k].key;
            const struct setting *item = find_setting(&groups[g], key);
            if (!differs(groups, count, key)) {
                continue;
            }
            ek_buf_puts(out, "<td>");
            put_path(out, item ? item->value : "-");
            ek_buf_puts(out, " <span class=\"origin\">");
            ek_html_text(out, item ? item->origin : "");
            ek_buf_puts(out, "</span></td>");
        }
        ek_buf_puts(out, "</tr>\n");
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
}

static void put_setting(ek_buf *out, const struct setting *item)
{
    ek_buf_puts(out, "<tr><th scope=\"row\">");
    ek_html_text(out, item->key);
    ek_buf_puts(out, "</th><td>");
    put_path(out, item->value);
    ek_buf_puts(out, "</td><td class=\"origin\">");
    ek_html_text(out, item->origin);
    ek_buf_puts(out, "</td></tr>\n");
}

static void put_common(const struct settings *study, const struct settings *groups, size_t count,
                       ek_buf *out)
{
    ek_buf_puts(out, "<h3>What they have in common</h3>\n<p class=\"notes\">Where each value comes "
                     "from: the program's default, the recipe, the study file, an arm of it, or a "
                     "flag of the command line.</p>\n");
    ek__page_scroll_open(out, "Settings that all groups share");
    ek_buf_puts(out, "<table class=\"settings\">\n<thead><tr><th scope=\"col\">setting</th><th "
                     "scope=\"col\">value</th><th scope=\"col\">origin</th></tr></thead>\n"
                     "<tbody>\n");
    for (size_t i = 0; i < study->count; i++) {
        put_setting(out, &study->items[i]);
    }
    for (size_t i = 0; count > 0 && i < groups[0].count; i++) {
        if (!differs(groups, count, groups[0].items[i].key)) {
            put_setting(out, &groups[0].items[i]);
        }
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
}

static ek_status put_configuration(const ek_findings *findings, ek_store *store, ek_buf *out,
                                   ek_error *err)
{
    size_t count = findings->table.count;
    struct settings study = {0}, *groups = ek_calloc(count, sizeof *groups);
    ek_status status = groups ? ek_store_config(store, NULL, add_setting, &study, err)
                              : ek_error_set(err, EK_E_MEMORY, "no memory for the settings");
    bool failed = study.failed;
    for (size_t g = 0; status == EK_OK && g < count; g++) {
        status =
            ek_store_config(store, findings->table.rows[g].group, add_setting, &groups[g], err);
        failed = failed || groups[g].failed;
    }
    if (status == EK_OK && failed) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for the settings");
    }
    if (status == EK_OK && count > 0) {
        put_differences(findings, groups, out);
        put_common(&study, groups, count, out);
    }
    for (size_t g = 0; groups && g < count; g++) {
        free_settings(&groups[g]);
    }
    free_settings(&study);
    ek_free(groups);
    return status;
}

/* ---- commands, hashes, seeds, machines ------------------------------------------------------- */

static void put_command(ek_buf *out, const char *before, const char *name, const char *after)
{
    ek_buf word = {0};
    ek_shell_word(&word, name);
    ek_html_text(out, before);
    ek_html_text(out, ek_buf_text(&word));
    ek_html_text(out, after);
    ek_buf_deinit(&word);
}

static void put_commands(const ek_findings *findings, ek_buf *out)
{
    const char *name = findings->record.name;
    const ek_run_row *done = NULL;
    for (size_t i = 0; !done && i < findings->table.run_count; i++) {
        done = findings->table.runs[i].status == EK_RUN_DONE ? &findings->table.runs[i] : NULL;
    }
    ek_buf_puts(out, "<pre class=\"commands\" tabindex=\"0\" aria-label=\"Commands\"><code>");
    put_command(out, "evenkeel study study.yaml -o ", name, "    # every run, the same bits\n");
    if (done) {
        ek_buf run = {0};
        ek_buf_printf(&run, " --run %lld", (long long)done->id);
        put_command(out, "evenkeel verify ", name, ek_buf_text(&run));
        ek_buf_puts(out, "    # one run again, and the hash of its weights\n");
        ek_buf_deinit(&run);
        put_command(out, "evenkeel train --run ", name, ":best -o model    # a run's model\n");
    }
    put_command(out, "evenkeel report ", name, "    # this page\n");
    ek_buf_puts(out, "</code></pre>\n<p class=\"notes\"><code>study.yaml</code> lies beside the "
                     "store and stands below; the folder of the study is called here as the study "
                     "is. Home folders are shown as <code>~</code>.</p>\n");
}

static void put_fact(ek_buf *out, const char *name, const char *value, bool code)
{
    ek_buf_printf(out, "<div><dt>%s</dt><dd>%s", name, code ? "<code>" : "");
    put_path(out, value);
    ek_buf_printf(out, "%s</dd></div>\n", code ? "</code>" : "");
}

/* "1..5" where a group's seeds are a range, else a list. */
static void put_seeds(const ek_findings *findings, size_t g, ek_buf *out)
{
    const ek_group_findings *group = &findings->groups[g];
    for (size_t i = 0; i < group->n;) {
        uint32_t first = findings->table.runs[group->runs[i]].seed, last = first;
        size_t next = i + 1;
        while (next < group->n && findings->table.runs[group->runs[next]].seed - last <= 1) {
            last = findings->table.runs[group->runs[next++]].seed;
        }
        ek_buf_printf(out, last > first ? "%s%u..%u" : "%s%u", i ? "," : "", first, last);
        i = next;
    }
}

static void put_facts(const ek_findings *findings, ek_buf *out)
{
    const ek_study_facts *facts = &findings->table.facts;
    ek_buf text = {0};
    ek_buf_puts(out, "<dl class=\"facts\">\n");
    put_fact(out, "Model, SHA-256", facts->model_hash, true);
    put_fact(out, "Data, SHA-256", facts->data_hash, true);
    ek_buf_printf(&text, "%zu for training, %zu for %s", facts->train_count,
                  facts->validation_count, facts->split);
    put_fact(out, "Examples", ek_buf_text(&text), false);
    ek_buf_clear(&text);
    for (int32_t i = 0; i < facts->label_count; i++) {
        ek_buf_printf(&text, "%s%s", i ? ", " : "", facts->label_names[i]);
    }
    put_fact(out, "Labels", ek_buf_text(&text), false);
    for (size_t g = 0; g < findings->table.count; g++) {
        ek_buf_clear(&text);
        put_seeds(findings, g, &text);
        ek_buf_puts(out, "<div><dt>Seeds of ");
        ek_html_text(out, findings->table.rows[g].group);
        ek_buf_printf(out, "</dt><dd>%s</dd></div>\n", ek_buf_text(&text));
    }
    if (*facts->notes) {
        put_fact(out, "Notes on the data", facts->notes, false);
    }
    ek_buf_puts(out, "</dl>\n");
    ek_buf_deinit(&text);
}

static void put_environments(const ek_study_record *record, ek_buf *out)
{
    static const char *const columns[] = {"begun",     "evenkeel", "compiler", "kernels",
                                          "processor", "system",   "jobs",     "threads"};
    ek_buf_puts(out, "<h3>Where it ran</h3>\n");
    ek__page_scroll_open(out, "Invocations");
    ek_buf_puts(out, "<table class=\"settings\">\n<thead><tr>");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        ek_buf_printf(out, "<th scope=\"col\">%s</th>", columns[i]);
    }
    ek_buf_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < record->environment_count; i++) {
        const struct ek_environment *e = &record->environments[i];
        const char *const cells[] = {e->started, e->version, e->compiler, e->isa, e->cpu, e->os};
        ek_buf_puts(out, "<tr>");
        for (size_t c = 0; c < sizeof cells / sizeof *cells; c++) {
            ek_buf_puts(out, "<td>");
            ek_html_text(out, cells[c]);
            ek_buf_puts(out, "</td>");
        }
        ek_buf_printf(out, "<td>%lld</td><td>%lld</td></tr>\n", (long long)e->jobs,
                      (long long)e->threads);
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
}

ek_status ek__page_repeat(const ek_findings *findings, ek_store *store, ek_buf *out, ek_error *err)
{
    ek_buf_puts(out, "<section id=\"repeat\" aria-labelledby=\"repeat-title\">\n"
                     "<h2 id=\"repeat-title\">How to make every run again, bit for bit</h2>\n");
    put_commands(findings, out);
    put_facts(findings, out);
    EK_TRY(put_configuration(findings, store, out, err));
    put_environments(&findings->record, out);
    ek_buf_puts(out, "<details class=\"more\"><summary>study.yaml, resolved</summary>\n"
                     "<pre tabindex=\"0\" aria-label=\"Study file\"><code>");
    put_path(out, findings->record.yaml);
    ek_buf_puts(out, "</code></pre>\n</details>\n</section>\n");
    return ek_buf_status(out, err);
}
