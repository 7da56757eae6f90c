/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine - read what a run has to know of this machine.
 *
 * Everything here reads.  A release is known by its manifest, the first few kilobytes of its
 * archive, so that what will be is known before anything is written.  Which engines there are is
 * found by present.c.  One thread; may block.
 */
#include "manager/machine.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/source.h"
#include "lib/host/store.h"
#include "manager/configuration.h"

#define PROGRAM "kata-manager"
#define SHIM    "bin/containerd-shim-kata-v2"

/* As kata-deploy has it: both have to mean the same folders. */
#define LOCKS_VARIABLE "KATA_LOCKS"

/* ---- where ---- */

static char *choose(const char *option, const char *variable, const char *fallback)
{
	const char *value = variable ? getenv(variable) : NULL;

	return path_tidy(option ? option : str_empty(value) ? fallback : value);
}

static int must_be_absolute(const char *what, const char *path, struct error *e)
{
	return path[0] == '/' && path[1]
		       ? 0
		       : fail(e, EINVAL, "%s '%s' is not an absolute path", what, path);
}

/* Where our link is already, whoever made it; else the usual folder, or what a package may use. */
static const char *find_link_dir(const struct machine *k, const char *usual)
{
	static const char *const folders[] = { "/usr/local/bin", "/usr/bin" };
	char target[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_free_ char *link = path_join(folders[i], path_base(k->shim));
		ssize_t n = readlink(link, target, sizeof(target));

		if (n == (ssize_t)strlen(k->shim) && memcmp(target, k->shim, (size_t)n) == 0)
			return folders[i];
	}
	return usual ? usual : folders[0];
}

int machine_open(const struct options *o, struct machine *ret_machine, struct error *e)
{
	const char *locks = getenv(LOCKS_VARIABLE);
	_machine_ struct machine k = { 0 };

	k.root = choose(o->root, "kata_install_dir", "/opt/kata");
	k.shim = path_join(k.root, SHIM);
	k.link_dir = choose(o->link_dir, "link_dir", find_link_dir(&k, o->usual_link_dir));
	k.etc = choose(o->etc, NULL, "/etc/kata-containers");
	if (must_be_absolute("--root", k.root, e) < 0 ||
	    must_be_absolute("--link-dir", k.link_dir, e) < 0 ||
	    must_be_absolute("--config-dir", k.etc, e) < 0)
		return -e->code;
	k.locks = strv_split(locks ? locks : "/run/vc /etc/kata-containers", " ");
	*ret_machine = k;
	k = (struct machine){ 0 };
	ret_machine->owner = (struct owner){
		.program = PROGRAM,
		.name = PROGRAM,
		.unmarked = "kata-deploy",
		.locks = ret_machine->locks,
	};
	ret_machine->scope = (struct scope){
		.owner = &ret_machine->owner,
		.root = ret_machine->root,
	};
	strv_add(&ret_machine->scope.mine, MACHINE_HANDLER);
	strv_add(&ret_machine->scope.mine, ret_machine->shim);
	ret_machine->handler = (struct handler){
		.name = MACHINE_HANDLER,
		.runtime_path = ret_machine->shim,
	};
	present_open(ret_machine);
	if (present_choose(ret_machine, o->engines, e) >= 0)
		return 0;
	machine_done(ret_machine);
	return -e->code;
}

/* What shall be, once more nothing. */
static void forget_version(struct machine *k)
{
	manifest_done(&k->release);
	str_set(&k->archive, NULL);
	str_set(&k->folder, NULL);
	str_set(&k->version_dir, NULL);
	str_set(&k->program, NULL);
	str_set(&k->held, NULL);
}

void machine_done(struct machine *k)
{
	forget_version(k);
	for (size_t i = 0; i < PRESENT_MAX; i++)
		present_done(&k->engines[i]);
	scope_done(&k->scope);
	download_close(k->download);
	mirror_close(k->mirror);
	catalog_done(&k->catalog);
	free(k->index);
	edit_done(&k->configuration);
	edit_done(&k->choosing);
	free(k->choice);
	free(k->root);
	free(k->link_dir);
	free(k->etc);
	free(k->shim);
	free(k->drop_in);
	strv_free(k->locks);
	free(k->pin);
	free(k->evidence);
	*k = (struct machine){ 0 };
}

/* ---- engines ---- */

const struct engine *machine_runner(const struct machine *k)
{
	for (size_t i = 0; i < PRESENT_MAX; i++)
		if (k->engines[i].is_running && k->engines[i].engine.driver->run)
			return &k->engines[i].engine;
	return NULL;
}

/* ---- what shall be ---- */

