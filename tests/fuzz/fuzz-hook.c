/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-hook: what comes with `migrate begin': a domain's XML, read for this
 * host's networks, its ports' policies verified by the extensions, and
 * filtered.
 *
 * Networks "open" (every VLAN) and "vlans" (42 and 50) are managed, on bridge
 * br0, which has a port up0; the switch behind the extensions answers that it
 * has nothing else.  Whatever the XML says: a port is on its network's bridge,
 * under a name that can be one; policies that are taken set no column but
 * those that may travel, and no VLAN but those of the network.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "domain.h"
#include "extension.h"
#include "harness.h"
#include "incoming.h"
#include "verify.h"

#define TIMEOUT_MS 60000

/* ---- A switch with next to nothing in it -------------------------------- */

struct PfRow {
    const char *table, *name, *uuid;
};

static const PfRow rows[] = {
    { "Bridge", "br0", "00000000-0000-4000-8000-000000000001" },
    { "Port", "up0", "00000000-0000-4000-8000-000000000002" },
    { "Interface", "up0", "00000000-0000-4000-8000-000000000003" },
    { "Mirror", "span", "00000000-0000-4000-8000-000000000004" },
};

static const PfRow *
find_row(PfTxn *txn G_GNUC_UNUSED, const char *table, const char *column,
         const char *value)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!strcmp(rows[i].table, table) && !strcmp(column, "name")
            && !strcmp(rows[i].name, value)) {
            return &rows[i];
        }
    }
    return NULL;
}

static const PfRow *
row_by_uuid(PfTxn *txn G_GNUC_UNUSED, const char *table, const char *uuid)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!strcmp(rows[i].table, table) && !strcmp(rows[i].uuid, uuid)) {
            return &rows[i];
        }
    }
    return NULL;
}

static const PfRow *
next_row(PfTxn *txn G_GNUC_UNUSED, const char *table, const PfRow *after)
{
    for (const PfRow *row = after ? after + 1 : rows;
         row < rows + G_N_ELEMENTS(rows); row++) {
        if (!strcmp(row->table, table)) {
            return row;
        }
    }
    return NULL;
}

static char *
row_uuid(const PfRow *row)
{
    return g_strdup(row->uuid);
}

/* Names, and references to all rows of the right table. */
static GVariant *
row_get(const PfRow *row, const char *column)
{
    const char *refers = !strcmp(column, "ports") ? rows[1].uuid
                         : !strcmp(column, "interfaces") ? rows[2].uuid
                         : !strcmp(column, "mirrors") ? rows[3].uuid
                         : NULL;
    GVariant *box;

    if (!strcmp(column, "name")) {
        return g_variant_ref_sink(g_variant_new_string(row->name));
    }
    if (!refers) {
        return NULL;
    }
    box = g_variant_new_variant(g_variant_new_string(refers));
    return g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE_VARIANT,
                                                  &box, 1));
}

static char *
row_get_key(const PfRow *row G_GNUC_UNUSED, const char *column G_GNUC_UNUSED,
            const char *key G_GNUC_UNUSED)
{
    return NULL;
}

/* ---- Questions, all answered with nothing ------------------------------- */

typedef struct {
    PfLinesFunc *lines;
    gpointer user;
} Question;

static gboolean
answer(gpointer question_)
{
    g_autofree Question *question = question_;
    g_autoptr(GPtrArray) none = g_ptr_array_new();

    question->lines(question->user, none, TRUE, NULL);
    return G_SOURCE_REMOVE;
}

static void
ask(PfLinesFunc *lines, gpointer user)
{
    Question *question = g_new(Question, 1);

    question->lines = lines;
    question->user = user;
    g_idle_add(answer, question);
}

static void
dump(const char *bridge G_GNUC_UNUSED, PfOpenflowKind kind G_GNUC_UNUSED,
     const char *filter G_GNUC_UNUSED, guint timeout_ms G_GNUC_UNUSED,
     PfLinesFunc *lines, gpointer user)
{
    ask(lines, user);
}

static void
appctl(const char *command G_GNUC_UNUSED,
       const char *const *args G_GNUC_UNUSED, guint timeout_ms G_GNUC_UNUSED,
       PfLinesFunc *lines, gpointer user)
{
    ask(lines, user);
}

static guint
watch(const char *bridge G_GNUC_UNUSED, PfRuleFunc *rule G_GNUC_UNUSED,
      gpointer user G_GNUC_UNUSED)
{
    return 1;
}

static void
unwatch(guint number G_GNUC_UNUSED)
{
}

static void
changed(const PfExtension *e G_GNUC_UNUSED, const char *name G_GNUC_UNUSED)
{
}

/* ---- The agent, as far as it is needed ---------------------------------- */

static void
add_network(PfAgent *agent, const char *name, const char *inner)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = g_strdup_printf(
        "<network><name>%s</name><metadata><p:migration xmlns:p=\""
        PF_NETWORK_NS "\">%s</p:migration></metadata>"
        "<forward mode='bridge'/><bridge name='br0'/>"
        "<virtualport type='openvswitch'/></network>", name, inner);
    PfAgentNetwork *an = g_new0(PfAgentNetwork, 1);

    an->network = pf_network_parse(xml, &error);
    FUZZ_CHECK(an->network, "%s", error->message);
    g_hash_table_insert(agent->networks, g_strdup(name), an);
}

static PfAgent *
the_agent(void)
{
    static PfHost host = {
        .abi = PF_EXTENSION_ABI, .changed = changed,
        .find = find_row, .by_uuid = row_by_uuid, .next = next_row,
        .uuid = row_uuid, .get = row_get, .get_key = row_get_key,
        .openflow_dump = dump, .openflow_watch = watch,
        .openflow_unwatch = unwatch, .appctl = appctl,
    };
    static PfAgent agent;

    if (!agent.networks) {
        agent.networks = g_hash_table_new(g_str_hash, g_str_equal);
        agent.networks_known = TRUE;
        add_network(&agent, "open", "<p:flows other-ports=\"by-name\"/>");
        add_network(&agent, "vlans", "<p:vlan allowed=\"42,50\"/>"
                    "<p:bandwidth capacity=\"10\" unit=\"Gbit/s\"/>");
        pf_call_fill_host(&host);
        pf_extensions_load(NULL);
        pf_extensions_init(&host);
    }
    return &agent;
}

/* ---- What is taken ------------------------------------------------------ */

/* Whether 'list' has a word of its own that is 'word'. */
static gboolean
names(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit(list, " ", -1);

    return g_strv_contains((const char *const *) words, word);
}

/* Demands that 'row' of the policies has no column but 'columns', and no
 * external id that is libvirt's or ours. */
static void
check_row(GVariant *policies, const char *row, const char *columns)
{
    g_autoptr(GVariant) dict = g_variant_lookup_value(policies, row, NULL);
    GVariantIter iter;
    const char *key;
    GVariant *value_;

    if (!dict) {
        return;
    }
    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value_)) {
        g_autoptr(GVariant) value = value_;

        FUZZ_CHECK(names(columns, key), "%s.%s was taken", row, key);
        for (gsize i = 0; !strcmp(key, "external_ids")
             && i < g_variant_n_children(value); i++) {
            g_autoptr(GVariant) entry = g_variant_get_child_value(value, i);
            g_autoptr(GVariant) id = g_variant_get_child_value(entry, 0);
            const char *text = g_variant_get_string(id, NULL);

            FUZZ_CHECK(!g_str_has_prefix(text, "portferry-")
                       && !names("attached-mac iface-id iface-status vm-id "
                                 "PortData", text),
                       "external_ids:%s was taken", text);
        }
    }
}

static void
check_vid(gint64 vid)
{
    FUZZ_CHECK(vid == 42 || vid == 50, "VLAN %d was taken", (int) vid);
}

static void
check_vlans(GVariant *policies)
{
    g_autoptr(GVariant) port = g_variant_lookup_value(policies, "port", NULL);
    g_autoptr(GVariant) trunks = port
        ? g_variant_lookup_value(port, "trunks", NULL) : NULL;
    gint64 tag = 0;
    const char *mode = NULL;
    gboolean has_tag = port && g_variant_lookup(port, "tag", "x", &tag);

    if (port) {
        g_variant_lookup(port, "vlan_mode", "&s", &mode);
    }
    mode = mode ? mode : has_tag ? "access" : "trunk";
    if (strcmp(mode, "trunk")) {
        check_vid(tag);
    }
    if (strcmp(mode, "access") && strcmp(mode, "dot1q-tunnel")) {
        FUZZ_CHECK(trunks && g_variant_n_children(trunks),
                   "a trunk of every VLAN was taken");
        for (gsize i = 0; i < g_variant_n_children(trunks); i++) {
            g_autoptr(GVariant) box = g_variant_get_child_value(trunks, i);
            g_autoptr(GVariant) member = g_variant_get_variant(box);

            check_vid(g_variant_get_int64(member));
        }
    }
}

/* One extension's verification. */
typedef struct {
    gboolean done, ok;
} Verdict;

static void
verified(gpointer user, const char *result, const char *detail)
{
    Verdict *verdict = user;

    verdict->ok = !strcmp(result, "ok");
    verdict->done = TRUE;
    FUZZ_CHECK(!detail || (g_utf8_validate(detail, -1, NULL)
                           && !strpbrk(detail, "\n\r\033")),
               "not one clean line: \"%s\"", detail);
}

static void
check_state(const PfAgent *agent, const PfMigrationPort *port,
            const PfPortState *state)
{
    const PfExtension *e = pf_extension_find(state->extension);
    const PfAgentNetwork *an = g_hash_table_lookup(agent->networks,
                                                   port->network);
    PfExtensionPort ep = {
        .domain = "vm", .domain_uuid = "0d0c6d0e-0000-4000-8000-0000000000d0",
        .mac = port->mac, .name = port->name, .bridge = port->bridge,
        .network = port->network, .iface_id = port->iface_id,
        .mtu = port->mtu, .ofport = port->ofport,
    };
    Verdict verdict = { .done = FALSE };

    if (!e) {
        return;
    }
    pf_verify_extension(e, &ep, an->network, state->policies, TIMEOUT_MS,
                        verified, &verdict);
    while (!verdict.done) {
        g_main_context_iteration(NULL, TRUE);
    }
    if (verdict.ok && !strcmp(e->name, "port")) {
        check_row(state->policies, "port", "tag trunks vlan_mode cvlans "
                  "protected other_config external_ids");
        check_row(state->policies, "interface", "other_config external_ids "
                  "mtu_request ingress_policing_rate ingress_policing_burst "
                  "ingress_policing_kpkts_rate ingress_policing_kpkts_burst "
                  "ofport_request ofport");
        if (!strcmp(port->network, "vlans")) {
            check_vlans(state->policies);
        }
    }
}

static void
check_port(const PfAgent *agent, const PfMigrationPort *port,
           const PfDomain *filtered)
{
    const PfNic *nic = pf_domain_nic(filtered, port->mac);
    g_autoptr(GPtrArray) states = pf_port_states_list(port->states);

    FUZZ_CHECK_SAME(port->bridge, "br0", "bridge");
    FUZZ_CHECK(port->ofport >= 0 && port->ofport < 0xff00, "number %d",
               (int) port->ofport);
    FUZZ_CHECK(nic, "%s is gone", port->mac);
    FUZZ_CHECK_SAME(nic->target, port->name, "target");
    if (port->iface_id) {
        FUZZ_CHECK_SAME(nic->iface_id, port->iface_id, "iface-id");
    }
    for (guint i = 0; i < states->len; i++) {
        check_state(agent, port, states->pdata[i]);
    }
}

/* The path of hook-server.c. */
static void
read_hook(const char *text, const PfDomain *domain)
{
    PfAgent *agent = the_agent();
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);
    g_autoptr(GError) error = NULL;
    g_autofree char *reply = NULL;
    g_autoptr(PfDomain) filtered = NULL;
    PfMigration *m = pf_incoming_read(agent, domain, NULL, changes, &error);

    fuzz_check_error(m, error);
    if (m && m->ports->len) {
        reply = pf_domain_filter(text, changes, &error);
        fuzz_check_error(reply, error);
    }
    if (reply) {
        filtered = pf_domain_parse(reply, &error);
        FUZZ_CHECK(filtered, "%s", error->message);
        for (guint i = 0; i < m->ports->len; i++) {
            check_port(agent, m->ports->pdata[i], filtered);
        }
    }
    pf_migration_unref(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(PfDomain) domain = pf_domain_parse(text, NULL);

    if (domain) {
        read_hook(text, domain);
    }
    return 0;
}
