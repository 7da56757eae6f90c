/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_share - what a guest sees of the host, on real mounts of a namespace in which the test is
 * root.
 *
 * A child process does with the shared folder what virtiofsd does: it makes a mount namespace that
 * follows the share's and has the folder as its root.  What the guest gets is looked for there.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/mountinfo.h"
#include "runtime/sandbox/mountns.h"
#include "runtime/sandbox/share.h"
#include "tests/unit/root.h"

static bool has_mounts;
static bool is_old_kernel;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* What the share calls so is in no kernel before 5.12. */
long __wrap_syscall(long number, ...)
{
	long a[5];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (!is_old_kernel)
		return __real_syscall(number, a[0], a[1], a[2], a[3], a[4]);
	errno = ENOSYS;
	return -1;
}

static int group_setup(void **state)
{
	(void)state;
	has_mounts = become_root(CLONE_NEWNS);
	return 0;
}

struct fixture {
	char *dir;
	char *source; /* mounted, and shared with whoever has a copy */
	char *late;   /* a folder in it */
	struct share *share;
	pid_t server;
	int server_ns;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	*state = f;
	f->server_ns = -1;
	f->dir = folder_new();
	f->source = path_join(f->dir, "source");
	f->late = path_join(f->source, "late one");
	if (!has_mounts)
		return 0;
	assert_return_code(mkdir(f->source, 0755), errno);
	assert_return_code(mount("tmpfs", f->source, "tmpfs", 0, "size=1m"), errno);
	assert_return_code(mount(NULL, f->source, NULL, MS_SHARED, NULL), errno);
	assert_return_code(mkdir(f->late, 0755), errno);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	is_old_kernel = false;
	(void)close_fd(f->server_ns);
	if (f->server > 0) {
		(void)kill(f->server, SIGKILL);
		(void)waitpid(f->server, NULL, 0);
	}
	share_close(f->share);
	if (has_mounts) {
		(void)umount2(f->late, MNT_DETACH);
		(void)umount2(f->source, MNT_DETACH);
	}
	folder_remove(f->dir);
	free(f->source);
	free(f->late);
	free(f);
	return 0;
}

static int serve(void *arg, struct error *e)
{
	const char *folder = share_folder(((struct fixture *)arg)->share, SHARE_WITH_HOST);

	if (mount(folder, folder, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(folder) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return fail(e, errno, "cannot serve: %m");
	return 0;
}

static _noreturn_ void be_server(struct fixture *f, int report_fd)
{
	char ready = 0;

	if (setns(share_namespace(f->share), CLONE_NEWNS) == 0) {
		struct error e;
		int fd = mountns_new(serve, f, &e);

		if (fd >= 0 && setns(fd, CLONE_NEWNS) == 0)
			ready = 1;
	}
	(void)!write(report_fd, &ready, 1);
	for (;;)
		(void)pause();
}

static void start_server(struct fixture *f)
{
	_free_ char *path = NULL;
	char ready = 0;
	int ends[2];

	assert_return_code(pipe2(ends, O_CLOEXEC), errno);
	f->server = fork();
	assert_return_code(f->server, errno);
	if (f->server == 0)
		be_server(f, ends[1]);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &ready, 1), 1);
	(void)close(ends[0]);
	assert_true(ready);
	path = xasprintf("/proc/%d/ns/mnt", f->server);
	f->server_ns = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(f->server_ns, errno);
	share_is_served(f->share, &f->server);
}

static void open_share(struct fixture *f)
{
	_free_ char *root = path_join(f->dir, "share");
	struct error e;

	if (f->share)
		return;
	if (share_open(root, "box", 1, &f->share, &e) < 0)
		fail_msg("%s", e.msg);
	if (!is_old_kernel)
		start_server(f);
}

struct request {
	const char *path;
	int flags;
	int code;
};

static int open_it(void *arg, struct error *e)
{
	struct request *q = arg;
	_close_ int fd = open(q->path, q->flags | O_CLOEXEC, 0644);

	(void)e;
	q->code = fd < 0 ? -errno : 0;
	return 0;
}

