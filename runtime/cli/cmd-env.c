/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-env - what this installation and this host are, as TOML or JSON.
 *
 * The tables and members are those of upstream's format 1.0.27, so that tools which read it go on;
 * behind them comes every configuration key with its value, written from the table of keys.  All is
 * collected as JSON first and written as TOML by rule.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/kvm.h"
#include "lib/proc.h"
#include "lib/toml.h"
#include "runtime/cli/cli.h"
#include "runtime/config/fields.h"
#include "runtime/vmm/vmm.h"

#define FORMAT_VERSION "1.0.27"
#define OCI_VERSION    "1.1.0"
#define TEXT_MAX       (4 * MIB)
#define RUN_MS         5000

/* The first line of what PROGRAM --version says, or "unknown". */
static char *program_version(const char *program)
{
	char *argv[] = { xstrdup(program), xstrdup("--version"), NULL };
	const struct proc_spec spec = { .argv = argv };
	_free_ char *output = NULL;
	struct error ignored;
	int status = -1;

	if (proc_run(&spec, deadline_in(RUN_MS), NULL, 4096, &status, &output, &ignored) >= 0)
		output[strcspn(output, "\n")] = '\0';
	free(argv[0]);
	free(argv[1]);
	return xstrdup(status == 0 && output ? output : "unknown");
}

/* What stands behind NAME and SEPARATOR in the first such line of TEXT, without quotes. */
static char *value_in(const char *text, const char *name, char separator)
{
	size_t n = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, n) && strchr(" \t=:", line[n]) && line[n]) {
			const char *value = strchr(line, separator);
			_free_ char *copy = NULL;

			if (!value)
				continue;
			copy = xstrndup(value + 1, strcspn(value + 1, "\n"));
			return xstrdup(str_trim(copy));
		}
	}
	return xstrdup("unknown");
}

static char *read_value(const char *path, const char *name, char separator)
{
	_free_ char *text = NULL;
	_free_ char *value = NULL;
	struct error ignored;
	size_t n;

	if (file_read(path, TEXT_MAX, &text, NULL, &ignored) < 0)
		return xstrdup("unknown");
	value = value_in(text, name, separator);
	n = strlen(value);
	if (n >= 2 && value[0] == '"' && value[n - 1] == '"')
		return xstrndup(value + 1, n - 2);
	return TAKE_PTR(value);
}

static void set_taken(struct json_object *object, const char *member, char *own_value)
{
	json_set_str(object, member, own_value);
	free(own_value);
}

static void put_assets(struct json_object *root, const struct config *c)
{
	struct json_object *kernel = json_set_object(root, "Kernel");

	json_set_str(kernel, "Path", c->hypervisor.kernel);
	json_set_str(kernel, "Parameters", c->hypervisor.kernel_params);
	json_set_str(json_set_object(root, "Meta"), "Version", FORMAT_VERSION);
	json_set_str(json_set_object(root, "Image"), "Path", c->hypervisor.image);
	json_set_str(json_set_object(root, "Initrd"), "Path", c->hypervisor.initrd);
}

static void put_hypervisor(struct json_object *root, const struct config *c)
{
	const struct config_hypervisor *h = &c->hypervisor;
	struct json_object *o = json_set_object(root, "Hypervisor");
	struct json_object *security;

	json_set_str(o, "MachineType", h->machine_type);
	set_taken(o, "Version", program_version(h->path));
	json_set_str(o, "Path", h->path);
	json_set_str(o, "EntropySource", h->entropy_source);
	json_set_str(o, "SharedFS", h->shared_fs);
	json_set_str(o, "VirtioFSDaemon", h->virtio_fs_daemon);
	json_set_int(o, "MemorySlots", (int64_t)h->memory_slots);
	json_set_int(o, "PCIeRootPort", (int64_t)h->pcie_root_port);
	json_set_bool(o, "Debug", h->enable_debug);
	security = json_set_object(o, "SecurityInfo");
	json_set_bool(security, "Rootless", false);
	json_set_bool(security, "DisableSeccomp", !*h->seccompsandbox);
	(void)json_set_array(security, "EnableAnnotations");
	json_set_strv(security, "EnableAnnotations", h->enable_annotations);
	json_set_bool(security, "ConfidentialGuest", false);
}

static void put_semver(struct json_object *runtime)
{
	struct json_object *version = json_set_object(runtime, "Version");
	struct json_object *own;
	_strv_ strv parts = strv_split(KATA_VERSION, ".-");

	json_set_str(version, "OCI", OCI_VERSION);
	own = json_set_object(version, "Version");
	json_set_str(own, "Semver", KATA_VERSION);
	json_set_str(own, "Commit", "");
	json_set_str(own, "Major", strv_len(parts) > 0 ? parts[0] : "0");
	json_set_str(own, "Minor", strv_len(parts) > 1 ? parts[1] : "0");
	json_set_str(own, "Patch", strv_len(parts) > 2 ? parts[2] : "0");
}

static void put_runtime(struct json_object *root, const struct cli *cli, const struct config *c)
{
	struct json_object *o = json_set_object(root, "Runtime");

	json_set_str(json_set_object(o, "Config"), "Path", c->path);
	set_taken(o, "Path", path_join(cli->version_dir, "bin/kata-runtime"));
	put_semver(o);
	json_set_bool(o, "Debug", c->runtime.enable_debug);
	json_set_bool(o, "Trace", false);
	json_set_bool(o, "DisableGuestSeccomp", c->runtime.disable_guest_seccomp);
	json_set_bool(o, "DisableNewNetNs", false);
	json_set_bool(o, "SandboxCgroupOnly", c->runtime.sandbox_cgroup_only);
}

