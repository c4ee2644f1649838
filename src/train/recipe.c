#include "train/recipe.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define FIELD(name) offsetof(ek_recipe, name)
#define RESULT      EK_OPTION_RESULT

/* The defaults are those of the recipe "stable" (Mosbach et al. 2021, section 6). */
static const ek_option rows[] = {
    {"learning_rate", "lr,peak_learning_rate", 0, EK_OPTION_DOUBLE, RESULT, FIELD(learning_rate),
     "2e-5", 0, 1e9, NULL, "Training", "LR", "peak learning rate"},
    {"num_train_epochs", "epochs", 0, EK_OPTION_DOUBLE, RESULT, FIELD(num_train_epochs), "20", 1e-6,
     1e6, NULL, "Training", "N", "passes over the training examples"},
    {"max_steps", NULL, 0, EK_OPTION_INT, RESULT, FIELD(max_steps), "0", 0, 1e9, NULL, "Training",
     "N", "optimizer steps; more than 0 overrides the epochs, also for the schedule"},
    {"batch_size", "per_device_train_batch_size,per_gpu_train_batch_size,train_batch_size", 0,
     EK_OPTION_INT, RESULT, FIELD(batch_size), "16", 1, 4096, NULL, "Training", "N",
     "examples of a micro-batch"},
    {"gradient_accumulation_steps", NULL, 0, EK_OPTION_INT, RESULT,
     FIELD(gradient_accumulation_steps), "1", 1, 4096, NULL, "Training", "N",
     "micro-batches of an optimizer step; the gradient is the mean over their examples"},
    {"max_seq_length", "max_length", 0, EK_OPTION_INT, RESULT, FIELD(max_seq_length), "128", 3,
     65536, NULL, "Training", "N", "longest example in tokens, special tokens included"},
    {"lr_scheduler", "lr_scheduler_type,learning_rate_schedule", 0, EK_OPTION_CHOICE, RESULT,
     FIELD(lr_scheduler), "linear", 0, 0, "linear,constant,cosine,polynomial", "Training", "NAME",
     "shape of the learning rate after the warm-up"},
    {"warmup_ratio", "warmup_proportion", 0, EK_OPTION_DOUBLE, RESULT, FIELD(warmup_ratio), "0.1",
     0, 1, NULL, "Training", "FRAC", "share of the steps in which the rate rises linearly from 0"},
    {"warmup_steps", NULL, 0, EK_OPTION_INT, RESULT, FIELD(warmup_steps), "0", 0, 1e9, NULL,
     "Training", "N", "the same in steps; more than 0 overrides the ratio"},
    {"warmup_rounding", NULL, 0, EK_OPTION_CHOICE, RESULT | EK_OPTION_HIDDEN,
     FIELD(warmup_rounding), "floor", 0, 0, "floor,ceil", "Training", "NAME",
     "how ratio times steps becomes whole: floor (the paper), ceil (Trainer)"},
    {"lr_power", NULL, 0, EK_OPTION_DOUBLE, RESULT, FIELD(lr_power), "1", 0, 100, NULL, "Training",
     "P", "exponent of the polynomial schedule"},
    {"lr_end", NULL, 0, EK_OPTION_DOUBLE, RESULT, FIELD(lr_end), "1e-7", 0, 1, NULL, "Training",
     "LR", "last rate of the polynomial schedule"},
    {"weight_decay", NULL, 0, EK_OPTION_DOUBLE, RESULT, FIELD(weight_decay), "0.01", 0, 10, NULL,
     "Optimizer", "X", "decoupled weight decay, none on biases and LayerNorm"},
    {"adam_beta1", "beta1", 0, EK_OPTION_DOUBLE, RESULT, FIELD(adam_beta1), "0.9", 0, 0.9999999,
     NULL, "Optimizer", "X", "decay of the first moment"},
    {"adam_beta2", "beta2", 0, EK_OPTION_DOUBLE, RESULT, FIELD(adam_beta2), "0.999", 0, 0.9999999,
     NULL, "Optimizer", "X", "decay of the second moment"},
    {"adam_epsilon", "adam_eps", 0, EK_OPTION_DOUBLE, RESULT, FIELD(adam_epsilon), "1e-6", 1e-30, 1,
     NULL, "Optimizer", "X", "added to the root of the second moment"},
    {"adam_variant", NULL, 0, EK_OPTION_CHOICE, RESULT, FIELD(adam_variant), "mosbach", 0, 0,
     "mosbach,torch", "Optimizer", "NAME",
     "where epsilon goes and when decay comes: the paper's AdamW, or torch.optim.AdamW"},
    {"bias_correction", "correct_bias", 0, EK_OPTION_FLAG, RESULT, FIELD(bias_correction), "true",
     0, 0, NULL, "Optimizer", NULL, "Adam's bias correction"},
    {"max_grad_norm", NULL, 0, EK_OPTION_DOUBLE, RESULT, FIELD(max_grad_norm), "1", 0, 1e30, NULL,
     "Optimizer", "X", "the gradient's global norm is clipped to it; 0: no clipping"},
    {"dropout", NULL, 0, EK_OPTION_DOUBLE, RESULT, FIELD(dropout), NULL, 0, 0.999, NULL, "Training",
     "P", "every dropout of the model; unset: what its config.json says"},
    {"precision", NULL, 0, EK_OPTION_CHOICE, RESULT, FIELD(precision), "fp32", 0, 0, "fp32,bf16",
     "Training", "NAME",
     "of the encoder's linear layers; bf16 keeps fp32 weights, attention, head and optimizer"},
    {"segment_ids", NULL, 0, EK_OPTION_CHOICE, RESULT, FIELD(segment_ids), "hf", 0, 0, "hf,paper",
     "Training", "MODE", "hf: 0 and 1 for the two texts of a pair; paper: all 0, as its code does"},
    {"truncation", NULL, 0, EK_OPTION_CHOICE, RESULT, FIELD(truncation), "fast", 0, 0, "fast,slow",
     "Training", "RULE", "how long pairs are cut: the fast tokenizers' rule or the slow"},
    {"train_examples", "max_train_samples", 0, EK_OPTION_INT, RESULT, FIELD(train_examples), "0", 0,
     1e9, NULL, "Training", "N", "train on a random subset of N examples (subset seed); 0: all"},
    {"logging_steps", NULL, 0, EK_OPTION_INT, 0, FIELD(logging_steps), "10", 0, 1e9, NULL,
     "Logging", "N", "log loss, rate and gradient norm every N steps; 0: never"},
    {"eval_steps", NULL, 0, EK_OPTION_INT, RESULT, FIELD(eval_steps), "-1", -1, 1e9, NULL,
     "Logging", "N", "evaluate every N steps; 0: at the end only; -1: after every epoch"},
    {"report_checkpoint", NULL, 0, EK_OPTION_CHOICE, RESULT, FIELD(report_checkpoint), "last", 0, 0,
     "last,best", "Training", "WHICH",
     "the evaluation that is a run's score: the last, or the best (optimistic: it was chosen)"},
    {"keep_head", NULL, 0, EK_OPTION_FLAG, RESULT, FIELD(keep_head), "false", 0, 0, NULL,
     "Training", NULL, "start from the checkpoint's own classifier"},
    {"shuffle", NULL, 0, EK_OPTION_FLAG, RESULT, FIELD(shuffle), "true", 0, 0, NULL, "Training",
     NULL, "a new order of the examples every epoch (order seed); false: file order"},
    {"log_gradients", NULL, 0, EK_OPTION_FLAG, 0, FIELD(log_gradients), "false", 0, 0, NULL,
     "Logging", NULL,
     "log of every tensor the gradient's norm before clipping and the size of the update, and how "
     "far pooler and output are saturated"},
    {"eval_train", NULL, 0, EK_OPTION_FLAG, 0, FIELD(eval_train), "false", 0, 0, NULL, "Logging",
     NULL, "at the end evaluate the training examples too, without dropout (train_eval_loss)"},
};
const ek_option_table ek_recipe_options = {rows, sizeof rows / sizeof *rows};

