/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: GLib's default main context inside Open vSwitch's poll loop.
 *
 * The agent has one loop, Open vSwitch's: each part has a run and a wait, and
 * poll_block() is the only place that sleeps.  This part lets GLib's sources
 * (libvirt's events, answers from other threads) take part in it:
 *
 *     pf_loop_init();
 *     while (!exiting) {
 *         pf_loop_run();
 *         ...
 *         pf_loop_wait();
 *         ...
 *         poll_block();
 *     }
 *
 * It owns the default main context from pf_loop_init() to pf_loop_done(), all
 * in the thread of the caller: nobody else may iterate it meanwhile.
 */
#ifndef PF_LOOP_H
#define PF_LOOP_H 1

void pf_loop_init(void);
void pf_loop_done(void);

/* Dispatches the sources that are ready.  Never blocks. */
void pf_loop_run(void);

/* Makes the next poll_block() wake up when a source becomes ready. */
void pf_loop_wait(void);

#endif
