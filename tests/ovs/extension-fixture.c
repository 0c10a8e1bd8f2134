/* SPDX-License-Identifier: Apache-2.0
 *
 * extension-fixture: extensions at a real Open vSwitch.
 */
#include <config.h>

#include "extension-fixture.h"

#include "codec.h"
#include "host.h"
#include "loop.h"
#include "openvswitch/poll-loop.h"
#include "rows.h"
#include "timeval.h"

const PfHost *ef_host;
guint ef_changes_said;

static const PfExtension *const *inits;
static PfOpenflow *openflow;
static PfAppctl *appctl;

static void
on_said_changed(gpointer user, const PfExtension *e,
                const char *name G_GNUC_UNUSED)
{
    g_assert_true(user == &ef_changes_said);
    g_assert_nonnull(e);
    ef_changes_said++;
}

static void
on_switch_changed(gpointer user G_GNUC_UNUSED, const char *name G_GNUC_UNUSED)
{
}

static void
run_parts(gpointer unused G_GNUC_UNUSED)
{
    pf_loop_run();
    pf_switch_run(sw);
    pf_openflow_run(openflow);
    pf_appctl_run(appctl);
}

static void
wait_parts(gpointer unused G_GNUC_UNUSED)
{
    pf_switch_wait(sw);
    pf_openflow_wait(openflow);
    pf_appctl_wait(appctl);
    pf_loop_wait();
}

void
ef_loop_until(OvsCondition condition, gpointer arg, const char *what)
{
    ovs_loop_until(run_parts, wait_parts, NULL, condition, arg, what);
}

static gboolean
is_late(gpointer until)
{
    long long int *when = until;

    poll_timer_wait_until(*when);
    return time_msec() >= *when;
}

void
ef_loop_for(guint ms)
{
    long long int until = time_msec() + ms;

    ef_loop_until(is_late, &until, "the time");
}

void
ef_init(const PfExtension *const *extensions)
{
    g_autoptr(GError) error = NULL;

    pf_loop_init();
    ovs = ovs_fixture_new();
    sw = pf_switch_new(ovs->remote, on_switch_changed, NULL);
    openflow = pf_openflow_new(ovs->dir);
    appctl = pf_appctl_new(ovs->dir);
    ef_host = pf_host_new(sw, openflow, appctl, on_said_changed,
                          &ef_changes_said);
    inits = extensions;
    for (guint i = 0; extensions[i]; i++) {
        if (extensions[i]->columns) {
            pf_rows_replicate(sw, extensions[i]->columns);
        }
        if (extensions[i]->init) {
            extensions[i]->init(ef_host, &error);
            g_assert_no_error(error);
        }
    }
    ef_loop_until(sw_is_ready, NULL, "the replica");
}

void
ef_done(void)
{
    for (guint i = 0; inits[i]; i++) {
        if (inits[i]->destroy) {
            inits[i]->destroy();
        }
    }
    pf_openflow_free(openflow);
    pf_appctl_free(appctl);
    pf_switch_free(sw);
    ovs_fixture_free(ovs);
    pf_loop_done();
}

/* ---- Changes ------------------------------------------------------------ */

static GError *
commit(PfChange *change)
{
    struct sw_outcome o = { FALSE, NULL };

    pf_switch_submit(sw, change, OVS_PATIENCE_MS, sw_on_done, &o);
    ef_loop_until(sw_is_over, &o, "the change");
    return o.error;
}

void
ef_catch_up(void)
{
    g_autoptr(GError) error = commit(pf_change_new(TRUE));

    g_assert_no_error(error);
}

/* ---- The guest ---------------------------------------------------------- */

PfNetwork *
ef_network(const char *bridge, const char *inner)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = g_strdup_printf(
        "<network><name>lan</name>"
        "<metadata><p:migration xmlns:p='" PF_NETWORK_NS "'>%s</p:migration>"
        "</metadata><forward mode='bridge'/><bridge name='%s'/>"
        "<virtualport type='openvswitch'/></network>", inner ? inner : "",
        bridge);
    PfNetwork *n = pf_network_parse(xml, &error);

    g_assert_no_error(error);
    g_assert_true(n->managed);
    return n;
}

PfExtensionPort
ef_port(const char *name, const char *bridge)
{
    g_autoptr(PfPort) port = pf_switch_port(sw, name);

    return (PfExtensionPort) {
        .domain = "vm1",
        .domain_uuid = EF_DOMAIN_UUID,
        .mac = EF_MAC,
        .name = name,
        .bridge = bridge,
        .network = "lan",
        .iface_id = EF_IFACE_ID,
        .ofport = port ? MAX(port->ofport, 0) : 0,
        .is_here = port != NULL,
    };
}

/* ---- Calls -------------------------------------------------------------- */

