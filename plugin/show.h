/* SPDX-License-Identifier: Apache-2.0
 *
 * show: the agent's answers, in words for a person.
 *
 * The agent answers in JSON; with --format=json the command prints that, and
 * otherwise what these functions make of it.  They ask nobody and never fail:
 * a member that is missing is shown as nothing.
 */
#ifndef PF_SHOW_H
#define PF_SHOW_H 1

#include <json-glib/json-glib.h>

/* Each appends to 's' what the agent's answer 'root' to the command of that
 * name says, for a terminal of 'width' columns. */
typedef void PfShow(JsonObject *root, guint width, GString *s);
PfShow pf_show_status;
PfShow pf_show_ports;
PfShow pf_show_trace;
PfShow pf_show_check;
PfShow pf_show_release;

/* Whether 'root' is the answer that something would be refused. */
gboolean pf_show_is_refused(JsonNode *root);

#endif
