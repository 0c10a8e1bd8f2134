/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-oracle: see flows-oracle.h.
 */
#include <config.h>

#include "flows-oracle.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define CFI 0x1000              /* A tag is there. */
#define VID 0x0fff
#define PCP 0xe000

/* A frame on its way through the actions of a rule. */
typedef struct {
    const FlowsOracle *oracle;
    const char *rule;           /* For messages. */
    gboolean bound;             /* Its match is the port's, */
    gboolean from_port;         /* by in_port. */
    gboolean in_group;
    guint origin;               /* The VLAN that it came with. */
    guint16 tci[2];             /* Outer tag, inner tag. */
    GPtrArray *later;           /* The action set. */
} Frame;

static void run(Frame *frame, const char *actions);

#define DEMAND(FRAME, CONDITION, ACTION, WHAT)                               \
    FUZZ_CHECK(CONDITION, "%s (action \"%s\", VLAN %u, came with %u): %s",   \
               WHAT, ACTION, vid_of(FRAME), (FRAME)->origin, (FRAME)->rule)

/* ---- Text --------------------------------------------------------------- */

/* Splits 'text' at commas that are in no parentheses and no quotes. */
static GPtrArray *
split(const char *text)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    const char *start = text;
    gboolean quoted = FALSE;
    int depth = 0;

    for (const char *p = text;; p++) {
        if (!*p || (*p == ',' && !depth && !quoted)) {
            if (p > start) {
                g_ptr_array_add(parts, g_strndup(start, p - start));
            }
            start = p + 1;
        }
        if (!*p) {
            return parts;
        }
        if (*p == '\\' && quoted && p[1]) {
            p++;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += (*p == '(') - (*p == ')');
        }
    }
}

/* What stands in the parentheses of 'action'; "" if it has none. */
static char *
inside(const char *action)
{
    const char *open = strchr(action, '(');
    const char *close = strrchr(action, ')');

    return open && close > open ? g_strndup(open + 1, close - open - 1)
                                : g_strdup("");
}

static gboolean
is(const char *action, const char *name)
{
    gsize n = strlen(name);

    return !strncmp(action, name, n) && !g_ascii_isalnum(action[n])
           && action[n] != '_';
}

/* ---- VLANs -------------------------------------------------------------- */

static guint
vid_of(const Frame *frame)
{
    return frame->tci[0] & CFI ? frame->tci[0] & VID : 0;
}

static gboolean
allows(const Frame *frame, guint vid)
{
    return !frame->oracle->allows_vlan || frame->oracle->allows_vlan(vid);
}

/* The frame goes on within the bridge: in the VLAN that it came with, in none
 * (no tag, or one with a priority alone), or in one that is allowed. */
static void
goes_on(const Frame *frame, const char *action)
{
    guint vid = vid_of(frame);

    DEMAND(frame, vid == frame->origin || allows(frame, vid)
           || (!vid && !frame->tci[1]), action,
           "into a VLAN that is not allowed");
}

/* ---- Where frames go ---------------------------------------------------- */

static gboolean
is_other(const Frame *frame, const char *port)
{
    g_autofree char *name = NULL;

    if (*port == '"') {
        g_autofree char *inner = g_strndup(port + 1, strlen(port) - 2);

        name = g_strcompress(inner);
    }
    return frame->oracle->others
           && (!strcmp(port, "LOCAL")
               || g_hash_table_contains(frame->oracle->others,
                                        name ? name : port));
}

static void
output(const Frame *frame, const char *port, const char *action)
{
    if (!strcmp(port, frame->oracle->own)) {
        DEMAND(frame, frame->bound || frame->in_group
               || allows(frame, frame->origin), action,
               "frames of a VLAN that is not allowed reach the port");
    } else if (!strcmp(port, "NORMAL")) {
        DEMAND(frame, frame->bound || frame->in_group, action, "not bound");
        goes_on(frame, action);
    } else if (!strcmp(port, "IN_PORT")) {
        DEMAND(frame, frame->from_port, action, "back to another port");
        goes_on(frame, action);
    } else if (strcmp(port, "NONE")) {
        DEMAND(frame, is_other(frame, port), action,
               "to a port that it may not name");
        DEMAND(frame, frame->bound || frame->in_group, action, "not bound");
        DEMAND(frame, allows(frame, vid_of(frame)), action,
               "out in a VLAN that is not allowed");
    }
}

