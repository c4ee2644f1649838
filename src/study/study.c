#include "study/study.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "study/doomed.h"
#include "study/doomed_watch.h"
#include "study/progress_file.h"
#include "study/worker.h"

static volatile sig_atomic_t interrupted;

void ek_study_interrupt(void)
{
    interrupted = 1;
}

bool ek_study_interrupted(void)
{
    return interrupted != 0;
}

/* A study at work. */
struct work {
    const ek_study_inputs *inputs;
    const ek_study_control *control;
    ek_store *store;
    ek_worker *workers;
    int worker_count;
    ek_study_layout layout;
    ek_worker_shares shares;
    int64_t *ids;                     /* [run_count] */
    ek_run_status *states;            /* [run_count] */
    uint8_t *attempts;                /* [run_count] crashes so far */
    int64_t *steps;                   /* [run_count] steps the run will take */
    size_t next;                      /* first run that may still be queued */
    ek_doomed_rule *rules;            /* [arm_count] of stop_doomed, known once it is learned */
    size_t *learning_left;            /* [arm_count] runs that its rule waits for */
    int64_t steps_before, steps_done; /* of runs finished earlier, and in this call */
    size_t done, failed, diverged, crashed;
    double started, published;
    const char *dir;
    bool stopping;
};

enum { ATTEMPTS_MAX = 2, PUBLISH_SECONDS = 2 };

/* ---- progress -------------------------------------------------------------------------------- */

static ek_study_progress progress_of(const struct work *work)
{
    int64_t all = 0, here = work->steps_done, running = 0;
    for (size_t r = 0; r < work->inputs->spec->run_count; r++) {
        all += work->steps[r];
    }
    for (int w = 0; w < work->worker_count; w++) {
        const ek_worker *worker = &work->workers[w];
        if (worker->pid && worker->planned >= 0) {
            here += worker->step;
            running++;
        }
    }
    double seconds = ek_clock_seconds() - work->started;
    int64_t left = all - work->steps_before - here;
    return (ek_study_progress){
        .total = work->inputs->spec->run_count,
        .done = work->done,
        .failed = work->failed,
        .diverged = work->diverged,
        .crashed = work->crashed,
        .running = (size_t)running,
        .eta_seconds =
            here > 0 && seconds > 1 ? seconds * (double)left / (double)here : (double)NAN,
        .fraction = all > 0 ? (double)(all - left) / (double)all : 1,
    };
}

/* The latest value of a metric of the run at work, NaN when there is none yet. */
static double latest(const ek_metric_list *metrics, const char *name)
{
    for (size_t i = metrics->count; i-- > 0;) {
        if (strcmp(metrics->rows[i].name, name) == 0) {
            return metrics->rows[i].value;
        }
    }
    return (double)NAN;
}

static void describe_run(const struct work *work, const ek_worker *worker, ek_live_run *run)
{
    const ek_planned_run *planned = &work->inputs->spec->runs[worker->planned];
    char score[80];
    snprintf(score, sizeof score, "eval_%s", work->inputs->facts.reported);
    /* The name is borrowed: the file is written before the spec goes. */
    *run = (ek_live_run){.run = worker->run_id,
                         .group = work->inputs->spec->arms[planned->arm].group,
                         .seed = planned->seed,
                         .step = worker->step,
                         .total_steps = work->steps[worker->planned],
                         .loss = latest(&worker->metrics, "train_loss"),
                         .score = latest(&worker->metrics, score),
                         .seconds = ek_clock_seconds() - worker->begun};
}

/* For people who look on from elsewhere. That it cannot be written (a full disk) is no reason to
 * stop a study. */
static void publish(struct work *work, const ek_study_progress *progress)
{
    ek_error ignored;
    ek_live live = {.total = progress->total,
                    .done = progress->done,
                    .failed = progress->failed,
                    .crashed = progress->crashed,
                    .fraction = progress->fraction,
                    .eta_seconds = progress->eta_seconds};
    live.runs = ek_calloc((size_t)work->worker_count, sizeof *live.runs);
    if (!live.runs) {
        return;
    }
    for (int w = 0; w < work->worker_count; w++) {
        const ek_worker *worker = &work->workers[w];
        if (worker->pid && worker->planned >= 0 && worker->started) {
            describe_run(work, worker, &live.runs[live.run_count++]);
        }
    }
    ek_progress_file_write(work->dir, &live, &ignored);
    ek_free(live.runs);
}

