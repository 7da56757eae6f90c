/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_oci_config - read any bytes as config.json; what is read must survive writing and reading.
 */

#include <string.h>

#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/oci.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *type = &oci__spec__descriptor;
	_message_ Oci__Spec *spec = NULL;
	_message_ Oci__Spec *again = NULL;
	_json_ struct json_object *json = NULL;
	_free_ uint8_t *bytes = NULL;
	_free_ uint8_t *same = NULL;
	_strv_ strv unknown = NULL;
	struct error e;
	size_t len;

	if (pbjson_parse((const char *)data, size, "config.json", type, &unknown, &spec, &e) < 0)
		return 0;
	len = message_pack(spec, &bytes);
	json = pbjson_write(spec);
	require(pbjson_read(json, type, NULL, &again, &e) == 0);
	require(message_pack(again, &same) == len && memcmp(bytes, same, len) == 0);
	return 0;
}
