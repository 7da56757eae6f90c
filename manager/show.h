/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_SHOW_H
#define MANAGER_SHOW_H

#include "manager/manager.h"

/* Shows ITEMS as the command line wants them. */
int show(struct manager *m, const struct view *view, struct json_object *items, struct error *e);

#endif
