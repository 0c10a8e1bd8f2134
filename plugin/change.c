/* SPDX-License-Identifier: Apache-2.0
 *
 * change: the operations on ports.
 *
 * For each kind of operation there is a function that writes it into the open
 * transaction, from the replica's present contents and nothing else, so that
 * it can be called again for every attempt; and one that looks, once
 * ovs-vswitchd has acknowledged, whether the switch made of it what was
 * wanted.  When and in which transaction that happens is commit.c's.
 */
#include <config.h>

#include "switch-private.h"

#include <inttypes.h>
#include <string.h>

#include "image.h"
#include "openvswitch/vlog.h"
#include "rows.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pf_change);

struct pf_op;

/* A kind of operation. */
struct pf_op_class {
    /* Writes 'op' into the open transaction. */
    gboolean (*apply)(PfSwitch *, const struct pf_op *op, GError **);
    /* Whether the acknowledged switch shows it.  See pf_change_check(). */
    enum pf_check (*check)(PfSwitch *, const struct pf_op *op,
                           char **missing, GError **);
};

/* An operation; what a kind does not need is NULL or 0. */
struct pf_op {
    const struct pf_op_class *class;
    char *name;                 /* Of the port; NULL: a function. */
    char *bridge;
    char *role;
    char *migration;
    char *key;                  /* Of external_ids. */
    char *value;                /* Of 'key', or PortData. */
    GVariant *image;
    gint64 ofport;
    PfApplyFunc *func;
    gpointer user;
    GDestroyNotify free_user;
};

/* ---- Making changes --------------------------------------------------- */

/* Frees 'op_'. */
static void
op_free(gpointer op_)
{
    struct pf_op *op = op_;

    g_free(op->name);
    g_free(op->bridge);
    g_free(op->role);
    g_free(op->migration);
    g_free(op->key);
    g_free(op->value);
    g_clear_pointer(&op->image, g_variant_unref);
    if (op->free_user) {
        op->free_user(op->user);
    }
    g_free(op);
}

PfChange *
pf_change_new(gboolean acknowledge)
{
    PfChange *change = g_new0(PfChange, 1);

    change->acknowledge = acknowledge;
    change->ops = g_ptr_array_new_with_free_func(op_free);
    return change;
}

void
pf_change_free(PfChange *change)
{
    if (change) {
        g_ptr_array_unref(change->ops);
        g_free(change->name);
        g_clear_error(&change->error);
        g_free(change);
    }
}

void
pf_change_append(PfChange *change, PfChange *other)
{
    g_ptr_array_extend_and_steal(change->ops, g_steal_pointer(&other->ops));
    other->ops = g_ptr_array_new();
    pf_change_free(other);
}

/* Appends an operation of 'class' on port 'name' to 'change'. */
static struct pf_op *
add_op(PfChange *change, const struct pf_op_class *class, const char *name)
{
    struct pf_op *op = g_new0(struct pf_op, 1);

    op->class = class;
    op->name = g_strdup(name);
    g_ptr_array_add(change->ops, op);
    return op;
}

void
pf_change_set_name(PfChange *change, const char *name)
{
    g_free(change->name);
    change->name = g_strdup(name);
}

/* ---- Rows within a transaction ---------------------------------------- */

/* Sets '*error' for a port that should be there. */
static gboolean
no_such_port(const char *name, GError **error)
{
    g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND,
                "port '%s': the switch has no port of that name", name);
    return FALSE;
}

/* Returns the Interface of port 'op' or NULL with '*error' set. */
static const struct ovsrec_interface *
find_iface(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_port *port = pf_switch_port_row(sw, op->name);
    const struct ovsrec_interface *iface
        = port ? pf_switch_iface_of(port) : NULL;

    if (!iface) {
        no_such_port(op->name, error);
    }
    return iface;
}

/* Takes 'port' off 'bridge' and deletes it with its interfaces. */
static void
delete_port(const struct ovsrec_bridge *bridge, const struct ovsrec_port *port)
{
    ovsrec_bridge_update_ports_delvalue(bridge, port);
    for (size_t i = 0; i < port->n_interfaces; i++) {
        ovsrec_interface_delete(port->interfaces[i]);
    }
    ovsrec_port_delete(port);
}

/* Adds a port 'name' with an interface of the same name to 'bridge', with
 * 'image' (may be NULL) and the OpenFlow number 'ofport' as a wish (0: none).
 * Stores the rows in '*port' and '*iface'. */
