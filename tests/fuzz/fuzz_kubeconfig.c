/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_kubeconfig - any text as a kubeconfig, and as what a program says that logs in.
 */

#include <string.h>

#include "lib/kube/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *const groups[] = { (char[]){ "g" }, NULL };
static char *const extra[] = { (char[]){ "k=v" }, NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kube_choice choices[] = {
		{ .server = "http://h" },
		{ .context = "x", .user = "u", .as = "a", .as_groups = groups, .as_extra = extra },
		{ .cluster = "c", .token = "t", .ca_file = "/nowhere/ca", .server_name = "n" },
		{ .namespace = "n", .cert_file = "/nowhere/cert" },
	};
	_credential_ struct kube_credential credential = { 0 };
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e;

	/* From a folder where nothing is, so that no path of the text leads to a file. */
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		_kube_config_ struct kube_config c = { 0 };

		if (kube_config_parse((const char *)data, size, "/nowhere/config", &choices[i], &c,
				      &e) >= 0 &&
		    (!c.server || !c.namespace))
			abort();
	}
	if (kube_credential_parse(text, strlen(text), "client.authentication.k8s.io/v1",
				  &credential, &e) >= 0 &&
	    !credential.token && !credential.cert_pem)
		abort();
	return 0;
}
