/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_CONFIG_H
#define LIB_KUBE_CONFIG_H

#include "lib/str.h"

/* Where the API server is and who we are.  Members are owned, NULL when not given. */
struct kube_config {
	char *server; /* "https://host:port" */
	char *ca_file;
	char *ca_pem;
	char *cert_pem;
	char *key_pem;
	char *token_file;
	char *token;
	char *namespace; /* ours; "default" when nothing says */
};

void kube_config_done(struct kube_config *c);
#define _kube_config_ _cleanup_(kube_config_done)

/* From the environment: the file $KUBECONFIG if set, else the service account of the pod. */
int kube_config_load(struct kube_config *ret_config, struct error *e);
/* The current context of a kubeconfig file. */
int kube_config_read(const char *path, struct kube_config *ret_config, struct error *e);
/* Same from text; NAME is for messages and relative paths are taken from its folder. */
int kube_config_parse(const char *text, size_t len, const char *name,
		      struct kube_config *ret_config, struct error *e);

#endif
