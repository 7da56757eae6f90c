/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus - find a device of the guest by its address.
 *
 * One table row per bus: who looks for a device on it.  The host plugs a device in before or after
 * it asks for it, so each looker is a look at sysfs repeated by uevents_wait().  A disk counts as
 * there when its node can be opened.  Bus numbers are given by the guest's kernel, hence a PCI path
 * names slots only and the buses between them are read on the way.  Work threads.
 */

#include "agent/device/bus.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"

#include "agent/device/uevent.h"
#include "agent/sandbox.h"

#define SYSFS          "/sys"
#define PATH_PARTS_MAX 16
#define SLOT_MAX       0x1f
#define FUNCTION_MAX   7
#define SCSI_ID_MAX    255
#define SCSI_LUN_MAX   16383

/* One thing to wait for.  FOUND is set by the look that finds it. */
struct search {
	const struct address *address;
	const char *kind; /* "block" or "net" */
	uint32_t scsi_id, scsi_lun;
	char *found;
};

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

/* Whether the disk NAME is there, which is then what S has found. */
static bool take_node(struct search *s, const char *name)
{
	_free_ char *node = xasprintf("/dev/%s", name);

	if (!can_open(node))
		return false;
	s->found = TAKE_PTR(node);
	return true;
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

/* The device of the kind that S wants, which the function in DIR has. */
static int look_in(struct search *s, const char *dir, struct error *e)
{
	_free_ char *name = NULL;
	int r = find_child(dir, s->kind, &name, e);

	if (r < 0)
		return not_yet(r);
	if (str_equal(s->kind, "block"))
		return take_node(s, name);
	s->found = TAKE_PTR(name);
	return 1;
}

static int look_for_pci(void *arg, struct error *e)
{
	struct search *s = arg;
	_free_ char *dir = NULL;
	int r = pci_path_resolve(SYSFS, s->address->text, &dir, e);

	return r < 0 ? not_yet(r) : look_in(s, dir, e);
}

static int look_for_ccw(void *arg, struct error *e)
{
	struct search *s = arg;
	_free_ char *dir = path_join(SYSFS "/bus/ccw/devices", s->address->text);

	return look_in(s, dir, e);
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

static int parse_unit(struct search *s, struct error *e)
{
	_strv_ strv parts = strv_split(s->address->text, ":");

	if (strv_len(parts) != 2)
		return fail(e, EINVAL, "SCSI address '%.64s' is not ID:LUN", s->address->text);
	if (parse_u32(parts[0], "SCSI id", SCSI_ID_MAX, &s->scsi_id, e) < 0 ||
	    parse_u32(parts[1], "SCSI unit", SCSI_LUN_MAX, &s->scsi_lun, e) < 0)
		return -e->code;
	return 0;
}

static int look_for_scsi(void *arg, struct error *e)
{
	struct search *s = arg;
	_free_ char *name = NULL;
	int r = parse_unit(s, e);

	if (r == 0)
		r = not_yet(find_scsi(s, &name, e));
	if (r < 0)
		return r;
	if (name && take_node(s, name))
		return 1;
	scan_scsi(s);
	return 0;
}

static int look_for_node(void *arg, struct error *e)
{
	struct search *s = arg;
	const char *node = s->address->text;
	struct stat st;

	if (stat(node, &st) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot stat '%s': %m", node);
	if (!S_ISCHR(st.st_mode) && !(S_ISBLK(st.st_mode) && can_open(node)))
		return 0;
	s->found = xstrdup(node);
	return 1;
}

/* Each returns 1 with S->found, 0 for "not yet", or a failure. */
static const struct {
	const char *what;
	int (*look)(void *arg, struct error *e);
} lookers[N_ADDRESS_BUS] = {
	[ADDRESS_PCI] = { "PCI path", look_for_pci },    [ADDRESS_MMIO] = { "node", look_for_node },
	[ADDRESS_SCSI] = { "SCSI unit", look_for_scsi }, [ADDRESS_CCW] = { "CCW id", look_for_ccw },
	[ADDRESS_PMEM] = { "node", look_for_node },
};

static int wait_for(struct sandbox *sb, struct search *s, uint64_t deadline_ms,
		    const struct cancel *cancel, struct error *e)
{
	uint64_t mine = deadline_in((uint64_t)sb->config->hotplug_timeout_s * 1000);
	_free_ char *what = xasprintf("%s device at %s '%.64s'", s->kind,
				      lookers[s->address->bus].what, s->address->text);
	int r = uevents_wait(sb->uevents, what, lookers[s->address->bus].look, s,
			     min_u64(mine, deadline_ms), cancel, e);

	return r < 0 ? r : 0;
}

int bus_wait_block(struct sandbox *sb, const struct address *address, uint64_t deadline_ms,
		   const struct cancel *cancel, char **ret_node, struct error *e)
{
	struct search s = { .address = address, .kind = "block" };
	int r = wait_for(sb, &s, deadline_ms, cancel, e);

	if (r == 0)
		*ret_node = s.found;
	return r;
}

int bus_wait_net(struct sandbox *sb, const struct address *address, uint64_t deadline_ms,
		 const struct cancel *cancel, char **ret_name, struct error *e)
{
	struct search s = { .address = address, .kind = "net" };
	int r = wait_for(sb, &s, deadline_ms, cancel, e);

	if (r == 0)
		*ret_name = s.found;
	return r;
}
