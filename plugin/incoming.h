/* SPDX-License-Identifier: Apache-2.0
 *
 * incoming: what a domain's XML says about the ports that its guest would have
 * on this host.
 *
 * From the stamp or, without one, from the XML itself; on this host's
 * networks.  Used when a guest migrates in, and by `portferry check'.
 */
#ifndef PF_INCOMING_H
#define PF_INCOMING_H 1

#include "plugin/agent-private.h"
#include "plugin/migration.h"

/* A migration (destination), not known to the agent yet, with a port for each
 * NIC of 'domain' on a managed network; it may have none.  With 'network' not
 * NULL, every NIC that is on a network is taken for one on that.  What the XML
 * must say instead is added to 'changes' (PfNicChange *, domain.h), if not
 * NULL.  NULL with '*error' set if the guest cannot come. */
PfMigration *pf_incoming_read(PfAgent *, const PfDomain *domain,
                              const char *network, GPtrArray *changes,
                              GError **error);

#endif