/* What the guest gets when it opens NAME in GUEST, its path of something shared: 0 or -errno. */
static int guest_open(const struct fixture *f, const char *guest, const char *name, int flags)
{
	_free_ char *below = path_join(guest + strlen(SHARE_GUEST_ROOT), name);
	_free_ char *here = path_join(share_folder(f->share, SHARE_WITH_HOST), below);
	struct request q = { .path = f->server_ns < 0 ? here : below, .flags = flags };
	struct error e;

	if (f->server_ns < 0)
		(void)open_it(&q, &e);
	else if (mountns_run(f->server_ns, open_it, &q, &e) < 0)
		fail_msg("%s", e.msg);
	return q.code;
}

enum { WRITES = 1, FOLLOWS = 2, STAYS = 4 };

static char *get_within(struct fixture *f, const char *ticket, const char *source, int how,
			const char *within)
{
	const struct share_use use = { .ticket = ticket,
				       .source = source,
				       .within = within,
				       .hint = "vol/ume",
				       .writes = how & WRITES,
				       .follows = how & FOLLOWS,
				       .stays = how & STAYS };
	_strv_ strv nested = NULL;
	char *guest = NULL;
	struct error e;

	open_share(f);
	if (share_get(f->share, &use, &guest, &nested, &e) < 0)
		fail_msg("%s", e.msg);
	return guest;
}

static char *get(struct fixture *f, const char *ticket, const char *source, int how)
{
	return get_within(f, ticket, source, how, NULL);
}

static void mount_late(const struct fixture *f)
{
	assert_return_code(mount("tmpfs", f->late, "tmpfs", 0, "size=1m"), errno);
	folder_put(f->late, "file", "");
}

static void test_read_only_volume_stays_so_below_later_mounts(void **state)
{
	struct fixture *f = *state;
	_free_ char *guest = NULL;

	if (!has_mounts)
		skip();
	guest = get(f, "a", f->source, 0);
	mount_late(f);
	assert_int_equal(guest_open(f, guest, "late one/new", O_WRONLY | O_CREAT), -EROFS);
}

static void test_volume_shows_no_later_mounts_unless_asked(void **state)
{
	struct fixture *f = *state;
	_free_ char *guest = NULL;

	if (!has_mounts)
		skip();
	guest = get(f, "a", f->source, WRITES);
	mount_late(f);
	assert_int_equal(guest_open(f, guest, "late one/file", O_RDONLY), -ENOENT);
	assert_int_equal(guest_open(f, guest, "late one/new", O_WRONLY | O_CREAT), 0);
}

static void test_volume_that_follows_shows_later_mounts(void **state)
{
	struct fixture *f = *state;
	_free_ char *guest = NULL;

	if (!has_mounts)
		skip();
	guest = get(f, "a", f->source, WRITES | FOLLOWS);
	mount_late(f);
	assert_int_equal(guest_open(f, guest, "late one/file", O_RDONLY), 0);
}

static void test_who_wants_later_mounts_gets_them_whoever_was_first(void **state)
{
	struct fixture *f = *state;
	_free_ char *a = NULL, *b = NULL;

	if (!has_mounts)
		skip();
	a = get(f, "a", f->source, WRITES);
	b = get(f, "b", f->source, WRITES | FOLLOWS);
	mount_late(f);
	assert_int_equal(guest_open(f, a, "late one/file", O_RDONLY), -ENOENT);
	assert_int_equal(guest_open(f, b, "late one/file", O_RDONLY), 0);
}

static void test_read_only_volume_is_so_with_all_that_is_in_it(void **state)
{
	struct fixture *f = *state;
	_free_ char *guest = NULL;

	if (!has_mounts)
		skip();
	mount_late(f);
	guest = get(f, "a", f->source, 0);
	assert_int_equal(guest_open(f, guest, "late one/file", O_RDONLY), 0);
	assert_int_equal(guest_open(f, guest, "late one/new", O_WRONLY | O_CREAT), -EROFS);
}

