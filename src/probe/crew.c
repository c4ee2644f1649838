#include "probe/crew.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "study/study.h"

void *ek_crew_share(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void ek_crew_unshare(void *memory, size_t bytes)
{
    if (memory) {
        munmap(memory, bytes ? bytes : 1);
    }
}

/* What parent and workers share. */
struct board {
    atomic_size_t next; /* item that nobody has taken yet */
    atomic_size_t done;
    atomic_bool stop; /* somebody failed */
    struct slot {
        pid_t pid;
        ek_error error; /* code EK_OK: none */
    } slots[];
};

static ek_status work_off(const ek_crew *crew, struct board *board, int threads, ek_error *err)
{
    ek_compute *compute;
    void *local = NULL;
    EK_TRY(ek_compute_new(&compute, threads, err));
    if (crew->begin) {
        EK_TRY(crew->begin(crew->user, compute, &local, err));
    }
    while (!atomic_load(&board->stop)) {
        size_t item = atomic_fetch_add(&board->next, 1);
        if (item >= crew->count) {
            break;
        }
        if (ek_study_interrupted()) {
            return ek_error_set(err, EK_E_INTERRUPTED, "interrupted");
        }
        EK_TRY(crew->work(crew->user, local, compute, item, err));
        atomic_fetch_add(&board->done, 1);
    }
    return EK_OK;
}

/* In the child. It leaves by _exit: the parent's buffers and files are not its own. */
static _Noreturn void be_worker(const ek_crew *crew, struct board *board, struct slot *slot,
                                pid_t parent, int threads)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) { /* it died between fork and prctl */
        _exit(1);
    }
    ek_error err = {0};
    ek_status status = work_off(crew, board, threads, &err);
    if (status != EK_OK) {
        err.code = status;
        slot->error = err;
        atomic_store(&board->stop, true);
    }
    _exit(status == EK_OK ? 0 : 1);
}

/* The first error in the order of the slots; a signal's comes last, since it hides the cause. */
static ek_status first_error(const struct board *board, int workers, ek_error *err)
{
    const ek_error *found = NULL;
    for (int i = 0; i < workers; i++) {
        const ek_error *error = &board->slots[i].error;
        if (error->code != EK_OK && (!found || found->code == EK_E_INTERRUPTED)) {
            found = error;
        }
    }
    return found ? ek_error_set(err, found->code, "%s", found->message) : EK_OK;
}

/* Waits for all of them; a worker that a signal killed has no error of its own. */
static void wait_for_all(const ek_crew *crew, struct board *board, int workers)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    bool told = false;
    for (int left = workers; left > 0;) {
        for (int i = 0; i < workers; i++) {
            int state;
            struct slot *slot = &board->slots[i];
            if (slot->pid <= 0 || waitpid(slot->pid, &state, WNOHANG) != slot->pid) {
                continue;
            }
            left--;
            slot->pid = 0;
            if (WIFSIGNALED(state)) {
                ek_error_set(&slot->error, EK_E_FAILED, "a worker was killed by signal %d",
                             WTERMSIG(state));
                atomic_store(&board->stop, true);
            }
        }
        if (ek_study_interrupted() && !told) {
            told = true;
            atomic_store(&board->stop, true);
            for (int i = 0; i < workers; i++) {
                if (board->slots[i].pid > 0) { /* a signal to one process reached only the parent */
                    kill(board->slots[i].pid, SIGTERM);
                }
            }
        }
        if (crew->progress) {
            crew->progress(crew->user, atomic_load(&board->done), crew->count);
        }
        if (left > 0) {
            nanosleep(&pause, NULL);
        }
    }
}

static ek_status fork_all(const ek_crew *crew, struct board *board, int workers, int threads,
                          ek_error *err)
{
    pid_t parent = getpid();
    ek_status status = EK_OK;
    int started = 0;
    for (; started < workers && status == EK_OK; started++) {
        pid_t pid = fork();
        if (pid == 0) {
            be_worker(crew, board, &board->slots[started], parent, threads);
        }
        board->slots[started].pid = pid;
        if (pid < 0) {
            atomic_store(&board->stop, true);
            status = ek_error_set(err, EK_E_FAILED, "cannot start a worker process");
            break;
        }
    }
    wait_for_all(crew, board, started);
    return status == EK_OK ? first_error(board, started, err) : status;
}

ek_status ek_crew_run(const ek_crew *crew, ek_error *err)
{
    int cores = crew->jobs > 0 ? crew->jobs : ek_cpu_count();
    if (crew->count == 0) {
        return EK_OK;
    }
    int workers = (size_t)cores < crew->count ? cores : (int)crew->count;
    size_t bytes = sizeof(struct board) + (size_t)workers * sizeof(struct slot);
    struct board *board = ek_crew_share(bytes);
    if (!board) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %d workers", workers);
    }
    ek_status status = fork_all(crew, board, workers, cores / workers, err);
    size_t done = atomic_load(&board->done);
    if (status == EK_OK && (ek_study_interrupted() || done < crew->count)) {
        status =
            ek_error_set(err, EK_E_INTERRUPTED, "interrupted after %zu of %zu", done, crew->count);
    }
    ek_crew_unshare(board, bytes);
    return status;
}
