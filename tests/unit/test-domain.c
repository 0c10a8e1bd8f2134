/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of xml/domain.h: domains and hook data as libvirt prints them are
 * understood, the filter changes what it must and nothing else, and no secret
 * gets into an error.
 */
#include <config.h>
#include "domain.h"

#include <string.h>

#include "xml-check.h"

#define EPOCH "00112233445566778899aabbccddeeff"
#define ID_OLD "aaaaaaaa-0000-4000-8000-000000000001"
#define ID_NEW "bbbbbbbb-0000-4000-8000-000000000002"
#define SECRET "hush-hush"

/* A running domain as libvirt 9.0 prints it, with secrets, and with what
 * people and programs put into <metadata>. */
static const char live[] =
    "<domain type='kvm' id='7'"
    " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    "  <name>vm1</name>\n"
    "  <uuid>6F4B2D0E-1C3A-4B5D-8E7F-000000000001</uuid>\n"
    "  <title>Caf\xc3\xa9 &amp; bar &lt;1&gt;</title>\n"
    "  <metadata>\n"
    "    <libosinfo:libosinfo"
    " xmlns:libosinfo=\"http://libosinfo.org/xmlns/libvirt/domain/1.0\">\n"
    "      <libosinfo:os id=\"http://debian.org/debian/12\"/>\n"
    "    </libosinfo:libosinfo>\n"
    "    <app:note xmlns:app=\"http://example.org/\" xmlns=\"urn:x\""
    " app:a=\"1&#10;2&#9;3&quot;&lt;&amp;\"><![CDATA[<raw> & ]] ]]>"
    "<inner xmlns=\"\"/><?app do it?><!-- why --> text &#13;&gt; </app:note>\n"
    "    <portferry:stamp xmlns:portferry=\"urn:portferry:domain:1.0\""
    " version=\"1\" epoch=\"" EPOCH "\">\n"
    "      <portferry:port mac=\"52:54:00:aa:00:01\" name=\"web0\""
    " bridge=\"br0\" network=\"ovsnet\" iface-id=\"" ID_OLD "\">\n"
    "        <portferry:extension name=\"port\" version=\"1\">eyJ0YWci"
    "</portferry:extension>\n"
    "      </portferry:port>\n"
    "    </portferry:stamp>\n"
    "  </metadata>\n"
    "  <memory unit='KiB'>131072</memory>\n"
    "  <os>\n"
    "    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>\n"
    "    <boot dev='hd'/>\n"
    "  </os>\n"
    "  <devices>\n"
    "    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n"
    "    <!-- live: libvirt prints what the network gave it -->\n"
    "    <interface type='bridge'>\n"
    "      <mac address='52:54:00:AA:00:01'/>\n"
    "      <source network='ovsnet' portgroup='web'"
    " portid='e4b9ea52-0d6c-4b3c-9b58-3d6b6c1a1b10' bridge='br0'/>\n"
    "      <vlan>\n"
    "        <tag id='42'/>\n"
    "      </vlan>\n"
    "      <virtualport type='openvswitch'>\n"
    "        <parameters interfaceid='" ID_OLD "' profileid='gold'/>\n"
    "      </virtualport>\n"
    "      <target dev='vnet0'/>\n"
    "      <model type='virtio'/>\n"
    "      <mtu size='1450'/>\n"
    "      <alias name='net0'/>\n"
    "      <address type='pci' domain='0x0000' bus='0x01' slot='0x00'"
    " function='0x0'/>\n"
    "    </interface>\n"
    "    <interface type='bridge'>\n"
    "      <mac address='52:54:00:aa:00:02'/>\n"
    "      <source bridge='virbr0'/>\n"
    "      <target dev='vnet1' managed='no'/>\n"
    "      <model type='virtio'/>\n"
    "    </interface>\n"
    "    <interface type='network' trustGuestRxFilters='no'>\n"
    "      <mac address='52:54:00:aa:00:03'/>\n"
    "      <source network='ovsnet'/>\n"
    "      <bandwidth>\n"
    "        <inbound average='1000'/>\n"
    "      </bandwidth>\n"
    "      <model type='virtio'/>\n"
    "    </interface>\n"
    "    <interface type='network'><mac address='52:54:00:aa:00:04'/>"
    "<source network='ovsnet'/><virtualport/><model type='e1000'/>"
    "</interface>\n"
    "    <interface type='network'>\n"
    "      <mac address='52:54:00:aa:00:05'/>\n"
    "      <source network='ovsnet'/>\n"
    "      <virtualport>\n"
    "        <parameters instanceid='" ID_OLD "' interfaceid='"
    "cccccccc-0000-4000-8000-000000000003' profileid='menial'/>\n"
    "      </virtualport>\n"
    "      <vlan trunk='yes'>\n"
    "        <tag id='7' nativeMode='tagged'/>\n"
    "        <tag id='8'/>\n"
    "      </vlan>\n"
    "    </interface>\n"
    "    <interface type='direct'>\n"
    "      <mac address='52:54:00:aa:00:06'/>\n"
    "      <source dev='eth0' mode='vepa'/>\n"
    "      <virtualport type='802.1Qbg'>\n"
    "        <parameters managerid='11' typeid='1193047' typeidversion='2'"
    " instanceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'/>\n"
    "      </virtualport>\n"
    "    </interface>\n"
    "    <interface type='user'>\n"
    "      <mac address='52:54:00:aa:00:07'/>\n"
    "    </interface>\n"
    "    <interface type='user'>\n"
    "      <mac address='52:54:00:aa:00:07'/>\n"
    "    </interface>\n"
    "    <graphics type='vnc' port='5900' autoport='yes' listen='127.0.0.1'"
    " passwd='" SECRET "'/>\n"
    "  </devices>\n"
    "  <qemu:commandline>\n"
    "    <qemu:arg value='-object'/>\n"
    "    <qemu:arg value='secret,id=s0,data=" SECRET "'/>\n"
    "  </qemu:commandline>\n"
    "</domain>\n";

