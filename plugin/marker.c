/* SPDX-License-Identifier: Apache-2.0
 *
 * marker: which guests are migrating in, for a hook that finds no agent.
 *
 * A domain's name may hold anything but '/' and newline, so it is encoded: no
 * name can lead out of the folder, be hidden, or be too long for a file name.
 */
#include <config.h>

#include "marker.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "openvswitch/dynamic-string.h"
#include "sha1.h"
#include "util.h"

/* See pf_marker_exists(). */
#define MAX_AGE_S 600
/* Bytes of an encoded name that are kept as they are; a longer one ends in '~'
 * (which no encoded name contains) and its SHA-1 hash. */
#define MAX_ENCODED 200
#define KEPT_OF_LONG 150

/* The folder of the markers; the caller frees it. */
static char *
folder(void)
{
    return xasprintf("%s/incoming", pf_control_rundir());
}

/* Whether 'c' stands for itself at position 'i' of a marker's file name.  Not
 * isalnum(), which depends on the locale. */
static bool
is_plain(unsigned char c, size_t i)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '_' || c == '-'
           || (c == '.' && i > 0);
}

/* Appends the file name for the domain 'name' to 's'. */
static void
encode(struct ds *s, const char *name)
{
    struct ds encoded = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; name[i]; i++) {
        unsigned char c = name[i];

        if (is_plain(c, i)) {
            ds_put_char(&encoded, c);
        } else {
            ds_put_format(&encoded, "%%%02X", c);
        }
    }

    if (encoded.length > MAX_ENCODED) {
        uint8_t digest[SHA1_DIGEST_SIZE];
        char hex[SHA1_HEX_DIGEST_LEN + 1];

        sha1_bytes(name, strlen(name), digest);
        sha1_to_hex(digest, hex);
        ds_truncate(&encoded, KEPT_OF_LONG);
        ds_put_format(&encoded, "~%s", hex);
    }
    ds_put_cstr(s, ds_cstr(&encoded));
    ds_destroy(&encoded);
}

char *
pf_marker_path(const char *name)
{
    struct ds path = DS_EMPTY_INITIALIZER;

    ds_put_format(&path, "%s/incoming/", pf_control_rundir());
    encode(&path, name);
    return ds_steal_cstr(&path);
}

int
pf_marker_set(const char *name)
{
    char *dir = folder();
    char *path = pf_marker_path(name);
    int error = 0;
    int fd;

    if (mkdir(dir, 0700) && errno != EEXIST) {
        error = errno;
    } else {
        fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) {
            error = errno;
        } else {
            close(fd);
        }
    }
    free(path);
    free(dir);
    return error;
}

int
pf_marker_clear(const char *name)
{
    char *path = pf_marker_path(name);
    int error = unlink(path) && errno != ENOENT ? errno : 0;

    free(path);
    return error;
}

bool
pf_marker_exists(const char *name)
{
    char *path = pf_marker_path(name);
    struct stat s;
    bool exists = (!lstat(path, &s)
                   && time(NULL) - s.st_mtime < MAX_AGE_S);

    free(path);
    return exists;
}

/* The next marker in 'dir', or NULL.  No marker's name begins with a dot. */
static struct dirent *
next_marker(DIR *dir)
{
    struct dirent *entry;

    do {
        entry = readdir(dir);
    } while (entry && entry->d_name[0] == '.');
    return entry;
}

bool
pf_marker_exists_any(void)
{
    char *path = folder();
    DIR *dir = opendir(path);
    bool exists = false;

    if (dir) {
        exists = next_marker(dir) != NULL;
        closedir(dir);
    }
    free(path);
    return exists;
}

int
pf_marker_clear_all(void)
{
    char *path = folder();
    DIR *dir = opendir(path);
    int error = 0;
    struct dirent *entry;

    if (!dir) {
        error = errno == ENOENT ? 0 : errno;
    } else {
        /* unlinkat() removes nothing outside the folder: a directory entry
         * has no slash, and a symbolic link is itself removed. */
        while ((entry = next_marker(dir)) != NULL) {
            if (unlinkat(dirfd(dir), entry->d_name, 0) && errno != ENOENT) {
                error = errno;
            }
        }
        closedir(dir);
    }
    free(path);
    return error;
}
