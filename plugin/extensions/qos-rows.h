/* SPDX-License-Identifier: Apache-2.0
 *
 * qos-rows: QoS and Queue rows, for the extension `qos'.
 *
 * Reads them as policies, makes them from policies, and deletes those that
 * nobody uses any more.  Knows nothing of a migration: which of this happens
 * when is qos.c's to say.
 *
 * Policies of a port are one of
 *
 *     {}                                      no QoS
 *     { "libvirt": true, "min-rate": N }      libvirt's own, for <bandwidth>
 *     { "qos": { "type": STRING,
 *                "other_config": {KEY: STRING, ...},
 *                "external_ids": {KEY: STRING, ...},
 *                "queues": { NUMBER: { "dscp": N,
 *                                      "other_config": {...},
 *                                      "external_ids": {...} }, ... } },
 *       "key": UUID }
 *
 * where all but "type" may be absent.  "min-rate" is what libvirt's rows
 * reserve, in bit/s; libvirt's that an operator has given further queues are
 * taken for the operator's.  "key" is the row's identity over all hosts: the
 * UUID of the row from which, copy by copy, this one descends.  Ports whose
 * rows have the same key have shared one row; they share one again where they
 * meet, as long as its contents are the same.
 *
 * A row that was made here has the key as external_ids:portferry-qos, its
 * Queues too: if nobody uses it, it is ours to delete.  A row that a port has
 * left behind for the way back has external_ids:portferry-kept-PORT.  Neither
 * is part of policies; nor are vm-id and ifname, by which libvirt finds its
 * own rows.
 */
#ifndef PF_QOS_ROWS_H
#define PF_QOS_ROWS_H 1

#include <portferry/extension.h>

/* external_ids key of a Port whose QoS rows libvirt is about to make: what
 * they will reserve, in bit/s.  It counts until the port has QoS, or its
 * migration is over. */
#define PF_QOS_KEY_RESERVED "portferry-reserved"

#define PF_QOS_ERROR pf_qos_error_quark()
GQuark pf_qos_error_quark(void);

typedef enum {
    PF_QOS_ERROR_NO_PORT,       /* Its row should be there. */
    PF_QOS_ERROR_CAPACITY,      /* The bridge's is spent. */
} PfQosError;

/* The agent; set by the extension's init(). */
extern const PfHost *pf_qos_host;

/* A port, by what its rows are found by. */
typedef struct {
    char *name;
    char *bridge;
    char *domain_uuid;
} PfQosPort;

/* ---- Rows as policies --------------------------------------------------- */

/* The Port row, or NULL. */
const PfRow *pf_qos_port_row(PfTxn *, const PfQosPort *);
/* The QoS row of Port row 'port', or NULL. */
const PfRow *pf_qos_of(PfTxn *, const PfRow *port);
/* Whether libvirt has made the QoS or Queue row 'row' for this port. */
gboolean pf_qos_is_libvirts(const PfRow *row, const PfQosPort *);
/* The policies of a port that has the QoS row 'row' (NULL: none), with keys in
 * order; a full reference. */
GVariant *pf_qos_policies(PfTxn *, const PfRow *row, const PfQosPort *);
/* Whether two policies are the same, whatever the order of their keys. */
gboolean pf_qos_is_equal(GVariant *, GVariant *);
/* Whether the port with the QoS row 'row' has 'policies', or what libvirt is
 * to make for it. */
gboolean pf_qos_has(PfTxn *, const PfRow *row, const PfQosPort *,
                    GVariant *policies);

/* ---- Reservations ------------------------------------------------------- */

/* Whether the queues of a QoS of 'type' are classes of the kernel's, with a
 * guaranteed rate each. */
gboolean pf_qos_has_classes(const char *type);
/* What 'policies' reserve, in bit/s: the sum of their queues' min-rate, if
 * their type is one that gives guarantees. */
guint64 pf_qos_reserved(GVariant *policies);
/* What the ports of 'bridge' but 'except' reserve together.  Each port has a
 * queueing discipline of its own, also where several share a row: so such a
 * row counts once for each of its ports. */
guint64 pf_qos_spent(PfTxn *, const char *bridge, const char *except);

/* ---- Changes ------------------------------------------------------------ */

/* Gives Port row 'port' QoS as 'policies' say: the row of the same key and
 * contents that is here, or a new one.  The row that it had stays. */
gboolean pf_qos_attach(PfTxn *, const PfRow *port, GVariant *policies,
                       GError **error);

/* The row that a port with 'policies', which is gone already, has left:
 * libvirt's, or that of the same key and contents; NULL: none. */
const PfRow *pf_qos_left(PfTxn *, const PfQosPort *, GVariant *policies);

/* Marks 'row' as kept for the port's way back. */
gboolean pf_qos_keep(PfTxn *, const PfRow *row, const PfQosPort *,
                     GError **error);
/* The row that is kept for it, or NULL. */
const PfRow *pf_qos_kept(PfTxn *, const PfQosPort *);
/* Takes the mark off again, and adds the UUIDs of the rows that had it to the
 * set 'uuids' (may be NULL). */
gboolean pf_qos_unkeep(PfTxn *, const PfQosPort *, GHashTable *uuids,
                       GError **error);

/* Deletes the QoS rows that no Port refers to and that are not kept, and their
 * Queues that no QoS row refers to: those among 'uuids' (char *, may be NULL),
 * those made by Portferry, and those that libvirt has made for 'stale' (may be
 * NULL).  One of the last that is in use by another port is no longer
 * libvirt's. */
gboolean pf_qos_clean(PfTxn *, GHashTable *uuids, const PfQosPort *stale,
                      GError **error);

#endif
