/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: verification of a port's policies.  See verify.h.
 */
#include <config.h>

#include "plugin/verify.h"

#include <net/if.h>

#include "plugin/extension.h"
#include "timeval.h"

/* ---- One extension ------------------------------------------------------ */

/* One under way. */
typedef struct {
    PfCallSpec spec;
    gint64 deadline;            /* Of all four: time_msec() units. */
    PfProblems *problems;
    GString *notes;
    guint pending;
    PfVerified done;
    gpointer user;
} Verification;

static void
begin(Verification *v, PfCallFunc func, PfCallDone done)
{
    if (pf_call_exists(v->spec.extension, func)) {
        v->pending++;
        v->spec.func = func;
        v->spec.timeout_ms = MAX(v->deadline - time_msec(), 1);
        pf_call_begin(&v->spec, done, v);
    }
}

static void
finish(Verification *v)
{
    if (pf_problems_count(v->problems)) {
        g_autofree char *text = pf_problems_text(v->problems);
        v->done(v->user, "failed", text);
    } else {
        v->done(v->user, "ok", v->notes->len ? v->notes->str : NULL);
    }
    pf_problems_free(v->problems);
    g_string_free(v->notes, TRUE);
    pf_extension_port_free((PfExtensionPort *) v->spec.port);
    pf_network_unref((PfNetwork *) v->spec.network);
    g_variant_unref(v->spec.policies);
    g_free(v);
}

static void
collect(Verification *v, const PfCallResult *result)
{
    pf_problems_append(v->problems, result->problems);
    if (result->error) {
        pf_problems_add(v->problems, PF_VERIFY_APPLICABILITY, "%s",
                        result->error->message);
    }
    if (result->note) {
        g_string_append_printf(v->notes, "%s%s", v->notes->len ? "; " : "",
                               result->note);
    }
}

static void
release(Verification *v)
{
    if (!--v->pending) {
        finish(v);
    }
}

static void
others_done(gpointer user, const PfCallResult *result)
{
    collect(user, result);
    release(user);
}

static void
verify_others(Verification *v)
{
    begin(v, PF_CALL_VERIFY_RANGE, others_done);
    begin(v, PF_CALL_VERIFY_APPLICABILITY, others_done);
    begin(v, PF_CALL_VERIFY_CONFLICT, others_done);
}

/* What is not well formed cannot be looked at any further. */
static void
syntax_done(gpointer user, const PfCallResult *result)
{
    Verification *v = user;

    collect(v, result);
    if (!pf_problems_count(v->problems)) {
        verify_others(v);
    }
    release(v);
}

void
pf_verify_extension(const PfExtension *extension, const PfExtensionPort *port,
                    const PfNetwork *network, GVariant *policies,
                    guint timeout_ms, PfVerified done, gpointer user)
{
    Verification *v = g_new0(Verification, 1);

    v->spec = (PfCallSpec) {
        .extension = extension,
        .port = pf_extension_port_copy(port),
        .network = network ? pf_network_ref(network) : NULL,
        .policies = g_variant_ref_sink(policies),
    };
    v->deadline = time_msec() + timeout_ms;
    v->problems = pf_problems_new();
    v->notes = g_string_new(NULL);
    v->done = done;
    v->user = user;
    v->pending = 1;
    if (extension->verify_syntax) {
        begin(v, PF_CALL_VERIFY_SYNTAX, syntax_done);
    } else {
        verify_others(v);
    }
    release(v);
}

/* ---- All of a port ------------------------------------------------------ */

/* A port under way. */
typedef struct {
    const PfVerifyFuncs *funcs;
    gpointer user;
    guint pending;
} PortVerification;

/* One of its extensions. */
typedef struct {
    PortVerification *all;
    gpointer token;             /* What begin() returned. */
} Member;

static void
port_release(PortVerification *all)
{
    if (!--all->pending) {
        all->funcs->done(all->user);
        g_free(all);
    }
}

static Member *
member_new(PortVerification *all, const char *extension)
{
    Member *member = g_new0(Member, 1);

    member->all = all;
    member->token = all->funcs->begin(all->user, extension);
    all->pending++;
    return member;
}

static void
member_verified(gpointer user, const char *result, const char *detail)
{
    Member *member = user;
    PortVerification *all = member->all;

    all->funcs->verified(member->token, result, detail);
    g_free(member);
    port_release(all);
}

static void G_GNUC_PRINTF(4, 5)
tell(PortVerification *all, const char *extension, const char *result,
     const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    member_verified(member_new(all, extension), result, text);
}

/* Extensions that the network counts on, and those whose state came but which
 * are not here. */
static void
verify_missing(PortVerification *all, const PfNetwork *network,
               const PfPortStates *states)
{
    g_autoptr(GPtrArray) list = pf_port_states_list(states);

    for (guint i = 0; network && i < network->extensions->len; i++) {
        const PfNetExtension *ne = network->extensions->pdata[i];
        const PfExtension *e = pf_extension_find(ne->name);

        if (ne->required && !e) {
            tell(all, ne->name, "failed", "applicability: extension '%s', "
                 "which network '%s' requires, is not loaded on this host",
                 ne->name, network->name);
        } else if (e && ne->version > e->version) {
            tell(all, ne->name, "failed", "applicability: network '%s' asks "
                 "for version %u or later of extension '%s', this host has "
                 "%u: update it here", network->name, ne->version, ne->name,
                 e->version);
        }
    }
    for (guint i = 0; i < list->len; i++) {
        const PfPortState *s = list->pdata[i];

        if (!pf_extension_find(s->extension)
            && !pf_network_requires(network, s->extension)) {
            tell(all, s->extension, "skipped", "not loaded on this host: what "
                 "it saved stays behind");
        }
    }
}

void
pf_verify_port(const PfExtensionPort *port, const PfNetwork *network,
               const PfPortStates *states, guint timeout_ms,
               const PfVerifyFuncs *funcs, gpointer user)
{
    PortVerification *all = g_new0(PortVerification, 1);

    all->funcs = funcs;
    all->user = user;
    all->pending = 1;
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        const PfPortState *s = pf_port_states_find(states, (*e)->name);

        if (!s) {
            continue;
        }
        if (s->version > (*e)->version) {
            tell(all, (*e)->name, "failed", "applicability: its state has "
                 "version %u, this host reads up to %u: update it here",
                 s->version, (*e)->version);
            continue;
        }
        pf_verify_extension(*e, port, network, s->policies, timeout_ms,
                            member_verified, member_new(all, (*e)->name));
    }
    verify_missing(all, network, states);
    if (!port->is_here && if_nametoindex(port->name)) {
        tell(all, NULL, "failed", "conflict: a network device named '%s' is "
             "on this host", port->name);
    }
    port_release(all);
}