static gboolean
insert_port(PfSwitch *sw, const struct ovsrec_bridge *bridge,
            const char *name, GVariant *image, gint64 ofport,
            const struct ovsrec_port **port,
            const struct ovsrec_interface **iface, GError **error)
{
    struct ovsdb_idl_txn *idl_txn = sw->commits.txn;
    struct ovsrec_interface *i = ovsrec_interface_insert(idl_txn);
    struct ovsrec_port *p = ovsrec_port_insert(idl_txn);
    PfTxn txn = { sw };

    ovsrec_interface_set_name(i, name);
    ovsrec_port_set_name(p, name);
    ovsrec_port_set_interfaces(p, &i, 1);
    if (image && !pf_image_write(&txn, (const PfRow *) p, (const PfRow *) i,
                                 image, error)) {
        g_prefix_error(error, "port '%s': ", name);
        return FALSE;
    }
    if (ofport > 0) {
        int64_t wish = ofport;

        ovsrec_interface_set_ofport(i, &wish, 1);
    }
    ovsrec_bridge_update_ports_addvalue(bridge, p);
    *port = p;
    *iface = i;
    return TRUE;
}

/* Makes the new rows 'port' and 'iface' a ghost with 'role' and 'migration'
 * (may be NULL). */
static void
make_ghost(const struct ovsrec_port *port,
           const struct ovsrec_interface *iface,
           const char *role, const char *migration)
{
    const struct smap options
        = SMAP_CONST1(&options, "peer", PF_GHOST_PEER);
    struct smap ids;

    ovsrec_interface_set_type(iface, "patch");
    ovsrec_interface_set_options(iface, &options);

    smap_clone(&ids, &port->external_ids);
    smap_replace(&ids, PF_KEY_ROLE, role);
    if (migration) {
        smap_replace(&ids, PF_KEY_MIGRATION, migration);
    }
    ovsrec_port_set_external_ids(port, &ids);
    smap_destroy(&ids);
}

/* Returns true if 'port' is one that this part made in place of a tap. */
static gboolean
is_ghost(const struct ovsrec_port *port)
{
    const struct ovsrec_interface *iface = pf_switch_iface_of(port);

    return (iface && !strcmp(iface->type, "patch")
            && smap_get(&port->external_ids, PF_KEY_ROLE));
}

/* Returns true if 'port' has 'role', and 'migration' unless that is NULL. */
static gboolean
has_role(const struct ovsrec_port *port, const char *role,
         const char *migration)
{
    const struct smap *ids = &port->external_ids;

    return (!g_strcmp0(smap_get(ids, PF_KEY_ROLE), role)
            && (!migration
                || !g_strcmp0(smap_get(ids, PF_KEY_MIGRATION), migration)));
}

/* Looks for the place for a port 'op': its bridge, stored in '*bridge', and a
 * port that has the name already, stored in '*port' (NULL if none). */
static gboolean
find_place(PfSwitch *sw, const struct pf_op *op,
           const struct ovsrec_bridge **bridge,
           const struct ovsrec_port **port, GError **error)
{
    *bridge = pf_switch_bridge_row(sw, op->bridge);
    if (!*bridge) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND,
                    "port '%s': there is no bridge '%s'", op->name,
                    op->bridge);
        return FALSE;
    }

    *port = pf_switch_port_row(sw, op->name);
    if (!*port && pf_switch_iface_row(sw, op->name)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT,
                    "port '%s': an interface of another port has that name",
                    op->name);
        return FALSE;
    }
    if (*port && pf_switch_bridge_of(sw, *port) != *bridge) {
        const struct ovsrec_bridge *other = pf_switch_bridge_of(sw, *port);

        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT,
                    "port '%s': cannot be on bridge '%s', it is on bridge "
                    "'%s'", op->name, op->bridge,
                    other ? other->name : "(none)");
        return FALSE;
    }
    return TRUE;
}

/* ---- Checks ----------------------------------------------------------- */

/* Checks that the port of 'op' has an OpenFlow number and no error.  What a
 * ghost says about its peer is none, nor is what is left of it after the
 * change to a tap. */
