/* SPDX-License-Identifier: Apache-2.0
 *
 * source-private: what the files of the source's requests share.
 *
 *   source.c       requests 7 to 10, their undoing, the end
 *   source-save.c  what the guest takes with it: request 6 and PortData
 */
#ifndef PF_SOURCE_PRIVATE_H
#define PF_SOURCE_PRIVATE_H 1

#include "plugin/migration.h"

/* Whether the port is as it was before the switchover: the guest's, and no
 * carrier. */
gboolean pf_source_is_original(const PfPort *row);

/* Asks every extension for its policies and writes PortData 'precopy'.  An
 * extension that fails leaves the policies of the stamp. */
void pf_source_precopy(PfMigration *);
/* Request 6: asks every extension for what it saves, and writes PortData
 * 'saved'. */
void pf_source_nic_save(PfMigration *);
/* PortData says from now on that the source's port is gone. */
void pf_source_mark_deleted(PfMigration *);
/* What libvirt may still take along after an undoing that keeps request 6:
 * what was saved, but no longer that the port was gone.  NULL: nothing; the
 * text is the caller's. */
char *pf_source_kept_portdata(PfMigration *);

#endif
