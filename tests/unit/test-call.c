/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of calls of extensions (call.h), of one that does what it may not
 * above all: it answers twice, late, never, from another thread, or with what
 * cannot be saved.
 */
#include <config.h>

#include <math.h>
#include <string.h>

#include "call.h"
#include "extension.h"

static PfHost host;

/* ---- An extension ------------------------------------------------------- */

/* What it does when it is called. */
static void (*act)(PfCall *);
/* The last call. */
static PfCall *last;

static void
function(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED)
{
    last = call;
    if (act) {
        act(call);
    }
}

static void
policies_function(PfCall *call, const PfExtensionPort *port,
                  GVariant *policies G_GNUC_UNUSED)
{
    function(call, port);
}

static const PfExtension extension = {
    .abi = PF_EXTENSION_ABI,
    .name = "clumsy",
    .version = 1,
    .summary = "nothing",
    .describe = function,
    .nic_save = function,
    .verify_range = policies_function,
    .property_add = policies_function,
};

/* ---- The agent ---------------------------------------------------------- */

/* Where the call's changes go; nobody carries them out. */
static PfChange *change;

/* What came of the call. */
static struct {
    guint times;
    char *error;                /* or NULL. */
    char *policies;             /* Printed, or NULL. */
    gsize n_chunks;
    char *problems;
    char *note;
    char *shown;                /* Printed, or NULL. */
    gboolean changed;
} said;

static char *
print(GVariant *v)
{
    return v ? g_variant_print(v, FALSE) : NULL;
}

static void
on_done(gpointer user, const PfCallResult *r)
{
    g_assert_true(user == &said);
    said.times++;
    said.error = r->error ? g_strdup(r->error->message) : NULL;
    said.policies = print(r->policies);
    said.n_chunks = r->chunks ? g_variant_n_children(r->chunks) : 0;
    said.problems = pf_problems_text(r->problems);
    said.note = g_strdup(r->note);
    said.shown = print(r->shown);
    said.changed = r->changed;
}

static void
forget(void)
{
    g_free(said.error);
    g_free(said.policies);
    g_free(said.problems);
    g_free(said.note);
    g_free(said.shown);
    memset(&said, 0, sizeof said);
}

/* Calls 'func' of the extension, which does 'what'. */
static void
begin(PfCallFunc func, void (*what)(PfCall *), guint timeout_ms)
{
    PfExtensionPort port = {
        .domain = "vm1",
        .mac = "52:54:00:aa:00:01",
        .name = "web0",
    };
    PfCallSpec spec = {
        .extension = &extension,
        .func = func,
        .port = &port,
        .change = func == PF_CALL_PROPERTY_ADD ? change : NULL,
        .timeout_ms = timeout_ms,
    };

    forget();
    act = what;
    pf_call_begin(&spec, on_done, &said);
}

/* The same until it is over. */
static void
run(PfCallFunc func, void (*what)(PfCall *), guint timeout_ms)
{
    begin(func, what, timeout_ms);
    while (!said.times) {
        g_main_context_iteration(NULL, TRUE);
    }
}

/* ---- Tests -------------------------------------------------------------- */

static GVariant *
a_state(void)
{
    return g_variant_new_parsed("{'a': <'b'>}");
}

static void
say_everything(PfCall *call)
{
    host.policies(call, a_state());
    host.chunk(call, a_state());
    host.chunk(call, a_state());
    host.problem(call, "too %s", "much");
    host.note(call, "one");
    host.note(call, "two");
    host.show(call, "a_b", g_variant_new_string("c"));
}

static void
say_everything_and_end(PfCall *call)
{
    say_everything(call);
    host.end(call, NULL);
}

static void
assert_said_everything(void)
{
    g_assert_cmpuint(said.times, ==, 1);
    g_assert_cmpstr(said.error, ==, NULL);
    g_assert_cmpstr(said.policies, ==, "{'a': <'b'>}");
    g_assert_cmpuint(said.n_chunks, ==, 2);
    g_assert_cmpstr(said.problems, ==, "range: too much");
    g_assert_cmpstr(said.note, ==, "one; two");
    g_assert_cmpstr(said.shown, ==, "{'a_b': <'c'>}");
}

static void
test_what_is_said_before_the_end_counts(void)
{
    begin(PF_CALL_VERIFY_RANGE, say_everything_and_end, 60000);
    assert_said_everything();

    begin(PF_CALL_VERIFY_RANGE, say_everything, 60000);
    g_assert_cmpuint(said.times, ==, 0);
    g_assert_cmpuint(host.time_left_ms(last), >, 0);
    host.end(last, NULL);
    assert_said_everything();
}

static void
count(gpointer n)
{
    ++*(int *) n;
}

