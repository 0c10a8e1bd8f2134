/* SPDX-License-Identifier: Apache-2.0
 *
 * ovs-fixture: a real ovsdb-server and ovs-vswitchd for a test program.
 *
 * See ovs-fixture.h.
 */
#include <config.h>

#include "ovs-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"

/* Where Debian and Fedora keep ovsdb-server's schema. */
#define SCHEMA "/usr/share/openvswitch/vswitch.ovsschema"

OvsFixture *ovs;

gboolean
ovs_fixture_possible(void)
{
    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root: taps and network namespaces\n");
        return FALSE;
    }
    return TRUE;
}

/* ---- Commands --------------------------------------------------------- */

/* Runs 'command' with the shell; see ovs_run(). */
static char *
run_command(const char *command)
{
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    g_autoptr(GError) error = NULL;
    g_autofree char *errors = NULL;
    char *output = NULL;
    int status;

    g_spawn_sync(NULL, (char **) argv, NULL, 0, NULL, NULL, &output, &errors,
                 &status, &error);
    g_assert_no_error(error);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        g_error("'%s' failed (status %d): %s%s", command, status, output,
                errors);
    }
    return g_strchomp(output);
}

char *
ovs_run(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *command = g_strdup_vprintf(format, args);
    va_end(args);
    return run_command(command);
}

void
ovs_do(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *command = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(run_command(command));
}

/* ---- Daemons ---------------------------------------------------------- */

/* In the child: it ends when the test does. */
static void
die_with_parent(gpointer unused G_GNUC_UNUSED)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Starts 'argv' as a child and returns its process id. */
static GPid
start(const char *const argv[])
{
    g_autoptr(GError) error = NULL;
    GPid pid = 0;

    g_spawn_async(NULL, (char **) argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD
                  | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                  die_with_parent, NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

/* Ends the child '*pid', stopped or not, and waits for its end. */
static void
end(GPid *pid)
{
    if (*pid) {
        kill(*pid, SIGKILL);
        g_assert_cmpint(waitpid(*pid, NULL, 0), ==, *pid);
        *pid = 0;
    }
}

void
ovs_fixture_start_ovsdb_server(OvsFixture *f)
{
    g_autofree char *db = g_strdup_printf("%s/conf.db", f->dir);
    g_autofree char *remote = g_strdup_printf("--remote=p%s", f->remote);
    g_autofree char *log = g_strdup_printf("--log-file=%s/ovsdb-server.log",
                                           f->dir);
    const char *argv[] = {
        "ovsdb-server", db, remote, log, "--pidfile", "--no-chdir", NULL
    };

    f->ovsdb_server = start(argv);
    /* It listens when a client gets an answer. */
    ovs_do("ovsdb-client --timeout=30 wait %s Open_vSwitch connected",
           f->remote);
}

void
ovs_fixture_start_vswitchd(OvsFixture *f)
{
    g_autofree char *log = g_strdup_printf("--log-file=%s/ovs-vswitchd.log",
                                           f->dir);
    const char *argv[] = {
        "ovs-vswitchd", f->remote, log, "--pidfile", "--no-chdir", NULL
    };

    f->vswitchd = start(argv);
}

void
ovs_fixture_kill_ovsdb_server(OvsFixture *f)
{
    end(&f->ovsdb_server);
}

void
ovs_fixture_kill_vswitchd(OvsFixture *f)
{
    end(&f->vswitchd);
}

/* Lets this process live in a network namespace of its own, in which nothing
 * sends by itself. */
static void
enter_namespace(void)
{
    if (unshare(CLONE_NEWNET)) {
        g_error("unshare(CLONE_NEWNET): %s", g_strerror(errno));
    }
    ovs_do("ip link set lo up; "
           "for i in all default; do "
           "f=/proc/sys/net/ipv6/conf/$i/disable_ipv6; "
           "test ! -e $f || echo 1 > $f; done");
}

OvsFixture *
ovs_fixture_new(void)
{
    static const char *const folders[] = {
        "OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"
    };
    OvsFixture *f = g_new0(OvsFixture, 1);
    g_autoptr(GError) error = NULL;

    /* As any program with OVS connections must. */
    fatal_ignore_sigpipe();
    enter_namespace();
    f->dir = g_dir_make_tmp("pf-ovs-XXXXXX", &error);
    g_assert_no_error(error);
    f->remote = g_strdup_printf("unix:%s/db.sock", f->dir);
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_setenv(folders[i], f->dir, TRUE);
    }

    ovs_do("ovsdb-tool create %s/conf.db " SCHEMA, f->dir);
    ovs_fixture_start_ovsdb_server(f);
    ovs_do("ovs-vsctl --no-wait init");
    ovs_fixture_start_vswitchd(f);
    ovs_do("ovs-vsctl --timeout=30 add-br br0 "
           "-- set Bridge br0 datapath_type=netdev");
    return f;
}

void
ovs_fixture_free(OvsFixture *f)
{
    if (f) {
        end(&f->vswitchd);
        end(&f->ovsdb_server);
        ovs_do("rm -rf %s", f->dir);
        g_free(f->dir);
        g_free(f->remote);
        g_free(f);
    }
}

/* ---- What this process holds -------------------------------------------- */

/* Bytes and descriptors that are no leak: tables of libopenvswitch grow by and
 * by up to their size, and connections come and go. */
#define GROWTH_PER_TRIP 1000
#define MORE_DESCRIPTORS 5

static guint
count_entries(const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    guint n = 0;

    g_assert_no_error(error);
    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

void
ovs_assert_holds_no_more(guint trip)
{
    static gsize bytes;
    static guint descriptors, files;
    gsize bytes_now = mallinfo2().uordblks;
    guint descriptors_now = count_entries("/proc/self/fd");
    guint files_now = count_entries(ovs->dir);

    if (trip == 49) {
        bytes = bytes_now;
        descriptors = descriptors_now;
        files = files_now;
    } else if (trip == 99) {
        g_test_message("%" G_GSIZE_FORMAT " bytes, then %" G_GSIZE_FORMAT,
                       bytes, bytes_now);
        g_assert_cmpuint(bytes_now, <, bytes + 50 * GROWTH_PER_TRIP);
        g_assert_cmpuint(descriptors_now, <=, descriptors + MORE_DESCRIPTORS);
        g_assert_cmpuint(files_now, ==, files);
    }
}

/* ---- Loop and taps ---------------------------------------------------- */

void
ovs_loop_until(OvsPartFunc run, OvsPartFunc wait, gpointer part,
               OvsCondition condition, gpointer arg, const char *what)
{
    long long int deadline = time_msec() + OVS_PATIENCE_MS;

    for (;;) {
        run(part);
        if (condition(arg)) {
            return;
        }
        if (time_msec() > deadline) {
            g_error("after %d ms still waiting for: %s", OVS_PATIENCE_MS,
                    what);
        }
        wait(part);
        /* Conditions may look at more than the part does. */
        poll_timer_wait(50);
        poll_block();
    }
}

int
ovs_tap_open(const char *name)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    g_strlcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)) {
        g_error("tap %s: %s", name, g_strerror(errno));
    }
    ovs_do("ip link set dev %s up", name);
    return fd;
}