static void test_read_only_volume_of_an_old_kernel_is_no_different(void **state)
{
	is_old_kernel = true;
	test_read_only_volume_is_so_with_all_that_is_in_it(state);
}

static void test_read_only_file_of_an_old_kernel_stays_so(void **state)
{
	struct fixture *f = *state;
	_free_ char *file = path_join(f->source, "file");
	_free_ char *guest = NULL;

	if (!has_mounts)
		skip();
	is_old_kernel = true;
	folder_put(f->source, "file", "");
	guest = get(f, "a", file, 0);
	assert_int_equal(guest_open(f, SHARE_GUEST_ROOT, path_base(guest), O_WRONLY), -EROFS);
}

static void test_one_folder_is_one_share_however_often_it_is_used(void **state)
{
	struct fixture *f = *state;
	_free_ char *other = path_join(f->dir, "other");
	_free_ char *a = NULL, *b = NULL, *c = NULL;

	if (!has_mounts)
		skip();
	assert_return_code(mkdir(other, 0755), errno);
	assert_return_code(mount(f->source, other, NULL, MS_BIND, NULL), errno);
	a = get(f, "a", f->source, WRITES);
	b = get(f, "b", f->source, 0);
	c = get(f, "c", other, WRITES);
	(void)umount2(other, MNT_DETACH);
	assert_string_equal(a, b);
	assert_string_equal(a, c);
	share_put(f->share, "a");
	share_put(f->share, "a");
	share_put(f->share, "c");
	assert_int_equal(guest_open(f, a, "late one", O_RDONLY), 0);
	share_put(f->share, "b");
	assert_int_equal(guest_open(f, a, "late one", O_RDONLY), -ENOENT);
}

static void test_share_with_mounts_of_the_guest_stays_for_later_users(void **state)
{
	struct fixture *f = *state;
	_free_ char *a = NULL, *b = NULL;

	if (!has_mounts)
		skip();
	a = get(f, "a", f->source, WRITES | STAYS);
	share_put(f->share, "a");
	b = get(f, "b", f->source, WRITES);
	assert_string_equal(a, b);
	assert_int_equal(guest_open(f, b, "late one", O_RDONLY), 0);
}

/* What the pod alone has lies elsewhere, if there is a place for it; whichever use came first. */
static void test_private_folder_is_shared_apart(void **state)
{
	static const struct {
		size_t kinds;
		enum share_kind first;
		const char *root;
	} cases[] = {
		{ N_SHARE_KIND, SHARE_PRIVATE, "/run/kata-containers/shared/private/" },
		{ N_SHARE_KIND, SHARE_WITH_HOST, SHARE_GUEST_ROOT "/" },
		{ 1, SHARE_PRIVATE, SHARE_GUEST_ROOT "/" },
	};
	struct fixture *f = *state;
	_free_ char *root = path_join(f->dir, "apart");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *id = xasprintf("apart%zu", i);
		struct share_use use = { .ticket = "a", .source = f->source, .hint = "v" };
		_free_ char *first = NULL;
		_free_ char *second = NULL;
		_strv_ strv nested = NULL;
		struct share *s = NULL;
		struct error e;

		assert_return_code(share_open(root, id, cases[i].kinds, &s, &e), 0);
		use.kind = cases[i].first;
		assert_return_code(share_get(s, &use, &first, &nested, &e), 0);
		use.ticket = "b";
		use.kind = use.kind == SHARE_PRIVATE ? SHARE_WITH_HOST : SHARE_PRIVATE;
		assert_return_code(share_get(s, &use, &second, &nested, &e), 0);
		share_close(s);
		assert_true(str_starts(first, cases[i].root));
		assert_string_equal(first, second);
	}
}

