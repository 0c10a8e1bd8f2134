/* SPDX-License-Identifier: Apache-2.0
 *
 * portferry/extension.h: what owns one kind of a port's state, and how it
 * takes part in a migration.
 *
 * An extension is a PfExtension: a name, a version, and a function for each
 * request of a migration in which it may have a say; NULL where it has nothing
 * to do.  Those that come with Portferry use nothing but this header.  Others
 * are shared objects in Portferry's folder for extensions (pkg-config
 * --variable=extensiondir portferry): they export one symbol,
 *
 *     const PfExtension portferry_extension = {
 *         .abi = PF_EXTENSION_ABI, ...
 *     };
 *
 * (declared below, so that it is also exported by C++ and with
 * -fvisibility=hidden), and are loaded when portferryd starts.
 *
 *
 * The life of a port
 * ==================
 *
 *   host         function              what has happened before
 *
 *   source       get_policies          the port is open, its guest runs; now
 *                                      and then, within a second of a change
 *   destination  verify_*              the guest is about to migrate in;
 *                                      nothing of it is on this host
 *   destination  property_add          the port exists under its final name
 *                                      and has an OpenFlow number, its tap is
 *                                      not there and no frame can pass
 *   source       nic_save              the guest has stopped there
 *   source       nic_save_complete     what every extension saved is in the
 *                                      database
 *   source       port_teardown         no frame passes, no NIC is claimed;
 *                                      in reverse order
 *   destination  nic_restore           the port claims the NIC, the gate is
 *                                      closed, the guest does not run yet
 *   destination  nic_restore_complete  every extension is restored, the gate
 *                                      is open
 *   destination  guest_runs            the guest runs here
 *   source       port_gone             the guest runs there
 *
 * and when it goes wrong:
 *
 *   destination  property_remove       after property_add, in reverse order:
 *                                      the guest never ran here
 *   source       port_return           after port_teardown: the port is put
 *                                      back, and is open only afterwards
 *   source       guest_runs            the guest runs again, here
 *
 * An agent may be killed between any two of them, and goes on from its
 * journal: each function may be called again for a port for which it has been
 * carried out, and then must lead to the same end; property_remove,
 * port_return and port_gone may also be called without what they undo, and
 * port_teardown when the port's rows are gone already.
 *
 * A guest may come from a host that does not have the extension, or without a
 * stamp.  Then nothing is verified and nothing restored; the other functions
 * get empty policies.
 *
 *
 * Calls
 * =====
 *
 * Each function gets a PfCall, and ends it exactly once with host->end(), from
 * within the function or later.  What it has to say before that, it says with
 * the call: policies(), chunk(), problem(), change(), note().  One request
 * begins the functions of all extensions in order ('order', then name; reverse
 * where it says so), and is over when all have ended; nic_restore of policies
 * that have changed since the stamp begins when they are verified.  A call
 * that has not ended when its request must be over is given up: the request
 * fails with a message that names the extension, what the call is told
 * afterwards is left aside, and it still has to be ended.
 *
 * A call may end with an error; what that means stands at each function.  Of
 * what a call that has failed or was given up has told change(), nothing is
 * carried out.
 *
 * nic_save to nic_restore_complete lie between the guest's last instruction on
 * the source and its first on the destination: what can be known before is to
 * be done before.  nic_save and nic_restore have a few milliseconds; every
 * other function has at most the time that the network's XML gives the hook
 * that waits (seconds).
 *
 * Everything runs in one thread of the agent.  No function may block: for
 * timers, files and programs' answers there is GLib's default main context,
 * which the agent runs.  An extension's own threads call none of the host's
 * functions: with g_idle_add() they hand over what is to be said.
 *
 *
 * What is saved
 * =============
 *
 * Policies are configuration, known before the switchover: an a{sv} whose
 * values are strings 's', integers 'x', reals 'd' (finite), booleans 'b',
 * lists 'av' and dictionaries 'a{sv}' of these, at most 8 deep, the outermost
 * counted.  They travel in the guest's XML (the stamp).  A value at the top of
 * it that is a list of strings is taken for a set: what of it has changed
 * since the stamp, and nothing else, travels at the switchover, and its order
 * may change on the way.
 *
 * Run-time data changes while the guest runs, and is saved at the switchover:
 * chunks, each an a{sv} as above, at most 4,096, given back in the same order.
 *
 * A call that says anything else fails.  The policies of one port stay out of
 * the stamp if they have over 1 MiB as compressed text.  All that a guest's
 * extensions save at the switchover has to fit, compressed, into 131,049
 * bytes; what does not is left out, the largest first, unless the network
 * requires that extension: then the migration ends, if libvirt still can.
 *
 * Both are kept under the extension's name and version, and given back only to
 * the extension of that name, if its version is not older.  Both come from
 * another host: trust nothing in them.  Policies were verified here before
 * they reach any other function; run-time data is for nic_restore to check.
 *
 *
 * Ownership
 * =========
 *
 * Arguments belong to the caller and live as long as the call; PfRow until the
 * function returns.  A GVariant that is given to the host may be floating.
 * What the host returns 'char *' for is freed with g_free().  GErrors that are
 * given to the host stay the extension's.  Their messages are one line: which
 * value, which limit, where the limit comes from, what to do; the guest, the
 * NIC and the extension's name are put before it.
 */