static gboolean
never_applied(PfTxn *txn G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED,
              GError **error G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

/* Everything that can be said with a call, and may not be any more. */
static void
assert_is_left_aside(PfCall *call)
{
    int freed = 0;

    say_everything(call);
    host.change(call, never_applied, &freed, count);
    g_assert_cmpint(freed, ==, 1);
    g_assert_cmpuint(host.time_left_ms(call), ==, 0);
}

static void
end_twice(PfCall *call)
{
    host.end(call, NULL);
    host.end(call, NULL);
    assert_is_left_aside(call);
}

static void
test_what_is_said_after_the_end_is_left_aside(void)
{
    begin(PF_CALL_PROPERTY_ADD, end_twice, 60000);
    g_assert_cmpuint(said.times, ==, 1);
    g_assert_cmpstr(said.policies, ==, NULL);

    /* Now it is freed. */
    host.end(last, NULL);
    assert_is_left_aside(last);
    g_assert_false(host.allows_vlan(last, 1));
    g_assert_cmpstr(host.allowed_vlans(last), ==, NULL);
    g_assert_cmpuint(said.times, ==, 1);
    g_assert_cmpstr(said.policies, ==, NULL);
    g_assert_false(said.changed);
}

static void
test_who_does_not_end_is_given_up(void)
{
    run(PF_CALL_PROPERTY_ADD, NULL, 20);
    g_assert_cmpstr(said.error, ==, "extension 'clumsy' did not end "
                    "property_add within 20 ms");
    assert_is_left_aside(last);
    g_assert_true(host.allows_vlan(last, 1));
    host.end(last, NULL);
    host.end(last, NULL);
    g_assert_cmpuint(said.times, ==, 1);
    g_assert_cmpstr(said.policies, ==, NULL);
}

static gpointer
end_in_thread(gpointer call)
{
    host.policies(call, a_state());
    host.end(call, NULL);
    return NULL;
}

static void
end_elsewhere(PfCall *call)
{
    g_thread_join(g_thread_new("clumsy", end_in_thread, call));
}

static void
test_other_threads_are_not_listened_to(void)
{
    begin(PF_CALL_NIC_SAVE, end_elsewhere, 60000);
    g_assert_cmpuint(said.times, ==, 0);
    host.end(last, NULL);
    g_assert_cmpuint(said.times, ==, 1);
    g_assert_cmpstr(said.policies, ==, NULL);
}

/* What the extension says in the next tests. */
static GVariant *state;

static void
say_policies(PfCall *call)
{
    host.policies(call, state);
    host.end(call, NULL);
}

static void
say_chunk(PfCall *call)
{
    host.chunk(call, a_state());
    host.chunk(call, state);
    host.end(call, NULL);
}

/* Demands that 'text' as policies and as a chunk fails the call, because
 * of 'why'. */
static void
assert_unsaved(const char *text, const char *why)
{
    g_autoptr(GVariant) v = text ? g_variant_ref_sink(
        g_variant_new_parsed(text)) : NULL;
    g_autofree char *policies = g_strconcat(
        "extension 'clumsy' gave policies that cannot be saved: ", why, NULL);
    g_autofree char *chunk = g_strconcat(
        "extension 'clumsy' gave a chunk that cannot be saved: ", why, NULL);

    state = v;
    begin(PF_CALL_NIC_SAVE, say_policies, 60000);
    g_assert_cmpstr(said.error, ==, policies);
    g_assert_cmpstr(said.policies, ==, NULL);
    begin(PF_CALL_NIC_SAVE, say_chunk, 60000);
    g_assert_cmpstr(said.error, ==, chunk);
}

static void
test_what_no_host_would_read_fails(void)
{
#define NEITHER "which is none of s, x, d, b, av and a{sv}"
    assert_unsaved(NULL, "none at all");
    assert_unsaved("'text'", "of type 's', not a{sv}");
    assert_unsaved("{'a': 'b'}", "of type 'a{ss}', not a{sv}");
    assert_unsaved("{'a': <uint32 7>}",
                   "'a': a value of type 'u', " NEITHER);
    assert_unsaved("{'a': <['b', 'c']>}",
                   "'a': a value of type 'as', " NEITHER);
    assert_unsaved("{'a': <[<int64 1>, <(int64 1, 2)>]>}",
                   "'a': a value of type '(xi)', " NEITHER);
    assert_unsaved("{'a': <{'b': <byte 1>}>}",
                   "'a': a value of type 'y', " NEITHER);
    assert_unsaved("{'a': <@mv nothing>}",
                   "'a': a value of type 'mv', " NEITHER);
    assert_unsaved("{'a': <inf>}",
                   "'a': a real that is infinite or no number");
    assert_unsaved("{'a': <[<nan>]>}",
                   "'a': a real that is infinite or no number");
    assert_unsaved("{'a': <[<[<[<[<[<[<[<{'b': <1.0>}>]>]>]>]>]>]>]>}",
                   "'a': nested deeper than 8 levels");
}

static void
test_what_is_just_within_the_limits_is_saved(void)
{
    state = g_variant_new_parsed(
        "{'a': <[<[<[<[<[<[<{'b': <int64 1>}>]>]>]>]>]>]>, "
        "'c': <[<'d'>, <1.5>, <true>]>}");
    begin(PF_CALL_NIC_SAVE, say_policies, 60000);
    g_assert_cmpstr(said.error, ==, NULL);
    g_assert_nonnull(said.policies);
}

static void
test_too_many_values_fail(void)
{
    GVariantBuilder list;
    GVariantDict dict;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < 500000; i++) {
        g_variant_builder_add(&list, "v", g_variant_new_boolean(TRUE));
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "a", g_variant_builder_end(&list));
    state = g_variant_dict_end(&dict);
    begin(PF_CALL_NIC_SAVE, say_policies, 60000);
    g_assert_cmpstr(said.error, ==, "extension 'clumsy' gave policies that "
                    "cannot be saved: 'a': more than 500000 values");

    g_autofree char *long_ = g_strnfill(8 << 20, 'x');
    state = g_variant_new_parsed("{'a': <%s>}", long_);
    begin(PF_CALL_NIC_SAVE, say_policies, 60000);
    g_assert_nonnull(strstr(said.error, "bytes long, 8388608 is the limit"));
}

