/* SPDX-License-Identifier: Apache-2.0
 *
 * portferryd: the agent's program: options, daemon, loop.
 *
 * What the agent does is in agent.h and behind it.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "command-line.h"
#include "control.h"
#include "daemon.h"
#include "dirs.h"
#include "extension.h"
#include "fatal-signal.h"
#include "journal.h"
#include "loop.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pf_portferryd);

#define JOURNAL_DEFAULT LOCALSTATEDIR "/lib/portferry/portferry.db"

/* Besides the agent's own options. */
struct settings {
    PfAgentOptions agent;
    const char *unixctl;
};

static void parse_options(int argc, char *argv[], struct settings *);
static void make_folders(const struct settings *);
static unixctl_cb_func handle_exit;

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    struct settings settings;
    bool exiting = false;

    ovs_set_program_name(argv[0], VERSION);
    ovsthread_id_init();
    ovs_cmdl_proctitle_init(argc, argv);
    service_start(&argc, &argv);
    parse_options(argc, argv, &settings);
    fatal_ignore_sigpipe();
    make_folders(&settings);

    daemonize_start(false);
    if (unixctl_server_create(settings.unixctl, &unixctl)) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "", 0, 0, handle_exit, &exiting);
    pf_loop_init();
    struct PfAgent *agent = pf_agent_new(&settings.agent);
    daemonize_complete();

    while (!exiting) {
        pf_loop_run();
        pf_agent_run(agent);
        unixctl_server_run(unixctl);

        pf_agent_wait(agent);
        unixctl_server_wait(unixctl);
        pf_loop_wait();
        if (exiting) {
            poll_immediate_wake();
        }
        poll_block();
        if (should_service_stop()) {
            exiting = true;
        }
    }

    pf_agent_free(agent);
    pf_loop_done();
    unixctl_server_destroy(unixctl);
    service_stop();
    vlog_disable_async();
    ovsrcu_exit();
    return EXIT_SUCCESS;
}

/* Makes 'path', a folder with its parents, which only its owner may enter.
 *
 * The socket in it gives power over every guest's network, so a folder that
 * somebody else has put there, or may enter, is refused. */
static void
make_private_folder(const char *path)
{
    struct stat s;

    g_autofree char *parent = g_path_get_dirname(path);
    if (g_mkdir_with_parents(parent, 0755)
        || (mkdir(path, 0700) && errno != EEXIST)) {
        ovs_fatal(errno, "%s: could not make the run-time folder", path);
    }
    /* No symbolic link is followed, and all that comes is about the folder
     * that was opened. */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        ovs_fatal(errno, "%s: the run-time folder must be a folder, and no "
                  "symbolic link to one", path);
    }
    if (fstat(fd, &s)) {
        ovs_fatal(errno, "%s: could not look at the run-time folder", path);
    }
    if (s.st_uid != 0 && s.st_uid != geteuid()) {
        ovs_fatal(0, "%s: the run-time folder belongs to user %u, not to root "
                  "or user %u; remove it", path, (unsigned int) s.st_uid,
                  (unsigned int) geteuid());
    }
    if (s.st_mode & 077) {
        ovs_fatal(0, "%s: others may enter the run-time folder (mode %04o); "
                  "set it to 0700, or remove it", path,
                  (unsigned int) s.st_mode & 07777);
    }
    close(fd);
}

/* Makes sure that this is the only agent: two would undo each other's work.
 * The lock ends with the last process that has it. */
static void
lock_folder(const char *path)
{
    g_autofree char *file = g_build_filename(path, "lock", NULL);
    int fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        ovs_fatal(errno, "%s: could not open the lock file", file);
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        ovs_fatal(errno == EWOULDBLOCK ? 0 : errno, "%s: %s", file,
                  errno == EWOULDBLOCK
                  ? "another portferryd runs on this host: see `portferry "
                    "status'" : "could not lock it");
    }
}

/* Makes the folder of the journal's 'file', if there is none.  The file is
 * ovsdb-server's to open and to lock: the folder is given to whom Open
 * vSwitch's own databases belong. */
static void
make_journal_folder(const char *file)
{
    g_autofree char *folder = g_path_get_dirname(file);
    struct stat s;

    if (!stat(folder, &s)) {
        return;
    }
    if (g_mkdir_with_parents(folder, 0755)) {
        ovs_fatal(errno, "%s: could not make the journal's folder", folder);
    }
    if (!stat(ovs_dbdir(), &s) && chown(folder, s.st_uid, s.st_gid)) {
        VLOG_WARN("%s: could not give the journal's folder to user %u: %s",
                  folder, (unsigned int) s.st_uid, ovs_strerror(errno));
    }
}

/* Makes the folders of the control socket, which is locked, and of the
 * journal. */
