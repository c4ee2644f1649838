/* probe factor: what Adam's bias correction does to the learning rate of a recipe, and the control
 * that has its smaller rate without its shape. Trains nothing. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/probe.h"
#include "cli/progress.h"
#include "report/figure_factor.h"

enum { ROWS = 40, STEPS = 468 /* of RTE in 3 epochs */ };

typedef struct {
    ek_factor_recipe items[EK_FACTOR_RECIPES];
    size_t count;
} recipes;

static ek_status resolve(const ek_cli *cli, const char *name, ek_effective_rate *out, ek_error *err)
{
    ek_recipe recipe;
    EK_TRY(ek_option_defaults(&ek_recipe_options, &recipe, err));
    EK_TRY(ek_recipe_apply(&recipe, name, err));
    for (size_t i = 0; i < cli->settings.count; i++) {
        const ek_setting *setting = &cli->settings.items[i];
        const ek_option *row = ek_option_find(&ek_recipe_options, setting->key);
        if (row) {
            EK_TRY(ek_option_set(row, &recipe, setting->value, err));
        }
    }
    if (recipe.max_steps == 0 && recipe.train_examples == 0) {
        recipe.max_steps = STEPS;
    }
    EK_TRY(ek_recipe_check(&recipe, err));
    return ek_effective_rate_init(out, &recipe, recipe.train_examples, err);
}

/* names is cut up; the recipes' names point into it. */
static ek_status resolve_all(const ek_cli *cli, char *names, recipes *all, ek_error *err)
{
    char *rest = names;
    for (char *name; (name = strtok_r(rest, ", ", &rest)) != NULL;) {
        if (all->count == EK_FACTOR_RECIPES) {
            return ek_error_set(err, EK_E_USAGE, "--recipe names more than %d recipes",
                                EK_FACTOR_RECIPES);
        }
        ek_factor_recipe *item = &all->items[all->count++];
        item->name = name;
        EK_TRY(resolve(cli, name, &item->rate, err));
    }
    return all->count > 0 ? EK_OK : ek_error_set(err, EK_E_USAGE, "--recipe names no recipe");
}

/* ---- text ------------------------------------------------------------------------------------ */

/* The updates that a table shows, ascending; the last one among them. */
static size_t shown_updates(int64_t most, int64_t out[ROWS])
{
    static const int64_t first[] = {1, 2, 5, 12}, digits[] = {1, 2, 5};
    size_t count = 0;
    for (size_t i = 0; i < sizeof first / sizeof *first && first[i] < most; i++) {
        out[count++] = first[i];
    }
    int64_t power = 10;
    for (size_t i = 2; count + 1 < ROWS; i++) {
        power *= i % 3 == 0 ? 10 : 1;
        int64_t t = digits[i % 3] * power;
        if (t >= most) {
            break;
        }
        out[count++] = t;
    }
    out[count++] = most;
    return count;
}

static int64_t most_updates(const recipes *all)
{
    int64_t most = 1;
    for (size_t i = 0; i < all->count; i++) {
        int64_t total = all->items[i].rate.schedule.total_steps;
        most = total > most ? total : most;
    }
    return most;
}

/* Two recipes side by side fit any terminal. */
static void put_table(const recipes *all, size_t from, ek_buf *out)
{
    size_t end = from + 2 < all->count ? from + 2 : all->count;
    int64_t shown[ROWS];
    size_t rows = shown_updates(most_updates(all), shown);
    ek_buf_puts(out, "         ");
    for (size_t i = from; i < end; i++) {
        ek_buf_printf(out, "   %-28s", all->items[i].name);
    }
    ek_buf_puts(out, "\n   update");
    for (size_t i = from; i < end; i++) {
        ek_buf_puts(out, "   factor       rate  effective");
    }
    ek_buf_putc(out, '\n');
    for (size_t r = 0; r < rows; r++) {
        ek_buf_printf(out, " %8lld", (long long)shown[r]);
        for (size_t i = from; i < end; i++) {
            const ek_effective_rate *rate = &all->items[i].rate;
            if (shown[r] > rate->schedule.total_steps) {
                ek_buf_printf(out, "%9s%11s%11s", "-", "-", "-");
                continue;
            }
            ek_buf_printf(out, "%9.3f%11.3g%11.3g", ek_effective_rate_factor(rate, shown[r]),
                          ek_schedule_rate(&rate->schedule, shown[r] - 1),
                          ek_effective_rate_at(rate, shown[r]));
        }
        ek_buf_putc(out, '\n');
    }
    ek_buf_putc(out, '\n');
}

