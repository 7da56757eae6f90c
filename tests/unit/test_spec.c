/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spec - what a config.json becomes for a guest.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "lib/rpc/message.h"
#include "runtime/sandbox/spec.h"

#define MINIMAL            "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"}"
#define SPEC(linux_, more) "{" MINIMAL ",\"linux\":{" linux_ "}" more "}"

static Oci__Spec *parse(const char *text)
{
	Oci__Spec *spec = NULL;
	struct error e = { 0 };

	if (spec_parse(text, strlen(text), "config.json", &spec, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

static void test_parse_of_broken_texts_says_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "", "config.json" },
		{ "{", "config.json" },
		{ "[]", "config.json" },
		{ "{}", "process.args" },
		{ "{\"process\":{\"args\":[]}}", "process.args" },
		{ "{\"process\":{\"args\":[\"x\"]},\"linux\":{}}", "root.path" },
		{ "{" MINIMAL "}", "linux" },
		{ "{\"process\":3}", "process" },
		{ "{\"process\":{\"args\":\"x\"}}", "args" },
		{ SPEC("", ",\"mounts\":[{\"destination\":\"etc\"}]"), "etc" },
		{ SPEC("", ",\"annotations\":{\"a\":1}"), "annotations" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = NULL;
		struct error e = { 0 };
		int r = spec_parse(cases[i].text, strlen(cases[i].text), "config.json", &spec, &e);

		if (r >= 0 || !strstr(e.msg, cases[i].says))
			fail_msg("'%s' gave %d, '%s'", cases[i].text, r, e.msg);
	}
}

static void test_type_follows_the_annotations(void **state)
{
	static const struct {
		const char *annotations;
		int result;
		enum spec_type type;
		const char *sandbox;
	} cases[] = {
		{ "", 0, SPEC_SINGLE, NULL },
		{ "\"io.kubernetes.cri.container-type\":\"sandbox\"", 0, SPEC_SANDBOX, NULL },
		{ "\"io.kubernetes.cri.container-type\":\"container\","
		  "\"io.kubernetes.cri.sandbox-id\":\"p1\"",
		  0, SPEC_MEMBER, "p1" },
		{ "\"io.kubernetes.cri-o.ContainerType\":\"container\","
		  "\"io.kubernetes.cri-o.SandboxID\":\"p2\"",
		  0, SPEC_MEMBER, "p2" },
		{ "\"io.kubernetes.cri.container-type\":\"pod\"", -EINVAL, SPEC_SINGLE, NULL },
		/* Whatever of the other engine a pod can say of itself. */
		{ "\"io.kubernetes.cri-o.ContainerType\":\"sandbox\","
		  "\"io.kubernetes.cri.container-type\":\"container\"",
		  -EINVAL, SPEC_SINGLE, NULL },
		{ "\"io.kubernetes.cri-o.ContainerType\":\"container\","
		  "\"io.kubernetes.cri-o.SandboxID\":\"mine\","
		  "\"io.kubernetes.cri.sandbox-id\":\"victim\"",
		  -EINVAL, SPEC_SINGLE, "victim" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("{" MINIMAL ",\"linux\":{},\"annotations\":{%s}}",
					      cases[i].annotations);
		_message_ Oci__Spec *spec = parse(text);
		enum spec_type type = SPEC_SINGLE;
		struct error e;

		assert_int_equal(spec_type(spec, &type, &e), cases[i].result);
		assert_int_equal(type, cases[i].type);
		if (cases[i].sandbox)
			assert_string_equal(spec_sandbox_id(spec), cases[i].sandbox);
		else
			assert_null(spec_sandbox_id(spec));
	}
}

static void test_namespaces_of_the_host_are_left_out(void **state)
{
	_message_ Oci__Spec *spec = parse(SPEC(
		"\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/7/ns/pid\"},{\"type\":\"ipc\","
		"\"path\":\"/proc/7/ns/ipc\"},{\"type\":\"network\",\"path\":\"/run/netns/a\"},"
		"{\"type\":\"mount\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}]",
		""));

	(void)state;
	assert_string_equal(spec_namespace_path(spec, "network"), "/run/netns/a");
	assert_string_equal(spec_namespace_path(spec, "pid"), "/proc/7/ns/pid");
	spec_constrain(spec, SPEC_SECCOMP_KEEP);
	assert_int_equal(spec->linux->n_namespaces, 3);
	assert_string_equal(spec->linux->namespaces[0]->type, "ipc");
	assert_string_equal(spec->linux->namespaces[0]->path, "");
	assert_string_equal(spec->linux->namespaces[1]->type, "mount");
}

static void test_namespace_without_path_is_one_of_its_own(void **state)
{
	_message_ Oci__Spec *spec =
		parse(SPEC("\"namespaces\":[{\"type\":\"network\"},{\"type\":\"pid\"}]", ""));

	(void)state;
	assert_null(spec_namespace_path(spec, "network"));
	assert_true(spec_has_namespace(spec, "network"));
	assert_false(spec_has_namespace(spec, "ipc"));
}

#define NS(type)          "{\"type\":\"" type "\"},"
#define NS_AT(type, path) "{\"type\":\"" type "\",\"path\":\"" path "\"},"
#define NS_REST           "{\"type\":\"mount\"}"

static void test_namespaces_of_others_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *namespaces;
		enum spec_type type;
		enum spec_network configured;
		const char *why; /* NULL: allowed */
	} cases[] = {
		{ NS("network") NS("pid") NS("ipc") NS("uts"), SPEC_SINGLE, SPEC_NETWORK_AS_ASKED,
		  NULL },
		{ NS_AT("network", "/run/netns/x") NS("pid") NS("ipc") NS("uts"), SPEC_SINGLE,
		  SPEC_NETWORK_AS_ASKED, NULL },
		{ NS("pid") NS("ipc"), SPEC_SANDBOX, SPEC_NETWORK_AS_ASKED, "hostNetwork" },
		{ NS("pid") NS("ipc") NS("uts"), SPEC_SINGLE, SPEC_NETWORK_AS_ASKED,
		  "--network host" },
		{ NS("pid") NS("ipc"), SPEC_SANDBOX, SPEC_NETWORK_NONE, NULL },
		{ NS("network") NS("ipc") NS("uts"), SPEC_SINGLE, SPEC_NETWORK_AS_ASKED,
		  "--pid host" },
		{ NS("network") NS("ipc") NS("uts"), SPEC_MEMBER, SPEC_NETWORK_NONE, "hostPID" },
		{ NS("network") NS("pid") NS("uts"), SPEC_SINGLE, SPEC_NETWORK_AS_ASKED,
		  "--ipc host" },
		{ NS("network") NS("pid") NS("ipc"), SPEC_SINGLE, SPEC_NETWORK_AS_ASKED,
		  "--uts host" },
		{ NS("network") NS("pid") NS("ipc"), SPEC_SINGLE, SPEC_NETWORK_NONE, "--uts host" },
		{ NS_AT("network", "/proc/7/ns/net") NS("pid") NS("ipc") NS("uts"), SPEC_SINGLE,
		  SPEC_NETWORK_AS_ASKED, "network of another container" },
		{ NS("network") NS_AT("pid", "/proc/7/ns/pid") NS("ipc") NS("uts"), SPEC_SINGLE,
		  SPEC_NETWORK_AS_ASKED, "processes of another container" },
		{ NS("network") NS("pid") NS_AT("ipc", "/proc/7/ns/ipc") NS("uts"), SPEC_SINGLE,
		  SPEC_NETWORK_AS_ASKED, "IPC of another container" },
		/* Of a pod's, the sandbox says whether they are its own. */
		{ NS_AT("network", "/proc/7/ns/net") NS_AT("pid", "/proc/7/ns/pid")
			  NS_AT("ipc", "/proc/7/ns/ipc") NS_AT("uts", "/proc/7/ns/uts"),
		  SPEC_MEMBER, SPEC_NETWORK_AS_ASKED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text =
			xasprintf("{" MINIMAL ",\"linux\":{\"namespaces\":[%s" NS_REST "]}}",
				  cases[i].namespaces);
		_message_ Oci__Spec *spec = parse(text);
		struct error e;
		int r = spec_check_namespaces(spec, cases[i].type, cases[i].configured, &e);

		assert_int_equal(r, cases[i].why ? -ENOTSUP : 0);
		if (cases[i].why && !strstr(e.msg, cases[i].why))
			fail_msg("'%s' does not say '%s'", e.msg, cases[i].why);
	}
}

static void test_constrain_drops_what_only_the_host_has(void **state)
{
	_message_ Oci__Spec *spec = parse(
		SPEC("\"resources\":{\"pids\":{\"limit\":9},\"devices\":"
		     "[{\"allow\":true}],\"cpu\":{\"cpus\":\"0-3\",\"mems\":\"0\",\"shares\":512},"
		     "\"memory\":{\"limit\":4096}},\"cgroupsPath\":\"a.slice:cri:x\","
		     "\"mountLabel\":\"l\",\"seccomp\":{\"defaultAction\":"
		     "\"SCMP_ACT_ERRNO\"}",
		     ",\"hooks\":{\"prestart\":[{\"path\":\"/x\"}]}"));
	Oci__LinuxResources *r = spec->linux->resources;

	(void)state;
	spec_constrain(spec, SPEC_SECCOMP_DROP);
	assert_null(spec->hooks);
	assert_int_equal(r->pids->limit, 9);
	assert_int_equal(r->n_devices, 1);
	assert_string_equal(r->cpu->cpus, "");
	assert_int_equal(r->cpu->shares, 512);
	assert_int_equal(r->memory->limit, 4096);
	assert_string_equal(spec->linux->cgroupspath, "/a.slice/cri/x");
	assert_string_equal(spec->linux->mountlabel, "");
	assert_null(spec->linux->seccomp);
}

#define DENY_ALL "{\"allow\":false,\"access\":\"rwm\"}"

#define RULE(allow, text) "{\"allow\":" allow "," text "\"access\":\"rwm\"}"

/* RULES as "+c 10:229 " and so on; a number that means every one is "*". */
static void assert_rules(const Oci__LinuxResources *r, const char *rules)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < r->n_devices; i++) {
		const Oci__LinuxDeviceCgroup *d = r->devices[i];

		fprintf(f, "%c%s %jd:%jd ", d->allow ? '+' : '-', d->type[0] ? d->type : "a",
			(intmax_t)d->major, (intmax_t)d->minor);
	}
	(void)fclose(f);
	assert_string_equal(text, rules);
	free(text);
}

