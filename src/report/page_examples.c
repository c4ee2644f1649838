/* The examples on which the runs of a group disagree, by their number in the store; with the data
 * at hand also their texts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/disagreement.h"
#include "report/page_parts.h"

enum { SHOWN = 10, WRONG_MOST = 60, TEXT_MOST = 400, GROUPS_OPEN = 4, TITLE_MOST = 3 };

/* How the runs of a group answered one example. */
struct answers {
    size_t example;
    uint32_t most;  /* runs that gave the most frequent answer */
    uint32_t right; /* runs that were right */
    double apart;   /* share of pairs of runs with different answers */
};

static int by_dispute(const void *left, const void *right)
{
    const struct answers *a = left, *b = right;
    if (a->apart != b->apart) {
        return a->apart > b->apart ? -1 : 1;
    }
    return a->example < b->example ? -1 : a->example > b->example;
}

/* counts[label_count] of example e. */
static void count_answers(const ek_stored_predictions *p, size_t e, uint32_t *counts)
{
    memset(counts, 0, (size_t)p->label_count * sizeof *counts);
    for (size_t r = 0; r < p->run_count; r++) {
        int32_t label = p->labels[r * p->example_count + e];
        if (label >= 0 && label < p->label_count) {
            counts[label]++;
        }
    }
}

static struct answers answers_of(const ek_stored_predictions *p, size_t e, uint32_t *counts)
{
    struct answers answers = {.example = e};
    double n = (double)p->run_count, together = 0;
    count_answers(p, e, counts);
    for (int32_t l = 0; l < p->label_count; l++) {
        answers.most = counts[l] > answers.most ? counts[l] : answers.most;
        together += (double)counts[l] * ((double)counts[l] - 1);
    }
    if (p->truth[e] >= 0 && p->truth[e] < p->label_count) {
        answers.right = counts[p->truth[e]];
    }
    answers.apart = 1 - together / (n * (n - 1));
    return answers;
}

static const char *label_name(const ek_study_facts *facts, int32_t label)
{
    return label >= 0 && label < facts->label_count ? facts->label_names[label] : "-";
}

static void put_text(const ek_example *example, ek_buf *out)
{
    const char *texts[2] = {example->text, example->pair};
    const size_t lengths[2] = {example->text_length, example->pair_length};
    for (int i = 0; i < 2 && texts[i]; i++) {
        size_t length = lengths[i] < TEXT_MOST ? lengths[i] : TEXT_MOST;
        while (length < lengths[i] && length > 0 &&
               ((unsigned char)texts[i][length] & 0xC0) == 0x80) {
            length--; /* not in the middle of a character */
        }
        ek_buf_puts(out, i ? "<br><span class=\"pair\">" : "<span>");
        ek_html_text_n(out, texts[i], length);
        ek_buf_puts(out, length < lengths[i] ? " …</span>" : "</span>");
    }
}

static void put_example(const ek_findings *findings, const ek_stored_predictions *p,
                        const struct answers *answers, uint32_t *counts, const ek_split *texts,
                        ek_buf *out)
{
    const ek_study_facts *facts = &findings->table.facts;
    size_t e = answers->example;
    bool first = true;
    ek_buf_printf(out, "<tr class=\"example\"><td>%zu</td><td>", e);
    ek_html_text(out, label_name(facts, p->truth[e]));
    ek_buf_puts(out, "</td><td>");
    count_answers(p, e, counts);
    for (int32_t l = 0; l < p->label_count; l++) {
        if (counts[l] > 0) {
            ek_buf_puts(out, first ? "" : ", ");
            ek_html_text(out, label_name(facts, l));
            ek_buf_printf(out, ": %u", counts[l]);
            first = false;
        }
    }
    if (p->truth[e] >= 0) {
        ek_buf_printf(out, "</td><td>%u/%zu</td>", answers->right, p->run_count);
    } else {
        ek_buf_puts(out, "</td><td>-</td>");
    }
    if (texts) {
        ek_buf_puts(out, "<td class=\"text\">");
        put_text(&texts->examples[e], out);
        ek_buf_puts(out, "</td>");
    }
    ek_buf_puts(out, "</tr>\n");
}

