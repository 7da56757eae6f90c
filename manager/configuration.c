/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuration - what sandboxes of this machine read, see configuration.h.
 *
 * One thread; may block.
 */
#include "manager/configuration.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/toml.h"

#define DELIVERED "share/defaults/kata-containers/configuration-qemu.toml"
#define MAIN_FILE "configuration.toml"
#define DROP_IN   CANDIDATE_DROP_INS "50-kata-manager.toml"
#define MARK                                                                                  \
	"# Copied from the current version by kata-manager, at every upgrade: what shall be " \
	"different goes into config.d.\n"
#define EMULATION "hypervisor.qemu.allow_emulation"

int configuration_drop_in(const struct machine *k, char **ret_text, struct error *e)
{
	_free_ char *path = path_join(k->etc, DROP_IN);
	int r = 0;

	if (k->drop_in)
		*ret_text = xstrdup(k->drop_in);
	else
		r = file_read(path, EDIT_TEXT_MAX, ret_text, NULL, e);
	if (r != -ENOENT)
		return r;
	*ret_text = xstrdup("");
	return 0;
}

/* Whether there are drop-ins beside ours. */
static bool has_others(const struct machine *k)
{
	_free_ char *pattern = path_pattern(k->etc, CANDIDATE_DROP_INS "*.toml");
	bool found = false;
	glob_t files;

	if (glob(pattern, 0, NULL, &files) != 0)
		return false;
	for (size_t i = 0; i < files.gl_pathc; i++)
		found |= strcmp(path_base(files.gl_pathv[i]), path_base(DROP_IN)) != 0;
	globfree(&files);
	return found;
}

static int plan_main(struct machine *k, bool is_wanted, struct error *e)
{
	_free_ char *path = path_join(k->etc, MAIN_FILE);
	_free_ char *delivered = NULL;
	struct edit_file *f;

	/* A link leads to a file that somebody chose, or to nothing; and without a version there is
	 * nothing to copy. */
	if (readlink(path, (char[1]){ 0 }, 1) >= 0 || (is_wanted && !k->folder))
		return 0;
	if (is_wanted && machine_read_file(k, DELIVERED, &delivered, e) < 0)
		return -e->code;
	f = edit_add(&k->configuration, path, e);
	if (!f)
		return -e->code;
	if (f->old_text && !str_starts(f->old_text, MARK)) {
		f->new_text = xstrdup(f->old_text);
		return 0;
	}
	f->new_text = is_wanted ? xasprintf(MARK "%s", delivered) : NULL;
	f->mode = 0644;
	f->takes_folder = true;
	return 0;
}

static int plan_drop_in(struct machine *k, const char *text, struct error *e)
{
	_free_ char *path = path_join(k->etc, DROP_IN);
	struct edit_file *f = edit_add(&k->configuration, path, e);

	if (!f)
		return -e->code;
	f->new_text = *text ? xstrdup(text) : NULL;
	f->mode = 0644;
	f->takes_folder = true;
	return 0;
}

int configuration_plan(struct machine *k, enum presence presence, struct error *e)
{
	_free_ char *text = NULL;
	bool is_there = presence == HANDLERS_PRESENT;

	if (configuration_drop_in(k, &text, e) < 0 ||
	    plan_main(k, is_there && (*text || has_others(k)), e) < 0)
		return -e->code;
	return plan_drop_in(k, is_there || k->keeps_settings ? text : "", e);
}

bool configuration_is_delivered(const struct machine *k, const char *file)
{
	_free_ char *main_file = path_join(k->etc, MAIN_FILE);
	_free_ char *text = NULL;
	struct error ignored;

	if (path_is_within(file, k->root))
		return true;
	return strcmp(file, main_file) == 0 &&
	       file_read(file, EDIT_TEXT_MAX, &text, NULL, &ignored) >= 0 && str_starts(text, MARK);
}

bool configuration_allows_emulation(const struct machine *k)
{
	_candidate_ struct candidate c = { 0 };
	struct error ignored;
	const char *last = "";
	bool allows = false;

	if (configuration_candidate(k, &c, &ignored) < 0)
		return false;
	for (size_t i = 0; c.names && c.names[i]; i++) {
		_cleanup_(toml_freep) struct toml *root = NULL;
		const struct toml *value = NULL;
		/* Drop-ins are read by name, behind the file that they are beside. */
		const char *name = str_starts(c.names[i], CANDIDATE_DROP_INS) ? c.names[i] : "";

		if (toml_parse(c.texts[i], strlen(c.texts[i]), c.names[i], &root, &ignored) >= 0)
			value = toml_get(root, EMULATION);
		if (!value || value->type != TOML_BOOL || strcmp(name, last) < 0)
			continue;
		allows = value->boolean;
		last = name;
	}
	return allows;
}

/* A main file that is a link is somebody's choice, and no part of what is planned. */
static int add_linked(const struct machine *k, struct candidate *c, struct error *e)
{
	_free_ char *path = path_join(k->etc, MAIN_FILE);
	_free_ char *text = NULL;

	if (readlink(path, (char[1]){ 0 }, 1) < 0)
		return 0;
	if (file_read(path, EDIT_TEXT_MAX, &text, NULL, e) < 0)
		return -e->code;
	strv_add(&c->names, MAIN_FILE);
	strv_add(&c->texts, text);
	return 0;
}

int configuration_candidate(const struct machine *k, struct candidate *ret_candidate,
			    struct error *e)
{
	_free_ char *dir = xasprintf("%s/", k->etc);
	_candidate_ struct candidate c = { 0 };

	if (candidate_add(&c, dir, &k->configuration, NULL, e) < 0 || add_linked(k, &c, e) < 0)
		return -e->code;
	*ret_candidate = c;
	c = (struct candidate){ 0 };
	return 0;
}

int configuration_write(const struct machine *k, const struct candidate *c, char **ret_path,
			struct error *e)
{
	_free_ char *dir = candidate_folder(k->etc, &k->owner);

	if (candidate_put(c, dir, e) < 0)
		return -e->code;
	*ret_path = path_join(dir, MAIN_FILE);
	return 0;
}

int configuration_name(const struct machine *k, char **ret_name, struct error *e)
{
	_candidate_ struct candidate c = { 0 };
	char digest[SHA256_HEX + 1];
	struct sha256 sum;

	if (configuration_candidate(k, &c, e) < 0)
		return -e->code;
	sha256_init(&sum);
	candidate_sum(&c, &sum);
	sha256_end(&sum, digest);
	*ret_name = xasprintf("%s.%.12s", k->folder, digest);
	return 0;
}
