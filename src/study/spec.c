#include "study/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "study/study_file.h"

enum { RUNS_MAX = 100000, SEEDS_MAX = 10000 };

#define FIELD(name) offsetof(ek_study_options, name)
#define RESULT      EK_OPTION_RESULT
static const ek_option rows[] = {
    {"model", "model_name_or_path,m", 0, EK_OPTION_STRING, RESULT, FIELD(model), NULL, 0, 0, NULL,
     "Model and recipe", "DIR", "folder with config.json, model.safetensors and a tokenizer"},
    {"recipe", NULL, 0, EK_OPTION_STRING, RESULT, FIELD(recipe), "stable", 0, 0, NULL,
     "Model and recipe", "A[,B]", "built-in recipes, one group each: stable, devlin, hf"},
    {"seeds", "seed", 0, EK_OPTION_STRING, RESULT, FIELD(seeds), NULL, 0, 0, NULL, "Seeds", "LIST",
     "1..25 or 1,2,5: one run each; a seed drives head, order, dropout and subset"},
    {"init_seed", "init_seeds", 0, EK_OPTION_STRING, RESULT, FIELD(init_seed), NULL, 0, 0, NULL,
     "Seeds", "LIST", "of the weight initialisation alone; lists of several kinds are multiplied"},
    {"order_seed", "order_seeds,data_seed", 0, EK_OPTION_STRING, RESULT, FIELD(order_seed), NULL, 0,
     0, NULL, "Seeds", "LIST", "of the data order (and the masks of --task mlm) alone"},
    {"dropout_seed", "dropout_seeds", 0, EK_OPTION_STRING, RESULT, FIELD(dropout_seed), NULL, 0, 0,
     NULL, "Seeds", "LIST", "of dropout alone"},
    {"subset_seed", NULL, 0, EK_OPTION_INT, RESULT, FIELD(subset_seed), "-1", -1, 4294967295.0,
     NULL, "Seeds", "N", "of the training subset (--train-examples); -1: the run's seed"},
    {"split_seed", NULL, 0, EK_OPTION_INT, RESULT, FIELD(split_seed), "1", 0, 4294967295.0, NULL,
     "Seeds", "N", "of the validation split drawn from the training file"},
    {"stop_doomed", NULL, 0, EK_OPTION_STRING, RESULT, FIELD(stop_doomed), NULL, 0, 0, NULL,
     "Seeds", "LIST",
     "1..10: learn from these seeds which runs fail, and end such runs of other seeds after 15 % "
     "(they count as failed)"},
};
const ek_option_table ek_study_option_table = {rows, sizeof rows / sizeof *rows};

/* A spec while it is built. */
struct building {
    ek_spec *spec;
    const ek_study_file *file; /* or NULL */
    const ek_settings *flags;
    ek_error *err;
    int64_t *learning; /* seeds of stop_doomed */
    size_t learning_count;
};

static ek_status at(struct building *building, const ek_setting *setting, ek_status status)
{
    if (status == EK_OK) {
        return EK_OK;
    }
    ek_error_prefix(building->err, "%s", setting->where);
    if (building->err && setting->origin != EK_ORIGIN_FLAG && status == EK_E_USAGE) {
        building->err->code = status = EK_E_DATA;
    }
    return status;
}

/* Puts a setting where its row says: study options, source, or (when recipe is given) the recipe.
 * Keys of recipes are checked and otherwise left for the arms when recipe is NULL. */
