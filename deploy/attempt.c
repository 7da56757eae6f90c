/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt - do not restart the container runtime again for what has failed.
 *
 * Each try costs the node two restarts, and a retry every few minutes never ends.  So ROOT/.failed
 * names the attempt by a digest of all that can make a difference: the files in the runtime's
 * folders and what they were to become, the runtime and what it has in use, the release with its
 * settings, and the boot. Whoever changed something else says so with the action reset.  What comes
 * before the runtime has read the files, as a restart that systemd reports as failed, is not
 * remembered.  One thread.
 */
#include "deploy/attempt.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "deploy/install.h"
#include "lib/file.h"
#include "lib/log.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static char *record_path(const struct facts *f)
{
	return path_join(f->root, ".failed");
}

/* With its end, so that no two lists of texts are one. */
static void add(struct sha256 *s, const char *text)
{
	text = text ? text : "";
	sha256_add(s, text, strlen(text) + 1);
}

/* What cannot be read counts as empty. */
static void add_file(struct sha256 *s, const char *path)
{
	_free_ char *text = NULL;
	struct error ignored;

	(void)file_read(path, EDIT_TEXT_MAX, &text, NULL, &ignored);
	add(s, path);
	add(s, text);
}

static void add_folder(struct sha256 *s, const char *dir, const char *name)
{
	_free_ char *pattern = xasprintf("%s/%s/*", dir, name ? name : ".");
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		add_file(s, found.gl_pathv[i]);
	globfree(&found);
}

/* Which one it is, and the files in its folders. */
static void add_engine(struct sha256 *s, const struct engine *engine)
{
	add(s, engine->version);
	add(s, engine->socket);
	add_folder(s, engine->dir, NULL);
	add_folder(s, engine->dir, engine->flavour->drop_in_dir);
	add_folder(s, engine->dir, engine->flavour->drop_in_dir3);
}

void attempt_name_engine(const struct facts *f, char ret_name[SHA256_HEX + 1])
{
	struct sha256 s;

	sha256_init(&s);
	add_engine(&s, &f->engine);
	sha256_end(&s, ret_name);
}

/* What the engine has in use counts as well: a restart may have changed that although no file of
 * ours did. */
static void name_attempt(const struct facts *f, const struct edit *edit,
			 char ret_name[SHA256_HEX + 1])
{
	struct json_object *config = f->status.config;
	struct sha256 s;

	sha256_init(&s);
	add(&s, f->proof);
	add(&s, config ? json_object_to_json_string(config) : "");
	add_file(&s, BOOT_ID);
	add_engine(&s, &f->engine);
	for (size_t i = 0; i < edit->n_files; i++) {
		add(&s, edit->files[i].path);
		add(&s, edit->files[i].new_text);
	}
	sha256_end(&s, ret_name);
}

int attempt_must_be_new(const struct facts *f, const struct edit *edit, struct error *e)
{
	_free_ char *path = record_path(f);
	_free_ char *text = NULL;
	char name[SHA256_HEX + 1];
	struct error ignored;

	if (file_read(path, 1024, &text, NULL, &ignored) < 0)
		return 0;
	name_attempt(f, edit, name);
	if (!str_starts(text, name))
		return 0;
	return fail(e, EALREADY,
		    "this has failed here before and nothing has changed since, so %s is not "
		    "restarted for it again; change its configuration, or run 'kata-deploy "
		    "reset': %s",
		    f->engine.driver->name, str_trim(text + strlen(name)));
}

void attempt_begin(struct install *in, const struct edit *edit)
{
	name_attempt(in->facts, edit, in->results.attempt);
}

void attempt_failed(const struct install *in, const struct error *e)
{
	const char *name = in->results.attempt;
	_free_ char *path = record_path(in->facts);
	_free_ char *text = xasprintf("%s %.400s\n", name, e->msg);
	struct error failure;

	if (e->code != ECANCELED && *name &&
	    file_replace(path, text, strlen(text), 0600, &failure) < 0)
		log_warn("%s", failure.msg);
}

void attempt_forget(const struct facts *f)
{
	_free_ char *path = record_path(f);

	(void)unlink(path);
	file_clear_rest(path);
}
