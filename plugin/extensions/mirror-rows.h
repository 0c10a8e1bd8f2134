/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror-rows: Mirror rows and what a port is to them, for the extension
 * `mirror'.
 *
 * Policies of a port are
 *
 *     { "mirrors": { NAME: ["src", "dst", "out"], ... }, "unnamed": N }
 *
 * without "mirrors" if there are none: "src" is select_src_port, "dst"
 * select_dst_port, "out" output_port.  "unnamed" is how many mirrors without a
 * name it is in, which no other host can find; absent, if none.
 */
#ifndef PF_MIRROR_ROWS_H
#define PF_MIRROR_ROWS_H 1

#include <portferry/extension.h>

/* Before anything else: the agent. */
void pf_mirror_rows_init(const PfHost *host);

/* What a port is to a mirror: a set of roles. */
typedef guint PfMirrorRoles;
#define PF_MIRROR_SRC (1u << 0)
#define PF_MIRROR_DST (1u << 1)
#define PF_MIRROR_OUT (1u << 2)
#define PF_MIRROR_ALL (PF_MIRROR_SRC | PF_MIRROR_DST | PF_MIRROR_OUT)

/* A list of roles, floating; and back: FALSE if it is none, or empty, or has a
 * role twice. */
GVariant *pf_mirror_roles_to_variant(PfMirrorRoles);
gboolean pf_mirror_roles_from_variant(GVariant *value, PfMirrorRoles *);
/* The roles that 'policies' give in the mirror 'name'. */
PfMirrorRoles pf_mirror_roles_in(GVariant *policies, const char *name);

/* The mirrors of 'bridge' (const PfRow *); the caller unrefs them. */
GPtrArray *pf_mirrors_of(PfTxn *, const char *bridge);
/* How many of 'mirrors' are called 'name', and one of them. */
guint pf_mirrors_named(const GPtrArray *mirrors, const char *name,
                       const PfRow **one);
/* The name of a row; "" if it has none. */
char *pf_mirror_row_name(const PfRow *row);
/* Whether policies that name a mirror of 'all' can only mean 'mirror'. */
gboolean pf_mirror_is_named(const GPtrArray *all, const PfRow *mirror);

/* What the port 'uuid' is to 'mirror'. */
PfMirrorRoles pf_mirror_roles_of(const PfRow *mirror, const char *uuid);
/* Gives it the roles 'add', and takes away those of 'drop'. */
gboolean pf_mirror_set_roles(PfTxn *, const PfRow *mirror, const char *uuid,
                             PfMirrorRoles add, PfMirrorRoles drop,
                             GError **error);
/* Why 'mirror' cannot output to the port 'uuid' (NULL: not there yet), or
 * NULL. */
char *pf_mirror_output_taken(PfTxn *, const PfRow *mirror, const char *uuid);

/* Marks 'mirror' with what port 'name' is to it, for the way back; 0: takes
 * the mark off. */
gboolean pf_mirror_keep(PfTxn *, const PfRow *mirror, const char *name,
                        PfMirrorRoles, GError **error);
/* What the mark says; 0: there is none. */
PfMirrorRoles pf_mirror_kept(const PfRow *mirror, const char *name);

#endif
