/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-schema: brings the schema of the journal's database up to that of
 * this program.
 */
#include <config.h>

#include "journal-schema.h"

#include <stdio.h>
#include <string.h>

#include "journal-file.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_journal_schema);

/* Pause before a question is asked again that ovsdb-server has refused: the
 * first, doubled up to the last. */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 8000

struct PfJournalSchema {
    char *remote;
    char *file;
    gboolean good;
    gboolean converted;         /* Nothing to do until it is served anew. */
    char *older;                /* Version that is being converted, or NULL:
                                 * asked for the version. */
    struct jsonrpc_session *session; /* While not good, or NULL. */
    unsigned int seqno;         /* Of 'session' when 'id' was sent. */
    struct json *id;            /* Of the question under way, or NULL. */
    long long int next;         /* When to ask. */
    int backoff;                /* Pause after the next failure. */
    char *error;
};

PfJournalSchema *
pf_journal_schema_new(const char *remote, const char *file)
{
    PfJournalSchema *s = g_new0(PfJournalSchema, 1);

    s->remote = g_strdup(remote);
    s->file = g_canonicalize_filename(file, NULL);
    s->backoff = RETRY_MIN_MS;
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
        g_free(s->file);
        g_free(s->error);
        g_free(s);
    }
}

/* ---- Versions ----------------------------------------------------------- */

/* The version in 'schema', valid as long as that; "" if there is none. */
static const char *
version_of(const struct json *schema)
{
    const struct json *version = schema && schema->type == JSON_OBJECT
        ? shash_find_data(json_object(schema), "version") : NULL;

    return version && version->type == JSON_STRING ? json_string(version) : "";
}

/* Whether version 'a' is earlier than 'b'.  They are "X.Y.Z" (RFC 7047,
 * section 3.2); what is missing is 0. */
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

/* Asks for the schema that ovsdb-server tells its clients, in its database
 * _Server (ovsdb-server(5)).  After a conversion that is still the old one,
 * until the database is served anew; so it is seen if that has not been done,
 * because an agent was killed, or somebody else has converted it. */
static struct jsonrpc_msg *
ask_schema(void)
{
    static const char text[] =
        "[\"_Server\", {\"op\": \"select\", \"table\": \"Database\","
        " \"where\": [[\"name\", \"==\", \"Portferry\"]],"
        " \"columns\": [\"schema\"]}]";

    return jsonrpc_create_request("transact", json_from_string(text), NULL);
}

/* Asks for the conversion; one that was converted already stays as it is. */
static struct jsonrpc_msg *
ask_conversion(void)
{
    struct json *name = json_string_create("Portferry");

    return jsonrpc_create_request(
        "convert", json_array_create_2(name, pf_journal_file_schema()), NULL);
}

static void
ask(PfJournalSchema *s)
{
    struct jsonrpc_msg *msg = s->older ? ask_conversion() : ask_schema();

    s->id = json_clone(msg->id);
    s->seqno = jsonrpc_session_get_seqno(s->session);
    jsonrpc_session_send(s->session, msg);
}

/* Remembers 'text', which is taken, and asks again later. */
static void
fail(PfJournalSchema *s, char *text)
{
    if (g_strcmp0(s->error, text)) {
        VLOG_WARN("%s", text);
    }
    g_free(s->error);
    s->error = text;
    hang_up(s);
    s->next = time_msec() + s->backoff;
    s->backoff = MIN(2 * s->backoff, RETRY_MAX_MS);
}

static void
refused(PfJournalSchema *s, const struct json *reason)
{
    char *text = json_to_string(reason, 0);

    if (!s->older) {
        fail(s, g_strdup_printf("ovsdb-server at %s does not tell the "
                                "journal's schema: %s", s->remote, text));
    } else if (strstr(text, "I/O error")) {
        fail(s, g_strdup_printf(
            "the journal's schema of version %s is not converted: the disk of "
            "%s does not take it (%s): it is tried again", s->older, s->file,
            text));
    } else {
        fail(s, g_strdup_printf(
            "the journal has a schema of version %s, and ovsdb-server cannot "
            "convert it (%s): move %s away, then end its use with `ovs-appctl "
            "-t ovsdb-server ovsdb-server/remove-db Portferry': a new one is "
            "made", s->older, text, s->file));
    }
    free(text);
}

/* The schema in an answer to ask_schema(), for the caller to destroy; NULL if
 * there is none. */
static struct json *
told_schema(const struct json *result)
{
    const struct json *first = result->type == JSON_ARRAY
        && json_array(result)->n ? json_array(result)->elems[0] : NULL;
    const struct json *rows = first && first->type == JSON_OBJECT
        ? shash_find_data(json_object(first), "rows") : NULL;
    const struct json *row = rows && rows->type == JSON_ARRAY
        && json_array(rows)->n ? json_array(rows)->elems[0] : NULL;
    const struct json *schema = row && row->type == JSON_OBJECT
        ? shash_find_data(json_object(row), "schema") : NULL;

    return (schema && schema->type == JSON_STRING
            ? json_from_string(json_string(schema)) : NULL);
}

/* ovsdb-server tells 'schema'. */
static PfSchema
compare(PfJournalSchema *s, const struct json *schema)
{
    struct json *ours = pf_journal_file_schema();
    const char *version = version_of(schema);

    if (is_earlier(version, version_of(ours))) {
        s->older = g_strdup(version);
        if (!s->error) {
            VLOG_INFO("the journal has a schema of version %s, it is "
                      "converted to version %s", version, version_of(ours));
        }
    } else {
        s->good = TRUE;
        s->backoff = RETRY_MIN_MS;
        g_clear_pointer(&s->error, g_free);
        hang_up(s);
    }
    json_destroy(ours);
    return s->good ? PF_SCHEMA_GOOD : PF_SCHEMA_UNKNOWN;
}

static PfSchema
answered(PfJournalSchema *s, const struct jsonrpc_msg *msg)
{
    PfSchema news = PF_SCHEMA_UNKNOWN;

    json_destroy(s->id);
    s->id = NULL;
    if (msg->type == JSONRPC_ERROR) {
        refused(s, msg->error);
    } else if (s->older) {
        s->converted = TRUE;
        g_clear_pointer(&s->error, g_free);
        hang_up(s);
        news = PF_SCHEMA_CONVERTED;
    } else {
        struct json *schema = told_schema(msg->result);

        if (schema) {
            news = compare(s, schema);
        } else {
            refused(s, msg->result);
        }
        json_destroy(schema);
    }
    return news;
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
        s->backoff = RETRY_MIN_MS;
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
