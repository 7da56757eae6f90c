/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_SHOW_H
#define MANAGER_SHOW_H

#include "manager/manager.h"

/* Shows ITEMS as the command line wants them. */
int show(struct manager *m, const struct view *view, struct json_object *items, struct error *e);
/* Whether a person reads it; else one object is wanted. */
bool show_is_for_people(const struct manager *m);
/* How ACTION ended that has nothing to show but that, after WRITES files. */
void show_end(struct manager *m, const char *action, unsigned writes, const char *text);

#endif
