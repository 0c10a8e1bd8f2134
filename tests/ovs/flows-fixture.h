/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-fixture: what the tests of the extension `flows' share.
 *
 * A port "web0" of the guest moves between br0 and br1, where it has different
 * OpenFlow numbers.  Other ports: "up0" on br0 and "up1" on br1.
 */
#ifndef FLOWS_FIXTURE_H
#define FLOWS_FIXTURE_H 1

#include "extension-fixture.h"
#include "extension.h"

/* Runs all tests in 'add' with the extension, if it is possible here. */
int ff_main(int argc, char *argv[], void (*add)(void));

/* A ghost 'name' with that OpenFlow number, and its end. */
void ff_add_port(const char *name, const char *bridge, int ofport);
void ff_del_port(const char *name);

/* Adds rules, each a line in ovs-ofctl's syntax, to 'bridge'. */
void ff_add_flows(const char *bridge, const char *lines);
/* ovs-ofctl of OpenFlow 1.5, with names. */
char *ff_ofctl(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* All rules, groups and meters of 'bridge', in order, without numbers of ports
 * or counters. */
char *ff_listing(const char *bridge);
/* Demands that the rules of 'bridge', in that order, are 'expected'. */
void ff_assert_rules(const char *bridge, const char *expected);
/* Demands that 'bridge' has none of them. */
void ff_assert_empty(const char *bridge);
/* Deletes all of them. */
void ff_clear(const char *bridge);

/* A network on 'bridge' whose options for the extension are 'options' (XML
 * elements with prefix "p", or NULL), and that allows 'vlans' (NULL: all). */
PfNetwork *ff_network(const char *bridge, const char *vlans,
                      const char *options);

/* What get_policies() says. */
GVariant *ff_policies(const char *bridge, const PfNetwork *);
/* That the port's only rule, in_port=web0 actions=NORMAL, is left to who
 * controls br0: it has no policies, and a teardown with 'policies' leaves
 * it. */
void ff_assert_left_to_controller(const PfNetwork *, GVariant *policies);
/* The port leaves 'bridge', every request 'times' times: its policies, and in
 * '*chunks' (or NULL) its run-time data. */
GVariant *ff_leave(const char *bridge, const PfNetwork *, guint times,
                   GVariant **chunks);
/* It arrives at 'bridge', with such a number. */
void ff_arrive(const char *bridge, int ofport, const PfNetwork *,
               GVariant *policies, GVariant *chunks, guint times);
/* The port "web1" of a guest with another MAC, on 'bridge'. */
#define FF_MAC1 "52:54:00:aa:00:02"
PfExtensionPort ff_port1(const char *bridge);
/* Begins 'func0' for "web0" and 'func1' for "web1" at once, and waits until
 * both have ended, without an error. */
void ff_call_both(const char *bridge, const PfNetwork *, PfCallFunc func0,
                  GVariant *policies0, PfCallFunc func1,
                  GVariant *policies1);
/* The lines of list 'key', in order, one in each line. */
char *ff_lines(GVariant *policies, const char *key);

#endif
