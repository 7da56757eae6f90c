/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_device - which block devices of the host a container is given, and with which rights.
 *
 * What would open and plug them in is replaced: it notes what it was asked for.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/rpc/message.h"
#include "runtime/sandbox/rights.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define MINIMAL "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"}"

#define DISK      "{\"path\":\"/dev/xvda\",\"type\":\"b\",\"major\":202,\"minor\":3}"
#define DISK2     "{\"path\":\"/data/raw\",\"type\":\"b\",\"major\":202,\"minor\":4}"
#define FUSE      "{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229}"
#define DENY_ALL  "{\"allow\":false,\"access\":\"rwm\"}"
#define ALLOW_ALL "{\"allow\":true,\"access\":\"rwm\"}"
#define RULE(minor, access)                                                                     \
	"{\"allow\":true,\"type\":\"b\",\"major\":202,\"minor\":" minor ",\"access\":\"" access \
	"\"}"

static char plugged[256];
static unsigned n_plugged, n_unplugged;
static char shared[256];

int __wrap_sandbox_plug(struct sandbox *s, const struct block_source *source, const char *user,
			const struct address **ret_address, struct error *e);
void __wrap_sandbox_unplug(struct sandbox *s, const char *user);
struct share *__wrap_sandbox_share(struct sandbox *s);
int __wrap_share_get(struct share *s, const struct share_use *use, char **ret_path, strv *nested,
		     struct error *e);
void __wrap_share_put(struct share *s, const char *ticket);
const char *__wrap_sandbox_shm_source(const struct sandbox *s);
const struct config *__wrap_sandbox_config(const struct sandbox *s);

const struct config *__wrap_sandbox_config(const struct sandbox *s)
{
	static const struct config config;

	(void)s;
	return &config;
}

int __wrap_sandbox_plug(struct sandbox *s, const struct block_source *source, const char *user,
			const struct address **ret_address, struct error *e)
{
	static const struct address address = { ADDRESS_PCI, "05/00" };
	size_t len = strlen(plugged);

	(void)s;
	(void)user;
	(void)e;
	*ret_address = &address;
	n_plugged++;
	(void)snprintf(plugged + len, sizeof(plugged) - len, "%u:%u %s;", major(source->device),
		       minor(source->device), source->access == BLOCK_READ_ONLY ? "r" : "rw");
	return 0;
}

void __wrap_sandbox_unplug(struct sandbox *s, const char *user)
{
	(void)s;
	(void)user;
	n_unplugged++;
}

struct share *__wrap_sandbox_share(struct sandbox *s)
{
	static char share;

	(void)s;
	return (struct share *)(void *)&share;
}

int __wrap_share_get(struct share *s, const struct share_use *use, char **ret_path, strv *nested,
		     struct error *e)
{
	size_t len = strlen(shared);

	(void)s;
	(void)nested;
	(void)e;
	(void)snprintf(shared + len, sizeof(shared) - len, "%s;", use->source);
	*ret_path = xasprintf("/guest%s", use->source);
	return 0;
}

void __wrap_share_put(struct share *s, const char *ticket)
{
	(void)s;
	(void)ticket;
}

const char *__wrap_sandbox_shm_source(const struct sandbox *s)
{
	(void)s;
	return NULL;
}

static int bring_in(Oci__Spec *spec, struct gifts *g)
{
	const struct ways_params params = { .container = "c", .bundle = "/bundle" };
	struct error e;
	int r = ways_bring_in(&params, spec, g, &e);

	if (r < 0)
		fail_msg("%s", e.msg);
	return r;
}

