/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-ask: see flows-ask.h.
 */
#include <config.h>

#include "plugin/extensions/flows-ask.h"

typedef struct {
    PfFlowAsk *ask;
    PfOpenflowKind kind;
    char *filter;
    GPtrArray *lines;
    GError *error;
} Question;

struct PfFlowAsk {
    const PfHost *host;
    char *bridge;
    guint timeout_ms;
    GPtrArray *questions;
    guint n_open;               /* Not answered yet. */
    PfFlowAskDone done;
    gpointer user;
};

static void
question_free(gpointer p)
{
    Question *question = p;

    g_free(question->filter);
    g_ptr_array_unref(question->lines);
    g_clear_error(&question->error);
    g_free(question);
}

PfFlowAsk *
pf_flow_ask_new(const PfHost *host, const char *bridge, guint timeout_ms)
{
    PfFlowAsk *ask = g_new0(PfFlowAsk, 1);

    ask->host = host;
    ask->bridge = g_strdup(bridge);
    ask->timeout_ms = timeout_ms;
    ask->questions = g_ptr_array_new_with_free_func(question_free);
    return ask;
}

void
pf_flow_ask_add(PfFlowAsk *ask, PfOpenflowKind kind, const char *filter)
{
    Question *question = g_new0(Question, 1);

    question->ask = ask;
    question->kind = kind;
    question->filter = g_strdup(filter);
    question->lines = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(ask->questions, question);
}

static void
answered(gpointer user, const GPtrArray *lines, gboolean last,
         const GError *error)
{
    Question *question = user;
    PfFlowAsk *ask = question->ask;

    for (guint i = 0; i < lines->len; i++) {
        g_ptr_array_add(question->lines, g_strdup(lines->pdata[i]));
    }
    if (!last) {
        return;
    }
    if (error) {
        question->error = g_error_copy(error);
        g_ptr_array_set_size(question->lines, 0);
    }
    if (--ask->n_open) {
        return;
    }
    ask->done(ask->user, ask);
    g_ptr_array_unref(ask->questions);
    g_free(ask->bridge);
    g_free(ask);
}

void
pf_flow_ask_go(PfFlowAsk *ask, PfFlowAskDone done, gpointer user)
{
    guint n = ask->questions->len;

    ask->done = done;
    ask->user = user;
    ask->n_open = n;
    for (guint i = 0; i < n; i++) {
        Question *question = ask->questions->pdata[i];

        ask->host->openflow_dump(ask->bridge, question->kind,
                                 question->filter, ask->timeout_ms, answered,
                                 question);
    }
}

guint
pf_flow_ask_count(const PfFlowAsk *ask)
{
    return ask->questions->len;
}

PfOpenflowKind
pf_flow_ask_kind(const PfFlowAsk *ask, guint n)
{
    return ((const Question *) ask->questions->pdata[n])->kind;
}

const char *
pf_flow_ask_filter(const PfFlowAsk *ask, guint n)
{
    return ((const Question *) ask->questions->pdata[n])->filter;
}

const GPtrArray *
pf_flow_ask_lines(const PfFlowAsk *ask, guint n)
{
    return ((const Question *) ask->questions->pdata[n])->lines;
}

const GError *
pf_flow_ask_error(const PfFlowAsk *ask, guint n)
{
    return ((const Question *) ask->questions->pdata[n])->error;
}
