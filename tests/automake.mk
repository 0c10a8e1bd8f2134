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
	tests/ovs/extension-fixture.c \
	tests/ovs/extension-fixture.h \
	tests/ovs/flows-fixture.c \
	tests/ovs/flows-fixture.h \
	tests/ovs/journal-fixture.c \
	tests/ovs/journal-fixture.h \
	tests/ovs/openflow-fixture.c \
	tests/ovs/openflow-fixture.h \
	tests/ovs/ovs-fixture.c \
	tests/ovs/ovs-fixture.h \
	tests/ovs/port-fixture.c \
	tests/ovs/port-fixture.h \
	tests/ovs/qos-fixture.c \
	tests/ovs/qos-fixture.h \
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
	tests/ovs/test-announce \
	tests/ovs/test-appctl \
	tests/ovs/test-commit \
	tests/ovs/test-counters \
	tests/ovs/test-example \
	tests/ovs/test-flows \
	tests/ovs/test-flows-switchover \
	tests/ovs/test-flows-verify \
	tests/ovs/test-gate \
	tests/ovs/test-hostile \
	tests/ovs/test-joint \
	tests/ovs/test-journal \
	tests/ovs/test-journal-schema \
	tests/ovs/test-mirror \
	tests/ovs/test-openflow \
	tests/ovs/test-openflow-watch \
	tests/ovs/test-port \
	tests/ovs/test-port-verify \
	tests/ovs/test-qos \
	tests/ovs/test-qos-verify \
	tests/ovs/test-reach \
	tests/ovs/test-rows \
	tests/ovs/test-switch \
	tests/unit/test-announce-addresses \
	tests/unit/test-announce-frames \
	tests/unit/test-call \
	tests/unit/test-codec \
	tests/unit/test-command \
	tests/unit/test-delta \
	tests/unit/test-domain \
	tests/unit/test-flows-check \
	tests/unit/test-hook \
	tests/unit/test-hostile \
	tests/unit/test-hypervisor \
	tests/unit/test-loader \
	tests/unit/test-loop \
	tests/unit/test-machine \
	tests/unit/test-machine-all \
	tests/unit/test-manual \
	tests/unit/test-model \
	tests/unit/test-netconf-extension \
	tests/unit/test-netconf \
	tests/unit/test-pack \
	tests/unit/test-portdata \
	tests/unit/test-problems \
	tests/unit/test-stamp \
	tests/unit/test-symbols \
	tests/unit/test-table \
	tests/unit/test-verify

# The example extension, linked into its test.
tests_ovs_test_example_SOURCES = \
	plugin/extensions/example/labels.c \
	tests/ovs/test-example.c

# What test-loader loads: shared objects of one source, see there.
LOADER_MODULES = \
	tests/unit/modules/bad-name.so \
	tests/unit/modules/crashes.so \
	tests/unit/modules/fails.so \
	tests/unit/modules/first.so \
	tests/unit/modules/good.so \
	tests/unit/modules/hidden.so \
	tests/unit/modules/no-name.so \
	tests/unit/modules/no-symbol.so \
	tests/unit/modules/taken.so \
	tests/unit/modules/unresolved.so \
	tests/unit/modules/wrong-abi.so
check_DATA = $(LOADER_MODULES)
CLEANFILES += $(LOADER_MODULES)
EXTRA_DIST += \
	tests/unit/fixtures/module.c \
	tests/unit/fixtures/module.cc
$(LOADER_MODULES): tests/unit/fixtures/module.c \
    plugin/portferry/extension.h
	$(AM_V_at)$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(PF_CFLAGS) -std=gnu11 $(CFLAGS) -fPIC \
	    -I$(top_srcdir)/plugin $(GLIB_CFLAGS) \
	    -DMODULE_$$(basename $@ .so | tr - _) -shared \
	    -o $@ $< $(GLIB_LIBS)

# Fuzz targets, which nobody needs but tests/fuzz/run: made by "make fuzzers"
# where configure had CC=clang and --enable-fuzzers.
FUZZERS = \
	tests/fuzz/fuzz-domain \
	tests/fuzz/fuzz-flows \
	tests/fuzz/fuzz-hook \
	tests/fuzz/fuzz-network \
	tests/fuzz/fuzz-networkport \
	tests/fuzz/fuzz-portdata
EXTRA_PROGRAMS = $(FUZZERS)
CLEANFILES += $(FUZZERS)
.PHONY: fuzzers
fuzzers: $(BUILT_SOURCES)
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) $(FUZZERS)

