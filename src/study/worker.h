/* worker.h - a worker process and the frames it sends; private to study.c.
 *
 * The coordinator writes the index of a planned run (and the rule that it may be stopped by, which
 * was not known when the worker was forked) to a worker's command pipe; the worker answers
 * with frames: metrics and progress as they happen, then one result or one error. A frame is a
 * type, a length and that many bytes; the reader bounds the length and checks every size inside.
 */
#ifndef EK_STUDY_WORKER_H
#define EK_STUDY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"
#include "base/str.h"
#include "study/study.h"

/* Metrics in the order they came; names are owned. */
typedef struct {
    ek_metric_row *rows;
    size_t count, capacity;
} ek_metric_list;
ek_status ek__metric_list_add(ek_metric_list *list, const char *name, int64_t step, double value);
void ek__metric_list_clear(ek_metric_list *list);

typedef struct {
    pid_t pid;           /* 0 once it is gone */
    int command, report; /* the coordinator's ends of the pipes */
    ek_buf incoming;     /* bytes of frames not yet read */
    int64_t planned;     /* run at work, -1: idle */
    bool started;        /* the worker knows of it */
    int64_t run_id;
    int64_t step, total_steps;
    double begun; /* ek_clock_seconds when it was told */
    ek_metric_list metrics;
} ek_worker;

/* What the workers of a study may use. */
typedef struct {
    int max_threads;     /* that any of them may ever get */
    bool pinned;         /* worker i stays on the i-th core for as long as it has one thread */
    atomic_int *threads; /* [workers] how many each may use now; memory shared with them. A worker
                          * looks at its number after every step */
} ek_worker_shares;

typedef enum {
    EK_FRAME_METRIC = 1,
    EK_FRAME_PROGRESS,
    EK_FRAME_LOG, /* ek_log_level in the first byte, then the message */
    EK_FRAME_RESULT,
    EK_FRAME_ERROR
} ek_frame_type;
typedef struct {
    ek_frame_type type;
    const char *bytes; /* valid until the worker's next read */
    size_t length;
} ek_frame;

/* Forks worker number index; others (count of them) are already running, and the child closes their
 * pipes. shares must outlive it. */
ek_status ek__worker_start(ek_worker *worker, const ek_worker *others, int index,
                           const ek_study_inputs *inputs, const ek_worker_shares *shares,
                           ek_error *err);
/* rule: of the run's group, or all zero. */
ek_status ek__worker_assign(ek_worker *worker, int64_t planned, const ek_doomed_rule *rule,
                            ek_error *err);
/* Reads what is there; *closed when the worker has hung up. */
ek_status ek__worker_read(ek_worker *worker, bool *closed, ek_error *err);
/* The next whole frame, false when there is none; EK_E_FAILED in *bad for an impossible one. */
bool ek__worker_frame(ek_worker *worker, ek_frame *frame, bool *bad);
/* Ends the frames handed out so far. */
void ek__worker_consumed(ek_worker *worker, const ek_frame *frame);

/* Frame contents back to what they were. */
bool ek__frame_metric(const ek_frame *frame, ek_metric_list *list);
bool ek__frame_progress(const ek_frame *frame, int64_t *step, int64_t *total);
bool ek__frame_error(const ek_frame *frame, ek_error *error);
/* predictions are allocated; count and num_labels must be those expected. */
bool ek__frame_result(const ek_frame *frame, size_t count, int32_t num_labels,
                      ek_run_result *result);

#endif