static enum pf_check
check_ofport(PfSwitch *sw, const struct pf_op *op, char **missing,
             GError **error)
{
    const struct ovsrec_interface *iface = find_iface(sw, op, error);

    if (!iface) {
        return PF_CHECK_FAILED;
    }
    if ((iface->error && !strstr(iface->error, PF_GHOST_PEER))
        || (iface->n_ofport && *iface->ofport < 0)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_PORT,
                    "port '%s': ovs-vswitchd: %s", op->name,
                    iface->error ? iface->error : "no OpenFlow port");
        return PF_CHECK_FAILED;
    }
    if (!iface->n_ofport || !*iface->ofport) {
        *missing = g_strdup_printf("an OpenFlow number for port '%s'",
                                   op->name);
        return PF_CHECK_WAIT;
    }
    return PF_CHECK_OK;
}

/* ---- Operations ------------------------------------------------------- */

/* add_ghost. */
static gboolean
apply_add_ghost(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_bridge *bridge;
    const struct ovsrec_interface *iface;
    const struct ovsrec_port *port;

    if (!find_place(sw, op, &bridge, &port, error)) {
        return FALSE;
    }
    if (port) {
        if (!has_role(port, op->role, op->migration) || !is_ghost(port)) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT,
                        "port '%s': bridge '%s' has a port of that name "
                        "already", op->name, op->bridge);
            return FALSE;
        }
        ovsrec_port_verify_external_ids(port);
        delete_port(bridge, port);
    }
    if (!insert_port(sw, bridge, op->name, NULL, op->ofport, &port, &iface,
                     error)) {
        return FALSE;
    }
    make_ghost(port, iface, op->role, op->migration);
    return TRUE;
}

static const struct pf_op_class add_ghost_class = {
    apply_add_ghost, check_ofport
};

void
pf_change_add_ghost(PfChange *change, const char *bridge, const char *name,
                    gint64 ofport, const char *role, const char *migration)
{
    struct pf_op *op = add_op(change, &add_ghost_class, name);

    op->bridge = g_strdup(bridge);
    op->role = g_strdup(role);
    op->migration = g_strdup(migration);
    op->ofport = ofport;
}

/* take_tap. */
static gboolean
apply_take_tap(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_interface *iface = find_iface(sw, op, error);

    if (!iface) {
        return FALSE;
    }
    if (strcmp(iface->type, "")) {
        ovsrec_interface_set_type(iface, "");
    }
    if (smap_get(&iface->options, "peer")) {
        ovsrec_interface_update_options_delkey(iface, "peer");
    }
    return TRUE;
}

static const struct pf_op_class take_tap_class = {
    apply_take_tap, check_ofport
};

void
pf_change_take_tap(PfChange *change, const char *name)
{
    add_op(change, &take_tap_class, name);
}

/* Sets, or with 'value' NULL deletes, external_ids 'key' of 'row'. */
static gboolean
write_key(PfSwitch *sw, const struct ovsdb_idl_row *row, const char *key,
          const char *value, GError **error)
{
    PfTxn txn = { sw };

    return pf_row_set_key(&txn, (const PfRow *) row, "external_ids", key,
                          value, error);
}

/* make_carrier.  The carrier wishes for the number of the port that it
 * replaces: nobody else gets it before the way back. */
static gboolean
apply_make_carrier(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_port *port = pf_switch_port_row(sw, op->name);
    const struct ovsrec_bridge *bridge
        = port ? pf_switch_bridge_of(sw, port) : NULL;
    const struct ovsrec_interface *iface
        = port ? pf_switch_iface_of(port) : NULL;

    if (!bridge || !iface) {
        return no_such_port(op->name, error);
    }
    if (!is_ghost(port) || !has_role(port, PF_ROLE_CARRIER, NULL)) {
        gint64 ofport = iface->n_ofport ? *iface->ofport : 0;

        ovsrec_port_verify_name(port);
        delete_port(bridge, port);
        if (!insert_port(sw, bridge, op->name, NULL, ofport, &port, &iface,
                         error)) {
            return FALSE;
        }
        make_ghost(port, iface, PF_ROLE_CARRIER, op->migration);
    } else if (!write_key(sw, &port->header_, PF_KEY_MIGRATION,
                          op->migration, error)) {
        return FALSE;
    }
    return write_key(sw, &iface->header_, PF_KEY_PORTDATA, op->value, error);
}

/* Checks that the port of 'op' is there and of type patch. */
static enum pf_check
check_carrier(PfSwitch *sw, const struct pf_op *op,
              char **missing OVS_UNUSED, GError **error)
{
    const struct ovsrec_interface *iface = find_iface(sw, op, error);

    if (iface && strcmp(iface->type, "patch")) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_PORT,
                    "port '%s': should be a carrier of type 'patch', but "
                    "somebody gave it type '%s'", op->name, iface->type);
        return PF_CHECK_FAILED;
    }
    return iface ? PF_CHECK_OK : PF_CHECK_FAILED;
}

