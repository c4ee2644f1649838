/* What the tests of whole models share: lines of golden numbers, and tensors held against them. */
#ifndef EK_TEST_GOLDEN_MODEL_H
#define EK_TEST_GOLDEN_MODEL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/params.h"

static int numbers_of(char *text, double *out, int max)
{
    int count = 0;
    char *end;
    for (double value = strtod(text, &end); end != text && count < max;
         value = strtod(text, &end)) {
        out[count++] = value;
        text = end;
    }
    return count;
}

/* Relative to the largest of the expected values: small ones are differences of large ones. */
static void check_close(const char *what, const float *found, const double *expected, int count,
                        double tolerance)
{
    double largest = 0, worst = 0;
    for (int i = 0; i < count; i++) {
        largest = fmax(largest, fabs(expected[i]));
        worst = fmax(worst, fabs((double)found[i] - expected[i]));
    }
    if (!(worst <= tolerance * largest)) {
        fail_msg("%s: error %g of %g, allowed %g relative", what, worst, largest, tolerance);
    }
}

/* "grad NAME norm v0 v1 ...": the tensor's norm, and values at every count/8-th element. */
static void check_gradient(const ek_params *params, const float *gradients, const char *line,
                           double tolerance)
{
    char name[96];
    double expected[9];
    int used = 0;
    assert_int_equal(sscanf(line, "grad %95s %n", name, &used), 1);
    int values = numbers_of((char *)(uintptr_t)line + used, expected, 9) - 1;
    int64_t index = ek_params_find(params, name);
    assert_true(index >= 0 && values > 0);
    const ek_param *row = &params->rows[index];
    const float *gradient = gradients + row->offset;
    double squares = 0, difference = 0;
    for (size_t i = 0; i < row->count; i++) {
        squares += (double)gradient[i] * (double)gradient[i];
    }
    size_t stride = row->count / 8 > 1 ? row->count / 8 : 1;
    for (int i = 0; i < values; i++) {
        difference = fmax(difference, fabs((double)gradient[(size_t)i * stride] - expected[i + 1]));
    }
    /* The key's bias has no gradient in exact arithmetic (softmax ignores a shift), so what is
     * there is rounding: tensors are compared with the size of their neighbours' gradients. */
    double scale = fmax(expected[0], 1e-4);
    if (fabs(sqrt(squares) - expected[0]) > tolerance * scale || difference > tolerance * scale) {
        fail_msg("%s: norm %g, expected %g; largest difference %g", name, sqrt(squares),
                 expected[0], difference);
    }
}

#endif
