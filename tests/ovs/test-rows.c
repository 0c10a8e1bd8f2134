/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/rows.h and plugin/datum.h against a real Open vSwitch.
 */
#include <config.h>

#include <math.h>
#include <signal.h>
#include <string.h>

#include "datum.h"
#include "rows.h"
#include "switch-fixture.h"

static const char *const columns[] = {
    "QoS.type", "QoS.queues", "QoS.other_config", "QoS.external_ids",
    "QoS.statistics", "Queue.dscp", "Queue.other_config",
    "Queue.external_ids", "Mirror.name", "Mirror.select_all",
    "Mirror.select_src_port", "Mirror.select_dst_port", "Mirror.output_port",
    "Mirror.snaplen", "Mirror.statistics", "Bridge.mirrors",
    "Bridge.datapath_type", "Nowhere.column", "Port.nothing", "nonsense",
    NULL
};

/* ---- Helpers ------------------------------------------------------------ */

/* A step of a transaction, as tests write it. */
typedef void (*Step)(PfTxn *, GError **error);

static gboolean
apply_step(PfTxn *txn, gpointer step, GError **error)
{
    GError *e = NULL;

    (*(Step *) step)(txn, &e);
    if (e) {
        g_propagate_error(error, e);
    }
    return !e;
}

/* A change that carries out 'step', which lives as long as it. */
static PfChange *
change_of(Step *step)
{
    PfChange *change = pf_change_new(FALSE);

    pf_change_apply_func(change, apply_step, step, NULL);
    return change;
}

/* Carries out 'step' and catches up with ovs-vswitchd. */
static void
carry_out(Step step)
{
    sw_commit(change_of(&step), "a function");
    sw_commit(pf_change_new(TRUE), "nothing");
}

/* A parsed GVariant. */
static GVariant *
value_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = g_variant_parse(NULL, text, NULL, NULL, &error);

    g_assert_no_error(error);
    return v;
}

static const PfRow *
find(const char *table, const char *name)
{
    const PfRow *row = pf_rows_find(sw, table, "name", name);

    g_assert_nonnull(row);
    return row;
}

/* Demands that 'column' of 'row' is 'text', or, NULL, absent. */
static void
assert_column(const PfRow *row, const char *column, const char *text)
{
    g_autoptr(GVariant) value = pf_row_get(row, column);
    g_autofree char *printed = value ? g_variant_print(value, TRUE) : NULL;

    g_test_message("%s", column);
    g_assert_cmpstr(printed, ==, text);
}