static void test_rules_that_mean_the_same_in_a_guest_arrive(void **state)
{
	static const struct {
		const char *rules;
		const char *arrive;
	} cases[] = {
		{ RULE("false", ""), "-a -1:-1 " },
		{ RULE("false", "") "," RULE("true", "\"type\":\"a\","), "-a -1:-1 +a -1:-1 " },
		{ RULE("true", "\"type\":\"c\","), "+c -1:-1 " },
		{ RULE("true", "\"type\":\"c\",\"major\":10,\"minor\":229,"), "+c 10:229 " },
		{ RULE("true", "\"type\":\"c\",\"major\":10,"), "+c 10:-1 " },
		{ RULE("true", "\"type\":\"c\",\"major\":5,\"minor\":0,"), "+c 5:0 " },
		{ RULE("true", "\"type\":\"b\",\"major\":7,\"minor\":-1,"), "+b 7:-1 " },
		{ RULE("true", "\"type\":\"c\",\"major\":241,\"minor\":0,"), "" },
		{ RULE("true", "\"type\":\"c\",\"major\":10,\"minor\":259,"), "" },
		{ RULE("true", "\"type\":\"b\",\"major\":8,\"minor\":0,"), "" },
		{ RULE("true", "\"type\":\"c\",\"major\":0,\"minor\":7,"), "+c 0:7 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text =
			xasprintf("{" MINIMAL ",\"linux\":{\"resources\":{\"devices\":[%s]}}}",
				  cases[i].rules);
		_message_ Oci__Spec *spec = parse(text);

		spec_constrain(spec, SPEC_SECCOMP_KEEP);
		assert_rules(spec->linux->resources, cases[i].arrive);
	}
}

#define FEW_CAPABILITIES                                                                        \
	"{\"process\":{\"args\":[\"x\"],\"capabilities\":{\"bounding\":[\"CAP_MKNOD\","         \
	"\"CAP_SYS_ADMIN\"]}},\"root\":{\"path\":\"r\"},\"mounts\":[{\"destination\":\"/sys\"," \
	"\"type\":\"sysfs\",\"options\":[\"rw\"]}],\"linux\":{\"resources\":{\"devices\":"      \
	"[" DENY_ALL "]}}}"
#define PRIVILEGED(sys, paths)                                                               \
	"{\"process\":{\"args\":[\"x\"],\"capabilities\":{\"bounding\":[\"CAP_SYS_ADMIN\","  \
	"\"CAP_SYS_RAWIO\",\"CAP_SYS_MODULE\",\"CAP_MKNOD\"]}},\"root\":{\"path\":\"r\"},"   \
	"\"mounts\":[{\"destination\":\"/sys\",\"type\":\"sysfs\",\"options\":[\"" sys       \
	"\"]}],\"linux\":{\"maskedPaths\":[" paths "],\"resources\":{\"devices\":[" DENY_ALL \
	"]}}}"

static void test_privileged_may_use_every_device_of_the_guest(void **state)
{
	static const struct {
		const char *text;
		const char *rules;
	} cases[] = {
		{ PRIVILEGED("rw", ""), "-a -1:-1 +a -1:-1 " },
		{ PRIVILEGED("ro", ""), "-a -1:-1 " },
		{ PRIVILEGED("rw", "\"/proc/kcore\""), "-a -1:-1 " },
		{ FEW_CAPABILITIES, "-a -1:-1 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = parse(cases[i].text);

		spec_constrain(spec, SPEC_SECCOMP_KEEP);
		assert_rules(spec->linux->resources, cases[i].rules);
	}
}

static void test_what_a_guest_cannot_do_is_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: it can */
	} cases[] = {
		{ "\"seccomp\":{\"listenerPath\":\"/run/x\"}", "seccomp.listenerPath" },
		{ "\"intelRdt\":{\"closID\":\"a\"}", "intelRdt" },
		{ "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}", "memoryPolicy" },
		{ "\"netDevices\":{\"eth1\":{}}", "netDevices" },
		{ "\"namespaces\":[{\"type\":\"time\",\"path\":\"/proc/1/ns/time\"}]",
		  "time namespace of the host" },
		{ "\"namespaces\":[{\"type\":\"time\"}]", NULL },
		{ "\"resources\":{\"network\":{\"classID\":7}}", "resources.network.classID" },
		{ "\"resources\":{\"cpu\":{\"realtimeRuntime\":7}}", "realtimeRuntime" },
		{ "\"resources\":{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8}]}}",
		  "blockIO limits of single disks" },
		{ "\"resources\":{\"blockIO\":{\"leafWeight\":7}}", "leafWeight" },
		{ "\"resources\":{\"blockIO\":{\"weight\":70},\"pids\":{\"limit\":7}}", NULL },
		{ "\"resources\":{\"network\":{}},\"seccomp\":{}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("{" MINIMAL ",\"linux\":{%s}}", cases[i].text);
		_message_ Oci__Spec *spec = parse(text);
		struct error e = { 0 };

		assert_int_equal(spec_check_fields(spec, &e), cases[i].name ? -ENOTSUP : 0);
		if (cases[i].name && !strstr(e.msg, cases[i].name))
			fail_msg("'%s' gave '%s'", cases[i].text, e.msg);
	}
}

static void test_owners_are_mapped_where_the_host_has_the_files(void **state)
{
	static const struct {
		const char *mount;
		int wanted;
		enum mount_idmap idmap;
	} cases[] = {
		{ "\"type\":\"bind\",\"source\":\"/x\",\"uidMappings\":[{}],\"gidMappings\":[{}]",
		  0, MOUNT_IDMAP_ONE },
		{ "\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"ro\",\"ridmap\"]", 0,
		  MOUNT_IDMAP_TREE },
		{ "\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"ro\"]", 0, MOUNT_IDMAP_NONE },
		{ "\"type\":\"tmpfs\",\"uidMappings\":[{}]", -ENOTSUP, MOUNT_IDMAP_ONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("{" MINIMAL
					      ",\"linux\":{\"uidMappings\":[{}]},"
					      "\"mounts\":[{\"destination\":\"/v\",%s}]}",
					      cases[i].mount);
		_message_ Oci__Spec *spec = parse(text);
		Oci__Mount *m = spec->mounts[0];
		struct idmap map;
		struct error e;

		assert_int_equal(spec_check_fields(spec, &e), cases[i].wanted);
		assert_int_equal(spec_mount_idmap(spec, m, &map), cases[i].idmap);
		assert_int_equal(map.n_users, cases[i].idmap == MOUNT_IDMAP_NONE ? 0 : 1);
		spec_mount_forget_idmap(m);
		assert_int_equal(spec_mount_idmap(spec, m, &map), MOUNT_IDMAP_NONE);
	}
}

static void test_fields_of_later_specifications_are_kept(void **state)
{
	static const char text[] =
		"{\"process\":{\"args\":[\"x\"],\"user\":{\"umask\":0},\"scheduler\":{\"policy\":"
		"\"SCHED_BATCH\",\"nice\":-5},\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\","
		"\"priority\":6},\"execCPUAffinity\":{\"final\":\"0\"}},\"root\":{\"path\":\"r\"},"
		"\"domainname\":\"d\",\"linux\":{\"personality\":{\"domain\":\"LINUX32\"},"
		"\"timeOffsets\":{\"boottime\":{\"secs\":-7}},\"seccomp\":{\"defaultErrnoRet\":0},"
		"\"resources\":{\"unified\":{\"memory.high\":\"9\"},\"cpu\":{\"idle\":1,\"burst\":"
		"5},"
		"\"rdma\":{\"mlx\":{\"hcaObjects\":0}},\"memory\":{\"checkBeforeUpdate\":true}}}}";
	_message_ Oci__Spec *spec = parse(text);
	const Oci__Process *p = spec->process;
	const Oci__LinuxResources *r = spec->linux->resources;

	(void)state;
	spec_constrain(spec, SPEC_SECCOMP_KEEP);
	assert_int_equal(p->user->has_umask_case, OCI__USER__HAS_UMASK_UMASK);
	assert_int_equal(p->scheduler->nice, -5);
	assert_string_equal(p->iopriority->class_, "IOPRIO_CLASS_BE");
	assert_string_equal(p->execcpuaffinity->final, "0");
	assert_string_equal(spec->domainname, "d");
	assert_string_equal(spec->linux->personality->domain, "LINUX32");
	assert_int_equal(spec->linux->timeoffsets[0]->value->secs, -7);
	assert_true(spec->linux->seccomp->has_default_case &&
		    !spec->linux->seccomp->defaulterrnoret);
	assert_string_equal(r->unified[0]->value, "9");
	assert_true(r->cpu->has_idle_case && r->cpu->burst == 5 && r->memory->checkbeforeupdate);
	assert_true(r->rdma[0]->value->has_objects_case && !r->rdma[0]->value->has_handles_case);
}

static void test_seccomp_is_kept_when_asked(void **state)
{
	_message_ Oci__Spec *spec =
		parse(SPEC("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"}", ""));

	(void)state;
	spec_constrain(spec, SPEC_SECCOMP_KEEP);
	assert_non_null(spec->linux->seccomp);
}

static void test_mounts_shared_are_binds_of_host_files(void **state)
{
	static const struct {
		const char *mount;
		bool is_shared;
		bool is_read_only;
	} cases[] = {
		{ "\"type\":\"proc\",\"source\":\"proc\",\"destination\":\"/proc\"", false, false },
		{ "\"type\":\"tmpfs\",\"source\":\"shm\",\"destination\":\"/dev/shm\"", false,
		  false },
		{ "\"type\":\"bind\",\"source\":\"/run/shm\",\"destination\":\"/dev/shm\"", true,
		  false },
		{ "\"type\":\"bind\",\"source\":\"/srv\",\"destination\":\"/"
		  "a\",\"options\":[\"ro\"]",
		  true, true },
		{ "\"source\":\"/srv\",\"destination\":\"/a\",\"options\":[\"rbind\",\"rw\"]", true,
		  false },
		{ "\"type\":\"bind\",\"source\":\"/sys/fs/x\",\"destination\":\"/a\"", false,
		  false },
		{ "\"type\":\"bind\",\"source\":\"/system\",\"destination\":\"/a\"", true, false },
		{ "\"type\":\"bind\",\"source\":\"/dev/null\",\"destination\":\"/a\"", false,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text =
			xasprintf("{" MINIMAL ",\"linux\":{},\"mounts\":[{%s}]}", cases[i].mount);
		_message_ Oci__Spec *spec = parse(text);

		if (spec_mount_is_shared(spec->mounts[0]) != cases[i].is_shared ||
		    spec_mount_is_read_only(spec->mounts[0]) != cases[i].is_read_only)
			fail_msg("wrong for %s", cases[i].mount);
	}
}

static void test_places_of_mounts_are_tidied(void **state)
{
	static const char text[] =
		"{" MINIMAL
		",\"linux\":{},\"mounts\":["
		"{\"type\":\"bind\",\"source\":\"//proc/./\",\"destination\":\"/dev//shm/\"},"
		"{\"type\":\"tmpfs\",\"source\":\"a//b\",\"destination\":\"/../x\"}]}";
	_message_ Oci__Spec *spec = parse(text);

	(void)state;
	assert_string_equal(spec->mounts[0]->source, "/proc");
	assert_string_equal(spec->mounts[0]->destination, "/dev/shm");
	assert_false(spec_mount_is_shared(spec->mounts[0]));
	/* A name of a file system is no path, and what ".." leads to is not known here. */
	assert_string_equal(spec->mounts[1]->source, "a//b");
	assert_string_equal(spec->mounts[1]->destination, "/../x");
}

static void test_mounts_follow_the_host_only_when_asked(void **state)
{
	static const struct {
		const char *options;
		bool follows;
	} cases[] = {
		{ "", false },
		{ "\"rbind\",\"rprivate\",\"ro\"", false },
		{ "\"rbind\",\"rslave\"", true },
		{ "\"rshared\",\"rw\"", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("{" MINIMAL
					      ",\"linux\":{},\"mounts\":[{\"source\":"
					      "\"/srv\",\"destination\":\"/a\",\"options\":[%s]}]}",
					      cases[i].options);
		_message_ Oci__Spec *spec = parse(text);

		assert_int_equal(spec_mount_follows(spec->mounts[0]), cases[i].follows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_of_broken_texts_says_what_is_wrong),
		cmocka_unit_test(test_type_follows_the_annotations),
		cmocka_unit_test(test_namespaces_of_the_host_are_left_out),
		cmocka_unit_test(test_namespace_without_path_is_one_of_its_own),
		cmocka_unit_test(test_namespaces_of_others_are_refused_with_the_reason),
		cmocka_unit_test(test_constrain_drops_what_only_the_host_has),
		cmocka_unit_test(test_rules_that_mean_the_same_in_a_guest_arrive),
		cmocka_unit_test(test_privileged_may_use_every_device_of_the_guest),
		cmocka_unit_test(test_what_a_guest_cannot_do_is_refused_by_name),
		cmocka_unit_test(test_owners_are_mapped_where_the_host_has_the_files),
		cmocka_unit_test(test_fields_of_later_specifications_are_kept),
		cmocka_unit_test(test_seccomp_is_kept_when_asked),
		cmocka_unit_test(test_mounts_shared_are_binds_of_host_files),
		cmocka_unit_test(test_places_of_mounts_are_tidied),
		cmocka_unit_test(test_mounts_follow_the_host_only_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
