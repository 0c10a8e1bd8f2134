/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/machine.h: what holds on every path.
 *
 * The machine is taken through everything that the world can do to it, in
 * breadth: each event of libvirt at any time, each request done or failed, the
 * agent killed at any time and started again with a journal that may lag one
 * state behind.  Beside the machine stands what is true in the switch: are
 * there ports, are they touched, who waits.  The documented paths are in
 * test-machine.c.
 */
#include <config.h>

#include "plugin/machine.h"

#include <string.h>

#define BIT(N) (1u << (N))

/* What is true in the world. */
enum {
    /* Source. */
    TOUCHED = BIT(0),       /* Request 7 or later was begun, not undone. */
    RUNNING = BIT(1),       /* The agent knows that the guest runs here. */
    LEFT = BIT(2),          /* The guest is not here any more. */
    /* Destination. */
    CHECK = BIT(0),         /* Validation ports may be there. */
    MADE = BIT(1),          /* Operational ports may be there. */
    RUNS = BIT(2),          /* The agent knows that the guest runs here. */
    /* Both. */
    TOLD = BIT(3),          /* The agent knows that the guest is gone. */
    WAITING = BIT(4),       /* A hook waits. */
};

typedef struct {
    PfMachine m;
    PfState before;         /* The journal may still have this one. */
    guint flags;
    guint32 done;           /* 1 << PfRequest that are in force. */
    gsize parent;           /* Index of the node from which it was reached, */
    PfEvent by;             /* by this event. */
} Node;

static GArray *nodes;       /* Node. */
static GHashTable *known;   /* Packed node -> itself. */

/* The request that is under way in a busy state. */
static PfRequest request_in[PF_N_STATES];

/* The documented order for one port. */
static const PfRequest destination_order[] = {
    PF_REQ_CHECK_CREATE, PF_REQ_CHECK_VERIFY, PF_REQ_CHECK_DELETE,
    PF_REQ_PORT_CREATE, PF_REQ_PROPERTY_ADD, PF_REQ_TAKE_TAP,
    PF_REQ_NIC_CREATE, PF_REQ_NIC_CONNECT, PF_REQ_NIC_RESTORE,
};
static const PfRequest source_order[] = {
    PF_REQ_NIC_SAVE, PF_REQ_NIC_DISCONNECT, PF_REQ_NIC_DELETE,
    PF_REQ_PORT_TEARDOWN, PF_REQ_PORT_DELETE, PF_REQ_MARK_DELETED,
};

/* ---- Failing with the path -------------------------------------------- */

static void
add_path(GString *s, const Node *n)
{
    if (n->parent != G_MAXSIZE) {
        const Node *parent = &g_array_index(nodes, Node, n->parent);

        add_path(s, parent);
        g_string_append_printf(s, " -%s-> %s", pf_event_name(n->by),
                               pf_state_name(n->m.state));
    } else {
        g_string_append_printf(s, "%s: %s",
                               pf_role_name(pf_state_role(n->m.state)),
                               pf_state_name(n->m.state));
    }
}

/* Fails unless 'truth', with the way to 'n'. */
static void
demand(gboolean truth, const Node *n, const char *what)
{
    if (!truth) {
        g_autoptr(GString) path = g_string_new(NULL);

        add_path(path, n);
        g_error("%s\n%s", what, path->str);
    }
}

/* ---- The world -------------------------------------------------------- */

static gboolean
is_source(const Node *n)
{
    return n->before >= PF_S_NEW && n->before < PF_COMPLETED;
}

/* Requests that leave the machine idle, and those that keep it busy. */
static gboolean
is_aside(PfRequest request)
{
    return (request == PF_REQ_ABORT || request == PF_REQ_ASK_JOB
            || request == PF_REQ_CLOSE_GATES);
}

/* Demands that what must precede 'request' is in force, and forgets what comes
 * after it. */
static void
demand_order(Node *n, PfRequest request)
{
    const PfRequest *order = is_source(n) ? source_order : destination_order;
    gsize size = (is_source(n) ? G_N_ELEMENTS(source_order)
                  : G_N_ELEMENTS(destination_order));

    for (gsize i = 0; i < size; i++) {
        if (order[i] != request) {
            continue;
        }
        /* What was begun is deleted, however far the check had come. */
        if (i && request != PF_REQ_CHECK_DELETE) {
            demand(n->done & BIT(order[i - 1]), n,
                   "a request before the one that it builds on");
        }
        for (gsize k = i; k < size; k++) {
            n->done &= ~BIT(order[k]);
        }
    }
    if (!is_source(n) && request == PF_REQ_FINISH) {
        demand(n->done & BIT(PF_REQ_NIC_RESTORE), n,
               "the end of a port that was not restored");
    }
}

