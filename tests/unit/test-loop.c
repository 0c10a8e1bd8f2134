/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/loop.h: everything that GLib can wait for is dispatched from
 * Open vSwitch's poll loop, and wakes it up.
 */
#include <config.h>
#include "loop.h"

#include <glib.h>
#include <glib-unix.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/util.h"
#include "timeval.h"

/* A loop that is not woken up ends here, and the test fails. */
#define PATIENCE_MS 5000

static GThread *main_thread;

static void
setup(void)
{
    main_thread = g_thread_self();
    pf_loop_init();
}

/* Iterates as the agent does until '*n' is 'wanted' or it takes too long.
 * Returns the number of iterations. */
static int
iterate_until(const int *n, int wanted)
{
    long long int deadline = time_msec() + PATIENCE_MS;
    int iterations = 0;

    for (;;) {
        pf_loop_run();
        iterations++;
        if (*n >= wanted || time_msec() >= deadline) {
            break;
        }
        pf_loop_wait();
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return iterations;
}

static gboolean
count(gpointer n_)
{
    int *n = n_;

    g_assert_true(g_thread_self() == main_thread);
    ++*n;
    return G_SOURCE_REMOVE;
}

static void
test_timeout(void)
{
    gint64 start = g_get_monotonic_time();
    int n = 0;

    setup();
    g_timeout_add(30, count, &n);
    int iterations = iterate_until(&n, 1);
    pf_loop_done();

    g_assert_cmpint(n, ==, 1);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 30000);
    /* It slept instead of turning round and round. */
    g_assert_cmpint(iterations, <, 30);
}

static void
test_idle(void)
{
    int n = 0;

    setup();
    g_idle_add(count, &n);
    iterate_until(&n, 1);
    pf_loop_done();

    g_assert_cmpint(n, ==, 1);
}

static gboolean
read_byte(gint fd, GIOCondition condition, gpointer n_)
{
    char c;

    g_assert_cmpint(condition & G_IO_IN, ==, G_IO_IN);
    g_assert_cmpint(read(fd, &c, 1), ==, 1);
    return count(n_);
}

static gpointer
write_byte(gpointer fd)
{
    g_usleep(30000);
    g_assert_cmpint(write(GPOINTER_TO_INT(fd), "x", 1), ==, 1);
    return NULL;
}

static void
test_fd(void)
{
    int n = 0;
    int fds[2];

    setup();
    g_assert_true(g_unix_open_pipe(fds, FD_CLOEXEC, NULL));
    g_unix_fd_add(fds[0], G_IO_IN, read_byte, &n);
    GThread *writer = g_thread_new("writer", write_byte,
                                   GINT_TO_POINTER(fds[1]));
    int iterations = iterate_until(&n, 1);
    g_thread_join(writer);
    pf_loop_done();
    close(fds[0]);
    close(fds[1]);

    g_assert_cmpint(n, ==, 1);
    g_assert_cmpint(iterations, <, 30);
}

static gpointer
invoke(gpointer n)
{
    g_usleep(30000);
    g_main_context_invoke(NULL, count, n);
    return NULL;
}

static void
test_invoke_from_thread(void)
{
    int n = 0;

    setup();
    GThread *other = g_thread_new("other", invoke, &n);
    int iterations = iterate_until(&n, 1);
    g_thread_join(other);
    pf_loop_done();

    g_assert_cmpint(n, ==, 1);
    g_assert_cmpint(iterations, <, 30);
}

/* While the loop is busy elsewhere, another thread's function has to wait. */
static void
test_invoke_while_busy(void)
{
    int n = 0;

    setup();
    GThread *other = g_thread_new("other", invoke, &n);
    g_thread_join(other);
    g_assert_cmpint(n, ==, 0);
    iterate_until(&n, 1);
    pf_loop_done();

    g_assert_cmpint(n, ==, 1);
}

/* What append() was called with. */
static GString *order;

static gboolean
append(gpointer c)
{
    g_string_append_c(order, GPOINTER_TO_INT(c));
    return G_SOURCE_REMOVE;
}

static void
test_priorities(void)
{
    int n = 0;

    setup();
    order = g_string_new(NULL);
    g_idle_add_full(G_PRIORITY_LOW, append, GINT_TO_POINTER('c'), NULL);
    g_idle_add_full(G_PRIORITY_HIGH, append, GINT_TO_POINTER('a'), NULL);
    g_idle_add_full(G_PRIORITY_DEFAULT, append, GINT_TO_POINTER('b'), NULL);
    g_idle_add_full(G_PRIORITY_LOW + 1, count, &n, NULL);
    iterate_until(&n, 1);
    pf_loop_done();

    g_assert_cmpstr(order->str, ==, "abc");
    g_string_free(order, TRUE);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/loop/timeout-is-dispatched-in-time", test_timeout);
    g_test_add_func("/loop/idle-is-dispatched", test_idle);
    g_test_add_func("/loop/fd-wakes-up", test_fd);
    g_test_add_func("/loop/other-thread-wakes-up", test_invoke_from_thread);
    g_test_add_func("/loop/other-thread-never-runs-functions-itself",
                    test_invoke_while_busy);
    g_test_add_func("/loop/priorities-order", test_priorities);
    return g_test_run();
}
