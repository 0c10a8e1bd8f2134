/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests that tests/model, which spin verifies, and plugin/machine.h are the
 * same machine.
 *
 * The model's transitions (table.pml) and the rules for events that come while
 * a request is under way (rules.pml) are read, and each is compared with what
 * the machine's functions do, for every state, every event and every pair of
 * kept events.  Whatever one has and the other has not fails.
 */
#include <config.h>

#include "plugin/machine.h"

#include <string.h>

#define BIT(N) (1u << (N))

/* A row of the model's table. */
typedef struct {
    gboolean is_there;
    PfTransition t;
    gboolean again;
} Row;

static struct {
    Row rows[PF_N_STATES][PF_N_EVENTS];
    guint n_rows;
    guint32 overrules[PF_N_EVENTS];     /* BIT(event) of those. */
    guint32 calls_off[2];               /* By role. */
    guint32 gives_up;
    PfEvent first[PF_N_EVENTS];
    guint n_first;
} model;

/* What the machine's own functions name for people only. */
#define REQUEST(NAME) [PF_REQ_##NAME] = #NAME
static const char *const request_words[PF_N_REQUESTS] = {
    REQUEST(NONE), REQUEST(CHECK_CREATE), REQUEST(CHECK_VERIFY),
    REQUEST(CHECK_DELETE), REQUEST(PORT_CREATE), REQUEST(PROPERTY_ADD),
    REQUEST(NIC_SAVE), REQUEST(NIC_DISCONNECT), REQUEST(NIC_DELETE),
    REQUEST(PORT_TEARDOWN), REQUEST(PORT_DELETE), REQUEST(NIC_CREATE),
    REQUEST(NIC_CONNECT), REQUEST(NIC_RESTORE), REQUEST(TAKE_TAP),
    REQUEST(FINISH), REQUEST(CLEAN), REQUEST(CLOSE_GATES), REQUEST(JOURNAL),
    REQUEST(PRECOPY), REQUEST(MARK_DELETED), REQUEST(UNDO),
    REQUEST(UNDO_KEEP), REQUEST(ABORT), REQUEST(ASK_JOB),
};
static const char *const answer_words[] = {
    [PF_ANSWER_NONE] = "SILENT",
    [PF_ANSWER_ACCEPT] = "ACCEPT",
    [PF_ANSWER_REFUSE] = "REFUSE",
};

/* ---- Reading the model ------------------------------------------------ */

/* "CHECK_CREATE" as the machine has it: "check-create".  Caller frees. */
static char *
spoken(const char *word)
{
    return g_strdelimit(g_ascii_strdown(word, -1), "_", '-');
}

static PfState
state_of(const char *word)
{
    gboolean has_role = g_str_has_prefix(word, "D_")
                        || g_str_has_prefix(word, "S_");
    PfRole role = *word == 'S' ? PF_ROLE_SOURCE : PF_ROLE_DESTINATION;
    g_autofree char *name = spoken(has_role ? word + 2 : word);
    PfState state;

    if (!pf_state_from_name(name, role, &state)
        || pf_state_is_end(state) == has_role) {
        g_error("table.pml: there is no state '%s'", word);
    }
    return state;
}

static PfEvent
event_of(const char *word)
{
    g_autofree char *name = spoken(word);

    for (int i = 0; i < PF_N_EVENTS; i++) {
        if (!strcmp(name, pf_event_name(i))) {
            return i;
        }
    }
    g_error("the model: there is no event '%s'", word);
}

static int
word_among(const char *word, const char *const *words, guint n)
{
    for (guint i = 0; i < n; i++) {
        if (!g_strcmp0(word, words[i])) {
            return i;
        }
    }
    g_error("table.pml: '%s' is none of '%s', ...", word, words[0]);
}

static void
add_row(GStrv args)
{
    PfState from = state_of(args[0]);
    Row *row = &model.rows[from][event_of(args[1])];

    if (row->is_there) {
        g_error("table.pml: two rows for '%s' in '%s'", args[1], args[0]);
    }
    row->is_there = TRUE;
    row->t.from = from;
    row->t.to = state_of(args[2]);
    row->t.request = word_among(args[3], request_words, PF_N_REQUESTS);
    row->t.answer = word_among(args[4], answer_words,
                               G_N_ELEMENTS(answer_words));
    row->again = !strcmp(args[5], "AGAIN");
    g_assert_true(row->again || !strcmp(args[5], "0"));
    model.n_rows++;
}

