/* SPDX-License-Identifier: Apache-2.0
 *
 * machine: plugin/machine.c in Promela.
 *
 * What leads where stands in table.pml and rules.pml, which the unit test
 * test-model compares with plugin/machine.c.  Here is what carries it out:
 * feed() gives the event 'ev' to the machine of host 'who' and goes on with
 * what it has kept, until the machine is busy or has kept nothing.
 */

mtype = {
    PF_D_NEW, PF_D_CHECK_CREATE, PF_D_CHECK_VERIFY, PF_D_CHECK_DELETE,
    PF_D_CHECK_REFUSE, PF_D_CHECKED, PF_D_CREATE, PF_D_ADD, PF_D_CREATED,
    PF_D_TAKE, PF_D_READY, PF_D_NIC_CREATE, PF_D_NIC_CONNECT,
    PF_D_NIC_RESTORE, PF_D_OPEN, PF_D_FINISH, PF_D_CLEAN, PF_D_CLEAN_FAILED,
    PF_S_NEW, PF_S_OPEN, PF_S_PRECOPY_WRITE, PF_S_PRECOPY, PF_S_SAVE,
    PF_S_DISCONNECT, PF_S_NIC_DELETE, PF_S_TEARDOWN, PF_S_PORT_DELETE,
    PF_S_MARK, PF_S_DELETED, PF_S_PAUSE_SAVE, PF_S_PAUSE_DISCONNECT,
    PF_S_PAUSED, PF_S_UNDO_KEEP, PF_S_KEPT, PF_S_UNDO, PF_S_RETURNED,
    PF_S_RECOVERED, PF_S_FINISH, PF_S_CLEAR, PF_S_CLOSE,
    PF_COMPLETED, PF_DEGRADED, PF_REFUSED, PF_ROLLED_BACK, PF_FAILED
};

mtype = {
    REQ_NONE, REQ_CHECK_CREATE, REQ_CHECK_VERIFY, REQ_CHECK_DELETE,
    REQ_PORT_CREATE, REQ_PROPERTY_ADD, REQ_NIC_SAVE, REQ_NIC_DISCONNECT,
    REQ_NIC_DELETE, REQ_PORT_TEARDOWN, REQ_PORT_DELETE, REQ_NIC_CREATE,
    REQ_NIC_CONNECT, REQ_NIC_RESTORE, REQ_TAKE_TAP, REQ_FINISH, REQ_CLEAN,
    REQ_CLOSE_GATES, REQ_JOURNAL, REQ_PRECOPY, REQ_MARK_DELETED, REQ_UNDO,
    REQ_UNDO_KEEP, REQ_ABORT, REQ_ASK_JOB
};

mtype = { SILENT, ACCEPT, REFUSE };
#define AGAIN 1

/* In the order of PfEvent: it is that in which kept events come back. */
#define EV_DONE             0
#define EV_DONE_DEGRADED    1
#define EV_FAILED           2
#define EV_CALLED_OFF       3
#define EV_GIVEN_UP         4
#define EV_MIGRATE          5
#define EV_PREPARE          6
#define EV_START            7
#define EV_PORTDATA         8
#define EV_RUNS             9
#define EV_ENDS_PAUSED      10
#define EV_ITERATION        11
#define EV_ITERATION_PAUSED 12
#define EV_SUSPENDED        13
#define EV_RESUMED          14
#define EV_STOPPED          15
#define EV_JOB_GONE         16
#define EV_GONE             17
#define EV_EXPIRED          18
#define EV_RECOVER          19
#define N_EVENTS            20
#define NOTHING             255

#define BIT(E) (1 << (E))

#define is_done(E) ((E) == EV_DONE || (E) == EV_DONE_DEGRADED)
#define is_inner(E) (is_done(E) || (E) == EV_FAILED || (E) == EV_RECOVER)
#define is_end(S) ((S) == PF_COMPLETED || (S) == PF_DEGRADED \
                   || (S) == PF_REFUSED || (S) == PF_ROLLED_BACK \
                   || (S) == PF_FAILED)
/* Requests that leave the machine idle. */
#define is_aside(R) ((R) == REQ_NONE || (R) == REQ_ABORT \
                     || (R) == REQ_ASK_JOB || (R) == REQ_CLOSE_GATES)

mtype state[2];         /* Of the machine; 0: there is no migration. */
int kept[2];            /* BIT(event) of those that wait. */
mtype req[2];           /* The request under way, ... */
bool out[2];            /* ... if there is one. */

byte ev = NOTHING;      /* The event for feed().  NOTHING: none. */
mtype recovered;        /* The answer of recovered_state(). */

/* What feed() works with; nothing of it outlives a d_step, and spin would not
 * bring it back. */
hidden byte want;       /* What it has become: CALLED_OFF, GIVEN_UP. */
hidden int meant;
hidden byte found;
hidden short row;       /* Line of table.pml. */
hidden mtype to, request, answer;
hidden byte again;

/* Which rows and states were met, for the report of tests/model/check. */
c_decl {
    static unsigned char rows_met[1000];

    static void __attribute__((destructor))
    print_rows_met(void)
    {
        if (getenv("PORTFERRY_MODEL_ROWS")) {
            for (int k = 0; k < 1000; k++) {
                if (rows_met[k]) {
                    printf("row %d\n", k);
                }
            }
        }
    }
}

/* ---- The rules ---------------------------------------------------------- */

#define OVERRULES(A, B) if :: E == EV_##A -> meant = meant | BIT(EV_##B) \
                           :: else fi;
#define OVERRULES_ALL(A) if :: E == EV_##A -> meant = ~0 :: else fi;
#define CALLS_OFF(ROLE, A)
#define GIVES_UP(A)
#define FIRST(A)

