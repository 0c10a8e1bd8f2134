/* SPDX-License-Identifier: Apache-2.0
 *
 * flows: the extension for a port's OpenFlow rules, and what its parts share.
 *
 * flows.c is the PfExtension; flows-save.c has the requests of the source,
 * flows-verify.c the verifications, flows-install.c and flows-restore.c what
 * brings rules to a bridge and takes them away.
 */
#ifndef PF_FLOWS_H
#define PF_FLOWS_H 1

#include <portferry/extension.h>

#include "plugin/extensions/flows-check.h"
#include "plugin/extensions/flows-set.h"

extern const PfHost *pf_flows_host;

/* Ends 'call' and returns FALSE if there is nothing to do: the network says
 * that no rules are carried, or the bridge's belong to a controller, which is
 * noted; or the options are wrong.  Otherwise reads them. */
gboolean pf_flows_begin(PfCall *call, const PfExtensionPort *port,
                        PfFlowOptions *options);
/* Ends 'call' with an error of PF_FLOW_ERROR. */
void pf_flows_fail(PfCall *call, PfFlowError code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* What the rules of 'set' are measured by: the network of the call's port, and
 * the number that the port has in 'set'. */
PfFlowCheck pf_flows_check(PfCall *call, const PfExtensionPort *port,
                           const PfFlowOptions *options,
                           const PfFlowSet *set);
/* For questions within 'call': what is left of its time. */
guint pf_flows_timeout(const PfCall *call);

/* What is left of a rule's timeouts, as run-time data says it. */
char *pf_flows_digest(const char *line);

PfPortFunc pf_flows_get_policies;
PfPortFunc pf_flows_nic_save;
PfPoliciesFunc pf_flows_verify_syntax;
PfPoliciesFunc pf_flows_verify_range;
PfPoliciesFunc pf_flows_verify_applicability;
PfPoliciesFunc pf_flows_verify_conflict;
PfPoliciesFunc pf_flows_property_add;
PfPoliciesFunc pf_flows_property_remove;
PfPoliciesFunc pf_flows_port_teardown;
PfPoliciesFunc pf_flows_port_return;
PfPoliciesFunc pf_flows_port_gone;
void pf_flows_nic_restore(PfCall *, const PfExtensionPort *, GVariant *old,
                          GVariant *new_, GVariant *chunks);

#endif