static void tell(struct work *work, const ek_run_row *last)
{
    ek_study_progress progress = progress_of(work);
    double now = ek_clock_seconds();
    if (work->published == 0 || now - work->published >= PUBLISH_SECONDS) {
        work->published = now;
        publish(work, &progress);
    }
    progress.last = last;
    if (work->control->progress) {
        work->control->progress(work->control->user, &progress);
    }
}

static void count_outcome(struct work *work, ek_outcome outcome)
{
    work->done++;
    work->failed += outcome != EK_OUTCOME_OK;
    work->diverged += outcome == EK_OUTCOME_DIVERGED;
}

/* ---- doomed runs ----------------------------------------------------------------------------- */

/* All that a group's rule waits for is done. */
static ek_status settle_rule(struct work *work, size_t arm, ek_error *err)
{
    return ek_doomed_settle(&work->rules[arm], work->store, work->inputs->spec, arm, err);
}

static ek_status prepare_rules(struct work *work, ek_error *err)
{
    const ek_spec *spec = work->inputs->spec;
    if (!spec->options.stop_doomed) {
        return EK_OK;
    }
    for (size_t r = 0; r < spec->run_count; r++) {
        work->learning_left[spec->runs[r].arm] +=
            spec->runs[r].learns && work->states[r] != EK_RUN_DONE;
    }
    for (size_t a = 0; a < spec->arm_count; a++) {
        if (work->learning_left[a] == 0) {
            EK_TRY(settle_rule(work, a, err));
        }
    }
    return EK_OK;
}

/* A run to learn from is done. */
static ek_status count_learned(struct work *work, const ek_planned_run *run, ek_error *err)
{
    return run->learns && --work->learning_left[run->arm] == 0 ? settle_rule(work, run->arm, err)
                                                               : EK_OK;
}

static bool rule_is_missing(const struct work *work)
{
    const ek_spec *spec = work->inputs->spec;
    bool missing = false;
    for (size_t a = 0; spec->options.stop_doomed && a < spec->arm_count; a++) {
        missing = missing || !work->rules[a].known;
    }
    return missing;
}

/* The rule that a run may be stopped by; all zero: none. */
static ek_doomed_rule rule_of(const struct work *work, size_t planned)
{
    const ek_planned_run *run = &work->inputs->spec->runs[planned];
    return run->learns ? (ek_doomed_rule){0} : work->rules[run->arm];
}

/* ---- one run's end --------------------------------------------------------------------------- */

static ek_status run_finished(struct work *work, ek_worker *worker, ek_run_result *result,
                              ek_error *err)
{
    size_t planned = (size_t)worker->planned;
    const ek_planned_run *run = &work->inputs->spec->runs[planned];
    const ek_arm *arm = &work->inputs->spec->arms[run->arm];
    EK_TRY(ek_store_run_finished(work->store, worker->run_id, result, worker->metrics.rows,
                                 worker->metrics.count, err));
    work->states[planned] = EK_RUN_DONE;
    work->steps_done += work->steps[planned];
    count_outcome(work, result->outcome);
    ek_run_row row = {
        .id = worker->run_id,
        .group = arm->group,
        .recipe = arm->recipe_name,
        .seed = run->seed,
        .seeds = run->seeds,
        .status = EK_RUN_DONE,
        .outcome = result->outcome,
        .score = result->score,
        .best_score = result->best_score,
        .best_step = result->best_step,
        .total_steps = result->total_steps,
        .seconds = result->train_seconds + result->eval_seconds,
    };
    memcpy(row.weights_hash, result->weights_hash, sizeof row.weights_hash);
    worker->planned = -1;
    ek__metric_list_clear(&worker->metrics);
    tell(work, &row);
    return count_learned(work, run, err);
}

