/* SPDX-License-Identifier: Apache-2.0
 *
 * hypervisor-session: connections to libvirt, and the calls over them.
 *
 * A session has three connections, so that no call holds up one that matters
 * more:
 *
 *   - 'guests': the one that was asked for.
 *   - 'stamps': a second one to the same place.  virDomainSetMetadata() hangs
 *     for 30 seconds while a migration runs, and a daemon serves only five
 *     calls of a client at a time.
 *   - 'networks': straight to the network driver.  virtqemud would pass our
 *     calls on to virtnetworkd, but never notices when that one restarts, and
 *     then neither would we.  (libvirtd serves it like any other.)  Where
 *     that cannot be opened, 'guests' serves networks too.
 *
 * Whichever breaks ends the session.  libvirt's test driver, which lives in
 * this process, has one for all three.
 */
#include <config.h>
#include "hypervisor-session.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libvirt-glib/libvirt-glib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "stamp.h"

VLOG_DEFINE_THIS_MODULE(pf_hv_session);

/* A daemon that says nothing for this long is taken for dead. */
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3

typedef virDomain PfVirDomain;
typedef virNetwork PfVirNetwork;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfVirDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfVirNetwork, virNetworkFree)

/* What libvirt's callbacks get.  Each registration with libvirt has a
 * reference, which goes when libvirt will not call it any more. */
struct listener {
    const PfHvSessionEvents *events;
    gpointer user;
};

struct PfHvSession {
    gint refs;                  /* Atomic. */
    struct listener *listener;
    virConnectPtr guests;
    virConnectPtr stamps;
    virConnectPtr networks;
    GArray *domain_callbacks;   /* int, on 'guests'. */
    GArray *network_callbacks;  /* int, on 'networks'. */
};

/* Errors. */

/* Takes the place of libvirt's own habit of printing every error to stderr.
 * An error that matters is logged by whoever made the call. */
static void
log_error(void *user G_GNUC_UNUSED, virErrorPtr error)
{
    VLOG_DBG("libvirt: %s", error->message);
}

void
pf_hv_session_init(void)
{
    virInitialize();
    virSetErrorFunc(NULL, log_error);
    gvir_event_register();
}

/* Turns this thread's last libvirt error into a GError that begins with
 * 'format', printed.  'conn', if not NULL, is where it happened. */
static void G_GNUC_PRINTF(3, 4)
set_error(GError **error, virConnectPtr conn, const char *format, ...)
{
    virErrorPtr last = virSaveLastError();
    int code = last ? last->code : VIR_ERR_OK;
    g_autofree char *what = NULL;
    PfHypervisorError kind;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);

    if (code == VIR_ERR_NO_DOMAIN) {
        kind = PF_HYPERVISOR_ERROR_NO_GUEST;
    } else if (code == VIR_ERR_OPERATION_TIMEOUT) {
        kind = PF_HYPERVISOR_ERROR_BUSY;
    } else if (!conn || virConnectIsAlive(conn) != 1) {
        kind = PF_HYPERVISOR_ERROR_CONNECTION;
    } else {
        kind = PF_HYPERVISOR_ERROR_LIBVIRT;
    }
    g_set_error(error, PF_HYPERVISOR_ERROR, kind, "%s: %s", what,
                last && last->message ? last->message : "no reason given");
    virFreeError(last);
}

/* Events. */

static void
listener_finish(gpointer listener_)
{
    struct listener *listener = listener_;

    listener->events->finished(listener->user);
}

static void
listener_unref(void *listener)
{
    g_atomic_rc_box_release_full(listener, listener_finish);
}

static void
on_close(virConnectPtr conn G_GNUC_UNUSED, int reason, void *listener_)
{
    static const char *const reasons[] = {
        [VIR_CONNECT_CLOSE_REASON_ERROR] = "an input or output error",
        [VIR_CONNECT_CLOSE_REASON_EOF] = "libvirt closed the connection",
        [VIR_CONNECT_CLOSE_REASON_KEEPALIVE] =
            "libvirt does not answer keep-alive messages",
        [VIR_CONNECT_CLOSE_REASON_CLIENT] = "closed here",
    };
    struct listener *listener = listener_;

    listener->events->closed(listener->user,
                             reason >= 0 && reason < G_N_ELEMENTS(reasons)
                             ? reasons[reason] : "for an unknown reason");
}