static const ek_recipe_row recipes[] = {
    {"stable", "num_train_epochs=20 bias_correction=true",
     "the paper's baseline: 20 epochs, bias correction, 2e-5, 10 % warm-up"},
    {"devlin", "num_train_epochs=3 bias_correction=false",
     "Devlin et al. 2019 as commonly run: 3 epochs, no bias correction"},
    {"hf",
     "learning_rate=5e-5 num_train_epochs=3 batch_size=8 warmup_ratio=0 warmup_rounding=ceil "
     "weight_decay=0 adam_epsilon=1e-8 adam_variant=torch bias_correction=true",
     "the defaults of transformers' Trainer"},
};

const ek_recipe_row *ek_recipe_table(size_t *count)
{
    *count = sizeof recipes / sizeof *recipes;
    return recipes;
}

static ek_status find_recipe(const ek_recipe_row **out, const char *name, ek_error *err)
{
    enum { COUNT = sizeof recipes / sizeof *recipes };
    const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = recipes[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = &recipes[i];
            return EK_OK;
        }
    }
    const char *near = ek_nearest(name, names, COUNT);
    ek_buf known = {0};
    for (size_t i = 0; i < COUNT; i++) {
        ek_buf_printf(&known, "%s%s", i ? ", " : "", names[i]);
    }
    ek_error_set(err, EK_E_USAGE, "unknown recipe '%s'%s%s%s; there are: %s", name,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                 ek_buf_text(&known));
    ek_buf_deinit(&known);
    return EK_E_USAGE;
}