static ek_status place(struct building *building, const ek_setting *setting, ek_recipe *recipe,
                       ek_option_origin *origins)
{
    const ek_option *row = ek_option_find(&ek_recipe_options, setting->key);
    if (row) {
        if (!recipe) {
            return EK_OK;
        }
        origins[row - ek_recipe_options.rows] = setting->origin;
        return at(building, setting, ek_option_set(row, recipe, setting->value, building->err));
    }
    row = ek_option_find(&ek_study_option_table, setting->key);
    void *object = &building->spec->options;
    if (!row) {
        row = ek_option_find(&ek_source_options, setting->key);
        object = &building->spec->source;
    }
    if (!row) {
        const ek_option_table *const tables[] = {&ek_study_option_table, &ek_source_options,
                                                 &ek_recipe_options};
        return at(building, setting, ek_option_unknown(tables, 3, setting->key, building->err));
    }
    if (recipe) {
        return EK_OK; /* placed in the first pass */
    }
    return at(building, setting, ek_option_set(row, object, setting->value, building->err));
}

static ek_status place_all(struct building *building, const ek_settings *settings,
                           ek_recipe *recipe, ek_option_origin *origins)
{
    for (size_t i = 0; settings && i < settings->count; i++) {
        EK_TRY(place(building, &settings->items[i], recipe, origins));
    }
    return EK_OK;
}

/* ---- arms ------------------------------------------------------------------------------------ */

static void mark_origin(void *user, const ek_option *row)
{
    ((ek_option_origin *)user)[row - ek_recipe_options.rows] = EK_ORIGIN_RECIPE;
}

static ek_status resolve_arm(struct building *building, ek_arm *arm)
{
    ek_error *err = building->err;
    arm->origins = ek_calloc(ek_recipe_options.count, sizeof *arm->origins);
    if (!arm->origins) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a recipe");
    }
    EK_TRY(ek_option_defaults(&ek_recipe_options, &arm->recipe, err));
    EK_TRY(ek_recipe_apply(&arm->recipe, arm->recipe_name, err));
    EK_TRY(ek_recipe_visit(arm->recipe_name, mark_origin, arm->origins, err));
    if (building->file) {
        EK_TRY(place_all(building, &building->file->settings, &arm->recipe, arm->origins));
    }
    for (size_t i = 0; i < arm->settings.count; i++) {
        const ek_setting *setting = &arm->settings.items[i];
        if (!ek_option_find(&ek_recipe_options, setting->key)) {
            const ek_option_table *const table = &ek_recipe_options;
            return at(building, setting, ek_option_unknown(&table, 1, setting->key, err));
        }
        EK_TRY(place(building, setting, &arm->recipe, arm->origins));
    }
    EK_TRY(place_all(building, building->flags, &arm->recipe, arm->origins));
    ek_status status = ek_recipe_check(&arm->recipe, err);
    return status == EK_OK ? EK_OK : ek_error_prefix(err, "%s", arm->group);
}

static ek_status add_arm(struct building *building, const char *group, const char *recipe_name,
                         const ek_settings *own, const ek_settings *varied)
{
    ek_spec *spec = building->spec;
    ek_error *err = building->err;
    for (size_t i = 0; i < spec->arm_count; i++) {
        if (strcmp(spec->arms[i].group, group) == 0) {
            return ek_error_set(err, EK_E_USAGE, "the group '%s' occurs twice", group);
        }
    }
    ek_arm *grown = ek_realloc(spec->arms, spec->arm_count + 1, sizeof *grown);
    if (!grown) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a recipe");
    }
    spec->arms = grown;
    ek_arm *arm = &grown[spec->arm_count++];
    *arm = (ek_arm){.group = ek_strdup(group), .recipe_name = ek_strdup(recipe_name)};
    if (!arm->group || !arm->recipe_name) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a recipe");
    }
    const ek_settings *both[] = {own, varied};
    for (int b = 0; b < 2; b++) {
        for (size_t i = 0; both[b] && i < both[b]->count; i++) {
            const ek_setting *s = &both[b]->items[i];
            EK_TRY(ek_settings_add(&arm->settings, s->key, s->value, s->origin, s->where, err));
        }
    }
    return resolve_arm(building, arm);
}