static void
set(PfTxn *txn, const PfRow *row, const char *column, const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *value = text ? value_of(text) : NULL;
    gboolean ok = pf_row_set(txn, row, column, value, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    g_clear_pointer(&value, g_variant_unref);
}

static void
set_key(PfTxn *txn, const PfRow *row, const char *column, const char *key,
        const char *value)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = pf_row_set_key(txn, row, column, key, value, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void
set_member(PfTxn *txn, const PfRow *row, const char *column, GVariant *member,
           gboolean is_member)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = pf_row_set_member(txn, row, column, member, is_member,
                                    &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static const PfRow *
insert(PfTxn *txn, const char *table)
{
    g_autoptr(GError) error = NULL;
    const PfRow *row = pf_row_insert(txn, table, &error);

    g_assert_no_error(error);
    return row;
}

static GVariant *
uuid_of(const PfRow *row)
{
    return g_variant_new_take_string(pf_row_uuid(row));
}

static guint
count(const char *table)
{
    guint n = 0;

    for (const PfRow *row = pf_rows_next(sw, table, NULL); row;
         row = pf_rows_next(sw, table, row)) {
        n++;
    }
    return n;
}

static void
add_port(const char *name)
{
    ovs_do("ovs-vsctl add-port br0 %s -- set Interface %s type=internal",
           name, name);
    sw_commit(pf_change_new(TRUE), "nothing");
}

/* Lets ovs-vsctl do something, and the replica know of it. */
#define OUTSIDE(...)                                    \
    G_STMT_START {                                      \
        ovs_do(__VA_ARGS__);                            \
        sw_commit(pf_change_new(TRUE), "nothing");      \
    } G_STMT_END

/* ---- Values ------------------------------------------------------------- */

static const struct {
    const char *table;
    const char *column;
    const char *value;
    const char *vsctl;          /* What ovs-vsctl prints. */
} values[] = {
    { "Port", "tag", "int64 0", "0" },
    { "Port", "tag", "int64 4095", "4095" },
    { "Port", "tag", NULL, "[]" },
    { "Port", "trunks", "[<int64 0>, <int64 7>, <int64 4095>]",
      "[0, 7, 4095]" },
    { "Port", "trunks", NULL, "[]" },
    { "Port", "vlan_mode", "'native-tagged'", "native-tagged" },
    { "Port", "vlan_mode", NULL, "[]" },
    { "Port", "protected", "true", "true" },
    { "Port", "protected", "false", "false" },
    { "Port", "other_config", "{'': <''>, '\"æ=,': <'b c'>, 'a': <'1'>}",
      "{\"\"=\"\", \"\\\"æ=,\"=\"b c\", a=\"1\"}" },
    { "Port", "other_config", NULL, "{}" },
    { "Interface", "mtu_request", "int64 1400", "1400" },
    { "Interface", "mtu_request", NULL, "[]" },
    { "Interface", "ingress_policing_rate", "int64 9223372036854775807",
      "9223372036854775807" },
    { "Interface", "ingress_policing_rate", "int64 0", "0" },
};

static size_t nth;

static void
set_nth(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    set(txn, find(values[nth].table, "p1"), values[nth].column,
        values[nth].value);
}

static void
test_values_go_both_ways(void)
{
    add_port("p1");
    for (nth = 0; nth < G_N_ELEMENTS(values); nth++) {
        carry_out(set_nth);
        assert_column(find(values[nth].table, "p1"), values[nth].column,
                      values[nth].value);
        ovs_assert_prints(values[nth].vsctl, "ovs-vsctl get %s p1 %s",
                          values[nth].table, values[nth].column);
    }
    sw_delete_port("p1");
}

static const struct {
    const char *table;
    const char *column;
    const char *value;
    const char *pattern;
} refused[] = {
    { "Port", "tag", "int64 4096",
      "Port column 'tag': 4096 is outside the limits of the switch's schema, "
      "0 to 4095" },
    { "Port", "tag", "int64 -1", "Port column 'tag': -1 is outside *" },
    { "Port", "tag", "'42'",
      "Port column 'tag': '42' has type 's', not 'x'" },
    { "Port", "tag", "42", "Port column 'tag': 42 has type 'i', not 'x'" },
    { "Port", "tag", "[<int64 1>]", "Port column 'tag': * has type 'av'*" },
    { "Port", "protected", "int64 1", "* has type 'x', not 'b'" },
    { "Port", "protected", NULL,
      "Port column 'protected': 0 values, but the switch's schema wants at "
      "least 1" },
    { "Port", "vlan_mode", "'sideways'",
      "Port column 'vlan_mode': *sideways*not one of*trunk*" },
    { "Port", "trunks", "int64 3", "* 3 has type 'x', not 'av'" },
    { "Port", "trunks", "[<int64 3>, <'4'>]", "* '4' has type 's'*" },
    { "Port", "trunks", "[<int64 3>, <int64 4096>]", "* 4096 is outside *" },
    { "Port", "other_config", "{'a': <true>}", "* true has type 'b'*" },
    { "Port", "other_config", "['a']", "* has type 'as', not 'a{sv}'" },
    { "Port", "qos", "'none'", "Port column 'qos': 'none' is not a UUID" },
    { "Port", "qos", "'5b0c6d0e-0000-4000-8000-000000000001'",
      "Port column 'qos': 5b0c6d0e-0000-4000-8000-000000000001 is not in "
      "table QoS" },
    { "Port", "name", "'other'",
      "Port column 'name': cannot be changed once the row is there" },
    { "Port", "nothing", "'x'",
      "Port column 'nothing': there is no such column" },
    { "Port", "rstp_status", "{'x': <'y'>}",
      "Port column 'rstp_status': is not among the columns *" },
    { "Interface", "mtu_request", "int64 0",
      "* 0 is outside the limits of the switch's schema, 1 to *" },
    { "Mirror", "snaplen", "int64 13", "* 13 is outside *14 to 65535" },
    { "Mirror", "output_port", "'5b0c6d0e-0000-4000-8000-000000000001'",
      "* is not in table Port" },
    { "QoS", "queues", "{'x': <'5b0c6d0e-0000-4000-8000-000000000001'>}",
      "QoS column 'queues': key 'x' is not a decimal integer" },
    { "QoS", "queues", "{'01': <'5b0c6d0e-0000-4000-8000-000000000001'>}",
      "* key '01' is not a decimal integer" },
    { "QoS", "queues", "{'1': <'5b0c6d0e-0000-4000-8000-000000000001'>}",
      "* is not in table Queue" },
    { "QoS", "queues",
      "{'4294967296': <'5b0c6d0e-0000-4000-8000-000000000001'>}",
      "* 4294967296 is outside *0 to 4294967295" },
};

static void
set_nth_refused(PfTxn *txn, GError **error)
{
    const char *table = refused[nth].table;
    gboolean is_port = !strcmp(table, "Port") || !strcmp(table, "Interface");
    const PfRow *row = is_port ? find(table, "p1") : insert(txn, table);
    g_autoptr(GVariant) value = (refused[nth].value
                                 ? value_of(refused[nth].value) : NULL);

    g_assert_false(pf_row_set(txn, row, refused[nth].column, value, error));
}

static void
test_values_are_checked(void)
{
    Step step = set_nth_refused;

    add_port("p1");
    g_autofree char *before = ovs_run("ovs-vsctl list Port p1");
    for (nth = 0; nth < G_N_ELEMENTS(refused); nth++) {
        g_test_message("%s.%s %s", refused[nth].table, refused[nth].column,
                       refused[nth].value);
        sw_commit_fails(change_of(&step), PF_SWITCH_ERROR_VALUE,
                        refused[nth].pattern);
    }
    ovs_assert_prints(before, "ovs-vsctl list Port p1");
    g_assert_cmpuint(count("Mirror"), ==, 0);
    sw_delete_port("p1");
}

static void
test_reals_are_numbers(void)
{
    struct ovsdb_type type = {
        .key = OVSDB_BASE_REAL_INIT, .value = OVSDB_BASE_VOID_INIT,
        .n_min = 1, .n_max = 1,
    };
    static const double good[] = { 0, -1.5, 1e308, 5e-324 };
    static const double bad[] = { NAN, INFINITY, -INFINITY };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GVariant) in = g_variant_ref_sink(
            g_variant_new_double(good[i]));
        g_autoptr(GError) error = NULL;
        struct ovsdb_datum datum;

        pf_datum_from_variant(&datum, &type, "here", in, &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) out = g_variant_ref_sink(
            pf_datum_to_variant(&datum, &type));
        g_assert_cmpfloat(g_variant_get_double(out), ==, good[i]);
        ovsdb_datum_destroy(&datum, &type);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GVariant) in = g_variant_ref_sink(
            g_variant_new_double(bad[i]));
        g_autoptr(GError) error = NULL;
        struct ovsdb_datum datum;

        g_assert_false(pf_datum_from_variant(&datum, &type, "here", in,
                                             &error));
        g_assert_true(g_pattern_match_simple("here: *nf is no number",
                                             error->message)
                      || g_pattern_match_simple("here: *nan is no number",
                                                error->message));
    }
}

