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
	plugin/appctl.c \
	plugin/appctl.h \
	plugin/bridge-conn.c \
	plugin/bridge-conn.h \
	plugin/call.c \
	plugin/call.h \
	plugin/change.c \
	plugin/check.c \
	plugin/check.h \
	plugin/codec.c \
	plugin/codec.h \
	plugin/commands.c \
	plugin/commit.c \
	plugin/control.c \
	plugin/control.h \
	plugin/datum.c \
	plugin/datum.h \
	plugin/delta.c \
	plugin/delta.h \
	plugin/destination.c \
	plugin/extension.c \
	plugin/extension.h \
	plugin/extensions/announce-addresses.c \
	plugin/extensions/announce-addresses.h \
	plugin/extensions/announce-frames.c \
	plugin/extensions/announce-frames.h \
	plugin/extensions/announce-vlans.c \
	plugin/extensions/announce-vlans.h \
	plugin/extensions/announce.c \
	plugin/extensions/counters.c \
	plugin/extensions/flows-ages.c \
	plugin/extensions/flows-ages.h \
	plugin/extensions/flows-ask.c \
	plugin/extensions/flows-ask.h \
	plugin/extensions/flows-cache.c \
	plugin/extensions/flows-cache.h \
	plugin/extensions/flows-check.c \
	plugin/extensions/flows-check.h \
	plugin/extensions/flows-commands.c \
	plugin/extensions/flows-commands.h \
	plugin/extensions/flows-here.c \
	plugin/extensions/flows-here.h \
	plugin/extensions/flows-idle.c \
	plugin/extensions/flows-idle.h \
	plugin/extensions/flows-ids.c \
	plugin/extensions/flows-ids.h \
	plugin/extensions/flows-install.c \
	plugin/extensions/flows-lost.c \
	plugin/extensions/flows-lost.h \
	plugin/extensions/flows-names.c \
	plugin/extensions/flows-names.h \
	plugin/extensions/flows-paths.c \
	plugin/extensions/flows-paths.h \
	plugin/extensions/flows-restore.c \
	plugin/extensions/flows-rule.c \
	plugin/extensions/flows-rule.h \
	plugin/extensions/flows-save.c \
	plugin/extensions/flows-set.c \
	plugin/extensions/flows-set.h \
	plugin/extensions/flows-slice.c \
	plugin/extensions/flows-slice.h \
	plugin/extensions/flows-turn.c \
	plugin/extensions/flows-turn.h \
	plugin/extensions/flows-verify.c \
	plugin/extensions/flows.c \
	plugin/extensions/flows.h \
	plugin/extensions/mirror-rows.c \
	plugin/extensions/mirror-rows.h \
	plugin/extensions/mirror.c \
	plugin/extensions/port-private.h \
	plugin/extensions/port-verify.c \
	plugin/extensions/port.c \
	plugin/extensions/qos-rows.c \
	plugin/extensions/qos-rows.h \
	plugin/extensions/qos-verify.c \
	plugin/extensions/qos-verify.h \
	plugin/extensions/qos.c \
	plugin/fault.c \
	plugin/fault.h \
	plugin/gate.c \
	plugin/gate.h \
	plugin/guests.c \
	plugin/hook-server.c \
	plugin/host.c \
	plugin/host.h \
	plugin/hypervisor-job.c \
	plugin/hypervisor-job.h \
	plugin/hypervisor-session.c \
	plugin/hypervisor-session.h \
	plugin/hypervisor.c \
	plugin/hypervisor.h \
	plugin/image.c \
	plugin/image.h \
	plugin/incoming.c \
	plugin/incoming.h \
	plugin/joint.c \
	plugin/joint.h \
	plugin/journal-file.c \
	plugin/journal-file.h \
	plugin/journal-record.c \
	plugin/journal-row.c \
	plugin/journal-row.h \
	plugin/journal-schema.c \
	plugin/journal-schema.h \
	plugin/journal-server.c \
	plugin/journal-server.h \
	plugin/journal.c \
	plugin/journal.h \
	plugin/loader.c \
	plugin/loader.h \
	plugin/loop.c \
	plugin/loop.h \
	plugin/machine.c \
	plugin/machine.h \
	plugin/marker.c \
	plugin/marker.h \
	plugin/migration.c \
	plugin/migration.h \
	plugin/openflow-change.c \
	plugin/openflow-dump.c \
	plugin/openflow-ports.c \
	plugin/openflow-private.h \
	plugin/openflow-watch.c \
	plugin/openflow.c \
	plugin/openflow.h \
	plugin/ovs/openvswitch/json.h \
	plugin/pack.c \
	plugin/pack.h \
	plugin/port-state.c \
	plugin/port-state.h \
	plugin/portdata.c \
	plugin/portdata.h \
	plugin/problems.c \
	plugin/problems.h \
	plugin/quarantine.c \
	plugin/quarantine.h \
	plugin/reach.c \
	plugin/reach.h \
	plugin/recovery.c \
	plugin/rows.c \
	plugin/rows.h \
	plugin/show.c \
	plugin/show.h \
	plugin/source-private.h \
	plugin/source-save.c \
	plugin/source.c \
	plugin/switch-private.h \
	plugin/switch.c \
	plugin/switch.h \
	plugin/table.c \
	plugin/table.h \
	plugin/tap.c \
	plugin/tap.h \
	plugin/tell.c \
	plugin/tell.h \
	plugin/verify.c \
	plugin/verify.h

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

