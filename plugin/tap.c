/* SPDX-License-Identifier: Apache-2.0
 *
 * tap: flags of a network device.  See tap.h.
 */
#include <config.h>

#include "plugin/tap.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "socket-util.h"

G_DEFINE_QUARK(pf-tap-error-quark, pf_tap_error)

static gboolean
fail(const char *name, int errnum, const char *what, GError **error)
{
    g_set_error(error, PF_TAP_ERROR,
                errnum == ENODEV ? PF_TAP_ERROR_MISSING : PF_TAP_ERROR_SYSTEM,
                "%s of network device '%s': %s", what, name,
                g_strerror(errnum));
    return FALSE;
}

gboolean
pf_tap_set_up(const char *name, gboolean up, GError **error)
{
    struct ifreq ifr;
    int errnum;

    memset(&ifr, 0, sizeof ifr);
    errnum = af_inet_ifreq_ioctl(name, &ifr, SIOCGIFFLAGS, "SIOCGIFFLAGS");
    if (errnum) {
        return fail(name, errnum, "reading the flags", error);
    }
    if (!(ifr.ifr_flags & IFF_UP) == !up) {
        return TRUE;
    }
    ifr.ifr_flags ^= IFF_UP;
    errnum = af_inet_ifreq_ioctl(name, &ifr, SIOCSIFFLAGS, "SIOCSIFFLAGS");
    return errnum ? fail(name, errnum, "setting the flags", error) : TRUE;
}

gboolean
pf_tap_check(const char *name, guint ifindex, GError **error)
{
    struct ifreq ifr;
    int errnum;

    memset(&ifr, 0, sizeof ifr);
    errnum = af_inet_ifreq_ioctl(name, &ifr, SIOCGIFFLAGS, "SIOCGIFFLAGS");
    if (errnum) {
        return fail(name, errnum, "reading the flags", error);
    }
    if (!(ifr.ifr_flags & IFF_UP)) {
        g_set_error(error, PF_TAP_ERROR, PF_TAP_ERROR_STATE,
                    "network device '%s' is down", name);
        return FALSE;
    }
    if (ifindex && if_nametoindex(name) != ifindex) {
        g_set_error(error, PF_TAP_ERROR, PF_TAP_ERROR_STATE,
                    "network device '%s' is not the one that the port was "
                    "made for", name);
        return FALSE;
    }
    return TRUE;
}