static void test_part_of_a_share_is_that_part(void **state)
{
	struct fixture *f = *state;
	_free_ char *part = path_join(f->source, "late one");
	_free_ char *sub = path_join(f->dir, "sub");
	_free_ char *a = NULL, *b = NULL, *c = NULL, *want = NULL;

	if (!has_mounts)
		skip();
	assert_return_code(mkdir(sub, 0755), errno);
	assert_return_code(mount(part, sub, NULL, MS_BIND, NULL), errno);
	a = get(f, "a", f->source, 0);
	b = get(f, "b", part, WRITES);
	c = get(f, "c", sub, 0);
	(void)umount2(sub, MNT_DETACH);
	want = path_join(a, "late one");
	assert_string_equal(b, want);
	assert_string_equal(c, want);
}

/* Descriptors of this process on the folder "late one" that is gone. */
static size_t held(void)
{
	_close_ int fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ strv names = NULL;
	size_t found = 0;
	struct error e;

	assert_return_code(dir_list(fds, 1000, &names, &e), errno);
	for (char *const *name = names; name && *name; name++) {
		char path[256] = "";

		(void)!readlinkat(fds, *name, path, sizeof(path) - 1);
		found += strstr(path, "late one (deleted)") != NULL;
	}
	return found;
}

static void test_part_is_held_while_it_is_used(void **state)
{
	struct fixture *f = *state;
	_free_ char *a = NULL, *b = NULL;

	if (!has_mounts)
		skip();
	a = get(f, "a", f->source, 0);
	b = get(f, "b", f->late, 0);
	assert_return_code(rmdir(f->late), errno);
	assert_int_equal(held(), 1);
	share_put(f->share, "b");
	assert_int_equal(held(), 0);
}

static void test_host_may_unmount_what_is_shared(void **state)
{
	struct fixture *f = *state;
	_free_ char *a = NULL, *b = NULL;

	if (!has_mounts)
		skip();
	a = get(f, "a", f->source, WRITES);
	b = get(f, "b", f->late, WRITES);
	assert_return_code(umount2(f->source, 0), errno);
	assert_int_equal(guest_open(f, a, "late one", O_RDONLY), 0);
}

static void test_part_alone_shows_nothing_beside_it(void **state)
{
	struct fixture *f = *state;
	_free_ char *part = path_join(f->source, "late one");
	_free_ char *a = NULL, *b = NULL, *whole = NULL;

	if (!has_mounts)
		skip();
	folder_put(f->source, "secret", "");
	a = get(f, "a", part, WRITES);
	assert_int_equal(guest_open(f, a, "../secret", O_RDONLY), -ENOENT);
	b = get(f, "b", f->source, WRITES);
	assert_string_not_equal(a, b);
	whole = get_within(f, "c", part, WRITES, f->source);
	assert_true(str_starts(whole, b) || strcmp(whole, a) == 0);
}

static void test_part_of_a_pods_volume_brings_the_whole(void **state)
{
	struct fixture *f = *state;
	_free_ char *part = path_join(f->source, "late one");
	_free_ char *a = NULL, *b = NULL, *want = NULL;

	if (!has_mounts)
		skip();
	a = get_within(f, "a", part, WRITES, f->source);
	b = get(f, "b", f->source, WRITES);
	want = path_join(b, "late one");
	assert_string_equal(a, want);
}

static void test_part_that_was_exchanged_for_a_link_is_not_followed(void **state)
{
	struct fixture *f = *state;
	_free_ char *part = path_join(f->source, "late one");
	_free_ char *moved = path_join(f->source, "moved");
	_free_ char *sub = path_join(f->dir, "sub");
	_free_ char *a = NULL, *b = NULL, *want = NULL;

	if (!has_mounts)
		skip();
	assert_return_code(mkdir(sub, 0755), errno);
	assert_return_code(mount(part, sub, NULL, MS_BIND, NULL), errno);
	a = get(f, "a", f->source, WRITES);
	assert_return_code(rename(part, moved), errno);
	assert_return_code(symlink("/", part), errno);
	b = get(f, "b", sub, WRITES);
	(void)umount2(sub, MNT_DETACH);
	want = path_join(a, "moved");
	assert_string_equal(b, want);
	(void)unlink(part);
	(void)rename(moved, part);
}