static Oci__Spec *parse(const char *devices, const char *rules)
{
	_free_ char *text = xasprintf(
		"{" MINIMAL ",\"linux\":{\"devices\":[%s],\"resources\":{\"devices\":[%s]}}}",
		devices, rules);
	Oci__Spec *spec = NULL;
	struct error e = { 0 };

	if (spec_parse(text, strlen(text), "config.json", &spec, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

static void test_rights_are_what_the_last_rules_say(void **state)
{
	static const struct {
		const char *rules, *wanted;
	} cases[] = {
		{ "", "" },
		{ DENY_ALL, "" },
		{ DENY_ALL "," RULE("3", "r"), "r" },
		{ DENY_ALL "," RULE("3", "rwm"), "rwm" },
		{ DENY_ALL "," RULE("-1", "rw"), "rw" },
		{ DENY_ALL "," RULE("4", "rwm"), "" },
		{ DENY_ALL "," ALLOW_ALL, "rwm" },
		{ ALLOW_ALL "," DENY_ALL, "" },
		{ ALLOW_ALL
		  ",{\"allow\":false,\"type\":\"b\",\"major\":202,\"minor\":3,\"access\":\"w\"}",
		  "rm" },
		{ DENY_ALL
		  ",{\"allow\":true,\"type\":\"c\",\"major\":202,\"minor\":3,\"access\":\"r\"}",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = parse("", cases[i].rules);
		struct rights rights = rights_of(spec, 'b', makedev(202, 3));

		if (strcmp(rights.text, cases[i].wanted) != 0)
			fail_msg("'%s' gave '%s'", cases[i].rules, rights.text);
	}
}

static void test_named_devices_are_given_with_their_rights(void **state)
{
	static const struct {
		const char *devices, *rules, *plugged;
		size_t n_left;
	} cases[] = {
		{ FUSE, DENY_ALL, "", 1 },
		{ DISK, DENY_ALL "," RULE("3", "rwm"), "202:3 rw;", 1 },
		{ DISK, DENY_ALL "," RULE("3", "rm"), "202:3 r;", 1 },
		{ DISK "," FUSE "," DISK2, RULE("3", "r") "," RULE("4", "rw"), "202:3 r;202:4 rw;",
		  3 },
		/* No right, no disk: a node that cannot be opened. */
		{ DISK, DENY_ALL, "", 1 },
		/* A privileged container that also asks by name: /dev/xvda is none of this host. */
		{ DISK, ALLOW_ALL, "202:3 rw;", 1 },
		/* Twice: once by name, once among all. */
		{ DISK "," DISK, ALLOW_ALL, "202:3 rw;", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = parse(cases[i].devices, cases[i].rules);
		struct gifts g = { 0 };

		plugged[0] = '\0';
		n_plugged = n_unplugged = 0;
		assert_int_equal(bring_in(spec, &g), 0);
		if (strcmp(plugged, cases[i].plugged) != 0)
			fail_msg("%s with %s: '%s'", cases[i].devices, cases[i].rules, plugged);
		assert_int_equal(spec->linux->n_devices, cases[i].n_left);
		assert_int_equal(g.n_devices, n_plugged);
		ways_take_back(NULL, &g);
		assert_int_equal(n_unplugged, n_plugged);
		gifts_done(&g);
	}
}

static void test_rules_for_the_guest_name_what_was_given(void **state)
{
	_message_ Oci__Spec *spec = parse(DISK "," DISK2 "," FUSE, DENY_ALL "," RULE("3", "rm"));
	struct gifts g = { 0 };

	(void)state;
	assert_int_equal(bring_in(spec, &g), 0);
	assert_int_equal(g.n_devices, 1);
	assert_string_equal(g.devices[0]->type, "blk");
	assert_string_equal(g.devices[0]->id, "05/00");
	assert_string_equal(g.devices[0]->container_path, "/dev/xvda");
	spec_constrain(spec, SPEC_SECCOMP_KEEP);
	assert_string_equal(rights_of(spec, 'b', makedev(202, 3)).text, "rm");
	assert_string_equal(rights_of(spec, 'b', makedev(202, 4)).text, "");
	assert_true(rights_are_named(spec, 'b', makedev(202, 4)));
	gifts_done(&g);
}

static void test_a_whole_is_shared_before_its_parts(void **state)
{
	static const char text[] =
		"{" MINIMAL
		",\"linux\":{},\"mounts\":["
		"{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/a/volume-subpaths/v/c/"
		"0\"},"
		"{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"/x/part\"},"
		"{\"destination\":\"/c\",\"type\":\"bind\",\"source\":\"/x\"}]}";
	_message_ Oci__Spec *spec = NULL;
	struct gifts g = { 0 };
	struct error e;

	(void)state;
	shared[0] = '\0';
	assert_int_equal(spec_parse(text, strlen(text), "config.json", &spec, &e), 0);
	assert_int_equal(bring_in(spec, &g), 0);
	assert_non_null(strstr(shared, "/x;/x/part;/a/volume-subpaths/v/c/0;"));
	assert_string_equal(spec->mounts[1]->destination, "/b");
	assert_string_equal(spec->mounts[1]->source, "/guest/x/part");
	gifts_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights_are_what_the_last_rules_say),
		cmocka_unit_test(test_named_devices_are_given_with_their_rights),
		cmocka_unit_test(test_rules_for_the_guest_name_what_was_given),
		cmocka_unit_test(test_a_whole_is_shared_before_its_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
