/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device - find a device of the guest by the address the host knows it by.
 *
 * One table row per kind of device: what it is named by and who finds it.  The host plugs a device
 * in before or after it asks for it, so each finder is a look at sysfs repeated by uevents_wait().
 * A disk counts as there when its node can be opened.  Bus numbers are given by the guest's kernel,
 * hence a PCI path names slots only and the buses between them are read on the way.  Work threads.
 */

#include "agent/device/device.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"

#include "agent/device/uevent.h"
#include "agent/sandbox.h"

#define SYSFS          "/sys"
#define PATH_PARTS_MAX 16
#define SLOT_MAX       0x1f
#define FUNCTION_MAX   7
#define SCSI_ID_MAX    255
#define SCSI_LUN_MAX   16383
#define NODE_LEN_MAX   64

/* One thing to wait for.  FOUND is set by the look that finds it. */
struct search {
	const char *address;
	const char *kind; /* "block" or "net" */
	uint32_t scsi_id, scsi_lun;
	char *found;
};

void device_list_done(struct device_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].container_path);
	free(l->items);
	*l = (struct device_list){ NULL, 0 };
}

/* "SS" or "SS.F" */
static int parse_part(const char *text, const char *path, uint64_t slot_max, uint64_t *ret_slot,
		      uint64_t *ret_function, struct error *e)
{
	_free_ char *slot = xstrdup(text);
	char *dot = strchr(slot, '.');

	*ret_function = 0;
	if (dot)
		*dot++ = '\0';
	if (parse_hex(slot, "PCI slot", slot_max, ret_slot, e) < 0 ||
	    (dot && parse_hex(dot, "PCI function", FUNCTION_MAX, ret_function, e) < 0))
		return fail_wrap(e, "PCI path '%.64s'", path);
	return 0;
}

/* The only entry of DIR that begins with PREFIX; caller frees.  ENOENT if there is none. */
static int entry_of(const char *dir, const char *prefix, char **ret_name, struct error *e)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char *name = NULL;

	if (!d)
		return fail(e, errno, "cannot list '%s': %m", dir);
	for (entry = readdir(d); entry && !name; entry = readdir(d))
		if (entry->d_name[0] != '.' && str_starts(entry->d_name, prefix))
			name = xstrdup(entry->d_name);
	(void)closedir(d);
	if (!name)
		return fail(e, ENOENT, "'%s' has no entry '%s*'", dir, prefix);
	*ret_name = name;
	return 0;
}

/* From the bridge in *DIR to the name ("0000:01") of the bus behind it. */
static int bus_behind(const char *dir, char **ret_bus, struct error *e)
{
	_free_ char *buses = path_join(dir, "pci_bus");

	return entry_of(buses, "", ret_bus, e);
}

