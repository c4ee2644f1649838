/* probe: experiments on the runs of a study. One file a probe; what they find is printed and, where
 * the report draws it, written into DIR/probe. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/probe.h"
#include "cli/progress.h"

ek_status ek_cli_runs(const ek_cli *cli, int64_t **ids, size_t *count, ek_error *err)
{
    *ids = NULL;
    *count = 0;
    if (!cli->runs) {
        return EK_OK;
    }
    ek_status status = ek_parse_list(cli->runs, 1, INT64_MAX / 2, 100000, ids, count, err);
    return status == EK_OK ? EK_OK : ek_error_prefix(err, "--runs");
}

ek_status ek_cli_keep_probe(const char *study, const char *name, const ek_buf *text, ek_error *err)
{
    char *dir = ek_path_join(study, "probe"), *path = dir ? ek_path_join(dir, name) : NULL;
    ek_status status = ek_buf_status(text, err);
    if (status == EK_OK && !path) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    status = status == EK_OK ? ek_make_dirs(dir, err) : status;
    status = status == EK_OK ? ek_file_write(path, ek_buf_text(text), text->length, err) : status;
    ek_free(dir);
    ek_free(path);
    return status;
}

static const struct {
    const char *name;
    bool needs_study;
    ek_status (*run)(const ek_probe_call *call, ek_error *err);
} probes[] = {
    {"gradients", true, ek_cli_probe_gradients}, {"forgetting", true, ek_cli_probe_forgetting},
    {"surface", true, ek_cli_probe_surface},     {"drift", true, ek_cli_probe_drift},
    {"doomed", true, ek_cli_probe_doomed},       {"factor", false, ek_cli_probe_factor},
};
enum { PROBES = sizeof probes / sizeof *probes };

ek_status ek_cmd_probe(ek_cli *cli, ek_error *err)
{
    const char *names[PROBES], *wanted = cli->arguments[0];
    for (size_t i = 0; i < PROBES; i++) {
        names[i] = probes[i].name;
        if (strcmp(wanted, probes[i].name) != 0) {
            continue;
        }
        if ((cli->argument_count == 2) != probes[i].needs_study) {
            return ek_error_set(err, EK_E_USAGE, "probe %s needs %s folder of a study", wanted,
                                probes[i].needs_study ? "the" : "no");
        }
        int64_t *ids;
        size_t count;
        EK_TRY(ek_cli_runs(cli, &ids, &count, err));
        const ek_probe_call call = {.cli = cli,
                                    .dir = cli->argument_count == 2 ? cli->arguments[1] : NULL,
                                    .ids = ids,
                                    .count = count,
                                    .control = {ek_progress_probe, NULL, (int)cli->jobs}};
        ek_status status = probes[i].run(&call, err);
        ek_free(ids);
        return status;
    }
    const char *nearest = ek_nearest(wanted, names, PROBES);
    return ek_error_set(err, EK_E_USAGE, "there is no probe '%.40s'%s%s; 'evenkeel probe --help'",
                        wanted, nearest ? "; did you mean " : "", nearest ? nearest : "");
}
