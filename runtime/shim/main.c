/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-shim-kata-v2 - the process between containerd and one pod's virtual machine.
 *
 * One program, three lives: `start` makes the pod's shim and prints its address, `delete` cleans
 * up after it, and without an action it is that shim.  containerd reads standard output and error
 * of `start` together, so nothing but the address may appear there unless it fails; log lines go to
 * the bundle's fifo.
 *
 * `features` says what every OCI runtime says of itself, which is what CRI-O asks it.
 *
 * The flags are those of Go's flag package, with one dash or two.  -config is ours: the first line
 * of a handler's launcher ("#!/.../containerd-shim-kata-v2 -config=FILE") says which configuration
 * its sandboxes have, where the engine cannot tell; the kernel puts the launcher's own path behind
 * it.
 */

#include <stdio.h>
#include <string.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/containerd.pb-c.h"
#include "runtime/sandbox/layers.h"
#include "runtime/shim/actions.h"

#define USAGE                                                                                     \
	"usage: containerd-shim-kata-v2 -namespace NAME -address SOCKET -publish-binary PROGRAM " \
	"-id ID [-bundle DIR] [-debug] [start|delete]\n"                                          \
	"       containerd-shim-kata-v2 -info | -v | features\n"                                  \
	"containerd runs this program; it is of no use by hand.\n"

enum flag_kind { FLAG_TEXT, FLAG_SWITCH };

static const struct {
	const char *name;
	enum flag_kind kind;
	size_t offset;
} flags[] = {
	{ "namespace", FLAG_TEXT, offsetof(struct arguments, namespace_) },
	{ "address", FLAG_TEXT, offsetof(struct arguments, address) },
	{ "publish-binary", FLAG_TEXT, offsetof(struct arguments, publish_binary) },
	{ "id", FLAG_TEXT, offsetof(struct arguments, id) },
	{ "bundle", FLAG_TEXT, offsetof(struct arguments, bundle) },
	{ "socket", FLAG_TEXT, offsetof(struct arguments, socket) },
	{ "config", FLAG_TEXT, offsetof(struct arguments, config) },
	{ "debug", FLAG_SWITCH, offsetof(struct arguments, debug) },
	{ "info", FLAG_SWITCH, offsetof(struct arguments, info) },
	{ "version", FLAG_SWITCH, offsetof(struct arguments, version) },
	{ "v", FLAG_SWITCH, offsetof(struct arguments, version) },
	{ "help", FLAG_SWITCH, offsetof(struct arguments, help) },
	{ "h", FLAG_SWITCH, offsetof(struct arguments, help) },
};

static int set_flag(struct arguments *a, size_t flag, const char *value, struct error *e)
{
	void *at = (char *)a + flags[flag].offset;
	bool on = true;

	if (flags[flag].kind == FLAG_TEXT) {
		memcpy(at, &value, sizeof(value));
		return 0;
	}
	if (value && parse_bool(value, flags[flag].name, &on, e) < 0)
		return -e->code;
	memcpy(at, &on, sizeof(on));
	return 0;
}

/* Takes the flag at ARGV[0], perhaps with ARGV[1]; returns how many words that were. */
static int take_flag(struct arguments *a, char **argv, struct error *e)
{
	const char *name = argv[0] + (str_starts(argv[0], "--") ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const char *value = equals ? equals + 1 : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		bool next = flags[i].kind == FLAG_TEXT && !value;
		int r;

		if (strlen(flags[i].name) != len || strncmp(flags[i].name, name, len) != 0)
			continue;
		if (next && !argv[1])
			return fail(e, EINVAL, "the flag '%s' needs a value", argv[0]);
		r = set_flag(a, i, next ? argv[1] : value, e);
		return r < 0 ? r : (next ? 2 : 1);
	}
	return fail(e, EINVAL, "there is no flag '%s'", argv[0]);
}

static int parse_arguments(struct arguments *a, char **argv, struct error *e)
{
	while (*argv && (*argv)[0] == '-' && (*argv)[1]) {
		bool had_config = a->config;
		int n = take_flag(a, argv, e);

		if (n > 0 && !had_config && a->config && argv[n] && argv[n][0] == '/')
			n++;
		if (n < 0)
			return n;
		argv += n;
	}
	if (*argv)
		a->action = *argv;
	return 0;
}

static int print_version(void)
{
	(void)printf("containerd-shim-kata-v2 version %s (compatible with Kata Containers %s)\n",
		     KATA_VERSION, KATA_COMPATIBLE);
	return 0;
}

/* The features of the OCI runtime specification, as containerd 2 asks for them: without users and
 * maps of mounts a kubelet runs no pod with hostUsers: false, without rro none with a volume whose
 * recursiveReadOnly is Enabled. */
