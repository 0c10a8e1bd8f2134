/* SPDX-License-Identifier: Apache-2.0
 *
 * hypervisor-session: connections to libvirt, and the calls over them.
 *
 * One session is what lies between a successful connect and the loss of the
 * connection.  Except where a comment says otherwise, everything here blocks,
 * for as long as libvirt likes, and belongs on threads that may wait:
 * hypervisor.c has them, and knows when to open a session and what to ask.
 *
 * A daemon serves five calls of one client at a time, and with five under way
 * it does not even answer keep-alive messages: no more than four calls may be
 * made at the same time.  Those of pf_hv_session_stamp(), which has a
 * connection of its own, are counted apart from the others.
 */
#ifndef PF_HYPERVISOR_SESSION_H
#define PF_HYPERVISOR_SESSION_H 1

#include <glib.h>
#include "hypervisor.h"

typedef struct PfHvSession PfHvSession;

/* What a session tells without being asked. */
typedef struct {
    /* The connection is lost.  Called in any thread. */
    void (*closed)(gpointer user, const char *reason);
    /* A domain event.  Called from the default GLib main context, as is the
     * next; neither may call anything of this part that blocks. */
    void (*guest)(gpointer user, const char *uuid, const char *name,
                  PfGuestEvent event, int detail);
    /* A network came, went or changed. */
    void (*networks)(gpointer user);
    /* None of the above will be called any more.  Called in any thread. */
    void (*finished)(gpointer user);
} PfHvSessionEvents;

/* Once in the process, before the first session; does not block.  libvirt's
 * events take the default GLib main context from now on. */
void pf_hv_session_init(void);

/* Connects to 'uri' and listens to events; some may be told before this
 * returns.  'events->finished' is called exactly once, also after a failure,
 * for which NULL is returned with '*error' set. */
PfHvSession *pf_hv_session_open(const char *uri,
                                const PfHvSessionEvents *events,
                                gpointer user, GError **error);
PfHvSession *pf_hv_session_ref(PfHvSession *);
/* Never blocks: the last one closes the connections on another thread. */
void pf_hv_session_unref(PfHvSession *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfHvSession, pf_hv_session_unref)

/* Errors of all that follows are of domain PF_HYPERVISOR_ERROR. */

/* Every network's name and XML (char *, parallel), the persistent XML where
 * there is one. */
gboolean pf_hv_session_networks(PfHvSession *, GPtrArray **names,
                                GPtrArray **xmls, GError **error);

/* The UUIDs (char *) of the active domains, or NULL on failure. */
GPtrArray *pf_hv_session_guests(PfHvSession *, GError **error);

/* State, and unless that is PF_GUEST_GONE the name and the live XML, of domain
 * 'uuid'. */
gboolean pf_hv_session_guest(PfHvSession *, const char *uuid,
                             PfGuestState *state, char **name, char **xml,
                             GError **error);

/* See pf_hypervisor_job(); PF_JOB_UNKNOWN with '*error' set on failure. */
PfGuestJob pf_hv_session_job(PfHvSession *, const char *uuid, GError **error);

/* See pf_hypervisor_stamp(). */
gboolean pf_hv_session_stamp(PfHvSession *, const char *uuid,
                             const char *stamp, GError **error);

/* See pf_hypervisor_abort(). */
gboolean pf_hv_session_abort(PfHvSession *, const char *uuid, GError **error);

#endif