static void
begin_request(Node *n, PfRequest request)
{
    demand_order(n, request);
    switch ((int) request) {
    case PF_REQ_NIC_DISCONNECT:
    case PF_REQ_NIC_DELETE:
    case PF_REQ_PORT_TEARDOWN:
    case PF_REQ_PORT_DELETE:
        n->flags |= TOUCHED;
        break;
    case PF_REQ_UNDO:
    case PF_REQ_UNDO_KEEP:
        demand(!(n->flags & TOLD), n, "a port is made for a gone guest");
        break;
    case PF_REQ_CHECK_CREATE:
        n->flags |= CHECK;
        break;
    case PF_REQ_PORT_CREATE:
        n->flags |= MADE;
        break;
    }
}

/* The request under way in the state of 'n' came to 'event'. */
static void
end_request(Node *n, PfEvent event)
{
    PfRequest request = request_in[n->m.state];

    if (request == PF_REQ_NIC_CREATE || request == PF_REQ_NIC_CONNECT
        || request == PF_REQ_NIC_RESTORE) {
        event = PF_EV_DONE;     /* From here on the guest may run. */
    }
    if (event == PF_EV_FAILED) {
        return;
    }
    n->done |= BIT(request);
    switch ((int) request) {
    case PF_REQ_UNDO:
    case PF_REQ_UNDO_KEEP:
        n->flags &= ~TOUCHED;
        n->done = 0;
        break;
    case PF_REQ_CHECK_DELETE:
        n->flags &= ~CHECK;
        break;
    case PF_REQ_CLEAN:
        n->flags &= ~(CHECK | MADE);
        n->done = 0;
        break;
    }
}

/* What 'event' says about the guest. */
static void
tell(Node *n, PfEvent event)
{
    switch ((int) event) {
    case PF_EV_RESUMED:
        n->flags |= RUNNING;
        break;
    case PF_EV_SUSPENDED:
    case PF_EV_ITERATION_PAUSED:
        n->flags &= ~RUNNING;
        break;
    case PF_EV_STOPPED:
        n->flags |= LEFT | TOLD;
        break;
    case PF_EV_GONE:
        n->flags |= TOLD | (is_source(n) ? LEFT : 0);
        break;
    case PF_EV_RUNS:
    case PF_EV_ENDS_PAUSED:
        n->flags |= RUNS;
        break;
    case PF_EV_MIGRATE:
    case PF_EV_PREPARE:
    case PF_EV_START:
        n->flags |= WAITING;
        break;
    }
}

static gboolean
may_open(PfState state)
{
    return (state == PF_D_CHECKED || state == PF_D_CREATED
            || state == PF_D_READY);
}

/* What a transition does to the world. */
static void
perform(Node *n, const PfTransition *t)
{
    gboolean busy = pf_state_is_busy(t->to);

    demand(t->to == n->m.state, n, "a transition to another state");
    demand(busy ? t->request && !is_aside(t->request)
           : !t->request || is_aside(t->request), n,
           "a busy state without a request, or an idle one with one");
    demand(t->answer != PF_ANSWER_ACCEPT || may_open(t->to), n,
           "a hook is accepted at the wrong place");
    begin_request(n, t->request);
    if (t->answer != PF_ANSWER_NONE) {
        n->flags &= ~WAITING;
    }
}

/* What holds whenever the machine is idle. */
static void
demand_at_rest(const Node *n)
{
    PfState state = n->m.state;
    gboolean is_end = pf_state_is_end(state);

    demand(is_end || !n->m.kept, n, "an event is kept in an idle state");
    demand(!(n->flags & WAITING), n, "a hook waits for ever");
    demand(is_end || !(n->flags & TOLD), n,
           "the guest is gone, and nothing happens");
    if (is_source(n)) {
        demand(!(n->flags & TOUCHED) || n->flags & LEFT
               || !(is_end || n->flags & RUNNING), n,
               "the guest runs here, its port is not as it was");
        demand(state != PF_COMPLETED || n->flags & LEFT, n,
               "completed, but the guest is here");
        return;
    }
    demand(!(n->flags & CHECK), n, "a validation port is left behind");
    if (state == PF_COMPLETED || state == PF_DEGRADED) {
        demand(n->done & BIT(PF_REQ_FINISH), n, "completed without its end");
        demand(!(n->flags & TOLD), n, "a gone guest's port is left behind");
    } else {
        demand(!(is_end && n->flags & MADE), n, "a port is left behind");
        demand(n->flags & TOLD || !(n->flags & RUNS), n,
               "the guest runs here, and its port is not brought up");
    }
}

