#include "study/store_sql.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"

static ek_status sql_error(const ek_store *store, ek_error *err)
{
    int code = sqlite3_errcode(store->db);
    return ek_error_set(err, code == SQLITE_NOMEM ? EK_E_MEMORY : EK_E_IO, "%s: %s", store->path,
                        sqlite3_errmsg(store->db));
}

static int bind(sqlite3_stmt *statement, const char *types, va_list args)
{
    int result = SQLITE_OK;
    for (int i = 0; types[i] && result == SQLITE_OK; i++) {
        if (types[i] == 'i') {
            result = sqlite3_bind_int64(statement, i + 1, va_arg(args, int64_t));
        } else if (types[i] == 'd') {
            double value = va_arg(args, double);
            result = isfinite(value) ? sqlite3_bind_double(statement, i + 1, value)
                                     : sqlite3_bind_null(statement, i + 1);
        } else {
            const char *text = va_arg(args, const char *);
            result = text ? sqlite3_bind_text(statement, i + 1, text, -1, SQLITE_TRANSIENT)
                          : sqlite3_bind_null(statement, i + 1);
        }
    }
    return result;
}

static ek_status prepare(ek_store *store, sqlite3_stmt **out, ek_error *err, const char *sql,
                         const char *types, va_list args)
{
    if (sqlite3_prepare_v2(store->db, sql, -1, out, NULL) != SQLITE_OK) {
        return sql_error(store, err);
    }
    if (bind(*out, types, args) != SQLITE_OK) {
        ek_status status = sql_error(store, err);
        sqlite3_finalize(*out);
        *out = NULL;
        return status;
    }
    return EK_OK;
}

ek_status ek__store_prepare(ek_store *store, sqlite3_stmt **out, ek_error *err, const char *sql,
                            const char *types, ...)
{
    va_list args;
    va_start(args, types);
    ek_status status = prepare(store, out, err, sql, types, args);
    va_end(args);
    return status;
}

ek_status ek__store_step(ek_store *store, sqlite3_stmt *statement, bool *row, ek_error *err)
{
    int result = sqlite3_step(statement);
    *row = result == SQLITE_ROW;
    return result == SQLITE_ROW || result == SQLITE_DONE ? EK_OK : sql_error(store, err);
}

ek_status ek__store_run(ek_store *store, ek_error *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list args;
    va_start(args, types);
    ek_status status = prepare(store, &statement, err, sql, types, args);
    va_end(args);
    EK_TRY(status);
    bool row = true;
    while (row && status == EK_OK) {
        status = ek__store_step(store, statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

char *ek__store_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return ek_strdup(text ? text : "");
}

double ek__store_double(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(statement, column);
}

const char *ek__store_kind(double value, int64_t *bits)
{
    memcpy(bits, &value, sizeof *bits);
    return isnan(value) ? "nan" : !isinf(value) ? NULL : value > 0 ? "inf" : "-inf";
}