static int find_archive(const char *from, char **ret_path, struct error *e)
{
	_free_ char *real = realpath(from, NULL);
	_free_ char *pattern = NULL;
	struct stat st;
	glob_t found;
	int r;

	if (!real || stat(real, &st) < 0)
		return fail(e, errno, "there is no release at '%s': %m", from);
	if (!S_ISDIR(st.st_mode) || source_is_laid_out(real)) {
		*ret_path = TAKE_PTR(real);
		return 0;
	}
	pattern = path_pattern(real, "kata-static*.tar.zst");
	r = glob(pattern, 0, NULL, &found);
	if (r == 0 && found.gl_pathc == 1)
		*ret_path = xstrdup(found.gl_pathv[0]);
	else
		r = fail(e, ENOENT, "there is not exactly one '%s'; name the file", pattern);
	globfree(&found);
	return r;
}

static int name_version(struct machine *k, struct error *e)
{
	_free_ char *versions = path_join(k->root, "versions");

	k->folder = manifest_folder(&k->release);
	k->version_dir = path_join(versions, k->folder);
	k->program = path_join(k->version_dir, MACHINE_PROGRAM);
	return store_marked(k->root, STORE_HELD, &k->held, e);
}

int machine_want_release(struct machine *k, struct error *e)
{
	k->target = TARGET_IMAGE;
	return name_version(k, e);
}

int machine_want_archive(struct machine *k, const char *from, struct error *e)
{
	if (find_archive(from, &k->archive, e) < 0 ||
	    source_manifest(k->archive, &k->release, e) < 0)
		return -e->code;
	return machine_want_release(k, e);
}

int machine_want_current(struct machine *k, struct error *e)
{
	_free_ char *current = NULL;

	if (store_current(k->root, &current, e) < 0)
		return -e->code;
	if (!current)
		return fail(e, ENOENT, "nothing is installed in '%s'", k->root);
	if (store_manifest(k->root, current, &k->release, e) < 0 || name_version(k, e) < 0)
		return -e->code;
	k->target = k->held ? TARGET_HELD : TARGET_IMAGE;
	return 0;
}

int machine_want_parts(struct machine *k, const char *folder, struct error *e)
{
	if (!source_is_laid_out(folder))
		return fail(e, ENOENT, "'%s' has no " MANIFEST_NAME ": no release lies there",
			    folder);
	if (machine_want_archive(k, folder, e) < 0)
		return -e->code;
	if (!str_equal(k->folder, k->held))
		return 0;
	forget_version(k);
	return machine_want_current(k, e);
}

int machine_want_previous(struct machine *k, struct error *e)
{
	_free_ char *previous = NULL;

	k->target = TARGET_BACK;
	if (store_marked(k->root, STORE_PREVIOUS, &previous, e) < 0)
		return -e->code;
	if (!previous)
		return fail(e, ENOENT, "there is no version to go back to in '%s'", k->root);
	return store_manifest(k->root, previous, &k->release, e) < 0 ? -e->code
								     : name_version(k, e);
}

int machine_read_file(const struct machine *k, const char *path, char **ret_text, struct error *e)
{
	const struct manifest_entry *entry = manifest_find(&k->release, path);
	_free_ char *file = path_join(k->version_dir, path);
	_free_ char *text = NULL;
	char digest[SHA256_HEX + 1] = "";
	struct error ignored;
	size_t len = 0;

	if (!entry)
		return fail(e, ENOENT, "the release has no '%s'", path);
	if (file_read(file, entry->size, &text, &len, &ignored) >= 0)
		sha256_bytes(text, len, digest);
	if (strcmp(digest, entry->sha256) == 0) {
		*ret_text = TAKE_PTR(text);
		return 0;
	}
	if (!k->archive)
		return fail(e, EBADMSG, "version '%s' is damaged: '%s' is not what it was",
			    k->folder, file);
	return k->download ? download_text(k->download, entry, ret_text, e)
			   : source_file(k->archive, entry, ret_text, e);
}

int machine_plan(struct machine *k, enum presence presence, struct error *e)
{
	int r = configuration_plan(k, presence, e);

	if (r >= 0)
		r = present_plan_choice(k, presence, e);
	for (size_t i = 0; r >= 0 && i < PRESENT_MAX; i++)
		r = present_plan(k, &k->engines[i], presence, e);
	if (r >= 0 && presence == HANDLERS_PRESENT)
		r = configuration_name(k, &k->evidence, e);
	return r;
}

struct transition machine_transition(const struct machine *k)
{
	return (struct transition){
		.root = k->root,
		.release = &k->release,
		.folder = k->folder,
		.version_dir = k->version_dir,
		.archive = k->archive,
		.sharing = STORE_SHARES,
		.held = k->held,
		.target = k->target,
		.is_last = k->is_leaving,
	};
}

struct host_facts machine_host(const struct machine *k)
{
	return (struct host_facts){
		.arch = k->release.arch,
		.root = k->root,
		.sys = "/sys",
		.proc = "/proc",
		.dev = "/dev",
		.allow_emulation = configuration_allows_emulation(k),
	};
}
