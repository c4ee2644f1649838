/* probe.h - the probes that do not fit into cmd_probe.c, and what they share with it. */
#ifndef EK_CLI_PROBE_H
#define EK_CLI_PROBE_H

#include "cli/cli.h"
#include "probe/runs.h"

/* Writes DIR/probe/NAME. */
ek_status ek_cli_keep_probe(const char *study, const char *name, const ek_buf *text, ek_error *err);

/* `probe drift`. dir: the study's; ids NULL: all its finished runs. */
ek_status ek_cli_probe_drift(const ek_cli *cli, const char *dir, const int64_t *ids, size_t count,
                             const ek_probe_control *control, ek_error *err);

#endif
