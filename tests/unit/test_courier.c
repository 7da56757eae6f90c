/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_courier - a server's files come through a child that may do nothing else, and nothing that
 * it says is believed but their sizes.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/fake-api.h"

#include "lib/buf.h"
#include "lib/host/confine.h"
#include "lib/host/courier.h"

#define WHOLE "0123456789"
#define OK    "200 OK\r\nETag: \"a\""

/* A courier of a server that plays a script, and what has come. */
struct fixture {
	struct fake_api api;
	struct courier *courier;
	struct cancel cancel;
	struct buf buf;
	char status[8 * KIB]; /* of the child, while it waits */
	char root[KIB];       /* the names in its root */
};

static void begin(struct fixture *f, const struct fake_turn *turns, size_t n)
{
	struct fetch_server server = { 0 };
	struct error e;

	*f = (struct fixture){ .buf = { .max = KIB } };
	assert_int_equal(cancel_init(&f->cancel, &e), 0);
	assert_true(fake_start(&f->api, turns, n, f));
	server.base_url = f->api.url;
	assert_int_equal(courier_new(&server, &f->courier, &e), 0);
}

static void end(struct fixture *f)
{
	const char *fault;

	courier_free(f->courier);
	fault = fake_stop(&f->api);
	buf_done(&f->buf);
	cancel_done(&f->cancel);
	if (fault)
		fail_msg("%s", fault);
}

static int add(void *arg, const void *bytes, size_t len, struct error *e)
{
	return buf_add(arg, bytes, len, e);
}

static int refuse(void *arg, const void *bytes, size_t len, struct error *e)
{
	(void)arg;
	(void)bytes;
	(void)len;
	return fail(e, ENOSPC, "no room");
}

static int bring(struct fixture *f, const char *name, struct error *e)
{
	const struct fetch what = {
		.name = name,
		.len = 10,
		.total = 10,
		.cancel = &f->cancel,
		.on_data = add,
		.arg = &f->buf,
	};

	f->buf.len = 0;
	return courier_bring(f->courier, &what, e);
}

