/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: the four verifications of a port's policies, of every extension, in
 * one pass that finds all problems.
 *
 * Used before a migration (request 2), by `portferry check', and for what has
 * changed at the switchover.
 */
#ifndef PF_VERIFY_H
#define PF_VERIFY_H 1

#include "plugin/call.h"
#include "plugin/port-state.h"

/* How the verification of one extension's policies ended: 'result' is "ok",
 * "failed" or "skipped", 'detail' a line or NULL. */
typedef void (*PfVerified)(gpointer user, const char *result,
                           const char *detail);

/* Verifies 'policies' of 'extension' for 'port', within 'timeout_ms'.  'done'
 * is called once, possibly from within. */
void pf_verify_extension(const PfExtension *extension,
                         const PfExtensionPort *port,
                         const PfNetwork *network, GVariant *policies,
                         guint timeout_ms, PfVerified done, gpointer user);

/* What follows pf_verify_port(). */
typedef struct {
    /* The verification of 'extension' (NULL: of the port itself) begins; what
     * is returned is given to 'verified' as its user. */
    gpointer (*begin)(gpointer user, const char *extension);
    PfVerified verified;
    /* All extensions are verified. */
    void (*done)(gpointer user);
} PfVerifyFuncs;

/* Verifies everything that 'states' has for 'port', that the extensions which
 * 'network' requires are here, and that the port's name is free. */
void pf_verify_port(const PfExtensionPort *port, const PfNetwork *network,
                    const PfPortStates *states, guint timeout_ms,
                    const PfVerifyFuncs *funcs, gpointer user);

#endif