/* A call of macro 'name'; FALSE: not one of the model's. */
static gboolean
add_call(const char *name, GStrv args)
{
    guint n = g_strv_length(args);

    if (!strcmp(name, "ON") && n == 6) {
        add_row(args);
    } else if (!strcmp(name, "OVERRULES") && n == 2) {
        model.overrules[event_of(args[0])] |= BIT(event_of(args[1]));
    } else if (!strcmp(name, "OVERRULES_ALL") && n == 1) {
        model.overrules[event_of(args[0])] = ~0u;
    } else if (!strcmp(name, "CALLS_OFF") && n == 2) {
        PfRole role = !strcmp(args[0], "SOURCE") ? PF_ROLE_SOURCE
                                                 : PF_ROLE_DESTINATION;
        model.calls_off[role] |= BIT(event_of(args[1]));
    } else if (!strcmp(name, "GIVES_UP") && n == 1) {
        model.gives_up |= BIT(event_of(args[0]));
    } else if (!strcmp(name, "FIRST") && n == 1) {
        model.first[model.n_first++] = event_of(args[0]);
    } else {
        return FALSE;
    }
    return TRUE;
}

/* Reads a file of calls, one a line, and comments. */
static void
read_file(const char *name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "model",
                                                  name, NULL);
    g_autoptr(GRegex) comments = g_regex_new("/\\*.*?\\*/", G_REGEX_DOTALL, 0,
                                             NULL);
    g_autoptr(GRegex) call = g_regex_new("^(\\w+)\\(([\\w, ]+)\\)$", 0, 0,
                                         NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL, *bare = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    bare = g_regex_replace_literal(comments, text, -1, 0, "", 0, &error);
    g_assert_no_error(error);

    g_auto(GStrv) lines = g_strsplit(bare, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autoptr(GMatchInfo) match = NULL;

        if (!*g_strstrip(lines[i])) {
            continue;
        }
        if (!g_regex_match(call, lines[i], 0, &match)) {
            g_error("%s: cannot be read: %s", name, lines[i]);
        }
        g_autofree char *macro = g_match_info_fetch(match, 1);
        g_autofree char *inner = g_match_info_fetch(match, 2);
        g_auto(GStrv) args = g_strsplit(inner, ", ", -1);
        if (!add_call(macro, args)) {
            g_error("%s: unknown: %s", name, lines[i]);
        }
    }
}

/* ---- What the model says ---------------------------------------------- */

static gboolean
is_inner(PfEvent event)
{
    return (event <= PF_EV_GIVEN_UP || event == PF_EV_RECOVER);
}

static gboolean
is_busy(PfState state)
{
    return model.rows[state][PF_EV_DONE].is_there;
}

/* machine.pml's outcome(). */
static PfEvent
outcome(const PfMachine *m, PfEvent event)
{
    guint32 off = model.calls_off[pf_state_role(m->state)];

    if ((event == PF_EV_DONE || event == PF_EV_DONE_DEGRADED)
        && m->kept & off) {
        return PF_EV_CALLED_OFF;
    }
    return (event == PF_EV_FAILED && m->kept & model.gives_up
            ? PF_EV_GIVEN_UP : event);
}

/* machine.pml's feed(), one turn: the row that is taken, or NULL. */
static const Row *
feed(PfMachine *m, PfEvent event)
{
    PfEvent want = outcome(m, event);
    const Row *row;

    if (is_busy(m->state) && !is_inner(event)) {
        m->kept = (m->kept & ~model.overrules[event]) | BIT(event);
        return NULL;
    }
    if (!model.rows[m->state][want].is_there) {
        want = event;
    }
    row = &model.rows[m->state][want];
    if (!row->is_there) {
        return NULL;
    }
    if (want == PF_EV_CALLED_OFF) {
        m->kept &= ~model.calls_off[pf_state_role(m->state)];
    }
    m->kept &= ~(BIT(want) | model.overrules[want]);
    if (row->again) {
        m->kept |= BIT(want);
    }
    m->state = row->t.to;
    return row;
}

/* machine.pml's take_kept(). */
static PfEvent
take_kept(PfMachine *m)
{
    PfEvent event = 0;

    while (!(m->kept & BIT(event))) {
        event++;
    }
    for (guint i = model.n_first; i-- > 0; ) {
        if (m->kept & BIT(model.first[i])) {
            event = model.first[i];
        }
    }
    m->kept &= ~BIT(event);
    return event;
}

/* ---- Comparing -------------------------------------------------------- */

static char *
describe(gboolean moved, const PfTransition *t, const PfMachine *m)
{
    return moved
        ? g_strdup_printf("%s, %s, %s, keeps 0x%x", pf_state_name(t->to),
                          request_words[t->request], answer_words[t->answer],
                          m->kept)
        : g_strdup_printf("stays, keeps 0x%x", m->kept);
}

