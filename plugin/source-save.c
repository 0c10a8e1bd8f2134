/* SPDX-License-Identifier: Apache-2.0
 *
 * source-save: what a guest takes with it: what its extensions have, and the
 * PortData that carries it (precopy, request 6, and the levels after it).
 */
#include <config.h>

#include "plugin/source-private.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/delta.h"
#include "plugin/extension.h"
#include "plugin/joint.h"
#include "plugin/pack.h"

VLOG_DEFINE_THIS_MODULE(pf_source_save);

/* ---- PortData ----------------------------------------------------------- */

/* Adds what 'state' has to 'saved'.  Policies that are long travel as their
 * difference from the stamp, short ones as a whole: then nothing depends on
 * the stamp. */
static void
add_state(PfPortDataPort *pp, PfPortState *state)
{
    PfSaved *saved = pf_portdata_port_add(pp, state->extension,
                                          state->version);

    if (state->digest
        && g_variant_get_size(state->policies) > PF_PACK_THRESHOLD) {
        saved->base = g_strdup(state->digest);
        saved->delta = g_variant_ref(pf_port_state_delta(state));
    } else {
        saved->policies = g_variant_ref(state->policies);
    }
    if (state->chunks) {
        saved->chunks = g_variant_ref(state->chunks);
    }
}

static char *
encode_all(PfMigration *m, PfLevel level, GError **error)
{
    g_autoptr(PfPortData) pd = pf_portdata_new(
        level, m->epoch ? m->epoch : "", m->agent->host,
        m->record->domain_uuid);

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfPortDataPort *pp = pf_portdata_add_port(
            pd, port->mac, port->name, port->iface_id, port->ofport);
        g_autoptr(GPtrArray) states = pf_port_states_list(port->states);

        for (guint k = 0; k < states->len; k++) {
            PfPortState *state = states->pdata[k];

            if (!state->left_out) {
                add_state(pp, state);
            }
        }
    }
    for (guint i = 0; i < m->steps->len; i++) {
        g_ptr_array_add(pd->steps, pf_step_copy(m->steps->pdata[i]));
    }
    return pf_portdata_encode(pd, error);
}

/* Leaves out the largest of what the networks do not require.  FALSE: there is
 * nothing. */
static gboolean
leave_out_largest(PfMigration *m, const GError *why)
{
    const PfMigrationPort *of = NULL;
    PfPortState *largest = NULL;
    gsize most = 0;

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        const PfNetwork *network = pf_agent_network(m->agent, port->network);
        g_autoptr(GPtrArray) states = pf_port_states_list(port->states);

        for (guint k = 0; k < states->len; k++) {
            PfPortState *s = states->pdata[k];
            gsize size = g_variant_get_size(s->policies)
                + (s->chunks ? g_variant_get_size(s->chunks) : 0);

            if (!s->left_out && size > most
                && !pf_network_requires(network, s->extension)) {
                most = size;
                largest = s;
                of = port;
            }
        }
    }
    if (!largest) {
        return FALSE;
    }
    VLOG_WARN("guest '%s': NIC %s: what extension '%s' has is left out of "
              "PortData, the network does not require it: %s",
              m->record->domain, of->mac, largest->extension, why->message);
    largest->left_out = TRUE;
    return TRUE;
}

/* What was saved before an agent was killed, at another level: extensions
 * cannot be asked again. */
static char *
raise_level(PfMigration *m, PfLevel level, GError **error)
{
    const char *text = pf_switch_iface_id(m->agent->sw, m->mailbox,
                                          PF_KEY_PORTDATA);
    g_autoptr(PfPortData) pd = NULL;

    if (!text) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_FORMAT,
                    "interface '%s' has no PortData any more", m->mailbox);
        return NULL;
    }
    pd = pf_portdata_decode(text, error);
    if (!pd) {
        return NULL;
    }
    pd->level = MAX(pd->level, level);
    return pf_portdata_encode(pd, error);
}

/* PortData's text; what is too large and not required stays behind, and is
 * restored there from the stamp. */
static char *
encode(PfMigration *m, PfLevel level, GError **error)
{
    if (m->saved_before) {
        return raise_level(m, level, error);
    }
    for (;;) {
        g_autoptr(GError) why = NULL;
        char *text = encode_all(m, level, &why);

        if (text || !g_error_matches(why, PF_PORTDATA_ERROR,
                                     PF_PORTDATA_ERROR_LIMIT)
            || !leave_out_largest(m, why)) {
            if (!text) {
                g_propagate_error(error, g_steal_pointer(&why));
            }
            return text;
        }
    }
}

/* Writes PortData of 'level'; 'done' is called with 'user' when the database
 * has it, or with an error. */
static void
write_portdata(PfMigration *m, PfLevel level, PfChangeDone done,
               gpointer user)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = encode(m, level, &error);

    if (!text) {
        done(user, error);
        return;
    }
    g_free(m->record->level);
    m->record->level = g_strdup(pf_level_name(level));

    PfChange *change = pf_change_new(FALSE);
    pf_change_iface_key(change, m->mailbox, PF_KEY_PORTDATA, text);
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m), done,
                     user);
}

/* The same, as a request of its own. */
static void
write_level(PfMigration *m, PfLevel level)
{
    pf_migration_hold(m);
    write_portdata(m, level, pf_migration_released, m);
}