static int walk(const char *pci_path, strv parts, const char *root, char **ret_dir, struct error *e)
{
	_free_ char *dir = xstrdup(root), *bus = xstrdup(path_base(root) + strlen("pci"));

	for (size_t i = 0; parts[i]; i++) {
		uint64_t slot, function;
		char *next;
		int r = parse_part(parts[i], pci_path, SLOT_MAX, &slot, &function, e);

		if (r == 0 && i > 0) {
			r = bus_behind(dir, &next, e);
			if (r == 0) {
				free(bus);
				bus = next;
			}
		}
		if (r < 0)
			return r;
		next = xasprintf("%s/%s:%02x.%x", dir, bus, (unsigned)slot, (unsigned)function);
		free(dir);
		dir = next;
	}
	if (!file_exists(dir))
		return fail(e, ENOENT, "no PCI device '%s'", dir);
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

int pci_path_resolve(const char *sysfs, const char *pci_path, char **ret_dir, struct error *e)
{
	_strv_ strv parts = strv_split(pci_path, "/");
	_free_ char *root = NULL;
	size_t n = strv_len(parts);
	uint64_t first = 0, function;
	int r;

	if (n == 0 || n > PATH_PARTS_MAX)
		return fail(e, EINVAL, "PCI path '%.64s' has not 1 to %d parts", pci_path,
			    PATH_PARTS_MAX);
	/* A first part too large for a slot is the number of another root bus. */
	r = parse_part(parts[0], pci_path, n >= 3 ? 0xff : SLOT_MAX, &first, &function, e);
	if (r < 0)
		return r;
	root = xasprintf("%s/devices/pci0000:%02x", sysfs, first > SLOT_MAX ? (unsigned)first : 0);
	return walk(pci_path, first > SLOT_MAX ? parts + 1 : parts, root, ret_dir, e);
}

/* A missing part of the tree means "not yet". */
static int not_yet(int r)
{
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* The kernel makes the node a moment before the disk behind it can be opened (ENXIO until then). */
static bool can_open(const char *node)
{
	_close_ int fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 || (errno != ENXIO && errno != ENOENT);
}

static bool has_node(const char *name)
{
	_free_ char *node = xasprintf("/dev/%s", name);

	return can_open(node);
}

/* The device of a kind that a PCI function has, behind virtio or directly. */
static int find_child(const char *dir, const char *kind, char **ret_name, struct error *e)
{
	_free_ char *virtio = NULL;
	_free_ char *list = NULL;

	if (entry_of(dir, "virtio", &virtio, e) == 0)
		list = xasprintf("%s/%s/%s", dir, virtio, kind);
	else
		list = path_join(dir, kind);
	return entry_of(list, "", ret_name, e);
}

static int look_for_pci(void *arg, struct error *e)
{
	struct search *s = arg;
	_free_ char *dir = NULL, *name = NULL;
	int r = pci_path_resolve(SYSFS, s->address, &dir, e);

	if (r == 0)
		r = find_child(dir, s->kind, &name, e);
	if (r < 0)
		return not_yet(r);
	if (str_equal(s->kind, "block") && !has_node(name))
		return 0;
	s->found = TAKE_PTR(name);
	return 1;
}

/* Our SCSI buses are not scanned by the kernel (scsi_mod.scan=none): ask every host for this unit.
 */
static void scan_scsi(const struct search *s)
{
	static const char *const hosts = SYSFS "/class/scsi_host";
	_free_ char *text = xasprintf("0 %u %u", s->scsi_id, s->scsi_lun);
	DIR *d = opendir(hosts);
	struct dirent *entry;
	struct error ignored;

	if (!d)
		return;
	for (entry = readdir(d); entry; entry = readdir(d)) {
		_free_ char *path = xasprintf("%s/%s/scan", hosts, entry->d_name);

		if (str_starts(entry->d_name, "host"))
			(void)file_write(path, text, &ignored);
	}
	(void)closedir(d);
}

static int find_scsi(const struct search *s, char **ret_name, struct error *e)
{
	static const char *const units = SYSFS "/bus/scsi/devices";
	_free_ char *suffix = xasprintf(":0:%u:%u", s->scsi_id, s->scsi_lun);
	DIR *d = opendir(units);
	struct dirent *entry;
	int r = -ENOENT;

	if (!d)
		return fail(e, errno, "cannot list '%s': %m", units);
	for (entry = readdir(d); entry && r == -ENOENT; entry = readdir(d)) {
		_free_ char *dir = xasprintf("%s/%s/block", units, entry->d_name);

		if (str_ends(entry->d_name, suffix))
			r = entry_of(dir, "", ret_name, e);
	}
	(void)closedir(d);
	return r;
}

static int look_for_scsi(void *arg, struct error *e)
{
	struct search *s = arg;
	_free_ char *name = NULL;
	int r = not_yet(find_scsi(s, &name, e));

	if (r < 0)
		return r;
	if (!name || !has_node(name)) {
		scan_scsi(s);
		return 0;
	}
	s->found = TAKE_PTR(name);
	return 1;
}

static int look_for_node(void *arg, struct error *e)
{
	const struct search *s = arg;
	struct stat st;

	if (stat(s->address, &st) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot stat '%s': %m", s->address);
	if (S_ISBLK(st.st_mode))
		return can_open(s->address);
	return S_ISCHR(st.st_mode);
}

static int wait_for(struct sandbox *sb, const char *what, int (*look)(void *, struct error *),
		    struct search *s, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	uint64_t mine = deadline_in((uint64_t)sb->config->hotplug_timeout_s * 1000);
	_free_ char *name = xasprintf("%s '%.64s'", what, s->address);
	int r = uevents_wait(sb->uevents, name, look, s, min_u64(mine, deadline_ms), cancel, e);

	return r < 0 ? r : 0;
}

int device_wait_pci_block(struct sandbox *sb, const char *pci_path, uint64_t deadline_ms,
			  const struct cancel *cancel, char **ret_node, struct error *e)
{
	struct search s = { .address = pci_path, .kind = "block" };
	_free_ char *name = NULL;
	int r = wait_for(sb, "block device at PCI path", look_for_pci, &s, deadline_ms, cancel, e);

	if (r < 0)
		return r;
	name = s.found;
	*ret_node = xasprintf("/dev/%s", name);
	return 0;
}

int device_wait_pci_net(struct sandbox *sb, const char *pci_path, uint64_t deadline_ms,
			const struct cancel *cancel, char **ret_name, struct error *e)
{
	struct search s = { .address = pci_path, .kind = "net" };
	int r = wait_for(sb, "network device at PCI path", look_for_pci, &s, deadline_ms, cancel,
			 e);

	if (r == 0)
		*ret_name = s.found;
	return r;
}

int device_wait_scsi(struct sandbox *sb, const char *address, uint64_t deadline_ms,
		     const struct cancel *cancel, char **ret_node, struct error *e)
{
	_strv_ strv parts = strv_split(address, ":");
	_free_ char *name = NULL;
	struct search s = { .address = address };
	int r;

	if (strv_len(parts) != 2)
		return fail(e, EINVAL, "SCSI address '%.64s' is not ID:LUN", address);
	if (parse_u32(parts[0], "SCSI id", SCSI_ID_MAX, &s.scsi_id, e) < 0 ||
	    parse_u32(parts[1], "SCSI unit", SCSI_LUN_MAX, &s.scsi_lun, e) < 0)
		return -e->code;
	r = wait_for(sb, "SCSI disk", look_for_scsi, &s, deadline_ms, cancel, e);
	if (r < 0)
		return r;
	name = s.found;
	*ret_node = xasprintf("/dev/%s", name);
	return 0;
}

int device_wait_node(struct sandbox *sb, const char *node, uint64_t deadline_ms,
		     const struct cancel *cancel, struct error *e)
{
	struct search s = { .address = node };

	if (!str_starts(node, "/dev/") || strlen(node) > NODE_LEN_MAX || strstr(node, ".."))
		return fail(e, EINVAL, "'%.64s' is not a device node below /dev", node);
	return wait_for(sb, "device node", look_for_node, &s, deadline_ms, cancel, e);
}

/* How a device of one type is found. */
typedef int finder(struct sandbox *sb, const Agent__Device *in, uint64_t deadline_ms,
		   const struct cancel *cancel, char **ret_node, struct error *e);

static int find_by_pci(struct sandbox *sb, const Agent__Device *in, uint64_t deadline_ms,
		       const struct cancel *cancel, char **ret_node, struct error *e)
{
	return device_wait_pci_block(sb, in->id, deadline_ms, cancel, ret_node, e);
}

static int find_by_scsi(struct sandbox *sb, const Agent__Device *in, uint64_t deadline_ms,
			const struct cancel *cancel, char **ret_node, struct error *e)
{
	return device_wait_scsi(sb, in->id, deadline_ms, cancel, ret_node, e);
}

static int find_by_node(struct sandbox *sb, const Agent__Device *in, uint64_t deadline_ms,
			const struct cancel *cancel, char **ret_node, struct error *e)
{
	int r = device_wait_node(sb, in->vm_path, deadline_ms, cancel, e);

	if (r == 0)
		*ret_node = xstrdup(in->vm_path);
	return r;
}

static const struct {
	const char *type;
	finder *find;
} types[] = {
	{ "blk", find_by_pci },
	{ "scsi", find_by_scsi },
	{ "mmioblk", find_by_node },
	{ "nvdimm", find_by_node },
};

static finder *finder_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_equal(types[i].type, type))
			return types[i].find;
	return NULL;
}

static int resolve_one(struct sandbox *sb, const Agent__Device *in, uint64_t deadline_ms,
		       const struct cancel *cancel, struct device *ret, struct error *e)
{
	finder *find = finder_of(in->type);
	_free_ char *node = NULL;
	struct stat st;
	int r;

	if (!find)
		return fail(e, EINVAL, "device type '%.64s' is not known", in->type);
	if (str_empty(in->container_path))
		return fail(e, EINVAL, "device '%.64s' has no path in the container", in->id);
	if (str_empty(in->id) && str_empty(in->vm_path))
		return fail(e, EINVAL, "device '%.64s' has neither id nor path in the guest",
			    in->container_path);
	r = find(sb, in, deadline_ms, cancel, &node, e);
	if (r < 0)
		return fail_wrap(e, "device '%.64s'", in->container_path);
	if (stat(node, &st) < 0)
		return fail(e, errno, "cannot stat '%s': %m", node);
	*ret = (struct device){ .container_path = xstrdup(in->container_path),
				.type = S_ISBLK(st.st_mode) ? 'b' : 'c',
				.major = major(st.st_rdev),
				.minor = minor(st.st_rdev) };
	return 0;
}

int devices_resolve(struct sandbox *sb, struct Agent__Device *const *list, size_t n,
		    uint64_t deadline_ms, const struct cancel *cancel, struct device_list *ret_list,
		    struct error *e)
{
	_device_list_ struct device_list found = { NULL, 0 };

	if (n > DEVICE_MAX_PER_CALL)
		return fail(e, E2BIG, "%zu devices are more than %d", n, DEVICE_MAX_PER_CALL);
	found.items = xcalloc(n ? n : 1, sizeof(*found.items));
	for (size_t i = 0; i < n; i++) {
		int r = resolve_one(sb, list[i], deadline_ms, cancel, &found.items[i], e);

		if (r < 0)
			return r;
		found.n++;
	}
	*ret_list = found;
	found = (struct device_list){ NULL, 0 };
	return 0;
}
