/* check_report.h - what `check` and --dry-run print of a loaded study. */
#ifndef EK_CLI_CHECK_REPORT_H
#define EK_CLI_CHECK_REPORT_H

#include "cli/cli.h"
#include "study/study.h"

ek_status ek_check_report(const ek_cli *cli, const ek_study_inputs *inputs, ek_error *err);

#endif
