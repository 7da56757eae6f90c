/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_LIST_H
#define LIB_KUBE_LIST_H

#include "lib/kube/client.h"

/* Given each ITEM, which is borrowed.  A negative value (with *e filled) ends the list. */
typedef int kube_each(void *arg, struct json_object *item, struct error *e);

/* Hands out everything at PATH ("/api/v1/nodes?labelSelector=a"), page by page, so that no more
 * than one is held, and nothing twice.  ESTALE if time and again the server forgot between two
 * pages where the next begins: some came and some did not. */
int kube_list(struct kube_client *client, const char *path, kube_each *each, void *arg,
	      uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

#endif