static void
test_what_is_not_there_reads_as_absent(void)
{
    const PfRow *port;

    add_port("p1");
    port = find("Port", "p1");
    assert_column(port, "nothing", NULL);
    assert_column(port, "tag", NULL);
    assert_column(port, "rstp_status", NULL);
    assert_column(find("Interface", "p1"), "statistics", NULL);
    g_assert_cmpstr(pf_row_get_key(port, "external_ids", "k"), ==, NULL);
    g_assert_cmpstr(pf_row_get_key(port, "tag", "k"), ==, NULL);
    g_assert_null(pf_rows_find(sw, "Port", "name", "nobody"));
    g_assert_null(pf_rows_find(sw, "Port", "nothing", "p1"));
    g_assert_null(pf_rows_find(sw, "Port", "trunks", "1"));
    g_assert_null(pf_rows_find(sw, "Nowhere", "name", "p1"));
    g_assert_null(pf_rows_next(sw, "Nowhere", NULL));
    g_assert_null(pf_rows_by_uuid(sw, "Nowhere", "x"));
    g_assert_null(pf_rows_by_uuid(sw, "Port", "x"));
    g_assert_null(pf_rows_by_uuid(
        sw, "Port", "5b0c6d0e-0000-4000-8000-000000000001"));
    g_assert_true(find("Bridge", "br0")
                  == pf_rows_find(sw, "Bridge", "datapath_type", "netdev"));

    g_autofree char *uuid = pf_row_uuid(port);
    ovs_assert_prints(uuid, "ovs-vsctl get Port p1 _uuid");
    g_assert_true(pf_rows_by_uuid(sw, "Port", uuid) == port);
    g_assert_null(pf_rows_by_uuid(sw, "Interface", uuid));
    sw_delete_port("p1");
}

