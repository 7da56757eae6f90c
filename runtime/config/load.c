/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - find configuration.toml, read it and its drop-ins, and complete the result.
 *
 * A file sets the keys that it contains and leaves the others; a list is replaced as a whole.  Only
 * files that nobody but root can write are read, and an explicit path must lie where installations
 * put configuration: a path may come from a container engine's request.  At most 128 drop-ins of
 * 1 MiB each.  Any thread.
 */

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/trust.h"

#define ETC_DIR      "/etc/kata-containers"
#define MAIN_FILE    "configuration.toml"
#define VERSION_PART "share/defaults/kata-containers"
#define FILE_MAX     MIB
#define DROP_INS_MAX 128

int config_resolve_version(char **ret_dir, struct error *e)
{
	_free_ char *exe = realpath("/proc/self/exe", NULL);
	_free_ char *bin = NULL;

	if (!exe)
		return fail(e, errno, "cannot find this program's file: %m");
	bin = path_parent(exe);
	*ret_dir = path_parent(bin);
	return 0;
}

static void set_defaults(struct config *c, bool (*is_meant)(const struct field *row))
{
	struct error e;

	for (size_t i = 0; i < n_fields; i++)
		if (is_meant(&fields[i]) &&
		    field_set_text(&fields[i], c, field_fallback(&fields[i], c->vmm), &e) < 0)
			abort(); /* the table contradicts itself */
}

static bool is_any(const struct field *row)
{
	(void)row;
	return true;
}

static bool is_of_hypervisors(const struct field *row)
{
	return row->vmms != 0;
}

void config_init(struct config *c, const char *version_dir)
{
	memset(c, 0, sizeof(*c));
	c->vmm = &config_vmms[0];
	c->hypervisor.name = c->vmm->name;
	sha256_init(&c->sum);
	str_set(&c->version_dir, version_dir);
	str_set(&c->source, "");
	set_defaults(c, is_any);
}

void config_use_vmm(struct config *c, const struct config_vmm *vmm)
{
	c->vmm = vmm;
	c->hypervisor.name = vmm->name;
	set_defaults(c, is_of_hypervisors);
}

void config_done(struct config *c)
{
	for (size_t i = 0; i < n_fields; i++)
		field_clear(&fields[i], c);
	str_set(&c->path, NULL);
	str_set(&c->version_dir, NULL);
	str_set(&c->source, NULL);
	strv_free(TAKE_PTR(c->files));
	strv_free(TAKE_PTR(c->values));
	strv_free(TAKE_PTR(c->warnings));
}

/* One line of sha256sum(1): with the name, files cannot change places unnoticed. */
static void sum_file(struct config *c, const char *path, const char *text, size_t len)
{
	char digest[SHA256_HEX + 1];
	_free_ char *line = NULL;

	sha256_bytes(text, len, digest);
	line = xasprintf("%s  %s\n", digest, path);
	sha256_add(&c->sum, line, strlen(line));
}