/* Sets 'meant' to what the event E makes meaningless. */
inline overruled_by(E)
{
    meant = 0;
#include "rules.pml"
}

#undef OVERRULES
#undef OVERRULES_ALL
#undef CALLS_OFF
#undef GIVES_UP
#define OVERRULES(A, B)
#define OVERRULES_ALL(A)
#define SOURCE SRC
#define DESTINATION DST
#define CALLS_OFF(ROLE, A) if :: who == ROLE -> meant = meant | BIT(EV_##A) \
                              :: else fi;
#define GIVES_UP(A)

/* Sets 'meant' to what calls a migration off. */
inline calls_off(who)
{
    meant = 0;
#include "rules.pml"
}

#undef CALLS_OFF
#undef GIVES_UP
#define CALLS_OFF(ROLE, A)
#define GIVES_UP(A) meant = meant | BIT(EV_##A);

inline gives_up()
{
    meant = 0;
#include "rules.pml"
}

#undef GIVES_UP
#undef FIRST
#define GIVES_UP(A)
#define FIRST(A) :: kept[who] & BIT(EV_##A) -> ev = EV_##A

/* Takes the next event that was kept: 'ev'. */
inline take_kept(who)
{
    if
#include "rules.pml"
    :: else ->
        ev = 0;
        do
        :: kept[who] & BIT(ev) -> break
        :: else -> ev++
        od
    fi;
    kept[who] = kept[who] & ~BIT(ev)
}

/* What a request came to, in the light of what was kept meanwhile. */
inline outcome(who)
{
    want = ev;
    if
    :: is_done(ev) ->
        calls_off(who);
        if
        :: kept[who] & meant -> want = EV_CALLED_OFF
        :: else
        fi
    :: ev == EV_FAILED ->
        gives_up();
        if
        :: kept[who] & meant -> want = EV_GIVEN_UP
        :: else
        fi
    :: else
    fi
}

/* ---- The table ---------------------------------------------------------- */

#undef ON
#define ON(STATE, EVENT, NEXT, REQUEST, ANSWER, KEEP) \
    :: state[who] == PF_##STATE && want == EV_##EVENT -> row = __LINE__; \
       to = PF_##NEXT; request = REQ_##REQUEST; answer = ANSWER; again = KEEP;

/* Finds the row for the outcome of 'ev', or else for 'ev'. */
inline find_row(who)
{
    outcome(who);
    do
    ::  found = true;
        if
#include "table.pml"
        :: else -> found = false
        fi;
        if
        :: found || want == ev -> break
        :: else -> want = ev
        fi
    od
}

/* Carries out the row that was found, as migration.c's perform() does. */
inline follow(who)
{
    if
    :: want == EV_CALLED_OFF -> calls_off(who);
                                kept[who] = kept[who] & ~meant
    :: else
    fi;
    overruled_by(want);
    kept[who] = kept[who] & ~(meant | BIT(want));
    if
    :: again -> kept[who] = kept[who] | BIT(want)
    :: else
    fi;
    state[who] = to;
    c_code { rows_met[row] = 1; };
    if
    :: answer != SILENT -> answer_hook(who)
    :: else
    fi;
    if
    :: !is_aside(request) -> req[who] = request; out[who] = true;
                             begin_request(who)
    :: request == REQ_CLOSE_GATES -> close_gates()
    :: else
    fi
}

inline feed(who)
{
    d_step {
        do
        ::  if
            :: out[who] && !is_inner(ev) ->
                overruled_by(ev);
                kept[who] = (kept[who] & ~meant) | BIT(ev)
            :: else ->
                find_row(who);
                if
                :: found -> follow(who)
                :: else
                fi
            fi;
            if
            :: out[who] || is_end(state[who]) || !kept[who] -> break
            :: else -> take_kept(who)
            fi
        od
    }
}

/* ---- What a restart makes of a state ------------------------------------ */

#undef ON
#define ON(STATE, EVENT, NEXT, REQUEST, ANSWER, KEEP) AT_##EVENT(STATE, NEXT)
#define AT_RECOVER(STATE, NEXT) \
    :: state[who] == PF_##STATE -> recovered = PF_##NEXT;
#define AT_DONE(STATE, NEXT)
#define AT_DONE_DEGRADED(STATE, NEXT)
#define AT_FAILED(STATE, NEXT)
#define AT_CALLED_OFF(STATE, NEXT)
#define AT_GIVEN_UP(STATE, NEXT)
#define AT_MIGRATE(STATE, NEXT)
#define AT_PREPARE(STATE, NEXT)
#define AT_START(STATE, NEXT)
#define AT_PORTDATA(STATE, NEXT)
#define AT_RUNS(STATE, NEXT)
#define AT_ENDS_PAUSED(STATE, NEXT)
#define AT_ITERATION(STATE, NEXT)
#define AT_ITERATION_PAUSED(STATE, NEXT)
#define AT_SUSPENDED(STATE, NEXT)
#define AT_RESUMED(STATE, NEXT)
#define AT_STOPPED(STATE, NEXT)
#define AT_JOB_GONE(STATE, NEXT)
#define AT_GONE(STATE, NEXT)
#define AT_EXPIRED(STATE, NEXT)

/* Sets 'recovered' to the state that leads on as the present one does after a
 * restart: the journal holds it in the other's place, so that there is less to
 * tell apart.  test-model sees that the table has it so.  0: an end. */
inline recovered_state(who)
{
    if
#include "table.pml"
    :: else -> recovered = 0
    fi;
    recovered = (is_end(recovered) -> 0 : recovered)
}