static void
make_folders(const struct settings *settings)
{
    make_private_folder(pf_control_rundir());
    lock_folder(pf_control_rundir());
    make_journal_folder(settings->agent.journal);
}

static void
usage(void)
{
    printf("%s: agent that lets Open vSwitch ports follow their guests\n"
           "usage: %s [OPTIONS]\n"
           "\nConnections:\n"
           "  --ovsdb=REMOTE         ovsdb-server (default: unix:%s/db.sock)\n"
           "  --libvirt=URI          libvirt (default: qemu:///system)\n"
           "\nJournal:\n"
           "  --journal=FILE         its database (default: %s)\n"
           "  --journal-limit=N      migrations kept (default: %d)\n"
           "\nExtensions:\n"
           "  --extensions=FOLDER    shared objects to load (default: %s)\n",
           program_name, program_name, ovs_rundir(), JOURNAL_DEFAULT,
           PF_JOURNAL_LIMIT_DEFAULT, PF_EXTENSION_FOLDER);
    daemon_usage();
    printf("                          (here, without FILE: %s/%s.pid)\n",
           pf_control_rundir(), program_name);
    vlog_usage();
    printf("\nOther options:\n"
           "  --unixctl=SOCKET       control socket (default: %s)\n"
           "  -h, --help             display this help message\n"
           "  -V, --version          display version information\n",
           pf_control_socket());
    exit(EXIT_SUCCESS);
}

/* Returns the number of migrations that 'text' says. */
static unsigned int
parse_limit(const char *text)
{
    guint64 limit;

    if (!g_ascii_string_to_unsigned(text, 10, 1, UINT_MAX, &limit, NULL)) {
        ovs_fatal(0, "--journal-limit=%s: must be a whole number from 1 to %u",
                  text, UINT_MAX);
    }
    return limit;
}

static void
set_defaults(struct settings *settings)
{
    settings->agent = (PfAgentOptions) {
        .ovsdb = xasprintf("unix:%s/db.sock", ovs_rundir()),
        .libvirt = "qemu:///system",
        .journal = JOURNAL_DEFAULT,
        .journal_limit = PF_JOURNAL_LIMIT_DEFAULT,
        .extensions = PF_EXTENSION_FOLDER,
    };
    settings->unixctl = xstrdup(pf_control_socket());
}

/* Fills in 'settings'; its strings live as long as the program. */
static void
parse_options(int argc, char *argv[], struct settings *settings)
{
    enum {
        OPT_OVSDB = UCHAR_MAX + 1,
        OPT_LIBVIRT,
        OPT_JOURNAL,
        OPT_JOURNAL_LIMIT,
        OPT_EXTENSIONS,
        OPT_UNIXCTL,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"ovsdb", required_argument, NULL, OPT_OVSDB},
        {"libvirt", required_argument, NULL, OPT_LIBVIRT},
        {"journal", required_argument, NULL, OPT_JOURNAL},
        {"journal-limit", required_argument, NULL, OPT_JOURNAL_LIMIT},
        {"extensions", required_argument, NULL, OPT_EXTENSIONS},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    char *pidfile = xasprintf("%s/%s.pid", pf_control_rundir(), program_name);

    set_defaults(settings);
    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);
        if (c == -1) {
            break;
        }
        if (c == OPT_PIDFILE && !optarg) {
            /* Ours is not in Open vSwitch's folder. */
            optarg = pidfile;
        }

        switch (c) {
        case OPT_OVSDB:
            settings->agent.ovsdb = optarg;
            break;

        case OPT_LIBVIRT:
            settings->agent.libvirt = optarg;
            break;

        case OPT_JOURNAL:
            /* A daemon changes to another folder. */
            settings->agent.journal = abs_file_name(NULL, optarg);
            break;

        case OPT_JOURNAL_LIMIT:
            settings->agent.journal_limit = parse_limit(optarg);
            break;

        case OPT_EXTENSIONS:
            settings->agent.extensions = abs_file_name(NULL, optarg);
            break;

        case OPT_UNIXCTL:
            settings->unixctl = optarg;
            break;

        case 'h':
            usage();
            break;

        case 'V':
            ovs_print_version(0, 0);
            exit(EXIT_SUCCESS);

        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS

        case '?':
            exit(EXIT_FAILURE);

        default:
            OVS_NOT_REACHED();
        }
    }
    free(pidfile);
    free(short_options);

    if (optind < argc) {
        ovs_fatal(0, "%s: unexpected argument; use --help for usage",
                  argv[optind]);
    }
}

static void
handle_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *exiting_)
{
    bool *exiting = exiting_;

    *exiting = true;
    unixctl_command_reply(conn, NULL);
}