void
ef_said_free(EfSaid *said)
{
    if (said) {
        g_clear_error(&said->error);
        g_clear_pointer(&said->policies, g_variant_unref);
        g_clear_pointer(&said->chunks, g_variant_unref);
        g_clear_pointer(&said->shown, g_variant_unref);
        g_free(said->problems);
        g_free(said->note);
        g_free(said);
    }
}

struct ended {
    gboolean over;
    EfSaid *said;
};

static void
on_ended(gpointer ended, const PfCallResult *result)
{
    struct ended *e = ended;
    EfSaid *said = e->said;

    g_assert_false(e->over);
    e->over = TRUE;
    said->error = result->error ? g_error_copy(result->error) : NULL;
    said->policies = result->policies ? g_variant_ref(result->policies)
                                      : NULL;
    said->chunks = result->chunks ? g_variant_ref(result->chunks) : NULL;
    said->shown = result->shown ? g_variant_ref(result->shown) : NULL;
    said->note = g_strdup(result->note);
    said->changed = result->changed;
    if (pf_problems_count(result->problems)) {
        said->problems = pf_problems_text(result->problems);
    }
}

static gboolean
has_ended(gpointer ended)
{
    return ((struct ended *) ended)->over;
}

static EfSaid *
run_call(PfCallSpec *spec)
{
    struct ended e = { FALSE, g_new0(EfSaid, 1) };
    PfChange *change = pf_change_new(TRUE);

    g_assert_true(pf_call_exists(spec->extension, spec->func));
    spec->change = change;
    spec->timeout_ms = OVS_PATIENCE_MS;
    pf_call_begin(spec, on_ended, &e);
    ef_loop_until(has_ended, &e, spec->extension->name);
    if (e.said->changed && !e.said->error) {
        e.said->error = commit(change);
    } else {
        pf_change_free(change);
    }
    return e.said;
}

EfSaid *
ef_call(const PfExtension *extension, PfCallFunc func,
        const PfExtensionPort *port, const PfNetwork *network,
        GVariant *policies)
{
    PfCallSpec spec = {
        .extension = extension,
        .func = func,
        .port = port,
        .network = network,
        .policies = policies,
    };

    return run_call(&spec);
}

EfSaid *
ef_restore(const PfExtension *extension, const PfExtensionPort *port,
           const PfNetwork *network, GVariant *old, GVariant *new_,
           GVariant *chunks)
{
    PfCallSpec spec = {
        .extension = extension,
        .func = PF_CALL_NIC_RESTORE,
        .port = port,
        .network = network,
        .policies = old,
        .new_policies = new_,
        .chunks = chunks,
    };

    return run_call(&spec);
}

EfSaid *
ef_guest_runs(const PfExtension *extension, const PfExtensionPort *port,
              const PfNetwork *network, PfGuestRuns reason)
{
    PfCallSpec spec = {
        .extension = extension,
        .func = PF_CALL_GUEST_RUNS,
        .port = port,
        .network = network,
        .reason = reason,
    };

    return run_call(&spec);
}

EfSaid *
ef_call_ok(const PfExtension *extension, PfCallFunc func,
           const PfExtensionPort *port, const PfNetwork *network,
           GVariant *policies)
{
    EfSaid *said = ef_call(extension, func, port, network, policies);

    g_assert_no_error(said->error);
    g_assert_cmpstr(said->problems, ==, NULL);
    return said;
}

char *
ef_verify(const PfExtension *extension, const PfExtensionPort *port,
          const PfNetwork *network, GVariant *policies)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (PfCallFunc func = PF_CALL_VERIFY_SYNTAX;
         func <= PF_CALL_VERIFY_CONFLICT; func++) {
        if (!pf_call_exists(extension, func)) {
            continue;
        }
        g_autoptr(EfSaid) said = ef_call(extension, func, port, network,
                                         policies);
        g_assert_no_error(said->error);
        g_assert_false(said->changed);
        if (said->problems) {
            g_string_append_printf(text, "%s%s", text->len ? "; " : "",
                                   said->problems);
            if (func == PF_CALL_VERIFY_SYNTAX) {
                break;
            }
        }
    }
    return text->len ? g_strdup(text->str) : NULL;
}

GVariant *
ef_policies(const char *json)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = pf_codec_parse(json, &error);

    g_assert_no_error(error);
    return v;
}

void
ef_assert_verdict(const PfExtension *extension, const PfExtensionPort *port,
                  const PfNetwork *network, const char *json,
                  const char *text)
{
    g_autoptr(GVariant) v = ef_policies(json);
    g_autofree char *said = ef_verify(extension, port, network, v);

    g_test_message("%.200s", json);
    g_assert_cmpstr(said, ==, text);
}