/* "resubmit:PORT", "resubmit(PORT,TABLE)". */
static void
resubmit(const Frame *frame, const char *action)
{
    g_autofree char *in = inside(action);
    g_auto(GStrv) parts = g_strsplit(
        action[8] == ':' ? action + 9 : in, ",", 2);
    const char *port = parts[0] ? parts[0] : "";

    DEMAND(frame, !*port || !strcmp(port, "IN_PORT")
           || !strcmp(port, frame->oracle->own), action,
           "resubmitted as another port");
    DEMAND(frame, frame->bound || frame->in_group, action, "not bound");
    goes_on(frame, action);
}

static void
group(const Frame *frame, const char *action)
{
    gpointer id = GUINT_TO_POINTER(strtoul(action + strlen("group:"), NULL,
                                           10));

    DEMAND(frame, g_hash_table_contains(frame->oracle->groups, id), action,
           "to a group that is not its own");
    goes_on(frame, action);
}

/* "bundle(..., members:PORT,PORT)". */
static void
bundle(const Frame *frame, const char *action)
{
    g_autofree char *in = inside(action);
    const char *members = strstr(in, "members:");
    g_autoptr(GPtrArray) ports = split(members ? members + 8 : "");

    for (guint i = 0; i < ports->len; i++) {
        output(frame, ports->pdata[i], action);
    }
}

/* ---- What is written ---------------------------------------------------- */

/* 'field', perhaps with "[FIRST..LAST]", is written with who knows what. */
static void
written(const Frame *frame, const char *field, const char *action)
{
    const char *bits = strchr(field, '[');
    guint first = bits && g_ascii_isdigit(bits[1])
        ? strtoul(bits + 1, NULL, 10) : 0;

    DEMAND(frame, !strstr(field, "IN_PORT") && !strstr(field, "in_port")
           && !strstr(field, "ACTSET") && !strstr(field, "actset"), action,
           "writes where frames come from or go to");
    if (frame->oracle->allows_vlan
        && (strstr(field, "VLAN_TCI") || strstr(field, "VLAN_VID")
            || strstr(field, "vlan_tci") || strstr(field, "vlan_vid"))) {
        DEMAND(frame, first > 12, action, "writes the VLAN with no constant");
    }
}

static void
set_tci(Frame *frame, guint value, guint mask)
{
    frame->tci[0] = (frame->tci[0] & ~mask) | (value & mask);
}

/* "set_field:VALUE/MASK->FIELD" of a VLAN's fields. */
static gboolean
set_vlan_field(Frame *frame, const char *value, const char *field)
{
    char *end;
    guint v = strtoul(value, &end, 0);
    gboolean masked = *end == '/';
    guint mask = masked ? strtoul(end + 1, NULL, 0) : 0xffff;

    if (!strcmp(field, "vlan_tci")) {
        set_tci(frame, v, mask);
    } else if (!strcmp(field, "vlan_vid")) {
        set_tci(frame, v, mask & (CFI | VID));
    } else if (!strcmp(field, "dl_vlan")) {
        set_tci(frame, v | CFI, (mask & VID) | CFI);
    } else if (!strcmp(field, "vlan_pcp") || !strcmp(field, "dl_vlan_pcp")) {
        set_tci(frame, v << 13 | CFI, PCP | CFI);
    } else {
        return FALSE;
    }
    return TRUE;
}

static void
set_field(Frame *frame, const char *action)
{
    const char *arrow = strstr(action, "->");
    const char *value = action + strlen("set_field:");
    const char *field = arrow ? arrow + 2 : "";

    DEMAND(frame, arrow, action, "not understood");
    if (!set_vlan_field(frame, value, field)
        && !(g_str_has_prefix(field, "in_port")
             && (g_str_has_prefix(value, "0->")
                 || g_str_has_prefix(value, "ANY->")))) {
        written(frame, field, action);
    }
}

