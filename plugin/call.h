/* SPDX-License-Identifier: Apache-2.0
 *
 * call: a function of an extension under way, from its call to its end.
 *
 * Behind PfCall of portferry/extension.h: what the extension says with its
 * call is collected here, and is the caller's when the call has ended or was
 * given up.  Internal: extensions see portferry/extension.h alone.
 */
#ifndef PF_CALL_H
#define PF_CALL_H 1

#include <portferry/extension.h>

#include "plugin/problems.h"
#include "plugin/switch.h"
#include "xml/netconf.h"

/* The functions of a PfExtension. */
typedef enum {
    PF_CALL_GET_POLICIES,
    PF_CALL_DESCRIBE,
    PF_CALL_VERIFY_SYNTAX,
    PF_CALL_VERIFY_RANGE,
    PF_CALL_VERIFY_APPLICABILITY,
    PF_CALL_VERIFY_CONFLICT,
    PF_CALL_PROPERTY_ADD,
    PF_CALL_PROPERTY_REMOVE,
    PF_CALL_NIC_RESTORE,
    PF_CALL_NIC_RESTORE_COMPLETE,
    PF_CALL_NIC_SAVE,
    PF_CALL_NIC_SAVE_COMPLETE,
    PF_CALL_PORT_TEARDOWN,
    PF_CALL_PORT_RETURN,
    PF_CALL_PORT_GONE,
    PF_CALL_GUEST_RUNS,
} PfCallFunc;

/* A copy of all of 'port', to be freed. */
PfExtensionPort *pf_extension_port_copy(const PfExtensionPort *port);
void pf_extension_port_free(PfExtensionPort *);

/* What is called, and with what; everything is copied or referenced. */
typedef struct {
    const PfExtension *extension;
    PfCallFunc func;
    const PfExtensionPort *port; /* 'required' and 'options' are filled in
                                  * from 'network'. */
    const PfNetwork *network;   /* NULL: every VLAN, no options. */
    GVariant *policies;         /* or old ones; NULL: empty. */
    GVariant *new_policies;     /* nic_restore. */
    GVariant *chunks;           /* nic_restore: av; NULL: none. */
    PfGuestRuns reason;         /* guest_runs. */
    PfChange *change;           /* Where change() adds; NULL: it may not. */
    guint timeout_ms;
} PfCallSpec;

/* What came of it.  Owned by the call. */
typedef struct {
    GError *error;              /* NULL: it succeeded. */
    GVariant *policies;         /* Full reference, or NULL: said none. */
    GVariant *chunks;           /* av, or NULL: said none. */
    PfProblems *problems;       /* Never NULL. */
    char *note;                 /* One line, or NULL. */
    GVariant *shown;            /* a{sv}, or NULL. */
    gboolean changed;           /* It has added to 'change'. */
} PfCallResult;

/* Called once; 'result' lives until it returns. */
typedef void (*PfCallDone)(gpointer user, const PfCallResult *result);

/* Whether 'extension' has function 'func'. */
gboolean pf_call_exists(const PfExtension *extension, PfCallFunc func);

/* Calls the function, which must exist.  'done' is called when the call has
 * ended, possibly from within, or when 'timeout_ms' are over (an error that
 * names the extension and the function). */
void pf_call_begin(const PfCallSpec *spec, PfCallDone done, gpointer user);

/* Gives up all calls under way; nobody is told.  For the agent's end. */
void pf_calls_stop(void);

/* The functions of PfHost that are about calls. */
void pf_call_fill_host(PfHost *host);

#endif
