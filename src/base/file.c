#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static ek_status io_error(ek_error *err, const char *path, const char *what)
{
    return ek_error_set(err, EK_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

static ek_status too_large(ek_error *err, const char *path, size_t max_bytes)
{
    return ek_error_set(err, EK_E_IO, "%s is larger than the %zu bytes allowed here", path,
                        max_bytes);
}

/* Opens for reading and refuses folders, which open() does not. */
static ek_status open_for_reading(const char *path, int *fd, struct stat *info, ek_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        return io_error(err, path, "cannot open");
    }
    ek_status status = EK_OK;
    if (fstat(*fd, info) != 0) {
        status = io_error(err, path, "cannot stat");
    } else if (S_ISDIR(info->st_mode)) {
        status = ek_error_set(err, EK_E_IO, "%s is a folder; a file was expected", path);
    }
    if (status != EK_OK) {
        close(*fd);
    }
    return status;
}

/* Appends all that fd gives, at most max_bytes. */
static ek_status read_all(int fd, const char *path, size_t max_bytes, ek_buf *out, ek_error *err)
{
    char chunk[65536];
    size_t total = 0;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return io_error(err, path, "cannot read");
        }
        if (got == 0) {
            return ek_buf_status(out, err);
        }
        if ((size_t)got > max_bytes - total) {
            return too_large(err, path, max_bytes);
        }
        ek_buf_append(out, chunk, (size_t)got);
        total += (size_t)got;
        EK_TRY(ek_buf_status(out, err));
    }
}

ek_status ek_file_read(const char *path, size_t max_bytes, ek_buf *out, ek_error *err)
{
    size_t before = out->length;
    ek_status status;
    if (strcmp(path, "-") == 0) {
        status = read_all(STDIN_FILENO, "standard input", max_bytes, out, err);
    } else {
        int fd;
        struct stat info;
        EK_TRY(open_for_reading(path, &fd, &info, err));
        if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > max_bytes) {
            status = too_large(err, path, max_bytes);
        } else {
            status = read_all(fd, path, max_bytes, out, err);
        }
        close(fd);
    }
    if (status != EK_OK && out->data != NULL) {
        out->length = before;
        out->data[before] = '\0';
    }
    return status;
}

ek_status ek_map_open(ek_map *map, const char *path, ek_error *err)
{
    static const unsigned char nothing[1];
    *map = (ek_map){0};
    int fd;
    struct stat info;
    EK_TRY(open_for_reading(path, &fd, &info, err));
    ek_status status = EK_OK;
    if (!S_ISREG(info.st_mode)) {
        status = ek_error_set(err, EK_E_IO, "%s is not a regular file and cannot be mapped", path);
    } else if ((uintmax_t)info.st_size > SIZE_MAX) {
        status = too_large(err, path, SIZE_MAX);
    } else if (info.st_size == 0) {
        map->data = nothing; /* mmap refuses empty files */
    } else {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = io_error(err, path, "cannot map");
        } else {
            map->data = data;
            map->size_bytes = (size_t)info.st_size;
        }
    }
    close(fd);
    return status;
}

void ek_map_close(ek_map *map)
{
    if (map->size_bytes > 0) {
        munmap((void *)map->data, map->size_bytes);
    }
    *map = (ek_map){0};
}

static ek_status write_all(int fd, const char *path, const void *bytes, size_t count, ek_error *err)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t put = write(fd, at, count);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return io_error(err, path, "cannot write");
        }
        at += put;
        count -= (size_t)put;
    }
    return EK_OK;
}

