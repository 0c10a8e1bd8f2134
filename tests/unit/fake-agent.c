/* SPDX-License-Identifier: Apache-2.0
 *
 * fake-agent: a socket that answers like portferryd, for the programs that
 * talk to one.
 */
#include <config.h>

#include "fake-agent.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "unixctl.h"

/* The only one there is. */
static struct {
    FakeAgentMood mood;
    char *reply;
    char *dir;
    struct unixctl_server *server;
    GPtrArray *questions;       /* char **. */
} agent;

struct FakeAgentChild {
    GPid pid;
    int in;                     /* A file, or the pipe's end that it reads. */
    int in_writer;              /* The pipe's other end, or -1. */
    int out;                    /* A file, or -1. */
    int err;                    /* A file. */
};

/* Answers a command as the agent's mood is. */
static void
answer(struct unixctl_conn *conn, int argc, const char *argv[],
       void *aux G_GNUC_UNUSED)
{
    char **question = g_new0(char *, argc + 1);

    for (int i = 0; i < argc; i++) {
        question[i] = g_strdup(argv[i]);
    }
    g_ptr_array_add(agent.questions, question);

    if (agent.mood == FAKE_AGENT_ACCEPTS) {
        unixctl_command_reply(conn, agent.reply);
    } else if (agent.mood == FAKE_AGENT_REFUSES) {
        unixctl_command_reply_error(conn, agent.reply);
    }
}

/* What is done once in a process. */
static void
register_commands(void)
{
    static gboolean registered;

    if (!registered) {
        registered = TRUE;
        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
        unixctl_command_register("hook", "", 6, 6, answer, NULL);
        unixctl_command_register("status", "", 0, 0, answer, NULL);
        unixctl_command_register("ports", "", 0, 0, answer, NULL);
        unixctl_command_register("trace", "", 0, 1, answer, NULL);
        unixctl_command_register("check", "", 2, 3, answer, NULL);
        unixctl_command_register("release", "", 1, 1, answer, NULL);
    }
}

void
fake_agent_start(FakeAgentMood mood, const char *reply)
{
    g_autoptr(GError) error = NULL;

    fake_agent_stop();
    register_commands();
    agent.mood = mood;
    agent.reply = g_strdup(reply);
    agent.questions = g_ptr_array_new_with_free_func(
        (GDestroyNotify) g_strfreev);
    agent.dir = g_dir_make_tmp("portferry-agent-XXXXXX", &error);
    g_assert_no_error(error);
    g_setenv("PORTFERRY_RUNDIR", agent.dir, TRUE);
    if (mood != FAKE_AGENT_ABSENT) {
        g_autofree char *path = g_build_filename(agent.dir, "portferryd.ctl",
                                                 NULL);

        g_assert_cmpint(unixctl_server_create(path, &agent.server), ==, 0);
    }
}

/* Removes the folder 'path' and what is in it. */
static void
remove_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *entry = g_build_filename(path, name, NULL);

        if (g_unlink(entry)) {
            remove_folder(entry);
        }
    }
    g_rmdir(path);
}

void
fake_agent_stop(void)
{
    if (agent.dir) {
        unixctl_server_destroy(agent.server);
        agent.server = NULL;
        remove_folder(agent.dir);
        g_clear_pointer(&agent.dir, g_free);
        g_clear_pointer(&agent.reply, g_free);
        g_clear_pointer(&agent.questions, g_ptr_array_unref);
    }
}

const char *
fake_agent_dir(void)
{
    return agent.dir;
}

GPtrArray *
fake_agent_questions(void)
{
    return agent.questions;
}

void
fake_agent_run_clear(FakeAgentRun *run)
{
    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
}

/* An unnamed file that holds 'text', at its beginning. */
static int
file_with(const char *text)
{
    int fd = memfd_create("portferry-test", MFD_CLOEXEC);
    size_t size = strlen(text);

    g_assert_cmpint(fd, >=, 0);
    for (size_t done = 0; done < size; ) {
        ssize_t n = write(fd, text + done, size - done);

        g_assert_cmpint(n, >, 0);
        done += n;
    }
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

/* All that the file 'fd' holds; closes it. */
static char *
contents_of(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = g_malloc0(size + 1);

    g_assert_cmpint(pread(fd, text, size, 0), ==, size);
    close(fd);
    return text;
}

FakeAgentChild *
fake_agent_spawn(const char *const argv[], const char *input, int stdout_fd)
{
    FakeAgentChild *child = g_new0(FakeAgentChild, 1);
    g_autoptr(GError) error = NULL;

    child->in_writer = -1;
    if (input) {
        child->in = file_with(input);
    } else {
        int ends[2];

        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        child->in = ends[0];
        child->in_writer = ends[1];
    }
    child->out = stdout_fd < 0 ? file_with("") : -1;
    child->err = file_with("");
    g_spawn_async_with_fds(NULL, (char **) argv, NULL,
                           G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &child->pid,
                           child->in, stdout_fd < 0 ? child->out : stdout_fd,
                           child->err, &error);
    g_assert_no_error(error);
    return child;
}

FakeAgentRun
fake_agent_finish(FakeAgentChild *child)
{
    FakeAgentRun run = { .out = NULL };
    int status;

    while (!waitpid(child->pid, &status, WNOHANG)) {
        unixctl_server_run(agent.server);
        unixctl_server_wait(agent.server);
        poll_timer_wait(2);
        poll_block();
    }
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    run.out = child->out >= 0 ? contents_of(child->out) : NULL;
    run.err = contents_of(child->err);
    run.n_read = child->in_writer < 0 ? lseek(child->in, 0, SEEK_CUR) : 0;
    close(child->in);
    if (child->in_writer >= 0) {
        close(child->in_writer);
    }
    g_free(child);
    return run;
}

FakeAgentRun
fake_agent_run(const char *const argv[], const char *input)
{
    return fake_agent_finish(fake_agent_spawn(argv, input, -1));
}

char *
fake_agent_program(const char *path)
{
    return g_test_build_filename(G_TEST_BUILT, "..", "..", path, NULL);
}
