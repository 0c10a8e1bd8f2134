/* SPDX-License-Identifier: Apache-2.0
 *
 * switch: this host's Open vSwitch, through its database.
 *
 * The only place that knows the Open_vSwitch schema.  It keeps a replica
 * (ovsdb_idl) of the tables that Portferry needs, answers questions from it at
 * once, and carries out changes: a change is a list of operations that is
 * applied in one transaction, recomputed when the database says "try again",
 * and, where asked, is done only when ovs-vswitchd has acknowledged it
 * (Open_vSwitch.cur_cfg) and each row it made looks as it should.
 *
 * Any row of any table is to be had, as values, from rows.h.
 */
#ifndef PF_SWITCH_H
#define PF_SWITCH_H 1

#include <glib.h>

#define PF_SWITCH_ERROR pf_switch_error_quark()
GQuark pf_switch_error_quark(void);

typedef enum {
    PF_SWITCH_ERROR_TIMEOUT,    /* ovsdb-server or ovs-vswitchd, named. */
    PF_SWITCH_ERROR_DATABASE,   /* The transaction was refused. */
    PF_SWITCH_ERROR_NOT_FOUND,  /* Bridge or port that should be there. */
    PF_SWITCH_ERROR_CONFLICT,   /* Port that should not be there. */
    PF_SWITCH_ERROR_PORT,       /* ovs-vswitchd's Interface.error. */
    PF_SWITCH_ERROR_VALUE,      /* One that does not fit the schema. */
} PfSwitchError;

/* external_ids keys of ours on Port and Interface rows. */
#define PF_KEY_ROLE "portferry-role"            /* On Port; one of below. */
#define PF_KEY_MIGRATION "portferry-migration"  /* On Port: journal UUID. */
#define PF_KEY_GATE "portferry-gate"            /* On Port: "closed", in
                                                 * quarantine. */
#define PF_KEY_PREFIX "portferry-"
#define PF_ROLE_VALIDATION "validation"
#define PF_ROLE_OPERATIONAL "operational"       /* Until migration's end. */
#define PF_ROLE_CARRIER "carrier"
#define PF_ROLE_MAILBOX "mailbox"
#define PF_KEY_PORTDATA "PortData"              /* On Interface: libvirt's. */

typedef struct PfSwitch PfSwitch;

/* Connects to the database at 'remote' ("unix:/run/openvswitch/db.sock").
 * 'changed' (may be NULL) is called from pf_switch_run(), after the replica
 * has changed, with the name of each Port or Interface that did (possibly
 * twice), and of each port that a changed row of another table concerns
 * (reach.h); with NULL when the replica became complete or was lost, and when
 * a row changed of which that cannot be told.  So whoever follows ports has
 * work only for those that changed.  Never blocks. */
typedef void (*PfSwitchChanged)(gpointer user, const char *name);
PfSwitch *pf_switch_new(const char *remote, PfSwitchChanged changed,
                        gpointer user);
/* Changes under way are dropped, their 'done' is not called. */
void pf_switch_free(PfSwitch *);
void pf_switch_run(PfSwitch *);
void pf_switch_wait(PfSwitch *);

/* The replica is complete and the connection alive. */
gboolean pf_switch_is_ready(const PfSwitch *);
/* How many configurations ovs-vswitchd has still to acknowledge; not 0 for
 * long only if it does not run, or hangs. */
gint64 pf_switch_backlog(const PfSwitch *);

/* A port as the replica has it; all strings owned by the caller's copy. */
typedef struct {
    char *name;
    char *bridge;
    char *type;                 /* Interface.type, "" for system. */
    gint64 ofport;              /* -1: error; 0: not given yet. */
    char *error;                /* Interface.error or NULL. */
    char *mac_in_use;           /* Lower case, or NULL. */
    gint64 mtu;                 /* 0: unknown. */
    gint64 ifindex;             /* 0: unknown. */
    char *role;                 /* PF_KEY_ROLE or NULL. */
    char *migration;            /* PF_KEY_MIGRATION or NULL. */
    gboolean quarantined;       /* PF_KEY_GATE. */
    char *attached_mac;         /* Interface external_ids, or NULL. */
    char *iface_id;
    char *iface_status;
} PfPort;
void pf_port_free(PfPort *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfPort, pf_port_free)

/* The port whose Port and (only) Interface row are called 'name', or NULL. */
PfPort *pf_switch_port(PfSwitch *, const char *name);
/* All ports (PfPort *) that have PF_KEY_ROLE or PF_KEY_GATE, for recovery and
 * cleaning. */
GPtrArray *pf_switch_marked_ports(PfSwitch *);
/* The image of port 'name', for pf_change_restore_port() on this host; NULL if
 * there is no such port.  An a{sv}
 *
 *     { "port": {COLUMN: VALUE, ...}, "interface": {COLUMN: VALUE, ...} }
 *
 * with every column of the two rows that an operator may have set, whole
 * external_ids and a QoS row's UUID ("qos") included, and, told but not
 * written, "ofport".  Values are as in portferry/extension.h. */