/* ---- Within a transaction ----------------------------------------------- */

static void
insert_qos(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    const PfRow *port = find("Port", "p1");
    const PfRow *queue = insert(txn, "Queue");
    const PfRow *qos = insert(txn, "QoS");
    g_autofree char *queue_uuid = pf_row_uuid(queue);
    g_autofree char *qos_uuid = pf_row_uuid(qos);
    g_autofree char *queues = g_strdup_printf("{'7': <'%s'>}", queue_uuid);

    set(txn, queue, "dscp", "int64 12");
    set_key(txn, queue, "other_config", "max-rate", "1000");
    set_key(txn, queue, "other_config", "min-rate", "10");
    set_key(txn, queue, "other_config", "min-rate", "20");
    set(txn, qos, "type", "'linux-noop'");
    set(txn, qos, "queues", queues);
    set_key(txn, qos, "external_ids", "whose", "mine");
    g_assert_true(pf_row_set(txn, port, "qos", uuid_of(qos), NULL));

    g_assert_true(pf_rows_by_uuid(sw, "QoS", qos_uuid) == qos);
    g_assert_true(pf_rows_find(sw, "QoS", "type", "linux-noop") == qos);
    g_assert_true(pf_rows_find(sw, "Port", "qos", qos_uuid) == port);
    g_assert_cmpuint(count("Queue"), ==, 1);
    assert_column(qos, "queues", queues);
    assert_column(queue, "other_config",
                  "{'max-rate': <'1000'>, 'min-rate': <'20'>}");
    assert_column(queue, "dscp", "int64 12");
}

static void
remove_qos(PfTxn *txn, GError **error)
{
    const PfRow *port = find("Port", "p1");
    const PfRow *qos = pf_rows_find(sw, "QoS", "type", "linux-noop");
    const PfRow *queue = pf_rows_next(sw, "Queue", NULL);
    const PfRow *brief = insert(txn, "Queue");
    g_autofree char *uuid = pf_row_uuid(qos);

    set_key(txn, qos, "external_ids", "last", "words");
    set(txn, port, "qos", NULL);
    pf_row_remove(txn, qos);
    pf_row_remove(txn, qos);
    pf_row_remove(txn, queue);
    pf_row_remove(txn, brief);

    g_assert_null(pf_rows_by_uuid(sw, "QoS", uuid));
    g_assert_null(pf_rows_find(sw, "QoS", "type", "linux-noop"));
    g_assert_cmpuint(count("QoS"), ==, 0);
    g_assert_cmpuint(count("Queue"), ==, 0);
    assert_column(qos, "type", NULL);
    g_assert_false(pf_row_set_key(txn, qos, "external_ids", "a", "b", error));
    g_assert_cmpstr((*error)->message, ==, "QoS column 'external_ids': this "
                    "transaction has deleted the row");
    g_clear_error(error);
    g_assert_false(pf_row_set(txn, port, "qos",
                              g_variant_new_string(uuid), error));
    g_clear_error(error);
}