/* The run of a worker ended without a result. */
static ek_status run_lost(struct work *work, ek_worker *worker, ek_run_status state,
                          const char *reason, ek_error *err)
{
    size_t planned = (size_t)worker->planned;
    worker->planned = -1;
    ek__metric_list_clear(&worker->metrics);
    work->states[planned] = state;
    if (state == EK_RUN_CRASHED) {
        work->attempts[planned]++;
        bool again = work->attempts[planned] < ATTEMPTS_MAX;
        ek_warn("run %lld crashed (%s)%s", (long long)worker->run_id, reason,
                again ? "; it is tried once more" : "");
        if (again) {
            work->states[planned] = EK_RUN_QUEUED;
            work->next = planned < work->next ? planned : work->next;
        } else {
            work->crashed++;
        }
    }
    return ek_store_run_ended(work->store, worker->run_id, state, reason, err);
}

/* A worker's message, with the run it has. */
static bool pass_message(const ek_worker *worker, const ek_frame *frame)
{
    if (frame->length < 1 || frame->length > 1000) {
        return false;
    }
    int length = (int)frame->length - 1;
    if (frame->bytes[0] == EK_LOG_WARN || worker->planned < 0) {
        ek_log_write((ek_log_level)frame->bytes[0], "%.*s", length, frame->bytes + 1);
    } else {
        ek_log_write((ek_log_level)frame->bytes[0], "run %lld %.*s", (long long)worker->run_id,
                     length, frame->bytes + 1);
    }
    return true;
}

static ek_status take_frame(struct work *work, ek_worker *worker, const ek_frame *frame,
                            ek_error *err)
{
    const ek_study_inputs *inputs = work->inputs;
    ek_run_result result = {0};
    ek_error reported = {0};
    bool good = true;
    switch (frame->type) {
    case EK_FRAME_METRIC:
        good = ek__frame_metric(frame, &worker->metrics);
        break;
    case EK_FRAME_PROGRESS:
        good = ek__frame_progress(frame, &worker->step, &worker->total_steps);
        break;
    case EK_FRAME_LOG:
        good = pass_message(worker, frame);
        break;
    case EK_FRAME_RESULT:
        good = worker->planned >= 0 &&
               ek__frame_result(frame, inputs->data.split[EK_SPLIT_VALIDATION].count,
                                inputs->model.params.num_labels, &result);
        if (good) {
            ek_status status = run_finished(work, worker, &result, err);
            ek_run_result_free(&result);
            return status;
        }
        break;
    case EK_FRAME_ERROR:
        good = ek__frame_error(frame, &reported);
        if (good && worker->planned >= 0) {
            return run_lost(work, worker,
                            reported.code == EK_E_INTERRUPTED ? EK_RUN_INTERRUPTED : EK_RUN_CRASHED,
                            reported.message, err);
        }
        if (good) { /* it could not even start */
            return ek_error_set(err, reported.code, "%s", reported.message);
        }
        break;
    }
    return good ? EK_OK
                : ek_error_set(err, EK_E_FAILED,
                               "a worker sent what cannot be read, or there is no "
                               "memory for it");
}

