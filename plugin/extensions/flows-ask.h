/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-ask: several questions to one bridge at once, and one answer when all
 * have been answered.
 */
#ifndef PF_FLOWS_ASK_H
#define PF_FLOWS_ASK_H 1

#include <portferry/extension.h>

typedef struct PfFlowAsk PfFlowAsk;

/* Called once, never from within pf_flow_ask_go(); what was answered lives
 * until it returns. */
typedef void (*PfFlowAskDone)(gpointer user, const PfFlowAsk *);

PfFlowAsk *pf_flow_ask_new(const PfHost *, const char *bridge,
                           guint timeout_ms);
/* As PfHost.openflow_dump(). */
void pf_flow_ask_add(PfFlowAsk *, PfOpenflowKind, const char *filter);
/* Asks, calls 'done', and frees it; there must be a question. */
void pf_flow_ask_go(PfFlowAsk *, PfFlowAskDone done, gpointer user);

guint pf_flow_ask_count(const PfFlowAsk *);
PfOpenflowKind pf_flow_ask_kind(const PfFlowAsk *, guint n);
/* May be NULL. */
const char *pf_flow_ask_filter(const PfFlowAsk *, guint n);
/* Lines (char *) that answer the n-th question, empty if it failed. */
const GPtrArray *pf_flow_ask_lines(const PfFlowAsk *, guint n);
/* The n-th question's error, or NULL. */
const GError *pf_flow_ask_error(const PfFlowAsk *, guint n);

#endif
