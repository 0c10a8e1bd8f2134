/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-file: the schema of the Portferry database, and making an empty
 * file of it.
 *
 * A database file is a log of records (ovsdb(5)); the first record is the
 * schema.  So a new database is one record: a line "OVSDB JSON LENGTH SHA-1"
 * and the schema, which is built into the program.
 */
#include <config.h>

#include "journal-file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/json.h"
#include "sha1.h"

static const char schema_text[] =
#include "portferry-schema.h"
;

struct json *
pf_journal_file_schema(void)
{
    return json_from_string(schema_text);
}

/* The contents of an empty database; the caller frees them. */
static GString *
empty_database(void)
{
    struct json *schema = pf_journal_file_schema();
    char *body = json_to_string(schema, 0);
    uint8_t digest[SHA1_DIGEST_SIZE];
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    GString *record = g_string_new(NULL);
    g_autofree char *line = g_strconcat(body, "\n", NULL);
    size_t size = strlen(line);

    sha1_bytes(line, size, digest);
    sha1_to_hex(digest, hex);
    g_string_append_printf(record, "OVSDB JSON %zu %s\n%s", size, hex, line);
    free(body);
    json_destroy(schema);
    return record;
}

/* Gives the file 'fd' in 'folder' its mode and owner, and writes 'contents' to
 * the disk.  Returns 0 or an errno value. */
static int
fill(int fd, const char *folder, const GString *contents)
{
    struct stat s;
    size_t done = 0;

    /* ovsdb-server may run as a user of its own: the folder is that user's. */
    if (fchmod(fd, 0640) || stat(folder, &s)
        || (!geteuid() && fchown(fd, s.st_uid, s.st_gid))) {
        return errno;
    }
    while (done < contents->len) {
        ssize_t n = write(fd, contents->str + done, contents->len - done);

        if (n < 0 && errno != EINTR) {
            return errno;
        }
        done += n > 0 ? n : 0;
    }
    return fsync(fd) ? errno : 0;
}

/* Makes 'file' in 'folder'.  Returns 0 or an errno value. */
static int
create(const char *file, const char *folder)
{
    g_autofree char *temporary = g_strdup_printf("%s.XXXXXX", file);
    int error;
    int fd;

    if (g_mkdir_with_parents(folder, 0755)) {
        return errno;
    }
    fd = g_mkstemp(temporary);
    if (fd < 0) {
        return errno;
    }

    GString *contents = empty_database();
    error = fill(fd, folder, contents);
    g_string_free(contents, TRUE);
    if (close(fd) && !error) {
        error = errno;
    }

    /* link(), unlike rename(), never replaces a file that is there. */
    if (!error && link(temporary, file) && errno != EEXIST) {
        error = errno;
    }
    unlink(temporary);
    return error;
}

gboolean
pf_journal_file_create(const char *file, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(file);
    struct stat s;
    int retval;

    if (!stat(file, &s)) {
        return TRUE;
    }
    retval = errno == ENOENT ? create(file, folder) : errno;
    if (retval) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(retval),
                    "the journal's file %s cannot be created: %s: check the "
                    "folder %s", file, g_strerror(retval), folder);
        return FALSE;
    }
    return TRUE;
}
