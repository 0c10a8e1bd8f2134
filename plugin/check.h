/* SPDX-License-Identifier: Apache-2.0
 *
 * check: the verification of a guest's ports on this host, without a
 * migration: the agent's command `check'.
 */
#ifndef PF_CHECK_H
#define PF_CHECK_H 1

#include "plugin/agent-private.h"

void pf_check_init(PfAgent *);

#endif
