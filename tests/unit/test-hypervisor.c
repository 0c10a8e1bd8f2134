/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/hypervisor.h against libvirt's test driver, which has a
 * running domain "test" and a network "default" in this process, shared by all
 * connections to test:///default; and against daemons that misbehave.
 */
#include <config.h>
#include "hypervisor.h"

#include <errno.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stamp.h"

#define URI "test:///default"
#define UNKNOWN_UUID "00000000-1111-2222-3333-444444444444"

/* What does not come in this time does not come. */
#define PATIENCE_MS 20000

static GThread *main_thread;

/* What has been called back, each as one line. */
struct fixture {
    PfHypervisor *hv;
    virConnectPtr conn;         /* Somebody else's. */
    virDomainPtr domain;        /* "test". */
    char uuid[VIR_UUID_STRING_BUFLEN];
    GPtrArray *log;
    char *xml;                  /* The last XML of a guest. */
    GHashTable *networks;       /* Name to XML, as of the last call. */
    gboolean free_on_connect;
};

static void G_GNUC_PRINTF(2, 3)
log_add(struct fixture *f, const char *format, ...)
{
    va_list args;

    g_assert_true(g_thread_self() == main_thread);
    va_start(args, format);
    g_ptr_array_add(f->log, g_strdup_vprintf(format, args));
    va_end(args);
}

static void
on_connection(gpointer f_, gboolean connected, const char *error)
{
    struct fixture *f = f_;

    log_add(f, "connection %s%s", connected ? "up" : "down",
            error ? " with an error" : "");
    if (f->free_on_connect) {
        g_clear_pointer(&f->hv, pf_hypervisor_free);
    }
}

static void
on_networks(gpointer f_, GPtrArray *names, GPtrArray *xmls)
{
    struct fixture *f = f_;

    g_assert_cmpuint(names->len, ==, xmls->len);
    g_hash_table_remove_all(f->networks);
    for (guint i = 0; i < names->len; i++) {
        g_hash_table_insert(f->networks,
                            g_strdup(g_ptr_array_index(names, i)),
                            g_strdup(g_ptr_array_index(xmls, i)));
    }
    log_add(f, "networks");
}

static void
on_guest(gpointer f_, const char *uuid, const char *name, PfGuestState state,
         const char *xml)
{
    static const char *const states[] = {
        [PF_GUEST_GONE] = "gone",
        [PF_GUEST_RUNNING] = "running",
        [PF_GUEST_PAUSED] = "paused",
        [PF_GUEST_INCOMING] = "incoming",
    };
    struct fixture *f = f_;

    g_free(f->xml);
    f->xml = g_strdup(xml);
    log_add(f, "guest %s %s %s", uuid, name ? name : "-", states[state]);
}

static void
on_synced(gpointer f)
{
    log_add(f, "synced");
}

static void
on_event(gpointer f, const char *uuid, const char *name, PfGuestEvent event,
         int detail)
{
    log_add(f, "event %s %s %s %d", uuid, name, pf_guest_event_name(event),
            detail);
}

static const PfHypervisorCallbacks callbacks = {
    .connection = on_connection,
    .networks = on_networks,
    .guest = on_guest,
    .synced = on_synced,
    .event = on_event,
};

static gboolean
set_true(gpointer flag)
{
    *(gboolean *) flag = TRUE;
    return G_SOURCE_REMOVE;
}

/* Returns the position in the log of 'line' at or after 'from', or -1. */
static int
log_find(struct fixture *f, const char *line, guint from)
{
    for (guint i = from; i < f->log->len; i++) {
        if (!strcmp(g_ptr_array_index(f->log, i), line)) {
            return i;
        }
    }
    return -1;
}

static char *
log_text(struct fixture *f)
{
    g_ptr_array_add(f->log, NULL);
    return g_strjoinv("\n  ", (char **) f->log->pdata);
}

