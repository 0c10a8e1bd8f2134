# SPDX-License-Identifier: Apache-2.0
#
# GTest programs, run through automake's TAP driver.  tests/unit needs nothing
# but the build; tests/ovs starts an Open vSwitch of its own and needs root,
# without which its tests are skipped.

TESTS = $(check_PROGRAMS)
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
AM_TESTS_ENVIRONMENT = \
	G_TEST_SRCDIR='$(abs_srcdir)/tests/unit'; \
	G_TEST_BUILDDIR='$(abs_builddir)/tests/unit'; \
	export G_TEST_SRCDIR G_TEST_BUILDDIR;
LOG_COMPILER = $(SHELL) $(top_srcdir)/build-aux/run-gtest

# What several tests, or the two halves of one, need.
check_LIBRARIES += tests/libfixtures.a
tests_libfixtures_a_SOURCES = \
	tests/ovs/ovs-fixture.c \
	tests/ovs/ovs-fixture.h \
	tests/ovs/port-fixture.c \
	tests/ovs/port-fixture.h \
	tests/ovs/switch-fixture.c \
	tests/ovs/switch-fixture.h \
	tests/unit/fake-agent.c \
	tests/unit/fake-agent.h \
	tests/unit/symbols-ovs.c \
	tests/unit/symbols-ovs.h \
	tests/unit/xml-check.c \
	tests/unit/xml-check.h

# A new test is a line here: its source is the .c file of its name, and it is
# linked with everything.
LDADD = tests/libfixtures.a $(PORTFERRY_LIBS)
check_PROGRAMS += \
	tests/ovs/test-commit \
	tests/ovs/test-gate \
	tests/ovs/test-journal \
	tests/ovs/test-port \
	tests/ovs/test-port-verify \
	tests/ovs/test-switch \
	tests/unit/test-codec \
	tests/unit/test-command \
	tests/unit/test-domain \
	tests/unit/test-hook \
	tests/unit/test-hypervisor \
	tests/unit/test-loop \
	tests/unit/test-machine \
	tests/unit/test-machine-all \
	tests/unit/test-netconf \
	tests/unit/test-portdata \
	tests/unit/test-stamp \
	tests/unit/test-symbols \
	tests/unit/test-table

# Everything: what sets it up, runs it, and shows it.
EXTRA_DIST += tests/check tests/demo tests/setup

# The lab: two hosts on one machine.
EXTRA_DIST += \
	tests/lab/demo.py \
	tests/lab/guest-init \
	tests/lab/guest.xml.in \
	tests/lab/harness.py \
	tests/lab/lab \
	tests/lab/net-lan.xml \
	tests/lab/net-ovsnet.xml \
	tests/lab/net-ovsplain.xml \
	tests/lab/ping-gap \
	tests/lab/tap.py \
	tests/lab/test-migration.py
