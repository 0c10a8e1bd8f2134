/* SPDX-License-Identifier: Apache-2.0
 *
 * joint: one request of a migration for one port: the calls of all its
 * extensions, and the one transaction that they share.
 *
 * Each call is a part of the trace.  Those that change the database end with
 * the transaction, the others when they end.
 */
#ifndef PF_JOINT_H
#define PF_JOINT_H 1

#include "plugin/call.h"
#include "plugin/migration.h"

typedef struct PfJoint PfJoint;

/* What extensions, or the transaction, could not do. */
typedef struct {
    const char *text;           /* "NAME: MESSAGE; ..." */
    gboolean by_extension;      /* It is not the switch that did not answer. */
    gboolean required;          /* The network requires one of those that
                                 * failed. */
} PfJointFailure;

/* 'failure' is valid during the call; NULL: nothing has failed. */
typedef void (*PfJointDone)(gpointer user, const PfJointFailure *failure);

/* A joint for request 'request' (of 'kind', or NULL) of 'port'; with 'request'
 * NULL its calls are no parts of the trace.  It takes over 'change', which may
 * have operations already: those come first.  The migration's request is held
 * until the joint's end. */
PfJoint *pf_joint_new(PfMigration *, PfMigrationPort *port,
                      const char *request, const char *kind,
                      PfChange *change);
/* The transaction is committed even if no extension has added to it. */
void pf_joint_always_commit(PfJoint *);
/* An extension that the network does not require may fail: that is told, and
 * no more. */
void pf_joint_only_required(PfJoint *);
/* The migration's request does not wait for this joint. */
void pf_joint_let_go(PfJoint *);
/* If an extension fails, the transaction is not committed. */
void pf_joint_all_or_nothing(PfJoint *);

/* Calls 'func' of 'extension', if it has it, with 'policies' (NULL: none). */
void pf_joint_call(PfJoint *, const PfExtension *extension, PfCallFunc func,
                   GVariant *policies);
/* The same with all of a call's arguments. */
void pf_joint_call_spec(PfJoint *, PfCallSpec *spec);
/* Calls 'func' of every extension, with the policies that the port has of it,
 * or none.  In reverse order, if so wished. */
void pf_joint_call_all(PfJoint *, PfCallFunc func, gboolean reverse);
/* A part that failed before there was a call. */
void pf_joint_fail(PfJoint *, PfPart *part, const char *extension,
                   const char *reason);

/* Keeps the joint open while something else is waited for. */
void pf_joint_hold(PfJoint *);
void pf_joint_release(PfJoint *);
/* There will be no more calls but those that a hold is for: 'done' (NULL: the
 * parts have said it all) is called when all is over, possibly from within,
 * and the joint is freed. */
void pf_joint_seal(PfJoint *, PfJointDone done, gpointer user);

#endif
