/* SPDX-License-Identifier: Apache-2.0
 *
 * tap: the guest's tap device, as the kernel has it.
 */
#ifndef PF_TAP_H
#define PF_TAP_H 1

#include <glib.h>

#define PF_TAP_ERROR pf_tap_error_quark()
GQuark pf_tap_error_quark(void);
typedef enum {
    PF_TAP_ERROR_MISSING,       /* No such device. */
    PF_TAP_ERROR_STATE,         /* Not up, or another device. */
    PF_TAP_ERROR_SYSTEM,        /* The kernel said no. */
} PfTapError;

/* Sets the device 'name' up or down (IFF_UP). */
gboolean pf_tap_set_up(const char *name, gboolean up, GError **error);

/* TRUE if 'name' is there, up, and has 'ifindex' (0: any). */
gboolean pf_tap_check(const char *name, guint ifindex, GError **error);

#endif