static int read_file(struct config *c, const char *path, struct error *e)
{
	_free_ char *text = NULL;
	_close_ int fd = -1;
	size_t len = 0;
	int r;

	fd = trust_open(path, e);
	if (fd < 0)
		return fd;
	r = file_read_fd(fd, path, FILE_MAX, &text, &len, e);
	if (r < 0)
		return r;
	strv_add(&c->files, path);
	sum_file(c, path, text, len);
	return config_read_text(c, text, len, path, e);
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int read_names(struct config *c, const char *dir, struct dirent **names, int n,
		      struct error *e)
{
	int r = 0;

	if (n > DROP_INS_MAX)
		return fail(e, EINVAL, "'%s' has more than %d files", dir, DROP_INS_MAX);
	for (int i = 0; i < n && r >= 0; i++) {
		_free_ char *path = path_join(dir, names[i]->d_name);

		r = read_file(c, path, e);
	}
	return r;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_drop_ins(struct config *c, struct error *e)
{
	_free_ char *parent = path_parent(c->path);
	_free_ char *dir = path_join(parent, "config.d");
	struct dirent **names = NULL;
	int n, r;

	n = scandir(dir, &names, is_visible, by_bytes);
	if (n < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", dir);
	r = read_names(c, dir, names, n, e);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return r;
}

static bool is_below(const char *path, const char *dir)
{
	_free_ char *real = realpath(dir, NULL);
	size_t n;

	if (!real)
		return false;
	n = strlen(real);
	return !strncmp(path, real, n) && path[n] == '/';
}

static int find_explicit(const struct config_source *source, const char *etc_dir, char **ret_path,
			 struct error *e)
{
	_free_ char *real = realpath(source->path, NULL);

	if (!real)
		return fail(e, errno, "cannot find configuration file '%.256s': %m", source->path);
	if (!is_below(real, etc_dir) && !is_below(real, source->version_dir))
		return fail(e, EPERM,
			    "configuration file '%.256s' is neither below '%s' nor below "
			    "'%s'; move it there",
			    real, etc_dir, source->version_dir);
	*ret_path = TAKE_PTR(real);
	return 0;
}

static int find_default(const struct config_source *source, const char *etc_dir, char **ret_path,
			struct error *e)
{
	_free_ char *etc = path_join(etc_dir, MAIN_FILE);
	_free_ char *shipped = NULL;

	*ret_path = realpath(etc, NULL);
	if (*ret_path)
		return 0;
	if (errno != ENOENT)
		return fail(e, errno, "cannot find configuration file '%s': %m", etc);
	shipped = xasprintf("%s/%s/%s", source->version_dir, VERSION_PART, MAIN_FILE);
	*ret_path = realpath(shipped, NULL);
	if (*ret_path)
		return 0;
	return fail(e, errno, "no configuration: neither '%s' nor '%s' can be read: %m", etc,
		    shipped);
}

static int load_into(struct config *c, const struct config_source *source, struct error *e)
{
	const char *etc_dir = source->etc_dir ? source->etc_dir : ETC_DIR;
	int r;

	if (str_empty(source->path))
		r = find_default(source, etc_dir, &c->path, e);
	else
		r = find_explicit(source, etc_dir, &c->path, e);
	if (r < 0)
		return r;
	r = read_file(c, c->path, e);
	if (r < 0)
		return r;
	r = read_drop_ins(c, e);
	if (r < 0)
		return r;
	sha256_end(&c->sum, c->digest);
	r = config_settle(c, e);
	return r < 0 ? fail_wrap(e, "%s", c->path) : 0;
}

int config_load(const struct config_source *source, struct config *ret, struct error *e)
{
	struct config c;
	int r;

	config_init(&c, source->version_dir);
	str_set(&c.source, source->path ? source->path : "");
	r = load_into(&c, source, e);
	if (r < 0) {
		config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

static unsigned host_cpus(void)
{
	int n = get_nprocs();

	return n < 1 ? 1 : (unsigned)n;
}

static uint64_t host_memory_mib(void)
{
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return 0;
	return (uint64_t)si.totalram * si.mem_unit / MIB;
}

static int settle_vcpus(struct config_hypervisor *h, struct error *e)
{
	uint64_t most = min_u64(host_cpus(), 240);

	if (h->default_maxvcpus == 0 || h->default_maxvcpus > most)
		h->default_maxvcpus = most;
	if (h->default_vcpus < 0)
		h->default_vcpus = (double)h->default_maxvcpus;
	if (h->default_vcpus > (double)h->default_maxvcpus)
		return fail(e, EINVAL,
			    "default_vcpus is %g, but at most %" PRIu64
			    " are possible "
			    "(default_maxvcpus and this host)",
			    h->default_vcpus, h->default_maxvcpus);
	return 0;
}

static int settle_memory(struct config_hypervisor *h, struct error *e)
{
	uint64_t host = host_memory_mib();

	if (h->default_maxmemory == 0 || (host > 0 && h->default_maxmemory > host))
		h->default_maxmemory = max_u64(host, h->default_memory);
	if (h->default_memory > h->default_maxmemory)
		return fail(e, EINVAL,
			    "default_memory is %" PRIu64
			    " MiB, more than "
			    "default_maxmemory (%" PRIu64 ")",
			    h->default_memory, h->default_maxmemory);
	return 0;
}

static int settle_root(struct config *c, struct error *e)
{
	struct config_hypervisor *h = &c->hypervisor;
	_free_ char *section = xasprintf(CONFIG_HYPERVISOR ".%s", c->vmm->name);
	const struct field *row = field_find(section, "initrd");
	_free_ char *initrd =
		field_resolve_path(c->version_dir, row ? field_fallback(row, c->vmm) : "");

	if (*h->image && !strcmp(h->initrd, initrd))
		str_set(&h->initrd, "");
	if (*h->image && *h->initrd)
		return fail(e, EINVAL, "image and initrd are both set; set one of them to \"\"");
	if (!*h->image && !*h->initrd)
		return fail(e, EINVAL, "neither image nor initrd is set; set one of them");
	return 0;
}

int config_settle(struct config *c, struct error *e)
{
	uint64_t queue = c->hypervisor.virtio_fs_queue_size;
	int r;

	r = settle_vcpus(&c->hypervisor, e);
	if (r < 0)
		return r;
	r = settle_memory(&c->hypervisor, e);
	if (r < 0)
		return r;
	r = settle_root(c, e);
	if (r < 0)
		return r;
	if (queue & (queue - 1))
		return fail(e, EINVAL, "virtio_fs_queue_size is %" PRIu64 ", not a power of two",
			    queue);
	return 0;
}

int config_check_paths(const struct config *c, struct error *e)
{
	const struct config_hypervisor *h = &c->hypervisor;
	bool shares = strcmp(h->shared_fs, "none") != 0;
	const struct {
		const char *key;
		const char *path;
		mode_t kind;
	} paths[] = {
		{ "path", h->path, S_IFREG },
		{ "kernel", h->kernel, S_IFREG },
		{ "initrd", h->initrd, S_IFREG },
		{ "image", h->image, S_IFREG },
		{ "firmware", h->firmware, S_IFREG },
		{ "firmware_directory", h->firmware_directory, S_IFDIR },
		{ "virtio_fs_daemon", shares ? h->virtio_fs_daemon : "", S_IFREG },
		{ "entropy_source", h->entropy_source, S_IFCHR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (*paths[i].path && trust_check_path(paths[i].path, paths[i].kind, e) < 0)
			return fail_wrap(e, "%s: [hypervisor.%s] %s", c->path ? c->path : "default",
					 h->name, paths[i].key);
	return 0;
}
