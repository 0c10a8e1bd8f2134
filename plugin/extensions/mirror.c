/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror: the extension that owns a port's membership in its bridge's mirrors.
 *
 * A mirror belongs to its host, and does not travel; that a port is selected
 * by it, or is where it outputs to, does, by the mirror's name (policies:
 * mirror-rows.h).  A mirror that selects every port (select_all) says nothing
 * about this one.  One without a name cannot be found on another host: that it
 * selects the port stays behind, with a note, or keeps the guest where it is
 * if the network requires mirrors.  Several mirrors of one name on a bridge
 * are one to the source, and none to the destination, which cannot know which
 * is meant.
 *
 * Whoever a mirror outputs to gets frames of others.  Policies come from the
 * guest's XML, and those who edit that are not those who say who may see what:
 * so a port becomes an output only where the network has the option `output'
 * = "yes".
 *
 * Open vSwitch itself takes a port out of all mirrors when its row goes.  What
 * it was to them is kept in the mirrors' own external_ids for the way back, so
 * that it returns to those without a name, too.
 */
#include <config.h>

#include "plugin/extension.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/extensions/mirror-rows.h"

#define MAX_MIRRORS 32          /* Of a bridge: Open vSwitch. */
#define MAX_NAME 1024           /* Bytes. */

#define MIRROR_ERROR g_quark_from_static_string("portferry-mirror")

enum mirror_error {
    MIRROR_ERROR_NO_PORT,       /* Its row should be there. */
    MIRROR_ERROR_TAKEN,         /* The mirror outputs elsewhere. */
    MIRROR_ERROR_MISSING,       /* There is none, or more than one. */
    MIRROR_ERROR_FORBIDDEN,     /* The network does not allow outputs. */
};

static const PfHost *host;

/* ---- Where the guest runs ----------------------------------------------- */

/* What policies cannot say. */
struct unsaid {
    guint nameless;             /* Mirrors without a name, */
    guint namesakes;            /* and with the name of another. */
};

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Policies from a map of names to PfMirrorRoles, and how many mirrors have no
 * name; floating. */
static GVariant *
make_policies(GHashTable *named, guint nameless)
{
    guint n = g_hash_table_size(named);
    g_autofree gpointer *names = g_hash_table_get_keys_as_array(named, NULL);
    GVariantBuilder mirrors, policies;

    qsort(names, n, sizeof *names, compare_names);
    g_variant_builder_init(&mirrors, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < n; i++) {
        gpointer set = g_hash_table_lookup(named, names[i]);

        g_variant_builder_add(
            &mirrors, "{sv}", names[i],
            pf_mirror_roles_to_variant(GPOINTER_TO_UINT(set)));
    }
    g_variant_builder_init(&policies, G_VARIANT_TYPE_VARDICT);
    if (n) {
        g_variant_builder_add(&policies, "{sv}", "mirrors",
                              g_variant_builder_end(&mirrors));
    } else {
        g_variant_builder_clear(&mirrors);
    }
    if (nameless) {
        g_variant_builder_add(&policies, "{sv}", "unnamed",
                              g_variant_new_int64(nameless));
    }
    return g_variant_builder_end(&policies);
}

/* The policies of 'port', 'uuid', floating.  Of one that is torn down they are
 * what they were. */
static GVariant *
read_policies(const PfExtensionPort *port, const char *uuid,
              struct unsaid *unsaid)
{
    g_autoptr(GPtrArray) mirrors = pf_mirrors_of(NULL, port->bridge);
    g_autoptr(GHashTable) named = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < mirrors->len; i++) {
        const PfRow *mirror = mirrors->pdata[i];
        PfMirrorRoles set = (pf_mirror_roles_of(mirror, uuid)
                             | pf_mirror_kept(mirror, port->name));
        g_autofree char *name = pf_mirror_row_name(mirror);
        guint before = GPOINTER_TO_UINT(g_hash_table_lookup(named, name));

        if (set && !name[0]) {
            unsaid->nameless++;
        } else if (set) {
            unsaid->namesakes += before != 0;
            g_hash_table_insert(named, g_steal_pointer(&name),
                                GUINT_TO_POINTER(set | before));
        }
    }
    return make_policies(named, unsaid->nameless);
}

/* Says the port's policies, and, with 'notes', what is not among them. */
static void
say_policies(PfCall *call, const PfExtensionPort *port, gboolean notes)
{
    const PfRow *row = host->find(NULL, "Port", "name", port->name);
    g_autofree char *role = row ? host->get_key(row, "external_ids",
                                                "portferry-role") : NULL;
    g_autofree char *uuid = row ? host->uuid(row) : NULL;
    struct unsaid unsaid = { 0, 0 };

    /* A stand-in has none of its own to tell of. */
    if (!row || !g_strcmp0(role, "carrier") || !g_strcmp0(role, "mailbox")) {
        return;
    }
    host->policies(call, read_policies(port, uuid, &unsaid));
    if (notes && unsaid.nameless) {
        host->note(call, "port '%s' is in mirrors without a name on bridge "
                   "'%s' (%u): that stays behind", port->name, port->bridge,
                   unsaid.nameless);
    }
    if (notes && unsaid.namesakes) {
        host->note(call, "port '%s' is in mirrors of one name on bridge '%s' "
                   "(%u more than there are names): they are taken for one",
                   port->name, port->bridge, unsaid.namesakes);
    }
}

static void
mirror_get_policies(PfCall *call, const PfExtensionPort *port)
{
    say_policies(call, port, FALSE);
    host->end(call, NULL);
}

static void
mirror_nic_save(PfCall *call, const PfExtensionPort *port)
{
    say_policies(call, port, TRUE);
    host->end(call, NULL);
}

/* ---- Verification ------------------------------------------------------- */

static void
check_mirror(PfCall *call, const char *name, GVariant *value)
{
    PfMirrorRoles set;

    if (!name[0] || strlen(name) > MAX_NAME) {
        host->problem(call, "mirrors: '%.64s' is not the name of a mirror "
                      "(1 to %d bytes)", name, MAX_NAME);
    }
    if (!pf_mirror_roles_from_variant(value, &set)) {
        host->problem(call, "mirrors:%.64s is not a list of src, dst and out",
                      name);
    }
}

/* Whether 'value' can be the "unnamed" of policies. */
static gboolean
is_count(GVariant *value)
{
    return (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)
            && g_variant_get_int64(value) >= 1
            && g_variant_get_int64(value) <= MAX_MIRRORS);
}

static void
mirror_verify_syntax(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
                     GVariant *policies)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, policies);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) owned = value;
        GVariantIter members;
        GVariant *member;

        if (!strcmp(key, "unnamed")) {
            if (!is_count(owned)) {
                host->problem(call, "'unnamed' is not a number from 1 to %d",
                              MAX_MIRRORS);
            }
        } else if (strcmp(key, "mirrors")) {
            host->problem(call, "'%.64s' is neither 'mirrors' nor 'unnamed'",
                          key);
        } else if (!g_variant_is_of_type(owned, G_VARIANT_TYPE_VARDICT)
                   || g_variant_n_children(owned) > MAX_MIRRORS) {
            host->problem(call, "'mirrors' is not a map of at most %d "
                          "mirrors", MAX_MIRRORS);
        } else {
            g_variant_iter_init(&members, owned);
            while (g_variant_iter_next(&members, "{&sv}", &key, &member)) {
                check_mirror(call, key, member);
                g_variant_unref(member);
            }
        }
    }
    host->end(call, NULL);
}

/* Called for each mirror in policies, with how many there are of that name on
 * the port's bridge, and one of them. */
typedef void MirrorFunc(PfCall *, const PfExtensionPort *, const char *name,
                        PfMirrorRoles, guint n, const PfRow *mirror);

static void
for_each(PfCall *call, const PfExtensionPort *port, GVariant *policies,
         MirrorFunc *func)
{
    g_autoptr(GVariant) all = g_variant_lookup_value(
        policies, "mirrors", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GPtrArray) mirrors = pf_mirrors_of(NULL, port->bridge);
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (!all) {
        return;
    }
    g_variant_iter_init(&iter, all);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        const PfRow *mirror = NULL;
        guint n = pf_mirrors_named(mirrors, name, &mirror);
        PfMirrorRoles set = 0;

        pf_mirror_roles_from_variant(value, &set);
        func(call, port, name, set, n, mirror);
        g_variant_unref(value);
    }
}

/* Whether the network allows its guests to be a mirror's output. */
static gboolean
allows_output(const PfExtensionPort *port)
{
    const char *option;

    return (g_variant_lookup(port->options, "output", "&s", &option)
            && !strcmp(option, "yes"));
}

/* Why it is refused. */
static char *
forbidden_text(const char *mirror, const char *network)
{
    return g_strdup_printf(
        "the port would be the output of mirror '%.64s', which network '%s' "
        "does not allow its guests (<portferry:option name=\"output\" "
        "value=\"yes\"/> of extension \"mirror\" in its XML does)", mirror,
        network);
}

static void
check_may_output(PfCall *call, const PfExtensionPort *port, const char *name,
                 PfMirrorRoles set, guint n G_GNUC_UNUSED,
                 const PfRow *mirror G_GNUC_UNUSED)
{
    if (set & PF_MIRROR_OUT && !allows_output(port)) {
        g_autofree char *text = forbidden_text(name, port->network);

        host->problem(call, "%s", text);
    }
}

static void
mirror_verify_range(PfCall *call, const PfExtensionPort *port,
                    GVariant *policies)
{
    for_each(call, port, policies, check_may_output);
    host->end(call, NULL);
}

/* That 'bridge' has 'n' mirrors 'name', where it should have one. */
static char *
missing_text(const char *bridge, const char *name, guint n)
{
    return n ? g_strdup_printf("bridge '%s' has %u mirrors '%.64s'", bridge, n,
                               name)
             : g_strdup_printf("bridge '%s' has no mirror '%.64s'", bridge,
                               name);
}

/* Why that refuses a port of a network that requires mirrors. */
#define REQUIRED_TEXT \
    "%s (network '%s' requires the extension in its XML: make one mirror of " \
    "that name)"

static void
check_exists(PfCall *call, const PfExtensionPort *port, const char *name,
             PfMirrorRoles set G_GNUC_UNUSED, guint n,
             const PfRow *mirror G_GNUC_UNUSED)
{
    g_autofree char *text = missing_text(port->bridge, name, n);

    if (n == 1) {
        return;
    }
    if (port->required) {
        host->problem(call, REQUIRED_TEXT, text, port->network);
    } else {
        host->note(call, "warning: %s: the port comes without it", text);
    }
}

/* What the port is to mirrors without a name. */
static void
check_unnamed(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    gint64 n;

    if (!g_variant_lookup(policies, "unnamed", "x", &n)) {
        return;
    }
    if (port->required) {
        host->problem(call, "mirrors without a name have the port where it "
                      "is (%" G_GINT64_FORMAT "), which no other host can "
                      "find (network '%s' requires the extension in its XML: "
                      "name them, or take the port out of them)", n,
                      port->network);
    } else {
        host->note(call, "warning: mirrors without a name have the port where "
                   "it is (%" G_GINT64_FORMAT "): it comes without them", n);
    }
}

static void
mirror_verify_applicability(PfCall *call, const PfExtensionPort *port,
                            GVariant *policies)
{
    for_each(call, port, policies, check_exists);
    check_unnamed(call, port, policies);
    host->end(call, NULL);
}

static void
check_output(PfCall *call, const PfExtensionPort *port,
             const char *name G_GNUC_UNUSED, PfMirrorRoles set, guint n,
             const PfRow *mirror)
{
    const PfRow *row = (port->is_here
                        ? host->find(NULL, "Port", "name", port->name)
                        : NULL);
    g_autofree char *uuid = row ? host->uuid(row) : NULL;
    g_autofree char *taken = (n == 1 && set & PF_MIRROR_OUT
                              ? pf_mirror_output_taken(NULL, mirror, uuid)
                              : NULL);

    if (taken) {
        host->problem(call, "bridge '%s': %s", port->bridge, taken);
    }
}

static void
mirror_verify_conflict(PfCall *call, const PfExtensionPort *port,
                       GVariant *policies)
{
    for_each(call, port, policies, check_output);
    host->end(call, NULL);
}

/* ---- Changes ------------------------------------------------------------ */

struct job {
    char *name;                 /* Of the port. */
    char *bridge;
    char *network;
    gboolean required;          /* The network requires mirrors, */
    gboolean may_output;        /* and allows the port to be an output. */
    GVariant *old;              /* Policies whose roles it loses, if they are
                                 * not in 'policies'. */
    GVariant *policies;         /* Those to have. */
};

static void
job_free(gpointer job_)
{
    struct job *job = job_;

    g_free(job->name);
    g_free(job->bridge);
    g_free(job->network);
    g_variant_unref(job->old);
    g_variant_unref(job->policies);
    g_free(job);
}

/* Lets 'apply' take part in the request's transaction. */
static void
change(PfCall *call, const PfExtensionPort *port, GVariant *old,
       GVariant *policies, PfApplyFunc *apply)
{
    struct job *job = g_new0(struct job, 1);

    job->name = g_strdup(port->name);
    job->bridge = g_strdup(port->bridge);
    job->network = g_strdup(port->network);
    job->required = port->required;
    job->may_output = allows_output(port);
    job->old = g_variant_ref(old);
    job->policies = g_variant_ref(policies);
    host->change(call, apply, job, job_free);
    host->end(call, NULL);
}

/* What is done to one mirror of those of the job's bridge, 'all'; 'uuid' is
 * that of the port, NULL if there is none. */
typedef gboolean ApplyMirror(PfTxn *, const struct job *, const GPtrArray *all,
                             const PfRow *mirror, const char *uuid,
                             GError **error);

static gboolean
apply_each(PfTxn *txn, const struct job *job, ApplyMirror *func,
           GError **error)
{
    const PfRow *port = host->find(txn, "Port", "name", job->name);
    g_autofree char *uuid = port ? host->uuid(port) : NULL;
    g_autoptr(GPtrArray) mirrors = pf_mirrors_of(txn, job->bridge);

    for (guint i = 0; i < mirrors->len; i++) {
        if (!func(txn, job, mirrors, mirrors->pdata[i], uuid, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Destination -------------------------------------------------------- */

/* Whether the port 'uuid' may get the roles 'add' in 'mirror', 'name'; FALSE
 * with '*error' set if not. */
static gboolean
may_have(PfTxn *txn, const struct job *job, const PfRow *mirror,
         const char *name, const char *uuid, PfMirrorRoles add,
         GError **error)
{
    g_autofree char *taken = NULL;

    if (!(add & PF_MIRROR_OUT)) {
        return TRUE;
    }
    if (!job->may_output
        && !(pf_mirror_roles_of(mirror, uuid) & PF_MIRROR_OUT)) {
        g_autofree char *text = forbidden_text(name, job->network);

        g_set_error_literal(error, MIRROR_ERROR, MIRROR_ERROR_FORBIDDEN,
                            text);
        return FALSE;
    }
    taken = pf_mirror_output_taken(txn, mirror, uuid);
    if (taken) {
        g_set_error(error, MIRROR_ERROR, MIRROR_ERROR_TAKEN, "bridge '%s': %s",
                    job->bridge, taken);
        return FALSE;
    }
    return TRUE;
}

static gboolean
bring_one(PfTxn *txn, const struct job *job, const GPtrArray *all,
          const PfRow *mirror, const char *uuid, GError **error)
{
    g_autofree char *name = pf_mirror_row_name(mirror);
    gboolean named = pf_mirror_is_named(all, mirror);
    PfMirrorRoles add = named ? pf_mirror_roles_in(job->policies, name) : 0;
    PfMirrorRoles drop = named ? pf_mirror_roles_in(job->old, name) & ~add : 0;

    /* What an earlier stay may have left means nothing any more. */
    return (may_have(txn, job, mirror, name, uuid, add, error)
            && pf_mirror_set_roles(txn, mirror, uuid, add, drop, error)
            && pf_mirror_keep(txn, mirror, job->name, 0, error));
}

/* property_add and nic_restore. */
static gboolean
apply_bring(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;

    if (!host->find(txn, "Port", "name", job->name)) {
        g_set_error(error, MIRROR_ERROR, MIRROR_ERROR_NO_PORT,
                    "port '%s' is not on bridge '%s' any more", job->name,
                    job->bridge);
        return FALSE;
    }
    return apply_each(txn, job, bring_one, error);
}

/* Whether the mirrors that were there at verification still are. */
static gboolean
check_all_exist(PfTxn *txn, const struct job *job, GError **error)
{
    g_autoptr(GVariant) named = g_variant_lookup_value(
        job->policies, "mirrors", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GPtrArray) mirrors = pf_mirrors_of(txn, job->bridge);
    GVariantIter iter;
    const char *name;

    if (!named) {
        return TRUE;
    }
    g_variant_iter_init(&iter, named);
    while (g_variant_iter_next(&iter, "{&sv}", &name, NULL)) {
        const PfRow *mirror;
        guint n = pf_mirrors_named(mirrors, name, &mirror);

        if (n != 1) {
            g_autofree char *text = missing_text(job->bridge, name, n);

            g_set_error(error, MIRROR_ERROR, MIRROR_ERROR_MISSING,
                        REQUIRED_TEXT, text, job->network);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
apply_add(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;

    return ((!job->required || check_all_exist(txn, job, error))
            && apply_bring(txn, job, error));
}

static void
mirror_property_add(PfCall *call, const PfExtensionPort *port,
                    GVariant *policies)
{
    change(call, port, policies, policies, apply_add);
}

/* Out of the mirror, also if policies cannot name it. */
static gboolean
remove_one(PfTxn *txn, const struct job *job,
           const GPtrArray *all G_GNUC_UNUSED, const PfRow *mirror,
           const char *uuid, GError **error)
{
    return ((!uuid || pf_mirror_set_roles(txn, mirror, uuid, 0,
                                          PF_MIRROR_ALL, error))
            && pf_mirror_keep(txn, mirror, job->name, 0, error));
}

static gboolean
apply_remove(PfTxn *txn, gpointer job, GError **error)
{
    return apply_each(txn, job, remove_one, error);
}

static void
mirror_property_remove(PfCall *call, const PfExtensionPort *port,
                       GVariant *policies)
{
    change(call, port, policies, policies, apply_remove);
}

/* Whether the port has what 'new_' says of the mirrors in 'old' and 'new_'. */
static gboolean
is_restored(const PfExtensionPort *port, GVariant *old, GVariant *new_)
{
    g_autoptr(GPtrArray) mirrors = pf_mirrors_of(NULL, port->bridge);
    const PfRow *row = host->find(NULL, "Port", "name", port->name);
    g_autofree char *uuid = row ? host->uuid(row) : NULL;

    for (guint i = 0; i < mirrors->len; i++) {
        const PfRow *mirror = mirrors->pdata[i];
        g_autofree char *name = pf_mirror_row_name(mirror);
        PfMirrorRoles wanted = pf_mirror_roles_in(new_, name);
        PfMirrorRoles known = wanted | pf_mirror_roles_in(old, name);

        if (known && pf_mirror_is_named(mirrors, mirror)
            && (!uuid
                || (pf_mirror_roles_of(mirror, uuid) & known) != wanted)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* A required one that has gone since property_add: the guest has stopped on
 * the source, and is not refused its port any more. */
static void
note_missing(PfCall *call, const PfExtensionPort *port, const char *name,
             PfMirrorRoles set G_GNUC_UNUSED, guint n,
             const PfRow *mirror G_GNUC_UNUSED)
{
    g_autofree char *text = missing_text(port->bridge, name, n);

    if (n != 1) {
        host->note(call, "warning: %s: port '%s' comes without it",
                   text, port->name);
    }
}

static void
mirror_nic_restore(PfCall *call, const PfExtensionPort *port, GVariant *old,
                   GVariant *new_, GVariant *chunks G_GNUC_UNUSED)
{
    if (port->required) {
        for_each(call, port, new_, note_missing);
    }
    if (is_restored(port, old, new_)) {
        host->end(call, NULL);
    } else {
        change(call, port, old, new_, apply_bring);
    }
}

/* ---- Source ------------------------------------------------------------- */

static gboolean
tear_down_one(PfTxn *txn, const struct job *job,
              const GPtrArray *all G_GNUC_UNUSED, const PfRow *mirror,
              const char *uuid, GError **error)
{
    PfMirrorRoles has = uuid ? pf_mirror_roles_of(mirror, uuid) : 0;

    /* The second time there is nothing to take away, and the mark stays. */
    return (!has || (pf_mirror_keep(txn, mirror, job->name, has, error)
                     && pf_mirror_set_roles(txn, mirror, uuid, 0, has,
                                            error)));
}

static gboolean
apply_teardown(PfTxn *txn, gpointer job, GError **error)
{
    return apply_each(txn, job, tear_down_one, error);
}

static void
mirror_port_teardown(PfCall *call, const PfExtensionPort *port,
                     GVariant *policies)
{
    change(call, port, policies, policies, apply_teardown);
}

/* By the mark or, if the mirror was made anew meanwhile, by its name.  A guest
 * that stays shall not be refused its port for a mirror's sake: what is taken
 * is left out. */
static gboolean
return_one(PfTxn *txn, const struct job *job, const GPtrArray *all,
           const PfRow *mirror, const char *uuid, GError **error)
{
    g_autofree char *name = pf_mirror_row_name(mirror);
    g_autofree char *taken = pf_mirror_output_taken(txn, mirror, uuid);
    PfMirrorRoles add = pf_mirror_kept(mirror, job->name);

    if (!uuid) {
        return TRUE;
    }
    if (!add && pf_mirror_is_named(all, mirror)) {
        add = pf_mirror_roles_in(job->policies, name);
    }
    if (taken) {
        add &= ~PF_MIRROR_OUT;
    }
    return (pf_mirror_set_roles(txn, mirror, uuid, add, 0, error)
            && pf_mirror_keep(txn, mirror, job->name, 0, error));
}

static gboolean
apply_return(PfTxn *txn, gpointer job, GError **error)
{
    return apply_each(txn, job, return_one, error);
}

static void
note_lost(PfCall *call, const PfExtensionPort *port, const char *name,
          PfMirrorRoles set, guint n, const PfRow *mirror)
{
    const PfRow *row = host->find(NULL, "Port", "name", port->name);
    g_autofree char *uuid = row ? host->uuid(row) : NULL;
    g_autofree char *taken = (n == 1 && set & PF_MIRROR_OUT
                              ? pf_mirror_output_taken(NULL, mirror, uuid)
                              : NULL);

    if (!n) {
        host->note(call, "bridge '%s' has no mirror '%s' any more: port '%s' "
                   "returns without it", port->bridge, name, port->name);
    } else if (taken) {
        host->note(call, "port '%s' of bridge '%s' is not mirrored to any "
                   "more: %s", port->name, port->bridge, taken);
    }
}

static void
mirror_port_return(PfCall *call, const PfExtensionPort *port,
                   GVariant *policies)
{
    for_each(call, port, policies, note_lost);
    change(call, port, policies, policies, apply_return);
}

static gboolean
forget_one(PfTxn *txn, const struct job *job,
           const GPtrArray *all G_GNUC_UNUSED, const PfRow *mirror,
           const char *uuid G_GNUC_UNUSED, GError **error)
{
    return pf_mirror_keep(txn, mirror, job->name, 0, error);
}

static gboolean
apply_gone(PfTxn *txn, gpointer job, GError **error)
{
    return apply_each(txn, job, forget_one, error);
}

static void
mirror_port_gone(PfCall *call, const PfExtensionPort *port,
                 GVariant *policies)
{
    change(call, port, policies, policies, apply_gone);
}

/* ---- The extension ------------------------------------------------------ */

static gboolean
mirror_init(const PfHost *host_, GError **error G_GNUC_UNUSED)
{
    host = host_;
    pf_mirror_rows_init(host);
    return TRUE;
}

static const char *const columns[] = {
    "Bridge.name", "Bridge.mirrors",
    "Port.name", "Port.external_ids",
    "Mirror.name", "Mirror.select_src_port", "Mirror.select_dst_port",
    "Mirror.output_port", "Mirror.output_vlan", "Mirror.external_ids",
    NULL
};

const PfExtension pf_extension_mirror = {
    .abi = PF_EXTENSION_ABI,
    .name = "mirror",
    .version = 1,
    .order = 300,
    .summary = "membership in mirrors",
    .columns = columns,
    .init = mirror_init,
    .get_policies = mirror_get_policies,
    .nic_save = mirror_nic_save,
    .verify_syntax = mirror_verify_syntax,
    .verify_range = mirror_verify_range,
    .verify_applicability = mirror_verify_applicability,
    .verify_conflict = mirror_verify_conflict,
    .property_add = mirror_property_add,
    .property_remove = mirror_property_remove,
    .nic_restore = mirror_nic_restore,
    .port_teardown = mirror_port_teardown,
    .port_return = mirror_port_return,
    .port_gone = mirror_port_gone,
};