/* Makes the rename itself durable. File systems that cannot sync a folder say EINVAL. */
static ek_status sync_folder_of(const char *path, ek_error *err)
{
    const char *name = ek_path_base(path);
    char *folder = name == path ? ek_strdup(".") : ek_strndup(path, (size_t)(name - path));
    if (folder == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "%s: out of memory", path);
    }
    ek_status status = EK_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        /* A folder that may be written but not listed cannot be opened: the file is in place. */
        if (errno != EACCES) {
            status = io_error(err, folder, "cannot open");
        }
    } else {
        if (fsync(fd) != 0 && errno != EINVAL) {
            status = io_error(err, folder, "cannot sync");
        }
        close(fd);
    }
    ek_free(folder);
    return status;
}

/* Devices and pipes (/dev/stdout) are written to; renaming over them would replace them. */
static ek_status write_special(const char *path, const void *bytes, size_t count, ek_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_error(err, path, "cannot open for writing");
    }
    ek_status status = write_all(fd, path, bytes, count, err);
    if (close(fd) != 0 && status == EK_OK) {
        status = io_error(err, path, "cannot write");
    }
    return status;
}

static ek_status write_and_rename(const char *path, const char *temporary, const void *bytes,
                                  size_t count, bool sync, ek_error *err)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) {
        return io_error(err, temporary, "cannot create");
    }
    ek_status status = write_all(fd, temporary, bytes, count, err);
    if (status == EK_OK && sync && fsync(fd) != 0) {
        status = io_error(err, temporary, "cannot sync");
    }
    if (close(fd) != 0 && status == EK_OK) {
        status = io_error(err, temporary, "cannot write");
    }
    if (status == EK_OK && rename(temporary, path) != 0) {
        status = io_error(err, path, "cannot replace");
    }
    if (status != EK_OK) {
        unlink(temporary);
    }
    return status;
}

static ek_status replace(const char *path, const void *bytes, size_t count, bool sync,
                         ek_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) {
            return ek_error_set(err, EK_E_IO, "%s is a folder; a file was expected", path);
        }
        if (!S_ISREG(info.st_mode)) {
            return write_special(path, bytes, count, err);
        }
    }
    ek_buf temporary = {0};
    ek_buf_printf(&temporary, "%s.tmp.%ld", path, (long)getpid());
    ek_status status = ek_buf_status(&temporary, err);
    if (status == EK_OK) {
        status = write_and_rename(path, temporary.data, bytes, count, sync, err);
    }
    if (status == EK_OK && sync) {
        status = sync_folder_of(path, err);
    }
    ek_buf_deinit(&temporary);
    return status;
}

ek_status ek_file_write(const char *path, const void *bytes, size_t count, ek_error *err)
{
    return replace(path, bytes, count, true, err);
}

ek_status ek_file_replace(const char *path, const void *bytes, size_t count, ek_error *err)
{
    return replace(path, bytes, count, false, err);
}

ek_status ek_file_copy(const char *from, const char *to, ek_error *err)
{
    ek_map map;
    EK_TRY(ek_map_open(&map, from, err));
    ek_status status = ek_file_write(to, map.data, map.size_bytes, err);
    ek_map_close(&map);
    return status;
}

bool ek_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

bool ek_dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

ek_status ek_make_dirs(const char *path, ek_error *err)
{
    char *part = ek_strdup(path);
    if (part == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "%s: out of memory", path);
    }
    ek_status status = EK_OK;
    /* Each prefix that ends before a '/', and the whole. */
    for (char *at = part; status == EK_OK;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char after = *at;
        *at = '\0';
        if (mkdir(part, 0777) != 0) {
            int reason = errno;
            if (!ek_dir_exists(part)) {
                errno = reason;
                status = io_error(err, path, "cannot make the folder");
            }
        }
        *at = after;
        if (after == '\0') {
            break;
        }
    }
    ek_free(part);
    return status;
}

char *ek_path_join(const char *dir, const char *name)
{
    ek_buf path = {0};
    ek_buf_puts(&path, dir);
    if (*dir != '\0' && dir[strlen(dir) - 1] != '/') {
        ek_buf_putc(&path, '/');
    }
    ek_buf_puts(&path, name);
    return ek_buf_take(&path);
}

const char *ek_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