static void must_bring(struct fixture *f)
{
	struct error e;

	if (bring(f, "f", &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(f->buf.len, 10);
	assert_memory_equal(f->buf.data, WHOLE, 10);
}

/* The one child of this process; 0 if there is none. */
static pid_t child(void)
{
	_free_ char *path = xasprintf("/proc/self/task/%d/children", (int)getpid());
	_free_ char *text = NULL;
	struct error e;
	uint64_t pid = 0;

	if (file_read(path, 256, &text, NULL, &e) < 0 || !*str_trim(text))
		return 0;
	(void)parse_u64(str_trim(text), "pid", INT32_MAX, &pid, &e);
	return (pid_t)pid;
}

static const struct fake_turn right = { { "GET /f " }, OK, WHOLE, FAKE_KEEP, NULL };

static void test_files_come_by_one_child(void **state)
{
	const struct fake_turn turns[] = {
		right,
		{ { "GET /g " }, "404 No", "", FAKE_KEEP, NULL },
		right,
	};
	struct fixture f;
	struct error e;
	pid_t first;

	(void)state;
	begin(&f, turns, ARRAY_SIZE(turns));
	assert_int_equal(child(), 0);
	must_bring(&f);
	first = child();
	assert_int_equal(bring(&f, "g", &e), -ENOENT);
	assert_non_null(strstr(e.msg, "'g': the server has no such file"));
	must_bring(&f);
	assert_int_equal(child(), first);
	assert_int_equal(courier_moved(f.courier), 20);
	end(&f);
	assert_int_equal(child(), 0);
}

static void test_taker_that_fails_ends_the_child(void **state)
{
	const struct fake_turn turns[] = { right, right };
	const struct fetch what = { .name = "f", .len = 10, .total = 10, .on_data = refuse };
	struct fixture f;
	struct error e;

	(void)state;
	begin(&f, turns, ARRAY_SIZE(turns));
	assert_int_equal(courier_bring(f.courier, &what, &e), -ENOSPC);
	assert_int_equal(child(), 0);
	must_bring(&f);
	end(&f);
}

static void kill_child(void *arg)
{
	(void)arg;
	(void)kill(child(), SIGKILL);
}

static void raise_cancel(void *arg)
{
	cancel_raise(&((struct fixture *)arg)->cancel);
}

static void test_child_that_dies_is_told_and_the_next_one_goes_on(void **state)
{
	const struct fake_turn turns[] = {
		{ { "GET /f " }, NULL, "", FAKE_HANG, kill_child },
		right,
	};
	struct fixture f;
	struct error e;

	(void)state;
	begin(&f, turns, ARRAY_SIZE(turns));
	assert_int_equal(bring(&f, "f", &e), -EPROTO);
	assert_non_null(strstr(e.msg, "has died"));
	must_bring(&f);
	end(&f);
}

static void test_cancel_is_seen_at_once(void **state)
{
	const struct fake_turn turn = { { "GET /f " }, NULL, "", FAKE_HANG, raise_cancel };
	struct fixture f;
	struct error e;

	(void)state;
	begin(&f, &turn, 1);
	assert_int_equal(bring(&f, "f", &e), -ECANCELED);
	assert_int_equal(child(), 0);
	end(&f);
}

/* The server's thread looks at who asks it. */
static void look_at_child(void *arg)
{
	struct fixture *f = arg;
	_free_ char *status = xasprintf("/proc/%d/status", (int)child());
	_free_ char *root = xasprintf("/proc/%d/root/", (int)child());
	_free_ char *text = NULL;
	_close_ int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_free_ char *joined = NULL;
	_strv_ strv names = NULL;
	struct error e;

	if (file_read(status, sizeof(f->status) - 1, &text, NULL, &e) >= 0)
		(void)snprintf(f->status, sizeof(f->status), "%s", text);
	if (dir >= 0 && dir_list(dir, 100, &names, &e) >= 0) {
		joined = strv_join(names, " ");
		(void)snprintf(f->root, sizeof(f->root), "%s", joined);
	}
}

static void test_child_has_no_rights(void **state)
{
	static const char *const lines[] = {
		"\nNoNewPrivs:\t1\n",
		"\nSeccomp:\t2\n",
		"\nCapEff:\t0000000000000000\n",
		"\nCapPrm:\t0000000000000000\n",
		/* of root: */
		"\nUid:\t65530\t65530\t65530\t65530\n",
		"\nGid:\t65530\t65530\t65530\t65530\n",
	};
	struct fake_turn turn = right;
	struct fixture f;

	(void)state;
	turn.before = look_at_child;
	begin(&f, &turn, 1);
	must_bring(&f);
	/* With the thread that looked. */
	end(&f);
	for (size_t i = 0; i < ARRAY_SIZE(lines) - (geteuid() == 0 ? 0 : 2); i++)
		if (!strstr(f.status, lines[i]))
			fail_msg("not so: %s", lines[i]);
	if (geteuid() == 0)
		assert_string_equal(f.root, "etc");
}

/* ---- what it may do ---- */

/* Each says whether it could. */
static bool try_to_write(void)
{
	return open("/tmp/kata-a", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ||
	       open("/etc/hosts", O_RDWR | O_CLOEXEC) >= 0;
}

static bool try_to_read(void)
{
	return geteuid() == 65530 && open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool try_local_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ||
	       socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}

static bool try_program(void)
{
	char *const argv[] = { NULL };

	(void)execve("/bin/true", argv, argv);
	return errno != EPERM;
}

static bool try_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool try_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool try_root(void)
{
	return setuid(0) == 0;
}

static bool try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

static bool try_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool try_names(void)
{
	return rename("/etc/hosts", "/etc/b") == 0 || unlink("/etc/hosts") == 0 ||
	       mkdir("/a", 0700) == 0 || mount("none", "/etc", "tmpfs", 0, NULL) == 0;
}

static bool has_hosts;

/* What it needs: 0 if it has it.  A machine may have no names of its own. */
static bool try_nothing(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
	       socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ||
	       (open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 && has_hosts);
}

static void test_process_on_the_network_can_do_nothing_else(void **state)
{
	static const struct {
		const char *name;
		bool (*attempt)(void);
	} attempts[] = {
		{ "not what it needs", try_nothing },
		{ "write", try_to_write },
		{ "read", try_to_read },
		{ "ask who is here", try_local_socket },
		{ "execute", try_program },
		{ "fork", try_child },
		{ "signal its parent", try_parent },
		{ "be root again", try_root },
		{ "make code", try_code },
		{ "trace", try_trace },
		{ "change names", try_names },
	};

	(void)state;
	has_hosts = access("/etc/hosts", R_OK) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		pid_t parent = getpid(), pid = fork();
		struct error e;
		int status;

		if (pid == 0)
			_exit(confine_to_network(parent, &e) < 0 ? 2 : attempts[i].attempt());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("it may %s (status %x)", attempts[i].name, status);
	}
}

/* ---- what it says ---- */

/* As the child writes them. */
struct told {
	uint32_t kind, len;
	int32_t code; /* of an end */
	bool is_cut;  /* what LEN counts is not there */
};

#define PIECE 0x6b617461
#define END   (PIECE + 1)
/* Number, count and text. */
#define END_LEN (16 + sizeof(((struct error *)0)->msg))

static void say(int fd, const struct told *t)
{
	char bytes[END_LEN] = { 0 };
	size_t len = t->len < sizeof(bytes) ? t->len : sizeof(bytes);

	memcpy(bytes, &t->code, sizeof(t->code));
	assert_int_equal(write(fd, t, 8), 8);
	if (!t->is_cut)
		assert_int_equal(write(fd, bytes, len), len);
}

static void test_child_is_held_to_what_was_asked_for(void **state)
{
	static const struct {
		int result;
		struct told told[3];
	} cases[] = {
		{ 0, { { PIECE, 10, 0, false }, { END, END_LEN, 0, false } } },
		{ 0,
		  { { PIECE, 4, 0, false }, { PIECE, 6, 0, false }, { END, END_LEN, 0, false } } },
		{ -ENOENT, { { END, END_LEN, ENOENT, false } } },
		{ -ENOENT, { { PIECE, 4, 0, false }, { END, END_LEN, ENOENT, false } } },
		/* More or less than that, another kind, another number, a part. */
		{ -EPROTO, { { PIECE, 11, 0, false } } },
		{ -EPROTO, { { PIECE, 6, 0, false }, { PIECE, 5, 0, false } } },
		{ -EPROTO, { { PIECE, 10, 0, false }, { PIECE, UINT32_MAX, 0, true } } },
		{ -EPROTO, { { PIECE, 9, 0, false }, { END, END_LEN, 0, false } } },
		{ -EPROTO, { { END, END_LEN, 0, false } } },
		{ -EPROTO, { { PIECE, 0, 0, false } } },
		{ -EPROTO, { { 7, 4, 0, false } } },
		{ -EPROTO, { { END, 4, 0, false } } },
		{ -EPROTO, { { END, END_LEN, -1, false } } },
		{ -EPROTO, { { END, END_LEN, 1000000, false } } },
		{ -EPROTO, { { PIECE, 4, 0, true } } },
		{ -EPROTO, { { 0 } } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ struct buf b = { .max = 10 };
		const struct fetch what = {
			.name = "f",
			.len = 10,
			.on_data = add,
			.arg = &b,
		};
		struct error e;
		int fds[2], r;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		for (size_t k = 0; k < 3 && cases[i].told[k].kind; k++)
			say(fds[1], &cases[i].told[k]);
		(void)close(fds[1]);
		r = courier_hear(fds[0], &what, &e);
		(void)close(fds[0]);
		if (r != cases[i].result)
			fail_msg("case %zu: %d: %s", i, r, r < 0 ? e.msg : "");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_come_by_one_child),
		cmocka_unit_test(test_taker_that_fails_ends_the_child),
		cmocka_unit_test(test_child_that_dies_is_told_and_the_next_one_goes_on),
		cmocka_unit_test(test_cancel_is_seen_at_once),
		cmocka_unit_test(test_child_has_no_rights),
		cmocka_unit_test(test_process_on_the_network_can_do_nothing_else),
		cmocka_unit_test(test_child_is_held_to_what_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
