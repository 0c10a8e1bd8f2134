/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-restore: what is left to do for a port's rules when its guest has
 * stopped elsewhere and is about to run here.
 *
 * Only the difference between what was installed before and what the port had
 * at last is carried out; rules with timeouts get what is left of them.  Most
 * often there is neither, and nothing is asked or said.
 */
#include <config.h>

#include "plugin/extensions/flows.h"

#include <stdio.h>
#include <string.h>

#include "plugin/extensions/flows-commands.h"
#include "plugin/extensions/flows-idle.h"
#include "plugin/extensions/flows-lost.h"
#include "plugin/extensions/flows-slice.h"
#include "plugin/extensions/flows-turn.h"

/* What is left of a rule's timeouts. */
typedef struct {
    guint idle, hard;
} Left;

typedef struct {
    PfCall *call;
    const PfExtensionPort *port;
    PfFlowOptions options;
    GVariant *old, *new_;
    GHashTable *left;           /* Digest of a line to Left *. */
    GVariant *less;             /* 'old' with rules only that are no more... */
    GVariant *due;              /* ...and 'new_' with those that are to be
                                 * added. */
    PfFlowSet *gone, *now;      /* The same, read. */
    gboolean is_lost;           /* What was installed may be gone. */
    gboolean tables_differ;     /* Groups or meters have changed. */
    PfFlowIds *ids;             /* NULL: as remembered. */
    gboolean has_turn;          /* Of the bridge. */
    GPtrArray *meters, *deletes, *commands;
    guint next;
    GHashTable *added;          /* Keys of rules that are added. */
} Restore;

static void
give_turn(Restore *restore)
{
    if (restore->has_turn) {
        restore->has_turn = FALSE;
        pf_flow_turn_release(restore->port->bridge);
    }
}

static void
restore_end(Restore *restore, const GError *error)
{
    give_turn(restore);
    pf_flows_host->end(restore->call, error);
    g_hash_table_unref(restore->left);
    g_clear_pointer(&restore->less, g_variant_unref);
    g_clear_pointer(&restore->due, g_variant_unref);
    pf_flow_set_unref(restore->gone);
    pf_flow_set_unref(restore->now);
    pf_flow_ids_free(restore->ids);
    g_ptr_array_unref(restore->meters);
    g_ptr_array_unref(restore->deletes);
    g_clear_pointer(&restore->commands, g_ptr_array_unref);
    g_hash_table_unref(restore->added);
    g_free(restore);
}

/* ---- Run-time data ------------------------------------------------------ */

/* Reads one "DIGEST IDLE HARD"; what is wrong is left aside, and the rule has
 * its whole timeouts. */
static void
read_left(GHashTable *left, const char *text)
{
    char digest[17];
    guint idle, hard;
    Left *one;

    if (sscanf(text, "%16[0-9a-f] %5u %5u", digest, &idle, &hard) == 3
        && strlen(digest) == 16 && idle <= G_MAXUINT16
        && hard <= G_MAXUINT16) {
        one = g_new0(Left, 1);
        one->idle = idle;
        one->hard = hard;
        g_hash_table_replace(left, g_strdup(digest), one);
    }
}

static GHashTable *
read_chunks(GVariant *chunks)
{
    GHashTable *left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                             g_free);
    gsize n = g_variant_n_children(chunks);

    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(chunks, i);
        g_autoptr(GVariant) chunk = g_variant_get_variant(boxed);

        if (g_variant_is_of_type(chunk, G_VARIANT_TYPE_VARDICT)) {
            g_autoptr(GPtrArray) lines = pf_flow_lines(chunk, "left");

            for (guint j = 0; j < lines->len; j++) {
                read_left(left, lines->pdata[j]);
            }
        }
    }
    return left;
}

/* ---- The difference ----------------------------------------------------- */

static GHashTable *
as_set(const GPtrArray *lines)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < lines->len; i++) {
        g_hash_table_add(set, lines->pdata[i]);
    }
    return set;
}