/* The worker is gone: say how, and give its run back. */
static ek_status bury(struct work *work, ek_worker *worker, ek_error *err)
{
    int status = 0;
    char reason[100];
    waitpid(worker->pid, &status, 0);
    close(worker->command);
    close(worker->report);
    worker->pid = 0;
    ek_buf_deinit(&worker->incoming);
    if (worker->planned < 0) {
        return EK_OK;
    }
    if (WIFSIGNALED(status)) {
        snprintf(reason, sizeof reason, "its worker was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(reason, sizeof reason, "its worker exited with %d", WEXITSTATUS(status));
    }
    return run_lost(work, worker, work->stopping ? EK_RUN_INTERRUPTED : EK_RUN_CRASHED, reason,
                    err);
}

static ek_status listen_to(struct work *work, ek_worker *worker, ek_error *err)
{
    bool closed, bad;
    ek_frame frame;
    EK_TRY(ek__worker_read(worker, &closed, err));
    while (ek__worker_frame(worker, &frame, &bad)) {
        ek_status status = take_frame(work, worker, &frame, err);
        ek__worker_consumed(worker, &frame);
        EK_TRY(status);
    }
    if (bad) {
        kill(worker->pid, SIGKILL);
        closed = true;
    }
    return closed ? bury(work, worker, err) : EK_OK;
}

/* ---- handing out ----------------------------------------------------------------------------- */

static bool is_queued(const struct work *work, size_t planned)
{
    return work->states[planned] != EK_RUN_DONE && work->states[planned] != EK_RUN_RUNNING &&
           work->attempts[planned] < ATTEMPTS_MAX;
}

/* The next queued run that may start; run_count: none. Those that others wait for go first. */
static size_t next_run(struct work *work)
{
    const ek_spec *spec = work->inputs->spec;
    bool learning = spec->options.stop_doomed != NULL;
    while (work->next < spec->run_count && !is_queued(work, work->next)) {
        work->next++;
    }
    for (size_t r = work->next; learning && r < spec->run_count; r++) {
        if (spec->runs[r].learns && is_queued(work, r)) {
            return r;
        }
    }
    for (size_t r = work->next; r < spec->run_count; r++) {
        if (is_queued(work, r) && (!learning || work->rules[spec->runs[r].arm].known)) {
            return r;
        }
    }
    return spec->run_count;
}

/* Gives the next queued run to an idle worker, which hears of it in start_run. */
static void assign(struct work *work, ek_worker *worker)
{
    size_t planned = next_run(work);
    if (planned < work->inputs->spec->run_count) {
        worker->planned = (int64_t)planned;
        worker->started = false;
        worker->run_id = work->ids[planned];
        work->states[planned] = EK_RUN_RUNNING;
    }
}

static ek_status start_run(struct work *work, ek_worker *worker, ek_error *err)
{
    EK_TRY(ek_store_run_started(work->store, worker->run_id, err));
    ek_doomed_rule rule = rule_of(work, (size_t)worker->planned);
    ek_status status = ek__worker_assign(worker, worker->planned, &rule, err);
    /* A worker that does not listen is dead or dying: its end is noticed on the report pipe. */
    return status == EK_E_FAILED ? EK_OK : status;
}

/* The i-th of `busy` workers gets this many of the cores. */
static int share_of(int cores, int busy, int i)
{
    int share = cores / busy + (i < cores % busy);
    return share > 0 ? share : 1;
}

/* Cores to the workers that have a run; the others wait and need none. */
static void share_cores(struct work *work, int busy)
{
    int seen = 0;
    for (int w = 0; work->layout.cores > 0 && w < work->worker_count; w++) {
        if (work->workers[w].pid && work->workers[w].planned >= 0) {
            atomic_store_explicit(&work->shares.threads[w],
                                  share_of(work->layout.cores, busy, seen++), memory_order_relaxed);
        }
    }
}

static void stop_workers(struct work *work)
{
    work->stopping = true;
    for (int w = 0; w < work->worker_count; w++) {
        if (work->workers[w].pid) {
            kill(work->workers[w].pid, SIGTERM);
        }
    }
}

/* Until every run is done, or nobody is left to do one. */
static ek_status coordinate(struct work *work, ek_error *err)
{
    struct pollfd *polled = ek_calloc((size_t)work->worker_count, sizeof *polled);
    if (!polled) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the workers");
    }
    ek_status status = EK_OK;
    double told = 0;
    while (status == EK_OK) {
        int busy = 0;
        if (ek_study_interrupted() && !work->stopping) {
            stop_workers(work);
        }
        for (int w = 0; w < work->worker_count; w++) {
            ek_worker *worker = &work->workers[w];
            if (worker->pid && worker->planned < 0 && !work->stopping) {
                assign(work, worker);
            }
            bool at_work = worker->pid && worker->planned >= 0;
            busy += at_work;
            polled[w] = (struct pollfd){.fd = at_work ? worker->report : -1, .events = POLLIN};
        }
        if (busy == 0) {
            break;
        }
        share_cores(work, busy); /* before a run starts, so that it starts with its share */
        for (int w = 0; w < work->worker_count && status == EK_OK; w++) {
            if (polled[w].fd >= 0 && !work->workers[w].started) {
                status = start_run(work, &work->workers[w], err);
            }
        }
        if (status != EK_OK) {
            break;
        }
        if (poll(polled, (nfds_t)work->worker_count, 300) < 0 && errno != EINTR) {
            status = ek_error_set(err, EK_E_IO, "cannot wait for the workers: %s", strerror(errno));
        }
        for (int w = 0; w < work->worker_count && status == EK_OK; w++) {
            if (polled[w].revents) {
                status = listen_to(work, &work->workers[w], err);
            }
        }
        if (ek_clock_seconds() - told > 0.4) {
            told = ek_clock_seconds();
            tell(work, NULL);
        }
    }
    ek_free(polled);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static ek_status prepare_runs(struct work *work, ek_error *err)
{
    const ek_spec *spec = work->inputs->spec;
    for (size_t r = 0; r < spec->run_count; r++) {
        ek_run_input input;
        ek_schedule schedule;
        ek_study_run_input(work->inputs, r, &input);
        int64_t wanted = input.recipe->train_examples, count = (int64_t)input.train->count;
        EK_TRY(ek_schedule_init(&schedule, input.recipe,
                                wanted > 0 && wanted < count ? wanted : count, err));
        work->steps[r] = schedule.total_steps;
        EK_TRY(ek_store_run_id(work->store, spec, r, &work->ids[r], &work->states[r], err));
        if (work->states[r] == EK_RUN_DONE) {
            work->steps_before += work->steps[r];
        }
    }
    ek_run_row *rows;
    size_t count;
    EK_TRY(ek_store_runs(work->store, &rows, &count, err));
    for (size_t r = 0; r < spec->run_count; r++) {
        for (size_t i = 0; i < count; i++) {
            if (rows[i].id == work->ids[r] && rows[i].status == EK_RUN_DONE) {
                count_outcome(work, rows[i].outcome);
            }
        }
    }
    ek_run_rows_free(rows, count);
    return EK_OK;
}

static ek_status write_yaml(const ek_spec *spec, const char *dir, ek_error *err)
{
    ek_buf yaml = {0};
    char *path = ek_path_join(dir, "study.yaml");
    ek_status status = path ? ek_spec_yaml(spec, &yaml, err)
                            : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status == EK_OK) {
        status = ek_file_write(path, yaml.data, yaml.length, err);
    }
    ek_buf_deinit(&yaml);
    ek_free(path);
    return status;
}

