/* recipe.h - how a run trains: every setting, its default, and the built-in recipes.
 *
 * ek_recipe is a plain struct whose fields are the rows of ek_recipe_options (base/option.h):
 * command line, study file, stored configuration and validation all come from those rows. A
 * built-in recipe is a row of key=value pairs applied on top of the defaults:
 *
 *     ek_recipe recipe;
 *     ek_option_defaults(&ek_recipe_options, &recipe, &err);
 *     ek_recipe_apply(&recipe, "stable", &err);
 *     ... then the study file's, the arm's and the command line's settings ...
 *     ek_recipe_check(&recipe, &err);                   // what single rows cannot see
 */
#ifndef EK_TRAIN_RECIPE_H
#define EK_TRAIN_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/status.h"

typedef enum {
    EK_SCHEDULE_LINEAR,
    EK_SCHEDULE_CONSTANT,
    EK_SCHEDULE_COSINE,
    EK_SCHEDULE_POLYNOMIAL
} ek_lr_scheduler;
typedef enum { EK_SEGMENT_IDS_HF, EK_SEGMENT_IDS_PAPER } ek_segment_ids;
typedef enum { EK_CHECKPOINT_LAST, EK_CHECKPOINT_BEST } ek_report_checkpoint;
typedef enum { EK_WARMUP_FLOOR, EK_WARMUP_CEIL } ek_warmup_rounding;

typedef struct {
    double learning_rate;
    double num_train_epochs;
    int64_t max_steps; /* > 0 overrides the epochs, also for the schedule */
    int64_t batch_size;
    int64_t gradient_accumulation_steps;
    int64_t max_seq_length;
    int lr_scheduler; /* ek_lr_scheduler */
    double warmup_ratio;
    int64_t warmup_steps;    /* > 0 overrides the ratio */
    int warmup_rounding;     /* ek_warmup_rounding of ratio * steps */
    double lr_power, lr_end; /* polynomial */
    double weight_decay;
    double adam_beta1, adam_beta2, adam_epsilon;
    int adam_variant; /* ek_adamw_variant: "mosbach", "torch" */
    bool bias_correction;
    double max_grad_norm;   /* 0: no clipping */
    double dropout;         /* all of them; NaN: what config.json says */
    int precision;          /* ek_precision of the encoder's linear layers: "fp32", "bf16" */
    int segment_ids;        /* ek_segment_ids */
    int truncation;         /* ek_truncation: "fast", "slow" */
    int64_t train_examples; /* 0: all */
    int64_t logging_steps;  /* 0: never */
    int64_t eval_steps;     /* 0: none before the end; -1: after every epoch */
    int report_checkpoint;  /* ek_report_checkpoint */
    bool keep_head;
    bool shuffle;
    bool log_gradients; /* norms and updates of every tensor, activations, every logging_steps */
    bool eval_train;    /* at the end also the training examples, without dropout */
} ek_recipe;

extern const ek_option_table ek_recipe_options;

typedef struct {
    const char *name;        /* "stable" */
    const char *settings;    /* "num_train_epochs=20 bias_correction=true ..." */
    const char *description; /* one line for --help */
} ek_recipe_row;
/* stable, devlin, hf, ...; the first is the default. */
const ek_recipe_row *ek_recipe_table(size_t *count);

/* Applies a built-in recipe's settings; unknown names are EK_E_USAGE with the nearest one. */
ek_status ek_recipe_apply(ek_recipe *recipe, const char *name, ek_error *err);
/* The settings of a built-in recipe as a list, for the origin of values: calls visit for each. */
ek_status ek_recipe_visit(const char *name, void (*visit)(void *user, const ek_option *row),
                          void *user, ek_error *err);
/* Settings that contradict each other: EK_E_USAGE. */
ek_status ek_recipe_check(const ek_recipe *recipe, ek_error *err);

#endif
