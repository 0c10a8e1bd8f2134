/* SPDX-License-Identifier: Apache-2.0
 *
 * port-state: what a port has of each extension.
 *
 * A set of PfPortState by extension's name: for a guest that runs here, what
 * its stamp has; for a migration, what its extensions have said last (source)
 * or what is in place (destination).  Texts are made once for each value:
 * packing the policies of ten thousand rules takes longer than a switchover
 * may.
 */
#ifndef PF_PORT_STATE_H
#define PF_PORT_STATE_H 1

#include <glib.h>

typedef struct {
    char *extension;            /* Its name. */
    guint version;
    GVariant *policies;         /* a{sv}. */
    gboolean said;              /* The extension has said them on this host;
                                 * else they are the stamp's, unconfirmed. */
    GVariant *given;            /* What they were made from: the same again
                                 * is no change.  NULL: not known. */
    char *packed;               /* Their text (pack.h); NULL: not made yet. */
    GVariant *stamped;          /* Policies as in the stamp, or NULL. */
    char *stamped_text;         /* Theirs, and what tells it from others. */
    char *digest;
    GVariant *delta;            /* From 'stamped' to 'policies'; NULL: not made
                                 * yet. */
    GVariant *chunks;           /* Run-time data saved, av, or NULL. */
    gboolean left_out;          /* Too large, and not required. */
} PfPortState;

typedef struct PfPortStates PfPortStates;

PfPortStates *pf_port_states_new(void);
/* A copy; values and texts are shared where they can be. */
PfPortStates *pf_port_states_copy(const PfPortStates *);
void pf_port_states_free(PfPortStates *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfPortStates, pf_port_states_free)

/* The state of 'extension', or NULL. */
PfPortState *pf_port_states_find(const PfPortStates *, const char *extension);
/* All of them, PfPortState *; the array is the caller's, its members are
 * not. */
GPtrArray *pf_port_states_list(const PfPortStates *);

/* Sets the policies of 'extension' (a reference is taken; a floating one is
 * sunk).  Policies that are what they were keep their text. */
PfPortState *pf_port_states_set(PfPortStates *, const char *extension,
                                guint version, GVariant *policies);
/* The same from the stamp's 'text': policies, and what a difference refers to.
 * FALSE with '*error' set if it cannot be read. */
gboolean pf_port_states_set_stamped(PfPortStates *, const char *extension,
                                    guint version, const char *text,
                                    GError **error);
/* The policies' text; belongs to the state. */
const char *pf_port_state_packed(PfPortState *);
/* The present policies are what the stamp has now. */
void pf_port_state_stamp(PfPortState *);
/* How they differ from the stamp's, which must be known; belongs to the
 * state. */
GVariant *pf_port_state_delta(PfPortState *);
/* Before extensions save anew: what they saved before counts no more. */
void pf_port_states_forget_saved(PfPortStates *);

/* All of them, but for the run-time data, as an a{sv} for the journal, and
 * back. */
GVariant *pf_port_states_format(const PfPortStates *);
gboolean pf_port_states_parse(PfPortStates *, GVariant *states,
                              GError **error);

#endif