static ek_status check_grid(struct building *building)
{
    const ek_study_file *file = building->file;
    for (size_t g = 0; file && g < file->grid_count; g++) {
        const ek_file_grid *grid = &file->grid[g];
        const ek_option *row = ek_option_find(&ek_recipe_options, grid->key);
        if (!row) {
            const ek_option_table *const table = &ek_recipe_options;
            ek_option_unknown(&table, 1, grid->key, building->err);
            ek_error_prefix(building->err, "%s, grid", grid->where);
            if (building->err) {
                building->err->code = EK_E_DATA;
            }
            return EK_E_DATA;
        }
        for (size_t i = 0; building->flags && i < building->flags->count; i++) {
            if (ek_option_find(&ek_recipe_options, building->flags->items[i].key) == row) {
                return ek_error_set(building->err, EK_E_USAGE,
                                    "%s: the study file's grid varies '%s' (%s); leave one away",
                                    building->flags->items[i].where, row->name, grid->where);
            }
        }
    }
    return EK_OK;
}

/* One arm for every point of the grid (a single one without a grid), the last key fastest. */
static ek_status add_arms(struct building *building, const char *name, const char *recipe_name,
                          const ek_settings *own)
{
    const ek_study_file *file = building->file;
    size_t points = 1, grids = file ? file->grid_count : 0;
    for (size_t g = 0; g < grids; g++) {
        points *= file->grid[g].count;
        if (points > RUNS_MAX) {
            return ek_error_set(building->err, EK_E_DATA, "the grid has more than %d points",
                                RUNS_MAX);
        }
    }
    for (size_t point = 0; point < points; point++) {
        ek_buf group = {0};
        ek_settings varied = {0};
        size_t rest = point, below = points;
        ek_status status = EK_OK;
        ek_buf_puts(&group, name);
        for (size_t g = 0; g < grids && status == EK_OK; g++) {
            const ek_file_grid *grid = &file->grid[g];
            below /= grid->count;
            const char *value = grid->values[rest / below];
            rest %= below;
            ek_buf_printf(&group, " %s=%s", grid->key, value);
            status = ek_settings_add(&varied, grid->key, value, EK_ORIGIN_ARM, grid->where,
                                     building->err);
        }
        status = status == EK_OK ? ek_buf_status(&group, building->err) : status;
        if (status == EK_OK) {
            status = add_arm(building, ek_buf_text(&group), recipe_name, own, &varied);
        }
        ek_buf_deinit(&group);
        ek_settings_free(&varied);
        EK_TRY(status);
    }
    return EK_OK;
}

static const ek_file_arm *file_arm(const ek_study_file *file, const char *name)
{
    for (size_t i = 0; file && i < file->arm_count; i++) {
        if (strcmp(file->arms[i].name, name) == 0) {
            return &file->arms[i];
        }
    }
    return NULL;
}

