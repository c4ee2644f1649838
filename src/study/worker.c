#include "study/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/mem.h"
#include "study/doomed_watch.h"

enum { FRAME_BYTES_MAX = 1 << 30 };

ek_status ek__metric_list_add(ek_metric_list *list, const char *name, int64_t step, double value)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 64;
        ek_metric_row *grown = ek_realloc(list->rows, capacity, sizeof *grown);
        if (!grown) {
            return EK_E_MEMORY;
        }
        list->rows = grown;
        list->capacity = capacity;
    }
    char *copy = ek_strdup(name);
    if (!copy) {
        return EK_E_MEMORY;
    }
    list->rows[list->count++] = (ek_metric_row){copy, step, value};
    return EK_OK;
}

void ek__metric_list_clear(ek_metric_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        ek_free((char *)(uintptr_t)list->rows[i].name);
    }
    ek_free(list->rows);
    *list = (ek_metric_list){0};
}

/* ---- the worker's side ----------------------------------------------------------------------- */

struct sender {
    int fd;
};

/* A worker: where its reports go and what it computes with. */
struct self {
    struct sender sender; /* first: sink functions get either */
    ek_compute *compute;
    const atomic_int *threads; /* how many it may use; the coordinator writes it */
    ek_cpu_mask cores;         /* all that it may run on, from before it was pinned */
    bool pinned;
};

static bool write_all(int fd, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t written = write(fd, at, count);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        at += written;
        count -= (size_t)written;
    }
    return true;
}

/* A worker whose coordinator is gone has nothing left to do. */
static void send_frame(const struct sender *sender, ek_frame_type type, const void *bytes,
                       size_t length)
{
    uint32_t head[2] = {(uint32_t)type, (uint32_t)length};
    if (!write_all(sender->fd, head, sizeof head) || !write_all(sender->fd, bytes, length)) {
        _exit(1);
    }
}

struct metric_head {
    int64_t step;
    double value;
};

static void send_metric(void *user, const char *name, int64_t step, double value)
{
    char bytes[sizeof(struct metric_head) + 200];
    struct metric_head head = {step, value};
    size_t length = strnlen(name, 200);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, name, length);
    send_frame(user, EK_FRAME_METRIC, bytes, sizeof head + length);
}

/* Takes as many threads as the coordinator allows by now. They inherit the mask of this one, so the
 * pin goes before the first of them is made; it does not come back. */
static void follow_threads(struct self *self)
{
    int threads = atomic_load_explicit(self->threads, memory_order_relaxed);
    if (threads == ek_compute_threads(self->compute)) {
        return;
    }
    if (threads > 1 && self->pinned) {
        ek_cpu_mask_apply(&self->cores);
        self->pinned = false;
    }
    ek_compute_set_threads(self->compute, threads);
}

/* Between two steps. */
static void send_progress(void *user, int64_t step, int64_t total)
{
    struct self *self = user;
    int before = ek_compute_threads(self->compute);
    int64_t both[2] = {step, total};
    send_frame(&self->sender, EK_FRAME_PROGRESS, both, sizeof both);
    follow_threads(self);
    if (ek_compute_threads(self->compute) != before) {
        ek_debug("has %d threads, before %d, from step %lld of %lld on",
                 ek_compute_threads(self->compute), before, (long long)step, (long long)total);
    }
}

static bool told_to_stop(void *user)
{
    (void)user;
    return ek_study_interrupted();
}

static void send_log(void *user, ek_log_level level, const char *message)
{
    char bytes[901] = {(char)level};
    size_t length = strnlen(message, sizeof bytes - 1);
    memcpy(bytes + 1, message, length);
    send_frame(user, EK_FRAME_LOG, bytes, length + 1);
}

struct result_head {
    ek_run_result result; /* pointers inside mean nothing to the reader */
    size_t count;
    int32_t num_labels;
    bool finite;
    double loss;
};