GVariant *pf_switch_undo_image(PfSwitch *, const char *name);
/* Interface external_ids value; NULL if absent.  Valid until the next run. */
const char *pf_switch_iface_id(PfSwitch *, const char *name, const char *key);

/* TRUE if an OpenFlow port number is taken on 'bridge' by a port other than
 * 'except' (may be NULL). */
gboolean pf_switch_ofport_taken(PfSwitch *, const char *bridge, gint64 ofport,
                                const char *except);

/* ---- Changes ---------------------------------------------------------- */

typedef struct PfChange PfChange;

/* An empty change.  With 'acknowledge', it is done only when ovs-vswitchd has
 * carried it out; without, when the database has it. */
PfChange *pf_change_new(gboolean acknowledge);
void pf_change_free(PfChange *);   /* Only for one that was not submitted. */
/* Appends what 'other' does to 'change', and frees 'other'. */
void pf_change_append(PfChange *change, PfChange *other);
/* The port that it is for, in messages about a change that has nothing but
 * functions of extensions (pf_change_apply_func() in rows.h). */
void pf_change_set_name(PfChange *, const char *name);

/* Adds a ghost: Port and Interface 'name' on 'bridge', type patch with the
 * peer that can never exist, 'ofport' as a wish (0: none), and role and
 * migration as external_ids of the Port.  Fails with CONFLICT if a port of
 * that name exists, unless it is a ghost of the same role and migration (then
 * it is replaced: repeatable).  Checked after the acknowledgement: ofport is
 * above 0. */
void pf_change_add_ghost(PfChange *, const char *bridge, const char *name,
                         gint64 ofport, const char *role,
                         const char *migration);
/* Ghost to tap: type "" and no peer.  Checked: ofport > 0 and error NULL. */
void pf_change_take_tap(PfChange *, const char *name);
/* Replaces port 'name' by a carrier of the same name in one transaction: a
 * ghost without claims, tag or anything else, whose Interface has PortData
 * 'portdata' (NULL: none).  It keeps the port's OpenFlow number, so that
 * nobody else gets it before the way back.  If it is a carrier already, only
 * PortData is written.  Checked: the row exists, type patch. */
void pf_change_make_carrier(PfChange *, const char *name,
                            const char *portdata, const char *migration);
/* The way back: replaces whatever is called 'name' on 'bridge' (carrier, or
 * nothing) by a system Port with 'image', whole external_ids included, its
 * OpenFlow number wished for.  'image' is from pf_switch_undo_image(); a QoS
 * in it that no longer exists is left out.  A port of that name that is no
 * carrier stays as it is.  Checked: ofport > 0 and error NULL. */
void pf_change_restore_port(PfChange *, const char *bridge, const char *name,
                            GVariant *image);
/* Deletes the port 'name'; nothing to do if there is none.  With 'role' not
 * NULL, only if its role is that; with 'migration' not NULL, only if it
 * belongs to that one.  Checked: it is gone. */
void pf_change_del_port(PfChange *, const char *name, const char *role,
                        const char *migration);
/* Sets (value) or deletes (value NULL) one key of external_ids, other keys
 * untouched, of the Interface or of the Port called 'name'.  If there is no
 * such port: NOT_FOUND when setting, nothing to do when deleting. */
void pf_change_iface_key(PfChange *, const char *name, const char *key,
                         const char *value);
/* The claim of a NIC by the port 'name', as libvirt writes it: iface-id (NULL:
 * none), attached-mac and iface-status. */
void pf_change_set_claims(PfChange *, const char *name, const char *iface_id,
                          const char *mac);
void pf_change_remove_claims(PfChange *, const char *name);
void pf_change_port_key(PfChange *, const char *name, const char *key,
                        const char *value);
/* The migration of the port 'name' is over: deletes its role and migration,
 * and what ovs-vswitchd may have left in the Interface's error of the ghost
 * that it was.  Nothing to do if there is no such port. */
void pf_change_unmark(PfChange *, const char *name);
/* Called once, from pf_switch_run(), with 'error' NULL on success. */
typedef void (*PfChangeDone)(gpointer user, const GError *error);

/* Submits 'change' and takes ownership of it.  'done' is called from a later
 * pf_switch_run(), never from within this function, at the latest after
 * 'timeout_ms' (error TIMEOUT, which names who did not answer: ovsdb-server
 * or ovs-vswitchd; what was committed by then stays).  Changes submitted in
 * the same iteration share one transaction, unless two name the same port; if
 * it is refused, or cannot be made, each is tried alone, so that one bad
 * change does not fail its neighbours. */
void pf_switch_submit(PfSwitch *, PfChange *change, guint timeout_ms,
                      PfChangeDone done, gpointer user);

#endif
