/* labels.h - from the words of a label column to classes or scores; used by dataset.c.
 *
 * Own files: the distinct values, sorted (numbers by value, else by bytes), are the classes; a
 * column of numbers with fractions, or of more than 20 distinct numbers, is regression unless the
 * task says otherwise.
 */
#ifndef EK_DATA_LABELS_H
#define EK_DATA_LABELS_H

#include "base/status.h"
#include "base/str.h"
#include "data/dataset.h"

enum { EK__LABEL_CLASSES_MAX = 1000 };

/* data->label_names = a copy of names (none: regression, {"score"}). */
ek_status ek__labels_set(ek_dataset *data, const char *const *names, size_t count, ek_error *err);
/* Problem and label names from a column; what was inferred is added to notes. */
ek_status ek__labels_infer(ek_dataset *data, const ek_table *table, size_t column, const char *task,
                           ek_buf *notes, ek_error *err);
/* The label or score of one row. */
ek_status ek__label_parse(const ek_dataset *data, const ek_table *table, size_t row, size_t column,
                          ek_example *example, ek_error *err);
/* At least two classes in training, and every class of validation seen there. */
ek_status ek__labels_check(const ek_dataset *data, ek_error *err);

#endif