static void send_result(const struct sender *sender, const ek_run_result *result)
{
    const ek_predictions *p = &result->predictions;
    struct result_head head;
    memset(&head, 0, sizeof head);
    head.result = *result;
    head.count = p->count;
    head.num_labels = p->num_labels;
    head.finite = p->finite;
    head.loss = p->loss;
    size_t logits = p->count * (size_t)p->num_labels * sizeof(float);
    size_t labels = p->count * sizeof(int32_t), scores = p->count * sizeof(double);
    size_t length = sizeof head + logits + labels + scores;
    char *bytes = ek_calloc(length, 1);
    if (!bytes || length > FRAME_BYTES_MAX) {
        ek_error error = {EK_E_MEMORY, "no memory to send the result"};
        send_frame(sender, EK_FRAME_ERROR, &error, sizeof error);
    } else {
        memcpy(bytes, &head, sizeof head);
        memcpy(bytes + sizeof head, p->logits, logits);
        memcpy(bytes + sizeof head + logits, p->labels, labels);
        memcpy(bytes + sizeof head + logits + labels, p->scores, scores);
        send_frame(sender, EK_FRAME_RESULT, bytes, length);
    }
    ek_free(bytes);
}

static void on_term(int number)
{
    (void)number;
    ek_study_interrupt();
}

