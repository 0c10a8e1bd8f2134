/* SPDX-License-Identifier: Apache-2.0
 *
 * migration: one migration that this host takes part in.
 *
 * Joins the state machine (machine.h) with the parts that do things: it feeds
 * events in, has the requests that come out carried out (source*.c,
 * destination.c), collects what they came to, writes the journal and the
 * trace, and answers the hook that waits.  Internal to the agent.
 */
#ifndef PF_MIGRATION_H
#define PF_MIGRATION_H 1

#include <glib.h>

#include "plugin/agent-private.h"
#include "plugin/call.h"
#include "plugin/extension.h"
#include "plugin/journal.h"
#include "plugin/machine.h"
#include "plugin/port-state.h"
#include "plugin/portdata.h"
#include "plugin/switch.h"
#include "xml/domain.h"

/* One port of a migration. */
typedef struct {
    char *mac;
    char *name;                 /* Final name on this host. */
    char *bridge;               /* On this host. */
    char *network;              /* libvirt network. */
    char *iface_id;             /* or NULL: not known yet. */
    char *check_name;           /* Of the validation port. */
    guint mtu;                  /* From the XML; 0: not given. */
    guint ifindex;              /* Of the tap, once it is in; 0: unknown. */
    gint64 wish;                /* Destination: OpenFlow number to wish for;
                                 * 0: none. */
    gint64 ofport;              /* OpenFlow number here; 0: none yet. */
    PfPortStates *states;       /* What its extensions have said (source),
                                 * or what is in place (destination). */
    GVariant *undo;             /* Source: image for the way back. */
    guint done;                 /* PF_DID(PfRequest) that are in force. */
    gboolean quarantined;       /* Destination: its gate stays closed. */
} PfMigrationPort;

#define PF_DID(REQUEST) (1u << (REQUEST))

typedef struct PfMigration {
    PfAgent *agent;
    grefcount refs;
    PfMachine machine;
    PfRole role;
    PfJournalMigration *record; /* What the journal has. */
    GPtrArray *ports;           /* PfMigrationPort *. */
    GQueue events;              /* PfEvent as pointers, to be fed. */
    gboolean recovering;        /* The event being fed is RECOVER. */
    guint n_steps;              /* Steps written so far. */
    GPtrArray *steps;           /* Source: PfStep *, for PortData. */

    /* The request under way. */
    PfRequest request;
    guint pending;              /* Answers awaited. */
    gboolean extension_failed;  /* In this request, on the way out or back. */
    guint n_failures;           /* Such requests, one after the other. */
    gboolean request_failed;
    gboolean degraded_end;      /* FINISH is that of a degraded migration. */

    char *error;                /* The first thing that went wrong. */
    char *epoch;                /* Of the stamp; NULL: unstamped. */
    guint hook_timeout_ms;      /* From a hook's call to its answer. */
    guint check_timeout_ms;     /* The same for `migrate': requests 1 to 3. */
    gint64 deadline_ms;         /* time_msec() until which the requests of
                                 * this hook may take. */
    struct unixctl_conn *hook;  /* Waits for an answer, or NULL. */
    char *hook_reply;           /* Text of the answer, if accepted. */

    gboolean recovered;         /* Found in the journal at a start. */
    gboolean saved_before;      /* Source: PortData is what it was before. */
    char *mailbox;              /* Interface that has PortData: where the
                                 * source writes it, the destination reads
                                 * it.  NULL: not known yet. */
    gboolean mailbox_is_ours;   /* Destination: a Port made for it. */
    PfPortData *portdata;       /* Destination: as it came, valid only. */
    gboolean portdata_seen;
    gboolean degraded;          /* Not everything came, or came back. */

    gint64 expires_ms;          /* time_msec() for EXPIRED; 0: never. */
    gint64 retry_ms;            /* When to do 'retry'; 0: nothing. */
    PfRequest retry;
    gboolean look_asked;        /* The guest is being looked at, for us. */
    gboolean look_stale;        /* An event came since. */
    gint64 ask_job_ms;          /* When to ask for the job; 0: not. */
} PfMigration;

