/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_ADDRESS_H
#define LIB_ADDRESS_H

#include "lib/error.h"

/* Where a device is in a guest, as runtime and agent tell each other.  Whoever plugs a device in
 * makes one, whoever looks for it takes one; nobody between them knows a bus. */

enum address_bus {
	ADDRESS_PCI,  /* slots on the way from the root bus, "05/00" */
	ADDRESS_MMIO, /* a node of the guest, "/dev/vda" */
	ADDRESS_SCSI, /* "ID:LUN" */
	ADDRESS_CCW,  /* "0.1.0007" */
	ADDRESS_PMEM, /* a node of the guest, "/dev/pmem0" */
	N_ADDRESS_BUS
};

#define ADDRESS_TEXT_MAX 96

struct address {
	enum address_bus bus;
	char text[ADDRESS_TEXT_MAX];
};

/* What the protocol calls a block device on BUS: the driver of a Storage, the type of a Device. */
const char *address_driver(enum address_bus bus);
/* Whether a Device carries the address as its vm_path, and not as its id. */
bool address_is_node(enum address_bus bus);

/* The bus whose devices are called DRIVER; false if there is none. */
bool address_find_bus(const char *driver, enum address_bus *ret_bus);

/* The address that TEXT is for DRIVER.  ENOENT if no bus has DRIVER, EINVAL if TEXT is no address
 * on it. */
int address_parse(const char *driver, const char *text, struct address *ret, struct error *e);
/* Where a network device is, of which the protocol says TEXT alone: a PCI path. */
int address_parse_pci(const char *text, struct address *ret, struct error *e);

#endif
