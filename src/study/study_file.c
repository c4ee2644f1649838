#include "study/study_file.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/file.h"
#include "base/mem.h"

enum { FILE_BYTES_MAX = 1 << 20, ITEMS_MAX = 10000, ARMS_MAX = 1000 };

struct reading {
    ek_study_file *file;
    yaml_document_t *document;
    ek_error *err;
};

#define BAD(node, format, ...)                                                                     \
    ek_error_set(reading->err, EK_E_DATA, "%s, line %zu: " format, reading->file->path,            \
                 (node)->start_mark.line + 1, __VA_ARGS__)

static ek_status no_memory(struct reading *reading)
{
    return ek_error_set(reading->err, EK_E_MEMORY, "no memory for the study file");
}

static yaml_node_t *node_of(struct reading *reading, int index)
{
    return yaml_document_get_node(reading->document, index);
}

/* The text of a scalar, borrowed. */
static ek_status scalar(struct reading *reading, const yaml_node_t *node, const char *what,
                        const char **out)
{
    if (node->type != YAML_SCALAR_NODE) {
        return BAD(node, "'%.60s' must be a single value", what);
    }
    *out = (const char *)node->data.scalar.value;
    if (strlen(*out) != node->data.scalar.length) {
        return BAD(node, "'%.60s' holds a NUL character", what);
    }
    return EK_OK;
}

/* Calls each for the pairs of a mapping, whose keys must be distinct scalars. */
static ek_status each_pair(struct reading *reading, const yaml_node_t *map, const char *what,
                           ek_status (*each)(struct reading *reading, void *user, const char *key,
                                             const yaml_node_t *key_node, yaml_node_t *value),
                           void *user)
{
    if (map->type != YAML_MAPPING_NODE) {
        return BAD(map, "'%.60s' must be a mapping of keys to values", what);
    }
    const yaml_node_pair_t *start = map->data.mapping.pairs.start;
    const yaml_node_pair_t *top = map->data.mapping.pairs.top;
    if (top - start > ITEMS_MAX) {
        return BAD(map, "'%.60s' has more than %d keys", what, ITEMS_MAX);
    }
    for (const yaml_node_pair_t *pair = start; pair < top; pair++) {
        const yaml_node_t *key_node = node_of(reading, pair->key);
        const char *key, *other;
        EK_TRY(scalar(reading, key_node, what, &key));
        for (const yaml_node_pair_t *before = start; before < pair; before++) {
            EK_TRY(scalar(reading, node_of(reading, before->key), what, &other));
            if (strcmp(key, other) == 0) {
                return BAD(key_node, "the key '%.60s' occurs twice", key);
            }
        }
        EK_TRY(each(reading, user, key, key_node, node_of(reading, pair->value)));
    }
    return EK_OK;
}

static ek_status add_setting(struct reading *reading, ek_settings *settings, const char *key,
                             const char *value, ek_option_origin origin, const yaml_node_t *node)
{
    char where[300];
    snprintf(where, sizeof where, "%.200s, line %zu", reading->file->path,
             node->start_mark.line + 1);
    return ek_settings_add(settings, key, value, origin, where, reading->err);
}

/* A scalar, or a sequence of scalars joined by commas. */
static ek_status list_text(struct reading *reading, const yaml_node_t *node, const char *what,
                           ek_buf *out)
{
    const char *text;
    if (node->type == YAML_SCALAR_NODE) {
        EK_TRY(scalar(reading, node, what, &text));
        ek_buf_puts(out, text);
        return ek_buf_status(out, reading->err);
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return BAD(node, "'%.60s' must be a value or a list", what);
    }
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        EK_TRY(scalar(reading, node_of(reading, *item), what, &text));
        ek_buf_printf(out, "%s%s", out->length ? "," : "", text);
    }
    return ek_buf_status(out, reading->err);
}

static ek_status add_list(struct reading *reading, const char *key, const yaml_node_t *node)
{
    ek_buf text = {0};
    ek_status status = list_text(reading, node, key, &text);
    if (status == EK_OK) {
        status = add_setting(reading, &reading->file->settings, key, ek_buf_text(&text),
                             EK_ORIGIN_FILE, node);
    }
    ek_buf_deinit(&text);
    return status;
}

