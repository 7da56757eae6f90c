/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_CONFIG_H
#define LIB_KUBE_CONFIG_H

#include "lib/kube/credential.h"
#include "lib/str.h"

/* Where the API server is and who we are.  Members are owned, NULL when not given. */
struct kube_config {
	char *server;      /* "https://host:port" */
	char *server_name; /* that its certificate has, if not that of `server` */
	char *ca_file;
	char *ca_pem;
	bool is_insecure;       /* nobody's certificate is looked at */
	char *proxy;            /* URL */
	bool heeds_environment; /* of proxies: HTTPS_PROXY, NO_PROXY, ... */
	char *cert_pem;
	char *key_pem;
	char *token_file;
	char *token;
	struct kube_plugin *plugin;
	strv impersonate; /* "Impersonate-User: x", ... */
	char *namespace;  /* ours; "default" when nothing says */
	char *context;    /* its name, for people */
};

void kube_config_done(struct kube_config *c);
#define _kube_config_ _cleanup_(kube_config_done)

/* What a person wants otherwise than the files say.  Borrowed; NULL: as they say. */
struct kube_choice {
	const char *file; /* instead of those that $KUBECONFIG and the home folder name */
	const char *context;
	const char *cluster;
	const char *user;
	const char *namespace;
	const char *server;
	const char *server_name; /* that its certificate has */
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
	const char *token;
	const char *as; /* act as this user ... */
	const char *as_uid;
	char *const *as_groups; /* ... of these groups ... */
	char *const *as_extra;  /* ... with these, each "key=value" */
	bool is_insecure;
};

/* For a pod: the files that $KUBECONFIG names if it is set, else the pod's service account. */
int kube_config_load(struct kube_config *ret_config, struct error *e);
/* For a person, as kubectl does: the file of CHOICE, else the files that $KUBECONFIG lists, of
 * which the first that says something counts, else ~/.kube/config, else the server of CHOICE, else
 * the pod's service account. */
int kube_config_choose(const struct kube_choice *choice, struct kube_config *ret_config,
		       struct error *e);
/* The same from one text; NAME is for messages and relative paths are taken from its folder. */
int kube_config_parse(const char *text, size_t len, const char *name,
		      const struct kube_choice *choice, struct kube_config *ret_config,
		      struct error *e);

#endif