static PfDomain *
parse_good(const char *xml)
{
    g_autoptr(GError) error = NULL;
    PfDomain *domain = pf_domain_parse(xml, &error);

    g_assert_no_error(error);
    g_assert_nonnull(domain);
    return domain;
}

static gboolean
takes(const char *xml, GError **error)
{
    g_autoptr(PfDomain) domain = pf_domain_parse(xml, error);

    return domain != NULL;
}

static void
test_a_live_domain_is_read(void)
{
    g_autoptr(PfDomain) domain = parse_good(live);
    const PfNic *nic = g_ptr_array_index(domain->nics, 0);

    g_assert_cmpstr(domain->name, ==, "vm1");
    g_assert_cmpstr(domain->uuid, ==, "6f4b2d0e-1c3a-4b5d-8e7f-000000000001");
    g_assert_cmpuint(domain->nics->len, ==, 8);
    g_assert_cmpstr(nic->mac, ==, "52:54:00:aa:00:01");
    g_assert_cmpstr(nic->type, ==, "bridge");
    g_assert_cmpstr(nic->network, ==, "ovsnet");
    g_assert_cmpstr(nic->portgroup, ==, "web");
    g_assert_cmpstr(nic->bridge, ==, "br0");
    g_assert_cmpstr(nic->target, ==, "vnet0");
    g_assert_cmpstr(nic->iface_id, ==, ID_OLD);
    g_assert_cmpstr(nic->profile_id, ==, "gold");
    g_assert_true(nic->openvswitch);
    g_assert_true(nic->has_virtualport);
    g_assert_cmpuint(nic->vlan->tags->len, ==, 1);
    g_assert_cmpuint(g_array_index(nic->vlan->tags, guint16, 0), ==, 42);
    g_assert_cmpuint(nic->mtu, ==, 1450);
}

static void
test_nics_of_every_kind_are_read(void)
{
    g_autoptr(PfDomain) domain = parse_good(live);
    const PfNic *bridged = pf_domain_nic(domain, "52:54:00:aa:00:02");
    const PfNic *plain = pf_domain_nic(domain, "52:54:00:aa:00:03");
    const PfNic *untyped = pf_domain_nic(domain, "52:54:00:aa:00:05");
    const PfNic *vepa = pf_domain_nic(domain, "52:54:00:aa:00:06");

    g_assert_true(bridged == g_ptr_array_index(domain->nics, 1));
    g_assert_null(bridged->network);
    g_assert_cmpstr(bridged->bridge, ==, "virbr0");
    g_assert_false(bridged->has_virtualport);
    g_assert_null(plain->target);
    g_assert_null(plain->iface_id);
    g_assert_null(plain->portgroup);
    g_assert_null(plain->vlan);
    g_assert_cmpuint(plain->mtu, ==, 0);
    g_assert_true(untyped->has_virtualport);
    g_assert_false(untyped->openvswitch);
    g_assert_cmpstr(untyped->profile_id, ==, "menial");
    g_assert_true(untyped->vlan->trunk);
    g_assert_cmpint(untyped->vlan->native_tag, ==, 7);
    g_assert_false(untyped->vlan->native_untagged);
    g_assert_true(vepa->has_virtualport);
    g_assert_false(vepa->openvswitch);
    g_assert_null(vepa->iface_id);
    g_assert_null(pf_domain_nic(domain, "52:54:00:aa:00:99"));
}

