# SPDX-License-Identifier: Apache-2.0

# A new file is a line here.
noinst_LIBRARIES += xml/libportferry-xml.a
xml_libportferry_xml_a_CPPFLAGS = $(BASE_CPPFLAGS)
xml_libportferry_xml_a_CFLAGS = $(BASE_CFLAGS) $(GLIB_CFLAGS) $(LIBXML_CFLAGS)
xml_libportferry_xml_a_SOURCES = \
	xml/domain.c \
	xml/domain.h \
	xml/netconf-extension.c \
	xml/netconf-private.h \
	xml/netconf.c \
	xml/netconf.h \
	xml/reader.c \
	xml/reader.h \
	xml/stamp.c \
	xml/stamp.h \
	xml/vlan.c \
	xml/vlan.h

dist_pkgdata_DATA += xml/network.rng xml/stamp.rng

examplesdir = $(docdir)/examples
dist_examples_DATA = \
	xml/examples/extensions.xml \
	xml/examples/large-host.xml \
	xml/examples/small-host.xml
