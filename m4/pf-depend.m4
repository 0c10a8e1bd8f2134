dnl SPDX-License-Identifier: Apache-2.0
dnl
dnl Dependencies, each reported in one line with what to install.

dnl PF_MISSING(WHAT, DEBIAN-PACKAGE, FEDORA-PACKAGE)
dnl
dnl Notes that WHAT is missing; PF_REPORT_MISSING ends configure then.
AC_DEFUN([PF_MISSING],
  [AS_VAR_APPEND([pf_missing],
     ["missing $1: install $2 (Debian) or $3 (Fedora)$as_nl"])])

dnl PF_PKG(VARIABLE, MODULES, DEBIAN-PACKAGE, FEDORA-PACKAGE)
dnl
dnl Sets VARIABLE_CFLAGS and VARIABLE_LIBS from pkg-config.
AC_DEFUN([PF_PKG],
  [PKG_CHECK_MODULES([$1], [$2], [],
     [PF_MISSING([$2], [$3], [$4])])])

dnl PF_PROG(VARIABLE, PROGRAM, DEBIAN-PACKAGE, FEDORA-PACKAGE)
AC_DEFUN([PF_PROG],
  [AC_CHECK_TOOL([$1], [$2])
   AS_IF([test -z "$$1"], [PF_MISSING([$2], [$3], [$4])])])

dnl PF_REPORT_MISSING
AC_DEFUN([PF_REPORT_MISSING],
  [AS_IF([test -n "$pf_missing"],
     [AS_ECHO(["$pf_missing"]) >&AS_MESSAGE_FD
      AS_ECHO(["$pf_missing"]) >&AS_MESSAGE_LOG_FD
      AC_MSG_ERROR([install what is missing (see above), and run configure again])])])
