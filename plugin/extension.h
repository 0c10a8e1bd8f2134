/* SPDX-License-Identifier: Apache-2.0
 *
 * extension: the extensions of this agent.
 *
 * What an extension is stands in portferry/extension.h.  This is the list of
 * those that are built in and those that were loaded.
 */
#ifndef PF_EXTENSION_H
#define PF_EXTENSION_H 1

#include <portferry/extension.h>

#define PF_EXTENSION_ERROR pf_extension_error_quark()
GQuark pf_extension_error_quark(void);

typedef enum {
    PF_EXTENSION_ERROR_REFUSED, /* Verification found problems. */
    PF_EXTENSION_ERROR_FAILED,  /* A request could not be carried out. */
    PF_EXTENSION_ERROR_TIMEOUT, /* An extension did not end its call. */
} PfExtensionError;

/* The built-in ones, which use nothing but portferry/extension.h. */
extern const PfExtension pf_extension_announce;
extern const PfExtension pf_extension_counters;
extern const PfExtension pf_extension_flows;
extern const PfExtension pf_extension_mirror;
extern const PfExtension pf_extension_port;
extern const PfExtension pf_extension_qos;

/* Where other people's are. */
#define PF_EXTENSION_FOLDER LIBDIR "/portferry/extensions"

/* Loads those of 'folder' (NULL: none), after which pf_extensions() is what it
 * stays. */
void pf_extensions_load(const char *folder);
/* Initialises all; one that fails is left out, with a line in the log. */
void pf_extensions_init(const PfHost *host);
/* Ends all, in reverse. */
void pf_extensions_destroy(void);

/* All extensions in use, in order, NULL-terminated. */
const PfExtension *const *pf_extensions(void);
guint pf_extensions_count(void);
const PfExtension *pf_extension_find(const char *name);
/* Which of two comes first in order, as strcmp() has it. */
int pf_extension_compare(const PfExtension *a, const PfExtension *b);
/* What became of the files of the folder: PfLoaded * (loader.h); NULL before
 * pf_extensions_load(). */
const GPtrArray *pf_extensions_loaded(void);

#endif
