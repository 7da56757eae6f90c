/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - note what a sandbox runs while it starts.
 *
 * Digests are those of the version's manifest, one file of some kilobytes: a version is never
 * written again, so nothing else has to be read, and a start takes no longer.  Of each file its
 * size, time and inode are noted as well, for those that no version has and for whoever looks
 * whether a version was changed after all.  Work thread.
 */
#include "runtime/sandbox/record.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/sha256.h"
#include "lib/timestamp.h"

#define SHIM_PROGRAM      "bin/containerd-shim-kata-v2"
#define MANIFEST          "MANIFEST"
#define MANIFEST_MAX      (1 * MIB)
#define CONFIGURATION_MAX (256 * KIB)

/* What engines call the pod; a sandbox has the annotations of one of them. */
static const struct {
	const char *namespace_;
	const char *name;
	const char *uid;
} pod_keys[] = {
	{ "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name",
	  "io.kubernetes.cri.sandbox-uid" },
	{ "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.pod.uid" },
};

static bool is_digest(const char *s)
{
	size_t n = 0;

	while (n < SHA256_HEX && isxdigit((unsigned char)s[n]))
		n++;
	return n == SHA256_HEX;
}

/* "file MODE SIZE SHA256 PATH": the digest of PATH, "" if MANIFEST has no such line. */
static char *digest_of(const char *manifest, const char *path)
{
	_free_ char *end = xasprintf(" %s\n", path);
	const char *at = manifest ? strstr(manifest, end) : NULL;

	if (!at || at - manifest < SHA256_HEX || !is_digest(at - SHA256_HEX))
		return xstrdup("");
	return xstrndup(at - SHA256_HEX, SHA256_HEX);
}

static void note_asset(struct state_asset *a, const char *manifest, const char *version_dir,
		       const char *path)
{
	size_t len = strlen(version_dir);
	bool is_ours = path_is_within(path, version_dir) && path[len] == '/';
	struct stat st = { 0 };

	(void)stat(path, &st);
	*a = (struct state_asset){
		.path = xstrdup(path),
		.sha256 = is_ours ? digest_of(manifest, path + len + 1) : xstrdup(""),
		.size = (uint64_t)st.st_size,
		.inode = st.st_ino,
		.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
}

static void note_assets(struct state *s, const struct config *config)
{
	const struct config_hypervisor *h = &config->hypervisor;
	_free_ char *shim = path_join(config->version_dir, SHIM_PROGRAM);
	_free_ char *path = path_join(config->version_dir, MANIFEST);
	const char *const paths[N_STATE_ASSET] = {
		[STATE_ASSET_SHIM] = shim,
		[STATE_ASSET_VMM] = h->path,
		[STATE_ASSET_KERNEL] = h->kernel,
		[STATE_ASSET_INITRD] = h->initrd,
		[STATE_ASSET_IMAGE] = h->image,
		[STATE_ASSET_FS] = strcmp(h->shared_fs, "none") == 0 ? "" : h->virtio_fs_daemon,
		[STATE_ASSET_FIRMWARE] = h->firmware,
	};
	_free_ char *manifest = NULL;
	struct error ignored;

	(void)file_read(path, MANIFEST_MAX, &manifest, NULL, &ignored);
	for (size_t i = 0; i < N_STATE_ASSET; i++)
		if (!str_empty(paths[i]))
			note_asset(&s->assets[i], manifest, config->version_dir, paths[i]);
}

static void note_pod(struct state *s, const Oci__Spec *spec)
{
	size_t i = 0;
	const char *uid, *name, *namespace_;

	while (i + 1 < ARRAY_SIZE(pod_keys) && !spec_annotation(spec, pod_keys[i].name))
		i++;
	namespace_ = spec_annotation(spec, pod_keys[i].namespace_);
	name = spec_annotation(spec, pod_keys[i].name);
	uid = spec_annotation(spec, pod_keys[i].uid);
	s->pod_namespace = xstrdup(namespace_ ? namespace_ : "");
	s->pod_name = xstrdup(name ? name : "");
	s->pod_uid = xstrdup(uid ? uid : "");
}

void record_fill(struct state *s, const struct config *config, const Oci__Spec *spec)
{
	s->version_dir = xstrdup(config->version_dir);
	s->config_source = xstrdup(config->source);
	s->config_path = xstrdup(config->path);
	s->config_digest = xstrdup(config->digest);
	s->started = timestamp_now(TIMESTAMP_SECONDS);
	note_pod(s, spec);
	note_assets(s, config);
}

int record_configuration(const struct state *s, const char *root, const struct config *config,
			 struct error *e)
{
	_free_ char *dir = state_dir(root, s->id);
	_free_ char *path = path_join(dir, RECORD_CONFIGURATION);
	_free_ char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < strv_len(config->files) && i < strv_len(config->values); i++)
		(void)fprintf(out, "%s\n%s", config->files[i], config->values[i]);
	(void)fclose(out);
	/* What cannot be compared key by key still is by its digest. */
	if (len > CONFIGURATION_MAX)
		return 0;
	if (dir_make(dir, 0700, e) < 0)
		return -e->code;
	return file_replace(path, text, len, 0600, e);
}