static void put_processor(struct json_object *host)
{
	struct json_object *cpu = json_set_object(host, "CPU");

	set_taken(cpu, "Vendor", read_value("/proc/cpuinfo", "vendor_id", ':'));
	set_taken(cpu, "Model", read_value("/proc/cpuinfo", "model name", ':'));
	json_set_int(cpu, "CPUs", get_nprocs());
}

static void put_memory(struct json_object *host)
{
	struct json_object *memory = json_set_object(host, "Memory");

	set_taken(memory, "Total", read_value("/proc/meminfo", "MemTotal", ':'));
	set_taken(memory, "Free", read_value("/proc/meminfo", "MemFree", ':'));
	set_taken(memory, "Available", read_value("/proc/meminfo", "MemAvailable", ':'));
}

static void put_host(struct json_object *root)
{
	struct json_object *o = json_set_object(root, "Host");
	struct json_object *distro;
	struct utsname name;
	struct error ignored;

	(void)uname(&name);
	json_set_str(o, "Kernel", name.release);
	json_set_str(o, "Architecture", name.machine);
	distro = json_set_object(o, "Distro");
	set_taken(distro, "Name", read_value("/etc/os-release", "NAME", '='));
	set_taken(distro, "Version", read_value("/etc/os-release", "VERSION_ID", '='));
	put_processor(o);
	put_memory(o);
	json_set_bool(o, "VMContainerCapable", kvm_works(&ignored));
	json_set_bool(o, "SupportVSocks", vsock_has_vhost());
}

static void put_agent(struct json_object *root, const struct config *c)
{
	struct json_object *o = json_set_object(root, "Agent");

	json_set_bool(o, "Debug", c->agent.enable_debug);
	json_set_bool(o, "Trace", false);
}

/* The table of a section, "hypervisor.qemu" inside "hypervisor". */
static struct json_object *section_of(struct json_object *root, const char *section)
{
	_strv_ strv parts = strv_split(section, ".");
	struct json_object *o = root;

	for (size_t i = 0; i < strv_len(parts); i++) {
		struct json_object *next = json_at(o, parts[i]);

		o = next ? next : json_set_object(o, parts[i]);
	}
	return o;
}

/* A value in TOML, of the types that the table has and in ASCII, is one in JSON too. */
static void put_keys(struct json_object *root, const struct config *c)
{
	struct json_object *all = json_set_object(root, "Configuration");
	struct error ignored;

	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *section = field_section(&fields[i], c->vmm);
		_free_ char *text = field_text(&fields[i], c);
		struct json_object *value = NULL;

		if (!field_is_of(&fields[i], c->vmm) ||
		    json_parse(text, strlen(text), fields[i].key, &value, &ignored) < 0)
			continue;
		(void)json_object_object_add(section_of(all, section), fields[i].key, value);
	}
}

static void print_value(struct json_object *value)
{
	_free_ char *quoted = NULL;

	if (json_object_is_type(value, json_type_string)) {
		quoted = toml_quote(json_object_get_string(value));
		fputs(quoted, stdout);
	} else if (json_object_is_type(value, json_type_array)) {
		fputc('[', stdout);
		for (size_t i = 0; i < json_len(value); i++) {
			fputs(i ? ", " : "", stdout);
			print_value(json_item(value, i));
		}
		fputc(']', stdout);
	} else {
		fputs(json_object_get_string(value), stdout);
	}
}

/* The values of TABLE under its header; a table of tables alone needs none. */
static void print_values(struct json_object *table, const char *name)
{
	bool has_header = false;

	json_object_object_foreach(table, key, value)
	{
		if (json_object_is_type(value, json_type_object))
			continue;
		if (!has_header)
			printf("[%s]\n", name);
		has_header = true;
		printf("%s = ", key);
		print_value(value);
		putchar('\n');
	}
	if (has_header)
		putchar('\n');
}

/* Values first, then tables: in TOML a table goes on until the next one. */
static void print_table(struct json_object *table, const char *name)
{
	print_values(table, name);
	json_object_object_foreach(table, key, sub)
	{
		_free_ char *path = NULL;

		if (!json_object_is_type(sub, json_type_object))
			continue;
		path = *name ? xasprintf("%s.%s", name, key) : xstrdup(key);
		print_table(sub, path);
	}
}

static int parse_options(int argc, char **argv, bool *ret_json, struct error *e)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == '?')
			return fail(e, EINVAL, "see 'kata-runtime help'");
		*ret_json = true;
	}
	return optind == argc ? 0 : fail(e, EINVAL, "takes no arguments");
}

int cmd_env(const struct cli *cli, int argc, char **argv, struct error *e)
{
	_json_ struct json_object *root = json_object_new_object();
	_config_ struct config c = { 0 };
	bool as_json = false;
	int r;

	r = parse_options(argc, argv, &as_json, e);
	if (r < 0)
		return r;
	r = cli_load_config(cli, &c, e);
	if (r < 0)
		return r;
	put_assets(root, &c);
	put_hypervisor(root, &c);
	put_runtime(root, cli, &c);
	put_host(root);
	put_agent(root, &c);
	put_keys(root, &c);
	if (as_json)
		puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		print_table(root, "");
	return 0;
}