static void
tell_guest(struct listener *listener, virDomainPtr domain,
           PfGuestEvent event, int detail)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (!virDomainGetUUIDString(domain, uuid)) {
        listener->events->guest(listener->user, uuid,
                                virDomainGetName(domain), event, detail);
    }
}

static int
on_lifecycle(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain, int event,
             int detail, void *listener)
{
    switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
        tell_guest(listener, domain, PF_GUEST_EV_STARTED, detail);
        break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
        tell_guest(listener, domain,
                   detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED
                   || detail == VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY
                   ? PF_GUEST_EV_SUSPENDED_MIGRATED : PF_GUEST_EV_SUSPENDED,
                   detail);
        break;
    case VIR_DOMAIN_EVENT_RESUMED:
        tell_guest(listener, domain, PF_GUEST_EV_RESUMED, detail);
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
        tell_guest(listener, domain,
                   detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED
                   ? PF_GUEST_EV_STOPPED_MIGRATED : PF_GUEST_EV_STOPPED,
                   detail);
        break;
    case VIR_DOMAIN_EVENT_CRASHED:
        /* Not an end: QEMU may be kept, or the guest restarted in it. */
        tell_guest(listener, domain, PF_GUEST_EV_CHANGED, detail);
        break;
    default:
        break;
    }
    return 0;
}

static void
on_iteration(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
             int iteration, void *listener)
{
    tell_guest(listener, domain, PF_GUEST_EV_ITERATION, iteration);
}

/* DEVICE_ADDED and DEVICE_REMOVED. */
static void
on_device(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
          const char *alias G_GNUC_UNUSED, void *listener)
{
    tell_guest(listener, domain, PF_GUEST_EV_CHANGED, 0);
}

/* METADATA_CHANGE: the guest may have another stamp now, or none. */
static void
on_metadata(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain, int type,
            const char *uri, void *listener)
{
    if (type == VIR_DOMAIN_METADATA_ELEMENT && !g_strcmp0(uri, PF_DOMAIN_NS)) {
        tell_guest(listener, domain, PF_GUEST_EV_CHANGED, 0);
    }
}

static void
on_network(virConnectPtr conn G_GNUC_UNUSED,
           virNetworkPtr network G_GNUC_UNUSED, int event G_GNUC_UNUSED,
           int detail G_GNUC_UNUSED, void *listener_)
{
    struct listener *listener = listener_;

    listener->events->networks(listener->user);
}

#if LIBVIR_CHECK_VERSION(9, 8, 0)
static void
on_network_metadata(virConnectPtr conn G_GNUC_UNUSED,
                    virNetworkPtr network G_GNUC_UNUSED,
                    int type G_GNUC_UNUSED, const char *uri G_GNUC_UNUSED,
                    void *listener_)
{
    struct listener *listener = listener_;

    listener->events->networks(listener->user);
}
#endif

/* A pointer to a function of any type, as libvirt wants it. */
#define DOMAIN_CALLBACK(FUNCTION) \
    ((virConnectDomainEventGenericCallback) (void (*)(void)) (FUNCTION))
#define NETWORK_CALLBACK(FUNCTION) \
    ((virConnectNetworkEventGenericCallback) (void (*)(void)) (FUNCTION))

