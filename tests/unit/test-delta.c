/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/delta.h: a difference brings the one state to the other,
 * says no more than has changed, and nothing else is taken for one.
 */
#include <config.h>

#include "plugin/delta.h"

#include <string.h>

#include "plugin/pack.h"

/* ---- Helpers ---------------------------------------------------------- */

/* 'text' as a full reference. */
static GVariant *
state(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = pf_unpack_state(text, &error);

    if (!v) {
        g_error("%s: %s", error->message, text);
    }
    return v;
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* 'list' with its strings in order; as it is if there are others in it. */
static GVariant *
in_order(GVariant *list)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    GVariantBuilder builder;
    GVariantIter iter;
    GVariant *member;
    gboolean only_texts = TRUE;

    g_variant_iter_init(&iter, list);
    while (g_variant_iter_loop(&iter, "v", &member)) {
        if (g_variant_is_of_type(member, G_VARIANT_TYPE_STRING)) {
            g_ptr_array_add(texts, g_variant_dup_string(member, NULL));
        } else {
            only_texts = FALSE;
        }
    }
    if (!only_texts) {
        return list;
    }
    g_ptr_array_sort(texts, compare_texts);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < texts->len; i++) {
        g_variant_builder_add(&builder, "v",
                              g_variant_new_string(texts->pdata[i]));
    }
    return g_variant_builder_end(&builder);
}

/* The text of 'v', whatever the order of keys, and of its lists of strings. */
static char *
normal_text(GVariant *v)
{
    GVariantBuilder builder;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, v);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value)) {
        g_variant_builder_add(&builder, "{sv}", key,
                              g_variant_is_of_type(value,
                                                   G_VARIANT_TYPE("av"))
                              ? in_order(value) : value);
    }
    return pf_pack_state(g_variant_builder_end(&builder));
}

/* Demands that the difference from 'a' to 'b', sent, brings 'a' to 'b';
 * returns its text. */
static char *
assert_brings(GVariant *a, GVariant *b)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) delta = pf_delta_new(a, b);
    char *text = pf_pack_state(delta);
    g_autoptr(GVariant) received = pf_unpack_state(text, &error);
    g_assert_no_error(error);
    g_autoptr(GVariant) c = pf_delta_apply(a, received, &error);
    g_assert_no_error(error);
    g_autofree char *b_text = normal_text(b);
    g_autofree char *c_text = normal_text(c);

    g_assert_cmpstr(c_text, ==, b_text);
    return text;
}

/* ---- What a difference says ------------------------------------------- */

static const struct {
    const char *old;
    const char *new_;
    const char *delta;
} cases[] = {
    { "{}", "{}", "{}" },
    { "{\"a\":1,\"b\":[\"x\"],\"c\":{\"d\":1,\"e\":2}}",
      "{\"c\":{\"e\":2,\"d\":1},\"b\":[\"x\"],\"a\":1}", "{}" },
    { "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"y\",\"x\"]}", "{}" },
    { "{\"a\":null}", "{\"a\":null}", "{}" },

    /* Values as a whole. */
    { "{}", "{\"a\":1}", "{\"set\":{\"a\":1}}" },
    { "{\"a\":1}", "{}", "{\"del\":[\"a\"]}" },
    { "{\"a\":1}", "{\"a\":1.0}", "{\"set\":{\"a\":1.0}}" },
    { "{\"a\":1}", "{\"a\":\"1\"}", "{\"set\":{\"a\":\"1\"}}" },
    { "{\"a\":{\"b\":[\"x\"]}}", "{\"a\":{\"b\":[\"y\"]}}",
      "{\"set\":{\"a\":{\"b\":[\"y\"]}}}" },
    { "{\"a\":[1,2]}", "{\"a\":[2,1]}", "{\"set\":{\"a\":[2,1]}}" },
    { "{\"a\":[\"x\",1]}", "{\"a\":[1,\"x\"]}",
      "{\"set\":{\"a\":[1,\"x\"]}}" },
    { "{\"a\":[1]}", "{\"a\":[\"x\"]}", "{\"set\":{\"a\":[\"x\"]}}" },
    { "{\"a\":[\"x\"]}", "{\"a\":\"x\"}", "{\"set\":{\"a\":\"x\"}}" },
    { "{}", "{\"a\":[\"x\"]}", "{\"set\":{\"a\":[\"x\"]}}" },
    { "{\"a\":[\"x\"]}", "{}", "{\"del\":[\"a\"]}" },

    /* Members of sets. */
    { "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"y\",\"z\"]}",
      "{\"sets\":{\"a\":{\"add\":[\"z\"],\"del\":[\"x\"]}}}" },
    { "{\"a\":[]}", "{\"a\":[\"z\"]}",
      "{\"sets\":{\"a\":{\"add\":[\"z\"]}}}" },
    { "{\"a\":[\"z\"]}", "{\"a\":[]}",
      "{\"sets\":{\"a\":{\"del\":[\"z\"]}}}" },
    { "{\"a\":[\"x\",\"x\",\"x\"]}", "{\"a\":[\"x\"]}",
      "{\"sets\":{\"a\":{\"del\":[\"x\",\"x\"]}}}" },
    { "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"x\",\"y\",\"x\"]}",
      "{\"sets\":{\"a\":{\"add\":[\"x\"]}}}" },

    /* All at once. */
    { "{\"a\":[\"x\"],\"b\":1,\"c\":2,\"set\":3}",
      "{\"a\":[\"y\"],\"b\":2,\"set\":3,\"\":0}",
      "{\"del\":[\"c\"],\"set\":{\"\":0,\"b\":2},"
      "\"sets\":{\"a\":{\"add\":[\"y\"],\"del\":[\"x\"]}}}" },
};

