/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt - take over what upstream's kata-deploy said to the engine and the cluster, and hand it
 * back.
 *
 * Upstream's handlers, labels and, from containerd 2.2 on, even its drop-in have the names of ours.
 * So the step that configures the engine takes them over as it takes whatever has our names, and
 * all there is to do here is to note, before that, what was there.  When it is handed back, a file
 * that is the same but for handlers of our names was changed by nobody else: it gets the bytes that
 * were noted.  Handlers of upstream's for which this release has no shim stay where they are, for
 * the pods that have them; where their file has our name (containerd 2.2 and later) they return
 * with it.  One thread.
 */
#include "deploy/adopt.h"

#include <string.h>

#include "deploy/node.h"
#include "lib/file.h"
#include "lib/host/adopt.h"
#include "lib/host/store.h"
#include "lib/log.h"

#define IMPORT "containerd/config.d/kata-deploy.toml" /* below upstream's root */
#define LABELS "labels"
#define ENGINE "engine"

bool adopt_is_anothers(const struct facts *f)
{
	struct error ignored;

	return !adopt_stands(f->root) && store_may_link(f->root, &ignored) < 0;
}

/* ---- noting ---- */

static struct edit_file *find_or_add(struct edit *edit, const char *path, struct error *e)
{
	struct edit_file *f;

	for (size_t i = 0; i < edit->n_files; i++)
		if (strcmp(edit->files[i].path, path) == 0)
			return &edit->files[i];
	f = edit_add(edit, path, e);
	if (f && f->old_text)
		f->new_text = xstrdup(f->old_text);
	return f;
}

int adopt_add_engine(const struct facts *f, struct edit *edit, struct error *e)
{
	const struct handlers handlers = facts_handlers(f);
	_free_ char *import = path_join(f->root, IMPORT);

	if (f->engine.driver->plan(&f->engine, &handlers, edit, e) < 0)
		return -e->code;
	/* Later versions may have more handlers than this one. */
	if (file_exists(import) && !find_or_add(edit, import, e))
		return -e->code;
	return 0;
}

struct json_object *adopt_make_record(const struct facts *f, const struct edit *engine)
{
	struct json_object *record = NULL;
	struct json_object *labels;
	const struct node_marks now = node_marks(f);
	struct error ignored;

	/* The journal of a removal that was killed brought our handlers back, after the labels had
	 * gone: what was before them only the record of then says. */
	if (!edit_is_needed(engine) && adopt_record(f->root, &record, &ignored) >= 0)
		return record;
	record = json_object_new_object();
	labels = json_set_object(record, LABELS);
	json_set_str(labels, "shared", now.shared);
	json_set_str(labels, "instance", now.instance);
	edit_save(engine, json_set_object(record, ENGINE));
	return record;
}

/* ---- handing back ---- */

/* That A and B differ in handlers of our names at most. */
static int is_same_for_others(const struct facts *f, const char *path, const char *a, const char *b,
			      struct error *e)
{
	_free_ char *bare_a = xstrdup(a);
	_free_ char *bare_b = xstrdup(b);

	if (f->engine.driver->bare &&
	    (f->engine.driver->bare(&bare_a, path, f->known, f->n_offers, e) < 0 ||
	     f->engine.driver->bare(&bare_b, path, f->known, f->n_offers, e) < 0))
		return -e->code;
	return strcmp(bare_a, bare_b) == 0;
}

static int plan_file(const struct facts *f, struct edit *edit, struct json_object *saved,
		     struct error *e)
{
	const char *path = json_get_str(saved, "path");
	const char *before = json_get_str(saved, "text");
	struct edit_file *file = NULL;
	int r = 1;

	/* One that was not there was made for ours and goes with it. */
	if (!path || !before)
		return 0;
	file = find_or_add(edit, path, e);
	if (!file)
		return -e->code;
	if (file->new_text)
		r = is_same_for_others(f, path, file->new_text, before, e);
	if (r == 0)
		log_warn(
			"'%s' was changed by somebody else since it was adopted, and keeps that: "
			"upstream's own handlers of our names are not brought back into it; its "
			"next installation does",
			path);
	if (r <= 0)
		return r;
	str_set(&file->new_text, before);
	file->takes_folder = false;
	file->mode = (mode_t)json_get_int(saved, "mode", file->mode) & 0777;
	file->uid = (uid_t)json_get_int(saved, "uid", file->uid);
	file->gid = (gid_t)json_get_int(saved, "gid", file->gid);
	return 0;
}

int adopt_plan_return(const struct facts *f, struct edit *edit, struct error *e)
{
	_json_ struct json_object *record = NULL;
	struct json_object *files;
	int r = adopt_record(f->root, &record, e);

	if (r < 0)
		return r == -ENOENT ? 0 : fail_wrap(e, "what is to be handed back");
	files = json_at(record, ENGINE ".files");
	for (size_t i = 0; i < json_len(files); i++)
		if (plan_file(f, edit, json_item(files, i), e) < 0)
			return fail_wrap(e, "what is to be handed back");
	return 0;
}

int adopt_return_labels(const struct install *in, struct error *e)
{
	_json_ struct json_object *record = NULL;
	struct node_marks before = { 0 };
	int r = adopt_record(in->facts->root, &record, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	before.shared = json_get_str(record, LABELS ".shared");
	before.instance = json_get_str(record, LABELS ".instance");
	r = node_set_marks(in, &before, e);
	if (r == -EACCES || r == -ENOENT) {
		log_warn("the labels are not handed back: %s", e->msg);
		return 0;
	}
	return r;
}

void adopt_end(const struct facts *f)
{
	_json_ struct json_object *record = NULL;
	struct error e;
	int r = adopt_record(f->root, &record, &e);

	if (r >= 0)
		r = adopt_forget(f->root, json_get_str(record, "folder"), &e);
	if (r < 0 && r != -ENOENT)
		log_warn("%s", e.msg);
}
