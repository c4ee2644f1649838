/* probe.h - the probes of `evenkeel probe`, and what they share. */
#ifndef EK_CLI_PROBE_H
#define EK_CLI_PROBE_H

#include "cli/cli.h"
#include "probe/runs.h"

typedef struct {
    ek_cli *cli;
    const char *dir;    /* the study's; NULL for a probe that needs none */
    const int64_t *ids; /* [count] of --runs; NULL: what the probe takes without */
    size_t count;
    ek_probe_control control;
} ek_probe_call;

/* Writes DIR/probe/NAME. */
ek_status ek_cli_keep_probe(const char *study, const char *name, const ek_buf *text, ek_error *err);

ek_status ek_cli_probe_gradients(const ek_probe_call *call, ek_error *err);
ek_status ek_cli_probe_forgetting(const ek_probe_call *call, ek_error *err);
ek_status ek_cli_probe_surface(const ek_probe_call *call, ek_error *err);
ek_status ek_cli_probe_drift(const ek_probe_call *call, ek_error *err);
ek_status ek_cli_probe_doomed(const ek_probe_call *call, ek_error *err);
ek_status ek_cli_probe_factor(const ek_probe_call *call, ek_error *err);

#endif
