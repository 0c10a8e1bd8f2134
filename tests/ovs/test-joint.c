/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the transaction that extensions share, those of one request
 * (joint.h) and those that are told of a guest (tell.h), against a real Open
 * vSwitch.
 */
#include <config.h>

#include <string.h>

#include "extension-fixture.h"
#include "joint.h"
#include "tell.h"

/* ---- Extensions --------------------------------------------------------- */

/* What one of them does when it is called. */
typedef struct {
    guint delay_ms;             /* Before it ends its call. */
    gboolean fails;             /* It ends it with an error. */
    gboolean cannot_write;      /* Its part of the transaction fails. */
} Manner;

static Manner manners[3];

/* Appends the extension's letter to the port's external_ids:order. */
static gboolean
apply(PfTxn *txn, gpointer letter, GError **error)
{
    const PfRow *port = ef_host->find(txn, "Port", "name", "web0");
    int i = *(const char *) letter - 'a';

    if (manners[i].cannot_write) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "no\npencil");
        return FALSE;
    }
    g_assert_nonnull(port);
    g_autofree char *before = ef_host->get_key(port, "external_ids", "order");
    g_autofree char *after = g_strconcat(before ? before : "", letter, NULL);
    return ef_host->set_key(txn, port, "external_ids", "order", after, error);
}

typedef struct {
    PfCall *call;
    const char *letter;
} Work;

static gboolean
work(gpointer work_)
{
    g_autofree Work *w = work_;
    g_autoptr(GError) error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_IO,
                                          "no paper");

    ef_host->change(w->call, apply, (gpointer) w->letter, NULL);
    ef_host->end(w->call, manners[*w->letter - 'a'].fails ? error : NULL);
    return G_SOURCE_REMOVE;
}

static void
begin_work(PfCall *call, const char *letter)
{
    Work *w = g_new0(Work, 1);

    w->call = call;
    w->letter = letter;
    if (manners[*letter - 'a'].delay_ms) {
        g_timeout_add(manners[*letter - 'a'].delay_ms, work, w);
    } else {
        work(w);
    }
}

#define EXTENSION(LETTER, ORDER)                                            \
    static void                                                             \
    gone_##LETTER(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,  \
                  GVariant *policies G_GNUC_UNUSED)                         \
    {                                                                       \
        begin_work(call, #LETTER);                                          \
    }                                                                       \
    static void                                                             \
    runs_##LETTER(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,  \
                  PfGuestRuns reason G_GNUC_UNUSED)                         \
    {                                                                       \
        begin_work(call, #LETTER);                                          \
    }                                                                       \
    static const PfExtension extension_##LETTER = {                         \
        .abi = PF_EXTENSION_ABI,                                            \
        .name = "ext-" #LETTER,                                             \
        .version = 1,                                                       \
        .order = ORDER,                                                     \
        .summary = #LETTER,                                                 \
        .port_gone = gone_##LETTER,                                         \
        .guest_runs = runs_##LETTER,                                        \
    };
EXTENSION(a, 10)
EXTENSION(b, 20)
EXTENSION(c, 20)

static const PfExtension *const all[] = {
    &extension_a, &extension_b, &extension_c, NULL
};

/* ---- The request -------------------------------------------------------- */

typedef struct {
    gboolean over;
    char *failure;              /* or NULL. */
} Outcome;

static void
on_done(gpointer outcome_, const PfJointFailure *failure)
{
    Outcome *outcome = outcome_;

    outcome->over = TRUE;
    outcome->failure = failure ? g_strdup(failure->text) : NULL;
    g_assert_true(!failure || failure->by_extension);
}

static gboolean
is_over(gpointer outcome)
{
    return ((Outcome *) outcome)->over;
}

static void
add_port(void)
{
    ovs_do("ovs-vsctl --if-exists del-port web0 -- add-port br0 web0 "
           "-- set Interface web0 type=internal");
    ef_catch_up();
}

/* Lets the extensions change the database, with their 'manners', and demands
 * the order in which they have, and what failed. */
