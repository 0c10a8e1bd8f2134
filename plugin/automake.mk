# SPDX-License-Identifier: Apache-2.0

# A new file is a line here.
noinst_LIBRARIES += plugin/libportferry.a
plugin_libportferry_a_CFLAGS = \
	$(BASE_CFLAGS) $(GLIB_CFLAGS) $(JSON_GLIB_CFLAGS) $(LIBVIRT_CFLAGS) \
	$(LIBVIRT_GLIB_CFLAGS)
plugin_libportferry_a_SOURCES = \
	plugin/agent-private.h \
	plugin/agent.c \
	plugin/agent.h \
	plugin/change.c \
	plugin/codec.c \
	plugin/codec.h \
	plugin/commands.c \
	plugin/commit.c \
	plugin/control.c \
	plugin/control.h \
	plugin/destination.c \
	plugin/extension.c \
	plugin/extension.h \
	plugin/extensions/port.c \
	plugin/gate.c \
	plugin/gate.h \
	plugin/guests.c \
	plugin/hook-server.c \
	plugin/hypervisor-job.c \
	plugin/hypervisor-job.h \
	plugin/hypervisor-session.c \
	plugin/hypervisor-session.h \
	plugin/hypervisor.c \
	plugin/hypervisor.h \
	plugin/image.c \
	plugin/image.h \
	plugin/journal-file.c \
	plugin/journal-file.h \
	plugin/journal-record.c \
	plugin/journal-row.c \
	plugin/journal-row.h \
	plugin/journal-server.c \
	plugin/journal-server.h \
	plugin/journal.c \
	plugin/journal.h \
	plugin/loop.c \
	plugin/loop.h \
	plugin/machine.c \
	plugin/machine.h \
	plugin/marker.c \
	plugin/marker.h \
	plugin/migration.c \
	plugin/migration.h \
	plugin/ovs/openvswitch/json.h \
	plugin/portdata.c \
	plugin/portdata.h \
	plugin/show.c \
	plugin/show.h \
	plugin/source.c \
	plugin/switch-private.h \
	plugin/switch.c \
	plugin/switch.h \
	plugin/table.c \
	plugin/table.h \
	plugin/tap.c \
	plugin/tap.h

# The journal's database, and its IDL, made by Open vSwitch's generator.  What
# that makes has a style of its own: it is compiled without our warnings.
dist_pkgdata_DATA += plugin/portferry.ovsschema
EXTRA_DIST += plugin/portferry-idl.ann plugin/portferry.xml

noinst_LIBRARIES += plugin/libportferry-idl.a
plugin_libportferry_idl_a_CFLAGS = $(IDL_CFLAGS)
nodist_plugin_libportferry_idl_a_SOURCES = \
	plugin/portferry-idl.c \
	plugin/portferry-idl.h
BUILT_SOURCES += plugin/portferry-idl.c plugin/portferry-idl.h
CLEANFILES += \
	plugin/portferry-idl.ovsidl \
	plugin/portferry-idl.c \
	plugin/portferry-idl.h

OVSDB_IDLC = \
	PYTHONDONTWRITEBYTECODE=yes PYTHONPATH='$(OVS_TREE)/python' \
	$(PYTHON3) $(OVS_TREE)/ovsdb/ovsdb-idlc.in
plugin/portferry-idl.ovsidl: plugin/portferry.ovsschema \
    plugin/portferry-idl.ann | ovs.stamp
	$(AM_V_at)$(MKDIR_P) plugin
	$(AM_V_GEN)$(OVSDB_IDLC) annotate \
	    $(srcdir)/plugin/portferry.ovsschema \
	    $(srcdir)/plugin/portferry-idl.ann >$@.tmp && mv $@.tmp $@
plugin/portferry-idl.c: plugin/portferry-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-source $< >$@.tmp && mv $@.tmp $@
plugin/portferry-idl.h: plugin/portferry-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-header $< >$@.tmp && mv $@.tmp $@

# The schema as a C string, from which the agent makes the database's file.
nodist_plugin_libportferry_a_SOURCES = plugin/portferry-schema.h
BUILT_SOURCES += plugin/portferry-schema.h
CLEANFILES += plugin/portferry-schema.h
plugin/portferry-schema.h: plugin/portferry.ovsschema
	$(AM_V_at)$(MKDIR_P) plugin
	$(AM_V_GEN)sed 's/["\\]/\\&/g; s/.*/"&\\n"/' \
	    $(srcdir)/plugin/portferry.ovsschema >$@.tmp && mv $@.tmp $@

# The agent.
sbin_PROGRAMS += sbin/portferryd
sbin_portferryd_SOURCES = plugin/portferryd.c
sbin_portferryd_LDADD = $(PORTFERRY_LIBS)

# The command.
bin_PROGRAMS += bin/portferry
bin_portferry_SOURCES = plugin/portferry.c
bin_portferry_LDADD = $(PORTFERRY_LIBS)
