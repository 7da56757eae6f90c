/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_download - of a release on a mirror comes what no version here has, and nothing that is not
 * what the index says is used.
 */

#include "tests/unit/folder.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/download.h"
#include "lib/host/store.h"
#include "tests/unit/tar-writer.h"

#define N_FILES 3

static const char *const paths[N_FILES] = { "bin/shim", "share/kernel", "share/notes" };

/* A release of three files, packed frame by frame in MIRROR of a test's folder. */
struct release {
	const char *version;
	const char *texts[N_FILES];
};

static const struct release old = { "1.0.0", { "the shim", "the kernel, which is large", "old" } };
static const struct release new = { "1.1.0", { "the shim", "the kernel, which is large", "new" } };

struct fixture {
	char *dir, *root, *mirror, *cache;
	struct catalog_release entry; /* of the release that was packed last */
	struct mirror *open;
	bool is_ours; /* nobody else may write into the mirror */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->dir = folder_new();
	f->root = path_join(f->dir, "root");
	f->mirror = path_join(f->dir, "mirror");
	f->cache = path_join(f->dir, "cache");
	*state = f;
	return 0;
}

static void entry_done(struct catalog_release *r)
{
	free(r->version);
	free(r->arch);
	free(r->archive.name);
	free(r->frames.name);
	*r = (struct catalog_release){ 0 };
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mirror_close(f->open);
	entry_done(&f->entry);
	folder_remove(f->dir);
	free(f->root);
	free(f->mirror);
	free(f->cache);
	free(f);
	return 0;
}

