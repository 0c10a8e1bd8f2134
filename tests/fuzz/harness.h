/* SPDX-License-Identifier: Apache-2.0
 *
 * harness: what all fuzz targets share.
 *
 * A target (fuzz-*.c) gives libFuzzer LLVMFuzzerTestOneInput() and states what
 * must hold of whatever the code under test accepts.
 */
#ifndef PF_FUZZ_HARNESS_H
#define PF_FUZZ_HARNESS_H 1

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program, which libFuzzer takes for a finding, and says where and
 * 'format'. */
void fuzz_fail(const char *file, int line, const char *format, ...)
    G_GNUC_PRINTF(3, 4) G_GNUC_NORETURN;

/* Demands CONDITION; the rest says which values it does not hold of. */
#define FUZZ_CHECK(CONDITION, ...)                      \
    G_STMT_START {                                      \
        if (!(CONDITION)) {                             \
            fuzz_fail(__FILE__, __LINE__, __VA_ARGS__); \
        }                                               \
    } G_STMT_END

/* Demands that two strings, which may be NULL, are equal. */
#define FUZZ_CHECK_SAME(A, B, WHAT)                                       \
    FUZZ_CHECK(!g_strcmp0(A, B), "%s: \"%s\" and \"%s\"", WHAT,           \
               (A) ? (A) : "(none)", (B) ? (B) : "(none)")

/* Demands that an error is set exactly if 'result' is NULL, and that its
 * message is one line of valid UTF-8 within a sound length. */
void fuzz_check_error(gconstpointer result, const GError *error);

/* The input as a string, as far as its first NUL. */
char *fuzz_text(const uint8_t *data, size_t size);

/* 'state' (a{sv}) as text that is equal for equal states. */
char *fuzz_canonical(GVariant *state);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