static void
test_rows_come_and_go_within_a_transaction(void)
{
    add_port("p1");
    carry_out(insert_qos);
    ovs_assert_prints("linux-noop", "ovs-vsctl get QoS "
                      "$(ovs-vsctl get Port p1 qos) type");
    ovs_assert_prints("12", "ovs-vsctl get Queue $(ovs-vsctl get QoS "
                      "$(ovs-vsctl get Port p1 qos) queues:7) dscp");
    ovs_assert_prints("{max-rate=\"1000\", min-rate=\"20\"}",
                      "ovs-vsctl --columns=other_config --bare -d string "
                      "list Queue");
    carry_out(remove_qos);
    ovs_assert_prints("[]", "ovs-vsctl get Port p1 qos");
    ovs_assert_prints("", "ovs-vsctl list QoS; ovs-vsctl list Queue");
    sw_delete_port("p1");
}

static void
insert_port(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    const PfRow *bridge = find("Bridge", "br0");
    const PfRow *iface = insert(txn, "Interface");
    const PfRow *port = insert(txn, "Port");

    set(txn, iface, "name", "'p2'");
    set(txn, iface, "type", "'internal'");
    set(txn, port, "name", "'p2'");
    set_member(txn, port, "interfaces", uuid_of(iface), TRUE);
    set_member(txn, bridge, "ports", uuid_of(port), TRUE);
    g_assert_true(find("Port", "p2") == port);
    g_assert_true(find("Interface", "p2") == iface);
}

static void
replace_port(PfTxn *txn, GError **error)
{
    const PfRow *old = find("Port", "p2");

    set_member(txn, find("Bridge", "br0"), "ports", uuid_of(old), FALSE);
    pf_row_remove(txn, find("Interface", "p2"));
    pf_row_remove(txn, old);
    g_assert_null(pf_rows_find(sw, "Port", "name", "p2"));
    g_assert_null(pf_rows_find(sw, "Interface", "name", "p2"));
    insert_port(txn, error);
    g_assert_true(find("Port", "p2") != old);
}

static void
test_names_are_found_within_a_transaction(void)
{
    carry_out(insert_port);
    g_autofree char *first = ovs_run("ovs-vsctl get Port p2 _uuid");
    ovs_assert_prints("1", "ovs-vsctl list-ports br0 | grep -cx p2");
    carry_out(replace_port);
    g_autofree char *second = ovs_run("ovs-vsctl get Port p2 _uuid");
    g_assert_cmpstr(first, !=, second);
    sw_delete_port("p2");
}

static void
change_members(PfTxn *txn, GError **error)
{
    const PfRow *p = find("Port", "p1");

    /* Present: trunks 1, 2; other_config a=1, b=2. */
    set_member(txn, p, "trunks", g_variant_new_int64(1), FALSE);
    set_member(txn, p, "trunks", g_variant_new_int64(1), TRUE);
    set_member(txn, p, "trunks", g_variant_new_int64(1), FALSE);
    set_member(txn, p, "trunks", g_variant_new_int64(3), TRUE);
    set_member(txn, p, "trunks", g_variant_new_int64(9), FALSE);
    assert_column(p, "trunks", "[<int64 2>, <int64 3>]");

    set_key(txn, p, "other_config", "a", NULL);
    set_key(txn, p, "other_config", "c", "3");
    assert_column(p, "other_config", "{'b': <'2'>, 'c': <'3'>}");
    set(txn, p, "other_config", "{'a': <'4'>}");
    assert_column(p, "other_config", "{'a': <'4'>}");
    set_key(txn, p, "other_config", "d", "5");
    set_key(txn, p, "other_config", "a", NULL);
    assert_column(p, "other_config", "{'d': <'5'>}");

    set_key(txn, p, "external_ids", "x", "1");
    set_key(txn, p, "external_ids", "x", NULL);
    set_key(txn, p, "external_ids", "y", "1");
    set_key(txn, p, "external_ids", "y", "2");
    set_key(txn, p, "external_ids", "never", NULL);

    set_member(txn, p, "tag", g_variant_new_int64(5), TRUE);
    assert_column(p, "tag", "int64 5");
    set_member(txn, p, "tag", g_variant_new_int64(6), FALSE);
    set_member(txn, p, "tag", g_variant_new_int64(5), FALSE);
    set_member(txn, p, "tag", g_variant_new_int64(7), TRUE);
    g_assert_false(pf_row_set_member(txn, p, "tag", g_variant_new_int64(8),
                                     TRUE, error));
    g_assert_cmpstr((*error)->message, ==, "Port column 'tag': 2 values, but "
                    "the switch's schema allows 1");
    g_clear_error(error);
    g_assert_false(pf_row_set_member(txn, p, "other_config",
                                     g_variant_new_string("a"), TRUE, error));
    g_clear_error(error);
    g_assert_false(pf_row_set_key(txn, p, "trunks", "a", "b", error));
    g_clear_error(error);
    g_assert_false(pf_row_set_key(txn, p, "other_config", "a", "\xff",
                                  error));
    g_clear_error(error);
}