static char *manifest_of(const struct release *r)
{
	_free_ char *body = xasprintf("kata-manifest 1\nversion %s\narch x86_64\nlink shim bin/l\n",
				      r->version);
	char digest[SHA256_HEX + 1];

	for (size_t i = 0; i < N_FILES; i++) {
		_free_ char *before = body;

		sha256_bytes(r->texts[i], strlen(r->texts[i]), digest);
		body = xasprintf("%sfile 644 %zu %s %s\n", before, strlen(r->texts[i]), digest,
				 paths[i]);
	}
	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

/* Packs PIECE as the next frame of ARCHIVE and adds its line to LIST. */
static void put_frame(struct buf *archive, struct buf *list, const struct buf *piece,
		      const char *path)
{
	_buf_ struct buf packed = { .max = TAR_MAX };
	char digest[SHA256_HEX + 1];
	_free_ char *line = NULL;

	tar_compress(piece->data, piece->len, &packed);
	sha256_bytes(packed.data, packed.len, digest);
	line = xasprintf("frame %zu %s %s\n", packed.len, digest, path);
	tar_put_bytes(archive, packed.data, packed.len);
	tar_put_bytes(list, line, strlen(line));
}

static void put_member(struct buf *archive, struct buf *list, const char *path, const char *text)
{
	_free_ char *name = xasprintf("opt/kata/%s", path);
	_buf_ struct buf piece = { .max = TAR_MAX };

	tar_put(&piece, &(struct tar_writer_member){ .path = name, .text = text });
	if (strcmp(path, "bin/shim") == 0)
		tar_put(&piece,
			&(struct tar_writer_member){ .path = "opt/kata/bin/l", .target = "shim" });
	put_frame(archive, list, &piece, path);
}

static void describe(struct catalog_file *to, const char *name, const struct buf *b)
{
	to->name = xstrdup(name);
	to->size = b->len;
	sha256_bytes(b->data, b->len, to->sha256);
}

static void put_file(const struct fixture *f, const char *name, const struct buf *b)
{
	_free_ char *path = path_join(f->mirror, name);
	struct error e;

	assert_int_equal(dir_make(f->mirror, 0755, &e), 0);
	assert_int_equal(file_replace(path, b->data, b->len, 0644, &e), 0);
}

static void pack(struct fixture *f, const struct release *r)
{
	_buf_ struct buf archive = { .max = TAR_MAX }, list = { .max = TAR_MAX };
	_buf_ struct buf end = { .max = TAR_MAX };
	_free_ char *manifest = manifest_of(r);
	_free_ char *last = NULL;
	char digest[SHA256_HEX + 1];

	entry_done(&f->entry);
	tar_put_bytes(&list, "kata-frames 1\n", strlen("kata-frames 1\n"));
	put_member(&archive, &list, "MANIFEST", manifest);
	for (size_t i = 0; i < N_FILES; i++)
		put_member(&archive, &list, paths[i], r->texts[i]);
	tar_put_zeros(&end, 2 * TAR_BLOCK);
	put_frame(&archive, &list, &end, "-");
	sha256_bytes(list.data, list.len, digest);
	last = xasprintf("digest %s\n", digest);
	tar_put_bytes(&list, last, strlen(last));
	put_file(f, "a.tar.zst", &archive);
	put_file(f, "a.frames", &list);
	f->entry.version = xstrdup(r->version);
	f->entry.arch = xstrdup("x86_64");
	memcpy(f->entry.digest, manifest + strlen(manifest) - SHA256_HEX - 1, SHA256_HEX);
	describe(&f->entry.archive, "a.tar.zst", &archive);
	describe(&f->entry.frames, "a.frames", &list);
	assert_int_equal(chmod(f->mirror, f->is_ours ? 0755 : 0777), 0);
}

/* A file of the mirror in which byte AT is another; a second time it is right again. */
static void spoil(const struct fixture *f, const char *name, size_t at)
{
	_free_ char *path = path_join(f->mirror, name);
	_free_ char *text = NULL;
	struct error e;
	size_t len;

	assert_int_equal(file_read(path, TAR_MAX, &text, &len, &e), 0);
	text[at] ^= 1;
	assert_int_equal(file_replace(path, text, len, 0644, &e), 0);
}

static struct download *start(struct fixture *f, struct manifest *m, struct error *e)
{
	const struct mirror_place place = { .from = f->mirror };
	struct download_spec spec = { .release = &f->entry, .cache = f->cache };
	struct download *d = NULL;

	mirror_close(f->open);
	f->open = NULL;
	assert_int_equal(mirror_open(&place, &f->open, e), 0);
	spec.mirror = f->open;
	if (download_open(&spec, &d, e) >= 0 && download_manifest(d, m, e) >= 0)
		return d;
	download_close(d);
	return NULL;
}

/* All of it, as an installer does it. */
static int bring(struct fixture *f, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	_cleanup_(download_closep) struct download *d = start(f, &m, e);

	if (!d || download_run(d, &m, f->root, e) < 0 ||
	    store_add(f->root, download_path(d), &m, STORE_SHARES, NULL, e) < 0)
		return -e->code;
	download_discard(d);
	return 0;
}

static void must_bring(struct fixture *f)
{
	struct error e = { 0 };

	if (bring(f, &e) < 0)
		fail_msg("%s", e.msg);
}

static ino_t inode_of(const struct fixture *f, const struct release *r, const char *path)
{
	_free_ char *manifest = manifest_of(r);
	_free_ char *digest = xstrndup(manifest + strlen(manifest) - SHA256_HEX - 1, 12);
	_free_ char *file = xasprintf("%s/versions/%s-%s/%s", f->root, r->version, digest, path);
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_ino;
}

static void test_release_comes_and_is_a_version(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	struct error e;

	pack(f, &old);
	must_bring(f);
	folder = catalog_folder(&f->entry);
	assert_true(store_has(f->root, folder));
	assert_int_equal(store_verify(f->root, folder, &e), 0);
	assert_false(file_exists(f->cache));
	/* But for the end, which is made. */
	assert_true(mirror_moved(f->open) < f->entry.archive.size + f->entry.frames.size);
}

static void test_only_what_differs_is_moved(void **state)
{
	struct fixture *f = *state;
	_manifest_ struct manifest m = { 0 };
	_cleanup_(download_closep) struct download *d = NULL;
	_free_ char *folder = NULL;
	struct download_sizes sizes;
	struct error e;

	pack(f, &old);
	must_bring(f);
	pack(f, &new);
	d = start(f, &m, &e);
	assert_non_null(d);
	sizes = download_measure(d, &m, f->root);
	assert_true(sizes.needed < sizes.archive);
	assert_int_equal(download_run(d, &m, f->root, &e), 0);
	assert_int_equal(mirror_moved(f->open), sizes.needed + f->entry.frames.size);
	if (store_add(f->root, download_path(d), &m, STORE_SHARES, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	folder = catalog_folder(&f->entry);
	assert_true(store_has(f->root, folder));
	assert_int_equal(store_verify(f->root, folder, &e), 0);
	/* Here the file system either shares blocks or files. */
	assert_int_not_equal(inode_of(f, &new, paths[2]), inode_of(f, &old, paths[2]));
}

/* Nobody who is damaged gives. */
static void test_damaged_version_gives_nothing(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL, *file = NULL;
	struct error e;

	pack(f, &old);
	must_bring(f);
	folder = catalog_folder(&f->entry);
	file = xasprintf("root/versions/%s/share/kernel", folder);
	folder_put(f->dir, file, "the kernel, which is Large");
	pack(f, &new);
	must_bring(f);
	free(TAKE_PTR(folder));
	folder = catalog_folder(&f->entry);
	assert_int_equal(store_verify(f->root, folder, &e), 0);
}

static void test_what_is_not_as_the_index_says_is_not_used(void **state)
{
	struct fixture *f = *state;
	_manifest_ struct manifest m = { 0 };
	struct error e;

	pack(f, &old);
	for (size_t at = 0; at < f->entry.archive.size - 24; at += 37) {
		spoil(f, "a.tar.zst", at);
		assert_int_equal(bring(f, &e), -EBADMSG);
		assert_false(file_exists(f->root));
		assert_false(file_exists(f->cache));
		spoil(f, "a.tar.zst", at);
	}
	spoil(f, "a.frames", 30);
	assert_null(start(f, &m, &e));
	assert_int_equal(e.code, EBADMSG);
	spoil(f, "a.frames", 30);
	f->entry.digest[0] ^= 1;
	assert_null(start(f, &m, &e));
	assert_int_equal(e.code, EBADMSG);
}

/* The same by an archive that is read where it is: the versions, what was moved, no copy. */
static void test_what_nobody_else_may_write_is_read_where_it_is(void **state)
{
	struct fixture *f = *state;
	_free_ char *archive = path_join(f->mirror, "a.tar.zst");
	_manifest_ struct manifest m = { 0 };
	_cleanup_(download_closep) struct download *d = NULL;
	struct error e;

	f->is_ours = true;
	test_only_what_differs_is_moved(state);
	assert_false(file_exists(f->cache));
	d = start(f, &m, &e);
	assert_non_null(d);
	assert_string_equal(path_base(download_path(d)), "a.tar.zst");
	assert_false(str_starts(download_path(d), f->cache));
	download_discard(d);
	assert_true(file_exists(archive));
}

static void test_of_what_is_read_where_it_is_the_digests_count(void **state)
{
	struct fixture *f = *state;
	struct error e;

	f->is_ours = true;
	pack(f, &old);
	for (size_t at = 0; at < f->entry.archive.size; at += 7) {
		_strv_ strv found = NULL;

		spoil(f, "a.tar.zst", at);
		/* There may be more than one way to pack the same. */
		if (bring(f, &e) < 0) {
			assert_int_equal(store_list(f->root, &found, &e), 0);
			assert_null(found);
			assert_false(store_has_rest(f->root));
		}
		(void)tree_remove(f->root, &e);
		spoil(f, "a.tar.zst", at);
	}
}

/* At whatever byte it was cut off, or whatever else was left: the next run goes on, and is right.
 */
static void test_what_is_left_is_taken_up(void **state)
{
	struct fixture *f = *state;
	_free_ char *part = path_join(f->cache, "a.tar.zst");
	_free_ char *whole_path = path_join(f->mirror, "a.tar.zst");
	_free_ char *whole = NULL;
	struct error e;
	size_t len;

	pack(f, &old);
	assert_int_equal(file_read(whole_path, TAR_MAX, &whole, &len, &e), 0);
	for (size_t at = 0; at <= len; at += 17) {
		_manifest_ struct manifest m = { 0 };
		_cleanup_(download_closep) struct download *d = NULL;

		assert_int_equal(dir_make(f->cache, 0700, &e), 0);
		if (at % 2)
			whole[at / 2] ^= 1;
		assert_int_equal(file_replace(part, whole, at, 0600, &e), 0);
		if (at % 2)
			whole[at / 2] ^= 1;
		d = start(f, &m, &e);
		assert_non_null(d);
		if (download_run(d, &m, f->root, &e) < 0)
			fail_msg("%zu: %s", at, e.msg);
		if (store_add(f->root, download_path(d), &m, STORE_SHARES, NULL, &e) < 0)
			fail_msg("%zu: %s", at, e.msg);
		if (at % 2 == 0 && at > 1000)
			assert_true(mirror_moved(f->open) < f->entry.archive.size);
		download_discard(d);
		assert_int_equal(tree_remove(f->root, &e), 0);
	}
}

/* A mirror without lists of frames, and a URL of which nothing is known, give the whole. */
static void test_archive_without_frames_comes_as_a_whole(void **state)
{
	struct fixture *f = *state;
	struct error e;

	pack(f, &old);
	free(TAKE_PTR(f->entry.frames.name));
	must_bring(f);
	assert_int_equal(tree_remove(f->root, &e), 0);
	spoil(f, "a.tar.zst", 60);
	assert_int_equal(bring(f, &e), -EBADMSG);
	spoil(f, "a.tar.zst", 60);
	free(TAKE_PTR(f->entry.version));
	f->entry.archive.size = 0;
	f->entry.archive.sha256[0] = '\0';
	must_bring(f);
	assert_false(file_exists(f->cache));
}

static void test_small_file_is_had_alone(void **state)
{
	struct fixture *f = *state;
	_manifest_ struct manifest m = { 0 };
	_cleanup_(download_closep) struct download *d = NULL;
	_free_ char *text = NULL;
	struct error e;

	pack(f, &old);
	d = start(f, &m, &e);
	assert_non_null(d);
	assert_int_equal(download_text(d, manifest_find(&m, paths[2]), &text, &e), 0);
	assert_string_equal(text, "old");
	assert_false(file_exists(f->cache));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_release_comes_and_is_a_version),
		TEST(test_only_what_differs_is_moved),
		TEST(test_damaged_version_gives_nothing),
		TEST(test_what_is_not_as_the_index_says_is_not_used),
		TEST(test_what_nobody_else_may_write_is_read_where_it_is),
		TEST(test_of_what_is_read_where_it_is_the_digests_count),
		TEST(test_what_is_left_is_taken_up),
		TEST(test_archive_without_frames_comes_as_a_whole),
		TEST(test_small_file_is_had_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
