/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_kubeconfig - any text as a kubeconfig, and as what a program says that logs in.
 */

#include <string.h>

#include "lib/kube/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kube_choice choice = { .server = "http://h" };
	_kube_config_ struct kube_config c = { 0 };
	_credential_ struct kube_credential credential = { 0 };
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e;

	/* From a folder where nothing is, so that no path of the text leads to a file. */
	if (kube_config_parse((const char *)data, size, "/nowhere/config", &choice, &c, &e) >= 0 &&
	    (!c.server || !c.namespace))
		abort();
	if (kube_credential_parse(text, strlen(text), "client.authentication.k8s.io/v1",
				  &credential, &e) >= 0 &&
	    !credential.token && !credential.cert_pem)
		abort();
	return 0;
}