#ifndef PORTFERRY_EXTENSION_H
#define PORTFERRY_EXTENSION_H 1

#include <glib.h>

G_BEGIN_DECLS

/* The version of this interface.  An extension that was built for another one
 * is not loaded. */
#define PF_EXTENSION_ABI 1

/* The symbol that a shared object exports. */
#define PF_EXTENSION_SYMBOL "portferry_extension"

typedef struct PfExtension PfExtension;
typedef struct PfHost PfHost;
typedef struct PfCall PfCall;
typedef struct PfRow PfRow;
typedef struct PfTxn PfTxn;

/* What an extension is told of a port. */
typedef struct {
    const char *domain;         /* Name of the guest. */
    const char *domain_uuid;
    const char *mac;            /* Of the NIC, lower case. */
    const char *name;           /* Of the port on this host: that of its Port
                                 * and Interface rows, once they exist. */
    const char *bridge;         /* On this host. */
    const char *network;        /* libvirt network of the NIC. */
    const char *iface_id;       /* UUID, or NULL: not known yet. */
    guint mtu;                  /* From the domain's XML; 0: not given. */
    gint64 ofport;              /* OpenFlow number on this host; 0: none. */
    gboolean is_here;           /* The port exists on this host already (a
                                 * conflict with itself is none). */
    gboolean required;          /* The network requires this extension. */
    GVariant *options;          /* a{ss}: this extension's in the network's
                                 * XML; never NULL. */
} PfExtensionPort;

/* Why guest_runs() is called. */
typedef enum {
    PF_GUEST_ARRIVED,           /* It came from another host. */
    PF_GUEST_RETURNED,          /* It was to leave, and has stayed. */
    PF_GUEST_RELEASED,          /* The port was quarantined when it came or
                                 * stayed, and is open now. */
} PfGuestRuns;

typedef void PfPortFunc(PfCall *, const PfExtensionPort *port);
typedef void PfPoliciesFunc(PfCall *, const PfExtensionPort *port,
                            GVariant *policies);

struct PfExtension {
    guint abi;                  /* PF_EXTENSION_ABI. */
    const char *name;           /* [a-z0-9-]{1,32}; no two have the same. */
    guint version;              /* Of what it saves: 1 to 999999.  It reads
                                 * what every earlier version has saved. */
    int order;                  /* Lower first; Portferry's own have 100 to
                                 * 600. */
    const char *summary;        /* What it carries, for people: a few words. */

    /* Columns of the Open_vSwitch database that it reads or writes, besides
     * those of Port and Interface that hold configuration: "TABLE.COLUMN",
     * NULL-terminated.  NULL: none.  One that this Open vSwitch's schema does
     * not have reads as absent. */
    const char *const *columns;

    /* ---- The extension itself ---- */

    /* Called once, at the agent's start, before anything else; 'host' lives as
     * long as the agent.  FALSE with '*error' set: the extension is left
     * out.  NULL: it needs neither (and can end no call). */
    gboolean (*init)(const PfHost *host, GError **error);
    /* Called at the agent's end, after every call has ended or was given up.
     * Of the host's functions it may call end() and openflow_unwatch(). */
    void (*destroy)(void);

    /* ---- Where the guest runs ---- */