/* ---- Steps ------------------------------------------------------------ */

/* Gives 'event' to 'n'. */
static void
feed(Node *n, PfEvent event)
{
    PfTransition t;
    gboolean moved;

    tell(n, event);
    if (event == PF_EV_DONE || event == PF_EV_DONE_DEGRADED
        || event == PF_EV_FAILED) {
        end_request(n, event);
    }
    moved = pf_machine_event(&n->m, event, &t);
    for (guint i = 0; moved || pf_machine_next(&n->m, &t); i++) {
        moved = FALSE;
        n->before = t.from;
        perform(n, &t);
        demand(i < PF_N_EVENTS, n, "no end of kept events");
    }
    if (!pf_state_is_busy(n->m.state)) {
        demand_at_rest(n);
    }
}

/* The agent is killed and finds 'state' in its journal.  What the guest does
 * it will be told again. */
static void
restart(Node *n, PfState state)
{
    n->m.state = n->before = state;
    n->m.kept = 0;
    n->flags &= ~(WAITING | TOLD | (is_source(n) ? RUNNING : RUNS));
    if (is_source(n)) {
        n->done = 0;
    }
    feed(n, PF_EV_RECOVER);
}

/* Whether the world can send 'event' to 'n'. */
static gboolean
can_happen(const Node *n, PfEvent event)
{
    PfState state = n->m.state;
    gboolean busy = pf_state_is_busy(state);
    gboolean cleans = state == PF_D_CLEAN || state == PF_D_CLEAN_FAILED;

    if (state == PF_S_NEW) {
        /* These are what a source begins with. */
        return (event == PF_EV_ITERATION || event == PF_EV_ITERATION_PAUSED
                || event == PF_EV_SUSPENDED);
    }
    switch ((int) event) {
    case PF_EV_DONE:
    case PF_EV_FAILED:
        return busy;
    case PF_EV_DONE_DEGRADED:
        return state == PF_D_FINISH || state == PF_S_FINISH;
    case PF_EV_MIGRATE:
        return state == PF_D_NEW;
    case PF_EV_PREPARE:         /* Also when the way out has just begun. */
        return state == PF_D_CHECKED
               || (cleans && n->before == PF_D_CHECKED);
    case PF_EV_START:
        return state == PF_D_CREATED
               || (cleans && n->before == PF_D_CREATED);
    case PF_EV_PORTDATA:
        return !is_source(n) && state >= PF_D_TAKE;
    case PF_EV_RUNS:
    case PF_EV_ENDS_PAUSED:
        return !is_source(n) && state >= PF_D_READY && state <= PF_D_FINISH;
    case PF_EV_ITERATION:
    case PF_EV_ITERATION_PAUSED:
    case PF_EV_SUSPENDED:
    case PF_EV_RESUMED:
    case PF_EV_JOB_GONE:
        return is_source(n) && !(n->flags & LEFT);
    case PF_EV_STOPPED:
        return is_source(n);
    case PF_EV_GONE:
    case PF_EV_EXPIRED:
        return TRUE;
    default:
        return FALSE;
    }
}

static void
remember(Node n, gsize parent, PfEvent by)
{
    /* States and flags have spare bits, events are few. */
    guint64 packed = ((guint64) n.m.state | (guint64) n.before << 6
                      | (guint64) n.m.kept << 12 | (guint64) n.flags << 32
                      | (guint64) n.done << 37);

    G_STATIC_ASSERT(PF_N_STATES <= 64 && PF_N_EVENTS <= 20
                    && PF_N_REQUESTS <= 27);
    n.parent = parent;
    n.by = by;
    if (g_hash_table_add(known, g_memdup2(&packed, sizeof packed))) {
        g_array_append_val(nodes, n);
    }
}