static void put_table(const ek_findings *findings, const ek_stored_predictions *p,
                      const struct answers *all, uint32_t *counts, const ek_split *texts,
                      const char *group, ek_buf *out)
{
    ek__page_scroll_open(out, group);
    ek_buf_puts(out, "<table class=\"examples\">\n<thead><tr><th scope=\"col\">example</th><th "
                     "scope=\"col\">truth</th><th scope=\"col\">answers of the runs</th><th "
                     "scope=\"col\">right</th>");
    ek_buf_puts(out, texts ? "<th scope=\"col\">text</th></tr></thead>\n<tbody>\n"
                           : "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < SHOWN && i < p->example_count && all[i].apart > 0; i++) {
        put_example(findings, p, &all[i], counts, texts, out);
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
}

/* What the runs of a group say together; runs is 0 where there is nothing to compare. */
struct dispute {
    size_t runs, flipping, wrong;
    ek_disagreement numbers;
};

/* The examples that no run has right: wrong labels are often among them. */
static void put_wrong(const ek_group_disagreement *d, ek_buf *out)
{
    if (d->wrong_count == 0) {
        return;
    }
    ek_buf_printf(out, "<p class=\"notes\">No run is right on %zu example%s:", d->wrong_count,
                  d->wrong_count == 1 ? "" : "s");
    for (size_t i = 0; i < d->wrong_count && i < WRONG_MOST; i++) {
        ek_buf_printf(out, "%s %zu", i ? "," : "", d->wrong[i]);
    }
    ek_buf_puts(out, d->wrong_count > WRONG_MOST ? ", ...</p>\n" : ".</p>\n");
}

static void put_group(const ek_findings *findings, const ek_stored_predictions *p,
                      struct answers *all, uint32_t *counts, const ek_split *texts,
                      const char *group, ek_buf *out)
{
    size_t disputed = 0;
    for (size_t e = 0; e < p->example_count; e++) {
        all[e] = answers_of(p, e, counts);
        disputed += all[e].apart > 0;
    }
    qsort(all, p->example_count, sizeof *all, by_dispute);
    ek_buf_puts(out, "<h3>");
    ek_html_text(out, group);
    if (disputed == 0) {
        ek_buf_printf(out, ": all %zu runs give the same answers</h3>\n", p->run_count);
        return;
    }
    ek_buf_printf(out, ": %zu of %zu examples are disputed</h3>\n", disputed, p->example_count);
    if (disputed > SHOWN) {
        ek_buf_printf(out, "<p class=\"notes\">The %d that divide the %zu runs most:</p>\n", SHOWN,
                      p->run_count);
    }
    put_table(findings, p, all, counts, texts, group, out);
}

static ek_status put_one(const ek_findings *findings, ek_store *store, size_t g,
                         const ek_split *texts, struct dispute *dispute, ek_buf *out, ek_error *err)
{
    const char *group = findings->table.rows[g].group;
    ek_group_disagreement d;
    EK_TRY(ek_group_disagreement_load(&d, store, group, err));
    const ek_stored_predictions *p = &d.predictions;
    struct answers *all = ek_calloc(p->example_count, sizeof *all);
    uint32_t *counts = ek_calloc((size_t)(p->label_count > 0 ? p->label_count : 1), sizeof *counts);
    ek_status status = EK_OK;
    if (!all || !counts) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for the examples");
    } else if (texts && p->example_count > texts->count) {
        status = ek_error_set(err, EK_E_DATA, "the store has %zu validation examples, the data %zu",
                              p->example_count, texts->count);
    } else if (d.known) {
        *dispute = (struct dispute){p->run_count, d.flipping, d.wrong_count, d.numbers};
        put_group(findings, p, all, counts, texts, group, out);
        put_wrong(&d, out);
    }
    ek_free(all);
    ek_free(counts);
    ek_group_disagreement_free(&d);
    return status;
}

/* "Two runs of devlin differ on 16.7 % of the examples, of stable on 3.1 %". */
static void put_title(const ek_findings *findings, const struct dispute *disputes, ek_buf *out)
{
    size_t said = 0, known = 0;
    for (size_t g = 0; g < findings->table.count; g++) {
        known += disputes[g].runs > 0;
    }
    for (size_t g = 0; g < findings->table.count && known <= TITLE_MOST; g++) {
        if (disputes[g].runs > 0) {
            ek_buf_puts(out, said++ == 0 ? "Two runs of " : ", of ");
            ek_html_text(out, findings->table.rows[g].group);
            ek_buf_printf(out, said == 1 ? " differ on %.1f %% of the examples" : " on %.1f %%",
                          100 * disputes[g].numbers.churn);
        }
    }
    if (said == 0) {
        ek_buf_puts(out, "Examples on which the runs disagree");
    }
}

static void put_number(double value, double scale, int decimals, ek_buf *out)
{
    if (isnan(value)) {
        ek_buf_puts(out, "<td>-</td>");
    } else {
        ek_buf_printf(out, "<td>%.*f</td>", decimals, scale * value);
    }
}

