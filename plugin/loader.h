/* SPDX-License-Identifier: Apache-2.0
 *
 * loader: extensions that are shared objects in a folder.
 *
 * Only what root has put there and nobody else can change is loaded.  Whatever
 * is wrong with one (another owner, writable by others, an unresolved symbol,
 * no or another version of the interface, a name that is taken or no name)
 * leaves it out, with one line in the log that says what to do.
 */
#ifndef PF_LOADER_H
#define PF_LOADER_H 1

#include <portferry/extension.h>

/* A file of the folder. */
typedef struct {
    char *file;                 /* Its name, without the folder.  The folder's
                                 * path if nothing of it is to be loaded; a
                                 * name without ".so" is that of a built-in
                                 * extension that could not start. */
    const PfExtension *extension; /* NULL: left out. */
    char *error;                /* Why, or NULL. */
} PfLoaded;
PfLoaded *pf_loaded_new(const char *file, const PfExtension *,
                        const char *error);
void pf_loaded_free(PfLoaded *);

/* Loads every "*.so" of 'folder' (NULL: none), by name, and returns PfLoaded
 * *; empty if there is no such folder.  'taken' (NULL-terminated) are
 * extensions whose names are not free.  What was loaded stays for the life of
 * the process: the caller frees the list. */
GPtrArray *pf_loader_load(const char *folder,
                          const PfExtension *const *taken);

/* Whether 'extension' is one as portferry/extension.h wants it: version of the
 * interface, name, version, summary, columns, an init() if it has anything to
 * do.  If not, '*error' says why. */
gboolean pf_loader_check(const PfExtension *extension, GError **error);

#endif