static const struct pf_op_class make_carrier_class = {
    apply_make_carrier, check_carrier
};

void
pf_change_make_carrier(PfChange *change, const char *name,
                       const char *portdata, const char *migration)
{
    struct pf_op *op = add_op(change, &make_carrier_class, name);

    op->value = g_strdup(portdata);
    op->migration = g_strdup(migration);
}

/* restore_port. */
static gboolean
apply_restore_port(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_bridge *bridge;
    const struct ovsrec_interface *iface;
    const struct ovsrec_port *port;

    if (!find_place(sw, op, &bridge, &port, error)) {
        return FALSE;
    }
    if (port) {
        if (!is_ghost(port) || !has_role(port, PF_ROLE_CARRIER, NULL)) {
            VLOG_DBG("port %s: no carrier, stays as it is", op->name);
            return TRUE;
        }
        delete_port(bridge, port);
    }
    return insert_port(sw, bridge, op->name, op->image,
                       pf_image_ofport(op->image), &port, &iface, error);
}

static const struct pf_op_class restore_port_class = {
    apply_restore_port, check_ofport
};

void
pf_change_restore_port(PfChange *change, const char *bridge, const char *name,
                       GVariant *image)
{
    struct pf_op *op = add_op(change, &restore_port_class, name);

    op->bridge = g_strdup(bridge);
    op->image = g_variant_ref_sink(image);
}

/* del_port.  The role is verified, so that a port whose role changes at the
 * same time stays. */
static gboolean
apply_del_port(PfSwitch *sw, const struct pf_op *op, GError **error OVS_UNUSED)
{
    const struct ovsrec_port *port = pf_switch_port_row(sw, op->name);
    const struct ovsrec_bridge *bridge
        = port ? pf_switch_bridge_of(sw, port) : NULL;

    if (bridge && (!op->role || has_role(port, op->role, op->migration))) {
        if (op->role) {
            ovsrec_port_verify_external_ids(port);
        }
        delete_port(bridge, port);
    }
    return TRUE;
}

/* Checks that there is no port that del_port should have deleted. */
static enum pf_check
check_gone(PfSwitch *sw, const struct pf_op *op, char **missing,
           GError **error OVS_UNUSED)
{
    const struct ovsrec_port *port = pf_switch_port_row(sw, op->name);

    if (port && (!op->role || has_role(port, op->role, op->migration))) {
        *missing = g_strdup_printf("the deletion of port '%s'", op->name);
        return PF_CHECK_WAIT;
    }
    return PF_CHECK_OK;
}

static const struct pf_op_class del_port_class = {
    apply_del_port, check_gone
};

void
pf_change_del_port(PfChange *change, const char *name, const char *role,
                   const char *migration)
{
    struct pf_op *op = add_op(change, &del_port_class, name);

    op->role = g_strdup(role);
    op->migration = g_strdup(migration);
}

/* iface_key. */
static gboolean
apply_iface_key(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_interface *iface = pf_switch_iface_row(sw, op->name);

    if (iface) {
        return write_key(sw, &iface->header_, op->key, op->value, error);
    } else if (op->value) {
        return no_such_port(op->name, error);
    }
    return TRUE;
}

/* port_key. */
static gboolean
apply_port_key(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_port *port = pf_switch_port_row(sw, op->name);

    if (port) {
        return write_key(sw, &port->header_, op->key, op->value, error);
    } else if (op->value) {
        return no_such_port(op->name, error);
    }
    return TRUE;
}

static const struct pf_op_class iface_key_class = { apply_iface_key, NULL };
static const struct pf_op_class port_key_class = { apply_port_key, NULL };

static void
add_key_op(PfChange *change, const struct pf_op_class *class,
           const char *name, const char *key, const char *value)
{
    struct pf_op *op = add_op(change, class, name);

    op->key = g_strdup(key);
    op->value = g_strdup(value);
}

void
pf_change_iface_key(PfChange *change, const char *name, const char *key,
                    const char *value)
{
    add_key_op(change, &iface_key_class, name, key, value);
}

void
pf_change_set_claims(PfChange *change, const char *name,
                     const char *iface_id, const char *mac)
{
    if (iface_id) {
        pf_change_iface_key(change, name, "iface-id", iface_id);
    }
    pf_change_iface_key(change, name, "attached-mac", mac);
    pf_change_iface_key(change, name, "iface-status", "active");
}