/* Calls each(user, key, value) for the pairs of a settings string. */
static ek_status each_setting(const char *settings,
                              ek_status (*each)(void *user, const ek_option *row, const char *value,
                                                ek_error *err),
                              void *user, ek_error *err)
{
    char text[512];
    size_t length = strlen(settings);
    if (length >= sizeof text) {
        return ek_error_set(err, EK_E_FAILED, "a built-in recipe is too long");
    }
    memcpy(text, settings, length + 1);
    char *rest = text;
    for (char *pair; (pair = strtok_r(rest, " ", &rest)) != NULL;) {
        char *equals = strchr(pair, '=');
        if (!equals) {
            return ek_error_set(err, EK_E_FAILED, "a built-in recipe holds '%s'", pair);
        }
        *equals = '\0';
        const ek_option *row = ek_option_find(&ek_recipe_options, pair);
        if (!row) {
            return ek_error_set(err, EK_E_FAILED, "a built-in recipe sets unknown '%s'", pair);
        }
        EK_TRY(each(user, row, equals + 1, err));
    }
    return EK_OK;
}

static ek_status apply_setting(void *user, const ek_option *row, const char *value, ek_error *err)
{
    return ek_option_set(row, user, value, err);
}

ek_status ek_recipe_apply(ek_recipe *recipe, const char *name, ek_error *err)
{
    const ek_recipe_row *row;
    EK_TRY(find_recipe(&row, name, err));
    return each_setting(row->settings, apply_setting, recipe, err);
}

struct visitor {
    void (*visit)(void *user, const ek_option *row);
    void *user;
};

static ek_status visit_setting(void *user, const ek_option *row, const char *value, ek_error *err)
{
    (void)value;
    (void)err;
    const struct visitor *visitor = user;
    visitor->visit(visitor->user, row);
    return EK_OK;
}

ek_status ek_recipe_visit(const char *name, void (*visit)(void *user, const ek_option *row),
                          void *user, ek_error *err)
{
    const ek_recipe_row *row;
    EK_TRY(find_recipe(&row, name, err));
    struct visitor visitor = {visit, user};
    return each_setting(row->settings, visit_setting, &visitor, err);
}

ek_status ek_recipe_check(const ek_recipe *recipe, ek_error *err)
{
    if (recipe->lr_scheduler == EK_SCHEDULE_POLYNOMIAL && recipe->lr_end > recipe->learning_rate) {
        return ek_error_set(err, EK_E_USAGE,
                            "lr_end %g is above learning_rate %g: the polynomial schedule decays",
                            recipe->lr_end, recipe->learning_rate);
    }
    if (recipe->batch_size * recipe->gradient_accumulation_steps > 1 << 20) {
        return ek_error_set(err, EK_E_USAGE,
                            "batch_size x gradient_accumulation_steps is above 2^20 examples");
    }
    if (recipe->log_gradients && recipe->logging_steps == 0) {
        return ek_error_set(err, EK_E_USAGE,
                            "log_gradients needs logging_steps of at least 1, found 0");
    }
    return EK_OK;
}
