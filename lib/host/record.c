/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - read what a shim noted of its sandbox.
 *
 * A record belongs to root and is replaced by rename, so it is whole; one of an older form says
 * less, one of a newer form more.  Whether the shim lives is asked of a lock that it holds (the
 * processes of the node cannot be seen from a pod); a shim that takes none yet is asked for a
 * connection.  Any thread.
 */
#include "lib/host/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/file.h"
#include "lib/json.h"

#define RECORD_MAX  (1 * MIB)
#define RECORDS_MAX 65536
#define ASSETS_MAX  32

static const struct {
	const char *name;
	size_t offset;
} strings[] = {
	{ "pod_namespace", offsetof(struct record, pod_namespace) },
	{ "pod_name", offsetof(struct record, pod_name) },
	{ "pod_uid", offsetof(struct record, pod_uid) },
	{ "started", offsetof(struct record, started) },
	{ "version_dir", offsetof(struct record, version_dir) },
	{ "config_source", offsetof(struct record, config_source) },
	{ "config_path", offsetof(struct record, config_path) },
	{ "config_digest", offsetof(struct record, config_digest) },
};

static char **string_of(struct record *r, size_t i)
{
	return (char **)(void *)((char *)r + strings[i].offset);
}

static char *copy_str(struct json_object *object, const char *member)
{
	const char *text = json_member_str(object, member);

	return xstrdup(text ? text : "");
}

static void read_assets(struct record *r, struct json_object *assets)
{
	if (!json_object_is_type(assets, json_type_object))
		return;
	r->assets = xcalloc(ASSETS_MAX, sizeof(*r->assets));
	json_object_object_foreach(assets, name, o)
	{
		if (r->n_assets == ASSETS_MAX || !json_object_is_type(o, json_type_object))
			return;
		r->assets[r->n_assets++] = (struct record_asset){
			.name = xstrdup(name),
			.path = copy_str(o, "path"),
			.sha256 = copy_str(o, "sha256"),
			.size = (uint64_t)json_get_int(o, "size", 0),
			.inode = (uint64_t)json_get_int(o, "inode", 0),
			.mtime_ns = json_get_int(o, "mtime_ns", 0),
		};
	}
}

/* Where such a shim listens as long as it lives: of the first round's on the second alone. */
static const char *const sockets[] = { "shim-monitor.sock", "shim.sock" };

/* Whether nobody listens any more. */
static bool is_refused(const char *dir, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_free_ char *path = path_join(dir, name);
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path));
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
	       errno == ECONNREFUSED;
}

static enum record_life ask_sockets(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		if (is_refused(dir, sockets[i]))
			return RECORD_GONE;
	return RECORD_ALIVE;
}

static enum record_life read_life(const char *dir)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_free_ char *path = path_join(dir, "alive");
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return ask_sockets(dir);
	return lock.l_type == F_UNLCK ? RECORD_GONE : RECORD_ALIVE;
}

void record_init(struct record *r, const char *id)
{
	*r = (struct record){ .id = xstrdup(id), .configuration = xstrdup("") };
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		*string_of(r, i) = xstrdup("");
}

int record_read(const char *dir, const char *id, struct record *ret_record, struct error *e)
{
	_free_ char *folder = path_join(dir, id);
	_free_ char *path = path_join(folder, "state.json");
	_free_ char *configuration = path_join(folder, "configuration");
	_json_ struct json_object *object = NULL;
	_record_ struct record r = { 0 };
	struct error ignored;
	int failure = json_read_file(path, RECORD_MAX, &object, e);

	if (failure < 0)
		return failure == -ENOTDIR ? fail(e, ENOENT, "'%s' is no record", path) : failure;
	if (!json_object_is_type(object, json_type_object))
		return fail(e, EBADMSG, "'%s' is no record", path);
	r.id = xstrdup(id);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		*string_of(&r, i) = copy_str(object, strings[i].name);
	read_assets(&r, json_member(object, "assets"));
	if (file_read(configuration, RECORD_MAX, &r.configuration, NULL, &ignored) < 0)
		r.configuration = xstrdup("");
	r.life = read_life(folder);
	*ret_record = r;
	r = (struct record){ 0 };
	return 0;
}

void record_done(struct record *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(*string_of(r, i));
	for (size_t i = 0; i < r->n_assets; i++) {
		free(r->assets[i].name);
		free(r->assets[i].path);
		free(r->assets[i].sha256);
	}
	free(r->assets);
	free(r->configuration);
	free(r->id);
	*r = (struct record){ 0 };
}

int record_list(const char *dir, strv *ret_ids, struct error *e)
{
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", dir);
	return dir_list(fd, RECORDS_MAX, ret_ids, e);
}