/* Iterates the main loop until 'line' is in the log at or after 'from'. */
static int G_GNUC_PRINTF(3, 4)
await(struct fixture *f, guint from, const char *format, ...)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add(PATIENCE_MS, set_true, &late);
    g_autofree char *line = NULL;
    va_list args;
    int found;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    while ((found = log_find(f, line, from)) < 0 && !late) {
        g_main_context_iteration(NULL, TRUE);
    }
    if (found < 0) {
        g_error("no '%s' at or after line %u, but:\n  %s", line, from,
                log_text(f));
    }
    g_source_remove(timer);
    return found;
}

/* Iterates the main loop until '*n' is 'wanted'. */
static void
await_number(const int *n, int wanted)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add(PATIENCE_MS, set_true, &late);

    while (*n != wanted && !late) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpint(*n, ==, wanted);
    g_source_remove(timer);
}

/* Iterates the main loop for 'ms'. */
static void
linger(guint ms)
{
    gboolean over = FALSE;

    g_timeout_add(ms, set_true, &over);
    while (!over) {
        g_main_context_iteration(NULL, TRUE);
    }
}

/* Begins with the first hypervisor, whose libvirt-glib has to be there before
 * the first connection. */
static void
start(struct fixture *f, const char *uri)
{
    memset(f, 0, sizeof *f);
    f->log = g_ptr_array_new_with_free_func(g_free);
    f->networks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        g_free);
    f->hv = pf_hypervisor_new(uri, &callbacks, f);
    f->conn = virConnectOpen(URI);
    g_assert_nonnull(f->conn);
    f->domain = virDomainLookupByName(f->conn, "test");
    g_assert_nonnull(f->domain);
    g_assert_cmpint(virDomainGetUUIDString(f->domain, f->uuid), ==, 0);
}

/* start(), up to "synced".  Returns the length of the log. */
static guint
start_synced(struct fixture *f)
{
    start(f, URI);
    return await(f, 0, "synced") + 1;
}

static void
finish(struct fixture *f)
{
    pf_hypervisor_free(f->hv);
    linger(50);                 /* libvirt-glib frees in idle sources. */
    virDomainFree(f->domain);
    virConnectClose(f->conn);
    linger(50);
    g_ptr_array_unref(f->log);
    g_hash_table_unref(f->networks);
    g_free(f->xml);
}

static void
test_everything_is_listed_in_order_after_connecting(void)
{
    struct fixture f;
    int at;

    start(&f, URI);
    g_assert_false(pf_hypervisor_is_connected(f.hv));
    g_assert_nonnull(strstr(pf_hypervisor_error(f.hv), URI));
    g_assert_cmpuint(f.log->len, ==, 0);

    at = await(&f, 0, "connection up");
    g_assert_true(pf_hypervisor_is_connected(f.hv));
    g_assert_null(pf_hypervisor_error(f.hv));
    at = await(&f, at, "networks");
    at = await(&f, at, "guest %s test running", f.uuid);
    at = await(&f, at, "synced");
    g_assert_cmpint(at, ==, 3);

    g_assert_nonnull(strstr(f.xml, "<domain type='test' id="));
    g_assert_nonnull(g_hash_table_lookup(f.networks, "default"));
    g_assert_nonnull(strstr(g_hash_table_lookup(f.networks, "default"),
                            "<name>default</name>"));
    finish(&f);
}

