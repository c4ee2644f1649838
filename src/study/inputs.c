/* Loading half of study.h: model, data and token sets, read once and shared by all runs. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "study/study.h"

/* Distinct token sets: arms that tokenise alike share them. */
struct token_sets {
    int64_t max_seq_length;
    int truncation, segment_ids;
    ek_token_set train, validation, validation_2;
};

struct storage {
    struct token_sets *sets; /* [count] */
    size_t count;
};

static void warn_of_drawn_head(const ek_model *model)
{
    for (size_t i = 0; i < model->params.count; i++) {
        if (!model->loaded[i]) {
            ek_warn("%s has no '%s' (of the head of masked-language modelling); it is drawn from "
                    "the init seed",
                    model->dir, model->params.rows[i].name);
        }
    }
}

static ek_status open_model(ek_study_inputs *inputs, ek_error *err)
{
    const ek_spec *spec = inputs->spec;
    bool keep_head = spec->arms[0].recipe.keep_head;
    for (size_t i = 1; i < spec->arm_count; i++) {
        if (spec->arms[i].recipe.keep_head != keep_head) {
            return ek_error_set(err, EK_E_USAGE,
                                "keep_head must be the same in all groups of a study: they share "
                                "one model");
        }
    }
    bool masked_lm = inputs->data.problem == EK_PROBLEM_MASKED_LM;
    const ek_model_options options = {.num_labels = (int32_t)inputs->data.label_count,
                                      .masked_lm = masked_lm,
                                      .keep_head = keep_head && !masked_lm,
                                      .identify = true};
    EK_TRY(ek_model_open(&inputs->model, spec->options.model, &options, err));
    if (masked_lm) {
        /* the perplexity of guessing every token alike */
        inputs->baseline = (double)inputs->model.config.vocab_size;
        warn_of_drawn_head(&inputs->model);
    }
    return ek_tokenizer_open(&inputs->tokenizer, spec->options.model, err);
}

static void warn_about(const ek_study_inputs *inputs, const struct token_sets *sets)
{
    const ek_token_set *train = &sets->train;
    if (train->truncated_count > 0) {
        ek_warn("%zu of %zu training examples are longer than max_seq_length %lld and were cut",
                train->truncated_count, train->count, (long long)sets->max_seq_length);
    }
    double unknown = (double)train->unknown_count / (double)train->token_count;
    if (unknown > 0.05) {
        ek_warn("%.1f %% of the training tokens are unknown to the tokenizer: another language, or "
                "cased text with an uncased model?",
                100 * unknown);
    }
    bool masked_lm = inputs->data.problem == EK_PROBLEM_MASKED_LM; /* lines repeat: blank ones */
    size_t duplicates = masked_lm ? 0 : ek_dataset_duplicates(&inputs->data);
    if (duplicates > 0) {
        ek_warn("%zu of %zu validation texts stand in the training data too: scores are flattered",
                duplicates, inputs->data.split[EK_SPLIT_VALIDATION].count);
    }
}

static ek_status build_sets(const ek_study_inputs *inputs, const ek_recipe *recipe,
                            struct token_sets *sets, ek_error *err)
{
    const ek_dataset *data = &inputs->data;
    const ek_model_config *config = &inputs->model.config;
    *sets = (struct token_sets){.max_seq_length = recipe->max_seq_length,
                                .truncation = recipe->truncation,
                                .segment_ids = recipe->segment_ids};
    if (data->problem == EK_PROBLEM_MASKED_LM) {
        EK_TRY(ek_token_set_build_blocks(&sets->train, inputs->tokenizer, data, EK_SPLIT_TRAIN,
                                         recipe, config, err));
        return ek_token_set_build_blocks(&sets->validation, inputs->tokenizer, data,
                                         EK_SPLIT_VALIDATION, recipe, config, err);
    }
    EK_TRY(ek_token_set_build(&sets->train, inputs->tokenizer, data, EK_SPLIT_TRAIN, recipe, config,
                              err));
    EK_TRY(ek_token_set_build(&sets->validation, inputs->tokenizer, data, EK_SPLIT_VALIDATION,
                              recipe, config, err));
    if (data->split[EK_SPLIT_VALIDATION_2].count > 0) {
        EK_TRY(ek_token_set_build(&sets->validation_2, inputs->tokenizer, data,
                                  EK_SPLIT_VALIDATION_2, recipe, config, err));
    }
    return EK_OK;
}