/* seeds: {init: 1..5, order: 1..5} */
static ek_status seed_part(struct reading *reading, void *user, const char *key,
                           const yaml_node_t *key_node, yaml_node_t *value)
{
    static const char *const parts[] = {"init", "order", "dropout"};
    (void)user;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(parts[i], key) == 0) {
            char name[32];
            snprintf(name, sizeof name, "%s_seed", key);
            return add_list(reading, name, value);
        }
    }
    return BAD(key_node, "unknown seed '%.60s'; there are: init, order, dropout", key);
}

static ek_status add_arm(struct reading *reading, const char *name, const char *recipe,
                         const yaml_node_t *node, ek_file_arm **out)
{
    ek_study_file *file = reading->file;
    if (file->arm_count == ARMS_MAX) {
        return BAD(node, "more than %d recipes", ARMS_MAX);
    }
    ek_file_arm *grown = ek_realloc(file->arms, file->arm_count + 1, sizeof *grown);
    if (!grown) {
        return no_memory(reading);
    }
    file->arms = grown;
    ek_file_arm *arm = &grown[file->arm_count++];
    *arm = (ek_file_arm){.name = ek_strdup(name), .recipe = recipe ? ek_strdup(recipe) : NULL};
    *out = arm;
    return arm->name && (!recipe || arm->recipe) ? EK_OK : no_memory(reading);
}

static ek_status arm_key(struct reading *reading, void *user, const char *key,
                         const yaml_node_t *key_node, yaml_node_t *value)
{
    ek_file_arm *arm = user;
    const char *text;
    EK_TRY(scalar(reading, value, key, &text));
    if (strcmp(key, "recipe") == 0) {
        arm->recipe = ek_strdup(text);
        return arm->recipe ? EK_OK : no_memory(reading);
    }
    return add_setting(reading, &arm->settings, key, text, EK_ORIGIN_ARM, key_node);
}

static ek_status recipe_entry(struct reading *reading, void *user, const char *key,
                              const yaml_node_t *key_node, yaml_node_t *value)
{
    ek_file_arm *arm;
    (void)user;
    EK_TRY(add_arm(reading, key, NULL, key_node, &arm));
    return each_pair(reading, value, key, arm_key, arm);
}

/* recipes: {name: {recipe: .., key: ..}}, or [devlin, stable], or stable */
static ek_status read_recipes(struct reading *reading, yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE) {
        return each_pair(reading, node, "recipes", recipe_entry, NULL);
    }
    const char *text;
    ek_file_arm *arm;
    if (node->type == YAML_SCALAR_NODE) {
        EK_TRY(scalar(reading, node, "recipes", &text));
        return add_arm(reading, text, text, node, &arm);
    }
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        EK_TRY(scalar(reading, node_of(reading, *item), "recipes", &text));
        EK_TRY(add_arm(reading, text, text, node, &arm));
    }
    return EK_OK;
}

static ek_status grid_entry(struct reading *reading, void *user, const char *key,
                            const yaml_node_t *key_node, yaml_node_t *value)
{
    ek_study_file *file = reading->file;
    (void)user;
    if (value->type != YAML_SEQUENCE_NODE ||
        value->data.sequence.items.top == value->data.sequence.items.start) {
        return BAD(key_node, "grid: '%.60s' must be a list of values", key);
    }
    ek_file_grid *grown = ek_realloc(file->grid, file->grid_count + 1, sizeof *grown);
    if (!grown) {
        return no_memory(reading);
    }
    file->grid = grown;
    ek_file_grid *grid = &grown[file->grid_count++];
    size_t count = (size_t)(value->data.sequence.items.top - value->data.sequence.items.start);
    char where[300];
    snprintf(where, sizeof where, "%.200s, line %zu", file->path, key_node->start_mark.line + 1);
    *grid = (ek_file_grid){.key = ek_strdup(key),
                           .where = ek_strdup(where),
                           .values = ek_calloc(count, sizeof *grid->values)};
    if (!grid->key || !grid->where || !grid->values) {
        return no_memory(reading);
    }
    for (size_t i = 0; i < count; i++) {
        const char *text;
        EK_TRY(scalar(reading, node_of(reading, value->data.sequence.items.start[i]), key, &text));
        grid->values[i] = ek_strdup(text);
        if (!grid->values[i]) {
            return no_memory(reading);
        }
        grid->count++;
    }
    return EK_OK;
}

