/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pbjson - config.json into messages and back.
 *
 * data/oci-ctr.json is what `ctr oci spec` of containerd 1.6 prints; data/oci-cri.json sets every
 * member that the agent's protocol has a field for.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define DATA_MAX MIB

static int parse(const char *text, strv *unknown, Oci__Spec **ret_spec, struct error *e)
{
	return pbjson_parse(text, strlen(text), "config.json", &oci__spec__descriptor, unknown,
			    ret_spec, e);
}

static Oci__Spec *read_data(const char *path)
{
	_json_ struct json_object *object = NULL;
	Oci__Spec *spec;
	struct error e;

	assert_return_code(json_read_file(path, DATA_MAX, &object, &e), 0);
	assert_return_code(pbjson_read(object, &oci__spec__descriptor, NULL, &spec, &e), 0);
	return spec;
}

/* Takes out what a writer leaves out: false and zero. */
static void prune(struct json_object *value)
{
	struct json_object_iterator at, end;
	struct json_object *member;
	_strv_ strv doomed = NULL;

	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; i < json_object_array_length(value); i++)
			prune(json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return;
	end = json_object_iter_end(value);
	for (at = json_object_iter_begin(value); !json_object_iter_equal(&at, &end);
	     json_object_iter_next(&at)) {
		member = json_object_iter_peek_value(&at);
		prune(member);
		if ((json_object_is_type(member, json_type_boolean) ||
		     json_object_is_type(member, json_type_int)) &&
		    !json_object_get_boolean(member))
			strv_add(&doomed, json_object_iter_peek_name(&at));
	}
	for (size_t i = 0; i < strv_len(doomed); i++)
		json_object_object_del(value, doomed[i]);
}

static void expect_same_json(const char *path)
{
	_json_ struct json_object *before = NULL;
	_json_ struct json_object *after = NULL;
	_message_ Oci__Spec *spec = read_data(path);
	struct error e;

	assert_return_code(json_read_file(path, DATA_MAX, &before, &e), 0);
	prune(before);
	after = pbjson_write(spec);
	if (!json_object_equal(before, after))
		assert_string_equal(json_object_to_json_string(before),
				    json_object_to_json_string(after));
}

static void test_spec_of_ctr_comes_back_the_same(void **state)
{
	(void)state;
	expect_same_json(TEST_DATA "/oci-ctr.json");
}

static void test_spec_of_cri_comes_back_the_same(void **state)
{
	(void)state;
	expect_same_json(TEST_DATA "/oci-cri.json");
}

static void test_spec_has_no_unknown_members(void **state)
{
	_json_ struct json_object *object = NULL;
	_message_ Oci__Spec *spec = NULL;
	_strv_ strv unknown = NULL;
	struct error e;

	(void)state;
	assert_return_code(json_read_file(TEST_DATA "/oci-cri.json", DATA_MAX, &object, &e), 0);
	assert_return_code(pbjson_read(object, &oci__spec__descriptor, &unknown, &spec, &e), 0);
	assert_int_equal(strv_len(unknown), 0);
}

static void test_process_is_read_into_its_fields(void **state)
{
	_message_ Oci__Spec *spec = read_data(TEST_DATA "/oci-cri.json");
	const Oci__Process *p = spec->process;

	(void)state;
	assert_string_equal(spec->version, "1.2.0");
	assert_true(p->terminal);
	assert_int_equal(p->user->uid, 1000);
	assert_int_equal(p->user->n_additionalgids, 3);
	assert_int_equal(p->user->additionalgids[2], 4294967294);
	assert_string_equal(p->args[2], "echo \"h\xc3\xa4llo\"; exec sleep 3600");
	assert_int_equal(p->oomscoreadj, -997);
	assert_true(p->rlimits[0]->hard == UINT64_MAX);
	assert_string_equal(p->capabilities->ambient[0], "CAP_NET_BIND_SERVICE");
}

