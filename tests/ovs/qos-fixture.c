/* SPDX-License-Identifier: Apache-2.0
 *
 * qos-fixture: what the tests of the extension `qos' share.
 */
#include <config.h>

#include "qos-fixture.h"

#include "codec.h"

PfNetwork *qf_lan;

void
qf_init(void)
{
    static const PfExtension *const extensions[] = { QOS, NULL };

    ef_init(extensions);
    ovs_do("ovs-vsctl --timeout=30 add-br br1 "
           "-- set Bridge br1 datapath_type=netdev");
    qf_lan = ef_network("br1", NULL);
}

void
qf_done(void)
{
    pf_network_free(qf_lan);
    ef_done();
}

void
qf_add_port(const char *name, const char *bridge)
{
    ovs_do("ovs-vsctl --timeout=30 add-port %s %s "
           "-- set Interface %s type=internal", bridge, name, name);
    ef_catch_up();
}

void
qf_del_port(const char *name)
{
    ovs_do("ovs-vsctl --timeout=30 --if-exists del-port %s", name);
    ef_catch_up();
}

void
qf_vsctl(const char *format, ...)
{
    g_autofree char *args = NULL;
    va_list list;

    va_start(list, format);
    args = g_strdup_vprintf(format, list);
    va_end(list);
    ovs_do("ovs-vsctl --timeout=30 %s", args);
    ef_catch_up();
}

char *
qf_listing(const char *port)
{
    /* Counters have an underscore in their names. */
    return ovs_run(
        "{ q=$(ovs-vsctl get Port %s qos); "
        "if [ \"$q\" != '[]' ]; then "
        "ovs-vsctl --columns=type,other_config,external_ids list QoS $q; "
        "for e in $(ovs-vsctl get QoS $q queues | tr -d '{} ' | tr , ' '); do "
        "echo \"queue ${e%%%%=*}\"; "
        "ovs-vsctl --columns=dscp,other_config,external_ids list Queue "
        "${e#*=}; done; fi; } "
        "| sed -E 's/portferry-[^=]*=[^,}]*(, )?//g; s/, *}/}/'; "
        "ovs-appctl qos/show %s 2>&1 | sed 's/%s/PORT/' | grep -v '_'",
        port, port, port);
}

void
qf_assert_rows(guint n_qos, guint n_queues)
{
    g_autofree char *expected = g_strdup_printf("%u %u", n_qos, n_queues);

    ovs_assert_prints(expected, "echo $(ovs-vsctl --bare --columns=_uuid list "
                      "QoS | grep -c .) $(ovs-vsctl --bare --columns=_uuid "
                      "list Queue | grep -c .)");
}

void
qf_assert_no_rows(void)
{
    qf_assert_rows(0, 0);
}

char *
qf_policies_of(const char *name, const char *bridge)
{
    PfExtensionPort port = ef_port(name, bridge);
    g_autoptr(EfSaid) said = ef_call_ok(QOS, PF_CALL_GET_POLICIES, &port,
                                        qf_lan, NULL);

    return said->policies ? pf_codec_format(said->policies) : NULL;
}

void
qf_assert_policies(const char *name, const char *bridge, const char *expected)
{
    g_autofree char *text = qf_policies_of(name, bridge);

    g_assert_cmpstr(text, ==, expected);
}

void
qf_request(PfCallFunc func, const char *name, const char *bridge,
           const char *json, guint times)
{
    for (guint i = 0; i < times; i++) {
        PfExtensionPort port = ef_port(name, bridge);
        g_autoptr(GVariant) v = json ? ef_policies(json) : NULL;
        g_autoptr(EfSaid) said = ef_call_ok(QOS, func, &port, qf_lan, v);

        ef_catch_up();
    }
}

void
qf_restore(const char *name, const char *bridge, const char *old,
           const char *new_, gboolean changes)
{
    PfExtensionPort port = ef_port(name, bridge);
    g_autoptr(GVariant) a = ef_policies(old);
    g_autoptr(GVariant) b = ef_policies(new_);
    g_autoptr(EfSaid) said = ef_restore(QOS, &port, qf_lan, a, b, NULL);

    g_assert_no_error(said->error);
    g_assert_cmpint(said->changed, ==, changes);
    ef_catch_up();
}

char *
qf_leave(const char *name, const char *bridge, guint times)
{
    char *json = qf_policies_of(name, bridge);

    qf_request(PF_CALL_PORT_TEARDOWN, name, bridge, json, times);
    qf_del_port(name);
    qf_request(PF_CALL_PORT_GONE, name, bridge, json, times);
    return json;
}

void
qf_arrive(const char *name, const char *bridge, const char *json, guint times)
{
    qf_add_port(name, bridge);
    qf_request(PF_CALL_PROPERTY_ADD, name, bridge, json, times);
    for (guint i = 0; i < times; i++) {
        PfExtensionPort port = ef_port(name, bridge);

        qf_restore(name, bridge, json, json, FALSE);
        g_autoptr(EfSaid) said = ef_guest_runs(QOS, &port, qf_lan,
                                               PF_GUEST_ARRIVED);
        g_assert_no_error(said->error);
    }
    ef_catch_up();
}

void
qf_verdict(const char *json, const char *text)
{
    PfExtensionPort port = ef_port("web0", "br1");
    g_autofree char *quoted = g_strdelimit(g_strdup(json), "'", '"');

    ef_assert_verdict(QOS, &port, qf_lan, quoted, text);
}

char *
qf_quote(const char *json)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(json), "'", '"');
    g_autoptr(GVariant) v = ef_policies(quoted);

    return pf_codec_format(v);
}

void
qf_libvirt_sets_qos(const char *name)
{
    g_autofree char *ids = g_strdup_printf(
        "external-ids:vm-id=\\\"" EF_DOMAIN_UUID "\\\" "
        "external-ids:ifname=\\\"%s\\\"", name);
    g_autofree char *queue = ovs_run("ovs-vsctl --timeout=5 --no-heading "
                                     "--columns=_uuid find queue %s", ids);
    g_autofree char *qos = ovs_run("ovs-vsctl --timeout=5 --no-heading "
                                   "--columns=_uuid find qos %s", ids);
    const char *rates = "other_config:min-rate=8000000 "
                        "other_config:burst=8388608 "
                        "other_config:max-rate=16000000";

    if (*queue) {
        ovs_do("ovs-vsctl --timeout=5 set queue %s %s %s", queue, rates, ids);
    } else {
        ovs_do("ovs-vsctl --timeout=5 set port %s qos=@qos1 %s -- --id=@qos1 "
               "create qos type=linux-htb %s queues:0=@queue0 %s "
               "-- --id=@queue0 create queue %s %s", name, ids, rates, ids,
               rates, ids);
    }
    if (*qos) {
        ovs_do("ovs-vsctl --timeout=5 set qos %s %s %s", qos, rates, ids);
    }
    ef_catch_up();
}