static void
test_members_change_alone(void)
{
    add_port("p1");
    OUTSIDE("ovs-vsctl set Port p1 trunks=1,2 other_config:a=1 "
            "other_config:b=2");
    carry_out(change_members);
    ovs_assert_prints("[2, 3]\n{d=\"5\"}\n{y=\"2\"}\n7",
                      "ovs-vsctl get Port p1 trunks other_config "
                      "external_ids tag");
    sw_delete_port("p1");
}

/* ---- With others -------------------------------------------------------- */

static guint calls;
static const char *meanwhile;   /* What another client does, or NULL. */

/* Counts the call, and before the first is over lets another client do
 * something, of which the replica does not know when the transaction is
 * sent. */
static void
note_call(void)
{
    if (calls++ == 0 && meanwhile) {
        ovs_do("ovs-vsctl --no-wait %s", meanwhile);
    }
}

static void
set_key_a(PfTxn *txn, GError **error)
{
    const PfRow *port = pf_rows_find(sw, "Port", "name", "p1");

    note_call();
    if (!port) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND,
                    "p1 is gone");
        return;
    }
    set_key(txn, port, "other_config", "a", "1");
}

static void
test_keys_of_others_stay(void)
{
    add_port("p1");
    calls = 0;
    meanwhile = "set Port p1 other_config:b=2";
    carry_out(set_key_a);
    meanwhile = NULL;
    ovs_assert_prints("{a=\"1\", b=\"2\"}",
                      "ovs-vsctl get Port p1 other_config");
    g_assert_cmpuint(calls, ==, 1);
    sw_delete_port("p1");
}

static void
set_trunks(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    const PfRow *port = find("Port", "p1");
    g_autoptr(GVariant) present = pf_row_get(port, "trunks");

    note_call();
    set(txn, port, "trunks", present ? "[<int64 1>, <int64 2>]"
                                     : "[<int64 3>]");
}

static void
test_what_others_wrote_is_seen_before_it_is_overwritten(void)
{
    add_port("p1");
    calls = 0;
    meanwhile = "set Port p1 trunks=9";
    carry_out(set_trunks);
    meanwhile = NULL;
    ovs_assert_prints("[1, 2]", "ovs-vsctl get Port p1 trunks");
    g_assert_cmpuint(calls, ==, 2);
    sw_delete_port("p1");
}

static void
test_row_that_is_deleted_meanwhile_is_missed(void)
{
    Step step = set_key_a;

    add_port("p1");
    calls = 0;
    meanwhile = "del-port p1";
    sw_commit_fails(change_of(&step), PF_SWITCH_ERROR_NOT_FOUND,
                    "p1 is gone");
    meanwhile = NULL;
    g_assert_cmpuint(calls, ==, 2);
}

static void
set_what_is_there(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    const PfRow *port = find("Port", "p1");

    set(txn, port, "tag", "int64 5");
    set(txn, port, "trunks", "[<int64 2>, <int64 1>, <int64 2>]");
    set(txn, port, "other_config", "{'a': <'1'>}");
    set_key(txn, port, "other_config", "a", "1");
    set_key(txn, port, "other_config", "b", NULL);
    set_member(txn, port, "trunks", g_variant_new_int64(2), TRUE);
    set_member(txn, port, "trunks", g_variant_new_int64(3), FALSE);
}