static void test_share_becomes_writable_with_its_first_writer_and_back(void **state)
{
	struct fixture *f = *state;
	_free_ char *a = NULL, *b = NULL, *c = NULL;

	if (!has_mounts)
		skip();
	a = get(f, "a", f->source, 0);
	assert_int_equal(guest_open(f, a, "new", O_WRONLY | O_CREAT), -EROFS);
	b = get(f, "b", f->source, WRITES);
	assert_string_equal(a, b);
	assert_int_equal(guest_open(f, a, "new", O_WRONLY | O_CREAT), 0);
	share_put(f->share, "b");
	assert_int_equal(guest_open(f, a, "new", O_WRONLY | O_CREAT), -EROFS);
	c = get(f, "c", f->source, WRITES);
	assert_int_equal(guest_open(f, c, "new", O_WRONLY | O_CREAT), 0);
}

/* Who may write elsewhere must not be able to here. */
static void test_what_the_host_has_read_only_is_never_made_writable(void **state)
{
	struct fixture *f = *state;
	_free_ char *other = path_join(f->dir, "other");
	_free_ char *a = NULL, *b = NULL, *c = NULL;

	if (!has_mounts)
		skip();
	assert_return_code(mkdir(other, 0755), errno);
	assert_return_code(mount(f->source, other, NULL, MS_BIND, NULL), errno);
	assert_return_code(mount(NULL, other, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), errno);
	a = get(f, "a", other, 0);
	b = get(f, "b", other, WRITES);
	assert_string_equal(a, b);
	assert_int_equal(guest_open(f, a, "new", O_WRONLY | O_CREAT), -EROFS);
	c = get(f, "c", f->source, WRITES);
	(void)umount2(other, MNT_DETACH);
	assert_int_equal(guest_open(f, a, "new", O_WRONLY | O_CREAT), -EROFS);
	assert_int_equal(guest_open(f, c, "new", O_WRONLY | O_CREAT), 0);
}

