#include "report/disagreement.h"

#include <string.h>

#include "base/mem.h"
#include "report/numbers.h"

enum { RESAMPLE_SEED = 1 };

static ek_prediction_matrix matrix_of(const ek_stored_predictions *p)
{
    return (ek_prediction_matrix){.runs = p->run_count,
                                  .examples = p->example_count,
                                  .label_count = (size_t)p->label_count,
                                  .labels = p->labels,
                                  .probs = p->probs,
                                  .truth = p->truth};
}

static void list_examples(ek_group_disagreement *d)
{
    const ek_stored_predictions *p = &d->predictions;
    for (size_t e = 0; e < p->example_count; e++) {
        if (p->truth[e] < 0) {
            continue;
        }
        if (d->right[e] == 0) {
            d->wrong[d->wrong_count++] = e;
        }
        d->flipping += d->right[e] > 0 && d->right[e] < p->run_count;
    }
}

ek_status ek_group_disagreement_load(ek_group_disagreement *d, ek_store *store, const char *group,
                                     ek_error *err)
{
    *d = (ek_group_disagreement){0};
    ek_stored_predictions *p = &d->predictions;
    EK_TRY(ek_store_predictions(store, group, EK_DISAGREEMENT_RUNS, p, err));
    d->right = ek_calloc(p->example_count, sizeof *d->right);
    d->wrong = ek_calloc(p->example_count, sizeof *d->wrong);
    if (!d->right || !d->wrong) {
        ek_group_disagreement_free(d);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the examples");
    }
    d->known = p->label_count > 1 && p->run_count > 1 && p->example_count > 0;
    if (d->known) {
        ek_prediction_matrix matrix = matrix_of(p);
        d->numbers = ek_disagreement_of(&matrix);
        d->accuracy = ek_multi_bootstrap_of(&matrix, RESAMPLE_SEED);
        ek_right_counts(&matrix, d->right);
        list_examples(d);
    }
    return EK_OK;
}

void ek_group_disagreement_free(ek_group_disagreement *d)
{
    ek_stored_predictions_free(&d->predictions);
    ek_free(d->right);
    ek_free(d->wrong);
    *d = (ek_group_disagreement){0};
}

static void put_number(ek_buf *out, const char *name, double value)
{
    ek_buf_printf(out, ",\"%s\":", name);
    ek_buf_json_double(out, value);
}

void ek_group_disagreement_json(const ek_group_disagreement *d, const char *group, ek_buf *out)
{
    const ek_disagreement *n = &d->numbers;
    ek_buf_puts(out, "{\"group\":");
    ek_buf_json_string(out, group, strlen(group));
    ek_buf_printf(out, ",\"runs\":%zu,\"examples\":%zu", d->predictions.run_count,
                  d->predictions.example_count);
    if (d->known) {
        put_number(out, "churn", n->churn);
        put_number(out, "fleiss_kappa", n->fleiss_kappa);
        put_number(out, "jsd", n->jsd);
        put_number(out, "per_point_stability", n->per_point);
        put_number(out, "total_stability", n->total);
        put_number(out, "distribution_variance", n->distribution_variance);
        put_number(out, "test_set_variance", n->test_set_variance);
        ek_buf_puts(out, ",\"accuracy\":");
        ek_multi_bootstrap_json(&d->accuracy, out);
        ek_buf_puts(out, ",\"always_wrong\":[");
        for (size_t i = 0; i < d->wrong_count; i++) {
            ek_buf_printf(out, "%s%zu", i ? "," : "", d->wrong[i]);
        }
        ek_buf_printf(out, "],\"flipping\":%zu", d->flipping);
    }
    ek_buf_putc(out, '}');
}