    /* Says the port's policies: host->policies().  Called when the Port or
     * Interface row has changed, or a row that refers to it or that it refers
     * to (Mirror, QoS); an extension whose state is elsewhere says with
     * host->changed() when to call it again.  A failure leaves the last
     * policies in the stamp. */
    PfPortFunc *get_policies;
    /* Values for `portferry ports': host->show().  After an error it shows
     * what was said until then. */
    PfPortFunc *describe;

    /* ---- Destination: verification ----
     *
     * The four kinds.  Each says every problem that it finds with
     * host->problem(); one problem refuses the migration.  They change nothing
     * and reserve nothing.  verify_syntax is called first; if it has found a
     * problem, the others are not called, and may rely on that.  An error
     * counts as a problem.  They are also called at the switchover, if
     * policies have changed since the stamp, and by `portferry check' of a
     * guest that runs here: then port->is_here is TRUE. */

    /* Values are well formed, and of the right type. */
    PfPoliciesFunc *verify_syntax;
    /* They are within the limits of Open vSwitch and of the network's XML. */
    PfPoliciesFunc *verify_range;
    /* This host can do it. */
    PfPoliciesFunc *verify_applicability;
    /* Nothing that is here is in the way. */
    PfPoliciesFunc *verify_conflict;

    /* ---- Destination: requests ---- */

    /* Brings 'policies' to the port.  When it has ended, they hold: the tap
     * comes next.  An error refuses the migration. */
    PfPoliciesFunc *property_add;
    /* Undoes property_add: leaves nothing of the port on this host.  The Port
     * row is deleted next, by the agent.  After an error it is called again, a
     * few times. */
    PfPoliciesFunc *property_remove;
    /* Brings the port from the policies that it has ('old') to those it had at
     * the switchover ('new', verified; often the same), and gives 'chunks'
     * back, an av of a{sv}, empty if it saved none, or if what it saved has
     * not come: then 'new' is 'old', too.  An error means what the network's
     * <portferry:on-restore-failure> says; the port then has 'old', or what
     * could be restored.  A change() makes the guest wait until ovs-vswitchd
     * has carried it out. */
    void (*nic_restore)(PfCall *, const PfExtensionPort *port, GVariant *old,
                        GVariant *new_, GVariant *chunks);
    /* Everybody's nic_restore is over and the gate is open.  Cannot fail. */
    PfPortFunc *nic_restore_complete;

    /* ---- Source: requests ---- */

    /* Says what the port has now: host->policies() as in get_policies, or
     * nothing if they are as they were when it was last called; and the
     * run-time data, host->chunk() until there is no more.  NULL: as
     * get_policies, and no run-time data.  An error of an extension that the
     * network requires leaves the port as it was, and ends the migration if
     * libvirt still can; else the guest moves with the policies that were said
     * last, and without run-time data. */
    PfPortFunc *nic_save;
    /* What was saved is in the database.  Cannot fail. */
    PfPortFunc *nic_save_complete;
    /* Makes the switch forget the port: nothing but its own rows refers to it
     * afterwards, and what the way back needs is known (policies) or kept.
     * 'policies' are the last that it has said.  In reverse order.  An error
     * brings the port back, and ends the migration if libvirt still can. */
    PfPoliciesFunc *port_teardown;
    /* Undoes port_teardown.  The Port row is not there yet, but its OpenFlow
     * number is reserved (port->ofport) and no frame passes; what is given to
     * change() is carried out together with the row's return.  After an error
     * it is called again, a few times; then the port returns without it, or
     * stays closed (<portferry:on-restore-failure>). */
    PfPoliciesFunc *port_return;
    /* The guest runs on another host: what was kept for the way back is
     * deleted.  The Port row is not there any more.  In reverse order.  After
     * an error it is called again, a few times. */
    PfPoliciesFunc *port_gone;

    /* ---- Both ---- */

    /* The guest runs and the port is open, or quarantined: then it is called
     * once more when somebody has opened it.  What it costs, it costs after
     * the migration.  Cannot fail. */
    void (*guest_runs)(PfCall *, const PfExtensionPort *port,
                       PfGuestRuns reason);
};

/* What a shared object defines. */
#ifdef __GNUC__
__attribute__((visibility("default")))
#endif
extern const PfExtension portferry_extension;

/* ---- What the host does for an extension ------------------------------- */

