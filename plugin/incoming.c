/* SPDX-License-Identifier: Apache-2.0
 *
 * incoming: the ports that a domain's XML asks for.  See incoming.h.
 */
#include <config.h>

#include "plugin/incoming.h"

#include <string.h>

#include "plugin/codec.h"
#include "plugin/extension.h"
#include "plugin/problems.h"

/* ---- What an unstamped guest's XML says --------------------------------- */

/* The image that libvirt's add-port would make of 'vlan' (may be NULL),
 * floating: virNetDevOpenvswitchConstructVlans() of libvirt 9. */
static GVariant *
policies_of_vlan(const PfNetVlan *vlan)
{
    GVariantDict port, all;

    g_variant_dict_init(&port, NULL);
    if (vlan && vlan->native_tag >= 0) {
        g_variant_dict_insert(&port, "vlan_mode", "s",
                              vlan->native_untagged ? "native-untagged"
                                                    : "native-tagged");
        g_variant_dict_insert(&port, "tag", "x", (gint64) vlan->native_tag);
    }
    if (vlan && vlan->trunk) {
        GVariantBuilder trunks;

        g_variant_builder_init(&trunks, G_VARIANT_TYPE("av"));
        for (guint i = 0; i < vlan->tags->len; i++) {
            gint64 vid = g_array_index(vlan->tags, guint16, i);
            g_variant_builder_add(&trunks, "v", g_variant_new_int64(vid));
        }
        g_variant_dict_insert_value(&port, "trunks",
                                    g_variant_builder_end(&trunks));
    } else if (vlan && vlan->tags->len) {
        g_variant_dict_insert(&port, "tag", "x", (gint64)
                              g_array_index(vlan->tags, guint16, 0));
    }
    g_variant_dict_init(&all, NULL);
    g_variant_dict_insert_value(&all, "port", g_variant_dict_end(&port));
    return g_variant_dict_end(&all);
}

/* ---- A NIC -------------------------------------------------------------- */

/* libvirt drops names of these beginnings from XML (domain_conf.c). */
static gboolean
name_is_libvirts(const char *name)
{
    return (g_str_has_prefix(name, "vnet")
            || g_str_has_prefix(name, "macvtap")
            || g_str_has_prefix(name, "macvlan"));
}

/* The name that the port keeps from here on. */
static char *
port_name(const PfNic *nic, const PfStampPort *stamped)
{
    const char *name = stamped ? stamped->name : nic->target;
    g_auto(GStrv) digits = g_strsplit(nic->mac, ":", -1);
    g_autofree char *hex = g_strjoinv("", digits);

    return name && !name_is_libvirts(name) ? g_strdup(name)
                                           : g_strconcat("pf", hex, NULL);
}

static gboolean
refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
refuse(GError **error, const char *format, ...)
{
    g_autofree char *raw = NULL;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    raw = g_strdup_vprintf(format, args);
    va_end(args);
    /* Names in the XML may have line breaks. */
    text = pf_problems_clean(raw);
    g_set_error_literal(error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_REFUSED,
                        text);
    return FALSE;
}

static gboolean
read_policies(PfMigrationPort *port, const PfNic *nic,
              const PfStampPort *stamped, const PfNetwork *network,
              GError **error)
{
    if (!stamped) {
        const PfNetVlan *vlan = nic->vlan
            ? nic->vlan : pf_network_vlan(network, nic->portgroup);

        pf_port_states_set(port->states, "port", 1, policies_of_vlan(vlan));
        return TRUE;
    }
    for (guint i = 0; i < stamped->extensions->len; i++) {
        const PfStampExtension *se = stamped->extensions->pdata[i];
        g_autoptr(GError) reason = NULL;
        gint64 ofport;

        if (!pf_port_states_set_stamped(port->states, se->name, se->version,
                                        se->text, &reason)) {
            return refuse(error, "NIC %s: stamp: extension '%s': %s",
                          nic->mac, se->name, reason->message);
        }
        g_autoptr(GVariant) iface = pf_codec_dict(
            pf_port_states_find(port->states, se->name)->policies,
            "interface");
        if (!strcmp(se->name, "port") && iface
            && pf_codec_integer(iface, "ofport", &ofport)
            && ofport > 0 && ofport < 0xff00) {
            port->wish = ofport;
        }
    }
    /* Without it the port would have no tag: every VLAN. */
    return (pf_port_states_find(port->states, "port")
            || refuse(error, "NIC %s: its stamp says nothing of its VLANs "
                      "(extension 'port'): see why in portferryd's log on the "
                      "source, and migrate again", nic->mac));
}

