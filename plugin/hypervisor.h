/* SPDX-License-Identifier: Apache-2.0
 *
 * hypervisor: this host's libvirt.
 *
 * Behind it, only hypervisor-session.c includes libvirt's headers.  Events
 * arrive through libvirt-glib on the default GLib main context, in the main
 * thread; every call that may block runs on threads of this part's own, and
 * its answer comes back as a callback in the main thread.  So nothing here
 * ever blocks its caller, and nothing that a hook waits for may wait for an
 * answer from here.
 *
 * Reconnects by itself, for ever, with a back-off of 1 to 8 seconds.
 *
 * Every function belongs to the main thread, which owns the default main
 * context (pf_loop_init()).  No callback is called from within a function of
 * this part; a callback may call any of them, pf_hypervisor_free() included.
 */
#ifndef PF_HYPERVISOR_H
#define PF_HYPERVISOR_H 1

#include <glib.h>

#define PF_HYPERVISOR_ERROR pf_hypervisor_error_quark()
GQuark pf_hypervisor_error_quark(void);
typedef enum {
    PF_HYPERVISOR_ERROR_CONNECTION, /* None, or lost meanwhile. */
    PF_HYPERVISOR_ERROR_NO_GUEST,   /* Not active here, or not known. */
    PF_HYPERVISOR_ERROR_BUSY,       /* A migration or another job holds it. */
    PF_HYPERVISOR_ERROR_LIBVIRT,    /* Anything else that libvirt says. */
} PfHypervisorError;

typedef struct PfHypervisor PfHypervisor;

typedef enum {
    PF_GUEST_GONE,              /* Not active here, or not known at all. */
    PF_GUEST_RUNNING,
    PF_GUEST_PAUSED,            /* Any reason but the next. */
    PF_GUEST_INCOMING,          /* PAUSED, reason MIGRATION or STARTING_UP; see
                                 * below. */
} PfGuestState;
/* libvirt gives PAUSED the reason MIGRATION on both hosts.  On the destination
 * from the end of the preparation (QEMU listens) to the end of the migration;
 * before that, while QEMU starts and the hooks `prepare' and `start' run, the
 * reason is STARTING_UP.  On the source when the
 * migration, or anything else while it is under way, has stopped the guest,
 * and after a failure for as long as it is not resumed.  So who sees INCOMING
 * for a guest that his journal calls a source has a guest that stands still.
 * A guest that stopped for post-copy is PF_GUEST_PAUSED on the source. */

/* What a domain event means to us. */
typedef enum {
    PF_GUEST_EV_STARTED,        /* Lifecycle STARTED, any detail. */
    PF_GUEST_EV_ITERATION,      /* MIGRATION_ITERATION (source). */
    PF_GUEST_EV_SUSPENDED_MIGRATED, /* SUSPENDED, MIGRATED or POSTCOPY. */
    PF_GUEST_EV_SUSPENDED,      /* SUSPENDED, any other detail. */
    PF_GUEST_EV_RESUMED,        /* RESUMED, any detail. */
    PF_GUEST_EV_STOPPED_MIGRATED, /* STOPPED, detail MIGRATED. */
    PF_GUEST_EV_STOPPED,        /* STOPPED, any other detail. */
    PF_GUEST_EV_CHANGED,        /* A device came or went, XML differs; or
                                 * CRASHED, which is not an end: if QEMU ends,
                                 * STOPPED follows. */
} PfGuestEvent;
const char *pf_guest_event_name(PfGuestEvent);

typedef struct {
    /* Connected (again), or lost; an attempt that fails is only logged, see
     * pf_hypervisor_error().  After "connected", 'networks' and a 'guest' call
     * for every active domain follow, and one with GONE for each that was
     * active when the connection was lost and no longer is, then 'synced'. */
    void (*connection)(gpointer user, gboolean connected, const char *error);
    /* The networks, whole, after every change: names and XML, persistent XML
     * where there is one, else the active one.  Called in the main thread;
     * the arrays (char *, parallel) are the callee's only during the call. */
    void (*networks)(gpointer user, GPtrArray *names, GPtrArray *xmls);
    /* A domain's live XML (without secrets), after connecting, after STARTED,
     * RESUMED and CHANGED, and when asked for by pf_hypervisor_look().  It is
     * not older than the last event of the domain, but may overtake the next:
     * GONE may come shortly before STOPPED.  'name' and 'xml' are NULL if the
     * state is GONE. */
    void (*guest)(gpointer user, const char *uuid, const char *name,
                  PfGuestState state, const char *xml);
    void (*synced)(gpointer user);
    /* An event, at once as it arrives, also before 'synced'.  'detail' is
     * libvirt's number; of an iteration, which one it is. */
    void (*event)(gpointer user, const char *uuid, const char *name,
                  PfGuestEvent event, int detail);
} PfHypervisorCallbacks;

/* 'uri': "qemu:///system".  Starts to connect; returns at once.  Starts
 * threads: a daemon forks before.  The program ignores SIGPIPE. */
PfHypervisor *pf_hypervisor_new(const char *uri,
                                const PfHypervisorCallbacks *, gpointer user);
/* Nothing is called back any more.  Does not wait for calls under way. */
void pf_hypervisor_free(PfHypervisor *);
gboolean pf_hypervisor_is_connected(const PfHypervisor *);
/* Why there is no connection, or NULL. */
const char *pf_hypervisor_error(const PfHypervisor *);

/* Asks for domain 'uuid': the 'guest' callback follows (state GONE, xml NULL,
 * if it is not active here), after a reconnect if there is no connection.
 * Requests for one domain in flight coalesce. */
void pf_hypervisor_look(PfHypervisor *, const char *uuid);

/* Which job is active on a domain. */
typedef enum {
    PF_JOB_NO_GUEST = -2,       /* The domain is not active here. */
    PF_JOB_UNKNOWN,             /* Could not be asked. */
    PF_JOB_NONE,                /* None, or none that is a migration. */
    PF_JOB_MIGRATION_IN,
    PF_JOB_MIGRATION_OUT,
    PF_JOB_MIGRATION,           /* libvirt does not say which way. */
} PfGuestJob;
typedef void (*PfJobDone)(gpointer user, PfGuestJob);
/* Asks which job is active on 'uuid'. */
void pf_hypervisor_job(PfHypervisor *, const char *uuid, PfJobDone, gpointer);

/* Puts 'stamp' (xml/stamp.h; NULL: removes it) into the live metadata of
 * 'uuid'.  libvirt puts the element into PF_DOMAIN_NS and refuses one that
 * declares PF_DOMAIN_NS_PREFIX itself.  Not possible while a migration of the
 * guest runs: fails then (BUSY), mostly at once, but it may take 30 s, without
 * holding up anything else. */
typedef void (*PfStampDone)(gpointer user, const GError *error);
void pf_hypervisor_stamp(PfHypervisor *, const char *uuid, const char *stamp,
                         PfStampDone, gpointer user);

/* Asks libvirt to abort the migration of 'uuid' (virDomainAbortJob); best
 * effort, logged. */
void pf_hypervisor_abort(PfHypervisor *, const char *uuid);

#endif