/* ---- The stamp -------------------------------------------------------- */

static void
test_the_stamp_is_read(void)
{
    g_autoptr(PfDomain) domain = parse_good(live);
    const PfStampPort *port = pf_stamp_port(domain->stamp,
                                            "52:54:00:aa:00:01");

    g_assert_cmpstr(domain->stamp->epoch, ==, EPOCH);
    g_assert_cmpuint(domain->stamp->ports->len, ==, 1);
    g_assert_cmpstr(port->name, ==, "web0");
    g_assert_cmpstr(pf_stamp_port_extension(port, "port")->text, ==,
                    "eyJ0YWci");
}

/* A domain whose <metadata> begins with 'metadata' on line 4. */
static char *
domain_with(const char *metadata)
{
    return g_strdup_printf(
        "<domain type='qemu'>\n<name>vm1</name>"
        "<uuid>6f4b2d0e-1c3a-4b5d-8e7f-000000000001</uuid>\n<metadata>\n"
        "%s</metadata></domain>", metadata);
}

static void
test_a_domain_may_have_no_stamp(void)
{
    static const char *const metadata[] = {
        "",
        "<!-- <portferry:stamp/> -->",
        "<app:stamp xmlns:app='http://example.org/'/>",
        "<app:x xmlns:app='http://example.org/'><p:stamp xmlns:p='"
        PF_DOMAIN_NS "'/><undeclared:x/></app:x>",
    };

    for (int i = 0; i < G_N_ELEMENTS(metadata); i++) {
        g_autofree char *xml = domain_with(metadata[i]);
        g_autoptr(PfDomain) domain = parse_good(xml);

        g_assert_null(domain->stamp);
        g_assert_cmpuint(domain->nics->len, ==, 0);
    }
}