/* Writes rows within a transaction, and returns TRUE; or FALSE with '*error'
 * set, and then the whole request fails and nothing of it is written.  Called
 * again, from the database's contents of that time, whenever the transaction
 * has to be repeated: so it looks first, and then writes. */
typedef gboolean PfApplyFunc(PfTxn *, gpointer user, GError **error);

/* What openflow_dump() asks for. */
typedef enum {
    PF_OPENFLOW_RULES,          /* As `ovs-ofctl dump-flows --no-stats' prints
                                 * them. */
    PF_OPENFLOW_RULES_AGES,     /* The same with duration=, n_packets=,
                                 * idle_age= and the like. */
    PF_OPENFLOW_GROUPS,         /* As `ovs-ofctl dump-groups'. */
    PF_OPENFLOW_METERS,         /* As `ovs-ofctl dump-meters'. */
    PF_OPENFLOW_METER_STATS,    /* As `ovs-ofctl meter-stats'. */
    PF_OPENFLOW_PORT_STATS,     /* Of one port, see openflow_dump(). */
} PfOpenflowKind;

/* Answers come in parts: 'lines' (char *, without line ends) may be empty, and
 * 'last' says that no more will come.  With 'error', 'lines' is empty and
 * 'last' TRUE. */
typedef void PfLinesFunc(gpointer user, const GPtrArray *lines, gboolean last,
                         const GError *error);
typedef void PfDoneFunc(gpointer user, const GError *error);
/* 'rule' is a rule that was added, deleted or changed, as in
 * PF_OPENFLOW_RULES; NULL: anything may have changed. */
typedef void PfRuleFunc(gpointer user, const char *bridge, const char *rule);

/* Whatever asks a question, or asks for something to be done, calls back
 * exactly once (lines: with 'last'), never from within, and within
 * 'timeout_ms'; a timeout's message names who did not answer.  Nothing is
 * called back after destroy(). */
struct PfHost {
    guint abi;                  /* PF_EXTENSION_ABI. */

    /* ---- Calls ---- */

    /* Ends 'call'; 'error' NULL: it succeeded. */
    void (*end)(PfCall *call, const GError *error);
    /* What is left of its time. */
    guint (*time_left_ms)(const PfCall *call);
    /* Whether the network of the call's port allows VLAN 'vid' (0 to 4095; 0
     * stands for frames without a tag). */
    gboolean (*allows_vlan)(const PfCall *call, guint vid);
    /* As the network's XML has it, "42,50-60"; NULL: every VLAN. */
    const char *(*allowed_vlans)(const PfCall *call);
    /* get_policies, nic_save: the port's policies, an a{sv}. */
    void (*policies)(PfCall *call, GVariant *policies);
    /* nic_save: a chunk of run-time data, an a{sv}. */
    void (*chunk)(PfCall *call, GVariant *chunk);
    /* verify_*: a problem; the kind is that of the function. */
    void (*problem)(PfCall *call, const char *format, ...)
        G_GNUC_PRINTF(2, 3);
    /* Something that a person should know and that is no failure: it is
     * logged, and stands in the trace. */
    void (*note)(PfCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);
    /* describe: a value (integer 'x' or string 's') to be shown under 'key'
     * ([a-z_]+), which is none that `portferry ports --format=json' has
     * already. */
    void (*show)(PfCall *call, const char *key, GVariant *value);
    /* property_add, property_remove, nic_restore, port_teardown, port_return,
     * port_gone, guest_runs: 'apply' takes part in the one transaction of this
     * request, which is committed when all extensions have ended their calls.
     * It is called in the extensions' order, or in reverse as their functions
     * are, whoever ends first; 'free_user' (may be NULL) when it is needed no
     * more. */
    void (*change)(PfCall *call, PfApplyFunc *apply, gpointer user,
                   GDestroyNotify free_user);

    /* ---- At any time ---- */

    /* The policies of port 'name' may have changed: get_policies will be
     * called for it.  With 'name' NULL: those of every port. */
    void (*changed)(const PfExtension *extension, const char *name);

    /* ---- The database ----
     *
     * Rows of the replica of Open_vSwitch.  'txn' is NULL outside of a
     * PfApplyFunc; within, rows are as the transaction will leave them.  A
     * column's value is a GVariant: integers 'x', reals 'd', booleans 'b',
     * strings and UUIDs 's', a set of at most one member that member, other
     * sets 'av', maps 'a{sv}' (with an integer key in decimal, a row as its
     * UUID); absent, NULL, if it has no member. */

