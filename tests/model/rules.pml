/* SPDX-License-Identifier: Apache-2.0
 *
 * rules: which events the model's machine keeps, and in what order it comes
 * back to them.  In the form of table.pml, and compared as that is.
 */

/* Events that make others, kept before, meaningless: the first those that
 * follow it. */
OVERRULES(RESUMED, SUSPENDED)
OVERRULES(RESUMED, ITERATION_PAUSED)
OVERRULES(SUSPENDED, RESUMED)
OVERRULES(SUSPENDED, ITERATION)
OVERRULES(SUSPENDED, ITERATION_PAUSED)
OVERRULES_ALL(GONE)
OVERRULES_ALL(STOPPED)

/* Kept while a request is under way, these make CALLED_OFF of DONE ... */
CALLS_OFF(SOURCE, RESUMED)
CALLS_OFF(DESTINATION, GONE)

/* ... and these GIVEN_UP of FAILED. */
GIVES_UP(GONE)
GIVES_UP(STOPPED)

/* Of the events that were kept, these come first, in this order. */
FIRST(GONE)
FIRST(STOPPED)
FIRST(SUSPENDED)
