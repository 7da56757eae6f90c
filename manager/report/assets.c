/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assets - the part of a report that says which files sandboxes are made of.
 *
 * The paths are those of the configuration in force; each file is read, as a digest that a list has
 * says nothing of what is there.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/digest.h"
#include "manager/report/report.h"
#include "runtime/config/config.h"

#define ASSET_MAX GIB

static void add_facts(struct json_object *item, const char *path)
{
	_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char digest[SHA256_HEX + 1];
	struct error e = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)fail(&e, errno, "%m");
	} else if (!S_ISREG(st.st_mode)) {
		(void)fail(&e, EINVAL, "it is no file");
	} else {
		_free_ char *mode = xasprintf("%04o", (unsigned)(st.st_mode & 07777));

		json_set_int(item, "size", st.st_size);
		json_set_str(item, "mode", mode);
		json_set_int(item, "owner", st.st_uid);
		if ((uint64_t)st.st_size > ASSET_MAX)
			(void)fail(&e, EFBIG, "too large to be read here");
		else if (digest_fd(fd, path, digest, &e) >= 0)
			json_set_str(item, "sha256", digest);
	}
	json_set_str(item, "problem", e.code ? e.msg : NULL);
}

static void add_asset(struct json_object *items, const char *name, const char *path)
{
	struct json_object *item;
	_free_ char *real = NULL;

	if (str_empty(path))
		return;
	item = json_object_new_object();
	real = realpath(path, NULL);
	json_set_str(item, "asset", name);
	json_set_str(item, "path", real ? real : path);
	add_facts(item, path);
	(void)json_object_array_add(items, item);
}

static void add_named(struct json_object *items, char *const *wanted, const struct config *c,
		      const struct machine *k)
{
	const struct {
		const char *name;
		const char *path;
	} assets[] = {
		{ "hypervisor", c->hypervisor.path },
		{ "kernel", c->hypervisor.kernel },
		{ "initrd", c->hypervisor.initrd },
		{ "image", c->hypervisor.image },
		{ "virtiofsd", c->hypervisor.virtio_fs_daemon },
		{ "vsock-daemon", c->hypervisor.vsock_daemon },
		{ "shim", k->shim },
	};

	for (size_t i = 0; i < ARRAY_SIZE(assets); i++)
		if (strv_contains(wanted, assets[i].name))
			add_asset(items, assets[i].name, assets[i].path);
}

static int load(const struct machine *k, struct config *ret_config, struct error *e)
{
	_free_ char *version_dir = path_join(k->root, "current");
	const struct config_source source = { .version_dir = version_dir, .etc_dir = k->etc };

	return config_load(&source, ret_config, e);
}

struct json_object *report_assets(struct report *r, const struct part *part)
{
	_machine_ struct machine k = { 0 };
	_config_ struct config c = { 0 };
	_strv_ strv wanted = strv_split(part->what, " ");
	_json_ struct json_object *items = json_object_new_array();
	struct error e;

	if (machine_open(r->m->options, &k, &e) < 0 || load(&k, &c, &e) < 0) {
		strv_add(&r->errors, e.msg);
		return NULL;
	}
	add_named(items, wanted, &c, &k);
	return json_len(items) > 0 ? json_object_get(items) : NULL;
}