static gboolean
listen_to_domains(PfHvSession *session, const char *uri, GError **error)
{
    const struct {
        int id;
        virConnectDomainEventGenericCallback callback;
    } events[] = {
        { VIR_DOMAIN_EVENT_ID_LIFECYCLE, DOMAIN_CALLBACK(on_lifecycle) },
        { VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
          DOMAIN_CALLBACK(on_iteration) },
        { VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, DOMAIN_CALLBACK(on_device) },
        { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, DOMAIN_CALLBACK(on_device) },
        { VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, DOMAIN_CALLBACK(on_metadata) },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        struct listener *listener = g_atomic_rc_box_acquire(session->listener);
        int id = virConnectDomainEventRegisterAny(
            session->guests, NULL, events[i].id, events[i].callback, listener,
            listener_unref);

        if (id < 0) {
            listener_unref(listener);
            set_error(error, session->guests,
                      "cannot listen to domain event %d of libvirt at %s",
                      events[i].id, uri);
            return FALSE;
        }
        g_array_append_val(session->domain_callbacks, id);
    }
    return TRUE;
}

/* A daemon older than this library may not know the events that are not
 * required: then definitions and starts are all that we hear of. */
static gboolean
listen_to_networks(PfHvSession *session, const char *uri, GError **error)
{
    const struct {
        int id;
        virConnectNetworkEventGenericCallback callback;
        gboolean required;
    } events[] = {
        { VIR_NETWORK_EVENT_ID_LIFECYCLE, NETWORK_CALLBACK(on_network), TRUE },
#if LIBVIR_CHECK_VERSION(9, 8, 0)
        { VIR_NETWORK_EVENT_ID_METADATA_CHANGE,
          NETWORK_CALLBACK(on_network_metadata), FALSE },
#endif
    };

    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        struct listener *listener = g_atomic_rc_box_acquire(session->listener);
        int id = virConnectNetworkEventRegisterAny(
            session->networks, NULL, events[i].id, events[i].callback,
            listener, listener_unref);

        if (id >= 0) {
            g_array_append_val(session->network_callbacks, id);
            continue;
        }
        listener_unref(listener);
        if (events[i].required) {
            set_error(error, session->networks,
                      "cannot listen to network events of libvirt at %s "
                      "(is its network driver installed?)", uri);
            return FALSE;
        }
    }
    return TRUE;
}

/* Opening and closing. */

/* Whether 'uri' names 'driver' without a transport: then it is on this host,
 * served by a daemon. */
static gboolean
uri_is_local(const char *uri, const char *driver)
{
    g_autofree char *prefix = g_strconcat(driver, ":///", NULL);

    return g_str_has_prefix(uri, prefix);
}

/* Returns a connection that will notice when the daemon is gone. */
static virConnectPtr
open_connection(const char *uri, struct listener *listener, GError **error)
{
    virConnectPtr conn = virConnectOpen(uri);
    virErrorPtr last;

    if (!conn) {
        set_error(error, NULL, "cannot connect to libvirt at %s", uri);
        return NULL;
    }

    if (virConnectSetKeepAlive(conn, KEEPALIVE_INTERVAL_S,
                               KEEPALIVE_COUNT) < 0) {
        last = virGetLastError();
        if (last && last->code == VIR_ERR_NO_SUPPORT) {
            /* A driver inside this process.  It cannot be lost, and would
             * never give the callback's reference back. */
            return conn;
        }
        set_error(error, conn, "cannot ask libvirt at %s for keep-alive "
                  "messages", uri);
        virConnectClose(conn);
        return NULL;
    }

    if (virConnectRegisterCloseCallback(conn, on_close,
                                        g_atomic_rc_box_acquire(listener),
                                        listener_unref) < 0) {
        listener_unref(listener);
        set_error(error, conn, "cannot watch the connection to libvirt at %s",
                  uri);
        virConnectClose(conn);
        return NULL;
    }
    return conn;
}

/* Fails where none was registered or it has been called already: nothing that
 * matters. */
static void
close_connection(virConnectPtr conn)
{
    if (conn) {
        virConnectUnregisterCloseCallback(conn, on_close);
        virConnectClose(conn);
    }
}

/* Takes another reference to 'conn', to be closed like a connection. */
static virConnectPtr
share_connection(virConnectPtr conn)
{
    virConnectRef(conn);
    return conn;
}

/* A failure to deregister, on a connection that is dead, is no failure: the
 * callback is gone on this side. */
