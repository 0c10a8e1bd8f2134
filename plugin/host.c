/* SPDX-License-Identifier: Apache-2.0
 *
 * host: one table of functions in front of several parts.  See host.h.
 */
#include <config.h>

#include "plugin/host.h"

#include "plugin/call.h"
#include "plugin/rows.h"

/* The host of this process: PfHost's functions have no argument for it. */
static struct {
    PfHost table;
    PfSwitch *sw;
    PfOpenflow *openflow;
    PfAppctl *appctl;
    PfHostChanged changed;
    gpointer user;
} self;

static void
host_changed(const PfExtension *extension, const char *name)
{
    self.changed(self.user, extension, name);
}

/* ---- The database: the replica is the same within a transaction --------- */

static const PfRow *
host_find(PfTxn *txn G_GNUC_UNUSED, const char *table, const char *column,
          const char *value)
{
    return pf_rows_find(self.sw, table, column, value);
}

static const PfRow *
host_by_uuid(PfTxn *txn G_GNUC_UNUSED, const char *table, const char *uuid)
{
    return pf_rows_by_uuid(self.sw, table, uuid);
}

static const PfRow *
host_next(PfTxn *txn G_GNUC_UNUSED, const char *table, const PfRow *after)
{
    return pf_rows_next(self.sw, table, after);
}

/* ---- OpenFlow, ovs-vswitchd --------------------------------------------- */

static void
host_dump(const char *bridge, PfOpenflowKind kind, const char *filter,
          guint timeout_ms, PfLinesFunc *lines, gpointer user)
{
    pf_openflow_dump(self.openflow, bridge, kind, filter, timeout_ms, lines,
                     user);
}

static void
host_bundle(const char *bridge, const GPtrArray *commands, guint timeout_ms,
            PfDoneFunc *done, gpointer user)
{
    pf_openflow_bundle(self.openflow, bridge, commands, timeout_ms, done,
                       user);
}

static void
host_meters(const char *bridge, const GPtrArray *commands, guint timeout_ms,
            PfDoneFunc *done, gpointer user)
{
    pf_openflow_meters(self.openflow, bridge, commands, timeout_ms, done,
                       user);
}

static guint
host_watch(const char *bridge, PfRuleFunc *rule, gpointer user)
{
    return pf_openflow_watch(self.openflow, bridge, rule, user);
}

static void
host_unwatch(guint watch)
{
    pf_openflow_unwatch(self.openflow, watch);
}

static void
host_packet_out(const char *bridge, gint64 in_port, GBytes *frame,
                const char *actions, guint timeout_ms, PfDoneFunc *done,
                gpointer user)
{
    pf_openflow_packet_out(self.openflow, bridge, in_port, frame, actions,
                           timeout_ms, done, user);
}

static void
host_appctl(const char *command, const char *const *args, guint timeout_ms,
            PfLinesFunc *lines, gpointer user)
{
    pf_appctl_ask(self.appctl, command, args, timeout_ms, lines, user);
}

/* ---- The host ----------------------------------------------------------- */

const PfHost *
pf_host_new(PfSwitch *sw, PfOpenflow *openflow, PfAppctl *appctl,
            PfHostChanged changed, gpointer user)
{
    self.sw = sw;
    self.openflow = openflow;
    self.appctl = appctl;
    self.changed = changed;
    self.user = user;
    self.table = (PfHost) {
        .abi = PF_EXTENSION_ABI,
        .changed = host_changed,
        .find = host_find,
        .by_uuid = host_by_uuid,
        .next = host_next,
        .uuid = pf_row_uuid,
        .get = pf_row_get,
        .get_key = pf_row_get_key,
        .insert = pf_row_insert,
        .set = pf_row_set,
        .set_key = pf_row_set_key,
        .set_member = pf_row_set_member,
        .remove = pf_row_remove,
        .openflow_dump = host_dump,
        .openflow_bundle = host_bundle,
        .openflow_meters = host_meters,
        .openflow_watch = host_watch,
        .openflow_unwatch = host_unwatch,
        .packet_out = host_packet_out,
        .appctl = host_appctl,
    };
    pf_call_fill_host(&self.table);
    return &self.table;
}
