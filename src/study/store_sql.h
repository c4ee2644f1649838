/* store_sql.h - the few SQLite calls that the store is written with; private to store*.c. */
#ifndef EK_STUDY_STORE_SQL_H
#define EK_STUDY_STORE_SQL_H

#include <sqlite3.h>

#include "base/status.h"
#include "study/store.h"

struct ek_store {
    sqlite3 *db;
    int lock; /* file descriptor of DIR/store.lock, -1 for readers */
    char *path;
};

/* Prepares sql and binds its parameters: 'i' int64_t, 'd' double (not finite: NULL), 's' text
 * (NULL: NULL). */
ek_status ek__store_prepare(ek_store *store, sqlite3_stmt **out, ek_error *err, const char *sql,
                            const char *types, ...);
/* Prepares, binds, runs to the end, finalizes. */
ek_status ek__store_run(ek_store *store, ek_error *err, const char *sql, const char *types, ...);
/* One step: *row says whether there is a row to read. */
ek_status ek__store_step(ek_store *store, sqlite3_stmt *statement, bool *row, ek_error *err);
/* A text column, copied ("" for NULL); NULL without memory. */
char *ek__store_text(sqlite3_stmt *statement, int column);
/* A double column, NaN for NULL. */
double ek__store_double(sqlite3_stmt *statement, int column);
/* "nan", "inf", "-inf" or NULL for a finite value, and the value's bits. */
const char *ek__store_kind(double value, int64_t *bits);

#endif
