# SPDX-License-Identifier: Apache-2.0
#
# What libvirtd executes: one source, a program for each of its drivers.  They
# are in the way of every guest's start, so they link nothing but
# libopenvswitch.

HOOK_SOURCES = \
	hooks/hook.c \
	plugin/control.c \
	plugin/control.h \
	plugin/marker.c \
	plugin/marker.h
HOOK_CPPFLAGS = $(BASE_CPPFLAGS) $(OVS_CPPFLAGS)

qemuhookdir = $(sysconfdir)/libvirt/hooks/qemu.d
qemuhook_PROGRAMS = hooks/qemu.d/50-portferry
hooks_qemu_d_50_portferry_SOURCES = $(HOOK_SOURCES)
hooks_qemu_d_50_portferry_CPPFLAGS = $(HOOK_CPPFLAGS) -DHOOK_DRIVER='"qemu"'
hooks_qemu_d_50_portferry_CFLAGS = $(BASE_CFLAGS)
hooks_qemu_d_50_portferry_LDADD = $(OVS_LIBS)

networkhookdir = $(sysconfdir)/libvirt/hooks/network.d
networkhook_PROGRAMS = hooks/network.d/50-portferry
hooks_network_d_50_portferry_SOURCES = $(HOOK_SOURCES)
hooks_network_d_50_portferry_CPPFLAGS = \
	$(HOOK_CPPFLAGS) -DHOOK_DRIVER='"network"'
hooks_network_d_50_portferry_CFLAGS = $(BASE_CFLAGS)
hooks_network_d_50_portferry_LDADD = $(OVS_LIBS)
