/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_CREDENTIAL_H
#define LIB_KUBE_CREDENTIAL_H

#include "lib/json.h"
#include "lib/wait.h"

/* Whether a plugin may ask a person on the terminal. */
enum kube_interaction { KUBE_NEVER, KUBE_IF_AVAILABLE, KUBE_ALWAYS, N_KUBE_INTERACTION };

/* A program that logs in (client.authentication.k8s.io).  Members are owned. */
struct kube_plugin {
	char *command; /* absolute, or a name to be found in the PATH */
	strv args;
	strv env; /* "NAME=value", beside the environment */
	char *api_version;
	enum kube_interaction interaction;
	char *install_hint;          /* for who lacks it; may be NULL */
	struct json_object *cluster; /* told to it where it asks for it; else NULL */
};

void kube_plugin_free(struct kube_plugin *p);
DEFINE_CLEANUP(kube_plugin_freep, struct kube_plugin *, kube_plugin_free)

/* As the "exec" of a user is in a kubeconfig in DIR, without `cluster`.  EINVAL says what is wrong
 * with it. */
int kube_plugin_read(struct json_object *exec, const char *dir, struct kube_plugin **ret_plugin,
		     struct error *e);

/* What it answered. */
struct kube_credential {
	char *token;
	char *cert_pem;
	char *key_pem;
	int64_t expires_s; /* of the clock of the day; INT64_MAX: it does not say */
};

void kube_credential_done(struct kube_credential *c);
#define _credential_ _cleanup_(kube_credential_done)

/* Whether C can be used at NOW_S, and for a moment after it. */
bool kube_credential_is_good(const struct kube_credential *c, int64_t now_s);

/* Reads an ExecCredential of that version. */
int kube_credential_parse(const char *text, size_t len, const char *api_version,
			  struct kube_credential *ret_credential, struct error *e);

/* Runs the program, without a shell, and waits for it.  ENOENT with its hint if it is not there;
 * EACCES with its status if it fails: its own words go to our standard error. */
int kube_plugin_run(const struct kube_plugin *p, uint64_t deadline_ms, const struct cancel *cancel,
		    struct kube_credential *ret_credential, struct error *e);

#endif
