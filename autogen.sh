#! /bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes configure and what it needs from configure.ac and Makefile.am.

cd "$(dirname "$0")" || exit 1

missing=
need() {
    if ! eval "$1" >/dev/null 2>&1; then
        echo "autogen.sh: missing $2: install $3 (Debian) or $4 (Fedora)" >&2
        missing=yes
    fi
}
need 'autoconf --version' autoconf autoconf autoconf
need 'automake --version' automake automake automake
need 'test -f "$(aclocal --print-ac-dir)/pkg.m4"' \
    "pkg-config's pkg.m4" pkg-config pkgconf-pkg-config
test -z "$missing" && autoreconf --install --force