static void
test_a_difference_says_what_has_changed(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GVariant) old = state(cases[i].old);
        g_autoptr(GVariant) new_ = state(cases[i].new_);
        g_autoptr(GVariant) delta = pf_delta_new(old, new_);
        g_autofree char *text = assert_brings(old, new_);

        g_test_message("%s to %s", cases[i].old, cases[i].new_);
        g_assert_cmpstr(text, ==, cases[i].delta);
        g_assert_cmpint(pf_delta_is_empty(delta), ==, !strcmp(text, "{}"));
    }
}

static void
test_a_difference_without_members_is_empty(void)
{
    g_autoptr(GVariant) nothing = state(
        "{\"set\":{},\"del\":[],\"sets\":{}}");
    g_autoptr(GVariant) odd = state("{\"set\":1}");
    g_autoptr(GVariant) some = state("{\"del\":[\"a\"],\"set\":{}}");

    g_assert_true(pf_delta_is_empty(nothing));
    g_assert_false(pf_delta_is_empty(odd));
    g_assert_false(pf_delta_is_empty(some));
}

static void
test_what_stays_keeps_its_order(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) old = state("{\"a\":[\"3\",\"1\",\"2\",\"1\"]}");
    g_autoptr(GVariant) delta = state(
        "{\"sets\":{\"a\":{\"add\":[\"5\",\"4\"],\"del\":[\"1\"]}}}");
    g_autoptr(GVariant) new_ = pf_delta_apply(old, delta, &error);
    g_autofree char *text = NULL;

    g_assert_no_error(error);
    text = pf_pack_state(new_);
    g_assert_cmpstr(text, ==, "{\"a\":[\"3\",\"2\",\"1\",\"5\",\"4\"]}");
}

/* ---- Any two states --------------------------------------------------- */

static GVariant *random_dict(int depth);

/* One of few, so that two states have much in common; floating. */
static GVariant *
random_string(void)
{
    static const char *const texts[] = { "", "a", "b", "æ", "a\nb", "\"" };

    return g_variant_new_string(
        texts[g_test_rand_int_range(0, G_N_ELEMENTS(texts))]);
}

static GVariant *random_value(int depth);

static GVariant *
random_list(GVariant *(*member)(int), int depth)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (int i = g_test_rand_int_range(0, 5); i > 0; i--) {
        g_variant_builder_add(&list, "v",
                              member ? member(depth) : random_string());
    }
    return g_variant_builder_end(&list);
}