/* The page of thread numbers, before the first fork: the workers see what is written to it later.
 */
static ek_status prepare_shares(struct work *work, ek_error *err)
{
    const ek_study_layout *layout = &work->layout;
    size_t bytes = (size_t)layout->workers * sizeof *work->shares.threads;
    void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to share with the workers: %s",
                            strerror(errno));
    }
    work->shares = (ek_worker_shares){
        .max_threads = layout->cores > layout->threads ? layout->cores : layout->threads,
        .pinned = layout->pinned,
        .threads = page};
    for (int w = 0; w < layout->workers; w++) {
        int threads =
            layout->cores > 0 ? share_of(layout->cores, layout->workers, w) : layout->threads;
        atomic_init(&work->shares.threads[w], threads);
    }
    return EK_OK;
}

static ek_status run_study(struct work *work, const char *dir, ek_error *err)
{
    const ek_spec *spec = work->inputs->spec;
    size_t runs = spec->run_count;
    ek_isa isa;
    EK_TRY(ek_isa_choose(&isa, err)); /* a wrong EK_ISA is said once, before anything starts */
    EK_TRY(ek_doomed_check_spec(spec, err));
    work->ids = ek_calloc(runs, sizeof *work->ids);
    work->states = ek_calloc(runs, sizeof *work->states);
    work->attempts = ek_calloc(runs, sizeof *work->attempts);
    work->steps = ek_calloc(runs, sizeof *work->steps);
    work->rules = ek_calloc(spec->arm_count, sizeof *work->rules);
    work->learning_left = ek_calloc(spec->arm_count, sizeof *work->learning_left);
    if (!work->ids || !work->states || !work->attempts || !work->steps || !work->rules ||
        !work->learning_left) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu runs", runs);
    }
    EK_TRY(prepare_shares(work, err));
    for (int w = 0; w < work->worker_count; w++) {
        EK_TRY(ek__worker_start(&work->workers[w], work->workers, w, work->inputs, &work->shares,
                                err));
    }
    EK_TRY(ek_store_open(&work->store, dir, err));
    EK_TRY(ek_store_register(work->store, spec, &work->inputs->facts, err));
    EK_TRY(write_yaml(spec, dir, err));
    EK_TRY(ek_store_environment(work->store, ek_isa_name(isa), work->worker_count,
                                work->layout.threads, err));
    EK_TRY(prepare_runs(work, err));
    EK_TRY(prepare_rules(work, err));
    work->dir = dir;
    tell(work, NULL);
    ek_status status = coordinate(work, err);
    ek_progress_file_remove(dir);
    EK_TRY(status);
    if (work->stopping) {
        return ek_error_set(err, EK_E_INTERRUPTED,
                            "interrupted with %zu of %zu runs done; the same command continues",
                            work->done, runs);
    }
    if (work->done < runs) {
        return ek_error_set(err, EK_E_UNFINISHED,
                            "%zu of %zu runs did not finish%s; the same command tries them again",
                            runs - work->done, runs,
                            rule_is_missing(work)
                                ? " (some of them wait for runs that --stop-doomed learns from)"
                                : "");
    }
    return EK_OK;
}

