/* SPDX-License-Identifier: Apache-2.0
 *
 * switch-private: what the files of the switch part share.
 *
 * switch.c keeps the replica and answers questions, rows.c does both for any
 * table, change.c knows what each operation writes and how its success looks,
 * commit.c brings changes into the database and waits for ovs-vswitchd.
 * Nobody else includes this.
 */
#ifndef PF_SWITCH_PRIVATE_H
#define PF_SWITCH_PRIVATE_H 1

#include <portferry/extension.h>

#include "ovsdb-idl.h"
#include "reach.h"
#include "switch.h"
#include "vswitch-idl.h"

/* A ghost's peer.  An Interface of this name can never be created:
 * ovs-vswitchd reserves every name that begins with "gre_sys". */
#define PF_GHOST_PEER "gre_sys.portferry-ghost"

/* Changes under way, for commit.c. */
struct pf_commits {
    GQueue waiting;             /* PfChange *, not in the database yet. */
    GPtrArray *flight;          /* PfChange * in 'txn'. */
    struct ovsdb_idl_txn *txn;  /* Transaction under way, or NULL. */
    guint flight_seqno;         /* Replica's seqno when 'txn' was made. */
    gboolean blocked;           /* Replica must change before next attempt, */
    long long int retry_at;     /* or this time come (time_msec()). */
    GQueue acks;                /* PfChange *, committed, to be checked. */
    GQueue finished;            /* PfChange *, 'done' to be called. */
};

struct PfSwitch {
    char *remote;
    struct ovsdb_idl *idl;
    struct ovsdb_idl_index *port_by_name;
    struct ovsdb_idl_index *iface_by_name;

    PfSwitchChanged changed;
    gpointer user;
    guint seqno;                /* Of the replica that 'changed' knows. */
    gboolean ready;             /* The same for pf_switch_is_ready(). */
    gboolean stale;             /* Replica is not what the database has, */
    guint stale_seqno;          /* as long as it has this seqno. */

    PfReach *reach;

    struct pf_commits commits;
};

/* The open transaction, as operations see it. */
struct PfTxn {
    PfSwitch *sw;
};

/* ---- switch.c --------------------------------------------------------- */

/* Rows by name, NULL if there is none; within a transaction, as it will leave
 * them. */
const struct ovsrec_open_vswitch *pf_switch_root(const PfSwitch *);
const struct ovsrec_bridge *pf_switch_bridge_row(PfSwitch *, const char *name);
const struct ovsrec_port *pf_switch_port_row(PfSwitch *, const char *name);
const struct ovsrec_interface *pf_switch_iface_row(PfSwitch *,
                                                   const char *name);
/* The bridge that 'port' is on, by the replica, not the transaction. */
const struct ovsrec_bridge *pf_switch_bridge_of(PfSwitch *,
                                                const struct ovsrec_port *);
/* The only interface of 'port', if it has the port's name, or NULL. */
const struct ovsrec_interface *pf_switch_iface_of(const struct ovsrec_port *);

/* ---- change.c --------------------------------------------------------- */

enum pf_check {
    PF_CHECK_OK,                /* As it should be. */
    PF_CHECK_WAIT,              /* Not yet. */
    PF_CHECK_FAILED,            /* Never will be. */
};

/* A change: made by its owner, carried out by commit.c. */
struct PfChange {
    gboolean acknowledge;
    GPtrArray *ops;             /* struct pf_op *. */
    char *name;                 /* What it is for, see pf_change_set_name(). */

    guint timeout_ms;
    long long int deadline;     /* time_msec() units. */
    PfChangeDone done;
    gpointer user;

    gboolean alone;             /* Not together with others: together it
                                 * failed. */
    gint64 cfg;                 /* next_cfg that it got when committed. */
    GError *error;              /* How it ended. */
};

/* Writes 'change' into the open transaction.  If this fails, the transaction
 * must be aborted. */
gboolean pf_change_apply(PfSwitch *, const PfChange *change, GError **error);
/* Whether the replica shows what 'change' was to bring about.  With
 * PF_CHECK_FAILED, '*error' is set; with PF_CHECK_WAIT, '*missing' says what
 * is missing and the caller frees it. */
enum pf_check pf_change_check(PfSwitch *, const PfChange *change,
                              char **missing, GError **error);
/* Adds the names of the ports that the operations of 'change' are on to the
 * set 'names'; returns FALSE, with nothing added, if one is there already.
 * The names live as long as 'change' does.  Functions are on no port. */
gboolean pf_change_claim_names(const PfChange *change, GHashTable *names);
/* "port 'a', port 'b'", for messages; the caller frees it.  A change that has
 * nothing but functions names no port: "rows of port 'a'". */
char *pf_change_describe(const PfChange *change);

/* ---- commit.c --------------------------------------------------------- */

void pf_commits_init(struct pf_commits *);
void pf_commits_destroy(struct pf_commits *);
void pf_commits_run(PfSwitch *);
void pf_commits_wait(PfSwitch *);

#endif