static void test_linux_is_read_into_its_fields(void **state)
{
	_message_ Oci__Spec *spec = read_data(TEST_DATA "/oci-cri.json");
	const Oci__Linux *l = spec->linux;

	(void)state;
	assert_int_equal(spec->n_annotations, 3);
	assert_string_equal(spec->annotations[0]->key, "io.kubernetes.cri.container-type");
	assert_string_equal(spec->annotations[0]->value, "container");
	assert_int_equal(l->resources->memory->reservation, -1);
	assert_int_equal(l->resources->hugepagelimits[0]->limit, INT64_MAX);
	assert_string_equal(l->resources->hugepagelimits[0]->pagesize, "2MB");
	assert_string_equal(l->namespaces[2]->path, "/var/run/netns/cni-1b6c");
	assert_true(l->seccomp->syscalls[1]->args[0]->valuetwo == UINT64_MAX);
	assert_int_equal(l->seccomp->syscalls[1]->errno_ret_case,
			 OCI__LINUX_SYSCALL__ERRNO_RET__NOT_SET);
	assert_int_equal(l->seccomp->syscalls[2]->errno_ret_case,
			 OCI__LINUX_SYSCALL__ERRNO_RET_ERRNORET);
	assert_int_equal(l->seccomp->syscalls[2]->errnoret, 38);
}

static void test_unknown_members_are_listed_by_path(void **state)
{
	_message_ Oci__Spec *spec = NULL;
	_strv_ strv unknown = NULL;
	struct error e;

	(void)state;
	assert_return_code(parse("{\"zos\":1,\"mounts\":[{},{\"futureMappings\":[]}],"
				 "\"linux\":{\"resources\":{\"tape\":{\"a\":\"b\"}}}}",
				 &unknown, &spec, &e),
			   0);
	assert_int_equal(strv_len(unknown), 3);
	assert_string_equal(unknown[0], "zos");
	assert_string_equal(unknown[1], "mounts[1].futureMappings");
	assert_string_equal(unknown[2], "linux.resources.tape");
	assert_int_equal(spec->n_mounts, 2);
}

static void test_null_is_as_good_as_missing(void **state)
{
	_message_ Oci__Spec *spec = NULL;
	struct error e;

	(void)state;
	assert_return_code(
		parse("{\"process\":null,\"mounts\":null,\"hostname\":null}", NULL, &spec, &e), 0);
	assert_null(spec->process);
	assert_int_equal(spec->n_mounts, 0);
	assert_string_equal(spec->hostname, "");
}

static void test_bad_values_are_refused_by_path(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} cases[] = {
		{ "[]", EINVAL, "config.json: document: expected an object, found array" },
		{ "{\"process\":[]}", EINVAL,
		  "config.json: process: expected an object, found array" },
		{ "{\"process\":{\"user\":{\"uid\":\"0\"}}}", EINVAL,
		  "config.json: process.user.uid: expected a whole number, found string" },
		{ "{\"process\":{\"user\":{\"uid\":1.5}}}", EINVAL,
		  "config.json: process.user.uid: expected a whole number, found double" },
		{ "{\"process\":{\"user\":{\"uid\":-1}}}", ERANGE,
		  "config.json: process.user.uid: -1 is out of range" },
		{ "{\"process\":{\"user\":{\"uid\":4294967296}}}", ERANGE,
		  "config.json: process.user.uid: 4294967296 is out of range" },
		{ "{\"process\":{\"oomScoreAdj\":9223372036854775808}}", ERANGE,
		  "config.json: process.oomScoreAdj: 9223372036854775808 is out of range" },
		{ "{\"process\":{\"env\":\"SECRET=1\"}}", EINVAL,
		  "config.json: process.env: expected an array, found string" },
		{ "{\"process\":{\"args\":[\"a\",7]}}", EINVAL,
		  "config.json: process.args[1]: expected a string, found int" },
		{ "{\"process\":{\"args\":[null]}}", EINVAL,
		  "config.json: process.args[0]: expected a string, found null" },
		{ "{\"process\":{\"cwd\":\"/a\\u0000b\"}}", EINVAL,
		  "config.json: process.cwd: expected a string without the character 0, found "
		  "string" },
		{ "{\"process\":{\"terminal\":1}}", EINVAL,
		  "config.json: process.terminal: expected true or false, found int" },
		{ "{\"process\":{\"cwd\":\"/\",\"Cwd\":\"/\"}}", EINVAL,
		  "config.json: process.Cwd: given twice" },
		{ "{\"annotations\":{\"a\":{}}}", EINVAL,
		  "config.json: annotations.a: expected a string, found object" },
		{ "{\"annotations\":[]}", EINVAL,
		  "config.json: annotations: expected an object, found array" },
		{ "{\"mounts\":[{\"options\":[[]]}]}", EINVAL,
		  "config.json: mounts[0].options[0]: expected a string, found array" },
		{ "{\"process\":", EINVAL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Oci__Spec *spec = NULL;
		struct error e;

		assert_int_equal(parse(cases[i].text, NULL, &spec, &e), -cases[i].code);
		assert_null(spec);
		if (cases[i].message)
			assert_string_equal(e.msg, cases[i].message);
	}
}

