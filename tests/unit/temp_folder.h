/* temp_folder.h - a folder of the test's own, removed with all that is in it. */
#ifndef EK_TEST_TEMP_FOLDER_H
#define EK_TEST_TEMP_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static char temp_folder[64];

static int temp_folder_remove_one(const char *path, const struct stat *info, int type,
                                  struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

/* cmocka group fixtures */
static int temp_folder_make(void **state)
{
    (void)state;
    snprintf(temp_folder, sizeof temp_folder, "/tmp/evenkeel_test_XXXXXX");
    return mkdtemp(temp_folder) == NULL;
}

static int temp_folder_remove(void **state)
{
    (void)state;
    return nftw(temp_folder, temp_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* folder/name in one of four buffers that take turns. */
static inline const char *temp_path(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", temp_folder, name);
    return path;
}

#endif
