/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `mirror' (plugin/extensions/mirror*.c) against a real
 * Open vSwitch, whose two bridges play both hosts one after the other.
 */
#include <config.h>

#include <string.h>

#include "codec.h"
#include "extension-fixture.h"
#include "extension.h"

#define MIRROR (&pf_extension_mirror)

/* 'lan' and 'strict' allow guests to be outputs, 'closed' does not. */
static PfNetwork *lan, *strict, *closed;

/* ---- Helpers ------------------------------------------------------------ */

static void
add_port(const char *name, const char *bridge)
{
    ovs_do("ovs-vsctl --timeout=30 add-port %s %s "
           "-- set Interface %s type=internal", bridge, name, name);
    ef_catch_up();
}

static void
del_port(const char *name)
{
    ovs_do("ovs-vsctl --timeout=30 --if-exists del-port %s", name);
    ef_catch_up();
}

/* Makes a mirror on 'bridge', and returns its UUID. */
static char *
make_mirror(const char *bridge, const char *settings)
{
    char *uuid = ovs_run("ovs-vsctl --timeout=30 -- --id=@m create Mirror %s "
                         "-- add Bridge %s mirrors @m | head -1", settings,
                         bridge);

    ef_catch_up();
    return uuid;
}

static void
clear_mirrors(void)
{
    ovs_do("ovs-vsctl --timeout=30 clear Bridge br0 mirrors "
           "-- clear Bridge br1 mirrors");
    ef_catch_up();
    ovs_assert_prints("", "ovs-vsctl --bare --columns=_uuid list Mirror");
}

/* Gives 'port' the roles that 'columns' stand for, as an operator does. */
static void
select_port(const char *uuid, const char *columns, const char *port)
{
    g_auto(GStrv) each = g_strsplit(columns, " ", -1);

    for (guint i = 0; each[i]; i++) {
        ovs_do("ovs-vsctl --timeout=30 add Mirror %s %s "
               "$(ovs-vsctl get Port %s _uuid)", uuid, each[i], port);
    }
    ef_catch_up();
}

/* What ovs-vsctl prints of the mirror, with names for ports, in order. */
static char *
listing(const char *uuid)
{
    return ovs_run(
        "names=$(ovs-vsctl --format=csv --no-headings --columns=_uuid,name "
        "list Port | sed 's/\\(.*\\),\\(.*\\)/s:\\1:\\2:/'); "
        "for c in name output_port external_ids; do "
        "echo \"$c : $(ovs-vsctl get Mirror %s $c | sed \"$names\")\"; "
        "done; "
        "for c in select_src_port select_dst_port; do "
        "echo \"$c : [$(ovs-vsctl get Mirror %s $c | tr -d '[] ' "
        "| tr , '\\n' | sed \"$names\" | sort | paste -sd,)]\"; done",
        uuid, uuid);
}

/* Demands that the mirror has exactly these ports. */
static void
assert_lists(const char *uuid, const char *name, const char *src,
             const char *dst, const char *out)
{
    g_autofree char *listed = listing(uuid);
    g_autofree char *text = g_strdup_printf("\n%s\n", listed);
    const struct {
        const char *column;
        const char *value;
    } wanted[] = {
        { "name", name },
        { "select_src_port", src },
        { "select_dst_port", dst },
        { "output_port", out },
    };

    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *pair = g_strdup_printf(
            "\n%s : %s\n", wanted[i].column, wanted[i].value);
        if (!strstr(text, pair)) {
            g_error("%s is not in %s", pair, text);
        }
    }
}

static char *
policies_of(const char *name, const char *bridge)
{
    PfExtensionPort port = ef_port(name, bridge);
    g_autoptr(EfSaid) said = ef_call_ok(MIRROR, PF_CALL_GET_POLICIES, &port,
                                        lan, NULL);

    return said->policies ? pf_codec_format(said->policies) : NULL;
}

static void
assert_policies(const char *name, const char *bridge, const char *expected)
{
    g_autofree char *text = policies_of(name, bridge);

    g_assert_cmpstr(text, ==, expected);
}

static void
request(PfCallFunc func, const char *name, const char *bridge,
        const char *json, guint times)
{
    for (guint i = 0; i < times; i++) {
        PfExtensionPort port = ef_port(name, bridge);
        g_autoptr(GVariant) v = ef_policies(json);
        g_autoptr(EfSaid) said = ef_call_ok(MIRROR, func, &port, lan, v);

        ef_catch_up();
    }
}

static void
restore(const char *name, const char *bridge, const char *old,
        const char *new_, gboolean changes)
{
    PfExtensionPort port = ef_port(name, bridge);
    g_autoptr(GVariant) a = ef_policies(old);
    g_autoptr(GVariant) b = ef_policies(new_);
    g_autoptr(EfSaid) said = ef_restore(MIRROR, &port, lan, a, b, NULL);

    g_assert_no_error(said->error);
    g_assert_cmpint(said->changed, ==, changes);
    ef_catch_up();
}

/* The port leaves 'bridge', for good. */
static char *
leave(const char *name, const char *bridge, guint times)
{
    char *json = policies_of(name, bridge);

    request(PF_CALL_PORT_TEARDOWN, name, bridge, json, times);
    del_port(name);
    request(PF_CALL_PORT_GONE, name, bridge, json, times);
    return json;
}

static void
arrive(const char *name, const char *bridge, const char *json, guint times)
{
    add_port(name, bridge);
    request(PF_CALL_PROPERTY_ADD, name, bridge, json, times);
    for (guint i = 0; i < times; i++) {
        restore(name, bridge, json, json, FALSE);
    }
}

#define OTHERS "[nb0]"

/* ---- A port that moves -------------------------------------------------- */

/* The mirrors of both hosts: of one name, each with a port of its own host. */
static char *ids[2], *span[2];

static void
make_both(void)
{
    for (guint i = 0; i < 2; i++) {
        const char *bridge = i ? "br1" : "br0";
        const char *other = i ? "nb1" : "nb0";

        add_port(other, bridge);
        ids[i] = make_mirror(bridge, "name=ids");
        span[i] = make_mirror(bridge, "name='\"span, \\\"1\\\"\"'");
        select_port(ids[i], "select_src_port select_dst_port output_port",
                    other);
        select_port(span[i], "select_src_port", other);
    }
}

static void
free_both(void)
{
    for (guint i = 0; i < 2; i++) {
        g_clear_pointer(&ids[i], g_free);
        g_clear_pointer(&span[i], g_free);
    }
    del_port("nb0");
    del_port("nb1");
    clear_mirrors();
}

#define BOTH "{\"mirrors\":{\"ids\":[\"src\",\"dst\"]," \
             "\"span, \\\"1\\\"\":[\"dst\",\"out\"]}}"

static void
test_membership_moves_by_name(void)
{
    make_both();
    add_port("web0", "br0");
    assert_policies("web0", "br0", "{}");
    select_port(ids[0], "select_src_port select_dst_port", "web0");
    select_port(span[0], "select_dst_port output_port", "web0");
    assert_policies("web0", "br0", BOTH);
    assert_policies("nb0", "br0", "{\"mirrors\":{\"ids\":[\"src\",\"dst\","
                    "\"out\"],\"span, \\\"1\\\"\":[\"src\"]}}");

    g_autofree char *json = leave("web0", "br0", 2);
    assert_lists(ids[0], "ids", OTHERS, OTHERS, "nb0");
    assert_lists(span[0], "\"span, \\\"1\\\"\"", OTHERS, "[]", "[]");

    PfExtensionPort port = ef_port("web0", "br1");
    ef_assert_verdict(MIRROR, &port, strict, json, NULL);
    arrive("web0", "br1", json, 2);
    assert_policies("web0", "br1", BOTH);
    assert_policies("nb1", "br1", "{\"mirrors\":{\"ids\":[\"src\",\"dst\","
                    "\"out\"],\"span, \\\"1\\\"\":[\"src\"]}}");
    port = ef_port("web0", "br1");
    ef_assert_verdict(MIRROR, &port, strict, json, NULL);
    g_free(leave("web0", "br1", 1));
    assert_lists(ids[1], "ids", "[nb1]", "[nb1]", "nb1");
    assert_lists(span[1], "\"span, \\\"1\\\"\"", "[nb1]", "[]", "[]");
    free_both();
}

/* How often a frame from web0 leaves at nb1, which is in another VLAN. */
static char *
copies(void)
{
    return ovs_run(
        "p=$(ovs-appctl dpif/show | sed -nE 's,^ *nb1 .*/([0-9]+):.*,\\1,p'); "
        "ovs-appctl ofproto/trace br1 in_port=web0,dl_src=" EF_MAC ","
        "dl_dst=52:54:00:aa:00:02 | sed -n 's/^Datapath actions: //p' "
        "| tr , '\\n' | grep -cx $p || :");
}

static void
test_mirror_is_in_place(void)
{
    const char *json = "{\"mirrors\":{\"ids\":[\"src\"]}}";
    g_autofree char *uuid = NULL;

    add_port("nb1", "br1");
    uuid = make_mirror("br1", "name=ids");
    select_port(uuid, "output_port", "nb1");
    ovs_do("ovs-vsctl --timeout=30 set Port nb1 tag=9");
    arrive("web0", "br1", "{}", 1);
    g_autofree char *before = copies();
    g_assert_cmpstr(before, ==, "0");
    request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 1);
    g_autofree char *with = copies();
    g_assert_cmpstr(with, ==, "1");
    request(PF_CALL_PORT_TEARDOWN, "web0", "br1", json, 1);
    g_autofree char *after = copies();
    g_assert_cmpstr(after, ==, "0");
    del_port("web0");
    del_port("nb1");
    clear_mirrors();
}

static void
test_a_hundred_round_trips(void)
{
    make_both();
    add_port("web0", "br0");
    select_port(ids[0], "select_src_port select_dst_port", "web0");
    select_port(span[0], "select_dst_port output_port", "web0");
    g_autofree char *before_ids = listing(ids[0]);
    g_autofree char *before_span = listing(span[0]);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *json = leave("web0", i % 2 ? "br1" : "br0",
                                      1 + i % 3 / 2);

        g_assert_cmpstr(json, ==, BOTH);
        arrive("web0", i % 2 ? "br0" : "br1", json, 1 + i % 3 / 2);
        ovs_assert_holds_no_more(i);
    }
    g_autofree char *after_ids = listing(ids[0]);
    g_autofree char *after_span = listing(span[0]);
    g_assert_cmpstr(before_ids, ==, after_ids);
    g_assert_cmpstr(before_span, ==, after_span);
    g_free(leave("web0", "br0", 1));
    assert_lists(ids[1], "ids", "[nb1]", "[nb1]", "nb1");
    free_both();
}

static void
test_restore_brings_what_changed(void)
{
    const char *old = "{\"mirrors\":{\"a\":[\"src\"],\"b\":[\"dst\"]}}";
    const char *new_ = "{\"mirrors\":{\"b\":[\"src\",\"dst\"],"
                       "\"c\":[\"out\"]}}";
    g_autofree char *a = make_mirror("br1", "name=a");
    g_autofree char *b = make_mirror("br1", "name=b");
    g_autofree char *c = make_mirror("br1", "name=c");
    g_autofree char *local = make_mirror("br1", "name=local");

    arrive("web0", "br1", old, 1);
    /* This host's own, that the other has never heard of. */
    select_port(local, "select_dst_port", "web0");
    restore("web0", "br1", old, new_, TRUE);
    assert_lists(a, "a", "[]", "[]", "[]");
    assert_lists(b, "b", "[web0]", "[web0]", "[]");
    assert_lists(c, "c", "[]", "[]", "web0");
    assert_lists(local, "local", "[]", "[web0]", "[]");
    restore("web0", "br1", old, new_, FALSE);
    restore("web0", "br1", new_, "{}", TRUE);
    assert_lists(b, "b", "[]", "[]", "[]");
    assert_lists(c, "c", "[]", "[]", "[]");
    assert_lists(local, "local", "[]", "[web0]", "[]");
    del_port("web0");
    clear_mirrors();
}

static void
test_property_remove_leaves_nothing(void)
{
    const char *json = "{\"mirrors\":{\"a\":[\"src\",\"out\"]}}";
    g_autofree char *a = make_mirror("br1", "name=a");

    add_port("web0", "br1");
    request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", json, 1);
    request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 2);
    assert_lists(a, "a", "[web0]", "[]", "web0");
    request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", json, 2);
    assert_lists(a, "a", "[]", "[]", "[]");
    del_port("web0");
    request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", json, 1);
    clear_mirrors();
}

/* ---- The way back ------------------------------------------------------- */

struct outcome {
    gboolean over;
    char *note;
};

static void
on_called(gpointer outcome, const PfCallResult *result)
{
    struct outcome *o = outcome;

    g_assert_no_error(result->error);
    o->over = TRUE;
    o->note = g_strdup(result->note);
}

/* Lets the port be torn down, and a carrier. */
static void
tear_down(const char *name, GVariant **undo, char **json)
{
    *undo = pf_switch_undo_image(sw, name);
    *json = policies_of(name, "br0");
    request(PF_CALL_PORT_TEARDOWN, name, "br0", *json, 2);
    /* Saved again, it says what it was in. */
    assert_policies(name, "br0", *json);
    PfChange *change = pf_change_new(TRUE);
    pf_change_make_carrier(change, name, NULL, MIGRATION);
    sw_commit(change, "carrier");
    ef_catch_up();
}

/* And return, in one transaction with what the extension adds; returns its
 * note. */
static char *
give_back(const char *name, GVariant *undo, const char *json)
{
    PfExtensionPort port = ef_port(name, "br0");
    g_autoptr(GVariant) v = ef_policies(json);
    PfChange *change = pf_change_new(TRUE);
    struct outcome o = { FALSE, NULL };
    PfCallSpec spec = {
        .extension = MIRROR,
        .func = PF_CALL_PORT_RETURN,
        .port = &port,
        .network = lan,
        .policies = v,
        .change = change,
        .timeout_ms = OVS_PATIENCE_MS,
    };

    pf_change_restore_port(change, "br0", name, undo);
    pf_call_begin(&spec, on_called, &o);
    g_assert_true(o.over);
    sw_commit(change, "return");
    ef_catch_up();
    return o.note;
}

static void
test_port_returns_to_its_mirrors(void)
{
    g_autofree char *a = make_mirror("br0", "name=a");
    g_autofree char *nameless = make_mirror("br0", "external_ids:x=y");
    g_autofree char *twin = make_mirror("br0", "name=twin");
    g_autofree char *other_twin = make_mirror("br0", "name=twin");
    g_autoptr(GVariant) undo = NULL;
    g_autofree char *json = NULL;
    g_autofree char *note = NULL;

    add_port("web0", "br0");
    add_port("nb0", "br0");
    select_port(a, "select_src_port output_port", "web0");
    select_port(a, "select_src_port", "nb0");
    select_port(nameless, "select_dst_port", "web0");
    select_port(twin, "select_src_port", "web0");
    g_autofree char *all = ovs_run("ovs-vsctl --columns=name,external_ids "
                                   "list Mirror | sort");

    tear_down("web0", &undo, &json);
    g_assert_cmpstr(json, ==, "{\"mirrors\":{\"a\":[\"src\",\"out\"],"
                    "\"twin\":[\"src\"]},\"unnamed\":1}");
    assert_lists(a, "a", OTHERS, "[]", "[]");
    assert_lists(nameless, "\"\"", "[]", "[]", "[]");
    assert_lists(twin, "twin", "[]", "[]", "[]");
    /* Asked now, it would say nothing rather than that there are none. */
    assert_policies("web0", "br0", NULL);

    note = give_back("web0", undo, json);
    g_assert_cmpstr(note, ==, NULL);
    assert_policies("web0", "br0", json);
    assert_lists(nameless, "\"\"", "[]", "[web0]", "[]");
    assert_lists(twin, "twin", "[web0]", "[]", "[]");
    assert_lists(other_twin, "twin", "[]", "[]", "[]");
    ovs_assert_prints(all, "ovs-vsctl --columns=name,external_ids list "
                      "Mirror | sort");
    request(PF_CALL_PORT_RETURN, "web0", "br0", json, 1);
    assert_lists(nameless, "\"\"", "[]", "[web0]", "[]");
    g_free(leave("web0", "br0", 1));
    ovs_assert_prints(all, "ovs-vsctl --columns=name,external_ids list "
                      "Mirror | sort");
    del_port("nb0");
    clear_mirrors();
}

/* Nobody was there to say that the guest had left; it comes again. */
static void
test_mark_of_an_earlier_stay_means_nothing(void)
{
    g_autofree char *a = make_mirror("br0", "name=a");
    g_autofree char *json = NULL;

    add_port("web0", "br0");
    select_port(a, "select_src_port", "web0");
    json = policies_of("web0", "br0");
    request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 1);
    del_port("web0");
    arrive("web0", "br0", "{}", 1);
    assert_policies("web0", "br0", "{}");
    ovs_assert_prints("{}", "ovs-vsctl get Mirror %s external_ids", a);
    del_port("web0");
    clear_mirrors();
}

/* What happened to the mirrors meanwhile keeps no guest from returning. */
static void
test_mirrors_changed_before_the_return(void)
{
    g_autofree char *a = make_mirror("br0", "name=a");
    g_autofree char *b = make_mirror("br0", "name=b");
    g_autofree char *c = make_mirror("br0", "name=c");
    g_autoptr(GVariant) undo = NULL;
    g_autofree char *json = NULL;
    g_autofree char *note = NULL;

    add_port("web0", "br0");
    add_port("nb0", "br0");
    select_port(a, "output_port select_src_port", "web0");
    select_port(b, "select_src_port", "web0");
    select_port(c, "select_src_port", "web0");
    tear_down("web0", &undo, &json);
    select_port(a, "output_port", "nb0");
    ovs_do("ovs-vsctl remove Bridge br0 mirrors %s "
           "-- remove Bridge br0 mirrors %s", b, c);
    ef_catch_up();
    g_free(b);
    b = make_mirror("br0", "name=b");

    note = give_back("web0", undo, json);
    assert_lists(a, "a", "[web0]", "[]", "nb0");
    assert_lists(b, "b", "[web0]", "[]", "[]");
    g_assert_cmpstr(note, ==,
                    "port 'web0' of bridge 'br0' is not mirrored to any more: "
                    "mirror 'a' outputs to port 'nb0', and can output to one "
                    "only; bridge 'br0' has no mirror 'c' any more: port "
                    "'web0' returns without it");
    del_port("web0");
    del_port("nb0");
    clear_mirrors();
}

/* ---- What cannot travel ------------------------------------------------- */

static void
test_notes_at_the_switchover(void)
{
    g_autofree char *nameless = make_mirror("br0", "external_ids:x=y");
    g_autofree char *twin = make_mirror("br0", "name=twin");
    g_autofree char *other_twin = make_mirror("br0", "name=twin");
    g_autofree char *every = make_mirror("br0", "name=all select_all=true");

    add_port("web0", "br0");
    select_port(nameless, "select_dst_port", "web0");
    select_port(twin, "select_src_port", "web0");
    select_port(other_twin, "select_dst_port", "web0");
    PfExtensionPort port = ef_port("web0", "br0");
    g_autoptr(EfSaid) said = ef_call_ok(MIRROR, PF_CALL_NIC_SAVE, &port, lan,
                                        NULL);
    g_autofree char *json = pf_codec_format(said->policies);
    g_assert_cmpstr(json, ==, "{\"mirrors\":{\"twin\":[\"src\",\"dst\"]},"
                    "\"unnamed\":1}");
    g_assert_cmpstr(said->note, ==,
                    "port 'web0' is in mirrors without a name on bridge "
                    "'br0' (1): that stays behind; port 'web0' is in mirrors "
                    "of one name on bridge 'br0' (1 more than there are "
                    "names): they are taken for one");
    del_port("web0");
    clear_mirrors();
}

/* ---- Verification ------------------------------------------------------- */

static void
assert_verdict(const PfNetwork *n, const char *json, const char *text)
{
    PfExtensionPort port = ef_port("web0", "br1");
    g_autofree char *quoted = g_strdelimit(g_strdup(json), "'", '"');

    ef_assert_verdict(MIRROR, &port, n, quoted, text);
}

static void
test_syntax(void)
{
    g_autoptr(GString) many = g_string_new("{'mirrors': {");
    g_autofree char *x = g_strnfill(1025, 'x');
    g_autofree char *name = g_strdup_printf("{'mirrors': {'%s': ['src']}}", x);
    g_autofree char *said = g_strdup_printf(
        "syntax: mirrors: '%.64s' is not the name of a mirror (1 to 1024 "
        "bytes)", x);

    assert_verdict(lan, "{}", NULL);
    assert_verdict(lan, "{'mirror': {}}",
                   "syntax: 'mirror' is neither 'mirrors' nor 'unnamed'");
    assert_verdict(lan, "{'unnamed': 0}",
                   "syntax: 'unnamed' is not a number from 1 to 32");
    assert_verdict(lan, "{'unnamed': 33}",
                   "syntax: 'unnamed' is not a number from 1 to 32");
    assert_verdict(lan, "{'unnamed': '1'}",
                   "syntax: 'unnamed' is not a number from 1 to 32");
    assert_verdict(lan, "{'mirrors': ['a']}",
                   "syntax: 'mirrors' is not a map of at most 32 mirrors");
    assert_verdict(lan, "{'mirrors': {'': ['src']}}",
                   "syntax: mirrors: '' is not the name of a mirror (1 to "
                   "1024 bytes)");
    assert_verdict(lan, name, said);
    assert_verdict(lan, "{'mirrors': {'a': ['src', 'src'], 'b': 'src', 'c': "
                   "[], 'd': ['in'], 'e': [1]}}",
                   "syntax: mirrors:a is not a list of src, dst and out; "
                   "syntax: mirrors:b is not a list of src, dst and out; "
                   "syntax: mirrors:c is not a list of src, dst and out; "
                   "syntax: mirrors:d is not a list of src, dst and out; "
                   "syntax: mirrors:e is not a list of src, dst and out");
    for (guint i = 0; i < 33; i++) {
        g_string_append_printf(many, "%s'%u': ['src']", i ? "," : "", i);
    }
    g_string_append(many, "}}");
    assert_verdict(lan, many->str,
                   "syntax: 'mirrors' is not a map of at most 32 mirrors");
}

static void
test_missing_mirror(void)
{
    const char *json = "{\"mirrors\":{\"a\":[\"src\"],\"twin\":[\"dst\"]}}";
    g_autofree char *twin = make_mirror("br1", "name=twin");
    g_autofree char *other_twin = make_mirror("br1", "name=twin");
    g_autofree char *elsewhere = make_mirror("br0", "name=a");
    g_autoptr(GVariant) v = ef_policies(json);

    assert_verdict(strict, json,
                   "applicability: bridge 'br1' has no mirror 'a' (network "
                   "'lan' requires the extension in its XML: make one mirror "
                   "of that name); "
                   "applicability: bridge 'br1' has 2 mirrors 'twin' (network "
                   "'lan' requires the extension in its XML: make one mirror "
                   "of that name)");
    assert_verdict(lan, json, NULL);
    PfExtensionPort port = ef_port("web0", "br1");
    g_autoptr(EfSaid) said = ef_call_ok(MIRROR, PF_CALL_VERIFY_APPLICABILITY,
                                        &port, lan, v);
    g_assert_cmpstr(said->note, ==,
                    "warning: bridge 'br1' has no mirror 'a': the port comes "
                    "without it; warning: bridge 'br1' has 2 mirrors 'twin': "
                    "the port comes without it");
    /* It comes without. */
    arrive("web0", "br1", json, 1);
    assert_policies("web0", "br1", "{}");
    assert_lists(elsewhere, "a", "[]", "[]", "[]");
    del_port("web0");
    clear_mirrors();
}

/* It was there when it was asked for, and no longer when it was needed. */
static void
test_mirror_vanishes_after_verification(void)
{
    const char *json = "{\"mirrors\":{\"a\":[\"src\"]}}";
    g_autofree char *a = make_mirror("br1", "name=a");
    g_autoptr(GVariant) v = ef_policies(json);

    assert_verdict(strict, json, NULL);
    clear_mirrors();
    add_port("web0", "br1");
    PfExtensionPort port = ef_port("web0", "br1");
    g_autoptr(EfSaid) refused = ef_call(MIRROR, PF_CALL_PROPERTY_ADD, &port,
                                        strict, v);
    g_assert_nonnull(refused->error);
    g_assert_nonnull(strstr(
        refused->error->message, "bridge 'br1' has no mirror 'a' (network "
        "'lan' requires the extension in its XML: make one mirror of that "
        "name)"));
    request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 1);

    /* While memory was copied: nobody is refused any more, but it is told. */
    g_autoptr(EfSaid) said = ef_restore(MIRROR, &port, strict, v, v, NULL);
    g_assert_no_error(said->error);
    g_assert_false(said->changed);
    g_assert_cmpstr(said->note, ==, "warning: bridge 'br1' has no mirror 'a': "
                    "port 'web0' comes without it");

    /* One that appears in between takes the port. */
    g_autofree char *late = make_mirror("br1", "name=a");
    g_autoptr(EfSaid) added = ef_call_ok(MIRROR, PF_CALL_PROPERTY_ADD, &port,
                                         strict, v);
    ef_catch_up();
    assert_lists(late, "a", "[web0]", "[]", "[]");
    del_port("web0");
    clear_mirrors();
}

/* No other host can find them: a network that requires mirrors does not lose
 * one without a word. */
static void
test_unnamed_mirrors_are_refused_where_required(void)
{
    const char *json = "{\"unnamed\":2}";
    g_autofree char *one = make_mirror("br0", "external_ids:x=y");
    g_autofree char *two = make_mirror("br0", "external_ids:x=z");
    g_autoptr(GVariant) v = ef_policies(json);

    add_port("web0", "br0");
    select_port(one, "select_src_port", "web0");
    select_port(two, "select_dst_port", "web0");
    assert_policies("web0", "br0", json);
    assert_verdict(strict, json,
                   "applicability: mirrors without a name have the port where "
                   "it is (2), which no other host can find (network 'lan' "
                   "requires the extension in its XML: name them, or take the "
                   "port out of them)");
    assert_verdict(lan, json, NULL);
    PfExtensionPort port = ef_port("web0", "br1");
    g_autoptr(EfSaid) said = ef_call_ok(MIRROR, PF_CALL_VERIFY_APPLICABILITY,
                                        &port, lan, v);
    g_assert_cmpstr(said->note, ==, "warning: mirrors without a name have the "
                    "port where it is (2): it comes without them");
    del_port("web0");
    clear_mirrors();
}

static void
test_output_is_taken(void)
{
    const char *json = "{\"mirrors\":{\"a\":[\"out\"],\"b\":[\"out\"]}}";
    g_autofree char *a = make_mirror("br1", "name=a");
    g_autofree char *b = make_mirror("br1", "name=b");
    g_autoptr(GVariant) v = ef_policies(json);

    add_port("nb1", "br1");
    assert_verdict(lan, json, NULL);
    select_port(a, "output_port", "nb1");
    ovs_do("ovs-vsctl set Mirror %s output_vlan=7", b);
    ef_catch_up();
    assert_verdict(lan, json,
                   "conflict: bridge 'br1': mirror 'a' outputs to port 'nb1', "
                   "and can output to one only; "
                   "conflict: bridge 'br1': mirror 'b' outputs to VLAN 7, and "
                   "can output either to a VLAN or to a port");
    /* Only what it would take is in the way. */
    assert_verdict(lan, "{'mirrors': {'a': ['src'], 'b': ['dst']}}", NULL);

    /* Taken after it was verified. */
    add_port("web0", "br1");
    PfExtensionPort port = ef_port("web0", "br1");
    g_autoptr(EfSaid) said = ef_call(MIRROR, PF_CALL_PROPERTY_ADD, &port, lan,
                                     v);
    g_assert_nonnull(said->error);
    g_assert_nonnull(strstr(said->error->message, "bridge 'br1': mirror '"));
    ef_catch_up();
    assert_lists(a, "a", "[]", "[]", "nb1");
    assert_lists(b, "b", "[]", "[]", "[]");

    /* Its own output is no conflict. */
    ovs_do("ovs-vsctl clear Mirror %s output_vlan -- clear Mirror %s "
           "output_port", b, a);
    select_port(a, "output_port", "web0");
    assert_verdict(lan, json, NULL);
    del_port("web0");
    del_port("nb1");
    clear_mirrors();
}

#define FORBIDDEN(MIRROR_NAME) \
    "the port would be the output of mirror '" MIRROR_NAME "', which " \
    "network 'lan' does not allow its guests (<portferry:option " \
    "name=\"output\" value=\"yes\"/> of extension \"mirror\" in its XML " \
    "does)"

static void
test_output_is_for_the_network_to_allow(void)
{
    const char *json = "{\"mirrors\":{\"a\":[\"src\",\"out\"],"
                       "\"b\":[\"out\"]}}";
    static const char *const refusing[] = {
        NULL,
        "<p:extension name='mirror' required='yes'/>",
        "<p:extension name='mirror' required='no'>"
        "<p:option name='output' value='no'/></p:extension>",
        "<p:extension name='mirror' required='no'>"
        "<p:option name='output' value=''/></p:extension>",
        "<p:extension name='other' required='no'>"
        "<p:option name='output' value='yes'/></p:extension>",
    };
    g_autofree char *a = make_mirror("br1", "name=a");
    g_autofree char *b = make_mirror("br1", "name=b");

    for (gsize i = 0; i < G_N_ELEMENTS(refusing); i++) {
        PfNetwork *n = ef_network("br1", refusing[i]);

        assert_verdict(n, json,
                       "range: " FORBIDDEN("a") "; range: " FORBIDDEN("b"));
        assert_verdict(n, "{'mirrors': {'a': ['src', 'dst']}}", NULL);
        pf_network_free(n);
    }
    assert_verdict(lan, json, NULL);
    assert_verdict(strict, json, NULL);
    clear_mirrors();
}

/* Also if it has become one after the stamp; one that it is, it stays. */
static void
test_output_is_not_restored_unless_allowed(void)
{
    const char *old = "{\"mirrors\":{\"a\":[\"src\"]}}";
    const char *new_ = "{\"mirrors\":{\"a\":[\"src\",\"out\"]}}";
    const char *more = "{\"mirrors\":{\"a\":[\"dst\",\"out\"]}}";
    g_autofree char *a = make_mirror("br1", "name=a");
    g_autoptr(GVariant) u = ef_policies(old);
    g_autoptr(GVariant) v = ef_policies(new_);
    g_autoptr(GVariant) w = ef_policies(more);

    arrive("web0", "br1", old, 1);
    PfExtensionPort port = ef_port("web0", "br1");
    ef_assert_verdict(MIRROR, &port, closed, new_,
                      "range: " FORBIDDEN("a"));
    g_autoptr(EfSaid) refused = ef_restore(MIRROR, &port, closed, u, v, NULL);
    g_assert_nonnull(refused->error);
    g_assert_nonnull(strstr(refused->error->message, FORBIDDEN("a")));
    ef_catch_up();
    assert_lists(a, "a", "[web0]", "[]", "[]");

    restore("web0", "br1", old, new_, TRUE);
    assert_lists(a, "a", "[web0]", "[]", "web0");
    g_autoptr(EfSaid) kept = ef_restore(MIRROR, &port, closed, v, w, NULL);
    g_assert_no_error(kept->error);
    ef_catch_up();
    assert_lists(a, "a", "[]", "[web0]", "web0");
    del_port("web0");
    clear_mirrors();
}

int
main(int argc, char *argv[])
{
    static const PfExtension *const extensions[] = { MIRROR, NULL };
    int result;

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(extensions);
    ovs_do("ovs-vsctl --timeout=30 add-br br1 "
           "-- set Bridge br1 datapath_type=netdev");
    lan = ef_network("br1", "<p:extension name='mirror' required='no'>"
                     "<p:option name='output' value='yes'/></p:extension>");
    strict = ef_network("br1", "<p:extension name='mirror' required='yes'>"
                        "<p:option name='output' value='yes'/>"
                        "</p:extension>");
    closed = ef_network("br1", NULL);

#define TEST(FUNCTION) g_test_add_func("/mirror/" #FUNCTION, test_##FUNCTION)
    TEST(membership_moves_by_name);
    TEST(mirror_is_in_place);
    TEST(a_hundred_round_trips);
    TEST(restore_brings_what_changed);
    TEST(property_remove_leaves_nothing);
    TEST(port_returns_to_its_mirrors);
    TEST(mark_of_an_earlier_stay_means_nothing);
    TEST(mirrors_changed_before_the_return);
    TEST(notes_at_the_switchover);
    TEST(syntax);
    TEST(missing_mirror);
    TEST(mirror_vanishes_after_verification);
    TEST(unnamed_mirrors_are_refused_where_required);
    TEST(output_is_taken);
    TEST(output_is_for_the_network_to_allow);
    TEST(output_is_not_restored_unless_allowed);
#undef TEST

    result = g_test_run();
    pf_network_free(lan);
    pf_network_free(strict);
    pf_network_free(closed);
    ef_done();
    return result;
}