static gpointer
close_session(gpointer session_)
{
    PfHvSession *session = session_;
    guint i;

    for (i = 0; i < session->domain_callbacks->len; i++) {
        virConnectDomainEventDeregisterAny(
            session->guests, g_array_index(session->domain_callbacks, int, i));
    }
    for (i = 0; i < session->network_callbacks->len; i++) {
        virConnectNetworkEventDeregisterAny(
            session->networks,
            g_array_index(session->network_callbacks, int, i));
    }
    close_connection(session->networks);
    close_connection(session->stamps);
    close_connection(session->guests);
    g_array_unref(session->domain_callbacks);
    g_array_unref(session->network_callbacks);
    listener_unref(session->listener);
    g_free(session);
    return NULL;
}

static gboolean
open_connections(PfHvSession *session, const char *uri, GError **error)
{
    session->guests = open_connection(uri, session->listener, error);
    if (!session->guests) {
        return FALSE;
    }

    if (!uri_is_local(uri, "qemu")) {
        session->stamps = share_connection(session->guests);
        session->networks = share_connection(session->guests);
    } else {
        g_autofree char *direct = g_strconcat("network",
                                              uri + strlen("qemu"), NULL);

        session->stamps = open_connection(uri, session->listener, error);
        if (!session->stamps) {
            return FALSE;
        }
        session->networks = open_connection(direct, session->listener, NULL);
        if (!session->networks) {
            session->networks = share_connection(session->guests);
        }
    }
    return (listen_to_domains(session, uri, error)
            && listen_to_networks(session, uri, error));
}

PfHvSession *
pf_hv_session_open(const char *uri, const PfHvSessionEvents *events,
                   gpointer user, GError **error)
{
    PfHvSession *session = g_new0(PfHvSession, 1);

    session->refs = 1;
    session->listener = g_atomic_rc_box_new0(struct listener);
    session->listener->events = events;
    session->listener->user = user;
    session->domain_callbacks = g_array_new(FALSE, FALSE, sizeof(int));
    session->network_callbacks = g_array_new(FALSE, FALSE, sizeof(int));
    if (!open_connections(session, uri, error)) {
        close_session(session);
        return NULL;
    }
    return session;
}

PfHvSession *
pf_hv_session_ref(PfHvSession *session)
{
    g_atomic_int_inc(&session->refs);
    return session;
}

void
pf_hv_session_unref(PfHvSession *session)
{
    if (g_atomic_int_dec_and_test(&session->refs)) {
        g_thread_unref(g_thread_new("pf-hv-close", close_session, session));
    }
}

/* Networks. */

/* Returns the persistent XML of 'network', or the active XML of one that has
 * none, or of a driver that does not tell the two apart. */
static char *
network_xml(virNetworkPtr network)
{
    char *xml = virNetworkGetXMLDesc(network, VIR_NETWORK_XML_INACTIVE);

    return xml ? xml : virNetworkGetXMLDesc(network, 0);
}

/* Adds 'network' to the arrays, unless it has just gone. */
static gboolean
add_network(PfHvSession *session, virNetworkPtr network, GPtrArray *names,
            GPtrArray *xmls, GError **error)
{
    char *xml = network_xml(network);

    if (!xml) {
        virErrorPtr last = virGetLastError();

        if (last && last->code == VIR_ERR_NO_NETWORK) {
            return TRUE;
        }
        set_error(error, session->networks,
                  "cannot read the XML of network '%s'",
                  virNetworkGetName(network));
        return FALSE;
    }
    g_ptr_array_add(names, g_strdup(virNetworkGetName(network)));
    g_ptr_array_add(xmls, xml);
    return TRUE;
}

gboolean
pf_hv_session_networks(PfHvSession *session, GPtrArray **names_,
                       GPtrArray **xmls_, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) xmls = g_ptr_array_new_with_free_func(g_free);
    virNetworkPtr *networks = NULL;
    gboolean ok = TRUE;
    int n;

    n = virConnectListAllNetworks(session->networks, &networks, 0);
    if (n < 0) {
        set_error(error, session->networks,
                  "cannot list the networks of libvirt");
        return FALSE;
    }
    for (int i = 0; i < n; i++) {
        g_autoptr(PfVirNetwork) network = networks[i];

        ok = ok && add_network(session, network, names, xmls, error);
    }
    free(networks);
    if (ok) {
        *names_ = g_steal_pointer(&names);
        *xmls_ = g_steal_pointer(&xmls);
    }
    return ok;
}