# Where things are installed, for files that say so.
SUBSTITUTE = sed \
	-e 's|[@]VERSION@|$(VERSION)|g' \
	-e 's|[@]docdir@|$(docdir)|g' \
	-e 's|[@]includedir@|$(includedir)|g' \
	-e 's|[@]libdir@|$(libdir)|g' \
	-e 's|[@]localstatedir@|$(localstatedir)|g' \
	-e 's|[@]pkgdatadir@|$(pkgdatadir)|g' \
	-e 's|[@]runstatedir@|$(runstatedir)|g' \
	-e 's|[@]sbindir@|$(sbindir)|g' \
	-e 's|[@]sysconfdir@|$(sysconfdir)|g' \
	-e 's|[@]systemdunitdir@|$(systemdunitdir)|g'

# The agent, and its systemd unit.
systemdunitdir = $(prefix)/lib/systemd/system
systemdunit_DATA = plugin/portferryd.service
EXTRA_DIST += plugin/portferryd.service.in
CLEANFILES += plugin/portferryd.service
plugin/portferryd.service: plugin/portferryd.service.in Makefile
	$(AM_V_at)$(MKDIR_P) plugin
	$(AM_V_GEN)$(SUBSTITUTE) $(srcdir)/plugin/portferryd.service.in \
	    >$@.tmp && mv $@.tmp $@

sbin_PROGRAMS += sbin/portferryd
sbin_portferryd_SOURCES = plugin/portferryd.c
sbin_portferryd_LDADD = $(PORTFERRY_LIBS)

# The command.
bin_PROGRAMS += bin/portferry
bin_portferry_SOURCES = plugin/portferry.c
bin_portferry_LDADD = $(PORTFERRY_LIBS)

# Their manual pages.
man8_MANS = plugin/portferry.8 plugin/portferryd.8
EXTRA_DIST += plugin/portferry.8.in plugin/portferryd.8.in
CLEANFILES += $(man8_MANS)
plugin/portferry.8: plugin/portferry.8.in Makefile
	$(AM_V_at)$(MKDIR_P) plugin
	$(AM_V_GEN)$(SUBSTITUTE) $(srcdir)/plugin/portferry.8.in \
	    >$@.tmp && mv $@.tmp $@
plugin/portferryd.8: plugin/portferryd.8.in Makefile
	$(AM_V_at)$(MKDIR_P) plugin
	$(AM_V_GEN)$(SUBSTITUTE) $(srcdir)/plugin/portferryd.8.in \
	    >$@.tmp && mv $@.tmp $@

# What an extension of somebody else is built with and put into.
pkginclude_HEADERS = plugin/portferry/extension.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = plugin/portferry.pc
extensiondir = $(libdir)/portferry/extensions
# Writable by nobody else, whatever the umask is: else nothing of it is loaded.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(extensiondir)'
	chmod 755 '$(DESTDIR)$(extensiondir)'
# It stays if there is anything in it.
uninstall-local:
	rmdir '$(DESTDIR)$(extensiondir)' '$(DESTDIR)$(libdir)/portferry' \
	    2>/dev/null || :

# The example for those who write one.
examplesourcedir = $(docdir)/example-extension
dist_examplesource_DATA = \
	plugin/extensions/example/Makefile \
	plugin/extensions/example/README.md \
	plugin/extensions/example/labels.c
