/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-schema: brings the schema of the journal's database up to that of
 * this program.
 */
#include <config.h>

#include "journal-schema.h"

#include <stdio.h>

#include "journal-file.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_journal_schema);

/* Pause before a question is asked again that ovsdb-server has refused. */
#define RETRY_MS 1000

struct PfJournalSchema {
    char *remote;
    gboolean good;
    gboolean converted;         /* Nothing to do until it is served anew. */
    char *older;                /* Version that is being converted, or NULL:
                                 * asked for the version. */
    struct jsonrpc_session *session; /* While not good, or NULL. */
    unsigned int seqno;         /* Of 'session' when 'id' was sent. */
    struct json *id;            /* Of the question under way, or NULL. */
    long long int next;         /* When to ask. */
    char *error;
};

PfJournalSchema *
pf_journal_schema_new(const char *remote)
{
    PfJournalSchema *s = g_new0(PfJournalSchema, 1);

    s->remote = g_strdup(remote);
    return s;
}

/* No question is under way any more, and there is no connection. */
static void
hang_up(PfJournalSchema *s)
{
    jsonrpc_session_close(s->session);
    s->session = NULL;
    json_destroy(s->id);
    s->id = NULL;
    g_clear_pointer(&s->older, g_free);
}

void
pf_journal_schema_free(PfJournalSchema *s)
{
    if (s) {
        hang_up(s);
        g_free(s->remote);
        g_free(s->error);
        g_free(s);
    }
}

/* ---- Versions ----------------------------------------------------------- */

/* The version in 'schema', valid as long as that; "" if it has none. */
static const char *
version_of(const struct json *schema)
{
    const struct json *version = schema && schema->type == JSON_OBJECT
        ? shash_find_data(json_object(schema), "version") : NULL;

    return version && version->type == JSON_STRING ? json_string(version) : "";
}

/* Whether version 'a' is earlier than 'b'.  They are "X.Y.Z" (RFC 7047, section
 * 3.1); what is not is earlier than any. */
static gboolean
is_earlier(const char *a, const char *b)
{
    guint x[3] = { 0 }, y[3] = { 0 };

    sscanf(a, "%u.%u.%u", &x[0], &x[1], &x[2]);
    sscanf(b, "%u.%u.%u", &y[0], &y[1], &y[2]);
    for (int i = 0; i < 3; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i];
        }
    }
    return FALSE;
}

/* ---- Questions and answers ---------------------------------------------- */

static void
ask(PfJournalSchema *s)
{
    struct json *name = json_string_create("Portferry");
    struct jsonrpc_msg *msg = s->older
        ? jsonrpc_create_request("convert", json_array_create_2(
            name, pf_journal_file_schema()), NULL)
        : jsonrpc_create_request("get_schema", json_array_create_1(name),
                                 NULL);

    s->id = json_clone(msg->id);
    s->seqno = jsonrpc_session_get_seqno(s->session);
    jsonrpc_session_send(s->session, msg);
}

static void
fail(PfJournalSchema *s, const struct json *reason)
{
    char *text = json_to_string(reason, 0);

    g_free(s->error);
    s->error = s->older
        ? g_strdup_printf(
            "the journal has a schema of version %s, and ovsdb-server cannot "
            "convert it (%s): end its use with `ovs-appctl -t ovsdb-server "
            "ovsdb-server/remove-db Portferry', move its file away, and a new "
            "one is made", s->older, text)
        : g_strdup_printf("ovsdb-server at %s does not tell the journal's "
                          "schema (%s)", s->remote, text);
    VLOG_WARN("%s", s->error);
    free(text);
    hang_up(s);
    s->next = time_msec() + RETRY_MS;
}

/* The database has 'schema'. */
static PfSchema
compare(PfJournalSchema *s, const struct json *schema)
{
    struct json *ours = pf_journal_file_schema();
    const char *version = version_of(schema);

    if (is_earlier(version, version_of(ours))) {
        s->older = g_strdup(version);
        VLOG_INFO("the journal has a schema of version %s, it is converted to "
                  "version %s", version, version_of(ours));
    } else {
        s->good = TRUE;
        hang_up(s);
    }
    json_destroy(ours);
    return s->good ? PF_SCHEMA_GOOD : PF_SCHEMA_UNKNOWN;
}

static PfSchema
answered(PfJournalSchema *s, const struct jsonrpc_msg *msg)
{
    json_destroy(s->id);
    s->id = NULL;
    if (msg->type == JSONRPC_ERROR) {
        fail(s, msg->error);
        return PF_SCHEMA_UNKNOWN;
    }
    g_clear_pointer(&s->error, g_free);
    if (!s->older) {
        return compare(s, msg->result);
    }
    s->converted = TRUE;
    hang_up(s);
    return PF_SCHEMA_CONVERTED;
}

static PfSchema
talk(PfJournalSchema *s)
{
    PfSchema news = PF_SCHEMA_UNKNOWN;
    struct jsonrpc_msg *msg;

    jsonrpc_session_run(s->session);
    if (s->id && s->seqno != jsonrpc_session_get_seqno(s->session)) {
        /* Who is connected now may serve another file. */
        json_destroy(s->id);
        s->id = NULL;
        g_clear_pointer(&s->older, g_free);
    }
    if (!s->id && jsonrpc_session_is_connected(s->session)) {
        ask(s);
    }
    while (s->session && (msg = jsonrpc_session_recv(s->session))) {
        if ((msg->type == JSONRPC_REPLY || msg->type == JSONRPC_ERROR)
            && s->id && json_equal(msg->id, s->id)) {
            news = answered(s, msg);
            if (s->session) {
                ask(s);
            }
        }
        jsonrpc_msg_destroy(msg);
    }
    return news;
}

/* ---- The outside -------------------------------------------------------- */

PfSchema
pf_journal_schema_run(PfJournalSchema *s, gboolean served)
{
    if (!served) {
        hang_up(s);
        s->good = s->converted = FALSE;
        s->next = 0;
        g_clear_pointer(&s->error, g_free);
        return PF_SCHEMA_UNKNOWN;
    }
    if (s->good) {
        return PF_SCHEMA_GOOD;
    }
    if (!s->session && !s->converted && time_msec() >= s->next) {
        s->session = jsonrpc_session_open(s->remote, true);
    }
    return s->session ? talk(s) : PF_SCHEMA_UNKNOWN;
}

void
pf_journal_schema_wait(PfJournalSchema *s)
{
    if (s->session) {
        jsonrpc_session_wait(s->session);
        jsonrpc_session_recv_wait(s->session);
    } else if (!s->good && !s->converted && s->next) {
        poll_timer_wait_until(s->next);
    }
}

const char *
pf_journal_schema_error(const PfJournalSchema *s)
{
    return s->error;
}