void
pf_change_remove_claims(PfChange *change, const char *name)
{
    pf_change_iface_key(change, name, "iface-id", NULL);
    pf_change_iface_key(change, name, "attached-mac", NULL);
    pf_change_iface_key(change, name, "iface-status", NULL);
}

void
pf_change_port_key(PfChange *change, const char *name, const char *key,
                   const char *value)
{
    add_key_op(change, &port_key_class, name, key, value);
}

/* unmark.  A text about the ghost's peer can outlive the ghost: ovs-vswitchd
 * skips writing "no error" where its replica does not have the text yet that
 * it has just sent. */
static gboolean
apply_unmark(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    const struct ovsrec_port *port = pf_switch_port_row(sw, op->name);
    const struct ovsrec_interface *iface
        = port ? pf_switch_iface_of(port) : NULL;

    if (iface && !*iface->type && iface->error
        && strstr(iface->error, PF_GHOST_PEER)) {
        ovsrec_interface_set_error(iface, NULL);
    }
    return (!port
            || (write_key(sw, &port->header_, PF_KEY_ROLE, NULL, error)
                && write_key(sw, &port->header_, PF_KEY_MIGRATION, NULL,
                             error)));
}

static const struct pf_op_class unmark_class = { apply_unmark, NULL };

void
pf_change_unmark(PfChange *change, const char *name)
{
    add_op(change, &unmark_class, name);
}

/* apply_func.  What the function finds, it finds through rows.c: as this
 * transaction will leave it. */
static gboolean
apply_func(PfSwitch *sw, const struct pf_op *op, GError **error)
{
    GError *reason = NULL;
    PfTxn txn = { sw };

    if (op->func(&txn, op->user, &reason)) {
        g_clear_error(&reason);
        return TRUE;
    }
    if (!reason) {
        g_set_error(&reason, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "an extension failed to write its rows, without saying "
                    "why");
    }
    g_propagate_error(error, reason);
    return FALSE;
}

static const struct pf_op_class func_class = { apply_func, NULL };

void
pf_change_apply_func(PfChange *change, PfApplyFunc *apply, gpointer user,
                     GDestroyNotify free_user)
{
    struct pf_op *op = add_op(change, &func_class, NULL);

    op->func = apply;
    op->user = user;
    op->free_user = free_user;
}

/* ---- For commit.c ----------------------------------------------------- */

gboolean
pf_change_apply(PfSwitch *sw, const PfChange *change, GError **error)
{
    for (guint i = 0; i < change->ops->len; i++) {
        const struct pf_op *op = change->ops->pdata[i];

        if (!op->class->apply(sw, op, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

enum pf_check
pf_change_check(PfSwitch *sw, const PfChange *change, char **missing,
                GError **error)
{
    enum pf_check result = PF_CHECK_OK;

    for (guint i = 0; i < change->ops->len; i++) {
        const struct pf_op *op = change->ops->pdata[i];
        g_autofree char *what = NULL;
        enum pf_check check = (op->class->check
                               ? op->class->check(sw, op, &what, error)
                               : PF_CHECK_OK);

        if (check == PF_CHECK_FAILED) {
            g_clear_pointer(missing, g_free);
            return check;
        }
        if (check == PF_CHECK_WAIT && result == PF_CHECK_OK) {
            *missing = g_steal_pointer(&what);
            result = check;
        }
    }
    return result;
}

gboolean
pf_change_claim_names(const PfChange *change, GHashTable *names)
{
    for (guint i = 0; i < change->ops->len; i++) {
        const struct pf_op *op = change->ops->pdata[i];

        if (op->name && g_hash_table_contains(names, op->name)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < change->ops->len; i++) {
        const struct pf_op *op = change->ops->pdata[i];

        if (op->name) {
            g_hash_table_add(names, op->name);
        }
    }
    return TRUE;
}

char *
pf_change_describe(const PfChange *change)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < change->ops->len; i++) {
        const struct pf_op *op = change->ops->pdata[i];
        g_autofree char *name = g_strdup_printf("port '%s'", op->name);

        if (op->name && !strstr(s->str, name)) {
            g_string_append_printf(s, "%s%s", s->len ? ", " : "", name);
        }
    }
    if (!s->len && change->name) {
        g_string_append_printf(s, "rows of port '%s'", change->name);
    } else if (!s->len) {
        g_string_append(s, change->ops->len ? "rows of extensions"
                                            : "no port");
    }
    return g_string_free(s, FALSE);
}
