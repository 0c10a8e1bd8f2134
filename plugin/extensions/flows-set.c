/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-set: see flows-set.h.
 */
#include <config.h>

#include "plugin/extensions/flows-set.h"

#include <string.h>

#include "plugin/extensions/flows-slice.h"

#define MAX_RULES 20000
#define MAX_GROUPS 256
#define MAX_METERS 256
#define MAX_OTHERS 3500         /* As flows-rule.c has it. */
#define MAX_PROBLEMS 20         /* Of one kind of verification. */

G_DEFINE_QUARK(pf-flow-error-quark, pf_flow_error)

/* ---- Options ------------------------------------------------------------ */

/* A number in decimal, or in hex after 0x. */
static gboolean
read_number(GVariant *options, const char *key, guint64 *number, char **why)
{
    const char *text;

    if (!g_variant_lookup(options, key, "&s", &text)) {
        return TRUE;
    }
    gboolean hex = g_str_has_prefix(text, "0x");
    if (!g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0,
                                    G_MAXUINT64, number, NULL)) {
        *why = g_strdup_printf("option %s=\"%s\" in the network's XML is no "
                               "number of 64 bits", key, text);
        return FALSE;
    }
    return TRUE;
}

/* One of two words; TRUE for 'yes'. */
static gboolean
read_word(GVariant *options, const char *key, const char *yes,
          const char *no, gboolean *value, char **why)
{
    const char *text;

    if (!g_variant_lookup(options, key, "&s", &text)) {
        return TRUE;
    }
    if (strcmp(text, yes) && strcmp(text, no)) {
        *why = g_strdup_printf("option %s=\"%s\" in the network's XML is "
                               "neither \"%s\" nor \"%s\"", key, text, yes,
                               no);
        return FALSE;
    }
    *value = !strcmp(text, yes);
    return TRUE;
}

gboolean
pf_flow_options_read(GVariant *options, PfFlowOptions *o, char **why)
{
    const char *text;

    *o = (PfFlowOptions) { .carry = TRUE };
    if (!read_word(options, "carry", "yes", "no", &o->carry, why)
        || !read_word(options, "other-ports", "by-name", "refuse",
                      &o->others_by_name, why)
        || !read_number(options, "cookie", &o->cookie, why)
        || !read_number(options, "mask", &o->cookie_mask, why)) {
        return FALSE;
    }
    if (g_variant_lookup(options, "cookie", "&s", &text)
        && !g_variant_lookup(options, "mask", "&s", &text)) {
        o->cookie_mask = G_MAXUINT64;
    }
    if (o->cookie & ~o->cookie_mask) {
        *why = g_strdup_printf("option cookie in the network's XML has bits "
                               "that mask has not: no rule would match");
        return FALSE;
    }
    return TRUE;
}

/* ---- Reading policies --------------------------------------------------- */

/* Kinds of lines, in the order in which they are read. */
static const struct {
    const char *key;
    guint max;
} lists[] = {
    { "others", MAX_OTHERS },
    { "groups", MAX_GROUPS },
    { "meters", MAX_METERS },
    { "shared", MAX_METERS },
    { "rules", MAX_RULES },
};
enum { LIST_OTHERS, LIST_GROUPS, LIST_METERS, LIST_SHARED, LIST_RULES };

/* A set that is being read. */
typedef struct {
    PfFlowSet *set;
    GPtrArray *lines[G_N_ELEMENTS(lists)];
    guint list, line;           /* The next one. */
    guint n_unsaid;             /* Problems past MAX_PROBLEMS. */
    PfFlowNames *renumbered;    /* The set's names, or NULL. */
    gboolean keep;              /* For the next function. */
    PfFlowSetDone done;
    gpointer user;
} Reading;

static PfFlowSet *kept;         /* See pf_flow_set_forget(). */

void
pf_flow_set_unref(PfFlowSet *set)
{
    if (!set || --set->refs) {
        return;
    }
    g_variant_unref(set->policies);
    g_free(set->own);
    pf_flow_names_free(set->names);
    g_ptr_array_unref(set->others);
    g_ptr_array_unref(set->rules);
    g_hash_table_unref(set->groups);
    g_hash_table_unref(set->meters);
    g_hash_table_unref(set->shared);
    g_ptr_array_unref(set->problems);
    g_free(set);
}

void
pf_flow_set_forget(void)
{
    g_clear_pointer(&kept, pf_flow_set_unref);
}