/* Whether list 'key' has other members in 'a' than in 'b'. */
static gboolean
list_differs(GVariant *a, GVariant *b, const char *key)
{
    g_autoptr(GPtrArray) lines_a = pf_flow_lines(a, key);
    g_autoptr(GPtrArray) lines_b = pf_flow_lines(b, key);
    g_autoptr(GHashTable) set = as_set(lines_a);

    if (lines_a->len != lines_b->len) {
        return TRUE;
    }
    for (guint i = 0; i < lines_b->len; i++) {
        if (!g_hash_table_contains(set, lines_b->pdata[i])) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether some rule of 'policies' has a timeout. */
static gboolean
has_timed(GVariant *policies)
{
    g_autoptr(GVariant) list = g_variant_lookup_value(
        policies, "rules", G_VARIANT_TYPE("av"));
    gsize n = list ? g_variant_n_children(list) : 0;

    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) line = g_variant_get_variant(boxed);

        if (g_variant_is_of_type(line, G_VARIANT_TYPE_STRING)
            && strstr(g_variant_get_string(line, NULL), "_timeout=")) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether a rule's line has to be carried out even if it is as it was. */
static gboolean
is_always_due(const Restore *restore, const char *line)
{
    return strstr(line, "_timeout=")
           || restore->is_lost
           || (restore->tables_differ
               && (strstr(line, "group:") || strstr(line, "meter:")));
}

/* 'policies', whose rules are 'lines', with those only that 'others' has not,
 * or that are always due; full reference.  '*n' is how many. */
static GVariant *
subtract(const Restore *restore, GVariant *policies, const GPtrArray *lines,
         const GPtrArray *others, gboolean always, guint *n)
{
    g_autoptr(GHashTable) set = as_set(others);
    GVariantBuilder rules;
    GVariantDict dict;

    *n = 0;
    g_variant_builder_init(&rules, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < lines->len; i++) {
        if (!g_hash_table_contains(set, lines->pdata[i])
            || (always && is_always_due(restore, lines->pdata[i]))) {
            g_variant_builder_add(&rules, "v",
                                  g_variant_new_string(lines->pdata[i]));
            ++*n;
        }
    }
    g_variant_dict_init(&dict, policies);
    g_variant_dict_insert_value(&dict, "rules",
                                g_variant_builder_end(&rules));
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

/* Finds what is no more and what is to be added: FALSE if there is neither.
 * There may be ten thousand rules, and no time. */
static gboolean
find_difference(Restore *restore)
{
    g_autoptr(GPtrArray) old = pf_flow_lines(restore->old, "rules");
    g_autoptr(GPtrArray) new_ = pf_flow_lines(restore->new_, "rules");
    guint n_gone, n_due;

    restore->less = subtract(restore, restore->old, old, new_, FALSE,
                             &n_gone);
    restore->due = subtract(restore, restore->new_, new_, old, TRUE, &n_due);
    return n_gone || n_due;
}

/* ---- Carrying it out ---------------------------------------------------- */

static void
swept(gpointer user, const GError *error)
{
    restore_end(user, error);
}

static void
old_set(gpointer user, PfFlowSet *set)
{
    Restore *restore = user;

    pf_flow_sweep(restore->port, pf_flows_timeout(restore->call), set, swept,
                  restore);
}

static void
carried_out(gpointer user, const GError *error)
{
    Restore *restore = user;

    if (error) {
        restore_end(restore, error);
        return;
    }
    if (restore->ids) {
        pf_flow_ids_remember(restore->port->name,
                             g_steal_pointer(&restore->ids));
    }
    give_turn(restore);
    pf_flow_lost_forget(restore->port->name);
    if (restore->tables_differ) {
        /* Those that the port had before, if nothing uses them now. */
        pf_flow_set_read_own(restore->old, restore->port->name,
                             restore->port->ofport, old_set, restore);
    } else {
        restore_end(restore, NULL);
    }
}

static void
say_all(Restore *restore)
{
    /* What is no more goes first. */
    g_ptr_array_extend_and_steal(restore->deletes,
                                 g_steal_pointer(&restore->commands));
    pf_flow_carry_out(restore->port->bridge, pf_flows_timeout(restore->call),
                      restore->meters, restore->deletes, carried_out,
                      restore);
}

/* Deletes the rules that are no more, but for those in whose place another
 * one comes, and then says it all. */
static gboolean
delete_step(gpointer user)
{
    Restore *restore = user;
    const PfFlowSet *gone = restore->gone;
    g_autofree char *key = NULL;

    if (restore->next == gone->rules->len) {
        say_all(restore);
        return FALSE;
    }

    const PfFlowRule *rule = gone->rules->pdata[restore->next++];
    key = pf_flow_rule_key(rule, gone->names, PF_FLOW_BY_NUMBER);
    if (!g_hash_table_contains(restore->added, key)) {
        g_ptr_array_add(restore->deletes,
                        pf_flow_command_delete(rule, gone->names));
    }
    return TRUE;
}

static void
add_rule(Restore *restore, PfFlowRule *rule)
{
    const PfFlowNames *names = restore->now->names;
    guint idle = rule->fm.idle_timeout, hard = rule->fm.hard_timeout;
    guint left_idle = idle;

    if (rule->line) {
        g_autofree char *digest = pf_flows_digest(rule->line);
        const Left *left = g_hash_table_lookup(restore->left, digest);

        if (left && left->idle) {
            left_idle = MIN(left->idle, idle);
        }
        if (left && left->hard) {
            hard = MIN(left->hard, hard);
        }
    }
    if (rule->line) {
        /* Its counters and its time begin here. */
        g_ptr_array_add(restore->commands,
                        pf_flow_command_delete(rule, names));
    }
    g_ptr_array_add(restore->commands,
                    pf_flow_command_add(rule, names, left_idle, hard));
    if (left_idle < idle) {
        rule->fm.idle_timeout = left_idle;
        rule->fm.hard_timeout = hard;
        pf_flow_idle_add(restore->port, rule, names, idle);
    }
}

static gboolean
add_step(gpointer user)
{
    Restore *restore = user;
    const PfFlowIds *ids = restore->ids
                           ? restore->ids
                           : pf_flow_ids_of(restore->port->name);
    PfFlowRule *rule;

    if (restore->next == restore->now->rules->len) {
        restore->next = 0;
        pf_flow_slice(delete_step, restore);
        return FALSE;
    }
    rule = restore->now->rules->pdata[restore->next++];
    if (ids) {
        pf_flow_rule_renumber(rule, ids->groups, ids->meters);
    }
    g_hash_table_add(restore->added, pf_flow_rule_key(
                         rule, restore->now->names, PF_FLOW_BY_NUMBER));
    add_rule(restore, rule);
    return TRUE;
}

static void
here_read(gpointer user, PfFlowHere *here_, const GError *error)
{
    Restore *restore = user;
    g_autoptr(PfFlowHere) here = here_;
    g_autoptr(GError) own_error = NULL;
    g_autofree char *why = NULL;

    if (!error) {
        restore->ids = pf_flow_ids_choose(restore->now, here, &why);
    }
    if (!restore->ids) {
        if (!error) {
            own_error = g_error_new_literal(PF_FLOW_ERROR, PF_FLOW_ERROR_IDS,
                                            why);
        }
        restore_end(restore, error ? error : own_error);
        return;
    }
    pf_flow_commands_meters(restore->meters, restore->now, restore->ids);
    pf_flow_commands_groups(restore->commands, restore->now, restore->ids);
    pf_flow_slice(add_step, restore);
}

static void
choose_turn(gpointer user)
{
    Restore *restore = user;

    restore->has_turn = TRUE;
    pf_flow_here_read(pf_flows_host, restore->port, &restore->options,
                      PF_FLOW_HERE_RULES | PF_FLOW_HERE_GROUPS
                      | PF_FLOW_HERE_METERS,
                      pf_flows_timeout(restore->call), here_read, restore);
}

static void
now_set(gpointer user, PfFlowSet *set)
{
    Restore *restore = user;

    restore->now = set;
    if (set->problems->len) {
        g_autoptr(GError) error = g_error_new_literal(
            PF_FLOW_ERROR, PF_FLOW_ERROR_INVALID, set->problems->pdata[0]);

        restore_end(restore, error);
        return;
    }
    /* Only where numbers are not known is the bridge asked. */
    if (pf_flow_has_tables(restore->new_)
        && (restore->tables_differ
            || !pf_flow_ids_of(restore->port->name))) {
        pf_flow_turn_take(restore->port->bridge, choose_turn, restore);
    } else {
        pf_flow_slice(add_step, restore);
    }
}

static void
gone_set(gpointer user, PfFlowSet *set)
{
    Restore *restore = user;

    restore->gone = set;
    pf_flow_set_read_own(restore->due, restore->port->name,
                         restore->port->ofport, now_set, restore);
}

void
pf_flows_nic_restore(PfCall *call, const PfExtensionPort *port,
                     GVariant *old, GVariant *new_, GVariant *chunks)
{
    PfFlowOptions options;
    Restore *restore;

    if (!pf_flows_begin(call, port, &options)) {
        return;
    }
    if (g_variant_equal(old, new_) && !has_timed(new_)
        && !pf_flow_lost_seen(port->name)) {
        pf_flows_host->end(call, NULL);
        return;
    }
    restore = g_new0(Restore, 1);
    restore->call = call;
    restore->port = port;
    restore->options = options;
    restore->old = old;
    restore->new_ = new_;
    restore->left = read_chunks(chunks);
    restore->is_lost = pf_flow_lost_seen(port->name);
    restore->tables_differ = list_differs(old, new_, "groups")
                             || list_differs(old, new_, "meters")
                             || (restore->is_lost
                                 && pf_flow_has_tables(new_));
    restore->meters = g_ptr_array_new_with_free_func(g_free);
    restore->deletes = g_ptr_array_new_with_free_func(g_free);
    restore->commands = g_ptr_array_new_with_free_func(g_free);
    restore->added = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           NULL);

    if (!find_difference(restore) && !restore->tables_differ) {
        restore_end(restore, NULL);
        return;
    }
    pf_flow_set_read_own(restore->less, port->name, port->ofport, gone_set,
                         restore);
}