/* The control as a study file's recipe. */
static void put_control(const ek_factor_recipe *item, ek_buf *out)
{
    ek_buf_printf(out, "{recipe: %s, bias_correction: false, learning_rate: %.5g", item->name,
                  item->rate.control_rate);
    if (item->rate.schedule.kind == EK_SCHEDULE_POLYNOMIAL) {
        ek_buf_printf(out, ", lr_end: %.5g", item->rate.control_end);
    }
    ek_buf_putc(out, '}');
}

static void put_words(const ek_factor_recipe *item, ek_buf *out)
{
    const ek_effective_rate *rate = &item->rate;
    double share = rate->plain_area > 0 ? rate->corrected_area / rate->plain_area : 1;
    ek_buf_printf(out, " %s: %lld updates, %lld of them warm-up, %s bias correction\n", item->name,
                  (long long)rate->schedule.total_steps, (long long)rate->schedule.warmup_steps,
                  rate->corrected ? "with" : "without");
    ek_buf_printf(out,
                  "   smallest factor %.3f at update %lld: %s %.1f times "
                  "larger\n",
                  rate->least_factor, (long long)rate->least_at,
                  rate->corrected ? "without correction that update would be"
                                  : "for want of correction that update is",
                  1 / rate->least_factor);
    ek_buf_printf(out, "   highest effective rate %.3g (%.2f of the peak) at update %lld\n",
                  rate->peak, rate->schedule.peak > 0 ? rate->peak / rate->schedule.peak : 0,
                  (long long)rate->peak_at);
    if (rate->corrected) {
        ek_buf_printf(out, "   sum of effective rates %.4g, %.3f of that without correction\n",
                      rate->area, share);
    } else {
        ek_buf_printf(out,
                      "   sum of effective rates %.4g; with correction it would be %.3f of "
                      "that\n",
                      rate->area, share);
    }
    ek_buf_puts(out, "   control, the smaller rate without the correction's shape:\n     ");
    put_control(item, out);
    ek_buf_putc(out, '\n');
}

static void put_text(const recipes *all, ek_buf *out)
{
    for (size_t i = 0; i < all->count; i += 2) {
        put_table(all, i, out);
    }
    for (size_t i = 0; i < all->count; i++) {
        put_words(&all->items[i], out);
    }
}

/* ---- CSV and JSON ---------------------------------------------------------------------------- */

static void put_csv(const recipes *all, ek_buf *out)
{
    char text[3][32];
    ek_buf_puts(out, "recipe,update,factor,learning_rate,effective_rate\n");
    for (size_t i = 0; i < all->count; i++) {
        const ek_effective_rate *rate = &all->items[i].rate;
        for (int64_t t = 1; t <= rate->schedule.total_steps; t++) {
            ek_buf_csv_field(out, all->items[i].name);
            ek_buf_printf(out, ",%lld,%s,%s,%s\n", (long long)t,
                          ek_format_double(text[0], ek_effective_rate_factor(rate, t)),
                          ek_format_double(text[1], ek_schedule_rate(&rate->schedule, t - 1)),
                          ek_format_double(text[2], ek_effective_rate_at(rate, t)));
        }
    }
}

