/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address - where a device is in a guest.
 *
 * The one table of buses: what the protocol calls a block device on each and what its address looks
 * like.  An address is checked for its form alone, since it becomes part of a path in the guest;
 * that it leads somewhere is found out by whoever looks.  Any thread.
 */

#include "lib/address.h"

#include <string.h>

#include "lib/str.h"

#define NODE_DIR "/dev/"
#define HEX      "0123456789abcdefABCDEF"

static const struct {
	const char *driver;
	const char *prefix; /* of the text */
	const char *chars;  /* what the rest is made of */
	bool is_node;
} buses[N_ADDRESS_BUS] = {
	[ADDRESS_PCI] = { "blk", "", HEX "./", false },
	[ADDRESS_MMIO] = { "mmioblk", NODE_DIR, HEX "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ/_-.",
			   true },
	[ADDRESS_SCSI] = { "scsi", "", "0123456789:", false },
	[ADDRESS_CCW] = { "blk-ccw", "", HEX ".", false },
	[ADDRESS_PMEM] = { "nvdimm", NODE_DIR "pmem", "0123456789sp.", true },
};

const char *address_driver(enum address_bus bus)
{
	return buses[bus].driver;
}

bool address_is_node(enum address_bus bus)
{
	return buses[bus].is_node;
}

static int make(enum address_bus bus, const char *text, struct address *ret, struct error *e)
{
	size_t len = strlen(text);
	size_t prefix = strlen(buses[bus].prefix);

	if (len <= prefix || len >= sizeof(ret->text) || !str_starts(text, buses[bus].prefix) ||
	    text[prefix + strspn(text + prefix, buses[bus].chars)] != '\0' || strstr(text, ".."))
		return fail(e, EINVAL, "'%.64s' is no address of a '%s' device", text,
			    buses[bus].driver);
	*ret = (struct address){ .bus = bus };
	memcpy(ret->text, text, len);
	return 0;
}

bool address_find_bus(const char *driver, enum address_bus *ret_bus)
{
	for (enum address_bus bus = 0; bus < N_ADDRESS_BUS; bus++)
		if (str_equal(buses[bus].driver, driver)) {
			*ret_bus = bus;
			return true;
		}
	return false;
}

int address_parse(const char *driver, const char *text, struct address *ret, struct error *e)
{
	enum address_bus bus;

	if (!address_find_bus(driver, &bus))
		return fail(e, ENOENT, "no bus has devices called '%.64s'", driver);
	/* Some runtimes know a disk on PCI by its node. */
	if (bus == ADDRESS_PCI && str_starts(text, NODE_DIR))
		bus = ADDRESS_MMIO;
	return make(bus, text, ret, e);
}

int address_parse_pci(const char *text, struct address *ret, struct error *e)
{
	return make(ADDRESS_PCI, text, ret, e);
}