static void end_workers(struct work *work)
{
    for (int w = 0; work->workers && w < work->worker_count; w++) {
        ek_worker *worker = &work->workers[w];
        if (worker->pid) {
            close(worker->command); /* it reads the end of its commands and exits */
            if (worker->planned >= 0) {
                kill(worker->pid, SIGKILL);
            }
            close(worker->report);
            waitpid(worker->pid, NULL, 0);
        }
        ek_buf_deinit(&worker->incoming);
        ek__metric_list_clear(&worker->metrics);
    }
    ek_free(work->workers);
    if (work->shares.threads) {
        munmap(work->shares.threads, (size_t)work->layout.workers * sizeof *work->shares.threads);
    }
}

ek_study_layout ek_study_lay_out(size_t runs, int jobs, int threads)
{
    ek_cpu_mask mask = ek_cpu_mask_read();
    int usable = ek_cpu_count();
    bool fixed = threads > 0;
    if (jobs <= 0) {
        jobs = fixed ? usable / threads : usable;
    }
    jobs = jobs < 1 ? 1 : jobs;
    ek_study_layout layout = {.workers = (size_t)jobs > runs ? (int)runs : jobs};
    if (fixed) {
        layout.threads = threads;
    } else {
        layout.cores = jobs < usable ? jobs : usable;
        layout.threads = layout.cores > layout.workers ? layout.cores / layout.workers : 1;
    }
    /* With fewer workers than cores, or cores that a quota takes back, the system places them
     * better: two studies side by side would pin to the same first cores. */
    layout.pinned = layout.threads == 1 && layout.workers == mask.count && layout.workers == usable;
    ek_cpu_mask_free(&mask);
    return layout;
}

ek_status ek_study_run(const ek_study_inputs *inputs, const char *dir,
                       const ek_study_control *control, ek_error *err)
{
    ek_study_layout layout =
        ek_study_lay_out(inputs->spec->run_count, control->jobs, control->threads);
    int usable = ek_cpu_count();
    if (layout.workers * layout.threads > usable) {
        ek_warn("%d workers of %d thread%s share %d usable core%s: that is slower, not faster, and "
                "takes more memory",
                layout.workers, layout.threads, layout.threads == 1 ? "" : "s", usable,
                usable == 1 ? "" : "s");
    }
    struct work work = {.inputs = inputs,
                        .control = control,
                        .layout = layout,
                        .worker_count = layout.workers,
                        .started = ek_clock_seconds()};
    work.workers = ek_calloc((size_t)layout.workers, sizeof *work.workers);
    /* A worker may die while a command is written to it: that is an error, not this process's end.
     */
    struct sigaction ignore, before;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before);
    ek_status status = work.workers ? run_study(&work, dir, err)
                                    : ek_error_set(err, EK_E_MEMORY, "no memory for the workers");
    end_workers(&work);
    sigaction(SIGPIPE, &before, NULL);
    ek_store_close(work.store);
    ek_free(work.ids);
    ek_free(work.states);
    ek_free(work.attempts);
    ek_free(work.steps);
    ek_free(work.rules);
    ek_free(work.learning_left);
    return status;
}

/* ---- one run in this process ----------------------------------------------------------------- */

struct alone {
    ek_metric_list metrics;
    bool failed;
    void (*progress)(void *user, int64_t step, int64_t total);
    void *user;
};