static void
assert_order(const char *order, const char *failure)
{
    PfAgent agent = {
        .host = (char *) "host-a",
        .sw = sw,
        .networks = g_hash_table_new(g_str_hash, g_str_equal),
    };
    PfMigration *m = pf_migration_new(&agent, PF_ROLE_SOURCE, "vm1",
                                      EF_DOMAIN_UUID);
    PfMigrationPort *port = pf_migration_add_port(m, EF_MAC, "web0", "br0",
                                                  "lan", EF_IFACE_ID);
    Outcome outcome = { FALSE, NULL };
    PfJoint *joint;

    add_port();
    joint = pf_joint_new(m, port, NULL, NULL, pf_change_new(FALSE));
    for (guint i = 0; all[i]; i++) {
        pf_joint_call(joint, all[i], PF_CALL_PORT_GONE, NULL);
    }
    pf_joint_seal(joint, on_done, &outcome);
    ef_loop_until(is_over, &outcome, "the request");
    g_assert_cmpstr(outcome.failure, ==, failure);
    ovs_assert_prints(order, "ovs-vsctl --if-exists get Port web0 "
                      "external_ids:order");
    g_free(outcome.failure);
    pf_migration_unref(m);
    g_hash_table_unref(agent.networks);
    memset(manners, 0, sizeof manners);
}

/* ---- Telling ------------------------------------------------------------ */

static gboolean
is_told(gpointer agent)
{
    const PfRow *port = ef_host->find(NULL, "Port", "name", "web0");
    g_autofree char *order = ef_host->get_key(port, "external_ids", "order");

    pf_tell_run(agent);
    return order != NULL;
}

/* Tells them that the guest of their port runs, and demands the same. */
static void
assert_told_order(const char *order)
{
    static const char xml[] =
        "<domain><name>vm1</name><uuid>" EF_DOMAIN_UUID "</uuid><devices>"
        "<interface type='bridge'><mac address='" EF_MAC "'/>"
        "<source network='lan' bridge='br0'/>"
        "<virtualport type='openvswitch'/><target dev='web0'/></interface>"
        "</devices></domain>";
    /* The registry has at least as many. */
    const PfExtension **registered = (const PfExtension **) pf_extensions();
    g_autoptr(PfNetwork) network = ef_network("br0", NULL);
    PfAgentNetwork lan = { .network = network };
    PfAgent agent = {
        .sw = sw,
        .networks = g_hash_table_new(g_str_hash, g_str_equal),
        .migrations = g_ptr_array_new(),
        .untold = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        NULL),
    };

    add_port();
    memcpy(registered, all, sizeof all);
    agent.guests = pf_guests_new(&agent);
    g_hash_table_insert(agent.networks, (gpointer) "lan", &lan);
    pf_guests_update(agent.guests, EF_DOMAIN_UUID, "vm1", PF_GUEST_RUNNING,
                     xml);
    pf_tell_later(&agent, "web0", PF_GUEST_ARRIVED);
    ef_loop_until(is_told, &agent, "the extensions that were told");
    g_assert_cmpuint(g_hash_table_size(agent.untold), ==, 0);
    ovs_assert_prints(order, "ovs-vsctl get Port web0 external_ids:order");
    pf_guests_free(agent.guests);
    g_hash_table_unref(agent.untold);
    g_ptr_array_unref(agent.migrations);
    g_hash_table_unref(agent.networks);
    memset(manners, 0, sizeof manners);
}

/* ---- Tests -------------------------------------------------------------- */

static void
test_changes_are_made_in_order_whoever_ends_first(void)
{
    assert_order("abc", NULL);
    manners[0].delay_ms = 60;
    manners[1].delay_ms = 30;
    assert_order("abc", NULL);
}

static void
test_who_fails_changes_nothing(void)
{
    manners[1].fails = TRUE;
    assert_order("ac", "ext-b: no paper");
}

static void
test_what_cannot_be_written_is_told_with_its_extension(void)
{
    manners[2].cannot_write = TRUE;
    assert_order("", "ext-c: no?pencil");
}

static void
test_told_changes_are_made_in_order_whoever_ends_first(void)
{
    manners[0].delay_ms = 60;
    manners[1].delay_ms = 30;
    assert_told_order("abc");
}

static void
test_who_is_told_and_fails_changes_nothing(void)
{
    manners[1].fails = TRUE;
    assert_told_order("ac");
}

int
main(int argc, char *argv[])
{
    static const PfExtension *const none[] = { NULL };

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(none);
#define TEST(NAME) g_test_add_func("/joint/" #NAME, test_##NAME)
    TEST(changes_are_made_in_order_whoever_ends_first);
    TEST(who_fails_changes_nothing);
    TEST(what_cannot_be_written_is_told_with_its_extension);
    TEST(told_changes_are_made_in_order_whoever_ends_first);
    TEST(who_is_told_and_fails_changes_nothing);
    int status = g_test_run();
    ef_done();
    return status;
}