static const char features_type[] =
	"types.containerd.io/opencontainers/runtime-spec/1/features/Features";
static const char features[] =
	"{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.2.1\","
	"\"hooks\":[\"prestart\",\"createRuntime\",\"poststart\",\"poststop\"],"
	"\"mountOptions\":[\"async\",\"atime\",\"bind\",\"defaults\",\"dev\",\"diratime\","
	"\"dirsync\","
	"\"exec\",\"idmap\",\"lazytime\",\"noatime\",\"nodev\",\"nodiratime\",\"noexec\","
	"\"nolazytime\","
	"\"norelatime\",\"nostrictatime\",\"nosuid\",\"nosymfollow\",\"private\",\"rbind\","
	"\"relatime\",\"rexec\",\"ridmap\",\"rnodev\",\"rnoexec\",\"rnosuid\",\"ro\",\"rprivate\","
	"\"rro\",\"rrw\",\"rshared\",\"rslave\",\"runbindable\",\"rw\",\"shared\",\"slave\","
	"\"strictatime\",\"suid\",\"symfollow\",\"sync\",\"tmpcopyup\",\"unbindable\"],"
	"\"linux\":{\"namespaces\":[\"cgroup\",\"ipc\",\"mount\",\"network\",\"pid\",\"time\","
	"\"user\",\"uts\"],"
	"\"cgroup\":{\"v1\":false,\"v2\":true,\"systemd\":false,\"systemdUser\":false},"
	"\"seccomp\":{\"enabled\":true},\"apparmor\":{\"enabled\":false},"
	"\"selinux\":{\"enabled\":false},\"intelRdt\":{\"enabled\":false},"
	"\"mountExtensions\":{\"idmap\":{\"enabled\":true}}}}";

/* What containerd 2.2 and later shall leave to us of a root file system: its layers. */
#define ALLOWED_MOUNTS_KEY "containerd.io/runtime-allow-mounts"

static int print_info(void)
{
	Containerd__RuntimeInfo info = CONTAINERD__RUNTIME_INFO__INIT;
	Containerd__RuntimeInfo__AnnotationsEntry allowed =
		CONTAINERD__RUNTIME_INFO__ANNOTATIONS_ENTRY__INIT;
	Containerd__RuntimeInfo__AnnotationsEntry *annotations[] = { &allowed };
	Containerd__RuntimeVersion version = CONTAINERD__RUNTIME_VERSION__INIT;
	Pb__Any any = PB__ANY__INIT;
	_free_ uint8_t *bytes = NULL;
	size_t len;

	version.version = (char[]){ KATA_VERSION };
	info.name = (char[]){ "io.containerd.kata.v2" };
	info.version = &version;
	any.type_url = (char *)(uintptr_t)features_type;
	any.value = (ProtobufCBinaryData){ sizeof(features) - 1, (uint8_t *)(uintptr_t)features };
	info.features = &any;
	allowed.key = (char[]){ ALLOWED_MOUNTS_KEY };
	allowed.value = (char[]){ LAYERS_ALLOWED };
	info.annotations = annotations;
	info.n_annotations = ARRAY_SIZE(annotations);
	len = message_pack(&info, &bytes);
	return fwrite(bytes, 1, len, stdout) == len ? 0 : 1;
}

static int print_features(void)
{
	return puts(features) < 0;
}

static const struct {
	const char *name;
	int (*run)(const struct arguments *a, struct error *e);
} actions[] = {
	{ "start", action_start },
	{ "delete", action_delete },
	{ "", action_serve },
};

static int run(const struct arguments *a, struct error *e)
{
	int r = check_id(a->id ? a->id : "", "-id", ID_LENGTH_MAX, e);

	if (r < 0)
		return r;
	if (str_empty(a->namespace_))
		return fail(e, EINVAL, "the flag '-namespace' is missing");
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (strcmp(actions[i].name, a->action) == 0)
			return actions[i].run(a, e);
	return fail(e, EINVAL, "there is no action '%s'", a->action);
}

int main(int argc, char **argv)
{
	struct arguments a = { .action = "" };
	struct error e;

	if (argc < 2) {
		(void)fputs(USAGE, stderr);
		return 2;
	}
	if (parse_arguments(&a, argv + 1, &e) < 0) {
		(void)fprintf(stderr, "containerd-shim-kata-v2: %s\n%s", e.msg, USAGE);
		return 2;
	}
	if (a.help)
		return fputs(USAGE, stdout) < 0;
	if (a.version)
		return print_version();
	if (a.info)
		return print_info();
	if (strcmp(a.action, "features") == 0)
		return print_features();
	if (run(&a, &e) < 0) {
		(void)fprintf(stderr, "containerd-shim-kata-v2: %s\n", e.msg);
		return 1;
	}
	return 0;
}
