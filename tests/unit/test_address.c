/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_address - what an address looks like on each bus, and what is none.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/address.h"

static void test_every_bus_has_its_address(void **state)
{
	static const struct {
		const char *driver, *text;
		enum address_bus bus;
	} cases[] = {
		{ "blk", "05/00", ADDRESS_PCI },          { "blk", "02.1/1f.7/00", ADDRESS_PCI },
		{ "blk", "/dev/vda", ADDRESS_MMIO },      { "mmioblk", "/dev/vdb", ADDRESS_MMIO },
		{ "scsi", "0:17", ADDRESS_SCSI },         { "blk-ccw", "0.1.0007", ADDRESS_CCW },
		{ "nvdimm", "/dev/pmem0", ADDRESS_PMEM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address a;
		struct error e;

		if (address_parse(cases[i].driver, cases[i].text, &a, &e) < 0)
			fail_msg("%s '%s': %s", cases[i].driver, cases[i].text, e.msg);
		assert_int_equal(a.bus, cases[i].bus);
		assert_string_equal(a.text, cases[i].text);
	}
}

static void test_what_is_no_address_is_refused(void **state)
{
	static const struct {
		const char *driver, *text;
		int wanted;
	} cases[] = {
		{ "blk", "", -EINVAL },
		{ "blk", "../05", -EINVAL },
		{ "blk", "/dev/../etc/passwd", -EINVAL },
		{ "blk", "/dev/", -EINVAL },
		{ "mmioblk", "vda", -EINVAL },
		{ "scsi", "0:0/x", -EINVAL },
		{ "blk-ccw", "0.0.0001/..", -EINVAL },
		{ "nvdimm", "/dev/vda", -EINVAL },
		{ "floppy", "/dev/fd0", -ENOENT },
	};
	char text[ADDRESS_TEXT_MAX + 1];
	struct address a;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(address_parse(cases[i].driver, cases[i].text, &a, &e),
				 cases[i].wanted);
	memset(text, '0', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(address_parse("blk", text, &a, &e), -EINVAL);
}

static void test_names_of_buses_lead_back_to_them(void **state)
{
	(void)state;
	for (enum address_bus bus = 0; bus < N_ADDRESS_BUS; bus++) {
		enum address_bus found = N_ADDRESS_BUS;

		assert_true(address_find_bus(address_driver(bus), &found));
		assert_int_equal(found, bus);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bus_has_its_address),
		cmocka_unit_test(test_what_is_no_address_is_refused),
		cmocka_unit_test(test_names_of_buses_lead_back_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