    /* The row of 'table' whose column 'column' is the string 'value', or NULL:
     * Port.name and Interface.name without a search. */
    const PfRow *(*find)(PfTxn *txn, const char *table, const char *column,
                         const char *value);
    /* The row with that UUID, or NULL. */
    const PfRow *(*by_uuid)(PfTxn *txn, const char *table, const char *uuid);
    /* The rows of 'table', one after the other: the first after NULL. */
    const PfRow *(*next)(PfTxn *txn, const char *table, const PfRow *after);
    char *(*uuid)(const PfRow *row);
    /* A full reference, or NULL. */
    GVariant *(*get)(const PfRow *row, const char *column);
    /* A member of a map; NULL if there is none. */
    char *(*get_key)(const PfRow *row, const char *column, const char *key);

    /* Only within a PfApplyFunc.  FALSE with '*error' set if there is no such
     * table or column, or if it does not take that value. */

    /* A new row; its uuid() serves to refer to it in the same transaction. */
    const PfRow *(*insert)(PfTxn *txn, const char *table, GError **error);
    /* Sets a column (NULL: empty); written only if it differs. */
    gboolean (*set)(PfTxn *txn, const PfRow *row, const char *column,
                    GVariant *value, GError **error);
    /* Sets (value) or deletes (NULL) one key of a map of strings; the others
     * are not touched. */
    gboolean (*set_key)(PfTxn *txn, const PfRow *row, const char *column,
                        const char *key, const char *value, GError **error);
    /* Adds or removes one member of a set; the others are not touched. */
    gboolean (*set_member)(PfTxn *txn, const PfRow *row, const char *column,
                           GVariant *member, gboolean is_member,
                           GError **error);
    /* 'row' is not to be used any more, nor to go on from with next(). */
    void (*remove)(PfTxn *txn, const PfRow *row);

    /* ---- OpenFlow ----
     *
     * In ovs-ofctl's syntax, with port names where a port has one. */

    /* 'filter' is a match as `ovs-ofctl dump-flows BRIDGE MATCH' takes it, for
     * rules (out_port, out_group, cookie and table included); NULL: all.  For
     * PF_OPENFLOW_PORT_STATS it is the port's OpenFlow number or name, and a
     * line is "rx_packets=1 rx_bytes=2 rx_drop=0 rx_errs=0 tx_packets=...". */
    void (*openflow_dump)(const char *bridge, PfOpenflowKind kind,
                          const char *filter, guint timeout_ms,
                          PfLinesFunc *lines, gpointer user);
    /* Carries out 'commands' (char *) as one atomic bundle: "flow add
     * table=0,...", "flow modify ...", "flow delete ...", "flow
     * delete_strict ...", "group add group_id=...", "group delete
     * group_id=...".  An error means that none was carried out, and names the
     * first that was refused. */
    void (*openflow_bundle)(const char *bridge, const GPtrArray *commands,
                            guint timeout_ms, PfDoneFunc *done,
                            gpointer user);
    /* Meters are in no bundle.  "add meter=1,...", "modify meter=1,...",
     * "delete meter=1", one after the other up to the first error. */
    void (*openflow_meters)(const char *bridge, const GPtrArray *commands,
                            guint timeout_ms, PfDoneFunc *done,
                            gpointer user);
    /* Tells of every change of a rule on 'bridge', until unwatched.  Returns a
     * number for that, never 0. */
    guint (*openflow_watch)(const char *bridge, PfRuleFunc *rule,
                            gpointer user);
    void (*openflow_unwatch)(guint watch);
    /* Sends 'frame' (Ethernet, without checksum) as if it had come in at port
     * 'in_port', through 'actions' in ovs-ofctl's syntax ("TABLE": through the
     * bridge's rules). */
    void (*packet_out)(const char *bridge, gint64 in_port, GBytes *frame,
                       const char *actions, guint timeout_ms,
                       PfDoneFunc *done, gpointer user);
    /* What `ovs-appctl COMMAND ARGS' prints (ovs-vswitchd's), line by line;
     * 'args' NULL: none. */
    void (*appctl)(const char *command, const char *const *args,
                   guint timeout_ms, PfLinesFunc *lines, gpointer user);
};

G_END_DECLS

#endif