static void G_GNUC_PRINTF(2, 3)
problem(Reading *reading, const char *format, ...)
{
    va_list args;

    if (reading->set->problems->len >= MAX_PROBLEMS) {
        reading->n_unsaid++;
        return;
    }
    va_start(args, format);
    g_ptr_array_add(reading->set->problems, g_strdup_vprintf(format, args));
    va_end(args);
}

GPtrArray *
pf_flow_lines(GVariant *policies, const char *key)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GVariant) list = g_variant_lookup_value(
        policies, key, G_VARIANT_TYPE("av"));
    gsize n = list ? g_variant_n_children(list) : 0;

    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) line = g_variant_get_variant(boxed);

        if (g_variant_is_of_type(line, G_VARIANT_TYPE_STRING)) {
            g_ptr_array_add(lines, g_variant_dup_string(line, NULL));
        }
    }
    return lines;
}

/* Looks at the policies' keys and types. */
static void
read_frame(Reading *reading)
{
    PfFlowSet *set = reading->set;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, set->policies);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value)) {
        guint i;

        if (!strcmp(key, "port")) {
            if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
                problem(reading, "port is not a string");
            }
            continue;
        }
        for (i = 0; i < G_N_ELEMENTS(lists); i++) {
            if (!strcmp(key, lists[i].key)) {
                break;
            }
        }
        if (i == G_N_ELEMENTS(lists)) {
            problem(reading, "unknown key \"%.64s\"", key);
        } else if (!g_variant_is_of_type(value, G_VARIANT_TYPE("av"))) {
            problem(reading, "%s is not a list", key);
        } else if (g_variant_n_children(value) > lists[i].max) {
            problem(reading, "%s has %" G_GSIZE_FORMAT " members; it may "
                    "have %u", key, g_variant_n_children(value),
                    lists[i].max);
        } else {
            g_ptr_array_unref(reading->lines[i]);
            reading->lines[i] = pf_flow_lines(set->policies, key);
            if (reading->lines[i]->len != g_variant_n_children(value)) {
                problem(reading, "%s has members that are not strings", key);
            }
        }
    }
}

/* Whether numbers of ports stand in 'line', which was read as 'object': then
 * it is something else where the ports have other numbers. */
static gboolean
has_port_number(Reading *reading, const char *line, gpointer object)
{
    const PfFlowNames *names = reading->set->names;
    g_autofree char *one = NULL, *other = NULL, *why = NULL;

    if (!pf_flow_names_has_number(names, line)) {
        return FALSE;
    }
    if (!reading->renumbered) {
        reading->renumbered = pf_flow_names_renumbered(names);
    }
    if (reading->list == LIST_RULES) {
        g_autoptr(PfFlowRule) rule = pf_flow_rule_parse(
            line, reading->renumbered, &why);

        one = pf_flow_rule_text(object, names, PF_FLOW_BY_NAME);
        other = rule ? pf_flow_rule_text(rule, reading->renumbered,
                                         PF_FLOW_BY_NAME) : NULL;
    } else {
        PfFlowGroup *group = object;
        g_autoptr(PfFlowGroup) again = pf_flow_group_parse(
            line, reading->renumbered, &why);

        one = pf_flow_group_text(group, group->gm.group_id, names,
                                 PF_FLOW_BY_NAME);
        other = again ? pf_flow_group_text(again, again->gm.group_id,
                                           reading->renumbered,
                                           PF_FLOW_BY_NAME) : NULL;
    }
    return g_strcmp0(one, other) != 0;
}

static void
read_line(Reading *reading, const char *line)
{
    PfFlowSet *set = reading->set;
    const char *what = lists[reading->list].key;
    g_autofree char *why = NULL;
    gpointer object = NULL;
    guint32 id = 0;
    GHashTable *to = NULL;

    switch (reading->list) {
    case LIST_OTHERS:
        if (!pf_flow_names_add(set->names, line)) {
            why = g_strdup("it cannot be another port's name");
        }
        g_ptr_array_add(set->others, g_strdup(line));
        break;
    case LIST_GROUPS:
        if ((object = pf_flow_group_parse(line, set->names, &why))) {
            id = ((PfFlowGroup *) object)->gm.group_id;
            to = set->groups;
        }
        break;
    case LIST_METERS:
        if ((object = pf_flow_meter_parse(line, &why))) {
            id = ((PfFlowMeter *) object)->id;
            to = set->meters;
        }
        break;
    case LIST_SHARED:
        id = g_ascii_strtoull(line, NULL, 10);
        g_hash_table_add(set->shared, GUINT_TO_POINTER(id));
        break;
    case LIST_RULES:
        if ((object = pf_flow_rule_parse(line, set->names, &why))) {
            g_ptr_array_add(set->rules, object);
        }
        break;
    }
    if (object && reading->list != LIST_METERS
        && has_port_number(reading, line, object)) {
        why = g_strdup("it gives a port by a number, which means nothing on "
                       "another host: give its name");
    } else if (to && g_hash_table_contains(to, GUINT_TO_POINTER(id))) {
        why = g_strdup_printf("number %u is there twice", id);
    }
    if (to) {
        g_hash_table_replace(to, GUINT_TO_POINTER(id), object);
    }
    if (why) {
        problem(reading, "%.*s \"%.300s\": %s", (int) strlen(what) - 1, what,
                line, why);
    }
}

