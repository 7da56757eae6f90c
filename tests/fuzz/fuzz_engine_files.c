/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_engine_files - the files of a container engine, which are whoever keeps the machine's.
 *
 * The input begins with the kind of machine, a space, the version of its engine and the end of the
 * line; then come the files (folder.h).  Whatever they say: where our handler can be brought, to
 * bring it once more changes nothing, an engine that prints what it has would have it, and to take
 * it away leaves every file, byte for byte, as it was.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"
#include "lib/host/crio.h"
#include "lib/sha256.h"
#include "tests/fuzz/folder.h"
#include "tests/unit/owner.h"

#define FILES_MAX 64
#define FILE_MAX  MIB

/* A name that no file of a machine has, whatever is imported. */
#define NAME "kata-fuzzed"
#define MARK "kata"

static const struct handler ours[] = {
	{ NAME, "/opt/kata/bin/shim", "/opt/kata/c.toml", "/etc/kata/launcher", NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What is in the folder at PATH, with its names. */
static void sum_folder(const char *path, struct sha256 *sum)
{
	_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ strv names = NULL;
	struct error e;

	if (fd < 0 || dir_list(fd, FILES_MAX, &names, &e) < 0)
		return;
	for (char **name = names; name && *name; name++) {
		_free_ char *below = path_join(path, *name);
		_free_ char *text = NULL;
		size_t len = 0;

		sha256_add(sum, *name, strlen(*name) + 1);
		if (file_read(below, FILE_MAX, &text, &len, &e) >= 0)
			sha256_add(sum, text, len);
		else
			sum_folder(below, sum);
	}
}

static void sum_of(const char *path, char ret_digest[SHA256_HEX + 1])
{
	struct sha256 sum;

	sha256_init(&sum);
	sum_folder(path, &sum);
	sha256_end(&sum, ret_digest);
}

/* Returns whether anything had to change; what cannot be done is not begun. */
static int bring(const struct engine *engine, enum presence presence)
{
	const struct handlers all = { ours, ARRAY_SIZE(ours), presence };
	_edit_ struct edit edit = { 0 };
	struct error e;

	if (engine->driver->plan(engine, &all, &edit, &e) < 0)
		return -e.code;
	if (engine->driver == &crio_driver && crio_must_start(engine, &edit, &e) < 0)
		return -e.code;
	if (edit_apply(&edit, &e) < 0)
		return -e.code;
	return edit_is_needed(&edit);
}

/* As containerd does: the last file that has a section counts, which of 1.x is the main one. */
static void check_handler(const struct engine *engine)
{
	_free_ char *path = path_join(engine->dir, engine->main_file);
	_free_ char *text = NULL;
	_strv_ strv names = NULL;
	struct error e;

	if (engine->driver == &crio_driver || engine->major >= 2 || engine->flavour->writer ||
	    file_read(path, FILE_MAX, &text, NULL, &e) < 0)
		return;
	require(containerd_dump_handlers(text, strlen(text), &names, &e) >= 0);
	require(strv_contains(names, NAME));
}

/* Two configurations as containerd would print them differ from both sides, or do not. */
static void check_comparison(const char *folder)
{
	_free_ char *one = path_join(folder, "before"), *other = path_join(folder, "after");
	_free_ char *before = NULL, *after = NULL;
	struct error e;
	int r;

	if (file_read(one, FILE_MAX, &before, NULL, &e) < 0 ||
	    file_read(other, FILE_MAX, &after, NULL, &e) < 0)
		return;
	r = containerd_compare(NULL, before, after, &e);
	require(r == containerd_compare(NULL, after, before, &e));
	if (r >= 0)
		require(containerd_compare(NULL, before, before, &e) >= 0);
}

/* What was there of ours, or by one of our names, does not come again. */
static void clear(const struct engine *engine)
{
	(void)bring(engine, HANDLERS_PRESENT);
	(void)bring(engine, HANDLERS_ABSENT);
}

static void check_round(const struct engine *engine)
{
	char before[SHA256_HEX + 1], after[SHA256_HEX + 1];

	sum_of(engine->dir, before);
	if (bring(engine, HANDLERS_PRESENT) < 0) {
		sum_of(engine->dir, after);
		require(str_equal(before, after));
		return;
	}
	check_handler(engine);
	require(bring(engine, HANDLERS_PRESENT) == 0);
	if (bring(engine, HANDLERS_ABSENT) < 0) {
		/* Which does not start without its default runtime. */
		require(engine->driver == &crio_driver);
		return;
	}
	sum_of(engine->dir, after);
	require(str_equal(before, after));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	_free_ char *line = xstrndup((const char *)data, end ? (size_t)(end - data) : 0);
	char *version = strchr(line, ' ');
	struct engine engine = { .owner = &test_owner };
	_folder_ char *folder = NULL;
	struct error e;

	if (!end || !version)
		return 0;
	*version++ = '\0';
	if (flavour_find(line, &engine.flavour, &e) < 0)
		return 0;
	engine.driver = engine_driver(engine.flavour);
	if ((engine.driver == &crio_driver || engine.driver == &containerd_driver) &&
	    engine_set_version(&engine, version, &e) >= 0) {
		folder = folder_new(end + 1, size - (size_t)(end + 1 - data));
		engine.dir = folder;
		engine.main_file = engine.flavour->main_file;
		if (memmem(data, size, MARK, strlen(MARK)))
			clear(&engine);
		check_round(&engine);
		check_comparison(folder);
	}
	engine_done(&engine);
	return 0;
}
