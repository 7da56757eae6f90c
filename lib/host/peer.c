/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - who listens on a socket, and how it was started.
 *
 * The kernel says which process made a socket listen.  Where systemd holds the socket for a daemon
 * that is systemd.  Any thread; may block on /proc.
 */
#include "lib/host/peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/file.h"

#define WORDS_MAX (128 * 1024)

static int peer_of(const char *socket_path, int *ret_pid, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (strlen(socket_path) >= sizeof(address.sun_path))
		return fail(e, ENAMETOOLONG, "'%s' is too long for a socket", socket_path);
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
		return fail(e, ENOENT, "nobody answers on '%s'", socket_path);
	*ret_pid = peer.pid;
	return 0;
}

int peer_program(const char *socket, char **ret_program, struct error *e)
{
	int pid;

	if (peer_of(socket, &pid, e) < 0)
		return -e->code;
	*ret_program = xasprintf("/proc/%d/exe", pid);
	return 0;
}

/* A word may be a path, or an option with one. */
static void put_word(const char *word, FILE *out)
{
	const char *equals = strchr(word, '=');
	const char *path = equals && word[0] != '/' ? equals + 1 : word;
	_free_ char *parent = path[0] == '/' ? path_parent(path) : NULL;
	_free_ char *folder = parent ? realpath(parent, NULL) : NULL;

	if (folder)
		(void)fprintf(out, "%.*s%s/%s\n", (int)(path - word), word, folder,
			      path_base(path));
	else
		(void)fprintf(out, "%s\n", word);
}

/* PATHS, then the words of a command line as the kernel has it, each with a NUL behind it. */
static void put_words(char *const *paths, const char *words, size_t len, FILE *out)
{
	for (; *paths; paths++)
		put_word(*paths, out);
	for (const char *word = words; word < words + len; word += strlen(word) + 1)
		put_word(word, out);
}

int peer_words(const char *socket, char *const *paths, FILE *out, struct error *e)
{
	_free_ char *path = NULL;
	_free_ char *words = NULL;
	size_t len;
	int pid;

	if (peer_of(socket, &pid, e) < 0)
		return -e->code;
	path = xasprintf("/proc/%d/cmdline", pid);
	if (file_read(path, WORDS_MAX, &words, &len, e) < 0)
		return -e->code;
	put_words(paths, words, len, out);
	return 0;
}
