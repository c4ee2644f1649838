/* status: what a study is doing, once or as long as somebody is at work on it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/gates.h"
#include "cli/progress.h"
#include "report/columns.h"
#include "report/live_view.h"
#include "report/strip_plot.h"
#include "study/study.h"

enum { POLL_SECONDS = 2 };

/* What is known now. */
struct look {
    const char *dir;
    ek_store *store;
    ek_live live;
    ek_live_view view;
    ek_group_table table; /* of the last load: its bootstrap is not repeated while no run ends */
    size_t table_done;
    bool have_table;
};

static size_t done_runs(const ek_run_row *runs, size_t count)
{
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        done += runs[i].status == EK_RUN_DONE;
    }
    return done;
}

static void forget_view(struct look *look)
{
    ek_run_rows_free((ek_run_row *)(uintptr_t)look->view.runs, look->view.run_count);
    look->view = (ek_live_view){0};
    ek_live_free(&look->live);
}

static void end_look(struct look *look)
{
    forget_view(look);
    if (look->have_table) {
        ek_group_table_free(&look->table);
    }
    ek_store_close(look->store);
}

/* Reads all of it anew. */
static ek_status take_look(struct look *look, ek_error *err)
{
    ek_run_row *runs;
    size_t count;
    forget_view(look);
    /* The lock before the store: what was finished before it was given back is then in the store.
     */
    bool at_work = ek_store_is_written(look->dir);
    EK_TRY(ek_store_runs(look->store, &runs, &count, err));
    look->view = (ek_live_view){.at_work = at_work, .runs = runs, .run_count = count};
    ek_error ignored; /* without the file there is less to say, and a broken one says nothing */
    if (at_work && ek_progress_file_read(&look->live, look->dir, &ignored) == EK_OK) {
        look->view.live = &look->live;
    }
    size_t done = done_runs(runs, count);
    if (look->have_table && look->table_done == done && look->table.run_count == count) {
        return EK_OK;
    }
    ek_group_table table;
    EK_TRY(ek_group_table_load(&table, look->store, err));
    if (look->have_table) {
        ek_group_table_free(&look->table);
    }
    look->table = table;
    look->table_done = done;
    look->have_table = true;
    return EK_OK;
}

/* ---- what is printed ------------------------------------------------------------------------- */

static void text_of(const struct look *look, const ek_table_style *style, ek_buf *out)
{
    ek_live_view_text(&look->view, style, out);
    ek_buf_putc(out, '\n');
    ek_group_table_text(&look->table, out, style);
    ek_buf_putc(out, '\n');
    ek_strip_plot_of_table(&look->table, style, out);
}

static ek_status print_look(const ek_cli *cli, const struct look *look, ek_error *err)
{
    ek_buf out = {0};
    ek_table_style style = ek_progress_style();
    if (cli->json) {
        ek_group_table_json_open(&look->table, &out);
        ek_buf_puts(&out, ",\"progress\":");
        ek_live_view_json(&look->view, &out);
        ek_buf_puts(&out, "}\n");
    } else if (cli->csv) {
        ek_group_table_csv(&look->table, &out);
    } else {
        text_of(look, &style, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

/* ---- watching -------------------------------------------------------------------------------- */

/* A pause that a signal ends: Ctrl-C, or a terminal of a new size. */
static void rest(void)
{
    const struct timespec pause = {POLL_SECONDS, 0};
    nanosleep(&pause, NULL);
}

static void on_resize(int number)
{
    (void)number;
}

/* In a log: a line when a run has ended, and now and then between. */
static ek_status watch_in_lines(struct look *look, ek_error *err)
{
    double started = ek_clock_seconds(), last = 0;
    size_t done = 0;
    while (look->view.at_work && !ek_study_interrupted()) {
        double now = ek_clock_seconds();
        size_t counted = ek_live_view_count(&look->view).done;
        if (last == 0 || counted != done || now - last >= ek_progress_interval(now - started)) {
            ek_buf out = {0};
            ek_live_view_line(&look->view, &out);
            ek_buf_putc(&out, '\n');
            ek_status status = ek_cli_print(&out, err);
            ek_buf_deinit(&out);
            EK_TRY(status);
            last = now;
            done = counted;
        }
        rest();
        EK_TRY(take_look(look, err));
    }
    return EK_OK;
}

/* The lines of text that fit the terminal, each cleared to its end, and nothing below them. */
static void frame_of(const char *text, int width, int height, ek_buf *frame)
{
    int lines = 0, shown = 0;
    for (const char *at = text; *at; at++) {
        lines += *at == '\n';
    }
    /* The last row stays free: a newline there would scroll. */
    int room = height > 2 ? height - 1 : 1;
    ek_buf_puts(frame, "\033[H");
    for (const char *at = text; *at; shown++) {
        size_t length = strcspn(at, "\n");
        if (shown == room - 1 && lines > room) {
            ek_buf_printf(frame, " ... %d more lines\033[K\r\n", lines - shown);
            break;
        }
        ek_columns_clip(frame, at, length, width);
        ek_buf_puts(frame, "\033[K\r\n");
        at += length + (at[length] == '\n');
    }
    ek_buf_puts(frame, "\033[J");
}

static ek_status draw(const struct look *look, ek_error *err)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    ek_table_style style = ek_progress_style();
    ek_buf text = {0}, frame = {0};
    char now[32];
    ek_buf_printf(&text, " %s at %.8s UTC; Ctrl-C ends this view, not the study\n\n", look->dir,
                  ek_clock_utc(now) + 11);
    text_of(look, &style, &text);
    frame_of(ek_buf_text(&text), style.width, known ? size.ws_row : 24, &frame);
    frame.failed = frame.failed || text.failed;
    ek_status status = ek_cli_print(&frame, err);
    ek_buf_deinit(&text);
    ek_buf_deinit(&frame);
    return status;
}

static ek_status put(const char *sequence, ek_error *err)
{
    ek_buf out = {0};
    ek_buf_puts(&out, sequence);
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

/* On the second screen of the terminal, so that what was on the first comes back, without cursor.
 */
static ek_status watch_on_terminal(struct look *look, ek_error *err)
{
    struct sigaction action;
    ek_error ignored;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_resize;
    sigaction(SIGWINCH, &action, NULL);
    ek_status status = put("\033[?1049h\033[?25l\033[2J", err);
    while (status == EK_OK && look->view.at_work && !ek_study_interrupted()) {
        status = draw(look, err);
        if (status == EK_OK) {
            rest();
            status = take_look(look, err);
        }
    }
    put("\033[?25h\033[?1049l", &ignored);
    return status;
}

static ek_status watch(const ek_cli *cli, struct look *look, ek_error *err)
{
    if (cli->json || cli->csv) { /* the numbers once, at the end */
        while (look->view.at_work && !ek_study_interrupted()) {
            rest();
            EK_TRY(take_look(look, err));
        }
        return EK_OK;
    }
    return ek_progress_style().width > 0 ? watch_on_terminal(look, err) : watch_in_lines(look, err);
}

ek_status ek_cmd_status(ek_cli *cli, ek_error *err)
{
    struct look look = {.dir = cli->arguments[0]};
    EK_TRY(ek_store_open_read(&look.store, look.dir, err));
    ek_status status = take_look(&look, err);
    if (status == EK_OK && cli->watch) {
        status = watch(cli, &look, err);
    }
    if (status == EK_OK) {
        status = print_look(cli, &look, err);
    }
    if (status == EK_OK && cli->fail_if) {
        status = ek_gate_groups(cli->fail_if, &look.table, err);
    }
    end_look(&look);
    return status;
}
