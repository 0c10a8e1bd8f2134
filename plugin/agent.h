/* SPDX-License-Identifier: Apache-2.0
 *
 * agent: what portferryd does, apart from being a daemon.
 *
 * Owns the parts (switch, gates, hypervisor, journal), the guests and the
 * migrations, and serves the hooks and the command.
 */
#ifndef PF_AGENT_H
#define PF_AGENT_H 1

typedef struct PfAgent PfAgent;

typedef struct {
    const char *ovsdb;          /* "unix:/run/openvswitch/db.sock". */
    const char *libvirt;        /* "qemu:///system". */
    const char *journal;        /* File of the journal's database. */
    unsigned int journal_limit; /* Migrations kept. */
    const char *extensions;     /* Folder of other people's extensions. */
} PfAgentOptions;

/* Never blocks: the parts connect while the agent runs, in any order. */
PfAgent *pf_agent_new(const PfAgentOptions *);
void pf_agent_free(PfAgent *);
void pf_agent_run(PfAgent *);
void pf_agent_wait(PfAgent *);

#endif
