/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_UPSTREAM_H
#define TESTS_UNIT_UPSTREAM_H

/* A root as upstream's kata-deploy 4.1 leaves it, and what is in a folder, to compare. */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/sha256.h"
#include "tests/unit/folder.h"

#define UPSTREAM_GO     "bin/containerd-shim-kata-v2"
#define UPSTREAM_RUST   "runtime-rs/bin/containerd-shim-kata-v2"
#define UPSTREAM_IMPORT "containerd/config.d/kata-deploy.toml"

static inline void upstream_program(const char *root, const char *name, const char *text)
{
	_free_ char *path = path_join(root, name);

	folder_put(root, name, text);
	assert_int_equal(chmod(path, 0755), 0);
}

/* Everything but IMPORT, the text of the drop-in; NULL: there is none. */
static inline void upstream_put(const char *root, const char *import)
{
	_free_ char *link = path_join(root, "share/kata-containers/vmlinux.container");
	_free_ char *image = path_join(root, "share/kata-containers/kata-containers.img");
	_free_ char *config = path_join(
		root, "share/defaults/kata-containers/runtimes/qemu/configuration-qemu.toml");
	_free_ char *named =
		path_join(root, "share/defaults/kata-containers/configuration-qemu.toml");

	upstream_program(root, UPSTREAM_GO, "#!/bin/sh\necho go \"$@\"\n");
	upstream_program(root, UPSTREAM_RUST, "#!/bin/sh\necho rust \"$@\"\n");
	upstream_program(root, "bin/qemu-system-x86_64", "qemu");
	upstream_program(root, "libexec/virtiofsd", "virtiofsd");
	folder_put(root, "share/kata-containers/kata-ubuntu-noble.image", "image");
	folder_put(root, "share/kata-containers/vmlinux-6.18", "kernel");
	assert_int_equal(symlink("vmlinux-6.18", link), 0);
	assert_int_equal(symlink("kata-ubuntu-noble.image", image), 0);
	folder_put(root, "share/kata-qemu/qemu/bios-256k.bin", "bios");
	folder_put(root, "share/defaults/kata-containers/runtimes/qemu/configuration-qemu.toml",
		   "# Managed by kata-deploy.\n[hypervisor.qemu]\n");
	assert_true(file_exists(config));
	assert_int_equal(symlink("runtimes/qemu/configuration-qemu.toml", named), 0);
	folder_put(root, "versions.yaml", "externals: {}\n");
	if (import)
		folder_put(root, UPSTREAM_IMPORT, import);
}

/* What of each entry counts. */
enum upstream_look {
	UPSTREAM_TIMES, /* all that can be told of it: it was moved, not made anew */
	UPSTREAM_TEXTS, /* not when, and not what an installer needs for itself */
};

static strv *upstream_listing;
static size_t upstream_prefix;
static enum upstream_look upstream_how;

static inline int upstream_list_one(const char *path, const struct stat *st, int type,
				    struct FTW *ftw)
{
	const char *name = path + upstream_prefix;
	char target[256] = "";
	_free_ char *text = NULL;
	_free_ char *when = NULL;
	struct error ignored;

	(void)ftw;
	/* The root's own time changes with every entry, and so does that of the versions. */
	if (!*name || strstr(name, "/versions") == name + strlen(name) - strlen("/versions"))
		return 0;
	if (upstream_how == UPSTREAM_TEXTS &&
	    (strstr(name, "/versions/") || strstr(name, "/.lock")))
		return 0;
	if (type == FTW_SL && readlink(path, target, sizeof(target) - 1) < 0)
		return -1;
	if (type == FTW_F)
		(void)file_read(path, 1 * MIB, &text, NULL, &ignored);
	if (upstream_how == UPSTREAM_TIMES)
		when = xasprintf(" %lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	strv_addf(upstream_listing, "%s %o %u:%u%s '%s%s'", name, st->st_mode, st->st_uid,
		  st->st_gid, when ? when : "", target, text ? text : "");
	return 0;
}

static inline int upstream_by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every entry below DIR.  Caller frees. */
static inline char *upstream_list(const char *dir, enum upstream_look how)
{
	_strv_ strv lines = NULL;

	upstream_how = how;
	upstream_listing = &lines;
	upstream_prefix = strlen(dir);
	assert_int_equal(nftw(dir, upstream_list_one, 16, FTW_PHYS), 0);
	if (!lines)
		return xstrdup("");
	qsort(lines, strv_len(lines), sizeof(*lines), upstream_by_text);
	return strv_join(lines, "\n");
}

/* Two such lists are equal, or the test fails with what the first difference is. */
static inline void upstream_must_equal(const char *before, const char *after)
{
	size_t at = 0;

	while (before[at] && before[at] == after[at])
		at++;
	if (before[at] == after[at])
		return;
	while (at > 0 && before[at - 1] != '\n')
		at--;
	fail_msg("was: %.300s\nis: %.300s", before + at, after + at);
}

#endif
