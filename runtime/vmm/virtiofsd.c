/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtiofsd - the command line of the daemon that serves files of the host to one guest.
 *
 * Extended attributes.  What the guest writes is written to the host's files, whose file systems
 * have mounts of the host's that are not nosuid, so names that the host's kernel acts on are
 * mapped:
 *
 *   user.*              as it is: it means something to programs only
 *   system.posix_acl_*  as it is: like the mode, which the guest sets as well
 *   security.capability as it is: images are unpacked on the host, with real ones, which must be
 *                       honoured in the guest; a rule cannot read one name and write another.  A
 *                       guest that owns a file can make it set-user-id root just as well
 *   trusted.*           as user.virtiofs.trusted.*: the guest's own overlays need them, the host's
 *                       shall not be built from them, and the daemon may not write such names
 *   user.virtiofs.*     not the guest's to name, or a user of it could make a trusted one
 *   other security.*    of the host's security modules: not supported
 *
 * An argument of the administrator takes the place of ours of the same name, and of those that
 * virtiofsd refuses beside it.  A virtiofsd that does not know one of ours says so and ends.
 *
 * Any thread.
 */

#include "runtime/vmm/virtiofsd.h"

#include <string.h>

/* clang-format off */
#define ATTRIBUTES                                                \
	":ok:all:security.capability:security.capability:"        \
	":bad:client:user.virtiofs.::"                            \
	":prefix:all:trusted.:user.virtiofs.:"                    \
	":unsupported:client:security.::"                         \
	":bad:server::security.:"                                 \
	":bad:server::trusted.:"                                  \
	":ok:all:::"
/* clang-format on */

static const struct argument {
	const char *name;
	const char *value;  /* NULL: it has none */
	const char *yields; /* names of others it cannot stand beside */
} arguments[] = {
	{ "--xattrmap", ATTRIBUTES, NULL },
	{ "--posix-acl", "auto", "--translate-uid --translate-gid" },
	/* Set-id bits and capabilities are cleared by the host at a write: without this, the guest
	 * asks for the capabilities before each. */
	{ "--killpriv-v2", NULL, "--no-killpriv-v2" },
};

static bool names(const char *arg, const char *name)
{
	const char *rest = str_starts(arg, name) ? arg + strlen(name) : NULL;

	return rest && (*rest == '\0' || *rest == '=');
}

static bool is_given(char *const *args, const char *name)
{
	for (; args && *args; args++)
		if (names(*args, name))
			return true;
	return false;
}

static bool is_ours(const struct argument *a, char *const *extra)
{
	_strv_ strv others = a->yields ? strv_split(a->yields, " ") : NULL;

	if (is_given(extra, a->name))
		return false;
	for (char *const *other = others; other && *other; other++)
		if (is_given(extra, *other))
			return false;
	return true;
}

strv virtiofsd_command(const struct virtiofsd_params *params, int socket_fd)
{
	strv argv = NULL;

	strv_add(&argv, params->program);
	strv_addf(&argv, "--fd=%d", socket_fd);
	strv_addf(&argv, "--shared-dir=%s", params->share_dir);
	if (!is_given(params->extra_args, "--cache"))
		strv_addf(&argv, "--cache=%s", params->cache);
	if (params->holds_writes_back && !is_given(params->extra_args, "--writeback"))
		strv_add(&argv, "--writeback");
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
		if (is_ours(&arguments[i], params->extra_args))
			strv_addf(&argv, "%s%s%s", arguments[i].name, arguments[i].value ? "=" : "",
				  arguments[i].value ? arguments[i].value : "");
	strv_add_all(&argv, params->extra_args);
	return argv;
}