void
pf_source_mark_deleted(PfMigration *m)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, m->mailbox);

    if (row) {      /* Else libvirt has deleted it, and read what it had. */
        write_level(m, PF_LEVEL_DELETED);
    }
}

/* What is the same for the calls of all ports: what comes when they have
 * ended. */
typedef struct {
    PfMigration *m;
    guint pending;
    void (*next)(PfMigration *);
} AllPorts;

static AllPorts *
all_ports_new(PfMigration *m, void (*next)(PfMigration *))
{
    AllPorts *all = g_new0(AllPorts, 1);

    all->m = m;
    all->next = next;
    all->pending = 1;
    pf_migration_hold(m);
    return all;
}

static void
port_over(gpointer all_, const PfJointFailure *failure)
{
    AllPorts *all = all_;
    PfMigration *m = all->m;

    if (failure) {
        VLOG_WARN("source of guest '%s': %s", m->record->domain,
                  failure->text);
    }
    if (!--all->pending) {
        all->next(m);
        g_free(all);
        pf_migration_release(m, NULL);
    }
}

/* Asks every extension what 'port' has now: a part of request 'request', or
 * NULL. */
static void
ask_port(AllPorts *all, PfMigrationPort *port, const char *request,
         gboolean save)
{
    PfJoint *joint = pf_joint_new(all->m, port, request, NULL,
                                  pf_change_new(FALSE));

    /* Whoever is not required keeps nobody from leaving in order. */
    pf_joint_only_required(joint);
    all->pending++;
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        pf_joint_call(joint, *e, save && (*e)->nic_save
                      ? PF_CALL_NIC_SAVE : PF_CALL_GET_POLICIES, NULL);
    }
    pf_joint_seal(joint, port_over, all);
}

static void
write_precopy(PfMigration *m)
{
    write_level(m, PF_LEVEL_PRECOPY);
}

void
pf_source_precopy(PfMigration *m)
{
    AllPorts *all = all_ports_new(m, write_precopy);

    m->saved_before = FALSE;
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        if (pf_source_is_original(row)) {
            ask_port(all, port, NULL, FALSE);
        }
    }
    port_over(all, NULL);
}

char *
pf_source_kept_portdata(PfMigration *m)
{
    const char *text = pf_switch_iface_id(m->agent->sw, m->mailbox,
                                          PF_KEY_PORTDATA);
    g_autoptr(PfPortData) pd = text ? pf_portdata_decode(text, NULL) : NULL;

    if (!pd || pd->level != PF_LEVEL_DELETED) {
        return g_strdup(text);
    }
    pd->level = PF_LEVEL_SAVED;
    return pf_portdata_encode(pd, NULL);
}

/* ---- 6 ------------------------------------------------------------------ */

static void
saved(gpointer part, const GError *error)
{
    PfMigration *m = pf_part_migration(part);

    if (!error) {
        pf_migration_tell(m, PF_CALL_NIC_SAVE_COMPLETE, 0);
    }
    pf_part_end(part, error);
}

/* Every extension has saved: what they saved goes into the database. */
static void
write_saved(PfMigration *m)
{
    PfPart *complete = NULL;

    if (m->request_failed) {
        return;
    }
    for (guint i = 0; i < m->ports->len; i++) {
        PfPart *part = pf_part_begin(m, pf_migration_port(m, i),
                                     "nic-save-complete", NULL, NULL);

        if (complete) {
            pf_part_join(complete, part);
        } else {
            complete = part;
        }
    }
    write_portdata(m, PF_LEVEL_SAVED, saved, complete);
}

/* Whether an agent that was killed had saved already: then what is in the
 * switch now may be torn down. */
static gboolean
was_saved(PfMigration *m)
{
    const char *text = m->recovered && m->mailbox
        ? pf_switch_iface_id(m->agent->sw, m->mailbox, PF_KEY_PORTDATA) : NULL;
    g_autoptr(PfPortData) pd = text && *text ? pf_portdata_decode(text, NULL)
                                             : NULL;

    return (pd && pd->level >= PF_LEVEL_SAVED
            && !g_strcmp0(pd->epoch, m->epoch ? m->epoch : "")
            && !g_strcmp0(pd->domain_uuid, m->record->domain_uuid));
}

void
pf_source_nic_save(PfMigration *m)
{
    AllPorts *all = all_ports_new(m, write_saved);
    gboolean saved_already = was_saved(m);

    g_ptr_array_set_size(m->steps, 0);
    m->saved_before = TRUE;
    for (guint i = 0; i < m->ports->len && !saved_already; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        if (pf_source_is_original(row)) {
            m->saved_before = FALSE;
            pf_port_states_forget_saved(port->states);
            /* What the operator changed since is what comes back. */
            g_clear_pointer(&port->undo, g_variant_unref);
            port->undo = pf_switch_undo_image(m->agent->sw, port->name);
            ask_port(all, port, "nic-save", TRUE);
        } else if (!port->undo) {
            pf_part_end_detail(pf_part_begin(m, port, "nic-save", NULL, NULL),
                               "failed", "the port is not in the switch");
            continue;
        }
        port->done |= PF_DID(PF_REQ_NIC_SAVE);
    }
    port_over(all, NULL);
}