static void
reading_end(Reading *reading)
{
    PfFlowSet *set = reading->set;
    PfFlowSetDone done = reading->done;
    gpointer user = reading->user;

    if (reading->n_unsaid) {
        g_ptr_array_add(set->problems, g_strdup_printf(
                            "and %u more", reading->n_unsaid));
    }
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_ptr_array_unref(reading->lines[i]);
    }
    pf_flow_names_free(reading->renumbered);
    if (reading->keep) {
        pf_flow_set_forget();
        kept = set;
        set->refs++;
    }
    g_free(reading);
    done(user, set);
}

static gboolean
reading_step(gpointer user)
{
    Reading *reading = user;

    while (reading->list < G_N_ELEMENTS(lists)
           && reading->line >= reading->lines[reading->list]->len) {
        reading->list++;
        reading->line = 0;
    }
    if (reading->list == G_N_ELEMENTS(lists)) {
        reading_end(reading);
        return FALSE;
    }
    read_line(reading,
              reading->lines[reading->list]->pdata[reading->line++]);
    return TRUE;
}

static void
free_rule(gpointer rule)
{
    pf_flow_rule_free(rule);
}

static void
free_group(gpointer group)
{
    pf_flow_group_free(group);
}

static void
free_meter(gpointer meter)
{
    pf_flow_meter_free(meter);
}

static PfFlowSet *
set_new(GVariant *policies, const char *own, gint64 ofport)
{
    PfFlowSet *set = g_new0(PfFlowSet, 1);
    const char *source = NULL;
    g_autofree char *plain = pf_flow_plain_name(own);

    g_variant_lookup(policies, "port", "&s", &source);
    set->refs = 1;
    set->policies = g_variant_ref_sink(policies);
    set->own = g_strdup(own);
    set->ofport = ofport;
    set->names = pf_flow_names_new(plain, source, ofport);
    set->others = g_ptr_array_new_with_free_func(g_free);
    set->rules = g_ptr_array_new_with_free_func(free_rule);
    set->groups = g_hash_table_new_full(NULL, NULL, NULL, free_group);
    set->meters = g_hash_table_new_full(NULL, NULL, NULL, free_meter);
    set->shared = g_hash_table_new(NULL, NULL);
    set->problems = g_ptr_array_new_with_free_func(g_free);
    return set;
}

/* Whether the set that was read last is the one that is asked for. */
static gboolean
is_kept(GVariant *policies, const char *own, gint64 ofport)
{
    return kept && kept->ofport == ofport && !strcmp(kept->own, own)
           && (kept->policies == policies
               || g_variant_equal(kept->policies, policies));
}

static void
read_set(GVariant *policies, const char *own, gint64 ofport, gboolean keep,
         PfFlowSetDone done, gpointer user)
{
    Reading *reading = g_new0(Reading, 1);

    reading->set = set_new(policies, own, ofport);
    reading->keep = keep;
    reading->done = done;
    reading->user = user;
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        reading->lines[i] = g_ptr_array_new();
    }
    read_frame(reading);
    pf_flow_slice(reading_step, reading);
}

void
pf_flow_set_read(GVariant *policies, const char *own, gint64 ofport,
                 PfFlowSetDone done, gpointer user)
{
    if (is_kept(policies, own, ofport)) {
        kept->refs++;
        done(user, kept);
    } else {
        read_set(policies, own, ofport, TRUE, done, user);
    }
}

void
pf_flow_set_read_own(GVariant *policies, const char *own, gint64 ofport,
                     PfFlowSetDone done, gpointer user)
{
    read_set(policies, own, ofport, FALSE, done, user);
}
