/* SPDX-License-Identifier: Apache-2.0
 *
 * libvirt: both libvirt daemons and both QEMUs, as far as a migration goes.
 *
 * The conversation (peer-to-peer, protocol 3) is one sequence; what each host
 * does when it has ended is two, in any order.  It may fail at every step.
 */

/* The conversation is over, and the guest stays. */
inline give_up()
{
    phase = OVER;
    cookie = NONE;
    source_end = RESUME;
    destination_end = (guest[DST] != AWAY -> KILL : 0)
}

/* The source's libvirt does not know how it ended (it was restarted, or the
 * last answer was lost): the guest stays paused there, and the agent has lost
 * the connection for a while. */
inline lose_track()
{
    phase = OVER;
    cookie = NONE;
    job = false;
    disconnect(SRC)
}

/* For properties that ask whether the guest has always run. */
inline note_stop()
{
    ever_stopped = true
}

/* What hooks the agent is asked for, and what comes of it. */
#define refused (hook == REFUSED || (hook == CALLED && !up[DST]))

inline stop_guest()
{
    phase = STOPPED;
    note_stop();
    if
    :: guest[SRC] == RUNNING -> guest[SRC] = PAUSED; tell(SRC, EV_SUSPENDED)
    :: else
    fi
}

inline iterate()
{
    iterations--;
    if
    :: guest[SRC] == RUNNING -> tell(SRC, EV_ITERATION)
    :: else -> tell(SRC, EV_ITERATION_PAUSED)
    fi
}

inline run_guest()
{
    phase = RUNS;
    if
    :: was_paused -> guest[DST] = PAUSED; tell(DST, EV_ENDS_PAUSED)
    :: else -> guest[DST] = RUNNING; tell(DST, EV_RUNS)
    fi
}

/* Up to here both hosts have what they had. */
inline prepare_and_start()
{
    if
    :: phase == IDLE -> phase = MIGRATE; job = true; hook = CALLED
    :: phase == MIGRATE && hook == ACCEPTED ->
        phase = PREPARE; guest[DST] = INCOMING; hook = CALLED
    :: phase == PREPARE && hook == ACCEPTED -> phase = ADD_PORT; hook = 0
    :: phase == ADD_PORT ->
        /* --may-exist add-port, and the NIC is claimed. */
        port[DST] = (port[DST] == ABSENT -> OPEN : port[DST]);
        claim[DST] = true;
        allocated = true;
        phase = START; hook = CALLED
    :: phase == START && hook == ACCEPTED -> phase = RAM; hook = 0
    :: hook && refused -> hook = 0; give_up()
    :: (hook == CALLED || hook == WAITING || hook == ACCEPTING) &&
       failures -> failures--; hook = 0; give_up()
    :: (phase == ADD_PORT || (phase == MIGRATE && hook == ACCEPTED)) ->
        hook = 0; give_up()
    fi
}

inline migrate()
{
    if
    :: phase == RAM && iterations && room(SRC) -> iterate()
    :: phase == RAM && pauses && guest[SRC] == RUNNING && room(SRC) ->
        pauses--; guest[SRC] = PAUSED; is_paused = true;
        note_stop(); tell(SRC, EV_SUSPENDED)
    :: phase == RAM && is_paused && room(SRC) ->
        guest[SRC] = RUNNING; is_paused = false; tell(SRC, EV_RESUMED)
    :: phase == RAM && room(SRC) ->
        iterations = 0; pauses = 0; stop_guest()
    :: phase == STOPPED -> cookie = pd[SRC]; phase = READ
    :: phase == STOPPED && failures -> failures--; phase = READ
    :: phase == READ ->
        pd[DST] = (port[DST] == ABSENT -> NONE
                   : (cookie == NONE -> EMPTY : cookie));
        cookie = NONE; phase = SET
    :: phase == READ && failures -> failures--; cookie = NONE; phase = SET
    :: phase == SET && room(DST) -> run_guest()
    :: phase == RUNS -> phase = OVER; source_end = KILL
    /* Aborted; the destination's QEMU or its libvirt dies; Finish fails. */
    :: phase == RAM || phase == STOPPED || phase == READ || phase == SET ->
        iterations = 0; pauses = 0; give_up()
    /* The same after the guest has run there. */
    :: phase == RUNS && failures ->
        failures--; give_up(); guest[DST] = AWAY
    /* The source's libvirt is killed, or loses the other. */
    :: phase == READ || phase == SET ->
        destination_end = KILL; lose_track()
    :: phase == RUNS -> lose_track()
#ifdef OWN_CASE
    /* The last answer is lost, and the source's libvirt resumes the guest
     * although it runs on the destination. */
    :: phase == RUNS && guest[DST] == RUNNING ->
        phase = OVER; source_end = RESUME
#endif
    fi
}

inline end_on_source()
{
    if
    :: source_end == RESUME && room(SRC) ->
        source_end = END_JOB;
        if
        :: guest[SRC] == PAUSED && !was_paused && !is_paused ->
            guest[SRC] = RUNNING; tell(SRC, EV_RESUMED)
        :: else
        fi
    :: source_end == KILL -> guest[SRC] = AWAY; source_end = DELETE_PORT
    :: source_end == DELETE_PORT && room(SRC) ->
        delete_port(SRC); tell(SRC, EV_STOPPED); source_end = END_JOB
    :: source_end == END_JOB -> job = false; source_end = 0
    fi
}

inline end_on_destination()
{
    if
    :: destination_end == KILL ->
        guest[DST] = AWAY; gone_hook = up[DST]; destination_end = DELETE_PORT
    :: destination_end == DELETE_PORT && room(DST) ->
        if
        :: allocated -> delete_port(DST); allocated = false; mark = false
        :: else
        fi;
        tell(DST, EV_GONE);
        destination_end = 0
    fi
}

/* What people do afterwards. */
#define all_over (phase == OVER && !job && !source_end && !destination_end)
#define may_act (all_over && room(SRC) && room(DST))

inline afterwards()
{
    if
    /* The guest lives on the destination: its paused twin is destroyed. */
    :: may_act && guest[SRC] == PAUSED && guest[DST] != AWAY ->
        guest[SRC] = AWAY; delete_port(SRC); tell(SRC, EV_GONE)
    :: may_act && guest[SRC] == PAUSED && guest[DST] == AWAY ->
        guest[SRC] = RUNNING; tell(SRC, EV_RESUMED)
    :: may_act && guest[SRC] == AWAY && guest[DST] == PAUSED ->
        guest[DST] = RUNNING; tell(DST, EV_RUNS)
    /* It dies. */
    :: may_act && guest[DST] == RUNNING && failures ->
        failures--; destination_end = KILL
    fi
}

proctype libvirt()
{
end:
    do
    :: atomic { prepare_and_start() }
    :: atomic { migrate() }
    :: atomic { end_on_source() }
    :: atomic { end_on_destination() }
    :: atomic { afterwards() }
    od
}
