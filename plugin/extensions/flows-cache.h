/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-cache: what is known of the rules of ports whose guests run here, so
 * that nobody has to ask for them at the switchover.
 *
 * A flow monitor on each bridge tells of every change; one that may concern a
 * port makes what is known of it invalid, and is told to the host.
 */
#ifndef PF_FLOWS_CACHE_H
#define PF_FLOWS_CACHE_H 1

#include "plugin/extensions/flows-here.h"

/* A rule that goes away by itself. */
typedef struct {
    char *line;                 /* As in the policies. */
    char *key;                  /* pf_flow_rule_key() by name. */
    char *filter;               /* pf_flow_rule_filter(). */
    guint idle, hard;           /* As configured, 0: none; s. */
    guint idle_left, hard_left; /* At the switchover; 0 as above. */
    gint64 left_at;             /* Monotonic time of these; 0: not known. */
} PfFlowTimed;

typedef struct {
    char *name;                 /* Of the port. */
    char *plain;                /* How rules name it. */
    char *number;               /* The same in digits. */
    char *bridge;
    char *mac;
    GVariant *options;
    gboolean is_valid;          /* The switch has what is here. */
    gboolean is_told;           /* The host knows that it is not. */
    gboolean is_said;           /* The host has 'policies'. */
    GVariant *policies;         /* NULL: not known yet. */
    GPtrArray *timed;           /* PfFlowTimed *, of these. */
    gboolean has_tables;        /* The bridge has groups or meters. */
    guint n_stale;              /* Rules that are left out... */
    gboolean is_stale_told;     /* ...of which somebody was told. */
    guint n_unknown;            /* As in PfFlowHere... */
    char *unknown;
    gboolean is_unknown_told;   /* ...and the same. */
    guint digest;               /* Of them, as in PfFlowHere. */
    guint again;                /* Timer of pf_flow_cache_again(), or 0. */
    guint again_s;              /* What it was set to at last; 0: the entry
                                 * was read since. */
} PfFlowEntry;

/* Sets up, for all of this; 'extension' says what has changed. */
void pf_flow_cache_init(const PfHost *, const PfExtension *extension);
void pf_flow_cache_destroy(void);

/* The port's entry, made and watched if there is none that fits it. */
PfFlowEntry *pf_flow_cache_get(const PfExtensionPort *port);
/* The entry of the port of that name, or NULL. */
PfFlowEntry *pf_flow_cache_find(const char *name);
void pf_flow_cache_forget(const char *name);

/* Called when the port's entry has been read anew from the switch. */
typedef void (*PfFlowCacheDone)(gpointer user, PfFlowEntry *entry,
                                const GError *error);
void pf_flow_cache_read(const PfExtensionPort *port, const PfFlowOptions *,
                        guint timeout_ms, PfFlowCacheDone done,
                        gpointer user);

/* The entry could not be read: has the host ask again in a while, longer from
 * time to time. */
void pf_flow_cache_again(PfFlowEntry *);

/* A rule's idle timeout as it was configured, where the switch has another for
 * a while; 0 ends that. */
void pf_flow_cache_set_idle(const char *name, const char *key, guint idle);

#endif