/* "load:VALUE->FIELD[FIRST..LAST]". */
static void
load(Frame *frame, const char *action)
{
    const char *arrow = strstr(action, "->");
    guint64 value = g_ascii_strtoull(action + strlen("load:"), NULL, 0);
    guint first = 0, last = 15;
    const char *bits = arrow ? strchr(arrow, '[') : NULL;

    DEMAND(frame, bits, action, "not understood");
    if (g_ascii_isdigit(bits[1])) {
        char *end;

        first = last = strtoul(bits + 1, &end, 10);
        if (g_str_has_prefix(end, "..")) {
            last = strtoul(end + 2, NULL, 10);
        }
    }
    if (g_str_has_prefix(arrow, "->NXM_OF_VLAN_TCI")
        || g_str_has_prefix(arrow, "->OXM_OF_VLAN_VID")) {
        guint mask = ((1u << (MIN(last, 15) + 1)) - 1)
                     & ~((1u << MIN(first, 15)) - 1);

        set_tci(frame, value << first, mask
                & (strstr(arrow, "VID") ? CFI | VID : 0xffff));
    } else if (value || bits[1] != ']') {
        written(frame, arrow + 2, action);
    }
}

/* What has its destination after the last "->", or in parentheses or after a
 * colon. */
static void
write_other(const Frame *frame, const char *action)
{
    const char *arrow = strstr(action, "->");
    g_autofree char *in = inside(action);
    g_autoptr(GPtrArray) parts = split(in);

    if (arrow) {
        written(frame, arrow + 2, action);
    } else if (is(action, "pop")) {
        written(frame, action + strlen("pop:"), action);
    }
    for (guint i = 0; i < parts->len; i++) {
        if (strchr(parts->pdata[i], '[')) {
            written(frame, parts->pdata[i], action);
        }
    }
}

/* ---- Actions ------------------------------------------------------------ */

static void
push_vlan(Frame *frame)
{
    frame->tci[1] = frame->tci[0];
    frame->tci[0] = CFI;
}

static void
strip_vlan(Frame *frame)
{
    if (frame->tci[0] & CFI) {
        frame->tci[0] = frame->tci[1];
        frame->tci[1] = 0;
    }
}

/* Runs 'actions' with a copy of the frame. */
static void
run_copy(const Frame *frame, const char *actions)
{
    Frame copy = *frame;

    run(&copy, actions);
}

/* "ct(...,table=N,...,exec(ACTIONS))". */
static void
ct(const Frame *frame, const char *action)
{
    g_autofree char *in = inside(action);
    g_autoptr(GPtrArray) parts = split(in);

    for (guint i = 0; i < parts->len; i++) {
        const char *part = parts->pdata[i];

        if (is(part, "table")) {
            DEMAND(frame, frame->bound || frame->in_group, action,
                   "not bound");
            goes_on(frame, action);
        } else if (is(part, "exec")) {
            g_autofree char *actions = inside(part);

            run_copy(frame, actions);
        }
    }
}

/* Carries out what has to do with ports and VLANs; FALSE if 'action' has
 * not. */
static gboolean
step(Frame *frame, const char *action)
{
    const char *colon = strchr(action, ':');
    g_autofree char *in = inside(action);

    if (is(action, "output") && colon) {
        output(frame, colon + 1, action);
    } else if (is(action, "output")) {
        g_autoptr(GPtrArray) parts = split(in);

        output(frame, parts->len ? (char *) parts->pdata[0] + 5 : "", action);
    } else if (is(action, "enqueue")) {
        g_autofree char *port = g_strndup(
            colon + 1, strrchr(action, ':') - colon - 1);

        output(frame, port, action);
    } else if (is(action, "NORMAL") || is(action, "IN_PORT")) {
        output(frame, action, action);
    } else if (is(action, "LOCAL")) {
        output(frame, "LOCAL", action);
    } else if (is(action, "bundle")) {
        bundle(frame, action);
    } else if (is(action, "bundle_load")) {
        write_other(frame, action);
        bundle(frame, action);
    } else if (is(action, "resubmit")) {
        resubmit(frame, action);
    } else if (is(action, "goto_table")) {
        DEMAND(frame, frame->bound, action, "not bound");
        goes_on(frame, action);
    } else if (is(action, "group")) {
        group(frame, action);
    } else if (is(action, "ct")) {
        ct(frame, action);
    } else if (is(action, "clone")) {
        run_copy(frame, in);
    } else if (is(action, "write_actions")) {
        g_autoptr(GPtrArray) parts = split(in);

        for (guint i = 0; i < parts->len; i++) {
            g_ptr_array_add(frame->later, g_strdup(parts->pdata[i]));
        }
    } else {
        return FALSE;
    }
    return TRUE;
}

