/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-idle: gives rules their idle timeouts back.
 *
 * A rule arrives with what is left of its idle timeout, so that one that is
 * not used goes when it would have gone.  Shortly before that, those that were
 * used meanwhile get their configured timeout again: otherwise a guest that
 * migrates often would wear its rules down.
 */
#ifndef PF_FLOWS_IDLE_H
#define PF_FLOWS_IDLE_H 1

#include <portferry/extension.h>

#include "plugin/extensions/flows-rule.h"

void pf_flow_idle_init(void);
void pf_flow_idle_destroy(void);

/* 'rule' of 'port' was just installed as it is, but with 'idle' as its
 * configured timeout. */
void pf_flow_idle_add(const PfExtensionPort *port, PfFlowRule *rule,
                      const PfFlowNames *, guint idle);
/* The port has gone. */
void pf_flow_idle_forget(const char *name);

#endif