/* Visits everything that can be reached. */
static void
explore(PfRole role)
{
    Node first = { .parent = G_MAXSIZE };

    nodes = g_array_new(FALSE, FALSE, sizeof(Node));
    known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    pf_machine_init(&first.m, role);
    first.before = first.m.state;
    first.flags = role == PF_ROLE_SOURCE ? RUNNING : 0;
    remember(first, G_MAXSIZE, 0);
    for (gsize i = 0; i < nodes->len; i++) {
        const Node here = g_array_index(nodes, Node, i);
        const PfState journals[] = { here.m.state, here.before };

        for (int event = 0; event < PF_N_EVENTS; event++) {
            if (can_happen(&here, event) && !pf_state_is_end(here.m.state)) {
                Node n = here;

                n.parent = i;
                n.by = event;
                feed(&n, event);
                remember(n, i, event);
            }
        }
        for (gsize k = 0; k < G_N_ELEMENTS(journals); k++) {
            /* The journal's first state is the one after "new". */
            if (journals[k] != first.m.state
                && !pf_state_is_end(journals[k])) {
                Node n = here;

                n.parent = i;
                n.by = PF_EV_RECOVER;
                n.before = here.before;
                restart(&n, journals[k]);
                remember(n, i, PF_EV_RECOVER);
            }
        }
    }
    g_test_message("%s: %u situations", pf_role_name(role), nodes->len);
}

static void
forget(void)
{
    g_array_unref(nodes);
    g_hash_table_unref(known);
}

/* ---- Tests ------------------------------------------------------------ */

/* Every state of 'role' is among those that were visited. */
static void
assert_all_visited(PfRole role)
{
    int first = role == PF_ROLE_SOURCE ? PF_S_NEW : PF_D_NEW;
    int end = role == PF_ROLE_SOURCE ? PF_COMPLETED : PF_S_NEW;
    gboolean visited[PF_N_STATES] = { FALSE };

    for (gsize i = 0; i < nodes->len; i++) {
        visited[g_array_index(nodes, Node, i).m.state] = TRUE;
    }
    for (int s = first; s < end; s++) {
        if (!visited[s]) {
            g_error("state '%s' (%s) cannot be reached", pf_state_name(s),
                    pf_role_name(role));
        }
    }
}

static void
test_source_never_loses_a_port(void)
{
    explore(PF_ROLE_SOURCE);
    assert_all_visited(PF_ROLE_SOURCE);
    forget();
}

static void
test_destination_never_leaves_a_port_behind(void)
{
    explore(PF_ROLE_DESTINATION);
    assert_all_visited(PF_ROLE_DESTINATION);
    forget();
}

/* Takes 'n' on, with every request coming to 'event', but those that only
 * remove things being done, and returns whether it gets to rest. */
static gboolean
comes_to_rest(Node n, PfEvent event)
{
    for (guint i = 0; i < 3 * PF_N_STATES; i++) {
        PfRequest request = request_in[n.m.state];

        if (!pf_state_is_busy(n.m.state)) {
            return TRUE;
        }
        feed(&n, request == PF_REQ_FINISH || request == PF_REQ_CLEAN
             ? PF_EV_DONE : event);
    }
    return FALSE;
}

static void
test_everything_comes_to_rest(void)
{
    for (int role = PF_ROLE_SOURCE; role <= PF_ROLE_DESTINATION; role++) {
        explore(role);
        for (gsize i = 0; i < nodes->len; i++) {
            const Node *n = &g_array_index(nodes, Node, i);

            demand(comes_to_rest(*n, PF_EV_DONE), n,
                   "no rest although every request is done");
            /* A guest that is here is worth trying for ever. */
            demand(!(n->flags & TOLD) || comes_to_rest(*n, PF_EV_FAILED), n,
                   "the guest is gone, and its requests fail for ever");
        }
        forget();
    }
}

static void
test_every_busy_state_has_its_rows(void)
{
    for (int s = 0; s < PF_N_STATES; s++) {
        static const PfEvent needed[] = {
            PF_EV_DONE, PF_EV_FAILED, PF_EV_RECOVER
        };

        if (!pf_state_is_busy(s)) {
            continue;
        }
        g_test_message("state '%s'", pf_state_name(s));
        g_assert_cmpint(request_in[s], !=, PF_REQ_NONE);
        g_assert_false(pf_state_is_end(s));
        for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
            PfMachine m = { s, 0 };
            PfTransition t;

            if (!pf_machine_event(&m, needed[i], &t)) {
                g_error("no row for '%s' in '%s'", pf_event_name(needed[i]),
                        pf_state_name(s));
            }
        }
    }
}

static void
test_every_idle_state_can_be_recovered(void)
{
    for (int s = 0; s < PF_COMPLETED; s++) {
        PfMachine m = { s, 0 };
        PfTransition t;

        g_test_message("state '%s'", pf_state_name(s));
        g_assert_true(pf_machine_event(&m, PF_EV_RECOVER, &t));
    }
}