static ek_status top_key(struct reading *reading, void *user, const char *key,
                         const yaml_node_t *key_node, yaml_node_t *value)
{
    (void)user;
    const char *text;
    if (strcmp(key, "recipes") == 0) {
        return read_recipes(reading, value);
    }
    if (strcmp(key, "grid") == 0) {
        return each_pair(reading, value, "grid", grid_entry, NULL);
    }
    if (strcmp(key, "seeds") == 0 && value->type == YAML_MAPPING_NODE) {
        return each_pair(reading, value, "seeds", seed_part, NULL);
    }
    if (strcmp(key, "seeds") == 0 || strcmp(key, "stop_doomed") == 0) {
        return add_list(reading, key, value);
    }
    EK_TRY(scalar(reading, value, key, &text));
    if (strcmp(key, "study") == 0) {
        reading->file->study = ek_strdup(text);
        return reading->file->study ? EK_OK : no_memory(reading);
    }
    return add_setting(reading, &reading->file->settings, key, text, EK_ORIGIN_FILE, key_node);
}

/* Aliases would let a small file unfold into a large one; nothing here needs them. */
static ek_status refuse_aliases(const char *path, const char *text, size_t length, ek_error *err)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser)) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the study file");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    ek_status status = EK_OK;
    for (bool done = false; !done && status == EK_OK;) {
        if (!yaml_parser_parse(&parser, &event)) {
            status =
                ek_error_set(err, EK_E_DATA, "%s, line %zu: %s", path, parser.problem_mark.line + 1,
                             parser.problem ? parser.problem : "not valid YAML");
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_ALIAS_EVENT) {
            status = ek_error_set(err, EK_E_DATA, "%s, line %zu: aliases (*name) are not supported",
                                  path, event.start_mark.line + 1);
        }
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

static ek_status read_document(ek_study_file *file, const char *text, size_t length, ek_error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    EK_TRY(refuse_aliases(file->path, text, length, err));
    if (!yaml_parser_initialize(&parser)) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the study file");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    ek_status status;
    if (!yaml_parser_load(&parser, &document)) {
        status = ek_error_set(err, EK_E_DATA, "%s, line %zu: %s", file->path,
                              parser.problem_mark.line + 1,
                              parser.problem ? parser.problem : "not valid YAML");
    } else {
        struct reading reading = {file, &document, err};
        yaml_node_t *root = yaml_document_get_root_node(&document);
        status = root ? each_pair(&reading, root, "the study file", top_key, NULL)
                      : ek_error_set(err, EK_E_DATA, "%s is empty", file->path);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status;
}

ek_status ek_study_file_parse(ek_study_file *file, const char *path, const char *text,
                              size_t length, ek_error *err)
{
    *file = (ek_study_file){.path = ek_strdup(path)};
    ek_status status = file->path ? read_document(file, text, length, err)
                                  : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status != EK_OK) {
        ek_study_file_free(file);
    }
    return status;
}

ek_status ek_study_file_load(ek_study_file *file, const char *path, ek_error *err)
{
    *file = (ek_study_file){0};
    ek_buf text = {0};
    ek_status status = ek_file_read(path, FILE_BYTES_MAX, &text, err);
    if (status == EK_E_IO && err) {
        status = err->code = EK_E_DATA;
    }
    if (status == EK_OK) {
        status = ek_study_file_parse(file, path, ek_buf_text(&text), text.length, err);
    }
    ek_buf_deinit(&text);
    return status;
}

void ek_study_file_free(ek_study_file *file)
{
    for (size_t i = 0; i < file->arm_count; i++) {
        ek_free(file->arms[i].name);
        ek_free(file->arms[i].recipe);
        ek_settings_free(&file->arms[i].settings);
    }
    for (size_t i = 0; i < file->grid_count; i++) {
        for (size_t v = 0; v < file->grid[i].count; v++) {
            ek_free(file->grid[i].values[v]);
        }
        ek_free(file->grid[i].values);
        ek_free(file->grid[i].key);
        ek_free(file->grid[i].where);
    }
    ek_free(file->arms);
    ek_free(file->grid);
    ek_free(file->path);
    ek_free(file->study);
    ek_settings_free(&file->settings);
    *file = (ek_study_file){0};
}