static ek_status tokenise(ek_study_inputs *inputs, ek_error *err)
{
    const ek_spec *spec = inputs->spec;
    struct storage *storage = ek_calloc(1, sizeof *storage);
    inputs->storage = storage;
    inputs->arm_tokens = ek_calloc(spec->arm_count, sizeof *inputs->arm_tokens);
    if (storage) {
        storage->sets = ek_calloc(spec->arm_count, sizeof *storage->sets);
    }
    if (!storage || !storage->sets || !inputs->arm_tokens) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the token sets");
    }
    for (size_t i = 0; i < spec->arm_count; i++) {
        const ek_recipe *recipe = &spec->arms[i].recipe;
        struct token_sets *sets = NULL;
        for (size_t s = 0; s < storage->count && !sets; s++) {
            struct token_sets *other = &storage->sets[s];
            if (other->max_seq_length == recipe->max_seq_length &&
                other->truncation == recipe->truncation &&
                other->segment_ids == recipe->segment_ids) {
                sets = other;
            }
        }
        if (!sets) {
            sets = &storage->sets[storage->count++];
            EK_TRY(build_sets(inputs, recipe, sets, err));
            warn_about(inputs, sets);
        }
        inputs->arm_tokens[i].train = &sets->train;
        inputs->arm_tokens[i].validation = &sets->validation;
        inputs->arm_tokens[i].validation_2 =
            sets->validation_2.count > 0 ? &sets->validation_2 : NULL;
    }
    return EK_OK;
}

static ek_status collect_facts(ek_study_inputs *inputs, ek_error *err)
{
    ek_study_facts *facts = &inputs->facts;
    const ek_dataset *data = &inputs->data;
    ek_model_identify(&inputs->model);
    memcpy(facts->model_hash, inputs->model.hash, sizeof facts->model_hash);
    memcpy(facts->data_hash, data->hash, sizeof facts->data_hash);
    bool masked_lm = data->problem == EK_PROBLEM_MASKED_LM;
    bool regression = data->problem == EK_PROBLEM_REGRESSION;
    facts->task = ek_strdup(data->task   ? data->task->name
                            : masked_lm  ? "mlm"
                            : regression ? "regression"
                                         : "classification");
    facts->reported = data->reported;
    facts->split = "validation";
    facts->baseline = inputs->baseline;
    facts->train_count = inputs->arm_tokens[0].train->count;
    facts->validation_count = inputs->arm_tokens[0].validation->count;
    facts->notes = ek_strdup(data->notes);
    facts->labels = inputs->arm_tokens[0].validation->labels;
    facts->scores = inputs->arm_tokens[0].validation->scores;
    facts->label_names = ek_calloc(data->label_count, sizeof *facts->label_names);
    bool complete = facts->task && facts->notes && facts->label_names;
    for (size_t i = 0; complete && i < data->label_count; i++) {
        facts->label_names[i] = ek_strdup(data->label_names[i]);
        facts->label_count++;
        complete = facts->label_names[i] != NULL;
    }
    return complete ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the study");
}

static ek_status load(ek_study_inputs *inputs, ek_error *err)
{
    const ek_spec *spec = inputs->spec;
    const ek_source *source = &spec->source;
    if (source->task && ek_task_is_masked_lm(source->task)) {
        if (!source->train_file || source->data) {
            return ek_error_set(err, EK_E_USAGE,
                                "--task mlm reads plain text: give --train-file, and "
                                "--validation-file if there is one; not --data");
        }
        EK_TRY(ek_dataset_load_text(&inputs->data, source->train_file, source->validation_file,
                                    source->validation_frac, err));
    } else {
        EK_TRY(ek_dataset_load(&inputs->data, source, (uint32_t)spec->options.split_seed, err));
        inputs->baseline =
            ek_dataset_baseline(&inputs->data, EK_SPLIT_VALIDATION, &inputs->majority_label);
    }
    EK_TRY(open_model(inputs, err));
    EK_TRY(tokenise(inputs, err));
    return collect_facts(inputs, err);
}

ek_status ek_study_load(ek_study_inputs *inputs, const ek_spec *spec, ek_error *err)
{
    *inputs = (ek_study_inputs){.spec = spec};
    ek_status status = load(inputs, err);
    if (status != EK_OK) {
        ek_study_unload(inputs);
    }
    return status;
}

void ek_study_unload(ek_study_inputs *inputs)
{
    struct storage *storage = inputs->storage;
    for (size_t i = 0; storage && storage->sets && i < storage->count; i++) {
        ek_token_set_free(&storage->sets[i].train);
        ek_token_set_free(&storage->sets[i].validation);
        ek_token_set_free(&storage->sets[i].validation_2);
    }
    if (storage) {
        ek_free(storage->sets);
    }
    ek_free(storage);
    ek_free(inputs->arm_tokens);
    ek_study_facts_free(&inputs->facts);
    ek_tokenizer_close(inputs->tokenizer);
    ek_model_close(&inputs->model);
    ek_dataset_free(&inputs->data);
    *inputs = (ek_study_inputs){0};
}

void ek_study_run_input(const ek_study_inputs *inputs, size_t planned, ek_run_input *input)
{
    const ek_planned_run *run = &inputs->spec->runs[planned];
    *input = (ek_run_input){
        .model = &inputs->model,
        .train = inputs->arm_tokens[run->arm].train,
        .validation = inputs->arm_tokens[run->arm].validation,
        .validation_2 = inputs->arm_tokens[run->arm].validation_2,
        .problem = inputs->data.problem,
        .metrics = inputs->data.metrics,
        .reported = inputs->data.reported,
        .baseline = inputs->baseline,
        .recipe = &inputs->spec->arms[run->arm].recipe,
        .seeds = run->seeds,
    };
}
