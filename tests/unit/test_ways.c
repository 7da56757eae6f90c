/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ways - the table of ways into a guest, and the ways that need neither mounts nor a VM.
 */

#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "lib/rpc/message.h"
#include "lib/str.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define REFER(name) &name,
static const struct way *const rows[] = { WAYS(REFER) };

static Oci__Spec *parse(const char *devices, const char *rules)
{
	_free_ char *text = xasprintf(
		"{\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
		"\"linux\":{\"devices\":[%s],\"resources\":{\"devices\":"
		"[%s]}}}",
		devices, rules);
	Oci__Spec *spec = NULL;
	struct error e;

	if (spec_parse(text, strlen(text), "config.json", &spec, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

static void test_every_row_is_whole_and_named_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_non_null(rows[i]->name);
		assert_true(rows[i]->kind < N_WAY_KIND);
		assert_true(rows[i]->match && rows[i]->give);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(rows[i], rows[j]);
	}
}

static strv undone;

static void undo(struct sandbox *s, const char *what)
{
	(void)s;
	strv_add(&undone, what);
}

static void test_notes_are_taken_back_once_last_first(void **state)
{
	static const struct way way = { .name = "test", .undo = undo };
	struct gifts g = { 0 };
	_free_ char *all = NULL;

	(void)state;
	gifts_note(&g, &way, "a");
	gifts_note(&g, &way, "b");
	ways_take_back(NULL, &g);
	ways_take_back(NULL, &g);
	all = strv_join(undone, " ");
	assert_string_equal(all, "b a");
	strv_free(undone);
	gifts_done(&g);
}

#define DENY_ALL  "{\"allow\":false,\"access\":\"rwm\"}"
#define ALLOW_ALL "{\"allow\":true,\"access\":\"rwm\"}"

/* Of those the guest has its own; what the host has not is asked for by name. */
static void test_devices_of_the_host_are_left_out_when_all_are_given(void **state)
{
	static const struct {
		const char *device;
		const char *rules;
		int matches;
	} cases[] = {
		{ "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3}", ALLOW_ALL, 1 },
		{ "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3}", DENY_ALL, 0 },
		{ "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":5}", ALLOW_ALL, 0 },
		{ "{\"path\":\"/dev/nosuch\",\"type\":\"c\",\"major\":10}", ALLOW_ALL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = parse(cases[i].device, cases[i].rules);
		struct arrival a = { .kind = WAY_DEVICE,
				     .spec = spec,
				     .device = spec->linux->devices[0] };
		struct error e;

		assert_int_equal(way_host_device.match(&a, &e), cases[i].matches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_whole_and_named_once),
		cmocka_unit_test(test_notes_are_taken_back_once_last_first),
		cmocka_unit_test(test_devices_of_the_host_are_left_out_when_all_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