static void
test_lifecycle_events_are_told_and_followed_by_a_look(void)
{
    struct fixture f;
    guint from = start_synced(&f);
    int event, guest;

    g_assert_cmpint(virDomainSuspend(f.domain), ==, 0);
    await(&f, from, "event %s test suspended %d", f.uuid,
          VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    pf_hypervisor_look(f.hv, f.uuid);
    await(&f, from, "guest %s test paused", f.uuid);

    from = f.log->len;
    g_assert_cmpint(virDomainResume(f.domain), ==, 0);
    event = await(&f, from, "event %s test resumed %d", f.uuid,
                  VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    guest = await(&f, from, "guest %s test running", f.uuid);
    g_assert_cmpint(event, <, guest);

    from = f.log->len;
    g_assert_cmpint(virDomainDestroy(f.domain), ==, 0);
    await(&f, from, "event %s test stopped %d", f.uuid,
          VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
    g_assert_cmpint(virDomainCreate(f.domain), ==, 0);
    event = await(&f, from, "event %s test started %d", f.uuid,
                  VIR_DOMAIN_EVENT_STARTED_BOOTED);
    guest = await(&f, from, "guest %s test running", f.uuid);
    g_assert_cmpint(event, <, guest);
    finish(&f);
}

static void
test_a_look_is_not_older_than_the_last_event(void)
{
    struct fixture f;
    guint from = start_synced(&f);
    int stopped;

    /* Each look has begun, or even ended, when the domain stops. */
    pf_hypervisor_look(f.hv, f.uuid);
    g_usleep(20000);
    g_assert_cmpint(virDomainDestroy(f.domain), ==, 0);
    stopped = await(&f, from, "event %s test stopped %d", f.uuid,
                    VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
    linger(100);
    for (guint i = stopped + 1; i < f.log->len; i++) {
        g_assert_null(strstr(g_ptr_array_index(f.log, i), "running"));
    }
    g_assert_cmpint(virDomainCreate(f.domain), ==, 0);
    await(&f, stopped, "guest %s test running", f.uuid);
    finish(&f);
}

static void
test_an_unknown_or_inactive_domain_is_gone(void)
{
    struct fixture f;
    guint from = start_synced(&f);

    pf_hypervisor_look(f.hv, UNKNOWN_UUID);
    await(&f, from, "guest " UNKNOWN_UUID " - gone");
    g_assert_null(f.xml);

    g_assert_cmpint(virDomainDestroy(f.domain), ==, 0);
    pf_hypervisor_look(f.hv, f.uuid);
    await(&f, from, "guest %s - gone", f.uuid);
    g_assert_null(f.xml);
    g_assert_cmpint(virDomainCreate(f.domain), ==, 0);
    await(&f, from, "guest %s test running", f.uuid);
    finish(&f);
}

static void
test_requests_for_one_domain_coalesce(void)
{
    struct fixture f;
    guint from = start_synced(&f);
    int n = 0;

    for (int i = 0; i < 100; i++) {
        pf_hypervisor_look(f.hv, f.uuid);
    }
    pf_hypervisor_look(f.hv, UNKNOWN_UUID);
    await(&f, from, "guest " UNKNOWN_UUID " - gone");
    linger(200);
    for (guint i = from; i < f.log->len; i++) {
        n += strstr(g_ptr_array_index(f.log, i), f.uuid) != NULL;
    }
    g_assert_cmpint(n, >=, 1);
    g_assert_cmpint(n, <=, 2);
    finish(&f);
}

#define NETWORK(BRIDGE)                                     \
    "<network><name>pf-one</name>"                          \
    "<uuid>5f0c5ad6-2b1c-4b0c-8f4e-0c4f3a6b7d10</uuid>"     \
    "<bridge name='" BRIDGE "'/></network>"

static void
test_networks_are_read_again_when_they_change(void)
{
    struct fixture f;
    guint from = start_synced(&f);
    virNetworkPtr network;

    network = virNetworkDefineXML(f.conn, NETWORK("pfbr1"));
    g_assert_nonnull(network);
    await(&f, from, "networks");
    g_assert_cmpuint(g_hash_table_size(f.networks), ==, 2);
    g_assert_nonnull(strstr(g_hash_table_lookup(f.networks, "pf-one"),
                            "pfbr1"));

    from = f.log->len;
    virNetworkFree(network);
    network = virNetworkDefineXML(f.conn, NETWORK("pfbr2"));
    g_assert_nonnull(network);
    await(&f, from, "networks");
    g_assert_nonnull(strstr(g_hash_table_lookup(f.networks, "pf-one"),
                            "pfbr2"));

    from = f.log->len;
    g_assert_cmpint(virNetworkUndefine(network), ==, 0);
    await(&f, from, "networks");
    g_assert_null(g_hash_table_lookup(f.networks, "pf-one"));
    virNetworkFree(network);
    finish(&f);
}

/* What a PfStampDone leaves. */
struct outcome {
    int n;
    int code;                   /* -1: success. */
    char *message;
};

static void
on_stamped(gpointer outcome_, const GError *error)
{
    struct outcome *outcome = outcome_;

    g_assert_true(g_thread_self() == main_thread);
    if (error) {
        g_assert_true(error->domain == PF_HYPERVISOR_ERROR);
    }
    outcome->code = error ? error->code : -1;
    g_free(outcome->message);
    outcome->message = g_strdup(error ? error->message : "");
    outcome->n++;
}

static int
stamp(struct fixture *f, const char *uuid, const char *text,
      struct outcome *outcome)
{
    int n = outcome->n;

    pf_hypervisor_stamp(f->hv, uuid, text, on_stamped, outcome);
    g_assert_cmpint(outcome->n, ==, n);
    await_number(&outcome->n, n + 1);
    return outcome->code;
}

/* Waits until libvirt, which tells of each change, has told of an XML with
 * 'text', or without it. */
static void
await_xml(struct fixture *f, guint *from, const char *text, gboolean there)
{
    do {
        *from = await(f, *from, "guest %s test running", f->uuid) + 1;
    } while ((strstr(f->xml, text) != NULL) != there);
}

static void
test_a_stamp_is_in_the_live_xml_until_it_is_removed(void)
{
    const char *texts[] = { "<stamp version='1'><port mac='a'/></stamp>",
                            "<stamp version='2'/>" };
    struct outcome outcome = { .n = 0 };
    struct fixture f;
    guint from = start_synced(&f);

    for (int i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *expected = g_strdup_printf(
            "<portferry:stamp xmlns:portferry=\"%s\" version=\"%d\"",
            PF_DOMAIN_NS, i + 1);
        const char *found;

        g_assert_cmpint(stamp(&f, f.uuid, texts[i], &outcome), ==, -1);
        await_xml(&f, &from, expected, TRUE);
        found = strstr(f.xml, "<portferry:stamp");
        g_assert_cmpint(strncmp(found, expected, strlen(expected)), ==, 0);
        g_assert_null(strstr(found + 1, "<portferry:stamp"));
    }

    g_assert_cmpint(stamp(&f, f.uuid, NULL, &outcome), ==, -1);
    await_xml(&f, &from, "portferry", FALSE);
    g_free(outcome.message);
    finish(&f);
}

static void
test_a_stamp_that_cannot_be_written_says_why(void)
{
    struct outcome outcome = { .n = 0 };
    struct fixture f;

    start_synced(&f);
    g_assert_cmpint(stamp(&f, UNKNOWN_UUID, "<stamp/>", &outcome), ==,
                    PF_HYPERVISOR_ERROR_NO_GUEST);
    g_assert_nonnull(strstr(outcome.message, UNKNOWN_UUID));
    g_assert_cmpint(stamp(&f, f.uuid, "<stamp", &outcome), ==,
                    PF_HYPERVISOR_ERROR_LIBVIRT);
    g_assert_nonnull(strstr(outcome.message, f.uuid));

    g_assert_cmpint(virDomainDestroy(f.domain), ==, 0);
    g_assert_cmpint(stamp(&f, f.uuid, "<stamp/>", &outcome), ==,
                    PF_HYPERVISOR_ERROR_NO_GUEST);
    g_assert_cmpint(virDomainCreate(f.domain), ==, 0);
    g_free(outcome.message);
    finish(&f);
}

struct activity {
    int n;
    PfGuestJob job;
};

static void
on_job(gpointer activity_, PfGuestJob job)
{
    struct activity *activity = activity_;

    g_assert_true(g_thread_self() == main_thread);
    activity->job = job;
    activity->n++;
}

static PfGuestJob
job(struct fixture *f, const char *uuid)
{
    struct activity activity = { .n = 0 };

    pf_hypervisor_job(f->hv, uuid, on_job, &activity);
    g_assert_cmpint(activity.n, ==, 0);
    await_number(&activity.n, 1);
    return activity.job;
}

static void
test_an_idle_domain_has_no_job(void)
{
    struct fixture f;

    start_synced(&f);
    g_assert_cmpint(job(&f, f.uuid), ==, PF_JOB_NONE);
    g_assert_cmpint(job(&f, UNKNOWN_UUID), ==, PF_JOB_NO_GUEST);
    finish(&f);
}

static void
test_without_a_daemon_questions_are_answered_all_the_same(void)
{
    const char *uri = "qemu+unix:///system?socket=/nonexistent/pf-sock";
    struct outcome outcome = { .n = 0 };
    struct fixture f;

    start(&f, uri);
    pf_hypervisor_look(f.hv, f.uuid);
    pf_hypervisor_abort(f.hv, f.uuid);
    g_assert_cmpint(job(&f, f.uuid), ==, PF_JOB_UNKNOWN);
    g_assert_cmpint(stamp(&f, f.uuid, "<stamp/>", &outcome), ==,
                    PF_HYPERVISOR_ERROR_CONNECTION);
    linger(100);
    g_assert_false(pf_hypervisor_is_connected(f.hv));
    g_assert_nonnull(strstr(pf_hypervisor_error(f.hv), uri));
    g_assert_nonnull(strstr(pf_hypervisor_error(f.hv), "No such file"));
    g_assert_cmpuint(f.log->len, ==, 0);
    g_free(outcome.message);
    finish(&f);
}

static void
unexpected_job(gpointer user G_GNUC_UNUSED, PfGuestJob job G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static void
unexpected_stamp(gpointer user G_GNUC_UNUSED,
                 const GError *error G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static void
test_nothing_is_called_back_after_free(void)
{
    struct fixture f;
    guint n;

    start_synced(&f);
    for (int i = 0; i < 10; i++) {
        pf_hypervisor_look(f.hv, UNKNOWN_UUID);
        pf_hypervisor_job(f.hv, f.uuid, unexpected_job, NULL);
        pf_hypervisor_stamp(f.hv, f.uuid, NULL, unexpected_stamp, NULL);
        pf_hypervisor_abort(f.hv, UNKNOWN_UUID);
    }
    g_assert_cmpint(virDomainSuspend(f.domain), ==, 0);
    g_usleep(1000 * (g_test_rand_int() & 7));
    g_clear_pointer(&f.hv, pf_hypervisor_free);
    n = f.log->len;
    g_assert_cmpint(virDomainResume(f.domain), ==, 0);
    linger(200);
    g_assert_cmpuint(f.log->len, ==, n);
    finish(&f);
}

static void
test_free_while_connecting_and_from_a_callback(void)
{
    struct fixture f;

    start(&f, URI);
    g_clear_pointer(&f.hv, pf_hypervisor_free);
    linger(100);
    g_assert_cmpuint(f.log->len, ==, 0);
    finish(&f);

    start(&f, URI);
    f.free_on_connect = TRUE;
    await(&f, 0, "connection up");
    linger(100);
    g_assert_cmpuint(f.log->len, ==, 1);
    finish(&f);
}

/* A daemon's socket. */
static int
listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof address),
                    ==, 0);
    g_assert_cmpint(listen(fd, 5), ==, 0);
    return fd;
}

struct visitors {
    int n;
    int expected;
};

static gboolean
on_visitor(GIOChannel *channel, GIOCondition condition G_GNUC_UNUSED,
           gpointer visitors_)
{
    struct visitors *visitors = visitors_;

    close(accept(g_io_channel_unix_get_fd(channel), NULL, NULL));
    return ++visitors->n < visitors->expected;
}

static void
test_a_daemon_that_hangs_up_is_tried_again(void)
{
    g_autofree char *dir = g_dir_make_tmp("pf-hv-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "sock", NULL);
    g_autofree char *uri = g_strconcat("qemu+unix:///system?socket=", path,
                                       NULL);
    struct visitors visitors = { .n = 0, .expected = 2 };
    int fd = listen_at(path);
    g_autoptr(GIOChannel) channel = g_io_channel_unix_new(fd);
    struct fixture f;

    g_io_add_watch(channel, G_IO_IN, on_visitor, &visitors);
    start(&f, uri);
    await_number(&visitors.n, visitors.expected);
    g_assert_false(pf_hypervisor_is_connected(f.hv));
    g_assert_cmpuint(f.log->len, ==, 0);
    close(fd);
    unlink(path);
    rmdir(dir);
    finish(&f);
}

static void
test_a_daemon_that_says_nothing_holds_up_nobody(void)
{
    g_autofree char *dir = g_dir_make_tmp("pf-hv-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "sock", NULL);
    g_autofree char *uri = g_strconcat("qemu+unix:///system?socket=", path,
                                       NULL);
    int fd = listen_at(path);
    struct fixture f;
    int visitor;

    start(&f, uri);
    visitor = accept(fd, NULL, NULL);
    g_assert_cmpint(visitor, >=, 0);
    g_assert_cmpint(job(&f, f.uuid), ==, PF_JOB_UNKNOWN);
    g_assert_false(pf_hypervisor_is_connected(f.hv));
    g_clear_pointer(&f.hv, pf_hypervisor_free);

    /* Lets the thread that still waits for it go. */
    close(visitor);
    close(fd);
    unlink(path);
    rmdir(dir);
    linger(100);
    g_assert_cmpuint(f.log->len, ==, 0);
    finish(&f);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    main_thread = g_thread_self();
    g_assert_true(g_main_context_acquire(NULL));
    g_test_add_func("/hypervisor/listed-in-order",
                    test_everything_is_listed_in_order_after_connecting);
    g_test_add_func("/hypervisor/lifecycle",
                    test_lifecycle_events_are_told_and_followed_by_a_look);
    g_test_add_func("/hypervisor/look-not-outdated",
                    test_a_look_is_not_older_than_the_last_event);
    g_test_add_func("/hypervisor/look-gone",
                    test_an_unknown_or_inactive_domain_is_gone);
    g_test_add_func("/hypervisor/look-coalesces",
                    test_requests_for_one_domain_coalesce);
    g_test_add_func("/hypervisor/networks",
                    test_networks_are_read_again_when_they_change);
    g_test_add_func("/hypervisor/stamp",
                    test_a_stamp_is_in_the_live_xml_until_it_is_removed);
    g_test_add_func("/hypervisor/stamp-refused",
                    test_a_stamp_that_cannot_be_written_says_why);
    g_test_add_func("/hypervisor/job", test_an_idle_domain_has_no_job);
    g_test_add_func("/hypervisor/no-daemon",
                    test_without_a_daemon_questions_are_answered_all_the_same);
    g_test_add_func("/hypervisor/free-in-flight",
                    test_nothing_is_called_back_after_free);
    g_test_add_func("/hypervisor/free-early",
                    test_free_while_connecting_and_from_a_callback);
    g_test_add_func("/hypervisor/daemon-hangs-up",
                    test_a_daemon_that_hangs_up_is_tried_again);
    g_test_add_func("/hypervisor/daemon-silent",
                    test_a_daemon_that_says_nothing_holds_up_nobody);
    return g_test_run();
}
