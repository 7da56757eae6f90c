/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_unpack - an archive that is anything but a release is refused and places nothing, and who
 * reads it can do nothing else.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/host/confine.h"
#include "lib/host/decode.h"
#include "lib/host/store.h"
#include "lib/host/unpack.h"
#include "lib/loop.h"
#include "tests/unit/archive-fixture.h"
#include "tests/unit/tar-writer.h"

#define SHIM      "not really a shim"
#define SIGNATURE "untrusted comment: of nobody\n"
#define PAX       "31 SCHILY.xattr.user.mine=yours\n"
#define BIG       (4 * MIB)

/* Lines of files and links, with what makes a manifest of them. */
static char *manifest_of(const char *lines)
{
	_free_ char *body = xasprintf("kata-manifest 1\nversion 1.0\narch x86_64\n%s", lines);
	char digest[SHA256_HEX + 1];

	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

static char *file_line(const char *path, const char *text)
{
	char digest[SHA256_HEX + 1];

	sha256_bytes(text, strlen(text), digest);
	return xasprintf("file 0755 %zu %s %s\n", strlen(text), digest, path);
}

static char *manifest_text(void)
{
	_free_ char *shim = file_line("bin/shim", SHIM), *share = file_line("share/a", "");
	_free_ char *lines = xasprintf("%slink shim bin/l\n%s", shim, share);

	return manifest_of(lines);
}

/* The members of a release, less what one of OTHERS has the path of; these are behind them. */
static void put_release(struct buf *b, const struct tar_writer_member *others, size_t n)
{
	_free_ char *manifest = manifest_text();
	const struct tar_writer_member right[] = {
		{ .path = "opt/", .type = '5', .mode = 0755 },
		{ .path = "opt/kata/MANIFEST", .text = manifest },
		{ .path = "opt/kata/bin/", .type = '5', .mode = 0755 },
		{ .path = "opt/kata/bin/shim", .text = SHIM, .mode = 0755 },
		{ .path = "opt/kata/bin/l", .target = "shim" },
		{ .path = "opt/kata/share/a" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		bool is_replaced = false;

		for (size_t j = 0; j < n; j++)
			is_replaced |= str_equal(others[j].path, right[i].path);
		if (!is_replaced)
			tar_put(b, &right[i]);
	}
	for (size_t j = 0; j < n; j++)
		tar_put(b, &others[j]);
}

static void save(const struct fixture *f, const struct buf *b)
{
	struct error e;

	if (file_replace(f->archive, b->data, b->len, 0644, &e) < 0)
		fail_msg("%s", e.msg);
}

static int add(const struct fixture *f, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	int r = unpack_manifest(f->archive, &m, e);

	return r < 0 ? r : store_add(f->root, f->archive, &m, STORE_ALONE, NULL, e);
}

/* Refused as a whole: no version, no staging folder, and nothing beside them. */
static void assert_refused(const struct fixture *f, const char *name, const char *why)
{
	_free_ char *versions = path_join(f->root, "versions");
	_close_ int root = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ strv names = NULL;
	struct error e = { 0 };

	if (add(f, &e) >= 0)
		fail_msg("'%s' is taken", name);
	if (why && !strstr(e.msg, why))
		fail_msg("'%s' is refused with: %s", name, e.msg);
	/* rmdir(2) refuses a folder that has anything in it. */
	if (file_exists(versions) && rmdir(versions) < 0)
		fail_msg("'%s' leaves something", name);
	assert_int_equal(dir_list(root, 16, &names, &e), 0);
	assert_int_equal(strv_len(names), 1);
	/* Nobody is left waiting either. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_release_is_taken_however_it_is_packed(void **state)
{
	struct fixture *f = *state;
	_buf_ struct buf plain = { .max = TAR_MAX }, packed = { .max = TAR_MAX },
			 halves = { .max = TAR_MAX };
	const struct buf *const forms[] = { &plain, &packed, &halves };
	struct error e;

	put_release(&plain, NULL, 0);
	tar_put_zeros(&plain, 20 * TAR_BLOCK);
	tar_compress(plain.data, plain.len, &packed);
	tar_compress(plain.data, 1000, &halves);
	tar_compress(plain.data + 1000, plain.len - 1000, &halves);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		save(f, forms[i]);
		if (add(f, &e) < 0)
			fail_msg("form %zu: %s", i, e.msg);
		assert_int_equal(store_remove(f->root, "1.0-none", &e), 0);
	}
}

static void test_signature_behind_the_manifest_comes_along(void **state)
{
	struct fixture *f = *state;
	_free_ char *manifest = manifest_text(), *folder = NULL, *path = NULL, *text = NULL;
	const struct tar_writer_member first[] = {
		{ .path = "opt/kata/MANIFEST", .text = manifest },
		{ .path = "opt/kata/MANIFEST.minisig", .text = SIGNATURE },
		{ .path = "opt/kata/bin/shim", .text = SHIM },
		{ .path = "opt/kata/bin/l", .target = "shim" },
		{ .path = "opt/kata/share/a" },
	};
	_manifest_ struct manifest m = { 0 };
	_buf_ struct buf b = { .max = TAR_MAX };
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		tar_put(&b, &first[i]);
	tar_finish(&b, f->archive);
	assert_int_equal(unpack_manifest(f->archive, &m, &e), 0);
	assert_string_equal(m.signature, SIGNATURE);
	assert_int_equal(store_add(f->root, f->archive, &m, STORE_ALONE, NULL, &e), 0);
	folder = manifest_folder(&m);
	path = xasprintf("%s/versions/%s/" MANIFEST_SIGNATURE, f->root, folder);
	assert_int_equal(file_read(path, 1000, &text, NULL, &e), 0);
	assert_string_equal(text, SIGNATURE);
}

static void test_member_that_no_release_has_refuses_all(void **state)
{
	static const struct {
		struct tar_writer_member member;
		const char *why;
	} cases[] = {
		{ { .path = "opt/kata/../../escaped", .text = "x" }, "is not in the manifest" },
		{ { .path = "opt/kata/bin/../bin/shim", .text = "x" }, "is not in the manifest" },
		{ { .path = "/opt/kata/bin/shim", .text = "x" }, "outside of 'opt/kata/'" },
		{ { .path = "etc/passwd", .text = "x" }, "outside of" },
		{ { .path = "", .text = "x" }, "outside of" },
		{ { .path = "opt/kata/../../etc/", .type = '5' }, "leads out" },
		{ { .path = "../", .type = '5' }, "leads out" },
		{ { .path = "/etc/", .type = '5' }, "is not relative" },
		{ { .path = "opt/kata/bin/l", .target = "/etc" }, "is not the link" },
		{ { .path = "opt/kata/bin/l", .target = "../../../etc" }, "is not the link" },
		{ { .path = "opt/kata/bin/l", .target = "shim2" }, "is not the link" },
		{ { .path = "opt/kata/bin/l", .text = "x" }, "is not the link" },
		{ { .path = "opt/kata/bin/shim", .target = "l" }, "is not a regular file" },
		{ { .path = "opt/kata/bin/out", .target = "/etc" }, "is not in the manifest" },
		{ { .path = "opt/kata/share/a", .target = "/etc/passwd", .type = '1' },
		  "is a hard link" },
		{ { .path = "opt/kata/share/a", .target = "opt/kata/bin/shim", .type = '1' },
		  "is a hard link" },
		{ { .path = "opt/kata/share/a", .type = '3' }, "is a character device" },
		{ { .path = "opt/kata/share/a", .type = '4' }, "is a block device" },
		{ { .path = "opt/kata/share/a", .type = '6' }, "is a fifo" },
		{ { .path = "opt/kata/share/a", .type = '7' }, "of an unknown type" },
		{ { .path = "opt/kata/share/a", .type = '9' }, "of an unknown type" },
		{ { .path = "opt/kata/share/a", .mode = 04755 }, "has mode 4755" },
		{ { .path = "opt/kata/share/a", .mode = 02755 }, "has mode 2755" },
		{ { .path = "opt/kata/share/a", .mode = 01777 }, "has mode 1777" },
		{ { .path = "opt/kata/share/", .mode = 02755, .type = '5' }, "has mode 2755" },
		{ { .path = "opt/kata/share/x", .text = PAX, .type = 'x' }, "extended attributes" },
		{ { .path = "opt/kata/share/x", .text = PAX, .type = 'g' }, "extended header" },
		{ { .path = "opt/kata/share/a", .type = 'S' }, "is a sparse file" },
		{ { .path = "././@LongLink", .text = "opt/kata/x", .type = 'L' }, "a long name" },
		{ { .path = "././@LongLink", .text = "/etc", .type = 'K' }, "a long link" },
		{ { .path = "./opt/kata/bin/shim", .text = SHIM }, "is there twice" },
		{ { .path = "././opt/kata/bin/l", .target = "shim" }, "is there twice" },
		{ { .path = "./opt/kata/share/a" }, "is there twice" },
		{ { .path = "./opt/kata/MANIFEST", .text = "x" }, "is not in the manifest" },
		{ { .path = "opt/kata/MANIFEST.minisig", .text = "x" }, "not in the manifest" },
		{ { .path = "opt/kata/bin/SHIM", .text = SHIM }, "is not in the manifest" },
		{ { .path = "opt/kata/bin/shim", .text = "not really a shiM" }, "SHA-256" },
		{ { .path = "opt/kata/bin/shim", .text = "short" }, "has not the size" },
		{ { .path = "opt/kata/share/a", .text = "more" }, "has not the size" },
		{ { .path = "opt/kata/share/a", .size = GIB }, "has not the size" },
		{ { .path = "opt/kata/bin/l", .target = "shim", .size = 1 },
		  "is no file, but has" },
		{ { .path = "opt/kata/share/", .type = '5', .size = 512 }, "is no file, but has" },
		{ { .path = "opt/kata/share/a", .magic = "ustar  \0" }, "of the format ustar" },
		{ { .path = "opt/kata/share/a", .magic = "\0\0\0\0\0\0\0\0" }, "the format ustar" },
		{ { .path = "opt/kata/bin/shim", .text = SHIM, .mode = 0100755 }, "has mode" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *name = xasprintf("case %zu", i);
		_buf_ struct buf b = { .max = TAR_MAX };

		put_release(&b, &cases[i].member, 1);
		tar_finish(&b, f->archive);
		assert_refused(f, name, cases[i].why);
	}
	assert_false(file_exists("/escaped"));
}

static void test_missing_member_refuses_all(void **state)
{
	struct fixture *f = *state;
	_free_ char *manifest = manifest_text();
	const struct tar_writer_member alone = { .path = "opt/kata/MANIFEST", .text = manifest };
	_buf_ struct buf b = { .max = TAR_MAX };

	tar_put(&b, &alone);
	tar_finish(&b, f->archive);
	assert_refused(f, "a manifest alone", "'bin/shim' is missing");
}

/* By a byte, a block, in a header, in a file's bytes, between members, behind the last. */
static void test_archive_that_is_cut_off_anywhere_is_refused(void **state)
{
	struct fixture *f = *state;
	_buf_ struct buf plain = { .max = TAR_MAX }, packed = { .max = TAR_MAX };
	const struct buf *const forms[] = { &plain, &packed };

	put_release(&plain, NULL, 0);
	tar_put_zeros(&plain, 2 * TAR_BLOCK);
	tar_compress(plain.data, plain.len, &packed);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t step = forms[i]->len / 12;

		for (size_t len = 0; len < forms[i]->len; len += step) {
			_free_ char *name = xasprintf("%zu bytes of form %zu", len, i);
			const struct buf part = { .data = forms[i]->data, .len = len };

			save(f, &part);
			assert_refused(f, name, NULL);
		}
	}
	save(f, &(struct buf){ .data = plain.data, .len = plain.len - 1 });
	assert_refused(f, "all but a byte", "is cut off");
	save(f, &(struct buf){ .data = plain.data, .len = plain.len - TAR_BLOCK });
	assert_refused(f, "one block of zeros", "is cut off");
	save(f, &(struct buf){ .data = plain.data, .len = plain.len - 2 * TAR_BLOCK });
	assert_refused(f, "no end", "is cut off");
	save(f, &(struct buf){ .data = packed.data, .len = packed.len - 1 });
	assert_refused(f, "all but a packed byte", "is cut off");
}

static void test_anything_behind_the_end_is_refused(void **state)
{
	struct fixture *f = *state;
	_buf_ struct buf plain = { .max = TAR_MAX }, packed = { .max = TAR_MAX };
	_buf_ struct buf within = { .max = TAR_MAX };

	put_release(&plain, NULL, 0);
	tar_put_zeros(&plain, 2 * TAR_BLOCK);
	tar_compress(plain.data, plain.len, &packed);
	tar_put_bytes(&packed, "garbage", 7);
	save(f, &packed);
	assert_refused(f, "garbage behind a frame", "zstd: ");
	packed.len -= 7;
	tar_compress("garbage", 7, &packed);
	save(f, &packed);
	assert_refused(f, "garbage in another frame", "more behind its end");
	tar_put_bytes(&plain, "x", 1);
	save(f, &plain);
	assert_refused(f, "a byte", "more behind its end");
	plain.len--;
	put_release(&plain, NULL, 0);
	tar_finish(&plain, f->archive);
	assert_refused(f, "another archive", "more behind its end");
	put_release(&within, NULL, 0);
	tar_put_zeros(&within, TAR_BLOCK);
	put_release(&within, NULL, 0);
	tar_finish(&within, f->archive);
	assert_refused(f, "one block of zeros within", "more behind its end");
}

/* The same frame so many times. */
static void put_times(struct buf *b, const struct buf *frame, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		tar_put_bytes(b, frame->data, frame->len);
}

static void put_frame_of_zeros(struct buf *b, size_t len)
{
	_free_ char *zeros = xcalloc(1, len);

	tar_compress(zeros, len, b);
}

static void test_bomb_is_refused_before_it_grows(void **state)
{
	struct fixture *f = *state;
	_buf_ struct buf head = { .max = TAR_MAX }, zeros = { .max = TAR_MAX };
	_buf_ struct buf b = { .max = TAR_MAX };
	char path[] = "share/z";
	_free_ char *listed = manifest_of(
		"file 0644 4294967296 "
		"0000000000000000000000000000000000000000000000000000000000000000 share/a\n");
	const struct manifest_entry wanted = { .path = path, .size = 1 };
	uint64_t began = now_ms();
	_free_ char *text = NULL;
	struct error e;

	put_frame_of_zeros(&zeros, BIG);
	put_release(&head, &(struct tar_writer_member){ .path = "opt/kata/bin/x", .size = 4 * GIB },
		    1);
	tar_compress(head.data, head.len, &b);
	put_times(&b, &zeros, 1024);
	save(f, &b);
	assert_refused(f, "a bomb in a file", "is not in the manifest");

	b.len = head.len = 0;
	tar_put(&head, &(struct tar_writer_member){ .path = "opt/kata/MANIFEST", .text = listed });
	tar_put(&head, &(struct tar_writer_member){ .path = "opt/kata/share/a", .size = 4 * GIB });
	tar_compress(head.data, head.len, &b);
	put_times(&b, &zeros, 1024);
	save(f, &b);
	assert_refused(f, "a bomb in the manifest", "more than 100 times as many");

	b.len = head.len = 0;
	put_release(&head, NULL, 0);
	tar_put_zeros(&head, 2 * TAR_BLOCK);
	tar_compress(head.data, head.len, &b);
	put_times(&b, &zeros, 1024);
	save(f, &b);
	assert_refused(f, "a bomb behind the end", "more behind its end");

	b.len = head.len = 0;
	put_release(&head, &(struct tar_writer_member){ .path = "opt/kata/bin/x", .size = 4 * GIB },
		    1);
	tar_compress(head.data, head.len, &b);
	put_times(&b, &zeros, 1024);
	save(f, &b);
	assert_int_equal(unpack_file(f->archive, &wanted, &text, &e), -EFBIG);
	/* None of the four times 4 GiB was decoded. */
	assert_true(now_ms() - began < 20000);
}

static void test_million_members_are_refused(void **state)
{
	struct fixture *f = *state;
	_buf_ struct buf head = { .max = TAR_MAX }, folders = { .max = TAR_MAX };
	_buf_ struct buf frame = { .max = TAR_MAX }, b = { .max = TAR_MAX };

	put_release(&head, NULL, 0);
	tar_compress(head.data, head.len, &b);
	for (unsigned i = 0; i < 10000; i++) {
		_free_ char *path = xasprintf("opt/kata/%u/", i);

		tar_put(&folders, &(struct tar_writer_member){ .path = path, .type = '5' });
	}
	tar_compress(folders.data, folders.len, &frame);
	put_times(&b, &frame, 100);
	put_frame_of_zeros(&b, 2 * TAR_BLOCK);
	save(f, &b);
	assert_refused(f, "a million folders", "more than 16384 members");
}

static void test_header_with_a_damaged_number_is_refused(void **state)
{
	static const struct {
		size_t at;
		const char *text;
		const char *why;
	} cases[] = {
		{ 148, "000000", "is damaged" },
		{ 148, "zzzzzz", "no octal number" },
		{ 124, "\x80\0\0\0\0\0", "is damaged" },
		{ 100, "0004644", "is damaged" },
		{ 0, "x", "is damaged" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *name = xasprintf("case %zu", i);
		_buf_ struct buf b = { .max = TAR_MAX };

		put_release(&b, NULL, 0);
		memcpy(b.data + b.len - TAR_BLOCK + cases[i].at, cases[i].text,
		       strlen(cases[i].text));
		tar_finish(&b, f->archive);
		assert_refused(f, name, cases[i].why);
	}
}

static void test_frame_that_wants_much_memory_is_refused(void **state)
{
	uint8_t wide[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00 };
	struct fixture *f = *state;

	save(f, &(struct buf){ .data = wide, .len = sizeof(wide) });
	assert_refused(f, "a window of 2 TiB", "too much memory");
}

static void test_what_is_no_regular_file_is_no_archive(void **state)
{
	struct fixture *f = *state;
	struct error e;

	assert_int_equal(mkfifo(f->archive, 0600), 0);
	assert_refused(f, "a fifo", "is not a regular file");
	assert_int_equal(unlink(f->archive), 0);
	assert_int_equal(mkdir(f->archive, 0700), 0);
	assert_refused(f, "a folder", "is not a regular file");
	assert_int_equal(rmdir(f->archive), 0);
	assert_int_equal(add(f, &e), -ENOENT);
}

static void test_unpacking_ends_when_it_is_cancelled(void **state)
{
	struct fixture *f = *state;
	_buf_ struct buf b = { .max = TAR_MAX };
	_manifest_ struct manifest m = { 0 };
	struct cancel cancel;
	struct error e;

	put_release(&b, NULL, 0);
	tar_finish(&b, f->archive);
	assert_int_equal(unpack_manifest(f->archive, &m, &e), 0);
	assert_int_equal(cancel_init(&cancel, &e), 0);
	cancel_raise(&cancel);
	assert_int_equal(store_add(f->root, f->archive, &m, STORE_ALONE, &cancel, &e), -ECANCELED);
	cancel_done(&cancel);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- who reads it ---- */

/* The value of KEY in /proc/PID/status. */
static char *status_of(pid_t pid, const char *key)
{
	_free_ char *path = xasprintf("/proc/%d/status", (int)pid), *text = NULL;
	struct error e;
	char *line;

	if (file_read(path, 64 * KIB, &text, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	line = strstr(text, key);
	assert_non_null(line);
	line += strlen(key);
	line[strcspn(line, "\n")] = '\0';
	return xstrdup(str_trim(line));
}

static void assert_status(pid_t pid, const char *key, const char *value)
{
	_free_ char *is = status_of(pid, key);

	if (strcmp(is, value) != 0)
		fail_msg("%s of the child is '%s', not '%s'", key, is, value);
}

/* BIG bytes of text, no two pieces of which are the same. */
static char *long_text(void)
{
	char *text = xcalloc(1, BIG + 1);

	for (size_t i = 0; i < BIG; i++)
		text[i] = (char)('0' + (i + i / DECODE_PIECE + i / 1021) % 64);
	return text;
}

/* Whoever reads it waits for us to take it, with more to give than there are pieces. */
static void save_long_member(struct fixture *f)
{
	_free_ char *bytes = long_text();
	_buf_ struct buf b = { .max = TAR_MAX };

	tar_put(&b, &(struct tar_writer_member){ .path = "opt/kata/x", .text = bytes });
	tar_finish(&b, f->archive);
}

static void test_reader_has_no_rights_and_three_descriptors(void **state)
{
	struct fixture *f = *state;
	_free_ char *fds = NULL;
	_decoder_ struct decoder d = DECODER_NONE;
	_strv_ strv names = NULL;
	_close_ int dir = -1, ours = open("/dev/null", O_RDONLY);
	struct tar_member member;
	struct error e;

	save_long_member(f);
	assert_int_equal(decoder_open(f->archive, NULL, NULL, &d, &e), 0);
	assert_int_equal(decoder_next(&d, &member, &e), 1);
	assert_status(d.child.pid, "\nNoNewPrivs:", "1");
	assert_status(d.child.pid, "\nSeccomp:", "2");
	assert_status(d.child.pid, "\nCapEff:", "0000000000000000");
	assert_status(d.child.pid, "\nCapPrm:", "0000000000000000");
	if (geteuid() == 0) {
		assert_status(d.child.pid, "\nUid:", "65530\t65530\t65530\t65530");
		assert_status(d.child.pid, "\nGid:", "65530\t65530\t65530\t65530");
		assert_status(d.child.pid, "\nGroups:", "");
		fds = xasprintf("/proc/%d/fd", (int)d.child.pid);
		dir = open(fds, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(dir_list(dir, 100, &names, &e), 0);
		assert_int_equal(strv_len(names), 3);
	}
	assert_true(ours >= 0);
}

/* Ends without a word to the child that reads ARCHIVE; a third one keeps the socket, so that this
 * is not what ends the child.  Tells TO who these are. */
static void leave_reader(const char *archive, int to)
{
	struct decoder d = DECODER_NONE;
	struct tar_member member;
	struct error e;
	pid_t pids[2];

	if (decoder_open(archive, NULL, NULL, &d, &e) < 0 || decoder_next(&d, &member, &e) != 1)
		_exit(1);
	pids[0] = d.child.pid;
	pids[1] = fork();
	while (pids[1] == 0)
		(void)pause();
	(void)!write(to, pids, sizeof(pids));
	_exit(0);
}

static void test_reader_ends_with_its_parent(void **state)
{
	struct fixture *f = *state;
	struct proc reader = { .pidfd = -1 };
	pid_t pids[2] = { 0 }, parent;
	struct error e;
	int ends[2], status = 0, r = -1;

	save_long_member(f);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0)
		leave_reader(f->archive, ends[1]);
	(void)close(ends[1]);
	(void)!read(ends[0], pids, sizeof(pids));
	(void)close(ends[0]);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(status, 0);
	reader = (struct proc){ .pid = pids[0], .pidfd = child_open(pids[0], &e) };
	if (reader.pidfd >= 0)
		r = proc_wait(&reader, deadline_in(30000), NULL, &status, &e);
	(void)kill(pids[1], SIGKILL);
	assert_int_equal(waitpid(pids[1], NULL, 0), pids[1]);
	(void)proc_stop(&reader, 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	assert_int_equal(r, 0);
	assert_int_equal(status, 128 + SIGKILL);
}

static void test_bytes_of_a_long_member_are_given_in_order(void **state)
{
	struct fixture *f = *state;
	_free_ char *text = long_text();
	_decoder_ struct decoder d = DECODER_NONE;
	struct tar_member member;
	const void *bytes;
	size_t got = 0;
	struct error e;
	ssize_t n;

	save_long_member(f);
	assert_int_equal(decoder_open(f->archive, NULL, NULL, &d, &e), 0);
	assert_int_equal(decoder_next(&d, &member, &e), 1);
	while ((n = decoder_take(&d, &bytes, &e)) > 0) {
		assert_in_range(n, 1, BIG - got);
		assert_memory_equal(bytes, text + got, (size_t)n);
		got += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, BIG);
	assert_int_equal(decoder_next(&d, &member, &e), 0);
}

/* What tells of members, in a file; the bytes of one follow in pieces of memory. */
struct telling {
	struct pieces pieces;
	int fd;
};

static void telling_init(struct telling *t, unsigned n)
{
	t->pieces = (struct pieces){ xcalloc(n, DECODE_PIECE), n };
	t->fd = memfd_create("frames", MFD_CLOEXEC);
	assert_true(t->fd >= 0);
}

static void telling_done(struct telling *t)
{
	free(t->pieces.memory);
	(void)close(t->fd);
}

static int decode_into(const struct fixture *f, const struct telling *t, int to, struct error *e)
{
	_close_ int archive = open(f->archive, O_RDONLY | O_CLOEXEC);

	assert_true(archive >= 0);
	return decode(archive, NULL, &t->pieces, to, e);
}

static void test_piece_that_was_not_taken_stays(void **state)
{
	enum { N = 3 };
	struct fixture *f = *state;
	_free_ char *text = long_text();
	struct telling t;
	struct error e;
	int ends[2];

	save_long_member(f);
	telling_init(&t, N);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	/* One is taken, and then none any more. */
	assert_int_equal(write(ends[0], "", 1), 1);
	assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
	assert_int_equal(decode_into(f, &t, ends[1], &e), -EPIPE);
	(void)close(ends[0]);
	(void)close(ends[1]);
	for (size_t i = 1; i <= N; i++)
		assert_memory_equal(t.pieces.memory + i % N * DECODE_PIECE, text + i * DECODE_PIECE,
				    DECODE_PIECE);
	telling_done(&t);
}

static void test_piece_of_another_length_is_refused(void **state)
{
	static const uint32_t lengths[] = { 0, DECODE_PIECE + 1, UINT32_MAX };
	const uint32_t more = sizeof(SHIM);
	struct fixture *f = *state;
	_buf_ struct buf b = { .max = TAR_MAX };

	tar_put(&b, &(struct tar_writer_member){ .path = "opt/kata/x", .text = SHIM });
	tar_finish(&b, f->archive);
	for (size_t i = 0; i <= ARRAY_SIZE(lengths); i++) {
		const uint32_t *len = i < ARRAY_SIZE(lengths) ? &lengths[i] : &more;
		struct decoder d = DECODER_NONE;
		struct tar_member member;
		const void *bytes;
		struct telling t;
		struct error e;

		telling_init(&t, 2);
		assert_int_equal(decode_into(f, &t, t.fd, &e), 0);
		d.pieces = t.pieces;
		d.fd = t.fd;
		d.archive = f->archive;
		assert_int_equal(pwrite(t.fd, len, sizeof(*len), (off_t)decode_frame_size()),
				 sizeof(*len));
		assert_int_equal(lseek(t.fd, 0, SEEK_SET), 0);
		assert_int_equal(decoder_next(&d, &member, &e), 1);
		assert_int_equal(decoder_take(&d, &bytes, &e), -EPROTO);
		telling_done(&t);
	}
}

static void test_members_without_end_are_refused(void **state)
{
	struct fixture *f = *state;
	_free_ char *frame = xmalloc(decode_frame_size());
	struct decoder d = DECODER_NONE;
	_buf_ struct buf b = { .max = TAR_MAX };
	struct tar_member member;
	struct telling t;
	unsigned n = 0;
	struct error e;
	int r;

	tar_put(&b, &(struct tar_writer_member){ .path = "opt/kata/x" });
	tar_finish(&b, f->archive);
	telling_init(&t, 1);
	assert_int_equal(decode_into(f, &t, t.fd, &e), 0);
	assert_int_equal(pread(t.fd, frame, decode_frame_size(), 0), decode_frame_size());
	assert_int_equal(lseek(t.fd, 0, SEEK_SET), 0);
	for (unsigned i = 0; i <= TAR_MEMBERS_MAX; i++)
		assert_int_equal(write(t.fd, frame, decode_frame_size()), decode_frame_size());
	assert_int_equal(lseek(t.fd, 0, SEEK_SET), 0);
	d.pieces = t.pieces;
	d.fd = t.fd;
	d.archive = f->archive;
	while ((r = decoder_next(&d, &member, &e)) > 0)
		n++;
	assert_int_equal(r, -EPROTO);
	assert_int_equal(n, TAR_MEMBERS_MAX);
	telling_done(&t);
}

static void try_file(void)
{
	(void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void try_socket(void)
{
	(void)!socket(AF_UNIX, SOCK_STREAM, 0);
}

static void try_program(void)
{
	char *const argv[] = { NULL };

	(void)execve("/bin/true", argv, argv);
}

static void try_child(void)
{
	if (fork() == 0)
		_exit(0);
}

static void try_parent(void)
{
	(void)kill(getppid(), 0);
}

static void try_root(void)
{
	(void)!setuid(0);
}

static void try_code(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_trace(void)
{
	(void)ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void try_rename(void)
{
	(void)!rename("/tmp/kata-a", "/tmp/kata-b");
}

static int confined(void (*attempt)(void))
{
	pid_t parent = getpid(), child = fork();
	struct error e;
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (confine_self(parent, &e) < 0)
			_exit(1);
		attempt();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void try_nothing(void)
{
	_free_ char *memory = xcalloc(1, 8 * MIB);
	char byte;

	(void)!read(-1, &byte, 1);
	if (!memory)
		_exit(1);
}

static void test_confined_process_can_do_nothing_else(void **state)
{
	static const struct {
		const char *name;
		void (*attempt)(void);
	} attempts[] = {
		{ "open a file", try_file },         { "make a socket", try_socket },
		{ "execute", try_program },          { "fork", try_child },
		{ "signal its parent", try_parent }, { "be root again", try_root },
		{ "make code", try_code },           { "trace", try_trace },
		{ "rename a file", try_rename },
	};

	(void)state;
	assert_int_equal(confined(try_nothing), 0);
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int status = confined(attempts[i].attempt);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("a confined process may %s (status %x)", attempts[i].name, status);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_release_is_taken_however_it_is_packed),
		TEST(test_signature_behind_the_manifest_comes_along),
		TEST(test_member_that_no_release_has_refuses_all),
		TEST(test_missing_member_refuses_all),
		TEST(test_archive_that_is_cut_off_anywhere_is_refused),
		TEST(test_anything_behind_the_end_is_refused),
		TEST(test_bomb_is_refused_before_it_grows),
		TEST(test_million_members_are_refused),
		TEST(test_header_with_a_damaged_number_is_refused),
		TEST(test_frame_that_wants_much_memory_is_refused),
		TEST(test_what_is_no_regular_file_is_no_archive),
		TEST(test_unpacking_ends_when_it_is_cancelled),
		TEST(test_reader_has_no_rights_and_three_descriptors),
		TEST(test_reader_ends_with_its_parent),
		TEST(test_bytes_of_a_long_member_are_given_in_order),
		TEST(test_piece_that_was_not_taken_stays),
		TEST(test_piece_of_another_length_is_refused),
		TEST(test_members_without_end_are_refused),
		cmocka_unit_test(test_confined_process_can_do_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
