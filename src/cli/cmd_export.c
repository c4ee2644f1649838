/* export: a study in the formats of other people's tools. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "report/export.h"

static bool is_empty(const char *dir)
{
    DIR *open = opendir(dir);
    bool empty = true;
    for (struct dirent *entry; open && empty && (entry = readdir(open));) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (open) {
        closedir(open);
    }
    return empty;
}

static ek_status check_output(const ek_cli *cli, ek_error *err)
{
    if (!cli->output) {
        return ek_error_set(err, EK_E_USAGE, "export needs a folder to write to: -o OUT");
    }
    if (ek_file_exists(cli->output) && !ek_dir_exists(cli->output)) {
        return ek_error_set(err, EK_E_USAGE, "%s is a file; export writes a folder", cli->output);
    }
    if (!cli->force && ek_dir_exists(cli->output) && !is_empty(cli->output)) {
        return ek_error_set(err, EK_E_USAGE,
                            "%s is not empty; choose another folder with -o, or write into it with "
                            "--force",
                            cli->output);
    }
    return EK_OK;
}

ek_status ek_cmd_export(ek_cli *cli, ek_error *err)
{
    const ek_export_format *format;
    ek_store *store;
    EK_TRY(ek_export_find(&format, cli->arguments[0], err));
    EK_TRY(check_output(cli, err));
    EK_TRY(ek_store_open_read(&store, cli->arguments[1], err));
    ek_status status = ek_export_write(format, store, cli->output, err);
    ek_store_close(store);
    if (status == EK_OK) {
        ek_progress_say("%s: %s", cli->output, format->help);
    }
    return status;
}
