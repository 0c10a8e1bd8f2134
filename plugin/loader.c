/* SPDX-License-Identifier: Apache-2.0
 *
 * loader: extensions that are shared objects in a folder.  See loader.h.
 *
 * A shared object's code runs as soon as it is opened, with all that this
 * process may do.  So everything that can be known of a file before is looked
 * at before, through a descriptor, and what is then opened is what that
 * descriptor stands for: another file that has got the name meanwhile is not
 * looked at.  Symbolic links are not followed, as nobody has checked the
 * folders on their way.
 */
#include <config.h>

#include "plugin/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gmodule.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "plugin/extension.h"

VLOG_DEFINE_THIS_MODULE(pf_loader);

#define NAME_LENGTH_MAX 32
#define VERSION_MAX 999999

/* ---- What the folder had ----------------------------------------------- */

PfLoaded *
pf_loaded_new(const char *file, const PfExtension *extension,
              const char *error)
{
    PfLoaded *loaded = g_new0(PfLoaded, 1);

    loaded->file = g_strdup(file);
    loaded->extension = extension;
    loaded->error = g_strdup(error);
    return loaded;
}

void
pf_loaded_free(PfLoaded *loaded)
{
    if (loaded) {
        g_free(loaded->file);
        g_free(loaded->error);
        g_free(loaded);
    }
}

/* ---- What an extension says of itself ---------------------------------- */

G_GNUC_PRINTF(2, 3)
static gboolean
refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED,
                        message);
    return FALSE;
}

static gboolean
check_name(const char *name, GError **error)
{
    gsize length;

    if (!name) {
        return refuse(error, "has no name: set .name");
    }
    length = strnlen(name, NAME_LENGTH_MAX + 1);
    if (!length || length > NAME_LENGTH_MAX
        || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") < length) {
        /* It may be anything. */
        g_autofree char *start = g_strndup(name, length);
        g_autofree char *shown = g_strescape(start, NULL);
        return refuse(error, "its name begins with \"%s\": a name is 1 to %d "
                      "of a to z, 0 to 9 and -", shown, NAME_LENGTH_MAX);
    }
    return TRUE;
}

/* Whether 'column' is "TABLE.COLUMN". */
static gboolean
is_column(const char *column)
{
    const char *dot = strchr(column, '.');

    return dot && dot > column && dot[1]
        && column[strspn(column, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
                                 "_.")] == '\0'
        && !strchr(dot + 1, '.');
}

/* Whether there is a call that 'e' would have to end. */
static gboolean
has_functions(const PfExtension *e)
{
    return e->get_policies || e->describe || e->verify_syntax
        || e->verify_range || e->verify_applicability || e->verify_conflict
        || e->property_add || e->property_remove || e->nic_restore
        || e->nic_restore_complete || e->nic_save || e->nic_save_complete
        || e->port_teardown || e->port_return || e->port_gone
        || e->guest_runs;
}

gboolean
pf_loader_check(const PfExtension *extension, GError **error)
{
    /* First, as nothing else is known to be where this header has it. */
    if (extension->abi != PF_EXTENSION_ABI) {
        return refuse(error, "was built for version %u of the extension "
                      "interface, this portferryd has %d: rebuild it",
                      extension->abi, PF_EXTENSION_ABI);
    }
    if (!check_name(extension->name, error)) {
        return FALSE;
    }
    if (extension->version < 1 || extension->version > VERSION_MAX) {
        return refuse(error, "its version %u is not from 1 to %d: set "
                      ".version", extension->version, VERSION_MAX);
    }
    if (!extension->summary || !extension->summary[0]
        || !g_utf8_validate(extension->summary, -1, NULL)) {
        return refuse(error, "does not say in UTF-8 what it carries: set "
                      ".summary");
    }
    for (guint i = 0; extension->columns && extension->columns[i]; i++) {
        if (!is_column(extension->columns[i])) {
            g_autofree char *shown = g_strescape(extension->columns[i], NULL);
            return refuse(error, "column \"%s\" in its .columns is no "
                          "TABLE.COLUMN", shown);
        }
    }
    if (!extension->init && has_functions(extension)) {
        return refuse(error, "has functions, but without .init it can end no "
                      "call: set .init");
    }
    return TRUE;
}

/* ---- Files ------------------------------------------------------------- */

/* Refuses what 'fd' stands for unless it is a 'type' (S_IFREG, S_IFDIR), is
 * root's or this process's user's, and is nobody else's to write to. */
static gboolean
check_file(int fd, mode_t type, GError **error)
{
    const char *what = type == S_IFDIR ? "folder" : "regular file";
    struct stat s;

    if (fstat(fd, &s)) {
        return refuse(error, "could not be looked at: %s", g_strerror(errno));
    }
    if (S_ISLNK(s.st_mode)) {
        return refuse(error, "is a symbolic link, which is not followed: put "
                      "the %s itself there", what);
    }
    if ((s.st_mode & S_IFMT) != type) {
        return refuse(error, "is no %s: remove it", what);
    }
    if (s.st_uid != 0 && s.st_uid != geteuid()) {
        return refuse(error, "belongs to user %u: make it root's (chown root)",
                      (unsigned int) s.st_uid);
    }
    if (s.st_mode & (S_IWGRP | S_IWOTH)) {
        return refuse(error, "may be written by others than its owner (mode "
                      "%04o): take that away (chmod go-w)",
                      (unsigned int) s.st_mode & 07777);
    }
    return TRUE;
}