static GVariant *
random_value(int depth)
{
    switch (g_test_rand_int_range(0, depth ? 8 : 5)) {
    case 0:
        return g_variant_new_int64(g_test_rand_int_range(0, 3));
    case 1:
        return g_variant_new_double(g_test_rand_int_range(0, 3) / 4.0);
    case 2:
        return g_variant_new_boolean(g_test_rand_bit());
    case 3:
        return random_string();
    case 4:
        return g_variant_new_maybe(G_VARIANT_TYPE_STRING, NULL);
    case 5:
        return random_list(random_value, depth - 1);
    case 6:
        return random_dict(depth - 1);
    default:
        return random_list(NULL, 0);
    }
}

static GVariant *
random_dict(int depth)
{
    static const char *const keys[] = { "", "a", "b", "c", "set", "æ" };
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (g_test_rand_bit()) {
            g_variant_dict_insert_value(&dict, keys[i],
                                        random_value(depth));
        }
    }
    return g_variant_dict_end(&dict);
}

static void
test_any_state_is_brought_to_any_other(void)
{
    guint n_empty = 0;

    for (int i = 0; i < 3000; i++) {
        g_autoptr(GVariant) a = g_variant_ref_sink(random_dict(2));
        g_autoptr(GVariant) b = (i % 10 ? g_variant_ref_sink(random_dict(2))
                                 : state("{}"));
        g_autofree char *a_text = normal_text(a);
        g_autofree char *b_text = normal_text(b);
        g_autofree char *there = assert_brings(a, b);
        g_autofree char *back = assert_brings(b, a);
        g_autofree char *nothing = assert_brings(a, a);

        g_assert_cmpstr(nothing, ==, "{}");
        g_assert_cmpint(!strcmp(there, "{}"), ==, !strcmp(a_text, b_text));
        n_empty += !strcmp(there, "{}");
    }
    g_test_message("%u of 3000 were equal", n_empty);
}

/* 'n' strings, of which the first 'skip' are left out. */
static GVariant *
strings(guint n, guint skip, const char *form)
{
    GVariantBuilder list;
    GVariantDict dict;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = skip; i < n; i++) {
        g_autofree char *number = g_strdup_printf("%u", i);
        g_autofree char *text = g_strconcat(form, number, NULL);

        g_variant_builder_add(&list, "v", g_variant_new_string(text));
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "rules", g_variant_builder_end(&list));
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static void
test_large_sets_differ_in_what_has_changed_only(void)
{
    static const char form[] = "table=0,priority=1,ip,nw_src=10.1.2.3/32 ";
    g_autoptr(GVariant) old = strings(20000, 0, form);
    g_autoptr(GVariant) shifted = strings(20003, 2, form);
    g_autoptr(GVariant) other = strings(20000, 0, "another ");
    g_autofree char *text = assert_brings(old, shifted);
    g_autofree char *all = assert_brings(old, other);

    g_assert_cmpuint(strlen(text), <, 400);
    g_assert_cmpuint(strlen(all), >, 1000);
}

/* ---- What is refused -------------------------------------------------- */