/* Domains. */

GPtrArray *
pf_hv_session_guests(PfHvSession *session, GError **error)
{
    g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
    virDomainPtr *domains = NULL;
    int n;

    n = virConnectListAllDomains(session->guests, &domains,
                                 VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (n < 0) {
        set_error(error, session->guests,
                  "cannot list the active domains of libvirt");
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        g_autoptr(PfVirDomain) domain = domains[i];
        char uuid[VIR_UUID_STRING_BUFLEN];

        if (!virDomainGetUUIDString(domain, uuid)) {
            g_ptr_array_add(uuids, g_strdup(uuid));
        }
    }
    free(domains);
    return g_steal_pointer(&uuids);
}

static PfGuestState
guest_state(int state, int reason)
{
    switch (state) {
    case VIR_DOMAIN_SHUTOFF:
        return PF_GUEST_GONE;
    case VIR_DOMAIN_PAUSED:
        return (reason == VIR_DOMAIN_PAUSED_MIGRATION
                || reason == VIR_DOMAIN_PAUSED_STARTING_UP
                ? PF_GUEST_INCOMING : PF_GUEST_PAUSED);
    case VIR_DOMAIN_SHUTDOWN:
    case VIR_DOMAIN_CRASHED:
    case VIR_DOMAIN_PMSUSPENDED:
        return PF_GUEST_PAUSED;
    default:
        return PF_GUEST_RUNNING;
    }
}

/* Reads state and XML of an active domain.  The state comes last: if the
 * domain has ended by then, the XML may be that of its configuration.  Returns
 * FALSE with libvirt's error for this thread set. */
static gboolean
read_domain(virDomainPtr domain, PfGuestState *state, char **name, char **xml)
{
    char *live = virDomainGetXMLDesc(domain, 0);
    int number, reason;

    if (!live || virDomainGetState(domain, &number, &reason, 0) < 0) {
        free(live);
        return FALSE;
    }
    *state = guest_state(number, reason);
    if (*state == PF_GUEST_GONE) {
        free(live);
    } else {
        *name = g_strdup(virDomainGetName(domain));
        *xml = live;
    }
    return TRUE;
}

gboolean
pf_hv_session_guest(PfHvSession *session, const char *uuid,
                    PfGuestState *state, char **name, char **xml,
                    GError **error)
{
    g_autoptr(PfVirDomain) domain = NULL;
    virErrorPtr last;

    *state = PF_GUEST_GONE;
    *name = *xml = NULL;
    domain = virDomainLookupByUUIDString(session->guests, uuid);
    if (domain && virDomainGetID(domain) == (unsigned int) -1) {
        return TRUE;
    }
    if (domain && read_domain(domain, state, name, xml)) {
        return TRUE;
    }
    last = virGetLastError();
    if (last && last->code == VIR_ERR_NO_DOMAIN) {
        return TRUE;
    }
    set_error(error, session->guests,
              "cannot read the state and XML of domain %s", uuid);
    return FALSE;
}

/* What the job is that the parameters describe.  One that does not say is
 * taken for a migration. */
static PfGuestJob
job_of_operation(virTypedParameterPtr params, int n)
{
    int operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;

    virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
    switch (operation) {
    case VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT:
        return PF_JOB_MIGRATION_OUT;
    case VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN:
        return PF_JOB_MIGRATION_IN;
    case VIR_DOMAIN_JOB_OPERATION_UNKNOWN:
        return PF_JOB_MIGRATION;
    default:
        return PF_JOB_NONE;
    }
}

/* pf_hv_session_job() for a domain in hand. */
static PfGuestJob
domain_job(virDomainPtr domain, const char *uuid, GError **error)
{
    virTypedParameterPtr params = NULL;
    virErrorPtr last;
    int type = VIR_DOMAIN_JOB_NONE;
    PfGuestJob job;
    int n = 0;

    if (virDomainGetID(domain) == (unsigned int) -1) {
        return PF_JOB_NO_GUEST;
    }
    if (!virDomainGetJobStats(domain, &type, &params, &n, 0)) {
        /* A job that is completed, but still there, waits for the other
         * host: it is not over. */
        job = (type == VIR_DOMAIN_JOB_NONE ? PF_JOB_NONE
               : job_of_operation(params, n));
        virTypedParamsFree(params, n);
        return job;
    }

    last = virGetLastError();
    switch (last ? last->code : VIR_ERR_OK) {
    case VIR_ERR_NO_DOMAIN:
        return PF_JOB_NO_GUEST;
    case VIR_ERR_NO_SUPPORT:    /* The driver has no jobs. */
        return PF_JOB_NONE;
    case VIR_ERR_OPERATION_UNSUPPORTED:
        return PF_JOB_MIGRATION_IN; /* Only the source tells. */
    case VIR_ERR_OPERATION_INVALID:
        if (!virDomainIsActive(domain)) {
            return PF_JOB_NO_GUEST;
        }
        /* Fall through. */
    default:
        set_error(error, virDomainGetConnect(domain),
                  "cannot ask for the job of domain %s", uuid);
        return PF_JOB_UNKNOWN;
    }
}

PfGuestJob
pf_hv_session_job(PfHvSession *session, const char *uuid, GError **error)
{
    g_autoptr(PfVirDomain) domain = NULL;
    virErrorPtr last;

    domain = virDomainLookupByUUIDString(session->guests, uuid);
    if (domain) {
        return domain_job(domain, uuid, error);
    }
    last = virGetLastError();
    if (last && last->code == VIR_ERR_NO_DOMAIN) {
        return PF_JOB_NO_GUEST;
    }
    set_error(error, session->guests, "cannot look up domain %s", uuid);
    return PF_JOB_UNKNOWN;
}

gboolean
pf_hv_session_stamp(PfHvSession *session, const char *uuid, const char *stamp,
                    GError **error)
{
    const char *verb = stamp ? "write" : "remove";
    g_autoptr(PfVirDomain) domain = NULL;

    domain = virDomainLookupByUUIDString(session->stamps, uuid);
    if (!domain) {
        set_error(error, session->stamps,
                  "cannot %s the stamp of domain %s", verb, uuid);
        return FALSE;
    }
    if (virDomainGetID(domain) == (unsigned int) -1) {
        g_set_error(error, PF_HYPERVISOR_ERROR, PF_HYPERVISOR_ERROR_NO_GUEST,
                    "cannot %s the stamp of domain %s: it is not running",
                    verb, uuid);
        return FALSE;
    }
    /* Saves the 30 seconds in which libvirt would wait for the job. */
    if (domain_job(domain, uuid, NULL) > PF_JOB_NONE) {
        g_set_error(error, PF_HYPERVISOR_ERROR, PF_HYPERVISOR_ERROR_BUSY,
                    "cannot %s the stamp of domain %s: it is migrating", verb,
                    uuid);
        return FALSE;
    }
    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, stamp,
                             PF_DOMAIN_NS_PREFIX, PF_DOMAIN_NS,
                             VIR_DOMAIN_AFFECT_LIVE) < 0) {
        set_error(error, session->stamps,
                  "cannot %s the stamp of domain %s", verb, uuid);
        return FALSE;
    }
    return TRUE;
}

gboolean
pf_hv_session_abort(PfHvSession *session, const char *uuid, GError **error)
{
    g_autoptr(PfVirDomain) domain = NULL;

    domain = virDomainLookupByUUIDString(session->guests, uuid);
    if (!domain || virDomainAbortJob(domain) < 0) {
        set_error(error, session->guests,
                  "cannot abort the migration of domain %s", uuid);
        return FALSE;
    }
    return TRUE;
}