/* Opens 'name' in 'folder' (AT_FDCWD: as open() does) for nothing but to look
 * at it, which has no effect on anything, even if it is a pipe or a device.
 * Returns -1 with '*error' set if it must not be used. */
static int
open_checked(int folder, const char *name, mode_t type, GError **error)
{
    int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        refuse(error, "could not be opened: %s", g_strerror(errno));
    } else if (!check_file(fd, type, error)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Returns the names of what "ls *.so" would show in 'folder', by name. */
static GPtrArray *
list_files(int folder, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        refuse(error, "could not be read: %s", g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (name[0] != '.' && g_str_has_suffix(name, ".so")) {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    closedir(dir);
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

/* ---- Shared objects ---------------------------------------------------- */

/* Says why the dynamic linker did not take the file that it knows as
 * 'path'. */
static void
refuse_module(const char *path, GError **error)
{
    const char *reason = g_module_error();
    g_autofree char *prefix = g_strconcat(path, ": ", NULL);

    if (g_str_has_prefix(reason, prefix)) {
        reason += strlen(prefix);
    }
    refuse(error, "could not be loaded: %s: %s", reason,
           strstr(reason, "undefined symbol")
           ? "link it with all that it uses; portferryd itself offers nothing "
             "but its PfHost"
           : "rebuild it for this host, or install what it needs");
}

static gboolean
check_free(const PfExtension *extension, const PfExtension *const *taken,
           const GPtrArray *loaded, GError **error)
{
    for (; *taken; taken++) {
        if (!strcmp((*taken)->name, extension->name)) {
            return refuse(error, "its name \"%s\" is taken by a built-in "
                          "extension: give it another", extension->name);
        }
    }
    for (guint i = 0; i < loaded->len; i++) {
        const PfLoaded *other = g_ptr_array_index(loaded, i);
        if (other->extension
            && !strcmp(other->extension->name, extension->name)) {
            return refuse(error, "its name \"%s\" is taken by %s: remove one "
                          "of the two", extension->name, other->file);
        }
    }
    return TRUE;
}

/* Returns the extension in 'module', if it can be used. */
static const PfExtension *
find_extension(GModule *module, const PfExtension *const *taken,
               const GPtrArray *loaded, GError **error)
{
    gpointer symbol = NULL;

    if (!g_module_symbol(module, PF_EXTENSION_SYMBOL, &symbol) || !symbol) {
        refuse(error, "does not export %s: define it, const and not static, "
               "or remove the file", PF_EXTENSION_SYMBOL);
        return NULL;
    }
    if (!pf_loader_check(symbol, error)
        || !check_free(symbol, taken, loaded, error)) {
        return NULL;
    }
    return symbol;
}

/* Loads 'file' of 'folder'. */
static const PfExtension *
load_file(int folder, const char *file, const PfExtension *const *taken,
          const GPtrArray *loaded, GError **error)
{
    const PfExtension *extension;
    GModule *module;

    int fd = open_checked(folder, file, S_IFREG, error);
    if (fd < 0) {
        return NULL;
    }
    /* Not lazily: what is unresolved is found now, and not when a guest
     * migrates. */
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    module = g_module_open(path, G_MODULE_BIND_LOCAL);
    if (!module) {
        refuse_module(path, error);
        close(fd);
        return NULL;
    }
    extension = find_extension(module, taken, loaded, error);
    /* What it did when it was opened (a thread, a GType) may be in use, also
     * if it is not used itself.  The descriptor stays too: the dynamic linker
     * would take the next file with this number for this one. */
    g_module_make_resident(module);
    return extension;
}

/* Loads all of 'folder' into 'loaded'.  FALSE with '*error' set: none, because
 * of the folder itself. */
static gboolean
load_folder(const char *path, int folder, const PfExtension *const *taken,
            GPtrArray *loaded, GError **error)
{
    g_autoptr(GPtrArray) files = list_files(folder, error);

    for (guint i = 0; files && i < files->len; i++) {
        const char *file = g_ptr_array_index(files, i);
        g_autoptr(GError) reason = NULL;
        const PfExtension *extension;

        /* Should its code end this process, the log says whose it was. */
        VLOG_INFO("%s/%s: to be loaded", path, file);
        extension = load_file(folder, file, taken, loaded, &reason);
        if (extension) {
            VLOG_INFO("%s/%s: extension %s, version %u (%s)", path, file,
                      extension->name, extension->version,
                      extension->summary);
        } else {
            VLOG_WARN("%s/%s is left out: %s", path, file, reason->message);
        }
        g_ptr_array_add(loaded,
                        pf_loaded_new(file, extension,
                                      extension ? NULL : reason->message));
    }
    return files != NULL;
}

GPtrArray *
pf_loader_load(const char *path, const PfExtension *const *taken)
{
    GPtrArray *loaded = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_loaded_free);
    g_autoptr(GError) error = NULL;
    struct stat s;

    if (!path || (lstat(path, &s) && errno == ENOENT)) {
        return loaded;
    }
    int folder = open_checked(AT_FDCWD, path, S_IFDIR, &error);
    if (folder >= 0) {
        load_folder(path, folder, taken, loaded, &error);
        close(folder);
    }
    if (error) {
        VLOG_WARN("%s: no extension is loaded from here: it %s", path,
                  error->message);
        g_ptr_array_add(loaded, pf_loaded_new(path, NULL, error->message));
    }
    return loaded;
}