/* The study file's recipes; or the names of --recipe, which may also pick some of the file's. */
static ek_status build_arms(struct building *building)
{
    const ek_study_file *file = building->file;
    const ek_setting *flag = building->flags ? ek_settings_find(building->flags, "recipe") : NULL;
    if (file && file->arm_count > 0 && !flag) {
        for (size_t i = 0; i < file->arm_count; i++) {
            const ek_file_arm *arm = &file->arms[i];
            EK_TRY(add_arms(building, arm->name, arm->recipe ? arm->recipe : "stable",
                            &arm->settings));
        }
        return EK_OK;
    }
    char *names = ek_strdup(building->spec->options.recipe);
    if (!names) {
        return ek_error_set(building->err, EK_E_MEMORY, "no memory for the recipes");
    }
    ek_status status = EK_OK;
    char *rest = names;
    for (char *name; status == EK_OK && (name = strtok_r(rest, ", ", &rest)) != NULL;) {
        const ek_file_arm *arm = file_arm(file, name);
        status =
            arm ? add_arms(building, name, arm->recipe ? arm->recipe : "stable", &arm->settings)
                : add_arms(building, name, name, NULL);
    }
    ek_free(names);
    if (status == EK_OK && building->spec->arm_count == 0) {
        status = ek_error_set(building->err, EK_E_USAGE, "--recipe names no recipe");
    }
    return status;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static ek_status seed_list(struct building *building, const char *text, const char *fallback,
                           const char *what, int64_t **out, size_t *count)
{
    ek_status status =
        ek_parse_list(text ? text : fallback, 0, 4294967295, SEEDS_MAX, out, count, building->err);
    return status == EK_OK ? EK_OK : ek_error_prefix(building->err, "%s", what);
}

static bool learns(const struct building *building, uint32_t seed)
{
    for (size_t i = 0; i < building->learning_count; i++) {
        if (building->learning[i] == seed) {
            return true;
        }
    }
    return false;
}

static ek_status add_runs(struct building *building, ek_seeds seeds, uint32_t seed)
{
    ek_spec *spec = building->spec;
    seeds.split = (uint32_t)spec->options.split_seed;
    seeds.subset = spec->options.subset_seed >= 0 ? (uint32_t)spec->options.subset_seed : seed;
    if (spec->run_count + spec->arm_count > RUNS_MAX) {
        return ek_error_set(building->err, EK_E_USAGE, "a study has at most %d runs", RUNS_MAX);
    }
    ek_planned_run *grown =
        ek_realloc(spec->runs, spec->run_count + spec->arm_count, sizeof *grown);
    if (!grown) {
        return ek_error_set(building->err, EK_E_MEMORY, "no memory for the runs");
    }
    spec->runs = grown;
    for (size_t a = 0; a < spec->arm_count; a++) {
        grown[spec->run_count++] =
            (ek_planned_run){(uint32_t)a, seed, seeds, learns(building, seed)};
    }
    return EK_OK;
}

static ek_status build_runs(struct building *building)
{
    const ek_study_options *o = &building->spec->options;
    int64_t *init = NULL, *order = NULL, *dropout = NULL;
    size_t inits = 0, orders = 0, dropouts = 0;
    bool product = o->init_seed || o->order_seed || o->dropout_seed;
    if (product && o->seeds) {
        return ek_error_set(building->err, EK_E_USAGE,
                            "give either --seeds, which drives everything, or --init-seed, "
                            "--order-seed and --dropout-seed");
    }
    if (!product) {
        EK_TRY(seed_list(building, o->seeds, "1..10", "seeds", &init, &inits));
        ek_status status = EK_OK;
        for (size_t i = 0; i < inits && status == EK_OK; i++) {
            uint32_t s = (uint32_t)init[i];
            status = add_runs(building, (ek_seeds){s, s, s, s, 0}, s);
        }
        ek_free(init);
        return status;
    }
    ek_status status = seed_list(building, o->init_seed, "1", "init_seed", &init, &inits);
    if (status == EK_OK) {
        status = seed_list(building, o->order_seed, "1", "order_seed", &order, &orders);
    }
    if (status == EK_OK) {
        status = seed_list(building, o->dropout_seed, "1", "dropout_seed", &dropout, &dropouts);
    }
    for (size_t i = 0; i < inits && status == EK_OK; i++) {
        for (size_t k = 0; k < orders * dropouts && status == EK_OK; k++) {
            ek_seeds seeds = {(uint32_t)init[i], (uint32_t)order[k / dropouts],
                              (uint32_t)dropout[k % dropouts], 0, 0};
            status = add_runs(building, seeds, seeds.init);
        }
    }
    ek_free(init);
    ek_free(order);
    ek_free(dropout);
    return status;
}

static ek_status build(struct building *building)
{
    ek_spec *spec = building->spec;
    EK_TRY(ek_option_defaults(&ek_study_option_table, &spec->options, building->err));
    EK_TRY(ek_option_defaults(&ek_source_options, &spec->source, building->err));
    if (building->file) {
        EK_TRY(place_all(building, &building->file->settings, NULL, NULL));
    }
    EK_TRY(place_all(building, building->flags, NULL, NULL));
    if (!spec->options.model) {
        return ek_error_set(building->err, EK_E_USAGE,
                            "no model: give --model DIR, a folder with config.json, "
                            "model.safetensors and a tokenizer");
    }
    EK_TRY(check_grid(building));
    EK_TRY(build_arms(building));
    if (spec->options.stop_doomed) {
        EK_TRY(seed_list(building, spec->options.stop_doomed, NULL, "stop_doomed",
                         &building->learning, &building->learning_count));
    }
    EK_TRY(build_runs(building));
    spec->name =
        ek_strdup(building->file && building->file->study ? building->file->study : "study");
    return spec->name ? EK_OK : ek_error_set(building->err, EK_E_MEMORY, "no memory for a name");
}

ek_status ek_spec_build(ek_spec *spec, const char *file, const ek_settings *flags, ek_error *err)
{
    *spec = (ek_spec){0};
    ek_study_file loaded = {0};
    struct building building = {.spec = spec, .flags = flags, .err = err};
    if (file) {
        EK_TRY(ek_study_file_load(&loaded, file, err));
        building.file = &loaded;
    }
    ek_status status = build(&building);
    ek_free(building.learning);
    ek_study_file_free(&loaded);
    if (status != EK_OK) {
        ek_spec_free(spec);
    }
    return status;
}

void ek_spec_free(ek_spec *spec)
{
    for (size_t i = 0; i < spec->arm_count; i++) {
        ek_arm *arm = &spec->arms[i];
        ek_free(arm->group);
        ek_free(arm->recipe_name);
        ek_settings_free(&arm->settings);
        ek_option_release(&ek_recipe_options, &arm->recipe);
        ek_free(arm->origins);
    }
    ek_free(spec->arms);
    ek_free(spec->runs);
    ek_free(spec->name);
    ek_option_release(&ek_study_option_table, &spec->options);
    ek_option_release(&ek_source_options, &spec->source);
    *spec = (ek_spec){0};
}

/* ---- YAML ------------------------------------------------------------------------------------ */

/* JSON's strings are YAML's double-quoted ones. */
static void yaml_line(ek_buf *out, const char *indent, const char *key, const char *value)
{
    ek_buf_puts(out, indent);
    ek_buf_puts(out, key);
    ek_buf_puts(out, ": ");
    ek_buf_json_string(out, value, strlen(value));
    ek_buf_putc(out, '\n');
}

static void yaml_options(ek_buf *out, const char *indent, const ek_option_table *table,
                         const void *object, const char *except)
{
    for (size_t i = 0; i < table->count; i++) {
        ek_buf value = {0};
        if ((!except || strcmp(table->rows[i].name, except) != 0) &&
            ek_option_get(&table->rows[i], object, &value)) {
            yaml_line(out, indent, table->rows[i].name, ek_buf_text(&value));
        }
        ek_buf_deinit(&value);
    }
}

ek_status ek_spec_yaml(const ek_spec *spec, ek_buf *out, ek_error *err)
{
    yaml_line(out, "", "study", spec->name);
    yaml_options(out, "", &ek_study_option_table, &spec->options, "recipe");
    yaml_options(out, "", &ek_source_options, &spec->source, NULL);
    ek_buf_puts(out, "recipes:\n");
    for (size_t i = 0; i < spec->arm_count; i++) {
        const ek_arm *arm = &spec->arms[i];
        ek_buf_puts(out, "  ");
        ek_buf_json_string(out, arm->group, strlen(arm->group));
        ek_buf_puts(out, ":\n");
        yaml_line(out, "    ", "recipe", arm->recipe_name);
        yaml_options(out, "    ", &ek_recipe_options, &arm->recipe, NULL);
    }
    return ek_buf_status(out, err);
}