static void
test_only_what_differs_is_written(void)
{
    Step step = set_what_is_there;
    g_autoptr(GError) error = NULL;

    add_port("p1");
    OUTSIDE("ovs-vsctl set Port p1 tag=5 trunks=1,2 other_config:a=1");
    /* Nothing is sent, so nobody has to answer. */
    g_assert_cmpint(kill(ovs->ovsdb_server, SIGSTOP), ==, 0);
    error = sw_commit_within(change_of(&step), 1000);
    g_assert_cmpint(kill(ovs->ovsdb_server, SIGCONT), ==, 0);
    g_assert_no_error(error);
    sw_delete_port("p1");
}

/* ---- Functions of several changes --------------------------------------- */

static gboolean seen_by_second;

static void
first_inserts(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    set_key(txn, insert(txn, "Queue"), "external_ids", "by", "first");
    set_key(txn, find("Port", "p1"), "external_ids", "by", "first");
}

static void
second_looks(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    const PfRow *queue = pf_rows_next(sw, "Queue", NULL);
    g_autofree char *by = pf_row_get_key(find("Port", "p1"), "external_ids",
                                         "by");

    seen_by_second = queue && !g_strcmp0(by, "first");
    if (queue) {
        pf_row_remove(txn, queue);
    }
    set_key(txn, find("Port", "p1"), "external_ids", "by", "second");
}

static void
test_functions_share_a_transaction(void)
{
    Step steps[] = { first_inserts, second_looks };
    struct sw_outcome o[2] = { { FALSE, NULL } };

    add_port("p1");
    for (size_t i = 0; i < 2; i++) {
        PfChange *change = pf_change_new(TRUE);

        pf_change_apply_func(change, apply_step, &steps[i], NULL);
        pf_switch_submit(sw, change, OVS_PATIENCE_MS, sw_on_done, &o[i]);
    }
    g_autofree char *before = ovs_run("ovs-vsctl get Open_vSwitch . "
                                      "next_cfg");
    sw_loop_until(sw_is_over, &o[0], "the first change");
    sw_loop_until(sw_is_over, &o[1], "the second change");
    g_assert_no_error(o[0].error);
    g_assert_no_error(o[1].error);
    g_assert_true(seen_by_second);
    g_autofree char *next = g_strdup_printf(
        "%" G_GINT64_FORMAT, g_ascii_strtoll(before, NULL, 10) + 1);
    ovs_assert_prints(next, "ovs-vsctl get Open_vSwitch . next_cfg");
    ovs_assert_prints("second", "ovs-vsctl get Port p1 external_ids:by");
    ovs_assert_prints("", "ovs-vsctl list Queue");
    sw_delete_port("p1");
}

static void
insert_second_br0(PfTxn *txn, GError **error G_GNUC_UNUSED)
{
    const PfRow *bridge = insert(txn, "Bridge");

    set(txn, bridge, "name", "'br0'");
    set_member(txn, pf_rows_next(sw, "Open_vSwitch", NULL), "bridges",
               uuid_of(bridge), TRUE);
}

static void
want_one_bridge(PfTxn *txn, GError **error)
{
    calls++;
    set_key(txn, find("Port", "p1"), "external_ids", "half", "done");
    if (count("Bridge") != 1) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT,
                    "too many bridges");
        return;
    }
    set_key(txn, find("Port", "p1"), "external_ids", "bridges", "one");
}

static void
test_failure_because_of_a_refused_neighbour_is_none(void)
{
    Step steps[] = { insert_second_br0, want_one_bridge };
    struct sw_outcome o[2] = { { FALSE, NULL } };

    add_port("p1");
    calls = 0;
    for (size_t i = 0; i < 2; i++) {
        pf_switch_submit(sw, change_of(&steps[i]), OVS_PATIENCE_MS,
                         sw_on_done, &o[i]);
    }
    sw_loop_until(sw_is_over, &o[0], "the refused change");
    sw_loop_until(sw_is_over, &o[1], "its neighbour");
    g_assert_error(o[0].error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_DATABASE);
    g_clear_error(&o[0].error);
    g_assert_no_error(o[1].error);
    g_assert_cmpuint(calls, ==, 2);
    ovs_assert_prints("one", "ovs-vsctl get Port p1 external_ids:bridges");
    sw_delete_port("p1");
}

