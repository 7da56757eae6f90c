/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_NEWS_H
#define RUNTIME_SHIM_NEWS_H

#include "runtime/pod/task.h"
#include "runtime/shim/events.h"

/* Publishes what happened to P as containerd has it.  Io thread. */
void news_publish(struct events *ev, enum pod_news news, const struct process *p);

#endif
