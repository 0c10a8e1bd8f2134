/* SPDX-License-Identifier: Apache-2.0
 *
 * port-private: what the two halves of the extension `port' share.
 *
 * port.c knows the columns, reads and writes them; port-verify.c judges what
 * comes from another host.  Nobody else includes this.
 */
#ifndef PF_PORT_PRIVATE_H
#define PF_PORT_PRIVATE_H 1

#include <portferry/extension.h>

typedef enum {
    COL_INTEGER,                /* 'x' within min..max. */
    COL_AMOUNT,                 /* The same; 0, which is absent: none. */
    COL_NUMBER,                 /* The same; told, never set. */
    COL_BOOLEAN,                /* 'b'; absent: FALSE. */
    COL_CHOICE,                 /* 's', one of 'choices'. */
    COL_INTEGERS,               /* 'av' of 'x' within min..max. */
    COL_STRINGS,                /* 'a{sv}' of 's'. */
} PfPortColumnType;

typedef struct {
    const char *row;            /* "port" or "interface". */
    const char *name;
    PfPortColumnType type;
    gint64 min, max;
    const char *const *choices;
} PfPortColumn;

#define PF_PORT_MAX_MEMBERS 4096        /* Of a set or a map. */
#define PF_PORT_MAX_STRING 4096         /* Bytes of a key or value. */

extern const PfPortColumn pf_port_columns[];
extern const gsize pf_port_n_columns;

const PfPortColumn *pf_port_find_column(const char *row, const char *name);
/* Whether 'c' is a map whose 'key' is not the user's: libvirt's, or
 * Portferry's. */
gboolean pf_port_key_is_foreign(const PfPortColumn *c, const char *key);
/* What 'policies', well formed, say of 'c'; NULL if nothing. */
GVariant *pf_port_look_up(GVariant *policies, const PfPortColumn *c);

/* The rows of 'table' to which the set 'column' of 'row' refers; const
 * PfRow *. */
GPtrArray *pf_port_referred(PfTxn *txn, const PfRow *row, const char *column,
                            const char *table);
/* The ports of bridge 'name', or NULL if there is no such bridge. */
GPtrArray *pf_port_bridge_ports(PfTxn *txn, const char *name);
/* The column's only value; 'otherwise' if it has none. */
gint64 pf_port_get_integer(const PfRow *row, const char *column,
                           gint64 otherwise);
char *pf_port_get_name(const PfRow *row);

/* Before any of the following. */
void pf_port_verify_init(const PfHost *);
PfPoliciesFunc pf_port_verify_syntax, pf_port_verify_range,
    pf_port_verify_applicability, pf_port_verify_conflict;

#endif
