/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-fixture: plugin/openflow.h beside ovs-ofctl, for its tests.
 *
 * An Open vSwitch with bridge "br0" and two taps as ports: "a", number 1, and
 * "b-1", number 2, a name that needs quotes.  Functions that ask or change
 * something run the loop until there is an answer, and fail the test if it is
 * not what their names say.
 */
#ifndef OPENFLOW_FIXTURE_H
#define OPENFLOW_FIXTURE_H 1

#include "openflow.h"
#include "ovs-fixture.h"

/* What the newest version sees; without a version ovs-ofctl uses the oldest
 * one. */
#define OFCTL "ovs-ofctl -O OpenFlow15 "

extern PfOpenflow *of;
extern int tap_a, tap_b;        /* The guests' ends of "a" and "b-1". */

/* The longest turn of the loop, since it was set to 0 (us). */
extern gint64 longest_turn;

void openflow_fixture_init(void);
void openflow_fixture_done(void);

/* The loop. */
void run_openflow(gpointer of);
void wait_openflow(gpointer of);
void loop_until(OvsCondition condition, gpointer arg, const char *what);

/* How a request ended. */
typedef struct {
    gboolean over;
    GPtrArray *lines;
    guint n_parts;              /* In which 'lines' came. */
    GError *error;
} Outcome;

#define OUTCOME_INIT { FALSE, NULL, 0, NULL }

void on_lines(gpointer outcome, const GPtrArray *lines, gboolean last,
              const GError *error);
void on_done(gpointer outcome, const GError *error);
gboolean is_over(gpointer outcome);
void outcome_clear(Outcome *);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

/* Asks br0.  The lines come sorted, as one text. */
char *dump(PfOpenflowKind kind, const char *filter);
GError *dump_error(PfOpenflowKind kind, const char *filter);
void assert_dump(PfOpenflowKind kind, const char *filter,
                 const char *expected);

/* pf_openflow_bundle() and pf_openflow_meters(). */
typedef void ChangeFunc(PfOpenflow *, const char *bridge,
                        const GPtrArray *commands, guint timeout_ms,
                        PfDoneFunc *done, gpointer user);

/* Carries out 'commands' on br0; returns the error or NULL. */
GError *change_array(ChangeFunc *, const GPtrArray *commands);
/* The same for commands in one text, one a line. */
GError *change(ChangeFunc *, const char *commands);
void bundle_ok(const char *commands);
void meters_ok(const char *commands);

#define assert_message(ERROR, CODE, MESSAGE)                    \
    G_STMT_START {                                              \
        g_assert_error(ERROR, PF_OPENFLOW_ERROR, CODE);         \
        g_assert_cmpstr((ERROR)->message, ==, MESSAGE);         \
    } G_STMT_END

/* Takes all rules, groups and meters away, and lets the bridge speak every
 * version again. */
void empty_bridge(void);

#endif
