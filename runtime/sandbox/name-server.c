/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name-server - Docker's own name server, of a pod whose network has a name.
 *
 * It listens at 127.0.0.11 of the pod's network namespace.  Docker writes that into the pod's
 * resolv.conf when the namespace is known to it, which a hook tells, or which it finds out itself
 * after Create: so one looks again when the network has changed.  Other loopback addresses are the
 * host's own servers, which nobody serves in the namespace.
 */

#include "runtime/sandbox/name-server.h"

#include "lib/file.h"
#include "lib/str.h"
#include "runtime/sandbox/network.h"

#define ADDRESS  "127.0.0.11"
#define FILE_MAX (64 * KIB)

void name_server_init(struct name_server *s)
{
	*s = (struct name_server){ 0 };
	for (size_t i = 0; i < NAME_SERVER_QUESTIONS; i++)
		s->sockets[i] = -1;
}

void name_server_done(struct name_server *s)
{
	for (size_t i = 0; i < NAME_SERVER_QUESTIONS; i++)
		s->sockets[i] = close_fd(s->sockets[i]);
	free(s->resolv_conf);
}

int name_server_look(struct name_server *s, const struct network *n, struct error *e)
{
	_free_ char *text = NULL;
	_strv_ strv lines = NULL;

	if (!s->resolv_conf || s->is_there ||
	    file_read(s->resolv_conf, FILE_MAX, &text, NULL, e) < 0)
		return 0;
	lines = strv_split(text, "\n");
	if (!strv_contains(lines, "nameserver " ADDRESS))
		return 0;
	if (network_open_datagrams(n, s->sockets, NAME_SERVER_QUESTIONS, e) < 0)
		return -e->code;
	__atomic_store_n(&s->is_there, true, __ATOMIC_RELEASE);
	return 0;
}

const char *name_server_address(const struct name_server *s)
{
	return __atomic_load_n(&s->is_there, __ATOMIC_ACQUIRE) ? ADDRESS : NULL;
}
