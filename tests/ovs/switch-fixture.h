/* SPDX-License-Identifier: Apache-2.0
 *
 * switch-fixture: a PfSwitch at a real Open vSwitch, for tests that make
 * changes and wait for their end.
 */
#ifndef SWITCH_FIXTURE_H
#define SWITCH_FIXTURE_H 1

#include "ovs-fixture.h"
#include "switch.h"

/* The migration of sw_ghost(). */
#define MIGRATION "5b0c6d0e-0000-4000-8000-000000000001"

extern PfSwitch *sw;
extern guint sw_changes_seen;   /* Calls of the 'changed' callback. */

/* Starts Open vSwitch, and 'sw' until it is ready. */
void switch_fixture_init(void);
/* The same with further columns for pf_rows_replicate(). */
void switch_fixture_init_with(const char *const *columns);
void switch_fixture_done(void);

/* Runs 'sw' until 'condition' holds for 'arg'. */
void sw_loop_until(OvsCondition condition, gpointer arg, const char *what);

/* How a submitted change ended. */
struct sw_outcome {
    gboolean over;
    GError *error;
};

/* For pf_switch_submit() with a struct sw_outcome, and to wait for it. */
void sw_on_done(gpointer outcome, const GError *error);
gboolean sw_is_over(gpointer outcome);

/* Submits 'change' and waits for its end; the caller frees the error. */
GError *sw_commit_within(PfChange *change, guint timeout_ms);
/* Submits 'change', which must succeed; tells how long it took. */
void sw_commit(PfChange *change, const char *what);
/* Submits 'change', which must fail with 'code' and a message that matches the
 * glob 'pattern'. */
void sw_commit_fails(PfChange *change, PfSwitchError code,
                     const char *pattern);

/* A change that adds an operational ghost to br0. */
PfChange *sw_ghost(const char *name, gint64 ofport);
/* Deletes port 'name' and checks that ovs-vsctl does not see it any more. */
void sw_delete_port(const char *name);

/* Forgets of whom the 'changed' callback has told; whether it has told of port
 * 'name' since (NULL: of every port), which is a condition too. */
void sw_forget_told(void);
gboolean sw_was_told(gpointer name);

/* Conditions: 'name' has an OpenFlow number; there is no port 'name'; 'sw' is
 * ready. */
gboolean sw_port_exists(gpointer name);
gboolean sw_port_is_gone(gpointer name);
gboolean sw_is_ready(gpointer unused);

#endif
