/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_handover - what containerd asks of our shim about a sandbox of upstream's is answered
 * by the very shim that made it, from where it was moved to.
 */

#include "tests/unit/upstream.h"

#include <sys/wait.h>
#include <unistd.h>

#include "lib/host/adopt.h"
#include "runtime/shim/handover.h"

#define MEMBER                                                                    \
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"}," \
	"\"root\":{\"path\":\"rootfs\"},\"linux\":{},"                            \
	"\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","    \
	"\"io.kubernetes.cri.sandbox-id\":\"%s\"}}"

struct world {
	char *dir;
	char *run;
	char *root;
	char *bundle;
};

static void world_start(struct world *w)
{
	_adoptable_ struct adoptable found = { 0 };
	_json_ struct json_object *record = json_object_new_object();
	enum adopt_kind kind;
	struct error e;

	*w = (struct world){ .dir = folder_new() };
	w->run = path_join(w->dir, "run");
	w->root = path_join(w->dir, "opt/kata");
	w->bundle = path_join(w->dir, "bundle");
	upstream_put(w->root, NULL);
	assert_int_equal(adopt_look(w->root, &kind, &found, &e), 0);
	assert_int_equal(adopt_take(w->root, &found, record, &e), 0);
	folder_put(w->run, "vc/sbs/go/persist.json", "{}");
	folder_put(w->run, "vc/sbs/go/member/persist.json", "{}");
	folder_put(w->run, "vc/sbs/ours/state.json", "{}");
	folder_put(w->run, "kata/rust/state.json", "{}");
}

static void world_end(struct world *w)
{
	free(w->run);
	free(w->root);
	free(w->bundle);
	folder_remove(w->dir);
}

/* Puts a bundle whose container belongs to SANDBOX. */
static void put_member(const struct world *w, const char *sandbox)
{
	_free_ char *text = xasprintf(MEMBER, sandbox);

	folder_put(w->bundle, "config.json", text);
}

/* What a process that is asked for ACTION on ID prints; "kept" if it goes on by itself, the error
 * if there is one.  Caller frees. */
static char *ask(const struct world *w, const char *action, const char *id)
{
	const struct arguments a = {
		.namespace_ = "k8s.io",
		.address = "/c.sock",
		.publish_binary = "/bin/containerd",
		.id = id,
		.bundle = w->bundle,
		.config = "/ours.toml",
		.action = action,
		.debug = true,
	};
	char *text = NULL;
	struct error e;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		int r;

		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		r = handover(w->run, w->root, &a, w->bundle, &e);
		(void)dprintf(STDOUT_FILENO, "%s\n", r < 0 ? e.msg : "kept");
		_exit(0);
	}
	(void)close(fds[1]);
	assert_true(file_read_fd(fds[0], "pipe", MIB, &text, NULL, &e) >= 0);
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return text;
}

static void must_answer(const struct world *w, const char *action, const char *id, const char *shim)
{
	_free_ char *expected = xasprintf(
		"%s -namespace k8s.io -address /c.sock -publish-binary /bin/containerd "
		"-id %s -bundle %s -debug %s\n",
		shim, id, w->bundle, action);
	_free_ char *is = ask(w, action, id);

	assert_string_equal(is, expected);
}

static void must_keep(const struct world *w, const char *action, const char *id)
{
	_free_ char *is = ask(w, action, id);

	assert_string_equal(is, "kept\n");
}

static void test_the_shim_that_made_a_sandbox_is_asked(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	/* The bundle may be gone. */
	must_answer(&w, "delete", "go", "go");
	must_answer(&w, "delete", "rust", "rust");
	must_keep(&w, "delete", "ours");
	must_keep(&w, "delete", "unknown");
	world_end(&w);
}

static void test_containers_of_its_pod_are_its_own(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	put_member(&w, "go");
	must_answer(&w, "start", "member", "go");
	must_answer(&w, "delete", "member", "go");
	put_member(&w, "rust");
	must_answer(&w, "start", "another", "rust");
	put_member(&w, "ours");
	must_keep(&w, "start", "another");
	put_member(&w, "../sbs/go");
	must_keep(&w, "delete", "another");
	world_end(&w);
}

static void test_a_shim_that_is_not_there_is_named(void **state)
{
	struct world w;
	_free_ char *program = NULL;
	_free_ char *is = NULL;

	(void)state;
	world_start(&w);
	program = path_join(w.root, "adopted/" UPSTREAM_GO);
	assert_int_equal(unlink(program), 0);
	is = ask(&w, "delete", "go");
	assert_non_null(strstr(is, program));
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_shim_that_made_a_sandbox_is_asked),
		cmocka_unit_test(test_containers_of_its_pod_are_its_own),
		cmocka_unit_test(test_a_shim_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