static void test_mounts_in_a_share_are_told_parents_first(void **state)
{
	struct fixture *f = *state;
	_free_ char *inner = path_join(f->late, "inner");
	_free_ char *guest = NULL, *all = NULL, *want = NULL;
	_strv_ strv nested = NULL;
	const struct share_use use = { .ticket = "a", .source = f->source, .hint = "v" };
	struct error e;

	if (!has_mounts)
		skip();
	open_share(f);
	mount_late(f);
	assert_return_code(mkdir(inner, 0755), errno);
	assert_return_code(mount("tmpfs", inner, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=1m"), errno);
	assert_return_code(share_get(f->share, &use, &guest, &nested, &e), 0);
	(void)umount2(inner, MNT_DETACH);
	all = strv_join(nested, "\n");
	want = xasprintf("%s/late one\nnosuid,noexec%s/late one/inner", guest, guest);
	assert_string_equal(all, want);
}

static size_t count_mounts(void)
{
	_mountinfo_ struct mountinfo info = { 0 };
	struct error e;

	assert_return_code(mountinfo_read(&info, &e), 0);
	return info.n;
}

struct count {
	int procfd;
	size_t n;
};

static int count_there(void *arg, struct error *e)
{
	_free_ char *text = NULL;
	_mountinfo_ struct mountinfo info = { 0 };
	struct count *c = arg;
	int r = file_read_at(c->procfd, "thread-self/mountinfo", MOUNTINFO_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	mountinfo_parse(text, &info);
	c->n = info.n;
	return 0;
}

/* A share of everything, five times, for each of several sandboxes. */
static void test_mounts_of_the_host_do_not_grow_by_shares(void **state)
{
	struct fixture *f = *state;
	_free_ char *root = path_join(f->dir, "more");
	struct share *more[3] = { NULL };
	size_t before, in_use;

	if (!has_mounts)
		skip();
	before = count_mounts();
	open_share(f);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		_free_ char *id = xasprintf("box%zu", i);
		struct error e;

		if (share_open(root, id, N_SHARE_KIND, &more[i], &e) < 0)
			fail_msg("%s", e.msg);
		for (size_t n = 0; n < 5; n++) {
			_free_ char *ticket = xasprintf("%zu", n);
			const struct share_use use = { .ticket = ticket,
						       .source = "/",
						       .hint = "host",
						       .writes = true,
						       .follows = n % 2 };
			_free_ char *guest = NULL;
			_strv_ strv nested = NULL;

			if (share_get(more[i], &use, &guest, &nested, &e) < 0)
				fail_msg("%s", e.msg);
			assert_true(strv_len(nested) < before);
		}
	}
	in_use = count_mounts();
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		share_close(more[i]);
	assert_int_equal(in_use, before);
	assert_int_equal(count_mounts(), before);
}

/* The tmpfs and the folder in it; no mount of the host is held by the namespace. */
static void test_namespace_keeps_nothing_of_the_host(void **state)
{
	struct fixture *f = *state;
	struct count c = { .procfd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	struct error e;

	if (!has_mounts)
		skip();
	open_share(f);
	if (mountns_run(share_namespace(f->share), count_there, &c, &e) < 0)
		fail_msg("%s", e.msg);
	(void)close(c.procfd);
	assert_int_equal(c.n, 2);
}

static void test_too_many_mounts_are_refused_by_name(void **state)
{
	struct fixture *f = *state;
	const struct share_use use = { .ticket = "a", .source = f->source, .hint = "v" };
	_free_ char *guest = NULL;
	_strv_ strv nested = NULL;
	struct error e;
	int r;

	if (!has_mounts)
		skip();
	open_share(f);
	assert_return_code(mount(NULL, f->source, NULL, MS_PRIVATE, NULL), errno);
	for (size_t i = 0; i < 4097; i++) {
		_free_ char *place = xasprintf("%s/%zu", f->source, i);

		assert_return_code(mkdir(place, 0755), errno);
		assert_return_code(mount(f->late, place, NULL, MS_BIND, NULL), errno);
	}
	r = share_get(f->share, &use, &guest, &nested, &e);
	assert_int_equal(r, -E2BIG);
	assert_non_null(strstr(e.msg, "4097"));
}

/* A folder of the volume in which the host mounted something, and a link beside it to a folder in
 * which the host mounted something else, change places all the time. */
struct swap {
	char *folder, *link;
	_Atomic bool is_over;
	_Atomic size_t swaps;
};

static void *swap_run(void *arg)
{
	struct swap *w = arg;

	while (!w->is_over)
		if (__real_syscall(SYS_renameat2, AT_FDCWD, w->folder, AT_FDCWD, w->link,
				   RENAME_EXCHANGE) == 0)
			w->swaps++;
	return NULL;
}

static bool is_mounted_on(const char *path)
{
	_mountinfo_ struct mountinfo info = { 0 };
	struct error e;

	assert_return_code(mountinfo_read(&info, &e), 0);
	for (size_t i = 0; i < info.n; i++)
		if (strcmp(info.entries[i].point, path) == 0)
			return true;
	return false;
}

/* Whether the share was given: what changes meanwhile may also refuse it. */
static bool share_and_close(struct fixture *f, const char *root, size_t round)
{
	_free_ char *id = xasprintf("swap%zu", round);
	const struct share_use use = {
		.ticket = "a", .source = f->source, .hint = "v", .writes = true
	};
	_free_ char *guest = NULL;
	_strv_ strv nested = NULL;
	struct share *s = NULL;
	struct error e;
	bool is_given;

	if (share_open(root, id, N_SHARE_KIND, &s, &e) < 0)
		fail_msg("%s", e.msg);
	is_given = share_get(s, &use, &guest, &nested, &e) >= 0;
	if (round % 2)
		share_put(s, "a");
	share_close(s);
	share_forget(root, id);
	return is_given;
}

static void swap_while_closing(struct fixture *f, size_t rounds)
{
	_free_ char *inner = path_join(f->late, "m");
	_free_ char *foreign = path_join(f->dir, "foreign");
	_free_ char *victim = path_join(foreign, "m");
	_free_ char *link = path_join(f->source, "link");
	_free_ char *root = path_join(f->dir, "swaps");
	struct swap w = { .folder = f->late, .link = link };
	pthread_t thread;
	size_t given = 0;

	assert_return_code(mkdir(inner, 0755), errno);
	assert_return_code(mkdir(foreign, 0755), errno);
	assert_return_code(mkdir(victim, 0755), errno);
	assert_return_code(mount("tmpfs", inner, "tmpfs", 0, "size=1m"), errno);
	assert_return_code(mount("tmpfs", victim, "tmpfs", 0, "size=1m"), errno);
	assert_return_code(symlink(foreign, link), errno);
	assert_int_equal(pthread_create(&thread, NULL, swap_run, &w), 0);
	for (size_t i = 0; i < rounds; i++) {
		given += share_and_close(f, root, i);
		if (!is_mounted_on(victim))
			break;
	}
	w.is_over = true;
	(void)pthread_join(thread, NULL);
	assert_true(is_mounted_on(victim));
	print_message("%zu of %zu shares were given, %zu swaps\n", given, rounds, (size_t)w.swaps);
	assert_true(given > rounds / 2);
	assert_true(w.swaps > rounds);
	(void)umount2(victim, MNT_DETACH);
}

static size_t rounds(size_t usual)
{
	const char *text = getenv("TORTURE_ROUNDS");
	uint64_t n = usual;
	struct error e;

	if (text && parse_u64(text, "rounds", UINT32_MAX, &n, &e) < 0)
		fail_msg("%s", e.msg);
	return (size_t)n;
}

static void test_closing_a_share_detaches_no_foreign_mount(void **state)
{
	if (!has_mounts)
		skip();
	swap_while_closing(*state, rounds(100));
}

static void test_closing_a_share_of_an_old_kernel_detaches_no_foreign_mount(void **state)
{
	if (!has_mounts)
		skip();
	is_old_kernel = true;
	swap_while_closing(*state, rounds(100));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_only_volume_stays_so_below_later_mounts),
		TEST(test_volume_shows_no_later_mounts_unless_asked),
		TEST(test_volume_that_follows_shows_later_mounts),
		TEST(test_who_wants_later_mounts_gets_them_whoever_was_first),
		TEST(test_read_only_volume_is_so_with_all_that_is_in_it),
		TEST(test_read_only_volume_of_an_old_kernel_is_no_different),
		TEST(test_read_only_file_of_an_old_kernel_stays_so),
		TEST(test_one_folder_is_one_share_however_often_it_is_used),
		TEST(test_share_with_mounts_of_the_guest_stays_for_later_users),
		TEST(test_private_folder_is_shared_apart),
		TEST(test_part_of_a_share_is_that_part),
		TEST(test_part_is_held_while_it_is_used),
		TEST(test_host_may_unmount_what_is_shared),
		TEST(test_part_alone_shows_nothing_beside_it),
		TEST(test_part_of_a_pods_volume_brings_the_whole),
		TEST(test_part_that_was_exchanged_for_a_link_is_not_followed),
		TEST(test_share_becomes_writable_with_its_first_writer_and_back),
		TEST(test_what_the_host_has_read_only_is_never_made_writable),
		TEST(test_mounts_in_a_share_are_told_parents_first),
		TEST(test_mounts_of_the_host_do_not_grow_by_shares),
		TEST(test_namespace_keeps_nothing_of_the_host),
		TEST(test_too_many_mounts_are_refused_by_name),
		TEST(test_closing_a_share_detaches_no_foreign_mount),
		TEST(test_closing_a_share_of_an_old_kernel_detaches_no_foreign_mount),
	};

	if (getenv("TORTURE_ROUNDS"))
		cmocka_set_test_filter("test_closing_a_share_*");
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
