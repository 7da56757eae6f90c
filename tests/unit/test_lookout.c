/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lookout - the list of stale sandboxes while a child reads it.
 *
 * And that it is looked at anew when the cluster tells the pod something.
 *
 * The child is this program: main() plays it.  The environment says where the two meet.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "deploy/lookout.h"
#include "deploy/stale.h"
#include "lib/file.h"

#define ROOM   "TEST_LOOKOUT"
#define LIST   "m 1\n\n{}\n"
#define END_MS 20000

static char *in_room(const char *name)
{
	return path_join(getenv(ROOM), name);
}

static void put(const char *name)
{
	_free_ char *path = in_room(name);

	assert_int_equal(mkdir(path, 0700), 0);
}

/* The first time it writes a list.  Then it stands at the begin of the one that is known, lets the
 * other ask for that, and says where it stands. */
static int play(void)
{
	_free_ char *turn = in_room("turn");
	_free_ char *first = in_room("first");

	if (mkdir(first, 0700) == 0)
		return write(STALE_LIST_FD, LIST, strlen(LIST)) > 0 ? 0 : 1;
	assert_int_equal(lseek(STALE_TOLD_FD, 0, SEEK_SET), 0);
	put("reads");
	(void)close(open(turn, O_RDONLY | O_CLOEXEC));
	put(lseek(STALE_TOLD_FD, 0, SEEK_CUR) == 0 ? "same" : "moved");
	return 0;
}

struct world {
	struct loop *loop;
	struct lookout *lookout;
	struct io timer;
	bool (*has_come)(struct world *w);
	uint64_t end_ms;
};

static void never(void *arg, unsigned changes)
{
	(void)arg;
	(void)changes;
}

static void on_timer(struct io *io, uint32_t events)
{
	struct world *w = CONTAINER_OF(io, struct world, timer);

	(void)events;
	timer_read(io->fd);
	if (w->has_come(w) || now_ms() > w->end_ms)
		loop_stop(w->loop, 0);
}

static void run_until(struct world *w, bool (*has_come)(struct world *w))
{
	w->has_come = has_come;
	w->end_ms = deadline_in(END_MS);
	timer_arm(w->timer.fd, 1, 10);
	(void)loop_run(w->loop);
	assert_true(has_come(w));
}

static void start(struct world *w, struct settings *settings, const char *room)
{
	struct error e;

	assert_int_equal(setenv(ROOM, room, 1), 0);
	assert_int_equal(setenv("NODE_NAME", "n1", 1), 0);
	assert_int_equal(setenv("INSTALLATION_PREFIX", "/nonexistent", 1), 0);
	if (settings_read(settings, &e) < 0)
		fail_msg("%s", e.msg);
	w->loop = loop_new(&e);
	assert_non_null(w->loop);
	w->timer.fd = timer_open(&e);
	assert_true(loop_add(w->loop, &w->timer, EPOLLIN, &e) >= 0);
	if (lookout_new(w->loop, settings, never, NULL, &w->lookout, &e) < 0)
		fail_msg("%s", e.msg);
}

static void end(struct world *w)
{
	lookout_free(w->lookout);
	loop_del(w->loop, &w->timer);
	closep(&w->timer.fd);
	loop_free(w->loop);
}

static bool has_list(struct world *w)
{
	_free_ char *list = lookout_list(w->lookout);

	return str_equal(list, "{}\n");
}

static bool reads(struct world *w)
{
	_free_ char *path = in_room("reads");

	(void)w;
	return file_exists(path);
}

static bool has_said(struct world *w)
{
	_free_ char *same = in_room("same");
	_free_ char *moved = in_room("moved");

	(void)w;
	return file_exists(same) || file_exists(moved);
}

static void test_question_for_the_list_disturbs_no_reader(void **state)
{
	_settings_ struct settings settings = { 0 };
	_free_ char *turn = path_join(*state, "turn");
	_free_ char *same = path_join(*state, "same");
	_free_ char *metrics = NULL;
	struct world w = { .timer = { .ready = on_timer } };

	assert_int_equal(mkfifo(turn, 0600), 0);
	start(&w, &settings, *state);
	assert_null(lookout_list(w.lookout));
	(void)lookout_resume(w.lookout);
	run_until(&w, has_list);
	metrics = lookout_metrics(w.lookout);
	assert_string_equal(metrics, "m 1\n");
	(void)lookout_resume(w.lookout);
	run_until(&w, reads);
	assert_true(has_list(&w));
	(void)close(open(turn, O_WRONLY | O_CLOEXEC));
	run_until(&w, has_said);
	assert_true(file_exists(same));
	end(&w);
}

/* The kubelet turns a link when an annotation of the pod has changed. */
static void test_what_the_pod_is_told_is_looked_at(void **state)
{
	_settings_ struct settings settings = { 0 };
	_free_ char *turn = path_join(*state, "turn");
	_free_ char *info = path_join(*state, "info");
	_free_ char *new = path_join(info, "..data_tmp");
	_free_ char *data = path_join(info, "..data");
	struct world w = { .timer = { .ready = on_timer } };

	assert_int_equal(setenv("KATA_POD_INFO", info, 1), 0);
	assert_int_equal(mkfifo(turn, 0600), 0);
	assert_int_equal(mkdir(info, 0700), 0);
	start(&w, &settings, *state);
	(void)lookout_resume(w.lookout);
	run_until(&w, has_list);
	assert_int_equal(symlink("there", new), 0);
	assert_int_equal(rename(new, data), 0);
	run_until(&w, reads);
	(void)close(open(turn, O_WRONLY | O_CLOEXEC));
	run_until(&w, has_said);
	end(&w);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_question_for_the_list_disturbs_no_reader),
		IN_FOLDER(test_what_the_pod_is_told_is_looked_at),
	};

	if (argc == 3 && str_starts(argv[1], "--report="))
		return strcmp(argv[2], "publish") == 0 ? play() : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
