/* SPDX-License-Identifier: Apache-2.0
 *
 * delta: the difference between two policies of an extension.
 *
 * At the switchover only what has changed since the stamp travels.  A
 * top-level value that is a list of strings (av of s) is a set (a multiset, to
 * be exact): members come and go; any other value is replaced as a whole.
 *
 * A delta is itself state (codec.h), and comes from another host:
 *
 *     { "set": {KEY: VALUE, ...}, "del": [KEY, ...],
 *       "sets": {KEY: {"add": [STRING, ...], "del": [STRING, ...]}, ...} }
 */
#ifndef PF_DELTA_H
#define PF_DELTA_H 1

#include <glib.h>

/* The delta from 'old' to 'new_' (a{sv}), a full reference; empty, if they are
 * equal. */
GVariant *pf_delta_new(GVariant *old, GVariant *new_);
/* Whether 'delta' says that nothing has changed. */
gboolean pf_delta_is_empty(GVariant *delta);
/* 'old' with 'delta' carried out, a full reference; NULL with '*error' set
 * (PF_PACK_ERROR_FORMAT) if it is no delta, or none of 'old'. */
GVariant *pf_delta_apply(GVariant *old, GVariant *delta, GError **error);

#endif
