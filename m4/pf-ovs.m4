dnl SPDX-License-Identifier: Apache-2.0
dnl
dnl Where Open vSwitch's source is, and where libopenvswitch is built.
dnl
dnl Nothing is built here: build-aux/build-ovs does it at `make' time.

dnl PF_OVS
dnl
dnl Sets OVS_SOURCE, empty if a finished build makes it unnecessary, and
dnl OVS_DIR.
AC_DEFUN([PF_OVS],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=DIR-OR-TARBALL],
        [Open vSwitch source [/usr/src/openvswitch/openvswitch.tar.gz]])])
   AC_ARG_WITH([ovs-build],
     [AS_HELP_STRING([--with-ovs-build=DIR],
        [build libopenvswitch in DIR, or use what is complete there; several
         build trees may share it [ovs]])])

   AC_MSG_CHECKING([for the Open vSwitch build folder])
   AS_CASE([$with_ovs_build],
     [''|no|yes], [OVS_DIR='$(abs_top_builddir)/ovs' pf_ovs_dir=ovs],
     [/*], [OVS_DIR=$with_ovs_build pf_ovs_dir=$OVS_DIR],
     [OVS_DIR=`pwd`/$with_ovs_build pf_ovs_dir=$OVS_DIR])
   AC_MSG_RESULT([$pf_ovs_dir])
   AC_SUBST([OVS_DIR])
   AM_CONDITIONAL([OWN_OVS_BUILD], [test "$pf_ovs_dir" = ovs])

   AC_MSG_CHECKING([for the Open vSwitch source])
   AS_CASE([$with_ovs_source],
     [''|no|yes], [OVS_SOURCE=/usr/src/openvswitch/openvswitch.tar.gz],
     [/*], [OVS_SOURCE=$with_ovs_source],
     [OVS_SOURCE=`pwd`/$with_ovs_source])
   AS_IF(
     [test -f "$OVS_SOURCE" || test -f "$OVS_SOURCE/lib/ovsdb-idl.c"], [],
     [test -n "$with_ovs_source"],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([--with-ovs-source=$with_ovs_source is neither a tarball nor a folder with lib/ovsdb-idl.c])],
     [OVS_SOURCE=])
   AC_MSG_RESULT([${OVS_SOURCE:-none}])
   AS_IF([test -z "$OVS_SOURCE" && test ! -e "$pf_ovs_dir/complete"],
     [PF_MISSING([the Open vSwitch source (or --with-ovs-source=DIR-OR-TARBALL)],
        [openvswitch-source], [the source package of openvswitch])])
   AC_SUBST([OVS_SOURCE])])