#define NOT "not a difference from what the stamp has: "
#define LONG_KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* For the state {"a": ["x", "x", "y"], "b": 1, "c": [1]}. */
static const struct {
    const char *delta;
    const char *error;
} refused[] = {
    { "{\"add\":{}}", NOT "1 unknown members" },
    { "{\"set\":{},\"Set\":1,\"\":2}", NOT "2 unknown members" },
    { "{\"set\":[]}", NOT "'set' is not of the right type" },
    { "{\"set\":null}", NOT "'set' is not of the right type" },
    { "{\"del\":{}}", NOT "'del' is not of the right type" },
    { "{\"del\":\"b\"}", NOT "'del' is not of the right type" },
    { "{\"del\":[1]}", NOT "'del' has a member that is no string" },
    { "{\"del\":[\"b\",[]]}", NOT "'del' has a member that is no string" },
    { "{\"sets\":[]}", NOT "'sets' is not of the right type" },
    { "{\"sets\":{\"a\":[]}}", NOT "'a': a list's changes are not a "
      "dictionary" },
    { "{\"sets\":{\"a\":{\"set\":[]}}}", NOT "1 unknown members" },
    { "{\"sets\":{\"a\":{\"add\":\"x\"}}}",
      NOT "'add' is not of the right type" },
    { "{\"sets\":{\"a\":{\"add\":[1]}}}",
      NOT "'add' has a member that is no string" },
    { "{\"sets\":{\"a\":{\"del\":[\"x\",null]}}}",
      NOT "'del' has a member that is no string" },

    /* Of another state. */
    { "{\"del\":[\"d\"]}", NOT "'d' is to go, and is not there" },
    { "{\"del\":[\"\"]}", NOT "'' is to go, and is not there" },
    { "{\"del\":[\"a\\nb\"]}",
      NOT "'(a long or odd key)' is to go, and is not there" },
    { "{\"del\":[\"" LONG_KEY "\"]}",
      NOT "'(a long or odd key)' is to go, and is not there" },
    { "{\"sets\":{\"d\":{}}}",
      NOT "'d': no list of strings is there to change" },
    { "{\"sets\":{\"b\":{\"add\":[\"x\"]}}}",
      NOT "'b': no list of strings is there to change" },
    { "{\"sets\":{\"c\":{\"add\":[\"x\"]}}}",
      NOT "'c': no list of strings is there to change" },
    { "{\"sets\":{\"a\":{\"del\":[\"z\"]}}}",
      NOT "'a': 1 strings are to go that are not there" },
    { "{\"sets\":{\"a\":{\"del\":[\"x\",\"y\",\"x\",\"x\"]}}}",
      NOT "'a': 1 strings are to go that are not there" },
    { "{\"sets\":{\"a\":{\"add\":[\"z\"],\"del\":[\"z\"]}}}",
      NOT "'a': 1 strings are to go that are not there" },

    /* More than once. */
    { "{\"del\":[\"b\",\"b\"]}", NOT "'b' changes twice" },
    { "{\"del\":[\"b\"],\"set\":{\"b\":2}}", NOT "'b' changes twice" },
    { "{\"set\":{\"a\":[\"z\"]},\"sets\":{\"a\":{\"del\":[\"z\"]}}}",
      NOT "'a' changes twice" },
    { "{\"del\":[\"a\"],\"sets\":{\"a\":{\"add\":[\"z\"]}}}",
      NOT "'a' changes twice" },
};

static void
test_what_is_no_difference_is_refused(void)
{
    g_autoptr(GVariant) old = state(
        "{\"a\":[\"x\",\"x\",\"y\"],\"b\":1,\"c\":[1]}");

    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GVariant) delta = state(refused[i].delta);
        g_autoptr(GError) error = NULL;

        g_test_message("%s", refused[i].delta);
        g_assert_null(pf_delta_apply(old, delta, &error));
        g_assert_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT);
        g_assert_cmpstr(error->message, ==, refused[i].error);
    }
}

/* Differences of other states are refused, or lead to a state. */
static void
test_any_difference_is_refused_or_carried_out(void)
{
    guint taken = 0;

    for (int i = 0; i < 3000; i++) {
        g_autoptr(GVariant) a = g_variant_ref_sink(random_dict(2));
        g_autoptr(GVariant) b = g_variant_ref_sink(random_dict(2));
        g_autoptr(GVariant) c = g_variant_ref_sink(random_dict(2));
        g_autoptr(GVariant) delta = pf_delta_new(a, b);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) d = pf_delta_apply(c, delta, &error);

        g_assert_cmpint(!d, ==, !!error);
        taken += d != NULL;
    }
    g_test_message("%u of 3000 taken", taken);
    g_assert_cmpuint(taken, >, 0);
    g_assert_cmpuint(taken, <, 3000);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(FUNCTION) g_test_add_func("/delta/" #FUNCTION, test_##FUNCTION)
    TEST(a_difference_says_what_has_changed);
    TEST(a_difference_without_members_is_empty);
    TEST(what_stays_keeps_its_order);
    TEST(any_state_is_brought_to_any_other);
    TEST(large_sets_differ_in_what_has_changed_only);
    TEST(what_is_no_difference_is_refused);
    TEST(any_difference_is_refused_or_carried_out);
#undef TEST
    return g_test_run();
}
