/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attributes - for tests/it/ctr-files-keep-attributes.sh: extended attributes by hand, as Debian's
 * tools for them are not static.
 *
 *   attributes set|get|remove|list FILE [NAME [VALUE]]
 *   attributes capability FILE           cap_net_raw, permitted and effective
 *   attributes acl|default-acl FILE UID  UID may read and run, besides the owner
 *   attributes as UID PROGRAM...         without capabilities of its own
 *
 * Prints a value or what went wrong.  One thread.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NET_RAW 13

static int report(ssize_t r)
{
	if (r < 0)
		(void)printf("%s\n", strerrorname_np(errno));
	return r < 0;
}

static int get(const char *file, const char *name)
{
	char value[256];
	ssize_t n = getxattr(file, name, value, sizeof(value));

	if (n >= 0)
		(void)printf("%.*s\n", (int)n, value);
	return report(n);
}

static int list(const char *file)
{
	char names[4096];
	ssize_t n = listxattr(file, names, sizeof(names));

	for (char *name = names; name < names + n; name += strlen(name) + 1)
		(void)printf("%s\n", name);
	return report(n);
}

/* struct vfs_cap_data of revision 2, effective. */
static int set_capability(const char *file)
{
	const uint32_t data[5] = { 0x02000001, 1U << NET_RAW, 0, 0, 0 };

	return report(setxattr(file, "security.capability", data, sizeof(data), 0));
}

/* struct posix_acl_xattr_entry; tags in the order the kernel wants. */
static int set_acl(const char *file, const char *name, uint32_t uid)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entries[5];
	} acl = { 2,
		  { { 1, 7, UINT32_MAX },
		    { 2, 5, uid },
		    { 4, 0, UINT32_MAX },
		    { 16, 5, UINT32_MAX },
		    { 32, 0, UINT32_MAX } } };

	return report(setxattr(file, name, &acl, sizeof(acl), 0));
}

static int run_as(uid_t uid, char **argv)
{
	if (setgid(uid) < 0 || setuid(uid) < 0)
		return report(-1);
	(void)execv(argv[0], argv);
	return report(-1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "list") == 0)
		return list(argv[2]);
	if (strcmp(what, "capability") == 0)
		return set_capability(argv[2]);
	if (argc > 3 && strcmp(what, "get") == 0)
		return get(argv[2], argv[3]);
	if (argc > 3 && strcmp(what, "remove") == 0)
		return report(removexattr(argv[2], argv[3]));
	if (argc > 4 && strcmp(what, "set") == 0)
		return report(setxattr(argv[2], argv[3], argv[4], strlen(argv[4]), 0));
	if (argc > 3 && strcmp(what, "acl") == 0)
		return set_acl(argv[2], "system.posix_acl_access", (uint32_t)atol(argv[3]));
	if (argc > 3 && strcmp(what, "default-acl") == 0)
		return set_acl(argv[2], "system.posix_acl_default", (uint32_t)atol(argv[3]));
	if (argc > 3 && strcmp(what, "as") == 0)
		return run_as((uid_t)atol(argv[2]), argv + 3);
	return 2;
}