static void
test_too_long_a_text_fails(void)
{
    /* As text, 18 MiB. */
    g_autofree char *escaped = g_strnfill(3 << 20, '\001');

    state = g_variant_new_parsed("{'a': <%s>}", escaped);
    begin(PF_CALL_NIC_SAVE, say_policies, 60000);
    g_assert_cmpstr(said.error, ==, "extension 'clumsy' gave policies that "
                    "cannot be saved: 18874376 bytes long as text, 16777216 "
                    "is the limit");
}

static void
say_5000_chunks(PfCall *call)
{
    for (guint i = 0; i < 5000; i++) {
        host.chunk(call, a_state());
    }
    host.end(call, NULL);
}

static void
test_too_many_chunks_fail(void)
{
    begin(PF_CALL_NIC_SAVE, say_5000_chunks, 60000);
    g_assert_cmpstr(said.error, ==, "extension 'clumsy' gave chunks that "
                    "cannot be saved: more than 4096");
}

static void
show(PfCall *call)
{
    host.show(call, "good", g_variant_new_int64(1));
    host.show(call, "Bad key", g_variant_new_int64(1));
    host.show(call, "", g_variant_new_int64(1));
    host.show(call, "real", g_variant_new_double(NAN));
    host.show(call, "list", g_variant_new_parsed("['a']"));
    host.show(call, "none", NULL);
    host.end(call, NULL);
}

static void
test_shows_strings_and_integers(void)
{
    begin(PF_CALL_DESCRIBE, show, 60000);
    g_assert_cmpstr(said.shown, ==, "{'good': <int64 1>}");
}

static int freed;

static void
change_and_end(PfCall *call)
{
    host.change(call, never_applied, &freed, count);
    host.end(call, NULL);
}

static void
test_changes_where_it_may(void)
{
    freed = 0;
    begin(PF_CALL_PROPERTY_ADD, change_and_end, 60000);
    g_assert_true(said.changed);
    g_assert_cmpint(freed, ==, 0);
    pf_change_free(change);
    g_assert_cmpint(freed, ==, 1);
    change = pf_change_new(FALSE);
    begin(PF_CALL_NIC_SAVE, change_and_end, 60000);
    g_assert_false(said.changed);
    g_assert_cmpint(freed, ==, 2);
}

static void
fail(PfCall *call)
{
    g_autoptr(GError) error = g_error_new(
        G_FILE_ERROR, G_FILE_ERROR_NOENT, "no\nfile \"\xff\"");

    host.end(call, error);
}

static void
test_errors_are_one_line_of_utf8(void)
{
    begin(PF_CALL_NIC_SAVE, fail, 60000);
    g_assert_cmpstr(said.error, ==, "no?file \"\xef\xbf\xbd\"");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    pf_call_fill_host(&host);
#define TEST(NAME) g_test_add_func("/call/" #NAME, test_##NAME)
    TEST(what_is_said_before_the_end_counts);
    TEST(what_is_said_after_the_end_is_left_aside);
    TEST(who_does_not_end_is_given_up);
    TEST(other_threads_are_not_listened_to);
    TEST(what_no_host_would_read_fails);
    TEST(what_is_just_within_the_limits_is_saved);
    TEST(too_many_values_fail);
    TEST(too_long_a_text_fails);
    TEST(too_many_chunks_fail);
    TEST(shows_strings_and_integers);
    TEST(changes_where_it_may);
    TEST(errors_are_one_line_of_utf8);
    change = pf_change_new(FALSE);
    int status = g_test_run();
    pf_change_free(change);
    forget();
    return status;
}