# Without --exclude-libs: the sanitizers are for the shared libraries too.
LINK_FUZZERS = \
	-Wl,--as-needed -Wl,--gc-sections $(PF_SANITIZERS) -fsanitize=fuzzer
FUZZERS_HARNESS = tests/fuzz/harness.c tests/fuzz/harness.h
tests_fuzz_fuzz_domain_SOURCES = tests/fuzz/fuzz-domain.c $(FUZZERS_HARNESS)
tests_fuzz_fuzz_domain_LDADD = $(PORTFERRY_LIBS)
tests_fuzz_fuzz_domain_LDFLAGS = $(LINK_FUZZERS)
tests_fuzz_fuzz_flows_SOURCES = \
	tests/fuzz/flows-oracle.c \
	tests/fuzz/flows-oracle.h \
	tests/fuzz/fuzz-flows.c \
	$(FUZZERS_HARNESS)
tests_fuzz_fuzz_flows_LDADD = $(PORTFERRY_LIBS)
tests_fuzz_fuzz_flows_LDFLAGS = $(LINK_FUZZERS)
tests_fuzz_fuzz_hook_SOURCES = tests/fuzz/fuzz-hook.c $(FUZZERS_HARNESS)
tests_fuzz_fuzz_hook_LDADD = $(PORTFERRY_LIBS)
tests_fuzz_fuzz_hook_LDFLAGS = $(LINK_FUZZERS)
tests_fuzz_fuzz_network_SOURCES = tests/fuzz/fuzz-network.c $(FUZZERS_HARNESS)
tests_fuzz_fuzz_network_CPPFLAGS = \
	$(AM_CPPFLAGS) -DSCHEMA='"$(abs_top_srcdir)/xml/network.rng"'
tests_fuzz_fuzz_network_LDADD = $(PORTFERRY_LIBS)
tests_fuzz_fuzz_network_LDFLAGS = $(LINK_FUZZERS)
tests_fuzz_fuzz_networkport_SOURCES = \
	tests/fuzz/fuzz-networkport.c $(FUZZERS_HARNESS)
tests_fuzz_fuzz_networkport_LDADD = $(PORTFERRY_LIBS)
tests_fuzz_fuzz_networkport_LDFLAGS = $(LINK_FUZZERS)
tests_fuzz_fuzz_portdata_SOURCES = tests/fuzz/fuzz-portdata.c $(FUZZERS_HARNESS)
tests_fuzz_fuzz_portdata_LDADD = $(PORTFERRY_LIBS)
tests_fuzz_fuzz_portdata_LDFLAGS = $(LINK_FUZZERS)

EXTRA_DIST += \
	tests/fuzz/corpus \
	tests/fuzz/domain.dict \
	tests/fuzz/flows.dict \
	tests/fuzz/hook.dict \
	tests/fuzz/lsan.supp \
	tests/fuzz/network.dict \
	tests/fuzz/networkport.dict \
	tests/fuzz/portdata.dict \
	tests/fuzz/run

# Everything: what sets it up, runs it, and shows it.
EXTRA_DIST += tests/check tests/demo tests/faults tests/setup

# The protocol's model, for spin; table.pml and rules.pml are test-model's too.
EXTRA_DIST += \
	tests/model/README.md \
	tests/model/agents.pml \
	tests/model/check \
	tests/model/libvirt.pml \
	tests/model/machine.pml \
	tests/model/portferry.pml \
	tests/model/properties.pml \
	tests/model/rules.pml \
	tests/model/table.pml

# The lab: two hosts on one machine.
EXTRA_DIST += \
	tests/lab/capture \
	tests/lab/capture-noise \
	tests/lab/demo.py \
	tests/lab/faults.py \
	tests/lab/faults_cut.py \
	tests/lab/faults_data.py \
	tests/lab/faults_guests.py \
	tests/lab/faults_journal.py \
	tests/lab/faults_lab.py \
	tests/lab/faults_points.py \
	tests/lab/faults_refused.py \
	tests/lab/faults_restore.py \
	tests/lab/faults_switch.py \
	tests/lab/guest-init \
	tests/lab/guest.xml.in \
	tests/lab/harness.py \
	tests/lab/invariants.py \
	tests/lab/lab \
	tests/lab/net-lan.xml \
	tests/lab/net-ovsnet.xml \
	tests/lab/net-ovsplain.xml \
	tests/lab/ping-gap \
	tests/lab/tap.py \
	tests/lab/test-extensions.py \
	tests/lab/test-invariants.py \
	tests/lab/test-migration.py