static void
test_what_claims_to_be_a_stamp_must_be_one(void)
{
    static const char stamp[] =
        "<p:stamp xmlns:p='" PF_DOMAIN_NS "' version='1' epoch='" EPOCH "'/>";
    g_autofree char *twice = g_strconcat(stamp, "\n", stamp, NULL);
    const struct {
        const char *metadata;
        const char *error;
    } cases[] = {
        { "<p:stamp xmlns:p='" PF_DOMAIN_NS "' version='9'/>",
          "line 4: <p:stamp>: attribute 'version': \"9\": must be a version "
          "that Portferry " PACKAGE_VERSION " knows, from 1 to 1, in digits "
          "only" },
        { "\n<p:seal xmlns:p='" PF_DOMAIN_NS "'/>",
          "line 5: <p:seal>: unknown element: Portferry " PACKAGE_VERSION
          " knows stamp of namespace " PF_DOMAIN_NS " here" },
        { "<p:stamp xmlns:p='urn:portferry:domain:2.0'/>",
          "line 4: <p:stamp>: unknown element: Portferry " PACKAGE_VERSION
          " knows stamp of namespace " PF_DOMAIN_NS " here" },
        { "<portferry:stamp version='1' epoch='" EPOCH "'/>",
          "line 4: <portferry:stamp>: unknown element: Portferry "
          PACKAGE_VERSION " knows stamp of namespace " PF_DOMAIN_NS " here" },
        { twice,
          "line 5: <p:stamp>: the domain has a stamp already; remove both, "
          "the agent writes a new one" },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = domain_with(cases[i].metadata);
        g_autoptr(GError) error = NULL;

        g_assert_false(takes(xml, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
}

/* ---- Errors ----------------------------------------------------------- */

static void
test_mistakes_in_a_domain_are_named_without_its_text(void)
{
    static const struct {
        const char *from;
        const char *to;
        const char *error;
    } cases[] = {
        { "<name>vm1</name>", "",
          "line 1: <domain>: there is no <name>" },
        { "<uuid>6F4B2D0E-1C3A-4B5D-8E7F-000000000001</uuid>", "",
          "line 1: <domain>: there is no <uuid>" },
        { "6F4B2D0E-", "", "line 3: <uuid>: the text: its text: must be a "
          "UUID, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" },
        { "52:54:00:aa:00:02", SECRET,
          "line 40: <mac>: attribute 'address': its text: must be a MAC "
          "address, xx:xx:xx:xx:xx:xx" },
        { "cccccccc-0000", SECRET,
          "line 58: <parameters>: attribute 'interfaceid': its text: must be "
          "a UUID, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" },
        { "1450", SECRET,
          "line 35: <mtu>: attribute 'size': its text: must be a number of "
          "bytes from 0 to 4294967295, in digits only" },
        { "tag id='42'", "tag id='" SECRET "'",
          "line 28: <tag>: attribute 'id': its text: must be a VLAN id from 0 "
          "to 4095, in digits only" },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = xml_check_replace(live, cases[i].from,
                                                 cases[i].to);
        g_autoptr(GError) error = NULL;

        g_assert_false(takes(xml, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
}

static void
test_no_secret_gets_into_an_error(void)
{
    static const char *const damages[] = { "<", "&", "'", "\x01", "&x;" };
    guint n = 0;

    for (int i = 0; i < G_N_ELEMENTS(damages); i++) {
        for (const char *at = strstr(live, "<graphics"); *at; at++) {
            g_autofree char *xml = g_strdup_printf(
                "%.*s%s%s", (int) (at - live), live, damages[i], at);
            g_autoptr(GError) error = NULL;

            if (!takes(xml, &error)) {
                g_assert_null(strstr(error->message, "hush"));
                n++;
            }
        }
    }
    g_assert_cmpuint(n, >, 1000);
}

static void
test_hostile_documents_are_refused(void)
{
    g_autofree char *million = g_strnfill(3 * 1000 * 1000, '<');
    g_autoptr(GError) error = NULL;

    xml_check_hostile(takes, live, "domain");
    for (gsize i = 0; million[i]; i += 3) {
        memcpy(&million[i], "<a>", 3);
    }
    g_assert_false(takes(million, &error));
    xml_check_error(&error, PF_XML_ERROR_SYNTAX,
                    "line 1: elements are nested more than 64 deep");
}

/* ---- The filter ------------------------------------------------------- */

/* Applies to 'xml' one change. */
static char *
filter(const char *xml, const char *mac, const char *target,
       const char *iface_id, GError **error)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);

    g_ptr_array_add(changes, pf_nic_change_new(mac, target, iface_id));
    return pf_domain_filter(xml, changes, error);
}

static void
assert_equal_under_c14n(const char *a, const char *b)
{
    g_autofree char *ca = xml_check_canonical(a);
    g_autofree char *cb = xml_check_canonical(b);

    g_assert_cmpstr(ca, ==, cb);
}

/* Fails unless a change of 'mac' makes exactly the given differences, pairs of
 * new and old text that end with NULL. */
static void
check_filter(const char *xml, const char *mac, const char *target,
             const char *iface_id, const char *const differences[])
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = filter(xml, mac, target, iface_id, &error);
    g_autofree char *undone = g_strdup(output);
    g_autofree char *again = NULL;

    g_assert_no_error(error);
    for (int i = 0; differences[i]; i += 2) {
        char *less = xml_check_replace(undone, differences[i],
                                       differences[i + 1]);

        g_free(undone);
        undone = less;
    }
    assert_equal_under_c14n(undone, xml);

    again = filter(output, mac, target, iface_id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(again, ==, output);
}

static void
test_without_changes_the_document_stays_as_it_is(void)
{
    g_autofree char *xml = g_strdup_printf(
        "<?xml version='1.0' encoding='UTF-8'?>\n<!-- a -->\n<?b c?>\n%s"
        "<!-- d -->", live);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *output = pf_domain_filter(xml, none, &error);

    g_assert_no_error(error);
    assert_equal_under_c14n(output, xml);
    g_assert_true(g_str_has_prefix(output, "<!-- a -->\n"));
    g_assert_nonnull(strstr(output, "<![CDATA[<raw> & ]] ]]>"));
    g_assert_nonnull(strstr(output, "app:a=\"1&#10;2&#9;3&quot;&lt;&amp;\""));
    g_assert_nonnull(strstr(output, "Caf\xc3\xa9 &amp; bar"));
}

static void
test_what_is_there_gets_new_values(void)
{
    check_filter(live, "52:54:00:aa:00:01", "web0", ID_NEW,
                 (const char *const[]) {
        "<target dev=\"web0\"/>", "<target dev=\"vnet0\"/>",
        "<parameters interfaceid=\"" ID_NEW "\" profileid=\"gold\"/>",
        "<parameters interfaceid=\"" ID_OLD "\" profileid=\"gold\"/>",
        NULL
    });
}

static void
test_other_attributes_of_the_target_stay(void)
{
    check_filter(live, "52:54:00:aa:00:02", "lan0", NULL,
                 (const char *const[]) {
        "<target dev=\"lan0\" managed=\"no\"/>",
        "<target dev=\"vnet1\" managed=\"no\"/>",
        NULL
    });
}

static void
test_what_is_missing_is_added_in_libvirts_order(void)
{
    check_filter(live, "52:54:00:aa:00:03", "web1", ID_NEW,
                 (const char *const[]) {
        "<source network=\"ovsnet\"/>\n"
        "      <virtualport type=\"openvswitch\">\n"
        "        <parameters interfaceid=\"" ID_NEW "\"/>\n"
        "      </virtualport>\n"
        "      <bandwidth>",
        "<source network=\"ovsnet\"/>\n"
        "      <bandwidth>",
        "</bandwidth>\n"
        "      <target dev=\"web1\"/>\n"
        "      <model",
        "</bandwidth>\n"
        "      <model",
        NULL
    });
}

static void
test_a_nic_on_one_line_stays_on_one_line(void)
{
    check_filter(live, "52:54:00:aa:00:04", "web2", ID_NEW,
                 (const char *const[]) {
        "<virtualport type=\"openvswitch\"><parameters interfaceid=\"" ID_NEW
        "\"/></virtualport><target dev=\"web2\"/>",
        "<virtualport/>",
        NULL
    });
}

static void
test_a_virtualport_without_type_becomes_open_vswitchs(void)
{
    check_filter(live, "52:54:00:aa:00:05", NULL, ID_NEW,
                 (const char *const[]) {
        "<virtualport type=\"openvswitch\">\n"
        "        <parameters interfaceid=\"" ID_NEW
        "\" profileid=\"menial\"/>",
        "<virtualport>\n"
        "        <parameters instanceid=\"" ID_OLD "\" interfaceid=\""
        "cccccccc-0000-4000-8000-000000000003\" profileid=\"menial\"/>",
        NULL
    });
}

static void
test_a_change_may_leave_either_part(void)
{
    check_filter(live, "52:54:00:aa:00:01", "web0", NULL,
                 (const char *const[]) {
        "<target dev=\"web0\"/>", "<target dev=\"vnet0\"/>", NULL
    });
    check_filter(live, "52:54:00:aa:00:03", NULL, NULL,
                 (const char *const[]) { NULL });
}

static void
test_all_changes_are_made(void)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    g_autoptr(PfDomain) domain = NULL;
    const PfNic *nic;

    g_ptr_array_add(changes, pf_nic_change_new("52:54:00:aa:00:04", "a",
                                               ID_NEW));
    g_ptr_array_add(changes, pf_nic_change_new("52:54:00:aa:00:01", "b&'\"",
                                               ID_NEW));
    output = pf_domain_filter(live, changes, &error);
    g_assert_no_error(error);
    domain = parse_good(output);
    nic = pf_domain_nic(domain, "52:54:00:aa:00:04");
    g_assert_cmpstr(nic->target, ==, "a");
    g_assert_cmpstr(nic->iface_id, ==, ID_NEW);
    g_assert_true(nic->openvswitch);
    nic = pf_domain_nic(domain, "52:54:00:aa:00:01");
    g_assert_cmpstr(nic->target, ==, "b&'\"");
    g_assert_cmpstr(nic->iface_id, ==, ID_NEW);
    nic = pf_domain_nic(domain, "52:54:00:aa:00:02");
    g_assert_cmpstr(nic->target, ==, "vnet1");
    g_assert_cmpuint(domain->nics->len, ==, 8);
}

/* As an administrator writes it, with tabs, comments between and a text in
 * another alphabet; the first NIC has nothing but its MAC. */
static const char by_hand[] =
    "<domain type='qemu'>\n"
    "\t<name>\xce\xb2</name>\n"
    "\t<uuid>6f4b2d0e-1c3a-4b5d-8e7f-000000000001</uuid>\n"
    "\t<devices><!-- eins -->\n"
    "\t\t<interface type='network'>\n"
    "\t\t\t<!-- zwei --><mac address='52:54:00:aa:00:01'/><!-- drei -->\n"
    "\n"
    "\t\t\t<app:target xmlns:app='http://example.org/'/>\n"
    "\t\t</interface>\n"
    "\t\t<interface type='network'>\n"
    "\t\t\t<mac address='52:54:00:aa:00:02'/>\n"
    "\n"
    "\t\t\t<source network='n'/>\n"
    "\t\t\t<virtualport type='openvswitch'> <!-- vier --> </virtualport>\n"
    "\t\t</interface>\n"
    "\t</devices>\n"
    "</domain>";

static void
test_comments_and_tabs_of_a_hand_written_domain_stay(void)
{
    check_filter(by_hand, "52:54:00:aa:00:01", "web0", ID_NEW,
                 (const char *const[]) {
        "<virtualport type=\"openvswitch\"><parameters interfaceid=\"" ID_NEW
        "\"/></virtualport><target dev=\"web0\"/>", "", NULL
    });
    check_filter(by_hand, "52:54:00:aa:00:02", "web1", ID_NEW,
                 (const char *const[]) {
        "<parameters interfaceid=\"" ID_NEW "\"/>", "",
        "\n\t\t\t<target dev=\"web1\"/>", "", NULL
    });
}

static void
test_what_cannot_be_changed_is_an_error(void)
{
    static const struct {
        const char *mac;
        const char *error;
    } cases[] = {
        { "52:54:00:aa:00:99",
          "line 1: <domain>: there is no NIC with MAC address "
          "52:54:00:aa:00:99" },
        { "52:54:00:aa:00:06",
          "line 68: <virtualport>: attribute 'type' is not openvswitch: "
          "Portferry cannot move this NIC's port" },
        { "52:54:00:aa:00:07",
          "line 75: <interface>: the MAC address 52:54:00:aa:00:07 is that of "
          "the NIC on line 72 too; give each NIC its own" },
    };
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_null(filter(live, cases[i].mac, "web0", ID_NEW, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
    g_assert_null(filter("<domain>", "52:54:00:aa:00:99", NULL, NULL,
                         &error));
    xml_check_error(&error, PF_XML_ERROR_SYNTAX,
                    "line 1: not well-formed: libxml2 error 77");
}

static gboolean
filter_takes(const char *xml, GError **error)
{
    g_autofree char *output = filter(xml, "52:54:00:aa:00:01", "web0", ID_NEW,
                                     error);

    return output != NULL;
}

static void
test_hostile_documents_are_not_filtered(void)
{
    xml_check_hostile(filter_takes, live, "domain");
}

/* ---- Hook data -------------------------------------------------------- */

/* What libvirt 9.0 passes to a network hook at port-created. */
static const char hook_data[] =
    "<hookData>\n"
    "  <network connections='1'>\n"
    "    <name>ovsnet</name>\n"
    "    <uuid>0b7a4a70-5a0c-4b6e-9d5f-0123456789ab</uuid>\n"
    "    <metadata>\n"
    "      <portferry:migration"
    " xmlns:portferry=\"urn:portferry:network:1.0\"/>\n"
    "    </metadata>\n"
    "    <forward mode='bridge'/>\n"
    "    <bridge name='br-of-the-network'/>\n"
    "    <virtualport type='openvswitch'/>\n"
    "    <portgroup name='web'>\n"
    "      <vlan>\n"
    "        <tag id='42'/>\n"
    "      </vlan>\n"
    "    </portgroup>\n"
    "  </network>\n"
    "  <networkport>\n"
    "    <uuid>5D744F21-ba4a-4d6e-bdb2-30a35ff3207d</uuid>\n"
    "    <owner>\n"
    "      <name>vm &lt;1&gt;</name>\n"
    "      <uuid>6f4b2d0e-1c3a-4b5d-8e7f-000000000001</uuid>\n"
    "    </owner>\n"
    "    <group>web</group>\n"
    "    <mac address='52:54:00:AA:00:01'/>\n"
    "    <virtualport type='openvswitch'>\n"
    "      <parameters interfaceid='" ID_OLD "'/>\n"
    "    </virtualport>\n"
    "    <vlan>\n"
    "      <tag id='42'/>\n"
    "    </vlan>\n"
    "    <plug type='bridge' bridge='br0'/>\n"
    "  </networkport>\n"
    "</hookData>";

static gboolean
takes_hook_data(const char *xml, GError **error)
{
    g_autoptr(PfNetworkPort) np = pf_networkport_parse(xml, error);

    return np != NULL;
}

static void
test_hook_data_is_read(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfNetworkPort) np = pf_networkport_parse(hook_data, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(np->network, ==, "ovsnet");
    g_assert_cmpstr(np->bridge, ==, "br0");
    g_assert_cmpstr(np->mac, ==, "52:54:00:aa:00:01");
    g_assert_cmpstr(np->iface_id, ==, ID_OLD);
    g_assert_cmpstr(np->owner_name, ==, "vm <1>");
    g_assert_cmpstr(np->owner_uuid, ==,
                    "6f4b2d0e-1c3a-4b5d-8e7f-000000000001");
    g_assert_cmpstr(np->port_uuid, ==,
                    "5d744f21-ba4a-4d6e-bdb2-30a35ff3207d");
}

static void
test_hook_data_may_say_little(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfNetworkPort) np = pf_networkport_parse(
        "<hookData><network><name>n</name></network><networkport>"
        "<plug type='direct' dev='eth0' mode='vepa'/></networkport>"
        "</hookData>", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(np->network, ==, "n");
    g_assert_null(np->bridge);
    g_assert_null(np->mac);
    g_assert_null(np->iface_id);
    g_assert_null(np->owner_name);
    g_assert_null(np->owner_uuid);
    g_assert_null(np->port_uuid);
}

static void
test_mistakes_in_hook_data_are_named(void)
{
    static const struct {
        const char *xml;
        const char *error;
    } cases[] = {
        { "<hookData/>", "line 1: <hookData>: there is no <networkport>" },
        { "<hookData><networkport/></hookData>",
          "line 1: <hookData>: there is no <network> with a <name>" },
        { "<hookData><networkport/><network/></hookData>",
          "line 1: <hookData>: there is no <network> with a <name>" },
        { "<network/>",
          "line 1: <network>: the document's element should be <hookData>" },
        { "<hookData><network><name>n</name></network><networkport>\n"
          "<mac address='x'/></networkport></hookData>",
          "line 2: <mac>: attribute 'address': its text: must be a MAC "
          "address, xx:xx:xx:xx:xx:xx" },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(takes_hook_data(cases[i].xml, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
}

static void
test_hostile_hook_data_is_refused(void)
{
    xml_check_hostile(takes_hook_data, hook_data, "hookData");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/domain/" #NAME, test_##NAME)
    TEST(a_live_domain_is_read);
    TEST(nics_of_every_kind_are_read);
    TEST(the_stamp_is_read);
    TEST(a_domain_may_have_no_stamp);
    TEST(what_claims_to_be_a_stamp_must_be_one);
    TEST(mistakes_in_a_domain_are_named_without_its_text);
    TEST(no_secret_gets_into_an_error);
    TEST(hostile_documents_are_refused);
    TEST(without_changes_the_document_stays_as_it_is);
    TEST(what_is_there_gets_new_values);
    TEST(other_attributes_of_the_target_stay);
    TEST(what_is_missing_is_added_in_libvirts_order);
    TEST(a_nic_on_one_line_stays_on_one_line);
    TEST(a_virtualport_without_type_becomes_open_vswitchs);
    TEST(a_change_may_leave_either_part);
    TEST(all_changes_are_made);
    TEST(comments_and_tabs_of_a_hand_written_domain_stay);
    TEST(what_cannot_be_changed_is_an_error);
    TEST(hostile_documents_are_not_filtered);
    TEST(hook_data_is_read);
    TEST(hook_data_may_say_little);
    TEST(mistakes_in_hook_data_are_named);
    TEST(hostile_hook_data_is_refused);
    return g_test_run();
}