static void put_disputes(const ek_findings *findings, const struct dispute *disputes, ek_buf *out)
{
    ek__page_scroll_open(out, "How much the runs of each group differ");
    ek_buf_puts(out,
                "<table class=\"numbers disputes\">\n<thead><tr><th scope=\"col\">group</th><th "
                "scope=\"col\">runs</th><th scope=\"col\">churn (%)</th><th scope=\"col\">"
                "Fleiss kappa</th><th scope=\"col\">JSD (nats)</th><th scope=\"col\">S<sub>pp"
                "</sub></th><th scope=\"col\">Var of accuracy (points²)</th><th scope=\"col\">of "
                "which beyond the examples</th><th scope=\"col\">flipping</th><th scope=\"col\">"
                "always wrong</th></tr></thead>\n"
                "<tbody>\n");
    for (size_t g = 0; g < findings->table.count; g++) {
        const ek_disagreement *d = &disputes[g].numbers;
        if (disputes[g].runs == 0) {
            continue;
        }
        ek_buf_puts(out, "<tr><th scope=\"row\">");
        ek_html_text(out, findings->table.rows[g].group);
        ek_buf_printf(out, "</th><td>%zu</td>", disputes[g].runs);
        put_number(d->churn, 100, 1, out);
        put_number(d->fleiss_kappa, 1, 3, out);
        put_number(d->jsd, 1, 4, out);
        put_number(d->per_point, 1, 4, out);
        put_number(d->test_set_variance, 1e4, 2, out);
        put_number(d->distribution_variance, 1e4, 2, out);
        ek_buf_printf(out, "<td>%zu</td><td>%zu</td></tr>\n", disputes[g].flipping,
                      disputes[g].wrong);
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
    ek_buf_puts(
        out, "<p class=\"notes\">Churn: share of examples that two runs label differently, mean "
             "over all pairs of runs. Fleiss kappa: their agreement beyond chance. JSD: mean "
             "Jensen-Shannon divergence of their probabilities. S<sub>pp</sub>: variance of being "
             "right over runs, mean over examples. Variance of accuracy over runs, and what of it "
             "would be left with examples without end (Jordan 2024; it may come out below 0 by "
             "chance). Flipping: examples that some runs have right and some wrong.</p>\n");
}

/* Sections of all groups into body, what they say together into disputes. */
static ek_status put_groups(const ek_findings *findings, ek_store *store, const ek_split *split,
                            struct dispute *disputes, ek_buf *body, ek_error *err)
{
    for (size_t g = 0; g < findings->table.count; g++) {
        if (g == GROUPS_OPEN) {
            ek_buf_printf(body, "<details class=\"more\"><summary>%zu more groups</summary>\n",
                          findings->table.count - g);
        }
        EK_TRY(put_one(findings, store, g, split, &disputes[g], body, err));
    }
    if (findings->table.count > GROUPS_OPEN) {
        ek_buf_puts(body, "</details>\n");
    }
    return EK_OK;
}

ek_status ek__page_examples(const ek_findings *findings, ek_store *store, const ek_dataset *texts,
                            ek_buf *out, ek_error *err)
{
    const ek_split *split = texts ? &texts->split[EK_SPLIT_VALIDATION] : NULL;
    struct dispute *disputes = ek_calloc(findings->table.count, sizeof *disputes);
    ek_buf body = {0};
    ek_status status = disputes ? put_groups(findings, store, split, disputes, &body, err)
                                : ek_error_set(err, EK_E_MEMORY, "no memory for the examples");
    if (status == EK_OK) {
        ek_buf_puts(out, "<section id=\"examples\" aria-labelledby=\"examples-title\">\n"
                         "<h2 id=\"examples-title\">");
        put_title(findings, disputes, out);
        ek_buf_puts(out, "</h2>\n");
    }
    if (status == EK_OK && body.length > 0) {
        put_disputes(findings, disputes, out);
        ek_buf_printf(
            out,
            "<p class=\"notes\">Examples go by their number on the %s split, from 0, as in "
            "the store. %s</p>\n",
            findings->table.facts.split,
            split ? "Texts are those of the data, whose SHA-256 was compared."
                  : "Their texts: <code>evenkeel report --include-text</code>.");
        ek_buf_append(out, ek_buf_text(&body), body.length);
    } else if (status == EK_OK) {
        ek_buf_puts(out, "<p class=\"notes\">There are none to show: it takes two finished runs of "
                         "a group, and classes.</p>\n");
    }
    ek_buf_puts(out, "</section>\n");
    out->failed = out->failed || body.failed;
    ek_buf_deinit(&body);
    ek_free(disputes);
    return status == EK_OK ? ek_buf_status(out, err) : status;
}
