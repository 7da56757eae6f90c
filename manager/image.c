/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - a container image of this program, so that a container can be tried without a registry.
 *
 * The archive has the form of `docker save` before OCI, which Docker, nerdctl and ctr all load: a
 * layer, the configuration, and manifest.json that names both.  The layer is written first, as the
 * configuration has its digest.  One thread.
 */
#include "manager/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/sha256.h"

#define BLOCK     512
#define COPY_SIZE (64 * 1024)
#define LAYER     "layer.tar"
#define CONFIG    "config.json"
#define MANIFEST  "manifest.json"

/* A tar file in the making. */
struct writer {
	int fd;
	const char *path;
	struct sha256 digest;
};

static int put(struct writer *w, const void *bytes, size_t len, struct error *e)
{
	sha256_add(&w->digest, bytes, len);
	return write_all(w->fd, bytes, len, w->path, e);
}

static void set_octal(char *field, size_t size, uint64_t value)
{
	field[--size] = '\0';
	for (; size > 0; value >>= 3)
		field[--size] = (char)('0' + (value & 7));
}

/* The sum of all bytes, its own field taken as blanks. */
static void set_sum(char *header)
{
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
}

/* The header of a member; TYPE as POSIX has it: '0' a file, '5' a folder. */
static int put_header(struct writer *w, const char *name, char type, mode_t mode, uint64_t size,
		      struct error *e)
{
	char header[BLOCK] = "";

	(void)snprintf(header, 100, "%s", name);
	set_octal(header + 100, 8, mode);
	set_octal(header + 108, 8, 0);
	set_octal(header + 116, 8, 0);
	set_octal(header + 124, 12, size);
	set_octal(header + 136, 12, 0);
	header[156] = type;
	memcpy(header + 257, "ustar", 6);
	memcpy(header + 263, "00", 2);
	set_sum(header);
	return put(w, header, BLOCK, e);
}

static int put_zeros(struct writer *w, size_t len, struct error *e)
{
	static const char zeros[2 * BLOCK];

	return put(w, zeros, len, e);
}

static int put_text(struct writer *w, const char *name, const char *text, struct error *e)
{
	size_t len = strlen(text);

	if (put_header(w, name, '0', 0644, len, e) < 0 || put(w, text, len, e) < 0)
		return -e->code;
	return put_zeros(w, (BLOCK - len % BLOCK) % BLOCK, e);
}

static int put_file(struct writer *w, const char *name, const char *path, mode_t mode,
		    struct error *e)
{
	_close_ int in = open(path, O_RDONLY | O_CLOEXEC);
	_free_ char *bytes = xmalloc(COPY_SIZE);
	uint64_t left;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return fail(e, errno, "cannot read '%s': %m", path);
	left = (uint64_t)st.st_size;
	if (put_header(w, name, '0', mode, left, e) < 0)
		return -e->code;
	while (left > 0) {
		ssize_t n = read(in, bytes, COPY_SIZE);

		if (n <= 0 || (uint64_t)n > left)
			return fail(e, n < 0 ? errno : ESTALE, "'%s' changed while it was read",
				    path);
		left -= (uint64_t)n;
		if (put(w, bytes, (size_t)n, e) < 0)
			return -e->code;
	}
	return put_zeros(w, (BLOCK - (size_t)st.st_size % BLOCK) % BLOCK, e);
}

static int begin(const char *path, struct writer *w, struct error *e)
{
	*w = (struct writer){ .path = path };
	sha256_init(&w->digest);
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return w->fd < 0 ? fail(e, errno, "cannot make '%s': %m", path) : 0;
}

/* The folders are those that runtimes mount on. */
static int fill_layer(struct writer *w, struct error *e)
{
	static const char *const folders[] = { "dev/", "proc/", "sys/", "tmp/" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (put_header(w, folders[i], '5', 0755, 0, e) < 0)
			return -e->code;
	return put_file(w, &IMAGE_PROGRAM[1], "/proc/self/exe", 0755, e) < 0
		       ? -e->code
		       : put_zeros(w, (size_t)2 * BLOCK, e);
}

static int write_layer(const char *path, char ret_digest[SHA256_HEX + 1], struct error *e)
{
	struct writer w;
	int r = begin(path, &w, e);

	if (r < 0)
		return r;
	r = fill_layer(&w, e);
	sha256_end(&w.digest, ret_digest);
	closep(&w.fd);
	return r;
}

static const char *architecture(void)
{
	static struct utsname name;

	(void)uname(&name);
	return strcmp(name.machine, "x86_64") == 0    ? "amd64"
	       : strcmp(name.machine, "aarch64") == 0 ? "arm64"
						      : name.machine;
}

/* Caller frees. */
static char *make_config(const char *digest)
{
	_json_ struct json_object *o = json_object_new_object();
	struct json_object *config = json_set_object(o, "config");
	struct json_object *rootfs = json_set_object(o, "rootfs");
	_strv_ strv command = NULL;
	_strv_ strv layers = NULL;

	strv_add(&command, IMAGE_PROGRAM);
	strv_addf(&layers, "sha256:%s", digest);
	json_set_str(o, "architecture", architecture());
	json_set_str(o, "os", "linux");
	json_set_strv(config, "Cmd", command);
	json_set_str(rootfs, "type", "layers");
	json_set_strv(rootfs, "diff_ids", layers);
	return xstrdup(json_text(o));
}

/* Caller frees. */
static char *make_manifest(const char *name)
{
	_json_ struct json_object *list = json_object_new_array();
	struct json_object *o = json_object_new_object();
	_strv_ strv tags = NULL;
	_strv_ strv layers = NULL;

	strv_add(&tags, name);
	strv_add(&layers, LAYER);
	json_set_str(o, "Config", CONFIG);
	json_set_strv(o, "RepoTags", tags);
	json_set_strv(o, "Layers", layers);
	(void)json_object_array_add(list, o);
	return xstrdup(json_text(list));
}

static int fill_archive(struct writer *w, const char *layer, const char *digest, const char *name,
			struct error *e)
{
	_free_ char *config = make_config(digest);
	_free_ char *manifest = make_manifest(name);

	if (put_file(w, LAYER, layer, 0644, e) < 0 || put_text(w, CONFIG, config, e) < 0 ||
	    put_text(w, MANIFEST, manifest, e) < 0)
		return -e->code;
	return put_zeros(w, (size_t)2 * BLOCK, e);
}

int image_write(const char *dir, const char *name, char **ret_path, struct error *e)
{
	_free_ char *layer = path_join(dir, LAYER);
	_free_ char *path = path_join(dir, "image.tar");
	char digest[SHA256_HEX + 1];
	struct writer w;
	int r;

	if (dir_make(dir, 0700, e) < 0 || write_layer(layer, digest, e) < 0 ||
	    begin(path, &w, e) < 0)
		return -e->code;
	r = fill_archive(&w, layer, digest, name, e);
	closep(&w.fd);
	(void)unlink(layer);
	if (r >= 0)
		*ret_path = TAKE_PTR(path);
	return r;
}