/* The same for what writes fields. */
static gboolean
write_step(Frame *frame, const char *action)
{
    static const char *const others[] = {
        "move", "pop", "multipath", "check_pkt_larger",
    };
    const char *colon = strchr(action, ':');

    if (is(action, "mod_vlan_vid") || is(action, "set_vlan_vid")) {
        set_tci(frame, strtoul(colon + 1, NULL, 0) | CFI, CFI | VID);
    } else if (is(action, "mod_vlan_pcp") || is(action, "set_vlan_pcp")) {
        set_tci(frame, strtoul(colon + 1, NULL, 0) << 13 | CFI, CFI | PCP);
    } else if (is(action, "push_vlan")) {
        push_vlan(frame);
    } else if (is(action, "strip_vlan") || is(action, "pop_vlan")) {
        strip_vlan(frame);
    } else if (is(action, "pop_mpls")) {
        guint type = strtoul(colon + 1, NULL, 0);

        /* A tag of the sender's would come out. */
        DEMAND(frame, !frame->oracle->allows_vlan
               || (type != 0x8100 && type != 0x88a8), action,
               "makes a tag of what the sender wrote");
    } else if (is(action, "set_field")) {
        set_field(frame, action);
    } else if (is(action, "load")) {
        load(frame, action);
    } else {
        for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
            if (is(action, others[i])) {
                write_other(frame, action);
                return TRUE;
            }
        }
        return FALSE;
    }
    return TRUE;
}

/* Demands that 'action' is one that has nothing to do with either. */
static void
demand_harmless(const Frame *frame, const char *action)
{
    static const char *const harmless[] = {
        "drop", "meter", "mod_dl_src", "mod_dl_dst", "mod_nw_src",
        "mod_nw_dst", "mod_nw_tos", "mod_nw_ecn", "mod_nw_ttl", "mod_tp_src",
        "mod_tp_dst", "push", "dec_ttl", "set_mpls_label", "set_mpls_tc",
        "set_mpls_ttl", "dec_mpls_ttl", "push_mpls", "delete_field",
        "set_tunnel", "set_tunnel64", "set_queue", "pop_queue", "fin_timeout",
        "note", "exit", "ct_clear", "clear_actions", "write_metadata",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(harmless); i++) {
        if (is(action, harmless[i])) {
            return;
        }
    }
    DEMAND(frame, FALSE, action, "an action that nobody knows to be harmless");
}

static void
run(Frame *frame, const char *actions)
{
    g_autoptr(GPtrArray) parts = split(actions);

    for (guint i = 0; i < parts->len; i++) {
        const char *action = parts->pdata[i];

        if (is(action, "clear_actions")) {
            g_ptr_array_set_size(frame->later, 0);
        }
        if (!step(frame, action) && !write_step(frame, action)) {
            demand_harmless(frame, action);
        }
    }
}

/* The action set, in the order that OpenFlow gives it: tags go, tags come,
 * fields are set, the frame leaves. */
static void
run_later(Frame *frame)
{
    g_autoptr(GPtrArray) later = frame->later;

    frame->later = g_ptr_array_new_with_free_func(g_free);
    for (int pass = 0; pass < 4; pass++) {
        for (guint i = 0; i < later->len; i++) {
            const char *action = later->pdata[i];
            int when = is(action, "pop_vlan") || is(action, "strip_vlan") ? 0
                       : is(action, "push_vlan") ? 1
                       : is(action, "output") || is(action, "group")
                         || is(action, "resubmit") || is(action, "ct") ? 3
                       : 2;

            if (when == pass) {
                run(frame, action);
            }
        }
        if (pass == 2 && later->len) {
            goes_on(frame, "write_actions");
        }
    }
}