/* Adds the port of 'nic', if its network 'name' is one of ours, to 'm', and
 * what the filter has to change to 'changes'.  FALSE refuses the migration. */
static gboolean
add_nic(PfAgent *agent, PfMigration *m, const PfDomain *domain,
        const PfNic *nic, const char *name, GPtrArray *changes,
        GError **error)
{
    PfAgentNetwork *an = name && nic->mac
        ? g_hash_table_lookup(agent->networks, name) : NULL;
    const PfStampPort *stamped = domain->stamp && nic->mac
        ? pf_stamp_port(domain->stamp, nic->mac) : NULL;

    if (an && an->claims_managed) {
        return refuse(error, "NIC %s: network '%s' on this host: %s",
                      nic->mac, name, an->error);
    }
    if (!an || !an->network || !an->network->managed) {
        return !stamped || refuse(
            error, "NIC %s: its port is managed on the source, network '%s' "
            "on this host is not: add <portferry:migration> to the network's "
            "<metadata> here", nic->mac,
            name ? name : "(none)");
    }

    const PfNetwork *network = an->network;
    if (!stamped && !network->unstamped_allowed) {
        return refuse(error, "NIC %s: it carries no stamp, and network '%s' "
                      "refuses that (<portferry:unstamped> in its XML): is "
                      "portferryd running on the source?", nic->mac, name);
    }

    g_autofree char *target = port_name(nic, stamped);
    const char *iface_id = stamped && stamped->iface_id ? stamped->iface_id
                                                        : nic->iface_id;
    PfMigrationPort *port = pf_migration_add_port(
        m, nic->mac, target, network->bridge, name, iface_id);

    port->mtu = nic->mtu;
    m->hook_timeout_ms = MAX(m->hook_timeout_ms, network->hook_timeout_ms);
    m->check_timeout_ms = MAX(m->check_timeout_ms,
                              network->validation_timeout_ms);
    if (changes) {
        g_ptr_array_add(changes,
                        pf_nic_change_new(nic->mac, target, iface_id));
    }
    return read_policies(port, nic, stamped, network, error);
}

PfMigration *
pf_incoming_read(PfAgent *agent, const PfDomain *domain, const char *network,
                 GPtrArray *changes, GError **error)
{
    PfMigration *m = pf_migration_new(agent, PF_ROLE_DESTINATION,
                                      domain->name, domain->uuid);
    g_autoptr(GString) problems = g_string_new(NULL);

    m->hook_timeout_ms = m->check_timeout_ms = 0;
    m->epoch = domain->stamp ? g_strdup(domain->stamp->epoch) : NULL;
    for (guint i = 0; i < domain->nics->len; i++) {
        const PfNic *nic = domain->nics->pdata[i];
        g_autoptr(GError) reason = NULL;

        if (!add_nic(agent, m, domain, nic,
                     network && nic->network ? network : nic->network,
                     changes, &reason)) {
            g_string_append_printf(problems, "%s%s", problems->len ? "; " : "",
                                   reason->message);
        }
    }
    if (problems->len) {
        refuse(error, "%s", problems->str);
        pf_migration_unref(m);
        return NULL;
    }
    return m;
}
