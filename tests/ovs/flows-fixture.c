/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-fixture: what the tests of the extension `flows' share.
 */
#include <config.h>

#include "flows-fixture.h"

#include <string.h>

#define EXT (&pf_extension_flows)

int
ff_main(int argc, char *argv[], void (*add)(void))
{
    static const PfExtension *const extensions[] = { EXT, NULL };

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(extensions);
    ovs_do("ovs-vsctl --timeout=30 add-br br1 "
           "-- set Bridge br1 datapath_type=netdev");
    ff_clear("br0");
    ff_clear("br1");
    ff_add_port("up0", "br0", 40);
    ff_add_port("up1", "br1", 41);
    add();
    int retval = g_test_run();
    ef_done();
    return retval;
}

void
ff_add_port(const char *name, const char *bridge, int ofport)
{
    ovs_do("ovs-vsctl --timeout=30 add-port %s %s -- set Interface %s "
           "type=patch options:peer=none-%s ofport_request=%d", bridge, name,
           name, name, ofport);
    ef_catch_up();
}

void
ff_del_port(const char *name)
{
    ovs_do("ovs-vsctl --timeout=30 --if-exists del-port %s", name);
    ef_catch_up();
}

void
ff_add_flows(const char *bridge, const char *lines)
{
    g_autofree char *path = g_strdup_printf("%s/rules", ovs->dir);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, lines, -1, &error);
    g_assert_no_error(error);
    ovs_do("ovs-ofctl -O OpenFlow14 --bundle add-flows %s %s", bridge, path);
}

char *
ff_ofctl(const char *format, ...)
{
    g_autofree char *args = NULL;
    va_list list;

    va_start(list, format);
    args = g_strdup_vprintf(format, list);
    va_end(list);
    return ovs_run("ovs-ofctl -O OpenFlow15 --names %s", args);
}

char *
ff_listing(const char *bridge)
{
    return ovs_run(
        "o='ovs-ofctl -O OpenFlow15'; { $o --names --no-stats dump-flows %s; "
        "$o --names dump-groups %s | grep group_id; "
        "$o dump-meters %s | grep -v OFPST | sed '/^$/d' | "
        "sed ':a;N;$!ba;s/\\ntype=/ type=/g'; } | sed 's/^ *//' | sort",
        bridge, bridge, bridge);
}

void
ff_assert_rules(const char *bridge, const char *expected)
{
    ovs_assert_prints(expected, "ovs-ofctl -O OpenFlow15 --names --no-stats "
                      "dump-flows %s | sed 's/^ *//' | sort", bridge);
}

void
ff_assert_empty(const char *bridge)
{
    g_autofree char *listing = ff_listing(bridge);

    g_assert_cmpstr(listing, ==, "");
}

void
ff_clear(const char *bridge)
{
    ovs_do("o='ovs-ofctl -O OpenFlow15'; $o del-flows %s && "
           "$o del-groups %s && $o del-meters %s", bridge, bridge, bridge);
}

PfNetwork *
ff_network(const char *bridge, const char *vlans, const char *options)
{
    g_autofree char *vlan = vlans
        ? g_strdup_printf("<p:vlan allowed='%s'/>", vlans) : g_strdup("");
    g_autofree char *inner = g_strconcat(vlan, options, NULL);

    return ef_network(bridge, inner);
}

GVariant *
ff_policies(const char *bridge, const PfNetwork *network)
{
    PfExtensionPort port = ef_port("web0", bridge);
    g_autoptr(EfSaid) said = ef_call_ok(EXT, PF_CALL_GET_POLICIES, &port,
                                        network, NULL);

    g_assert_nonnull(said->policies);
    return g_variant_ref(said->policies);
}

void
ff_assert_left_to_controller(const PfNetwork *network, GVariant *policies)
{
    PfExtensionPort port = ef_port("web0", "br0");
    g_autoptr(EfSaid) said = ef_call_ok(EXT, PF_CALL_GET_POLICIES, &port,
                                        network, NULL);
    g_autofree char *kept = NULL;

    g_assert_cmpuint(g_variant_n_children(said->policies), ==, 0);
    g_assert_cmpstr(said->note, ==, "bridge br0 has a controller: its "
                    "OpenFlow rules are left to that");
    ef_said_free(ef_call_ok(EXT, PF_CALL_PORT_TEARDOWN, &port, network,
                            policies));
    kept = ff_listing("br0");
    g_assert_cmpstr(kept, ==, "in_port=web0 actions=NORMAL");
}

/* Makes a request that has to succeed, several times. */
static void
request(PfCallFunc func, const PfExtensionPort *port,
        const PfNetwork *network, GVariant *policies, guint times)
{
    for (guint i = 0; i < times; i++) {
        ef_said_free(ef_call_ok(EXT, func, port, network, policies));
    }
}

GVariant *
ff_leave(const char *bridge, const PfNetwork *network, guint times,
         GVariant **chunks)
{
    PfExtensionPort port = ef_port("web0", bridge);
    g_autoptr(GVariant) policies = ff_policies(bridge, network);
    g_autoptr(EfSaid) said = ef_call_ok(EXT, PF_CALL_NIC_SAVE, &port,
                                        network, NULL);

    if (said->policies) {
        g_variant_unref(policies);
        policies = g_variant_ref(said->policies);
    }
    if (chunks) {
        *chunks = said->chunks ? g_variant_ref(said->chunks) : NULL;
    }
    request(PF_CALL_PORT_TEARDOWN, &port, network, policies, times);
    ff_del_port("web0");
    request(PF_CALL_PORT_GONE, &port, network, policies, times);
    return g_steal_pointer(&policies);
}

void
ff_arrive(const char *bridge, int ofport, const PfNetwork *network,
          GVariant *policies, GVariant *chunks, guint times)
{
    PfExtensionPort port = ef_port("web0", bridge);
    g_autofree char *said = ef_verify(EXT, &port, network, policies);

    g_assert_cmpstr(said, ==, NULL);
    ff_add_port("web0", bridge, ofport);
    port = ef_port("web0", bridge);
    g_assert_cmpint(port.ofport, ==, ofport);
    request(PF_CALL_PROPERTY_ADD, &port, network, policies, times);
    for (guint i = 0; i < times; i++) {
        g_autoptr(EfSaid) restored = ef_restore(EXT, &port, network, policies,
                                                policies, chunks);

        g_assert_no_error(restored->error);
    }
}

PfExtensionPort
ff_port1(const char *bridge)
{
    PfExtensionPort port = ef_port("web1", bridge);

    port.domain = "vm2";
    port.mac = FF_MAC1;
    return port;
}

static void
count_end(gpointer n_ended, const PfCallResult *result)
{
    g_assert_no_error(result->error);
    ++*(guint *) n_ended;
}

static gboolean
both_ended(gpointer n_ended)
{
    return *(guint *) n_ended == 2;
}

void
ff_call_both(const char *bridge, const PfNetwork *network, PfCallFunc func0,
             GVariant *policies0, PfCallFunc func1, GVariant *policies1)
{
    PfExtensionPort ports[] = { ef_port("web0", bridge), ff_port1(bridge) };
    PfCallSpec specs[2];
    guint n_ended = 0;

    for (guint i = 0; i < 2; i++) {
        specs[i] = (PfCallSpec) {
            .extension = EXT,
            .func = i ? func1 : func0,
            .port = &ports[i],
            .network = network,
            .policies = i ? policies1 : policies0,
            .change = pf_change_new(TRUE),
            .timeout_ms = OVS_PATIENCE_MS,
        };
        pf_call_begin(&specs[i], count_end, &n_ended);
    }
    ef_loop_until(both_ended, &n_ended, "both ports");
    for (guint i = 0; i < 2; i++) {
        pf_change_free(specs[i].change);
    }
}

static int
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char *
ff_lines(GVariant *policies, const char *key)
{
    g_autoptr(GVariant) list = g_variant_lookup_value(
        policies, key, G_VARIANT_TYPE("av"));
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    gsize n = list ? g_variant_n_children(list) : 0;

    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) value = g_variant_get_variant(boxed);

        g_ptr_array_add(lines, g_variant_dup_string(value, NULL));
    }
    g_ptr_array_sort(lines, compare);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **) lines->pdata);
}
