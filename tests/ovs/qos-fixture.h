/* SPDX-License-Identifier: Apache-2.0
 *
 * qos-fixture: what the tests of the extension `qos' share.
 *
 * The two bridges br0 and br1 of the one Open vSwitch play both hosts, one
 * after the other.  Policies are JSON, as they travel.
 */
#ifndef QOS_FIXTURE_H
#define QOS_FIXTURE_H 1

#include "extension-fixture.h"
#include "extension.h"

#define QOS (&pf_extension_qos)
/* A key of a row that is not there, in JSON with ' for ". */
#define QF_KEY "'key': '11111111-0000-4000-8000-000000000001'"
/* Policies of a port for which libvirt has set QoS. */
#define QF_LIBVIRTS "{\"libvirt\":true,\"min-rate\":8000000}"

/* A network that says nothing about QoS. */
extern PfNetwork *qf_lan;

void qf_init(void);
void qf_done(void);

/* Adds port 'name' to 'bridge', without QoS. */
void qf_add_port(const char *name, const char *bridge);
void qf_del_port(const char *name);
/* Runs ovs-vsctl, and lets the replica have what it did. */
void qf_vsctl(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* What libvirt 9.0 runs for <bandwidth><inbound average='1000' peak='2000'
 * burst='1024'/>: virnetdevopenvswitch.c, InterfaceSetTxQos. */
void qf_libvirt_sets_qos(const char *name);

/* What ovs-vsctl prints of the port's QoS, but for our own marks, and what the
 * datapath's port has. */
char *qf_listing(const char *port);
/* Demands that there are so many QoS and Queue rows. */
void qf_assert_rows(guint n_qos, guint n_queues);
void qf_assert_no_rows(void);

/* The port's policies; NULL: it says none. */
char *qf_policies_of(const char *name, const char *bridge);
void qf_assert_policies(const char *name, const char *bridge,
                        const char *expected);
/* 'json', with ' for ", as the codec writes it. */
char *qf_quote(const char *json);

/* Calls 'func' for the port with policies 'json', as often as wished. */
void qf_request(PfCallFunc func, const char *name, const char *bridge,
                const char *json, guint times);
/* nic_restore; demands that it changes the database, or does not. */
void qf_restore(const char *name, const char *bridge, const char *old,
                const char *new_, gboolean changes);
/* The port leaves 'bridge', for good, with the policies that are returned. */
char *qf_leave(const char *name, const char *bridge, guint times);
/* The port with policies 'json' comes to 'bridge'. */
void qf_arrive(const char *name, const char *bridge, const char *json,
               guint times);

/* Demands that 'json', with ' for ", is refused with exactly 'text', or, NULL,
 * taken, for a port on br1. */
void qf_verdict(const char *json, const char *text);

#endif
