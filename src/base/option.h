/* option.h - one row an option; everything else follows from the rows.
 *
 * A table of ek_option rows describes the fields of a struct: name, type, offset, default, range,
 * choices, help. From the same rows come the command-line parser, --help, the man page and the
 * completions (cli/), the keys of study files and the stored configuration with the origin of each
 * value (study/), and the validation with "did you mean". Tables live where their struct lives:
 * train/recipe.c (what a run does), data/source.c (what it reads), study/ and cli/ (the rest).
 *
 * Names are written with underscores (the keys of study files); the command line shows dashes and
 * accepts both. Aliases are other people's names for the same thing (run_glue.py's).
 */
#ifndef EK_BASE_OPTION_H
#define EK_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

typedef enum {
    EK_OPTION_FLAG,   /* bool, "--name" or "--name=false" */
    EK_OPTION_INT,    /* int64_t */
    EK_OPTION_DOUBLE, /* double */
    EK_OPTION_STRING, /* char *, owned by the struct, NULL when unset */
    EK_OPTION_CHOICE, /* int: index into choices */
} ek_option_type;

/* How a value came to be; later ones win. The order is the precedence. */
typedef enum {
    EK_ORIGIN_DEFAULT, /* the row's default */
    EK_ORIGIN_RECIPE,  /* the named recipe */
    EK_ORIGIN_MODEL,   /* the model's own files (config.json) */
    EK_ORIGIN_FILE,    /* the study file */
    EK_ORIGIN_ARM,     /* a recipe entry or a grid value of the study */
    EK_ORIGIN_FLAG,    /* the command line */
} ek_option_origin;
const char *ek_option_origin_name(ek_option_origin origin);

enum {
    EK_OPTION_RESULT = 1, /* changing it may change a run's result: stored, compared on resume */
    EK_OPTION_HIDDEN = 2, /* not in --help */
};

typedef struct {
    const char *name;    /* "learning_rate" */
    const char *aliases; /* "lr,peak_lr" or NULL */
    char letter;         /* 'o' for -o, or 0 */
    ek_option_type type;
    unsigned flags;
    size_t offset;        /* of the field in its struct */
    const char *standard; /* the default as text; NULL: unset (string NULL, double NaN) */
    double min, max;      /* for numbers; ignored when both are 0 */
    const char *choices;  /* "linear,constant,cosine,polynomial" for EK_OPTION_CHOICE */
    const char *group;    /* heading in --help: "Training", "Data", ... */
    const char *argument; /* "N", "FILE", "LR" in --help; NULL for a flag */
    const char *help;     /* one line, no full stop; the default is added by the printer */
} ek_option;

typedef struct {
    const ek_option *rows;
    size_t count;
} ek_option_table;

/* Sets every field of object to its default. Fields must hold no owned strings yet. */
ek_status ek_option_defaults(const ek_option_table *table, void *object, ek_error *err);
/* The row of a name or alias, dashes and underscores alike; NULL if there is none. */
const ek_option *ek_option_find(const ek_option_table *table, const char *name);
/* Parses text into the row's field. Errors: EK_E_USAGE with name, text, and what is allowed. */
ek_status ek_option_set(const ek_option *row, void *object, const char *text, ek_error *err);
/* The field as text that ek_option_set reads back to the same value; false when unset. */
bool ek_option_get(const ek_option *row, const void *object, ek_buf *out);
/* Frees owned strings and sets them to NULL. */
void ek_option_release(const ek_option_table *table, void *object);
/* Copies all fields (strings duplicated) from one struct to another that holds no owned strings. */
ek_status ek_option_copy(const ek_option_table *table, void *to, const void *from, ek_error *err);
/* "unknown option --lerning-rate; did you mean --learning-rate?": EK_E_USAGE, over several tables.
 */
ek_status ek_option_unknown(const ek_option_table *const *tables, size_t table_count,
                            const char *name, ek_error *err);

#endif
