/* SPDX-License-Identifier: Apache-2.0
 *
 * qos-verify: the four verifications of the extension `qos'.
 */
#ifndef PF_QOS_VERIFY_H
#define PF_QOS_VERIFY_H 1

#include <portferry/extension.h>

/* The functions of PfExtension. */
PfPoliciesFunc pf_qos_verify_syntax;
PfPoliciesFunc pf_qos_verify_range;
PfPoliciesFunc pf_qos_verify_applicability;
PfPoliciesFunc pf_qos_verify_conflict;

/* The capacity that the network's XML gives, in bit/s; G_MAXUINT64 if it gives
 * none. */
guint64 pf_qos_capacity(const PfExtensionPort *port);
/* "min-rate ... are more than ...": what is said of a port that would reserve
 * 'own' bit/s where others have 'spent'. */
char *pf_qos_capacity_text(const char *bridge, const char *network,
                           guint64 own, guint64 spent, guint64 capacity);

#endif
