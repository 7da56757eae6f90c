/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_SHOW_H
#define DEPLOY_KUBECTL_SHOW_H

#include "deploy/kubectl/kubectl.h"

/* Finds the items of a command, for its view, or does something about each.  Returns the exit
 * status; those of before a failure are shown. */
typedef int kata_find(struct kata *k, struct json_object *items, struct error *e);

/* Finds and shows them, with --watch again and again: then what is new or has changed. */
int kata_show(struct kata *k, const struct view *view, kata_find *find, struct error *e);

#endif
