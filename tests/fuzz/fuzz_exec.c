/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_exec - the JSON of an exec's process, and of new limits, as an engine gives it to the shim.
 *
 * What is accepted is a program with arguments, and can be sent to an agent.
 */

#include "runtime/shim/task.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_resources(const char *text, size_t len)
{
	_message_ Oci__LinuxResources *resources = NULL;
	_free_ uint8_t *bytes = NULL;
	_strv_ strv unknown = NULL;
	struct error e;

	if (pbjson_parse(text, len, "resources", &oci__linux_resources__descriptor, &unknown,
			 &resources, &e) >= 0)
		(void)message_pack(resources, &bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Pb__Any spec = PB__ANY__INIT;
	Task__ExecProcessRequest request = TASK__EXEC_PROCESS_REQUEST__INIT;
	_free_ uint8_t *copy = size ? xmemdup(data, size) : NULL;
	_free_ uint8_t *bytes = NULL;
	_message_ Oci__Process *process = NULL;
	struct error e;

	log_set_level(LOG_LEVEL_ERROR);
	spec.value = (ProtobufCBinaryData){ .data = copy, .len = size };
	request.exec_id = (char[]){ "exec" };
	request.spec = &spec;
	if (parse_exec(&request, &process, &e) >= 0) {
		if (process->n_args == 0 || process->terminal)
			abort();
		(void)message_pack(process, &bytes);
	}
	read_resources((const char *)copy, size);
	return 0;
}