static void keep_metric(void *user, const char *name, int64_t step, double value)
{
    struct alone *alone = user;
    alone->failed |= ek__metric_list_add(&alone->metrics, name, step, value) != EK_OK;
}

static void pass_progress(void *user, int64_t step, int64_t total)
{
    struct alone *alone = user;
    if (alone->progress) {
        alone->progress(alone->user, step, total);
    }
}

static bool stop_asked(void *user)
{
    (void)user;
    return ek_study_interrupted();
}

static ek_status run_alone(ek_study_inputs *inputs, size_t planned, ek_compute *compute,
                           bool keep_weights, int64_t id, ek_store *store, struct alone *alone,
                           ek_run_result *result, ek_error *err)
{
    const ek_planned_run *run = &inputs->spec->runs[planned];
    const ek_arm *arm = &inputs->spec->arms[run->arm];
    const ek_run_sink own = {alone, keep_metric, pass_progress, stop_asked};
    ek_run_sink sink;
    ek_run_input input;
    ek_doomed_watch watch;
    ek_study_run_input(inputs, planned, &input);
    input.keep_weights = keep_weights;
    input.weights = inputs->model.weights;
    ek__doomed_watch_begin(&watch, &arm->doomed, &own, &input, &sink);
    ek_status status = ek_run_execute(result, &input, compute, &sink, err);
    ek__doomed_watch_end(&watch);
    EK_TRY(status);
    if (store && arm->doomed.known) { /* so that this store can make the run again as well */
        status = ek_doomed_save(&arm->doomed, store, arm->group, err);
    }
    if (status != EK_OK) {
        /* the run's result goes with it */
    } else if (alone->failed) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for the metrics");
    } else if (store) {
        status = ek_store_run_finished(store, id, result, alone->metrics.rows, alone->metrics.count,
                                       err);
    }
    if (status != EK_OK) {
        ek_run_result_free(result);
    }
    return status;
}

ek_status ek_study_run_one(ek_study_inputs *inputs, size_t planned, int threads, bool keep_weights,
                           ek_store *store, ek_run_result *result,
                           void (*progress)(void *user, int64_t step, int64_t total), void *user,
                           ek_error *err)
{
    struct alone alone = {.progress = progress, .user = user};
    ek_compute *compute;
    int64_t id = 0;
    ek_run_status state;
    EK_TRY(ek_compute_new(&compute, threads, err));
    ek_status status = EK_OK;
    if (store) {
        status = ek_store_run_id(store, inputs->spec, planned, &id, &state, err);
        status = status == EK_OK ? ek_store_run_started(store, id, err) : status;
    }
    if (status == EK_OK) {
        status = run_alone(inputs, planned, compute, keep_weights, id, store, &alone, result, err);
        if (status == EK_E_INTERRUPTED && store) {
            ek_error ignored;
            ek_store_run_ended(store, id, EK_RUN_INTERRUPTED, err->message, &ignored);
        }
    }
    ek_compute_free(compute);
    ek__metric_list_clear(&alone.metrics);
    return status;
}

ek_status ek_study_find_run(const char *dir, int64_t id, ek_spec *spec, size_t *planned,
                            char stored_hash[65], ek_error *err)
{
    ek_store *store;
    ek_settings settings = {0};
    ek_run_row *rows = NULL;
    size_t count = 0;
    const char *group = NULL;
    *planned = 0; /* the settings describe exactly one run */
    stored_hash[0] = '\0';
    EK_TRY(ek_store_open_read(&store, dir, err));
    ek_status status = ek_store_run_settings(store, id, &settings, err);
    if (status == EK_OK) {
        status = ek_store_runs(store, &rows, &count, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].id == id) {
            memcpy(stored_hash, rows[i].weights_hash, 65);
            group = rows[i].group;
        }
    }
    ek_doomed_rule rule = {0};
    if (status == EK_OK && group) {
        status = ek_doomed_load(&rule, store, group, err);
    }
    ek_run_rows_free(rows, count);
    ek_store_close(store);
    if (status == EK_OK) {
        status = ek_spec_build(spec, NULL, &settings, err);
    }
    if (status == EK_OK && !spec->runs[0].learns) {
        spec->arms[0].doomed = rule;
    }
    ek_settings_free(&settings);
    return status;
}
