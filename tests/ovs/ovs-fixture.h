/* SPDX-License-Identifier: Apache-2.0
 *
 * ovs-fixture: a real ovsdb-server and ovs-vswitchd for a test program.
 *
 * Both run in a temporary folder and in a network namespace of the test's own
 * (the test process enters it), with a bridge "br0" on the userspace datapath,
 * so that nothing of the machine is touched.  They end with the test, also
 * when it is killed.
 */
#ifndef OVS_FIXTURE_H
#define OVS_FIXTURE_H 1

#include <glib.h>

/* More than any machine needs; nothing waits this long unless it fails. */
#define OVS_PATIENCE_MS 30000

typedef struct {
    char *dir;                  /* OVS_RUNDIR. */
    char *remote;               /* "unix:DIR/db.sock". */
    GPid ovsdb_server;          /* 0: not running. */
    GPid vswitchd;
} OvsFixture;

/* That of this test program: a fixture that starts one sets it. */
extern OvsFixture *ovs;

/* If this process may not make namespaces, prints a TAP line that skips the
 * whole program and returns FALSE: main() then returns 0. */
gboolean ovs_fixture_possible(void);

/* Enters a new network namespace and starts both daemons there.  Once for each
 * process. */
OvsFixture *ovs_fixture_new(void);
void ovs_fixture_free(OvsFixture *);

/* Ends one daemon with SIGKILL, as a crash would, and starts it (again). */
void ovs_fixture_kill_vswitchd(OvsFixture *);
void ovs_fixture_start_vswitchd(OvsFixture *);
void ovs_fixture_kill_ovsdb_server(OvsFixture *);
void ovs_fixture_start_ovsdb_server(OvsFixture *);

/* Runs a shell command in the fixture's environment.  Returns its output
 * without white space at the end; fails the test if the command fails. */
char *ovs_run(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The same for a command whose output does not matter. */
void ovs_do(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Fails unless the command prints 'expected'; shows both. */
#define ovs_assert_prints(EXPECTED, ...)                \
    G_STMT_START {                                      \
        g_autofree char *printed_ = ovs_run(__VA_ARGS__); \
        g_assert_cmpstr(printed_, ==, EXPECTED);        \
    } G_STMT_END

/* Runs the part under test ('run', 'wait', with 'part') until 'condition'
 * returns TRUE for 'arg'; fails, naming 'what', when OVS_PATIENCE_MS are
 * over. */
typedef void (*OvsPartFunc)(gpointer part);
typedef gboolean (*OvsCondition)(gpointer arg);
void ovs_loop_until(OvsPartFunc run, OvsPartFunc wait, gpointer part,
                    OvsCondition condition, gpointer arg, const char *what);

/* Called at the end of each of a hundred round trips, 'trip' from 0 to 99:
 * demands that in the second half of them this process has not taken more
 * memory, descriptors, or files in Open vSwitch's folder. */
void ovs_assert_holds_no_more(guint trip);

/* Creates tap device 'name', up, as QEMU holds one: the returned descriptor
 * sends and receives its frames. */
int ovs_tap_open(const char *name);

#endif