static void
fail(PfTxn *txn, GError **error)
{
    set_key(txn, find("Port", "p1"), "external_ids", "half", "done");
    set_key(txn, insert(txn, "Queue"), "external_ids", "half", "done");
    g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT, "no");
}

static void
test_failing_function_fails_only_its_change(void)
{
    Step steps[] = { set_key_a, fail, want_one_bridge };
    struct sw_outcome o[3] = { { FALSE, NULL } };

    add_port("p1");
    for (size_t i = 0; i < 3; i++) {
        pf_switch_submit(sw, change_of(&steps[i]), OVS_PATIENCE_MS,
                         sw_on_done, &o[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        sw_loop_until(sw_is_over, &o[i], "each change");
    }
    g_assert_no_error(o[0].error);
    g_assert_error(o[1].error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT);
    g_clear_error(&o[1].error);
    g_assert_no_error(o[2].error);
    ovs_assert_prints("{a=\"1\"}\n{bridges=one, half=done}",
                      "ovs-vsctl get Port p1 other_config external_ids");
    ovs_assert_prints("", "ovs-vsctl list Queue");
    sw_delete_port("p1");
}

static gboolean
fail_silently(PfTxn *txn G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED,
              GError **error G_GNUC_UNUSED)
{
    return FALSE;
}

static void
count_free(gpointer n)
{
    ++*(guint *) n;
}

static void
test_function_is_freed_once(void)
{
    PfChange *change = pf_change_new(FALSE);
    guint freed = 0;

    pf_change_apply_func(change, fail_silently, &freed, count_free);
    pf_change_free(change);
    g_assert_cmpuint(freed, ==, 1);

    change = pf_change_new(FALSE);
    pf_change_apply_func(change, fail_silently, &freed, count_free);
    sw_commit_fails(change, PF_SWITCH_ERROR_VALUE, "*without saying why");
    g_assert_cmpuint(freed, ==, 2);
}

static void
test_ghost_and_its_rows_in_one_change(void)
{
    Step step = set_key_a;
    PfChange *change = sw_ghost("p1", 0);

    pf_change_apply_func(change, apply_step, &step, NULL);
    pf_change_port_key(change, "p1", "k", "v");
    sw_commit(change, "ghost with rows");
    ovs_assert_prints("{a=\"1\"}\nv", "ovs-vsctl get Port p1 other_config "
                      "external_ids:k");
    sw_delete_port("p1");
}

static void
test_nameless_change_says_what_it_is_for(void)
{
    Step step = set_key_a;
    PfChange *change = change_of(&step);
    g_autoptr(GError) error = NULL;

    add_port("p1");
    pf_change_set_name(change, "p1");
    g_assert_cmpint(kill(ovs->ovsdb_server, SIGSTOP), ==, 0);
    error = sw_commit_within(change, 100);
    g_assert_cmpint(kill(ovs->ovsdb_server, SIGCONT), ==, 0);
    g_assert_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_TIMEOUT);
    if (!g_pattern_match_simple("rows of port 'p1': ovsdb-server (*) did not "
                                "commit the change within 100 ms",
                                error->message)) {
        g_error("unexpected message '%s'", error->message);
    }
    sw_delete_port("p1");
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    switch_fixture_init_with(columns);

#define TEST(FUNCTION) g_test_add_func("/rows/" #FUNCTION, test_##FUNCTION)
    TEST(values_go_both_ways);
    TEST(values_are_checked);
    TEST(reals_are_numbers);
    TEST(what_is_not_there_reads_as_absent);
    TEST(rows_come_and_go_within_a_transaction);
    TEST(names_are_found_within_a_transaction);
    TEST(members_change_alone);
    TEST(keys_of_others_stay);
    TEST(what_others_wrote_is_seen_before_it_is_overwritten);
    TEST(row_that_is_deleted_meanwhile_is_missed);
    TEST(only_what_differs_is_written);
    TEST(functions_share_a_transaction);
    TEST(failure_because_of_a_refused_neighbour_is_none);
    TEST(failing_function_fails_only_its_change);
    TEST(function_is_freed_once);
    TEST(ghost_and_its_rows_in_one_change);
    TEST(nameless_change_says_what_it_is_for);
#undef TEST

    result = g_test_run();
    switch_fixture_done();
    return result;
}
