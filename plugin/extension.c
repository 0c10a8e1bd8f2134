/* SPDX-License-Identifier: Apache-2.0
 *
 * extension: the registry of extensions.  See extension.h.
 */
#include <config.h>

#include "plugin/extension.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/loader.h"

VLOG_DEFINE_THIS_MODULE(pf_extension);

G_DEFINE_QUARK(pf-extension-error-quark, pf_extension_error)

static const PfExtension *const builtins[] = {
    &pf_extension_announce,
    &pf_extension_counters,
    &pf_extension_flows,
    &pf_extension_mirror,
    &pf_extension_port,
    &pf_extension_qos,
    NULL
};

/* The one registry of this process. */
static struct {
    GPtrArray *extensions;      /* const PfExtension *, in order, with a NULL
                                 * at the end; NULL: not filled yet. */
    GPtrArray *loaded;          /* PfLoaded *. */
    GPtrArray *initialised;     /* const PfExtension * whose init() has
                                 * succeeded, in order; NULL: none. */
} registry;

int
pf_extension_compare(const PfExtension *a, const PfExtension *b)
{
    return a->order != b->order ? (a->order < b->order ? -1 : 1)
                                : strcmp(a->name, b->name);
}

static int
compare_extensions(gconstpointer a, gconstpointer b)
{
    return pf_extension_compare(*(const PfExtension *const *) a,
                                *(const PfExtension *const *) b);
}

/* Fills the registry with the built-in extensions and those in 'loaded'. */
static void
fill(const GPtrArray *loaded)
{
    g_clear_pointer(&registry.extensions, g_ptr_array_unref);
    registry.extensions = g_ptr_array_new();
    for (gsize i = 0; builtins[i]; i++) {
        g_ptr_array_add(registry.extensions, (gpointer) builtins[i]);
    }
    for (guint i = 0; loaded && i < loaded->len; i++) {
        const PfLoaded *file = g_ptr_array_index(loaded, i);
        if (file->extension) {
            g_ptr_array_add(registry.extensions, (gpointer) file->extension);
        }
    }
    g_ptr_array_sort(registry.extensions, compare_extensions);
    g_ptr_array_add(registry.extensions, NULL);
}

void
pf_extensions_load(const char *folder)
{
    g_clear_pointer(&registry.loaded, g_ptr_array_unref);
    registry.loaded = pf_loader_load(folder, builtins);
    fill(registry.loaded);
}

/* The file from which 'extension' comes; NULL: it is built in. */
static PfLoaded *
find_file(const PfExtension *extension)
{
    for (guint i = 0; registry.loaded && i < registry.loaded->len; i++) {
        PfLoaded *file = g_ptr_array_index(registry.loaded, i);
        if (file->extension == extension) {
            return file;
        }
    }
    return NULL;
}

/* Notes that 'extension', which is in use no longer, could not start. */
static void
list_error(const PfExtension *extension, const char *error)
{
    PfLoaded *file = find_file(extension);

    if (file) {
        file->extension = NULL;
        file->error = g_strdup(error);
    } else if (registry.loaded) {
        g_ptr_array_add(registry.loaded,
                        pf_loaded_new(extension->name, NULL, error));
    }
}

void
pf_extensions_init(const PfHost *host)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new();
    const PfExtension *const *e;

    g_return_if_fail(!registry.initialised);
    registry.initialised = g_ptr_array_new();
    for (e = pf_extensions(); *e; e++) {
        g_autoptr(GError) error = NULL;

        if (!(*e)->init) {
            continue;
        }
        if (find_file(*e)) {
            /* Should it end this process, the log says which it was. */
            VLOG_INFO("extension %s: to be started", (*e)->name);
        }
        if ((*e)->init(host, &error)) {
            g_ptr_array_add(registry.initialised, (gpointer) *e);
        } else {
            g_autofree char *text = g_strdup_printf(
                "could not start: %s", error ? error->message : "no reason "
                "given; ask its author");
            VLOG_WARN("extension %s is left out: %s", (*e)->name, text);
            list_error(*e, text);
            g_ptr_array_add(left, (gpointer) *e);
        }
    }
    for (guint i = 0; i < left->len; i++) {
        g_ptr_array_remove(registry.extensions, left->pdata[i]);
    }
}

void
pf_extensions_destroy(void)
{
    g_autoptr(GPtrArray) initialised = g_steal_pointer(&registry.initialised);

    for (guint i = initialised ? initialised->len : 0; i > 0; i--) {
        const PfExtension *extension = initialised->pdata[i - 1];
        if (extension->destroy) {
            extension->destroy();
        }
    }
}

const PfExtension *const *
pf_extensions(void)
{
    if (!registry.extensions) {
        fill(NULL);
    }
    return (const PfExtension *const *) registry.extensions->pdata;
}

guint
pf_extensions_count(void)
{
    return pf_extensions() ? registry.extensions->len - 1 : 0;
}

const PfExtension *
pf_extension_find(const char *name)
{
    const PfExtension *const *e = pf_extensions();

    while (*e && strcmp((*e)->name, name)) {
        e++;
    }
    return *e;
}

const GPtrArray *
pf_extensions_loaded(void)
{
    return registry.loaded;
}
