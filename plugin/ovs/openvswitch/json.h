/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands before Open vSwitch's <openvswitch/json.h> in the search path, so that
 * who includes that header, knowingly or not, calls its functions by the names
 * that they have in our copy of libopenvswitch (build-aux/build-ovs): json-glib
 * has functions of the original names.  A file that includes json-glib's
 * header too does not compile.
 */
#ifndef PF_OVS_JSON_H
#define PF_OVS_JSON_H 1

#define json_from_string ovs_json_from_string
#define json_to_string ovs_json_to_string

#endif

#include_next <openvswitch/json.h>