/* The deadline of requests that no hook waits for. */
#define PF_REQUEST_TIMEOUT_MS 5000
/* How often something is tried on the way out or back that an extension, and
 * not the switch, cannot do. */
#define PF_MAX_FAILURES 3

PfMigration *pf_migration_new(PfAgent *, PfRole, const char *domain,
                              const char *domain_uuid);
PfMigration *pf_migration_ref(PfMigration *);
void pf_migration_unref(PfMigration *);

/* The 'i'th port, as in the record. */
PfMigrationPort *pf_migration_port(const PfMigration *, guint i);
/* Adds a port; strings are copied. */
PfMigrationPort *pf_migration_add_port(PfMigration *, const char *mac,
                                       const char *name, const char *bridge,
                                       const char *network,
                                       const char *iface_id);

/* Queues 'event'; it is fed to the machine by pf_migration_run(). */
void pf_migration_event(PfMigration *, PfEvent event);
void pf_migration_run(PfMigration *);
void pf_migration_wait(PfMigration *);
gboolean pf_migration_is_over(const PfMigration *);

/* Writes the record, with the machine's state, to the journal.  'done' as in
 * pf_journal_put(). */
void pf_migration_journal(PfMigration *, guint timeout_ms, PfJournalDone done,
                          gpointer user);
/* Notes 'text' as the migration's error if it is the first. */
void pf_migration_error(PfMigration *, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* ---- For source*.c and destination.c ------------------------------------ */

/* A measured part of a request: a step of the trace once it is over. */
typedef struct PfPart PfPart;

/* Begins a part of the current request for 'port'; with 'extension' (NULL:
 * none) in its name.  Each must be ended. */
PfPart *pf_part_begin(PfMigration *, PfMigrationPort *port,
                      const char *request, const char *kind,
                      const char *extension);
/* Ends a part: writes its step.  With 'error', the request fails, unless
 * 'soft'. */
void pf_part_end(PfPart *, const GError *error);
void pf_part_end_detail(PfPart *, const char *result, const char *detail);
PfMigration *pf_part_migration(const PfPart *part);
/* The same as a callback: user is the PfPart. */
void pf_part_done(gpointer part, const GError *error);
/* Submits 'change', taking it over; the part ends with it. */
void pf_part_submit(PfPart *, PfChange *change);
/* Adds another part, that ends with 'part'. */
void pf_part_join(PfPart *part, PfPart *other);
/* What the step says if the part ends well and says nothing else. */
void pf_part_note(PfPart *part, const char *note);

/* Writes the source's steps, as they came with PortData, into the trace. */
void pf_migration_source_steps(PfMigration *, GPtrArray *steps);

/* Holds the request open, without a step; pf_migration_release() lets go. */
void pf_migration_hold(PfMigration *);
void pf_migration_release(PfMigration *, const GError *error);
/* As a callback of the switch, gates or journal. */
void pf_migration_released(gpointer migration, const GError *error);

/* An extension could not do its part of the way out or back: 'failed' is
 * noted.  The request fails, and is tried again, unless that was often
 * enough. */
void pf_migration_extension_failed(PfMigration *, const char *failed);

/* What an extension is told of 'port', as it is in the switch now. */
PfExtensionPort pf_migration_extension_port(PfMigration *,
                                            PfMigrationPort *port);
/* Tells the extensions of one port, or of every port, that something is so:
 * calls 'func', for which the request does not wait and which cannot fail. */
void pf_migration_tell_port(PfMigration *, PfMigrationPort *port,
                            PfCallFunc func, PfGuestRuns reason);
void pf_migration_tell(PfMigration *, PfCallFunc func, PfGuestRuns reason);
/* Deadline for the current request, and for an extension's part of it. */
guint pf_migration_timeout(const PfMigration *);
guint pf_migration_call_timeout(const PfMigration *);

/* Carry out 'request' for all ports; asynchronous parts are held. */
void pf_source_request(PfMigration *, PfRequest request);
void pf_destination_request(PfMigration *, PfRequest request);

/* The port's data in the journal, for recovery (JSON), and back. */
char *pf_migration_port_format(PfMigration *, PfMigrationPort *);
gboolean pf_migration_port_parse(PfMigration *, PfMigrationPort *,
                                 const char *text, GError **error);

#endif
