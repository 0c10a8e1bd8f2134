/* SPDX-License-Identifier: Apache-2.0
 *
 * harness: see harness.h.
 */
#include <config.h>

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "openvswitch/vlog.h"
#include "pack.h"

/* Messages quote what they refuse, in measure. */
#define MAX_MESSAGE 8192

void
fuzz_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

void
fuzz_check_error(gconstpointer result, const GError *error)
{
    FUZZ_CHECK(!result == !!error, "result %p, error \"%s\"", result,
               error ? error->message : "(none)");
    if (error) {
        FUZZ_CHECK(strlen(error->message) <= MAX_MESSAGE,
                   "a message of %zu bytes", strlen(error->message));
        FUZZ_CHECK(g_utf8_validate(error->message, -1, NULL)
                   && !strpbrk(error->message, "\n\r\033"),
                   "not one clean line: \"%s\"", error->message);
    }
}

char *
fuzz_text(const uint8_t *data, size_t size)
{
    return g_strndup((const char *) data, size);
}

char *
fuzz_canonical(GVariant *state)
{
    g_autofree char *packed = pf_pack_state(state);
    g_autoptr(GVariant) again = NULL;
    g_autoptr(GError) error = NULL;

    again = pf_unpack_state(packed, &error);
    FUZZ_CHECK(again, "what was packed is not unpacked: %s", error->message);
    return g_steal_pointer(&packed);
}

/* What is refused is logged at thousands of inputs a second. */
int
LLVMFuzzerInitialize(int *argc G_GNUC_UNUSED, char ***argv G_GNUC_UNUSED)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return 0;
}
