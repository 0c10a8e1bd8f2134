/* SPDX-License-Identifier: Apache-2.0
 *
 * properties: what has to hold.
 *
 * The observer does nothing but notice a state in which one does not hold.
 */

/* A frame that the guest on 'who' sends enters the network, and one for it
 * reaches it. */
#define passes(WHO) (guest[WHO] == RUNNING && port[WHO] == OPEN)
/* The port is what the guest's port has to be. */
#define is_right(WHO) (port[WHO] == OPEN && claim[WHO] && whole[WHO])
/* The agent has nothing to do and waits for nothing. */
#define is_quiet(WHO) (up[WHO] && !out[WHO] && !look[WHO] \
                       && empty(events[WHO]) && !is_end(state[WHO]))
#define source_is_quiet (is_quiet(SRC) && !ask \
                         && !(wants_job(state[SRC]) && !job))
#define destination_is_quiet (is_quiet(DST) && !gone_hook && !opening \
                              && !(reads_portdata(state[DST]) && !seen \
                                   && pd[DST] != NONE))

/* spin prints the number. */
#define VIOLATED(N) assert(N == 0)

proctype observer()
{
end:
    do
    /* I1, whenever an agent is at rest: the guest that runs on its host has
     * its port, whole, claimed and open. */
    :: d_step { guest[SRC] == RUNNING && source_is_quiet && !is_right(SRC) ->
                VIOLATED(1) }
    :: d_step { guest[DST] == RUNNING && destination_is_quiet &&
                !is_right(DST) -> VIOLATED(1) }
    /* I1, meanwhile: nothing touches the port of a guest that has never
     * stopped. */
    :: d_step { guest[SRC] == RUNNING && !ever_stopped && !is_right(SRC) ->
                VIOLATED(2) }
    /* I2: frames never pass on both hosts. */
#ifndef EXCEPT_I2
    :: d_step { passes(SRC) && passes(DST) -> VIOLATED(3) }
#endif
    /* I2, and more than libvirt promises: the destination's gate does not open
     * before the guest has stopped on the source. */
    :: d_step { port[DST] == OPEN && guest[SRC] == RUNNING &&
                phase != RUNS && phase != OVER -> VIOLATED(4) }
    /* PortData of level deleted proves that the source's port was gone: such
     * is what libvirt may read. */
    :: d_step { phase == STOPPED && pd[SRC] == DELETED &&
                port[SRC] != CARRIER -> VIOLATED(5) }
    od
}

/* It has its port where it runs. */
#define is_back ((guest[SRC] != RUNNING || is_right(SRC)) && \
                 (guest[DST] != RUNNING || is_right(DST)))
/* And nothing is left over, and both migrations have ended. */
#define is_clean (!state[SRC] && !state[DST] && !hook && !validation && \
                  !mark && pd[SRC] == NONE && pd[DST] == NONE && \
                  (guest[SRC] == RUNNING || port[SRC] == ABSENT) && \
                  (guest[DST] == RUNNING || port[DST] == ABSENT))

#ifdef ONLY_BACK
#define is_well is_back
#else
#define is_well (is_back && is_clean)
#endif

/* The guest's port always comes back: where nothing can happen any more, all
 * is well, or this process cannot end, and spin finds an invalid end. */
proctype rest()
{
    is_well && all_over && !crashes[SRC] && !crashes[DST] && !failures
}