static void test_deep_nesting_is_refused(void **state)
{
	char text[201];
	Oci__Spec *spec;
	struct error e;

	(void)state;
	memset(text, '[', 200);
	text[200] = '\0';
	assert_int_equal(parse(text, NULL, &spec, &e), -EINVAL);
}

static void test_too_many_items_are_refused(void **state)
{
	_json_ struct json_object *object = json_object_new_object();
	struct json_object *mounts = json_set_array(object, "mounts");
	Oci__Spec *spec;
	struct error e;

	(void)state;
	for (int i = 0; i <= PBJSON_ITEMS_MAX; i++)
		(void)json_object_array_add(mounts, NULL);
	assert_int_equal(pbjson_read(object, &oci__spec__descriptor, NULL, &spec, &e), -EINVAL);
	assert_string_equal(e.msg, "mounts: expected fewer items, found array");
}

static void test_optional_fields_are_marked_present(void **state)
{
	static const char text[] = "{\"swap\":false,\"swappiness_max\":0}";
	_message_ Memagent__MemAgentMemcgConfig *config = NULL;
	_json_ struct json_object *again = NULL;
	struct error e;

	(void)state;
	assert_return_code(pbjson_parse(text, strlen(text), "t",
					&memagent__mem_agent_memcg_config__descriptor, NULL,
					&config, &e),
			   0);
	assert_true(config->has_swap && config->has_swappiness_max && !config->has_disabled);
	again = pbjson_write(config);
	assert_string_equal(json_object_to_json_string_ext(again, JSON_C_TO_STRING_PLAIN), text);
}

static void test_enums_are_names_or_numbers(void **state)
{
	static const char text[] = "{\"family\":\"v6\",\"address\":\"::1\"}";
	static const char number[] = "{\"family\":1}", bad[] = "{\"family\":\"v5\"}";
	_message_ Types__IPAddress *by_name = NULL;
	_message_ Types__IPAddress *by_number = NULL;
	_message_ Types__IPAddress *none = NULL;
	_json_ struct json_object *again = NULL;
	const ProtobufCMessageDescriptor *type = &types__ipaddress__descriptor;
	struct error e;

	(void)state;
	assert_return_code(pbjson_parse(text, strlen(text), "t", type, NULL, &by_name, &e), 0);
	assert_int_equal(by_name->family, TYPES__IPFAMILY__v6);
	assert_return_code(pbjson_parse(number, strlen(number), "t", type, NULL, &by_number, &e),
			   0);
	assert_int_equal(by_number->family, TYPES__IPFAMILY__v6);
	assert_int_equal(pbjson_parse(bad, strlen(bad), "t", type, NULL, &none, &e), -EINVAL);
	again = pbjson_write(by_name);
	assert_string_equal(json_object_to_json_string_ext(again, JSON_C_TO_STRING_PLAIN), text);
}

static void test_map_of_numbers_is_an_object(void **state)
{
	static const char text[] = "{\"cache\":7,\"stats\":{\"anon\":18446744073709551615}}";
	_message_ Agent__MemoryStats *stats = NULL;
	_json_ struct json_object *again = NULL;
	struct error e;

	(void)state;
	assert_return_code(pbjson_parse(text, strlen(text), "t", &agent__memory_stats__descriptor,
					NULL, &stats, &e),
			   0);
	assert_int_equal(stats->n_stats, 1);
	assert_string_equal(stats->stats[0]->key, "anon");
	again = pbjson_write(stats);
	assert_string_equal(json_object_to_json_string_ext(again, JSON_C_TO_STRING_PLAIN), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec_of_ctr_comes_back_the_same),
		cmocka_unit_test(test_spec_of_cri_comes_back_the_same),
		cmocka_unit_test(test_spec_has_no_unknown_members),
		cmocka_unit_test(test_process_is_read_into_its_fields),
		cmocka_unit_test(test_linux_is_read_into_its_fields),
		cmocka_unit_test(test_unknown_members_are_listed_by_path),
		cmocka_unit_test(test_null_is_as_good_as_missing),
		cmocka_unit_test(test_bad_values_are_refused_by_path),
		cmocka_unit_test(test_deep_nesting_is_refused),
		cmocka_unit_test(test_too_many_items_are_refused),
		cmocka_unit_test(test_optional_fields_are_marked_present),
		cmocka_unit_test(test_enums_are_names_or_numbers),
		cmocka_unit_test(test_map_of_numbers_is_an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