/* Fails unless 'row' and 'got', and the machines after it, are the same. */
static void
compare(PfMachine before, PfEvent event, const Row *row, const PfMachine *mm,
        gboolean moved, const PfTransition *got, const PfMachine *m)
{
    g_autofree char *theirs = describe(row != NULL, row ? &row->t : NULL, mm);
    g_autofree char *ours = describe(moved, got, m);

    if (strcmp(theirs, ours) || mm->state != m->state) {
        g_error("%s, state '%s', kept 0x%x, event '%s': machine.c: %s; "
                "tests/model: %s", pf_role_name(pf_state_role(before.state)),
                pf_state_name(before.state), before.kept,
                event == PF_N_EVENTS ? "(kept)" : pf_event_name(event), ours,
                theirs);
    }
}

static void
compare_event(PfState state, guint32 kept, PfEvent event)
{
    PfMachine before = { state, kept }, m = before, mm = before;
    PfTransition t;
    gboolean moved = pf_machine_event(&m, event, &t);
    const Row *row = feed(&mm, event);

    compare(before, event, row, &mm, moved, &t, &m);
}

static void
compare_kept(PfState state, guint32 kept)
{
    PfMachine before = { state, kept }, m = before, mm = before;
    PfTransition t;
    gboolean moved = pf_machine_next(&m, &t);
    const Row *row = NULL;

    while (!is_busy(mm.state) && !pf_state_is_end(mm.state) && mm.kept
           && !row) {
        row = feed(&mm, take_kept(&mm));
    }
    compare(before, PF_N_EVENTS, row, &mm, moved, &t, &m);
}

/* ---- Tests ------------------------------------------------------------ */

static void
test_transitions_are_the_same(void)
{
    for (int state = 0; state < PF_N_STATES; state++) {
        for (int event = 0; event < PF_N_EVENTS; event++) {
            compare_event(state, 0, event);
        }
    }
    g_test_message("%u rows", model.n_rows);
}

/* Else it would be in the table and never taken. */
static void
test_rows_can_be_taken(void)
{
    for (int state = 0; state < PF_N_STATES; state++) {
        for (int event = 0; event < PF_N_EVENTS; event++) {
            if (model.rows[state][event].is_there
                && is_busy(state) && !is_inner(event)) {
                g_error("table.pml: '%s' in '%s', which is busy, can never "
                        "be taken", pf_event_name(event),
                        pf_state_name(state));
            }
        }
    }
}

static void
test_kept_events_are_the_same(void)
{
    for (int state = 0; state < PF_N_STATES; state++) {
        for (int a = PF_EV_MIGRATE; a < PF_EV_RECOVER; a++) {
            for (int b = PF_EV_MIGRATE; b <= a; b++) {
                for (int event = 0; event < PF_N_EVENTS; event++) {
                    compare_event(state, BIT(a) | BIT(b), event);
                }
                compare_kept(state, BIT(a) | BIT(b));
            }
        }
    }
}

/* The model takes a state for busy if a request is under way. */
static void
test_busy_states_have_requests(void)
{
    for (int state = 0; state < PF_N_STATES; state++) {
        g_assert_cmpint(pf_state_is_busy(state), ==, is_busy(state));
        for (int event = 0; event < PF_N_EVENTS; event++) {
            const Row *row = &model.rows[state][event];
            PfRequest request = row->t.request;
            gboolean aside = (request == PF_REQ_NONE
                              || request == PF_REQ_ABORT
                              || request == PF_REQ_ASK_JOB
                              || request == PF_REQ_CLOSE_GATES);

            if (row->is_there && aside == pf_state_is_busy(row->t.to)) {
                g_error("'%s' in '%s' leads to '%s' with request %s",
                        pf_event_name(event), pf_state_name(state),
                        pf_state_name(row->t.to), request_words[request]);
            }
        }
    }
}

/* The model's journal has, for a state, the one to which a restart leads. */
static void
test_restarts_lead_to_the_same(void)
{
    for (int state = 0; state < PF_COMPLETED; state++) {
        const Row *once = &model.rows[state][PF_EV_RECOVER];
        const Row *again = &model.rows[once->t.to][PF_EV_RECOVER];

        if (!once->is_there) {
            g_error("no restart from '%s'", pf_state_name(state));
        }
        if (!pf_state_is_end(once->t.to)
            && (again->t.to != once->t.to
                || again->t.request != once->t.request)) {
            g_error("a restart in '%s' leads to '%s' (%s), one there to '%s' "
                    "(%s)", pf_state_name(state), pf_state_name(once->t.to),
                    request_words[once->t.request],
                    pf_state_name(again->t.to),
                    request_words[again->t.request]);
        }
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    read_file("table.pml");
    read_file("rules.pml");
#define TEST(FUNCTION) g_test_add_func("/model/" #FUNCTION, test_##FUNCTION)
    TEST(transitions_are_the_same);
    TEST(rows_can_be_taken);
    TEST(kept_events_are_the_same);
    TEST(busy_states_have_requests);
    TEST(restarts_lead_to_the_same);
#undef TEST
    return g_test_run();
}
