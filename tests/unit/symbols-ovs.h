/* SPDX-License-Identifier: Apache-2.0
 *
 * The half of test-symbols that uses Open vSwitch's JSON.  No file can include
 * both its header and json-glib's.
 */
#ifndef SYMBOLS_OVS_H
#define SYMBOLS_OVS_H 1

/* The string member 'name' of the object in 'document', from g_malloc(). */
char *symbols_ovs_member(const char *document, const char *name);

/* 'document' parsed and formatted again, from g_malloc(). */
char *symbols_ovs_reformat(const char *document);

/* libopenvswitch's message for a syntax error in 'document', which it formats
 * for that, from g_malloc(). */
char *symbols_ovs_syntax_error(const char *document, const char *details);

#endif