/* ---- A whole rule ------------------------------------------------------- */

/* Whether a frame with 'tci' can match 'part' of a match. */
static gboolean
can_match(const char *part, guint tci)
{
    char *end;
    guint value;

    if (is(part, "dl_vlan")) {
        return tci & CFI && (tci & VID) == strtoul(part + 8, NULL, 0);
    }
    if (is(part, "dl_vlan_pcp")) {
        return tci & CFI;
    }
    if (is(part, "vlan_tci")) {
        value = strtoul(part + 9, &end, 0);
        guint mask = *end == '/' ? strtoul(end + 1, NULL, 0) : 0xffff;

        return ((tci ^ value) & mask & (CFI | VID)) == 0;
    }
    return TRUE;
}

/* Whether 'part' of a match binds a rule to the port. */
static gboolean
binds(const FlowsOracle *oracle, const char *part, gboolean *by_port)
{
    static const char *const fields[] = {
        "dl_src=", "dl_dst=", "arp_sha=", "arp_tha=", "nd_sll=", "nd_tll=",
    };

    if (is(part, "in_port") && !strcmp(part + 8, oracle->own)) {
        *by_port = TRUE;
        return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (g_str_has_prefix(part, fields[i])
            && !strcmp(part + strlen(fields[i]), oracle->mac)) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
check_cookie(const FlowsOracle *oracle, const char *rule)
{
    const char *text = strstr(rule, "cookie=");
    guint64 cookie = text ? g_ascii_strtoull(text + 7, NULL, 0) : 0;

    FUZZ_CHECK((cookie & oracle->cookie_mask) == oracle->cookie,
               "cookie: %s", rule);
}

/* Sends frames of several VLANs that match 'parts' through 'actions'. */
static void
try_frames(Frame *template, const GPtrArray *parts, const char *actions)
{
    static const guint16 tcis[] = {
        0, CFI, CFI | 1, CFI | 42, CFI | 50, CFI | 99, CFI | VID, CFI | 2048,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(tcis); i++) {
        gboolean matches = TRUE;
        Frame frame = *template;

        for (guint j = 0; parts && j < parts->len; j++) {
            matches &= can_match(parts->pdata[j], tcis[i]);
        }
        if (matches) {
            frame.later = g_ptr_array_new_with_free_func(g_free);
            frame.tci[0] = tcis[i];
            frame.origin = tcis[i] & CFI ? tcis[i] & VID : 0;
            run(&frame, actions);
            run_later(&frame);
            g_ptr_array_unref(frame.later);
        }
    }
}

void
flows_oracle_check_rule(const FlowsOracle *oracle, const char *rule)
{
    const char *actions = strstr(rule, "actions=");
    g_autofree char *match = g_strndup(rule, actions ? actions - rule : 0);
    g_autoptr(GPtrArray) parts = split(g_strdelimit(g_strstrip(match), " ",
                                                    ','));
    Frame frame = { .oracle = oracle, .rule = rule };

    FUZZ_CHECK(actions, "no actions: %s", rule);
    check_cookie(oracle, rule);
    for (guint i = 0; i < parts->len; i++) {
        const char *part = parts->pdata[i];

        frame.bound |= binds(oracle, part, &frame.from_port);
        FUZZ_CHECK(!is(part, "in_port") || frame.from_port
                   || is_other(&frame, part + 8),
                   "matches a port that it may not name: %s", rule);
    }
    FUZZ_CHECK(frame.bound || strstr(actions, oracle->own)
               || strstr(actions, "group:"), "not bound: %s", rule);
    try_frames(&frame, parts, actions + strlen("actions="));
}

void
flows_oracle_check_group(const FlowsOracle *oracle, const char *text)
{
    g_auto(GStrv) buckets = g_strsplit(text, ",bucket=", -1);
    Frame frame = { .oracle = oracle, .rule = text, .in_group = TRUE };

    for (guint i = 1; buckets[0] && buckets[i]; i++) {
        const char *actions = strstr(buckets[i], "actions=");

        if (actions) {
            try_frames(&frame, NULL, actions + strlen("actions="));
        }
    }
}
