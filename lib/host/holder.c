/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder - keep two programs from working in one root.
 *
 * Each would sweep the other's versions, undo what the other was about to do, and remove what the
 * other installed.  Versions or a journal are what makes an installation, so a mark that a crash
 * left alone holds nobody back.  Under the lock of the journal; any thread; may block.
 */
#include "lib/host/holder.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"

#define MARK     ".owner"
#define MARK_MAX 256

static bool has(const char *root, const char *name)
{
	_free_ char *path = path_join(root, name);

	return file_exists(path);
}

static bool is_installed(const char *root)
{
	return has(root, "versions") || has(root, "journal");
}

static const char *unmarked(const struct owner *owner)
{
	return owner->unmarked ? owner->unmarked : owner->program;
}

char *holder_of(const struct owner *owner, const char *root)
{
	_free_ char *path = path_join(root, MARK);
	_free_ char *text = NULL;
	struct error ignored;

	if (!is_installed(root))
		return NULL;
	if (file_read(path, MARK_MAX, &text, NULL, &ignored) < 0 || str_empty(str_trim(text)))
		return xstrdup(unmarked(owner));
	return xstrdup(str_trim(text));
}

char *holder_other(const struct owner *owner, const char *root)
{
	_free_ char *holder = holder_of(owner, root);

	return holder && strcmp(holder, owner->program) != 0 ? TAKE_PTR(holder) : NULL;
}

int holder_check(const struct owner *owner, const char *root, struct error *e)
{
	_free_ char *holder = holder_other(owner, root);

	if (!holder)
		return 0;
	return fail(e, EEXIST,
		    "'%s' has an installation of %s, which %s leaves alone: remove it with that, "
		    "or install into another folder",
		    root, holder, owner->program);
}

int holder_mark(const struct owner *owner, const char *root, struct error *e)
{
	_free_ char *path = path_join(root, MARK);
	_free_ char *text = xasprintf("%s\n", owner->program);

	if (strcmp(unmarked(owner), owner->program) == 0 || has(root, MARK))
		return 0;
	return file_replace(path, text, strlen(text), 0644, e);
}

void holder_forget(const char *root)
{
	_free_ char *path = path_join(root, MARK);
	struct error ignored;

	if (is_installed(root))
		return;
	/* Of a writer that was killed. */
	file_clear_rest(path);
	/* Whose it was must be known as long as a power cut can bring any of it back. */
	if (has(root, MARK) && file_sync_parent(path, &ignored) >= 0)
		(void)unlink(path);
}
