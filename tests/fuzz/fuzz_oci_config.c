/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_oci_config - read any bytes as JSON of a message, config.json above all; what is read must
 * survive writing and reading.
 */

#include <string.h>

#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/cgroup2.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/rpc/proto/types.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void try(const char *text, size_t size, const ProtobufCMessageDescriptor *type)
{
	_message_ void *message = NULL;
	_message_ void *again = NULL;
	_json_ struct json_object *json = NULL;
	_free_ uint8_t *bytes = NULL;
	_free_ uint8_t *same = NULL;
	_strv_ strv unknown = NULL;
	struct error e;
	size_t len;

	if (pbjson_parse(text, size, "config.json", type, &unknown, &message, &e) < 0)
		return;
	len = message_pack(message, &bytes);
	json = pbjson_write(message);
	require(pbjson_read(json, type, NULL, &again, &e) == 0);
	require(message_pack(again, &same) == len && memcmp(bytes, same, len) == 0);
}

/* The others have what a specification has not: enumerations and numbers with a point. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try((const char *)data, size, &oci__spec__descriptor);
	try((const char *)data, size, &types__interface__descriptor);
	try((const char *)data, size, &cgroup2__psistats__descriptor);
	return 0;
}