static void put_number(ek_buf *out, const char *key, double value)
{
    ek_buf_printf(out, ",\"%s\":", key);
    ek_buf_json_double(out, value);
}

static void put_json_recipe(const ek_factor_recipe *item, ek_buf *out)
{
    const ek_effective_rate *rate = &item->rate;
    int64_t shown[ROWS];
    size_t rows = shown_updates(rate->schedule.total_steps, shown);
    ek_buf_puts(out, "{\"recipe\":");
    ek_buf_json_string(out, item->name, strlen(item->name));
    ek_buf_printf(out, ",\"bias_correction\":%s,\"updates\":%lld,\"warmup_updates\":%lld",
                  rate->corrected ? "true" : "false", (long long)rate->schedule.total_steps,
                  (long long)rate->schedule.warmup_steps);
    put_number(out, "learning_rate", rate->schedule.peak);
    put_number(out, "adam_beta1", rate->beta1);
    put_number(out, "adam_beta2", rate->beta2);
    put_number(out, "least_factor", rate->least_factor);
    ek_buf_printf(out, ",\"least_factor_update\":%lld", (long long)rate->least_at);
    put_number(out, "peak", rate->peak);
    ek_buf_printf(out, ",\"peak_update\":%lld", (long long)rate->peak_at);
    put_number(out, "area", rate->area);
    put_number(out, "area_without_correction", rate->plain_area);
    put_number(out, "area_with_correction", rate->corrected_area);
    ek_buf_puts(out, ",\"control\":{\"recipe\":");
    ek_buf_json_string(out, item->name, strlen(item->name));
    ek_buf_puts(out, ",\"bias_correction\":false");
    put_number(out, "learning_rate", rate->control_rate);
    if (rate->schedule.kind == EK_SCHEDULE_POLYNOMIAL) {
        put_number(out, "lr_end", rate->control_end);
    }
    ek_buf_puts(out, "},\"rows\":[");
    for (size_t r = 0; r < rows; r++) {
        ek_buf_printf(out, "%s{\"update\":%lld", r ? "," : "", (long long)shown[r]);
        put_number(out, "factor", ek_effective_rate_factor(rate, shown[r]));
        put_number(out, "learning_rate", ek_schedule_rate(&rate->schedule, shown[r] - 1));
        put_number(out, "effective_rate", ek_effective_rate_at(rate, shown[r]));
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "]}");
}

static void put_json(const recipes *all, ek_buf *out)
{
    ek_buf_puts(out, "{\"probe\":\"factor\",\"recipes\":[");
    for (size_t i = 0; i < all->count; i++) {
        ek_buf_puts(out, i ? "," : "");
        put_json_recipe(&all->items[i], out);
    }
    ek_buf_puts(out, "]}\n");
}

static ek_status print(const ek_cli *cli, const recipes *all, ek_error *err)
{
    ek_buf out = {0};
    if (cli->json) {
        put_json(all, &out);
    } else if (cli->csv) {
        put_csv(all, &out);
    } else {
        put_text(all, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cli_probe_factor(const ek_probe_call *call, ek_error *err)
{
    ek_cli *cli = call->cli;
    const ek_setting *flag = ek_settings_find(&cli->settings, "recipe");
    char *names = ek_strdup(flag ? flag->value : "devlin,stable");
    recipes all = {.count = 0};
    bool drawn = true;
    ek_status status = names ? resolve_all(cli, names, &all, err)
                             : ek_error_set(err, EK_E_MEMORY, "no memory for the recipes");
    if (status == EK_OK) {
        status = print(cli, &all, err);
    }
    if (status == EK_OK && cli->output) {
        status = ek_figure_adam_factor(all.items, all.count, cli->output, &drawn, err);
    }
    if (status == EK_OK && !drawn) {
        ek_progress_say("gnuplot is not installed: data and script are in %s, a drawing is not "
                        "(apt-get install gnuplot-nox)",
                        cli->output);
    }
    ek_free(names);
    return status;
}