/* What a request that leaves the machine idle comes to is nobody's. */
static void
test_idle_states_ignore_results(void)
{
    static const PfEvent results[] = {
        PF_EV_DONE, PF_EV_DONE_DEGRADED, PF_EV_FAILED, PF_EV_CALLED_OFF,
        PF_EV_GIVEN_UP
    };

    for (int s = 0; s < PF_N_STATES; s++) {
        for (gsize i = 0; i < G_N_ELEMENTS(results); i++) {
            PfMachine m = { s, 0 };
            PfTransition t;

            if (!pf_state_is_busy(s)
                && (pf_machine_event(&m, results[i], &t)
                    || (int) m.state != s || m.kept)) {
                g_error("'%s' does something in idle state '%s'",
                        pf_event_name(results[i]), pf_state_name(s));
            }
        }
    }
}

static void
test_ends_are_final(void)
{
    for (int s = PF_COMPLETED; s < PF_N_STATES; s++) {
        g_assert_true(pf_state_is_end(s));
        g_assert_false(pf_state_is_busy(s));
        for (int event = 0; event < PF_N_EVENTS; event++) {
            PfMachine m = { s, ~0u };
            PfTransition t;

            g_assert_false(pf_machine_event(&m, event, &t));
            g_assert_false(pf_machine_next(&m, &t));
            g_assert_cmpint(m.state, ==, s);
        }
    }
}

/* 'event' in 'state' with 'kept': whatever happens makes sense. */
static void
try_event(PfState state, guint32 kept, PfEvent event)
{
    PfMachine m = { state, kept };
    gboolean busy = pf_state_is_busy(state);
    PfTransition t;
    gboolean moved = pf_machine_event(&m, event, &t);

    if (!moved) {
        g_assert_cmpint(m.state, ==, state);
        g_assert_cmpuint(m.kept & ~kept, ==, busy ? m.kept & ~kept : 0);
    }
    for (guint i = 0; moved || pf_machine_next(&m, &t); i++) {
        moved = FALSE;
        g_assert_cmpuint(i, <, PF_N_EVENTS);
        g_assert_cmpint(t.to, ==, m.state);
        g_assert_cmpint(t.to, <, PF_N_STATES);
        g_assert_cmpuint(t.request, <, PF_N_REQUESTS);
        g_assert_cmpuint(t.answer, <=, PF_ANSWER_REFUSE);
        g_assert_false(pf_state_is_end(t.from));
        if (!pf_state_is_end(t.to)) {
            g_assert_cmpint(pf_state_role(t.from), ==, pf_state_role(t.to));
        }
    }
    if (!pf_state_is_busy(m.state) && !pf_state_is_end(m.state)) {
        g_assert_cmpuint(m.kept, ==, 0);
    }
}

static void
test_every_event_in_every_state(void)
{
    for (int state = 0; state < PF_N_STATES; state++) {
        for (int event = 0; event < PF_N_EVENTS; event++) {
            try_event(state, 0, event);
            for (int a = 0; a < PF_N_EVENTS; a++) {
                for (int b = 0; b <= a; b++) {
                    try_event(state, BIT(a) | BIT(b), event);
                }
            }
        }
    }
}

/* Finds out which request each busy state stands for. */
static void
read_requests(void)
{
    for (int state = 0; state < PF_N_STATES; state++) {
        for (int event = 0; event < PF_N_EVENTS; event++) {
            PfMachine m = { state, 0 };
            PfTransition t;

            if (!pf_machine_event(&m, event, &t)
                || !pf_state_is_busy(t.to)) {
                continue;
            }
            if (request_in[t.to] && request_in[t.to] != t.request) {
                g_error("state '%s' stands for '%s' and for '%s'",
                        pf_state_name(t.to),
                        pf_request_name(request_in[t.to]),
                        pf_request_name(t.request));
            }
            request_in[t.to] = t.request;
        }
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    read_requests();
#define TEST(FUNCTION) g_test_add_func("/machine/" #FUNCTION, test_##FUNCTION)
    TEST(every_busy_state_has_its_rows);
    TEST(every_idle_state_can_be_recovered);
    TEST(idle_states_ignore_results);
    TEST(ends_are_final);
    TEST(every_event_in_every_state);
    TEST(source_never_loses_a_port);
    TEST(destination_never_leaves_a_port_behind);
    TEST(everything_comes_to_rest);
#undef TEST
    return g_test_run();
}