static void prepare_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_term;
    sigaction(SIGTERM, &action, NULL);
    /* Ctrl-C reaches the whole foreground group: the coordinator decides, not each worker. */
    action.sa_handler = SIG_IGN;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = SIG_DFL;
    sigaction(SIGUSR1, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* What the coordinator writes: shorter than PIPE_BUF, so that it arrives whole. */
struct order {
    int64_t planned;
    ek_doomed_rule rule;
};
_Static_assert(sizeof(struct order) <= 512, "POSIX promises no larger PIPE_BUF");

static void serve(int command, struct self *self, const ek_study_inputs *inputs)
{
    ek_error err = {0};
    const ek_run_sink own = {self, send_metric, send_progress, told_to_stop};
    struct order order;
    while (read(command, &order, sizeof order) == (ssize_t)sizeof order) {
        ek_run_input input;
        ek_run_result result;
        ek_run_sink sink;
        ek_doomed_watch watch;
        ek_study_run_input(inputs, (size_t)order.planned, &input);
        ek__doomed_watch_begin(&watch, &order.rule, &own, &input, &sink);
        follow_threads(self);
        if (ek_compute_threads(self->compute) > 1) {
            ek_debug("starts with %d threads", ek_compute_threads(self->compute));
        }
        if (ek_run_execute(&result, &input, self->compute, &sink, &err) == EK_OK) {
            send_result(&self->sender, &result);
            ek_run_result_free(&result);
        } else {
            send_frame(&self->sender, EK_FRAME_ERROR, &err, sizeof err);
        }
        ek__doomed_watch_end(&watch);
    }
}

static _Noreturn void child(int command, int report, const ek_worker *others, int index,
                            const ek_study_inputs *inputs, const ek_worker_shares *shares,
                            pid_t parent)
{
    for (int i = 0; i < index; i++) {
        close(others[i].command);
        close(others[i].report);
    }
    prepare_signals();
    if (getppid() != parent) { /* it died between fork and prctl */
        _exit(1);
    }
    ek_error err = {0};
    struct self self = {
        .sender = {.fd = report}, .threads = &shares->threads[index], .cores = ek_cpu_mask_read()};
    self.pinned = shares->pinned && ek_cpu_pin(index);
    ek_log_set_sink(send_log, &self);
    if (ek_compute_new(&self.compute, shares->max_threads, &err) == EK_OK) {
        ek_compute_set_threads(self.compute, 1);
        serve(command, &self, inputs);
        ek_compute_free(self.compute);
    } else {
        send_frame(&self.sender, EK_FRAME_ERROR, &err, sizeof err);
    }
    ek_cpu_mask_free(&self.cores);
    _exit(0);
}

/* ---- the coordinator's side ------------------------------------------------------------------ */

ek_status ek__worker_start(ek_worker *worker, const ek_worker *others, int index,
                           const ek_study_inputs *inputs, const ek_worker_shares *shares,
                           ek_error *err)
{
    int command[2], report[2];
    *worker = (ek_worker){.planned = -1};
    if (pipe(command) != 0) {
        return ek_error_set(err, EK_E_IO, "cannot make a pipe: %s", strerror(errno));
    }
    if (pipe(report) != 0) {
        close(command[0]);
        close(command[1]);
        return ek_error_set(err, EK_E_IO, "cannot make a pipe: %s", strerror(errno));
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(command[1]);
        close(report[0]);
        child(command[0], report[1], others, index, inputs, shares, parent);
    }
    close(command[0]);
    close(report[1]);
    if (pid < 0) {
        close(command[1]);
        close(report[0]);
        return ek_error_set(err, EK_E_IO, "cannot start a worker: %s", strerror(errno));
    }
    worker->pid = pid;
    worker->command = command[1];
    worker->report = report[0];
    return EK_OK;
}

ek_status ek__worker_assign(ek_worker *worker, int64_t planned, const ek_doomed_rule *rule,
                            ek_error *err)
{
    struct order order;
    memset(&order, 0, sizeof order); /* padding goes through the pipe too */
    order.planned = planned;
    order.rule = *rule;
    worker->planned = planned;
    worker->started = true;
    worker->step = worker->total_steps = 0;
    worker->begun = ek_clock_seconds();
    return write_all(worker->command, &order, sizeof order)
               ? EK_OK
               : ek_error_set(err, EK_E_FAILED, "worker %ld does not listen", (long)worker->pid);
}

ek_status ek__worker_read(ek_worker *worker, bool *closed, ek_error *err)
{
    char bytes[65536];
    ssize_t count = read(worker->report, bytes, sizeof bytes);
    *closed = count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
    if (count > 0) {
        ek_buf_append(&worker->incoming, bytes, (size_t)count);
    }
    return ek_buf_status(&worker->incoming, err);
}

bool ek__worker_frame(ek_worker *worker, ek_frame *frame, bool *bad)
{
    uint32_t head[2];
    *bad = false;
    if (worker->incoming.length < sizeof head) {
        return false;
    }
    memcpy(head, worker->incoming.data, sizeof head);
    if (head[0] < EK_FRAME_METRIC || head[0] > EK_FRAME_ERROR || head[1] > FRAME_BYTES_MAX) {
        *bad = true;
        return false;
    }
    if (worker->incoming.length - sizeof head < head[1]) {
        return false;
    }
    *frame = (ek_frame){(ek_frame_type)head[0], worker->incoming.data + sizeof head, head[1]};
    return true;
}

void ek__worker_consumed(ek_worker *worker, const ek_frame *frame)
{
    size_t used = 2 * sizeof(uint32_t) + frame->length, left = worker->incoming.length - used;
    memmove(worker->incoming.data, worker->incoming.data + used, left);
    worker->incoming.length = left;
}

bool ek__frame_metric(const ek_frame *frame, ek_metric_list *list)
{
    struct metric_head head;
    char name[201];
    if (frame->length < sizeof head || frame->length - sizeof head > 200) {
        return false;
    }
    size_t length = frame->length - sizeof head;
    memcpy(&head, frame->bytes, sizeof head);
    memcpy(name, frame->bytes + sizeof head, length);
    name[length] = '\0';
    return ek__metric_list_add(list, name, head.step, head.value) == EK_OK;
}

bool ek__frame_progress(const ek_frame *frame, int64_t *step, int64_t *total)
{
    int64_t both[2];
    if (frame->length != sizeof both) {
        return false;
    }
    memcpy(both, frame->bytes, sizeof both);
    *step = both[0];
    *total = both[1];
    return true;
}

bool ek__frame_error(const ek_frame *frame, ek_error *error)
{
    if (frame->length != sizeof *error) {
        return false;
    }
    memcpy(error, frame->bytes, sizeof *error);
    error->message[sizeof error->message - 1] = '\0';
    return true;
}

bool ek__frame_result(const ek_frame *frame, size_t count, int32_t num_labels,
                      ek_run_result *result)
{
    struct result_head head;
    size_t logits = count * (size_t)num_labels * sizeof(float);
    size_t labels = count * sizeof(int32_t), scores = count * sizeof(double);
    if (frame->length != sizeof head + logits + labels + scores) {
        return false;
    }
    memcpy(&head, frame->bytes, sizeof head);
    if (head.count != count || head.num_labels != num_labels) {
        return false;
    }
    *result = head.result;
    result->weights = NULL;
    result->arena = (ek_arena){0};
    result->weights_hash[64] = '\0';
    ek_error ignored;
    if (ek_predictions_init(&result->predictions, count, num_labels, &ignored) != EK_OK) {
        return false;
    }
    const char *at = frame->bytes + sizeof head;
    memcpy(result->predictions.logits, at, logits);
    memcpy(result->predictions.labels, at + logits, labels);
    memcpy(result->predictions.scores, at + logits + labels, scores);
    result->predictions.finite = head.finite;
    result->predictions.loss = head.loss;
    return true;
}
