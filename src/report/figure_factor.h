/* figure_factor.h - the figure of Adam's bias correction (Mosbach et al. 2021, figure 6, and what
 * it does to whole recipes), as `evenkeel probe factor -o DIR` writes it: adam_factor.tsv, .gp, and
 * .svg where gnuplot is installed.
 */
#ifndef EK_REPORT_FIGURE_FACTOR_H
#define EK_REPORT_FIGURE_FACTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "probe/effective_rate.h"

enum { EK_FACTOR_RECIPES = 8 }; /* in one figure, at most */

typedef struct {
    const char *name; /* of the recipe, plain text */
    ek_effective_rate rate;
} ek_factor_recipe;

/* Makes dir. The first recipe with bias correction also gets its control drawn. *drawn: gnuplot was
 * there. EK_E_IO when a file cannot be written or gnuplot fails. */
ek_status ek_figure_adam_factor(const ek_factor_recipe *recipes, size_t count, const char *dir,
                                bool *drawn, ek_error *err);

#endif
