/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_unpack - a packed release of arbitrary bytes, the names of its members, and what is
 * unpacked.
 *
 * A fuzzer cannot make a manifest with the right digest, so a right one is put in front of what it
 * makes: the input is all that follows MANIFEST in a tar archive.  It is the whole archive as well,
 * and it is what a child that reads archives says once it is not ours any more.  Whatever that is,
 * nothing is written beside the folder; in it is nothing that the manifest does not list, of
 * another type or size; and what is said to be complete is.  The child's work is done in this
 * process, where the fuzzer sees it; a release that is read by a child is what
 * tests/unit/test_unpack.c has.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/decode.h"
#include "lib/host/unpack.h"
#include "lib/sha256.h"

#define BLOCK     512
#define SHIM      "shim"
#define NAMES_MAX 64
#define FILE_MAX  (8 * MIB) /* a few bytes of zstd may be many more */
#define N_PIECES  32        /* the same */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_member(const uint8_t *data, size_t size)
{
	_free_ char *name = xstrndup((const char *)data, size);
	const char *path = unpack_member_path(name);

	if (path && *path == '\0')
		abort();
}

static char *manifest_text(void)
{
	char shim[SHA256_HEX + 1], empty[SHA256_HEX + 1], digest[SHA256_HEX + 1];
	_free_ char *body = NULL;

	sha256_bytes(SHIM, strlen(SHIM), shim);
	sha256_bytes("", 0, empty);
	body = xasprintf(
		"kata-manifest 1\nversion 1.0\narch x86_64\n"
		"file 0755 %zu %s bin/shim\nlink shim bin/l\nfile 0644 0 %s share/a/b\n",
		strlen(SHIM), shim, empty);
	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

/* The member MANIFEST as tar(5) has it. */
static int put_manifest(int fd, struct error *e)
{
	_free_ char *text = manifest_text();
	char header[BLOCK] = "opt/kata/MANIFEST", padding[BLOCK] = "";
	size_t len = strlen(text);
	unsigned sum = 0;
	int r;

	(void)snprintf(header + 100, 8, "%07o", 0644U);
	(void)snprintf(header + 124, 12, "%011o", (unsigned)len);
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (uint8_t)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
	r = write_all(fd, header, BLOCK, "archive", e);
	if (r >= 0)
		r = write_all(fd, text, len, "archive", e);
	return r < 0 ? r : write_all(fd, padding, (BLOCK - len % BLOCK) % BLOCK, "archive", e);
}

static void check_entry(int dirfd, const char *path, const struct stat *st,
			const struct manifest *m)
{
	const struct manifest_entry *entry = manifest_find(m, path);
	char target[64];

	if (str_equal(path, MANIFEST_NAME) || S_ISDIR(st->st_mode))
		return;
	if (!entry || (entry->target ? !S_ISLNK(st->st_mode) : !S_ISREG(st->st_mode)))
		abort();
	if (S_ISREG(st->st_mode) && (uint64_t)st->st_size > entry->size)
		abort();
	if (S_ISLNK(st->st_mode) &&
	    (readlinkat(dirfd, path, target, sizeof(target)) != (ssize_t)strlen(entry->target) ||
	     memcmp(target, entry->target, strlen(entry->target)) != 0))
		abort();
}

/* BELOW is "" or ends with a slash. */
static void check_folder(int dirfd, const char *below, const struct manifest *m)
{
	_close_ int fd = openat(dirfd, *below ? below : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ strv names = NULL;
	struct stat st;
	struct error e;

	if (fd < 0 || dir_list(fd, NAMES_MAX, &names, &e) < 0)
		abort();
	for (char *const *name = names; name && *name; name++) {
		_free_ char *path = xasprintf("%s%s", below, *name);
		_free_ char *deeper = xasprintf("%s/", path);

		if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			abort();
		check_entry(dirfd, path, &st, m);
		if (S_ISDIR(st.st_mode))
			check_folder(dirfd, deeper, m);
	}
}

static void check_all_is_there(int dirfd, const struct manifest *m)
{
	struct stat st;

	for (size_t i = 0; i < m->n_entries; i++)
		if (fstatat(dirfd, m->entries[i].path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (!m->entries[i].target && (uint64_t)st.st_size != m->entries[i].size))
			abort();
}

/* In OUTER/in; OUTER has nothing else afterwards. */
static void unpack_below(const char *outer, struct decoder *d, const struct manifest *m)
{
	_free_ char *inner = path_join(outer, "in");
	_close_ int outerfd = open(outer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_close_ int dirfd =
		mkdir(inner, 0700) < 0 ? -1 : open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_free_ unpack_sum *sums = xcalloc(m->n_entries + 1, sizeof(*sums));
	_strv_ strv names = NULL;
	struct error e;

	if (outerfd < 0 || dirfd < 0)
		return;
	if (unpack_from(d, m, NULL, dirfd, sums, &e) >= 0)
		check_all_is_there(dirfd, m);
	check_folder(dirfd, "", m);
	if (dir_list(outerfd, NAMES_MAX, &names, &e) < 0 || strv_len(names) != 1)
		abort();
}

/* Memory for what is decoded; nothing is taken out of it meanwhile, and behind the last piece an
 * archive ends. */
static struct pieces own_pieces(void)
{
	static char memory[N_PIECES * DECODE_PIECE];

	return (struct pieces){ memory, N_PIECES };
}

/* What is in the archive FRAMES was made from, or pretends to be. */
static void unpack_frames(int frames)
{
	struct decoder d = { .pieces = own_pieces(),
			     .fd = frames,
			     .report = -1,
			     .child.pidfd = -1,
			     .archive = "fuzz",
			     .room = DECODE_SLACK };
	_manifest_ struct manifest m = { 0 };
	_free_ char *text = manifest_text();
	const char *home = getenv("TMPDIR");
	_free_ char *outer = xasprintf("%s/kata-fuzz.XXXXXX", home ? home : "/tmp");
	struct error e;

	if (manifest_parse(text, strlen(text), "fuzz", &m, &e) < 0)
		abort();
	if (lseek(frames, 0, SEEK_SET) < 0 || !mkdtemp(outer))
		return;
	unpack_below(outer, &d, &m);
	(void)tree_remove(outer, &e);
}

/* A file in memory with these bytes; read from its beginning. */
static int file_of(const uint8_t *data, size_t size, bool has_manifest)
{
	_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
	struct error e;

	if (fd < 0 || (has_manifest && put_manifest(fd, &e) < 0) ||
	    write_all(fd, data, size, "archive", &e) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void fuzz_archive(const uint8_t *data, size_t size, bool has_manifest)
{
	_close_ int archive = file_of(data, size, has_manifest);
	_close_ int frames = memfd_create("frames", MFD_CLOEXEC);
	const struct pieces pieces = own_pieces();
	struct error e;

	if (archive < 0 || frames < 0)
		return;
	(void)decode(archive, NULL, &pieces, frames, &e);
	unpack_frames(frames);
}

/* In two parts, of which nothing in between is left out, it is what it is as a whole; what is
 * behind its end is not there. */
static void fuzz_parts(const uint8_t *data, size_t size)
{
	_close_ int archive = file_of(data, size, true);
	_close_ int whole = memfd_create("frames", MFD_CLOEXEC);
	_close_ int frames = memfd_create("frames", MFD_CLOEXEC);
	uint64_t len = archive < 0 ? 0 : (uint64_t)lseek(archive, 0, SEEK_END);
	struct extent list[] = { { 0, len / 2 }, { len / 2, len - len / 2 } };
	const struct extents parts = { list, ARRAY_SIZE(list) };
	const struct pieces pieces = own_pieces();
	struct error e;
	int r;

	if (archive < 0 || whole < 0 || frames < 0 || lseek(archive, 0, SEEK_SET) < 0)
		return;
	r = decode(archive, NULL, &pieces, whole, &e);
	if (decode(archive, &parts, &pieces, frames, &e) != r ||
	    lseek(whole, 0, SEEK_CUR) != lseek(frames, 0, SEEK_CUR))
		abort();
}

/* The manifest is the first member that a child of ours tells of; the rest is its own. */
static void fuzz_frames(const uint8_t *data, size_t size)
{
	static const char end[2 * BLOCK];
	_close_ int archive = file_of((const uint8_t *)end, sizeof(end), true);
	_close_ int frames = memfd_create("frames", MFD_CLOEXEC);
	const struct pieces pieces = own_pieces();
	struct error e;

	if (archive < 0 || frames < 0 || decode(archive, NULL, &pieces, frames, &e) < 0)
		return;
	/* Over the end. */
	if (lseek(frames, -(off_t)decode_frame_size(), SEEK_CUR) < 0 ||
	    write_all(frames, data, size, "frames", &e) < 0)
		return;
	unpack_frames(frames);
}

/* A full disk instead of a full memory. */
static void bound_files(void)
{
	const struct rlimit limit = { .rlim_cur = FILE_MAX, .rlim_max = FILE_MAX };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGXFSZ, &ignore, NULL);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bound_files();
	fuzz_member(data, size);
	fuzz_archive(data, size, true);
	fuzz_archive(data, size, false);
	fuzz_parts(data, size);
	fuzz_frames(data, size);
	return 0;
}
