/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the loader and the registry of extensions (loader.h, extension.h),
 * with the shared objects that are made of fixtures/module.c, and with the
 * example, built as somebody else would: outside of the tree, with what `make
 * install' has installed and nothing else.
 */
#include <config.h>

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "extension.h"
#include "loader.h"

/* ---- Helpers ---------------------------------------------------------- */

#define NOBODY 65534

/* Extensions whose names are not free. */
static const PfExtension built_in = { .name = "port" };
static const PfExtension *const taken[] = { &built_in, NULL };

/* Runs a command that must succeed; returns what it has printed. */
G_GNUC_PRINTF(1, 2)
static char *
run(const char *format, ...)
{
    g_autofree char *output = NULL;
    g_autofree char *errors = NULL;
    g_autoptr(GError) error = NULL;
    int status;
    va_list args;

    va_start(args, format);
    g_autofree char *script = g_strdup_vprintf(format, args);
    va_end(args);
    const char *argv[] = { "/bin/sh", "-ec", script, NULL };
    g_spawn_sync(NULL, (char **) argv, NULL, 0, NULL, NULL, &output, &errors,
                 &status, &error);
    g_assert_no_error(error);
    if (!g_spawn_check_wait_status(status, &error)) {
        g_error("%s: %s\n%s%s", script, error->message, output, errors);
    }
    return g_strchomp(g_steal_pointer(&output));
}

/* A folder for a test, which is as portferryd wants it. */
static char *
make_folder(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("test-loader-XXXXXX", &error);

    g_assert_no_error(error);
    g_assert_cmpint(g_chmod(folder, 0755), ==, 0);
    return folder;
}

static void
remove_folder(const char *folder)
{
    g_autofree char *said = run("chmod -R u+w '%s' && rm -rf '%s'", folder,
                                folder);

    g_assert_cmpstr(said, ==, "");
}

/* Puts the shared object 'module' into 'folder' as 'file'.  It is a file of
 * its own: the dynamic linker knows one that it has seen. */
static void
put(const char *folder, const char *module, const char *file)
{
    g_autofree char *said = run("install -m 644 '%s/modules/%s.so' '%s/%s'",
                                g_test_get_dir(G_TEST_BUILT), module, folder,
                                file);

    g_assert_cmpstr(said, ==, "");
}

/* What became of the only file of 'folder', or of 'folder' itself. */
static const char *
load_error(const char *folder, const char *file)
{
    static char *kept;
    g_autoptr(GPtrArray) loaded = pf_loader_load(folder, taken);

    g_assert_cmpuint(loaded->len, ==, 1);
    const PfLoaded *only = g_ptr_array_index(loaded, 0);
    g_assert_cmpstr(only->file, ==, file);
    g_assert_true((only->extension == NULL) == (only->error != NULL));
    g_free(kept);
    kept = g_strdup(only->error);
    return kept;
}

/* Demands that 'module' is left out with exactly 'text'. */
static void
assert_module(const char *module, const char *text)
{
    g_autofree char *folder = make_folder();

    put(folder, module, "it.so");
    g_assert_cmpstr(load_error(folder, "it.so"), ==, text);
    remove_folder(folder);
}

/* Demands that a good module is left out with exactly 'text' after the shell
 * command 'spoil' in its folder. */
static void
assert_file(const char *spoil, const char *text)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "it.so");
    g_assert_cmpstr(load_error(folder, "it.so"), ==, NULL);
    g_autofree char *said = run("cd '%s' && %s", folder, spoil);
    g_assert_cmpstr(load_error(folder, "it.so"), ==, text);
    remove_folder(folder);
}

/* The same for the folder: nothing of it is loaded. */
static void
assert_folder(const char *spoil, const char *text)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "it.so");
    g_autofree char *said = run("cd '%s' && %s", folder, spoil);
    g_assert_cmpstr(load_error(folder, folder), ==, text);
    remove_folder(folder);
}

/* ---- What is loaded --------------------------------------------------- */

static void
test_loads_a_good_one(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "it.so");
    g_autoptr(GPtrArray) loaded = pf_loader_load(folder, taken);
    g_assert_cmpuint(loaded->len, ==, 1);
    const PfLoaded *only = g_ptr_array_index(loaded, 0);
    g_assert_cmpstr(only->error, ==, NULL);
    g_assert_cmpstr(only->file, ==, "it.so");
    g_assert_nonnull(only->extension);
    g_assert_cmpstr(only->extension->name, ==, "fixture-good");
    g_assert_cmpuint(only->extension->version, ==, 3);
    remove_folder(folder);
}

static void
test_loads_one_whose_symbols_are_hidden(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "hidden", "it.so");
    g_assert_cmpstr(load_error(folder, "it.so"), ==, NULL);
    remove_folder(folder);
}

static void
test_no_folder_is_no_failure(void)
{
    g_autoptr(GPtrArray) none = pf_loader_load(NULL, taken);
    g_autofree char *folder = make_folder();

    g_assert_cmpuint(none->len, ==, 0);
    g_autoptr(GPtrArray) empty = pf_loader_load(folder, taken);
    g_assert_cmpuint(empty->len, ==, 0);
    remove_folder(folder);
    g_autoptr(GPtrArray) missing = pf_loader_load(folder, taken);
    g_assert_cmpuint(missing->len, ==, 0);
}

static void
test_looks_at_shared_objects_only(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "it.so.dpkg-old");
    put(folder, "good", "it.txt");
    put(folder, "good", ".it.so");
    g_autoptr(GPtrArray) loaded = pf_loader_load(folder, taken);
    g_assert_cmpuint(loaded->len, ==, 0);
    remove_folder(folder);
}

static void
test_a_bad_one_does_not_hold_up_the_others(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "wrong-abi", "a.so");
    put(folder, "good", "b.so");
    put(folder, "unresolved", "c.so");
    put(folder, "first", "d.so");
    g_autoptr(GPtrArray) loaded = pf_loader_load(folder, taken);
    g_autoptr(GString) said = g_string_new(NULL);
    for (guint i = 0; i < loaded->len; i++) {
        const PfLoaded *file = g_ptr_array_index(loaded, i);
        g_string_append_printf(said, "%s=%s ", file->file,
                               file->extension ? file->extension->name : "-");
    }
    g_assert_cmpstr(said->str, ==,
                    "a.so=- b.so=fixture-good c.so=- d.so=fixture-first ");
    remove_folder(folder);
}

/* ---- Modules that are left out ---------------------------------------- */

static void
test_refuses_another_version_of_the_interface(void)
{
    assert_module("wrong-abi",
                  "was built for version 7 of the extension interface, this "
                  "portferryd has 1: rebuild it");

    /* Nor an older one, or one that does not say. */
    const PfExtension older = {
        .name = "older", .version = 1, .summary = "x"
    };
    g_autoptr(GError) error = NULL;
    g_assert_false(pf_loader_check(&older, &error));
    g_assert_cmpstr(error->message, ==,
                    "was built for version 0 of the extension interface, this "
                    "portferryd has 1: rebuild it");
}

static void
test_refuses_a_name_that_is_none(void)
{
    assert_module("bad-name",
                  "its name begins with \"Fixture\\n\": a name is 1 to 32 of "
                  "a to z, 0 to 9 and -");
    assert_module("no-name", "has no name: set .name");
}

static void
test_refuses_a_name_of_a_built_in(void)
{
    assert_module("taken", "its name \"port\" is taken by a built-in "
                  "extension: give it another");
}

static void
test_refuses_a_name_of_an_earlier_file(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "a.so");
    put(folder, "good", "b.so");
    g_autoptr(GPtrArray) loaded = pf_loader_load(folder, taken);
    g_assert_cmpuint(loaded->len, ==, 2);
    const PfLoaded *first = g_ptr_array_index(loaded, 0);
    const PfLoaded *second = g_ptr_array_index(loaded, 1);
    g_assert_cmpstr(first->error, ==, NULL);
    g_assert_cmpstr(second->error, ==, "its name \"fixture-good\" is taken by "
                    "a.so: remove one of the two");
    g_assert_null(second->extension);
    remove_folder(folder);
}

static void
test_refuses_one_without_the_symbol(void)
{
    assert_module("no-symbol", "does not export portferry_extension: define "
                  "it, const and not static, or remove the file");
}

/* Also guards that portferryd exports none of its functions: this program is
 * linked as it is, and has that function. */
static void
test_refuses_an_unresolved_symbol(void)
{
    g_assert_nonnull(pf_loader_check);
    assert_module("unresolved",
                  "could not be loaded: undefined symbol: pf_loader_check: "
                  "link it with all that it uses; portferryd itself offers "
                  "nothing but its PfHost");
}

static void
test_refuses_what_is_no_shared_object(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *said = run("cd '%s' && echo 'not an object' >it.so && "
                                "chmod 644 it.so", folder);

    /* What is between is the dynamic linker's own. */
    const char *error = load_error(folder, "it.so");
    g_assert_cmpstr(error, !=, NULL);
    g_assert_true(g_str_has_prefix(error, "could not be loaded: "));
    g_assert_null(strstr(error, "/proc/"));
    g_assert_true(g_str_has_suffix(error, ": rebuild it for this host, or "
                                   "install what it needs"));
    remove_folder(folder);
}

/* ---- What an extension says of itself --------------------------------- */

static gboolean
init(const PfHost *host G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return TRUE;
}

static void
guest_runs(PfCall *call G_GNUC_UNUSED,
           const PfExtensionPort *port G_GNUC_UNUSED,
           PfGuestRuns reason G_GNUC_UNUSED)
{
}

/* A right one, to be spoilt. */
static PfExtension
right(void)
{
    return (PfExtension) {
        .abi = PF_EXTENSION_ABI,
        .name = "a",
        .version = 1,
        .summary = "nothing",
    };
}

/* Demands that 'extension' is refused with exactly 'text', or, NULL, taken. */
static void
assert_check(const PfExtension *extension, const char *text)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = pf_loader_check(extension, &error);

    g_assert_cmpstr(error ? error->message : NULL, ==, text);
    g_assert_cmpint(ok, ==, text == NULL);
}

static void
test_checks_a_name(void)
{
    PfExtension e = right();

    assert_check(&e, NULL);
    e.name = "abcdefghijklmnopqrstuvwxyz-01234";
    assert_check(&e, NULL);
    e.name = "abcdefghijklmnopqrstuvwxyz-012345";
    assert_check(&e, "its name begins with "
                 "\"abcdefghijklmnopqrstuvwxyz-012345\": a name is 1 to 32 of "
                 "a to z, 0 to 9 and -");
    e.name = "";
    assert_check(&e, "its name begins with \"\": a name is 1 to 32 of a to z, "
                 "0 to 9 and -");
}

static void
test_checks_a_version(void)
{
    PfExtension e = right();

    e.version = 999999;
    assert_check(&e, NULL);
    e.version = 1000000;
    assert_check(&e, "its version 1000000 is not from 1 to 999999: set "
                 ".version");
    e.version = 0;
    assert_check(&e, "its version 0 is not from 1 to 999999: set .version");
}

static void
test_checks_what_people_are_told(void)
{
    PfExtension e = right();

    e.summary = NULL;
    assert_check(&e, "does not say in UTF-8 what it carries: set .summary");
    e.summary = "\xff";
    assert_check(&e, "does not say in UTF-8 what it carries: set .summary");
}

static void
test_checks_columns(void)
{
    static const char *const right_ones[] = { "Bridge.external_ids", NULL };
    static const char *const no_column[] = { "Port.name", "Bridge", NULL };
    static const char *const two_dots[] = { "Port.name.x", NULL };
    static const char *const no_table[] = { ".name", NULL };
    PfExtension e = right();

    e.columns = right_ones;
    assert_check(&e, NULL);
    e.columns = no_column;
    assert_check(&e, "column \"Bridge\" in its .columns is no TABLE.COLUMN");
    e.columns = two_dots;
    assert_check(&e, "column \"Port.name.x\" in its .columns is no "
                 "TABLE.COLUMN");
    e.columns = no_table;
    assert_check(&e, "column \".name\" in its .columns is no TABLE.COLUMN");
}

static void
test_demands_init_of_one_that_is_called(void)
{
    PfExtension e = right();

    e.guest_runs = guest_runs;
    assert_check(&e, "has functions, but without .init it can end no call: "
                 "set .init");
    e.init = init;
    assert_check(&e, NULL);
}

/* ---- Files that are left out ------------------------------------------ */

static void
test_refuses_a_file_that_others_may_write(void)
{
    assert_file("chmod g+w it.so",
                "may be written by others than its owner (mode 0664): take "
                "that away (chmod go-w)");
    assert_file("chmod o+w it.so",
                "may be written by others than its owner (mode 0646): take "
                "that away (chmod go-w)");
}

static void
test_refuses_a_file_of_somebody_else(void)
{
    if (geteuid()) {
        g_test_skip("only root can give files away");
        return;
    }
    assert_file("chown 65534 it.so",
                "belongs to user 65534: make it root's (chown root)");
}

static void
test_takes_a_file_of_its_own_user(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "it.so");
    if (!geteuid()) {
        /* As portferryd without root's rights: it takes its own, and those of
         * root, whose the folder is. */
        g_autofree char *file = g_build_filename(folder, "it.so", NULL);
        g_assert_cmpint(chown(file, NOBODY, -1), ==, 0);
        g_assert_cmpint(seteuid(NOBODY), ==, 0);
    }
    g_assert_cmpstr(load_error(folder, "it.so"), ==, NULL);
    g_assert_cmpint(seteuid(getuid()), ==, 0);
    remove_folder(folder);
}

static void
test_refuses_a_symbolic_link(void)
{
    assert_file("mv it.so real && ln -s real it.so",
                "is a symbolic link, which is not followed: put the regular "
                "file itself there");
    assert_file("rm it.so && ln -s nowhere it.so",
                "is a symbolic link, which is not followed: put the regular "
                "file itself there");
}

static void
test_refuses_what_is_no_regular_file(void)
{
    assert_file("rm it.so && mkdir it.so", "is no regular file: remove it");
    /* Without waiting for somebody to write into it. */
    assert_file("rm it.so && mkfifo it.so", "is no regular file: remove it");
}

static void
test_refuses_a_folder_that_others_may_write(void)
{
    assert_folder("chmod g+w .",
                  "may be written by others than its owner (mode 0775): take "
                  "that away (chmod go-w)");
    assert_folder("chmod 1777 .",
                  "may be written by others than its owner (mode 1777): take "
                  "that away (chmod go-w)");
}

static void
test_refuses_a_folder_of_somebody_else(void)
{
    if (geteuid()) {
        g_test_skip("only root can give files away");
        return;
    }
    assert_folder("chown 65534 .",
                  "belongs to user 65534: make it root's (chown root)");
}

static void
test_refuses_a_folder_that_is_none(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *link = g_build_filename(folder, "link", NULL);
    g_autofree char *file = g_build_filename(folder, "it.so", NULL);

    put(folder, "good", "it.so");
    g_autofree char *said = run("ln -s . '%s'", link);
    g_assert_cmpstr(load_error(link, link), ==,
                    "is a symbolic link, which is not followed: put the "
                    "folder itself there");
    g_assert_cmpstr(load_error(file, file), ==,
                    "is no folder: remove it");
    remove_folder(folder);
}

/* ---- The registry ----------------------------------------------------- */

/* The names of all extensions, in order. */
static char *
names(void)
{
    const PfExtension *const *e = pf_extensions();
    GString *s = g_string_new(NULL);

    for (; *e; e++) {
        g_string_append_printf(s, "%s ", (*e)->name);
        g_assert_true(pf_extension_find((*e)->name) == *e);
    }
    g_assert_cmpuint(pf_extensions_count(), ==,
                     e - pf_extensions());
    return g_string_free(s, FALSE);
}

static void
test_built_in_ones_are_as_the_interface_wants_them(void)
{
    pf_extensions_load(NULL);
    const PfExtension *const *e = pf_extensions();
    int last = 100;

    g_assert_cmpuint(pf_extensions_count(), ==, 6);
    for (; *e; e++) {
        g_test_message("%s", (*e)->name);
        assert_check(*e, NULL);
        g_assert_cmpint((*e)->order, >=, last);
        last = (*e)->order;
    }
    g_assert_cmpint(last, <=, 600);
    g_assert_null(pf_extension_find("fixture-good"));
    g_assert_cmpuint(pf_extensions_loaded()->len, ==, 0);
}

/* What fixtures have told. */
static GString *told;

static void
note_change(const PfExtension *extension, const char *what)
{
    g_string_append_printf(told, "%s:%s ", extension->name, what);
}

/* As much of a host as is needed to begin and to end. */
static const PfHost host = { .abi = PF_EXTENSION_ABI, .changed = note_change };

static void
test_order_is_by_number_and_name(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "a.so");
    put(folder, "first", "b.so");
    pf_extensions_load(folder);
    g_autofree char *before = names();
    g_assert_true(g_str_has_prefix(before, "fixture-first "));
    g_assert_nonnull(strstr(before, " fixture-good "));
    for (const PfExtension *const *e = pf_extensions(); e[1]; e++) {
        g_assert_cmpint(e[0]->order, <=, e[1]->order);
        if (e[0]->order == e[1]->order) {
            g_assert_cmpstr(e[0]->name, <, e[1]->name);
        }
    }
    remove_folder(folder);
}

static void
test_ends_in_reverse(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "good", "a.so");
    put(folder, "first", "b.so");
    pf_extensions_load(folder);
    told = g_string_new(NULL);
    pf_extensions_init(&host);
    g_assert_cmpstr(told->str, ==, "fixture-first:init fixture-good:init ");
    g_string_truncate(told, 0);
    pf_extensions_destroy();
    g_assert_cmpstr(told->str, ==,
                    "fixture-good:destroy fixture-first:destroy ");
    g_string_free(told, TRUE);
    remove_folder(folder);
}

static void
test_leaves_out_one_that_does_not_start(void)
{
    g_autofree char *folder = make_folder();

    put(folder, "fails", "a.so");
    put(folder, "good", "b.so");
    pf_extensions_load(folder);
    guint before = pf_extensions_count();
    g_assert_nonnull(pf_extension_find("fixture-fails"));
    told = g_string_new(NULL);
    pf_extensions_init(&host);
    g_assert_cmpuint(pf_extensions_count(), ==, before - 1);
    g_assert_null(pf_extension_find("fixture-fails"));
    g_assert_nonnull(pf_extension_find("fixture-good"));
    const PfLoaded *file = g_ptr_array_index(pf_extensions_loaded(), 0);
    g_assert_cmpstr(file->file, ==, "a.so");
    g_assert_null(file->extension);
    g_assert_cmpstr(file->error, ==, "could not start: there is no fixture");
    /* It has not begun, so it does not end. */
    pf_extensions_destroy();
    g_assert_cmpstr(told->str, ==, "fixture-good:init fixture-good:destroy ");
    g_string_free(told, TRUE);
    remove_folder(folder);
}

static void
test_the_log_says_which_one_ended_the_agent(void)
{
    if (g_test_subprocess()) {
        g_autofree char *folder = make_folder();

        put(folder, "crashes", "a.so");
        put(folder, "good", "b.so");
        pf_extensions_load(folder);
        remove_folder(folder);
        pf_extensions_init(&host);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*/a.so: to be loaded\n*/b.so: to be loaded\n*"
                              "extension fixture-crashes: to be started\n");
}

/* ---- As somebody else builds one -------------------------------------- */

/* Installs into 'folder' what an extension is built with, and returns the
 * folder of the pkg-config file.
 *
 * What is in 'folder' is not where its pkg-config file says.
 * PKG_CONFIG_SYSROOT_DIR would move GLib too, so that is put right here. */
static char *
install(const char *folder)
{
    g_autofree char *top = g_build_filename(g_test_get_dir(G_TEST_BUILT),
                                            "..", "..", NULL);
    g_autofree char *said = run(
        "unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR; "
        "make -C '%s' DESTDIR='%s' install-pkgincludeHEADERS "
        "install-pkgconfigDATA install-data-local", top, folder);
    char *pc = run("find '%s' -name portferry.pc", folder);

    g_assert_cmpstr(pc, !=, "");
    g_autofree char *nothing = run(
        "sed -i 's|^\\([a-z_]*=\\)/|\\1%s/|' '%s'", folder, pc);
    *strrchr(pc, '/') = '\0';
    return pc;
}

static void
test_the_example_is_built_and_loaded(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *installed = install(folder);
    g_autofree char *source = g_build_filename(
        g_test_get_dir(G_TEST_DIST), "..", "..", "plugin", "extensions",
        "example", NULL);

    g_autofree char *said = run(
        "unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR CPATH; "
        "umask 022; mkdir '%s/copy'; cd '%s/copy'; "
        "cp '%s/Makefile' '%s/labels.c' .; "
        "export PKG_CONFIG_PATH='%s'; make CFLAGS='-Wall -Wextra -Werror' "
        "install >&2; pkg-config --variable=extensiondir portferry",
        folder, folder, source, source, installed);
    g_assert_true(g_str_has_prefix(said, folder));
    g_assert_true(g_str_has_suffix(said, PF_EXTENSION_FOLDER));

    pf_extensions_load(said);
    g_assert_cmpuint(pf_extensions_loaded()->len, ==, 1);
    const PfLoaded *file = g_ptr_array_index(pf_extensions_loaded(), 0);
    g_assert_cmpstr(file->error, ==, NULL);
    g_assert_cmpstr(file->file, ==, "labels.so");
    g_assert_true(pf_extension_find("labels") == file->extension);
    remove_folder(folder);
}

static void
test_one_in_cplusplus_is_built_and_loaded(void)
{
    g_autofree char *compiler = g_find_program_in_path("c++");

    if (!compiler) {
        g_test_skip("there is no c++");
        return;
    }
    g_autofree char *folder = make_folder();
    g_autofree char *installed = install(folder);
    g_autofree char *source = g_test_build_filename(
        G_TEST_DIST, "fixtures", "module.cc", NULL);
    g_autofree char *said = run(
        "unset CPATH; cd '%s'; export PKG_CONFIG_PATH='%s'; "
        "c++ -Wall -Wextra -Wpedantic -Werror -fPIC -shared "
        "$(pkg-config --cflags portferry) -o it.so '%s' "
        "$(pkg-config --libs portferry) >&2", folder, installed, source);
    g_assert_cmpstr(said, ==, "");
    g_assert_cmpstr(load_error(folder, "it.so"), ==, NULL);
    remove_folder(folder);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    umask(022);
#define TEST(NAME) g_test_add_func("/loader/" #NAME, test_##NAME)
    TEST(loads_a_good_one);
    TEST(loads_one_whose_symbols_are_hidden);
    TEST(no_folder_is_no_failure);
    TEST(looks_at_shared_objects_only);
    TEST(a_bad_one_does_not_hold_up_the_others);
    TEST(refuses_another_version_of_the_interface);
    TEST(refuses_a_name_that_is_none);
    TEST(refuses_a_name_of_a_built_in);
    TEST(refuses_a_name_of_an_earlier_file);
    TEST(refuses_one_without_the_symbol);
    TEST(refuses_an_unresolved_symbol);
    TEST(refuses_what_is_no_shared_object);
    TEST(checks_a_name);
    TEST(checks_a_version);
    TEST(checks_what_people_are_told);
    TEST(checks_columns);
    TEST(demands_init_of_one_that_is_called);
    TEST(refuses_a_file_that_others_may_write);
    TEST(refuses_a_file_of_somebody_else);
    TEST(takes_a_file_of_its_own_user);
    TEST(refuses_a_symbolic_link);
    TEST(refuses_what_is_no_regular_file);
    TEST(refuses_a_folder_that_others_may_write);
    TEST(refuses_a_folder_of_somebody_else);
    TEST(refuses_a_folder_that_is_none);
    TEST(built_in_ones_are_as_the_interface_wants_them);
    TEST(order_is_by_number_and_name);
    TEST(ends_in_reverse);
    TEST(leaves_out_one_that_does_not_start);
    TEST(the_log_says_which_one_ended_the_agent);
    TEST(the_example_is_built_and_loaded);
    TEST(one_in_cplusplus_is_built_and_loaded);
    return g_test_run();
}
