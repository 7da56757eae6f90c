/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engines - every driver and flavour keeps the same promises about the files of others.
 *
 * Each case is a folder as it is found on some kind of machine.  Handlers are configured, again
 * (for nothing), beside a change of somebody else, and taken away; an installation is undone.  What
 * was there before must be there afterwards, byte for byte, and nothing else.
 */
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/containerd.h"
#include "lib/host/engine.h"

#define FILES_MAX 4
#define HERE      "@DIR@"
#define SHIM      "/opt/kata/bin/containerd-shim-kata-v2"
#define RUNC2                                                                \
	"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n" \
	"  runtime_type = \"io.containerd.runc.v2\"\n"
#define RUNC3                                                                 \
	"[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n" \
	"  runtime_type = 'io.containerd.runc.v2'\n"

struct found {
	const char *name;
	const char *flavour;
	const char *version;
	struct {
		const char *path, *text;
	} files[FILES_MAX];
};

static const struct found cases[] = {
	{ "no file", "k8s", "1.6.20", { { 0 } } },
	{ "no file", "k8s", "2.1.0", { { 0 } } },
	{ "an empty file", "k8s", "1.7.29", { { "config.toml", "" } } },
	{ "an empty file", "k8s", "2.0.5", { { "config.toml", "" } } },
	{ "comments, the last line open", "k8s", "1.6.20", { { "config.toml", "# a\n#b" } } },
	{ "comments, the last line open", "k8s", "2.4.2", { { "config.toml", "# a\n#b" } } },
	{ "a packaged file",
	  "k8s",
	  "1.6.20",
	  { { "config.toml",
	      "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n"
	      "    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
	      "      bin_dir = \"/usr/lib/cni\"\n" } } },
	{ "names of version 1",
	  "k8s",
	  "1.7.24",
	  { { "config.toml",
	      "[plugins]\n  [plugins.cri.containerd.runtimes.crun]\n"
	      "    runtime_type = \"io.containerd.runc.v2\"\n" } } },
	{ "the last line open",
	  "k8s",
	  "1.6.20",
	  { { "config.toml", "version = 2\n" RUNC2 "  a = 1" } } },
	{ "the last line open",
	  "k8s",
	  "2.0.0",
	  { { "config.toml", "version = 2\n" RUNC2 "  a = 1" } } },
	{ "one open line", "k8s", "2.2.0", { { "config.toml", "version = 3" } } },
	{ "imports with comments",
	  "k8s",
	  "2.2.0",
	  { { "config.toml", "version = 3\n\nimports = [\n    '" HERE "/a.toml', # the [first]\n"
			     "    \"" HERE "/b.toml\" # and \"last\"\n] # ends\n" RUNC3 },
	    { "a.toml", "version = 3\n" },
	    { "b.toml", "" } } },
	{ "imports that are empty",
	  "k8s",
	  "2.0.5",
	  { { "config.toml", "version = 2\nimports = []\n" RUNC2 } } },
	{ "imports of one, in a line",
	  "k8s",
	  "2.0.5",
	  { { "config.toml", "version = 2\nimports = [ '" HERE "/a.toml' ]\n" RUNC2 },
	    { "a.toml", "version = 2\n" } } },
	{ "a folder that is imported",
	  "k8s",
	  "2.2.0",
	  { { "config.toml", "version = 2\nimports = [\"" HERE "/conf.d/*.toml\"]\n" RUNC2 },
	    { "conf.d/10-mine.toml", "version = 2\n# mine\n" } } },
	{ "a folder that is imported and not there",
	  "k8s",
	  "2.4.2",
	  { { "config.toml", "version = 3\nimports = [\"" HERE "/conf.d/*.toml\"]\n" RUNC3 } } },
	{ "the fourth version", "k8s", "2.4.2", { { "config.toml", "version = 4\n" RUNC3 } } },
	{ "a byte order mark", "k8s", "2.1.0", { { "config.toml", "\xef\xbb\xbfversion = 3\n" } } },
	{ "line ends of Windows",
	  "k8s",
	  "2.1.0",
	  { { "config.toml", "version = 3\r\nroot = '/r'\r\n" } } },
	{ "line ends of Windows, the last line open",
	  "k8s",
	  "1.7.29",
	  { { "config.toml", "version = 2\r\n# a" } } },
	{ "imports in lines of Windows",
	  "k8s",
	  "2.4.2",
	  { { "config.toml", "version = 2\r\nimports = [\r\n  \"" HERE "/a.toml\",\r\n]\r\n" },
	    { "a.toml", "" } } },
	{ "nothing but imports",
	  "k8s",
	  "1.6.20",
	  { { "config.toml", "imports = [\"" HERE "/conf.d/*.toml\"]\n" },
	    { "conf.d/a.toml", "version = 2\n" } } },
	{ "nothing but imports",
	  "k8s",
	  "2.2.0",
	  { { "config.toml", "imports = [\"" HERE "/*.d/*.toml\"]\n" },
	    { "conf.d/a.toml", "version = 2\n" RUNC2 },
	    { "site.d/a.toml", "" } } },
	{ "a relative pattern",
	  "k8s",
	  "2.0.5",
	  { { "config.toml", "version = 2\nimports = [\"conf.d/*.toml\"]\n" RUNC2 },
	    { "conf.d/a.toml", "version = 2\n" } } },
	{ "a relative name",
	  "k8s",
	  "1.7.24",
	  { { "config.toml", "version = 2\nimports = [\"./a.toml\", ]\n" RUNC2 },
	    { "a.toml", "version = 2\n" } } },
	{ "a table of runtimes without any",
	  "k8s",
	  "1.6.20",
	  { { "config.toml",
	      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]\n" } } },
	{ "a node", "kind", "2.1.4", { { "config.toml", "version = 2\n" RUNC2 } } },
	{ "what containerd 1 gets",
	  "k3s",
	  "1.7.27-k3s1",
	  { { "config.toml", "# File generated by k3s\nversion = 2\n" RUNC2 } } },
	{ "a template",
	  "k3s",
	  "1.7.27-k3s1",
	  { { "config.toml", "version = 2\n" RUNC2 },
	    { "config.toml.tmpl", "{{ template \"base\" . }}\n\n# mine" } } },
	{ "what containerd 2 gets",
	  "k3s",
	  "2.0.5-k3s1",
	  { { "config.toml",
	      "version = 3\nimports = [\"" HERE "/config-v3.toml.d/*.toml\"]\n" RUNC3 } } },
	{ "a template of somebody's that imports",
	  "k3s",
	  "2.1.5-k3s1",
	  { { "config.toml",
	      "version = 3\nimports = [\"" HERE "/config-v3.toml.d/*.toml\"]\n" RUNC3 },
	    { "config-v3.toml.tmpl", "{{ template \"base\" . }}\n# mine\n" } } },
	{ "without imports", "rke2", "2.0.5-k3s1", { { "config.toml", "version = 3\n" RUNC3 } } },
	{ "a template that is not the base",
	  "k3s",
	  "2.1.5-k3s1",
	  { { "config.toml", "version = 3\n" RUNC3 },
	    { "config-v3.toml.tmpl",
	      "version = 3\n[plugins]\n{{ range .Runtimes }}\n{{ end }}\n" } } },
	{ "an old template under containerd 2",
	  "k3s",
	  "2.1.5-k3s1",
	  { { "config.toml", "version = 2\n" RUNC2 },
	    { "config.toml.tmpl", "{{ template \"base\" . }}\r\n# mine\r\n" } } },
	{ "templates of both",
	  "rke2",
	  "1.7.27-k3s1",
	  { { "config.toml", "version = 2\n" RUNC2 },
	    { "config.toml.tmpl", "{{ template \"base\" . }}\n" },
	    { "config-v3.toml.tmpl", "{{ template \"base\" . }}\n" } } },
	{ "with a drop-in of others",
	  "rke2",
	  "2.1.5-k3s1",
	  { { "config.toml", "version = 2\nimports = [\"" HERE "/config.toml.d/*.toml\"]\n" RUNC2 },
	    { "config.toml.d/mine.toml", "version = 2\n" } } },
	{ "managed",
	  "k0s",
	  "1.7.20",
	  { { "containerd.toml", "# k0s_managed=true\nversion = 2\nimports = [\n\t\"" HERE
				 "/run-k0s/cri.toml\",\n]\n" },
	    { "run-k0s/cri.toml", "version = 2\n" } } },
	{ "managed",
	  "k0s",
	  "2.2.1",
	  { { "containerd.toml", "# k0s_managed=true\nversion = 3\nimports = [\"" HERE
				 "/containerd.d/*.toml\"]\n" } } },
	{ "somebody's own", "k0s", "2.2.1", { { "containerd.toml", "version = 3\n" RUNC3 } } },
	{ "a template",
	  "microk8s",
	  "1.6.28",
	  { { "containerd-template.toml",
	      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
	      "  snapshotter = \"${SNAPSHOTTER}\"\n" RUNC2
	      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata]\n"
	      "  runtime_type = \"io.containerd.kata.v2\"\n" } } },
	{ "no file", "crio", "1.36.3", { { 0 } } },
	{ "an empty file", "crio", "1.30.0", { { "crio.conf", "" } } },
	{ "a folder and no main file",
	  "crio",
	  "1.36.3",
	  { { "crio.conf.d/10-crio.conf",
	      "[crio.image]\nsignature_policy = \"/etc/crio/policy.json\"\n\n"
	      "[crio.runtime]\ndefault_runtime = \"crun\"\n\n"
	      "[crio.runtime.runtimes.crun]\nruntime_path = \"/usr/libexec/crio/crun\"\n"
	      "allowed_annotations = [\n    \"io.containers.trace-syscall\",\n]\n" } } },
	{ "files of others, one in a folder, the last line open",
	  "crio",
	  "1.31.4",
	  { { "crio.conf", "# a\n[crio]\n[crio.runtime]\nconmon_cgroup = \"pod\"" },
	    { "crio.conf.d/00-default.conf", "" },
	    { "crio.conf.d/sub/zz", "[crio.runtime.runtimes.runc]\nruntime_path = \"\"" } } },
	{ "a handler of our name that leads elsewhere in a comment",
	  "crio",
	  "1.28.1",
	  { { "crio.conf", "#[crio.runtime.runtimes.kata-qemu]\n#runtime_path = \"/x\"\n" } } },
	{ "no file", "docker", "26.1.5+dfsg1", { { 0 } } },
	{ "an empty file", "docker", "26.1.5", { { "daemon.json", "" } } },
	{ "an open line without anything", "docker", "26.1.5", { { "daemon.json", " \t" } } },
	{ "lines without anything", "docker", "28.5.2", { { "daemon.json", "\n\n" } } },
	{ "braces", "docker", "28.5.2", { { "daemon.json", "{}" } } },
	{ "braces in a line", "docker", "28.5.2", { { "daemon.json", "{}\n" } } },
	{ "braces in two lines", "docker", "28.5.2", { { "daemon.json", "{\n}\n" } } },
	{ "braces and a blank", "docker", "28.5.2", { { "daemon.json", "{ }\n" } } },
	{ "one line",
	  "docker",
	  "26.1.5",
	  { { "daemon.json", "{\"debug\":true,\"hosts\":[\"fd://\"]}" } } },
	{ "one line with blanks", "docker", "26.1.5", { { "daemon.json", "{ \"a\" : 1 }\n" } } },
	{ "what a person writes",
	  "docker",
	  "27.0.3",
	  { { "daemon.json",
	      "{\n  \"log-driver\": \"json-file\",\n  \"log-opts\": {\n    "
	      "\"max-size\": \"10m\"\n  }\n}\n" } } },
	{ "tabs, the last line open",
	  "docker",
	  "27.0.3",
	  { { "daemon.json", "{\n\t\"live-restore\": true,\n\n\t\"debug\": false\n}" } } },
	{ "no indentation", "docker", "27.0.3", { { "daemon.json", "{\n\"a\": \"}{,\"\n}\n" } } },
	{ "line ends of Windows",
	  "docker",
	  "29.0.1",
	  { { "daemon.json", "{\r\n    \"debug\": true\r\n}\r\n" } } },
	{ "a byte order mark",
	  "docker",
	  "29.0.1",
	  { { "daemon.json", "\xef\xbb\xbf{\n  \"debug\": true\n}\n" } } },
	{ "a byte order mark alone", "docker", "29.0.1", { { "daemon.json", "\xef\xbb\xbf" } } },
	{ "the runtime of a toolkit",
	  "docker",
	  "28.5.2",
	  { { "daemon.json",
	      "{\n    \"default-runtime\": \"nvidia\",\n    \"runtimes\": {\n        \"nvidia\": "
	      "{\n"
	      "            \"args\": [],\n            \"path\": \"nvidia-container-runtime\"\n"
	      "        }\n    }\n}" } } },
	{ "runtimes between others",
	  "docker",
	  "28.5.2",
	  { { "daemon.json",
	      "{\"runtimes\": {\"crun\": {\"path\": \"/usr/bin/crun\"} ,\n\t\"runsc\": {}}\n, "
	      "\"x\": "
	      "[{\"runtimes\": 1}]}\n" } } },
	{ "no runtimes in their braces",
	  "docker",
	  "28.5.2",
	  { { "daemon.json", "{\n  \"runtimes\": {},\n  \"debug\": true\n}\n" } } },
	{ "no runtimes in two lines",
	  "docker",
	  "28.5.2",
	  { { "daemon.json", "{\n  \"runtimes\": {\n  }\n}\n" } } },
	{ "runtimes twice",
	  "docker",
	  "28.5.2",
	  { { "daemon.json", "{\"runtimes\": {\"a\": {}}, \"runtimes\": {\"b\": {}}}" } } },
	{ "runtimes in escapes",
	  "docker",
	  "28.5.2",
	  { { "daemon.json", "{\"\\u0072untimes\": {\"a\\\"b\": {}}}" } } },
	{ "no link", "nerdctl", "2.0.5", { { 0 } } },
	{ "other programs", "nerdctl", "1.7.24", { { "nerdctl", "#!/bin/sh\n" } } },
};

/* What somebody left under a name of ours: "theirs" must go from the whole of it. */
static const struct found left[] = {
	{ "in a drop-in, as upstream has it",
	  "k8s",
	  "2.2.0",
	  { { "config.toml", "version = 3\nimports = [\"" HERE "/other/*.toml\"] # those\n" RUNC3 },
	    { "other/kata-deploy.toml",
	      "version = 3\n"
	      "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu]\n"
	      "  runtime_type = \"io.containerd.kata-qemu.v2\"\n"
	      "  runtime_path = \"/theirs/shim\"\n"
	      "  snapshotter = \"theirs\"\n"
	      "  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu.options]\n"
	      "    ConfigPath = \"/theirs/c.toml\"\n"
	      "[plugins.'io.containerd.cri.v1.images'.runtime_platforms.kata-qemu]\n"
	      "  snapshotter = \"theirs\"\n" } } },
	{ "in the main file",
	  "k8s",
	  "2.0.5",
	  { { "config.toml",
	      "version = 2\n" RUNC2
	      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata-clh]\n"
	      "  runtime_type = \"io.containerd.kata-clh.v2\" # theirs\n"
	      "  snapshotter = \"theirs\"\n# ours to keep" } } },
	{ "under names of version 1",
	  "k8s",
	  "1.7.20",
	  { { "config.toml",
	      "[plugins.cri.containerd.runtimes.kata-qemu]\n"
	      "  runtime_type = \"/theirs/shim\"\n"
	      "  snapshotter = \"theirs\"\n"
	      "[plugins.cri.cni]\n  bin_dir = \"/x\"\n" } } },
	{ "in a file that is named as CRI-O's others are, as upstream has it",
	  "crio",
	  "1.36.3",
	  { { "crio.conf", "[crio.runtime]\n# mine\n" },
	    { "crio.conf.d/99-kata-deploy",
	      "[crio]\n  storage_option = [\n\t\"overlay.skip_mount_home=true\",\n  ]\n"
	      "[crio.runtime.runtimes.kata-qemu]\n\truntime_path = \"/theirs/shim\"\n"
	      "\truntime_type = \"vm\"\n\truntime_pull_image = true # theirs\n"
	      "[crio.runtime.runtimes.kata-clh]\n\truntime_path = \"/theirs/shim\"\n" } } },
	{ "in CRI-O's main file",
	  "crio",
	  "1.30.0",
	  { { "crio.conf",
	      "[crio.runtime.runtimes.runc]\nruntime_path = \"/usr/bin/runc\"\n\n"
	      "[crio.runtime.runtimes.kata-clh]\nruntime_path = \"/theirs\"\n\n"
	      "[crio.network]\nnetwork_dir = \"/etc/cni/net.d/\"" } } },
	{ "in somebody's template",
	  "microk8s",
	  "1.6.28",
	  { { "containerd-template.toml",
	      "version = 2\n" RUNC2
	      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata-qemu]\n"
	      "  runtime_type = \"io.containerd.runc.v2\"\n"
	      "  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata-qemu.options]\n"
	      "    BinaryName = \"theirs\"\n" } } },
};

static const struct handler handlers[] = {
	{ "kata-qemu", SHIM, "/opt/kata/share/qemu.toml", "/etc/kata/qemu", NULL },
	{ "kata-clh", SHIM, "/opt/kata/share/clh.toml", "/etc/kata/clh", NULL },
	{ "kata-fc", SHIM, "/opt/kata/share/fc.toml", "/etc/kata/fc", NULL },
	{ "kata-acrn", SHIM, "/opt/kata/share/acrn.toml", "/etc/kata/acrn", NULL },
	{ "kata-tdx", SHIM, "/opt/kata/share/tdx.toml", "/etc/kata/tdx", NULL },
	{ "kata-snp", SHIM, "/opt/kata/share/snp.toml", "/etc/kata/snp", NULL },
	{ "kata-remote", SHIM, "/opt/kata/share/remote.toml", "/etc/kata/remote", NULL },
};
/* What a removal knows: it reads no configuration. */
static const struct handler known[] = {
	{ "kata-qemu", SHIM, NULL, "/etc/kata/qemu", NULL },
	{ "kata-clh", SHIM, NULL, "/etc/kata/clh", NULL },
	{ "kata-fc", SHIM, NULL, "/etc/kata/fc", NULL },
	{ "kata-acrn", SHIM, NULL, "/etc/kata/acrn", NULL },
	{ "kata-tdx", SHIM, NULL, "/etc/kata/tdx", NULL },
	{ "kata-snp", SHIM, NULL, "/etc/kata/snp", NULL },
	{ "kata-remote", SHIM, NULL, "/etc/kata/remote", NULL },
};

#define BLUE_SHIM "/opt/kata-blue/bin/containerd-shim-kata-v2"

/* Of a second installation. */
static const struct handler blue_handlers[] = {
	{ "kata-qemu-blue", BLUE_SHIM, "/opt/kata-blue/share/qemu.toml", "/etc/kata/qemu-blue",
	  NULL },
	{ "kata-clh-blue", BLUE_SHIM, "/opt/kata-blue/share/clh.toml", "/etc/kata/clh-blue", NULL },
	{ "kata-fc-blue", BLUE_SHIM, "/opt/kata-blue/share/fc.toml", "/etc/kata/fc-blue", NULL },
	{ "kata-acrn-blue", BLUE_SHIM, "/opt/kata-blue/share/acrn.toml", "/etc/kata/acrn-blue",
	  NULL },
	{ "kata-tdx-blue", BLUE_SHIM, "/opt/kata-blue/share/tdx.toml", "/etc/kata/tdx-blue", NULL },
	{ "kata-snp-blue", BLUE_SHIM, "/opt/kata-blue/share/snp.toml", "/etc/kata/snp-blue", NULL },
	{ "kata-remote-blue", BLUE_SHIM, "/opt/kata-blue/share/remote.toml",
	  "/etc/kata/remote-blue", NULL },
};
static const struct handler blue_known[] = {
	{ "kata-qemu-blue", BLUE_SHIM, NULL, "/etc/kata/qemu-blue", NULL },
	{ "kata-clh-blue", BLUE_SHIM, NULL, "/etc/kata/clh-blue", NULL },
	{ "kata-fc-blue", BLUE_SHIM, NULL, "/etc/kata/fc-blue", NULL },
	{ "kata-acrn-blue", BLUE_SHIM, NULL, "/etc/kata/acrn-blue", NULL },
	{ "kata-tdx-blue", BLUE_SHIM, NULL, "/etc/kata/tdx-blue", NULL },
	{ "kata-snp-blue", BLUE_SHIM, NULL, "/etc/kata/snp-blue", NULL },
	{ "kata-remote-blue", BLUE_SHIM, NULL, "/etc/kata/remote-blue", NULL },
};

/* ---- folders ---- */

static char *fill(const char *text, const char *dir)
{
	_strv_ strv parts = NULL;
	const char *at;

	for (at = strstr(text, HERE); at; at = strstr(text, HERE)) {
		strv_take(&parts, xstrndup(text, (size_t)(at - text)));
		strv_add(&parts, dir);
		text = at + strlen(HERE);
	}
	strv_add(&parts, text);
	return strv_join(parts, "");
}

static FILE *listing;
/* Ends an entry: a file system has them in any order. */
#define NEXT "\f"

static char *target_of(const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	return xstrndup(target, n < 0 ? 0 : (size_t)n);
}

static int list_one(const char *path, const struct stat *st, int kind, struct FTW *level)
{
	_free_ char *text = NULL;
	struct error e;

	(void)level;
	if (kind == FTW_SL) {
		_free_ char *target = target_of(path);

		fprintf(listing, "%s leads to\n<%s>\n" NEXT, path, target);
		return 0;
	}
	fprintf(listing, "%s %o %u %u\n", path, st->st_mode, st->st_uid, st->st_gid);
	if (kind == FTW_F && file_read(path, MIB, &text, NULL, &e) >= 0)
		fprintf(listing, "<%s>\n", text);
	fputs(NEXT, listing);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All that is in DIR, as a text. */
static char *picture(const char *dir)
{
	_free_ char *raw = NULL;
	_strv_ strv lines = NULL;
	size_t size;

	listing = open_memstream(&raw, &size);
	(void)nftw(dir, list_one, 8, FTW_PHYS);
	(void)fclose(listing);
	lines = strv_split(raw, NEXT);
	qsort(lines, strv_len(lines), sizeof(*lines), by_name);
	return strv_join(lines, NEXT);
}

struct world {
	char *dir;
	struct engine engine;
};

static void begin(struct world *w, const struct found *c)
{
	struct error e;

	*w = (struct world){ .dir = folder_new() };
	for (size_t i = 0; i < FILES_MAX && c->files[i].path; i++) {
		_free_ char *text = fill(c->files[i].text, w->dir);

		folder_put(w->dir, c->files[i].path, text);
	}
	if (flavour_find(c->flavour, &w->engine.flavour, &e) < 0)
		fail_msg("%s", e.msg);
	w->engine.driver = engine_driver(w->engine.flavour);
	w->engine.dir = w->dir;
	w->engine.main_file = w->engine.flavour->main_file;
	w->engine.owner = &test_owner;
	if (engine_set_version(&w->engine, c->version, &e) < 0)
		fail_msg("%s", e.msg);
}

static void end(struct world *w)
{
	engine_done(&w->engine);
	folder_remove(w->dir);
}

static void plan(const struct world *w, enum presence presence, struct edit *ret_edit)
{
	bool is_blue = w->engine.owner == &other_owner;
	const struct handler *wished = is_blue ? blue_handlers : handlers;
	const struct handler *to_go = is_blue ? blue_known : known;
	const struct handlers all = { presence == HANDLERS_PRESENT ? wished : to_go,
				      ARRAY_SIZE(handlers), presence };
	struct error e;

	if (w->engine.driver->plan(&w->engine, &all, ret_edit, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Returns what edit_restore() needs to undo it. */
static struct json_object *change(const struct world *w, enum presence presence)
{
	struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	struct error e;

	plan(w, presence, &edit);
	edit_save(&edit, data);
	assert_true(edit_is_needed(&edit));
	if (edit_apply(&edit, &e) < 0)
		fail_msg("%s", e.msg);
	return data;
}

static void restore(const struct world *w, struct json_object *data)
{
	struct error e;

	if (edit_restore(data, w->engine.driver->merge, &w->engine, &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_settled(const struct world *w, enum presence presence)
{
	_edit_ struct edit edit = { 0 };

	plan(w, presence, &edit);
	if (edit_is_needed(&edit))
		fail_msg("a repetition would write");
}

static void assert_picture(const struct world *w, const char *wanted)
{
	_free_ char *now = picture(w->dir);

	if (strcmp(now, wanted) != 0)
		fail_msg("wanted:\n%s\nfound:\n%s", wanted, now);
}

static bool has_handlers(const struct world *w)
{
	_free_ char *all = picture(w->dir);

	if (str_equal(w->engine.flavour->driver, "nerdctl"))
		return strstr(all, "\n<" SHIM);
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (!strstr(all, handlers[i].name))
			return false;
	return true;
}

/* ---- the contract ---- */

static void say(const struct found *c)
{
	print_message("  %s %s: %s\n", c->flavour, c->version, c->name);
}

static void check_life(const struct found *c)
{
	_json_ struct json_object *first = NULL;
	_json_ struct json_object *second = NULL;
	_json_ struct json_object *third = NULL;
	_free_ char *before = NULL;
	_free_ char *with = NULL;
	struct world w;

	begin(&w, c);
	before = picture(w.dir);
	assert_settled(&w, HANDLERS_ABSENT);
	first = change(&w, HANDLERS_PRESENT);
	assert_true(has_handlers(&w));
	with = picture(w.dir);
	assert_settled(&w, HANDLERS_PRESENT);
	restore(&w, first);
	assert_picture(&w, before);
	second = change(&w, HANDLERS_PRESENT);
	assert_picture(&w, with);
	third = change(&w, HANDLERS_ABSENT);
	assert_picture(&w, before);
	assert_settled(&w, HANDLERS_ABSENT);
	restore(&w, third);
	assert_picture(&w, with);
	end(&w);
}

static void test_every_engine_leaves_what_it_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		say(&cases[i]);
		check_life(&cases[i]);
	}
}

/* OWNER comes or goes; WANTED (NULL: whatever) is what the folder is then. */
static void change_of(struct world *w, const struct owner *owner, enum presence presence,
		      const char *wanted)
{
	_json_ struct json_object *data = NULL;
	_free_ char *before = picture(w->dir);
	_free_ char *after = NULL;

	w->engine.owner = owner;
	data = change(w, presence);
	assert_settled(w, presence);
	after = picture(w->dir);
	if (wanted)
		assert_picture(w, wanted);
	/* An undo beside the other. */
	restore(w, data);
	assert_picture(w, before);
	json_putp(&data);
	data = change(w, presence);
	assert_picture(w, after);
}

/* The second is added and taken away as if it were alone, and so is the first beside the second. */
static void check_neighbours(const struct found *c, const struct owner *first,
			     const struct owner *second)
{
	_free_ char *before = NULL;
	_free_ char *with_first = NULL;
	struct world w;

	begin(&w, c);
	before = picture(w.dir);
	change_of(&w, first, HANDLERS_PRESENT, NULL);
	with_first = picture(w.dir);
	change_of(&w, second, HANDLERS_PRESENT, NULL);
	w.engine.owner = first;
	assert_settled(&w, HANDLERS_PRESENT);
	change_of(&w, second, HANDLERS_ABSENT, with_first);
	change_of(&w, second, HANDLERS_PRESENT, NULL);
	change_of(&w, first, HANDLERS_ABSENT, NULL);
	w.engine.owner = second;
	assert_settled(&w, HANDLERS_PRESENT);
	change_of(&w, second, HANDLERS_ABSENT, before);
	end(&w);
}

static void test_two_installations_do_not_see_one_another(void **state)
{
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world w;
		bool can_be_two;

		begin(&w, &cases[i]);
		can_be_two = w.engine.driver->has_drop_ins(&w.engine);
		end(&w);
		if (!can_be_two)
			continue;
		say(&cases[i]);
		check_neighbours(&cases[i], &test_owner, &other_owner);
		check_neighbours(&cases[i], &other_owner, &test_owner);
		n++;
	}
	assert_true(n >= 8);
}

static void check_takeover(const struct found *c)
{
	_json_ struct json_object *first = NULL;
	_free_ char *before = NULL;
	_free_ char *with = NULL;
	struct world w;

	begin(&w, c);
	before = picture(w.dir);
	first = change(&w, HANDLERS_PRESENT);
	assert_true(has_handlers(&w));
	with = picture(w.dir);
	if (strstr(with, "theirs"))
		fail_msg("%s", with);
	assert_settled(&w, HANDLERS_PRESENT);
	restore(&w, first);
	assert_picture(&w, before);
	end(&w);
}

static void test_handler_that_somebody_left_is_taken_over_as_a_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		say(&left[i]);
		check_takeover(&left[i]);
	}
}

/* Adds a line to a file in front of what is there, as a person does.  JSON knows no comments. */
static void add_foreign(const struct world *w, const char *name, const char *line)
{
	_free_ char *path = path_join(w->dir, name);
	_free_ char *now = NULL;
	_free_ char *longer = NULL;
	struct error e;

	assert_int_equal(file_read(path, MIB, &now, NULL, &e), 0);
	longer = xasprintf("%s%s", line, now);
	folder_put(w->dir, name, longer);
}

static void check_foreign_change(const struct found *c)
{
	const char *line = str_equal(c->flavour, "docker") ? "\n" : "# somebody's own\n";
	_json_ struct json_object *first = NULL;
	_free_ char *path = NULL;
	_free_ char *before = NULL;
	_free_ char *changed = NULL;
	struct world w;
	struct error e;

	if (!c->files[0].path || str_equal(c->flavour, "nerdctl") ||
	    str_starts(c->files[0].text, "\xef\xbb\xbf"))
		return;
	begin(&w, c);
	path = path_join(w.dir, c->files[0].path);
	assert_int_equal(file_read(path, MIB, &before, NULL, &e), 0);
	first = change(&w, HANDLERS_PRESENT);
	add_foreign(&w, c->files[0].path, line);
	assert_settled(&w, HANDLERS_PRESENT);
	restore(&w, first);
	assert_int_equal(file_read(path, MIB, &changed, NULL, &e), 0);
	if (!str_starts(changed, line) || strcmp(changed + strlen(line), before) != 0)
		fail_msg("wanted:\n%s%s\nfound:\n%s", line, before, changed);
	end(&w);
}

static void test_every_engine_keeps_a_change_of_somebody_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		say(&cases[i]);
		check_foreign_change(&cases[i]);
	}
}

/* Writes PATH again without comments, indentation and empty lines, as a tool does that reads TOML
 * and writes it. */
static int rewrite_one(const char *path, const struct stat *st, int flag, struct FTW *place)
{
	_free_ char *text = NULL;
	_free_ char *now = NULL;
	_strv_ strv lines = NULL;
	_strv_ strv kept = NULL;
	struct error e;

	(void)place;
	if (flag != FTW_F || str_ends(path, ".tmpl"))
		return 0;
	assert_int_equal(file_read(path, MIB, &text, NULL, &e), 0);
	lines = strv_split(text, "\n");
	for (char **line = lines; line && *line; line++) {
		const char *begin = *line + strspn(*line, " \t\r");

		(*line)[strcspn(*line, "\r")] = '\0';
		if (*begin && *begin != '#')
			strv_add(&kept, begin);
	}
	now = strv_join(kept, "\n");
	return file_replace(path, now, strlen(now), st->st_mode & 07777, &e);
}

static void test_handlers_that_a_tool_rewrote_are_known_by_their_meaning(void **state)
{
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *now = NULL;
		struct world w;

		begin(&w, &cases[i]);
		if (str_equal(w.engine.driver->name, "containerd") ||
		    str_equal(w.engine.driver->name, "cri-o")) {
			say(&cases[i]);
			json_object_put(change(&w, HANDLERS_PRESENT));
			assert_int_equal(nftw(w.dir, rewrite_one, 8, FTW_PHYS), 0);
			json_object_put(change(&w, HANDLERS_ABSENT));
			now = picture(w.dir);
			if (strstr(now, "kata-qemu"))
				fail_msg("%s", now);
			n++;
		}
		end(&w);
	}
	assert_true(n >= 20);
}

/* k3s goes on rendering the older format for as long as there is a template for it, and imports the
 * folder of that one. */
static void test_template_goes_with_the_drop_in_after_an_upgrade(void **state)
{
	static const struct found old = {
		"a node", "k3s", "1.7.27-k3s1", { { "config.toml", "version = 2\n" RUNC2 } }
	};
	_free_ char *main_path = NULL;
	_free_ char *template = NULL;
	_free_ char *drop_in = NULL;
	_free_ char *text = NULL;
	struct world w;
	struct error e;

	(void)state;
	begin(&w, &old);
	main_path = path_join(w.dir, "config.toml");
	template = path_join(w.dir, "config.toml.tmpl");
	drop_in = path_join(w.dir, "config.toml.d/kata-deploy.toml");
	json_object_put(change(&w, HANDLERS_PRESENT));
	assert_true(file_exists(template));

	text = xasprintf("version = 2\nimports = [\"%s/config.toml.d/*.toml\"]\n" RUNC2, w.dir);
	assert_int_equal(file_replace(main_path, text, strlen(text), 0644, &e), 0);
	assert_int_equal(engine_set_version(&w.engine, "2.1.5-k3s1", &e), 0);
	json_object_put(change(&w, HANDLERS_PRESENT));
	assert_true(file_exists(drop_in));
	assert_true(file_exists(template));
	assert_settled(&w, HANDLERS_PRESENT);

	w.engine.owner = &other_owner;
	json_object_put(change(&w, HANDLERS_PRESENT));
	json_object_put(change(&w, HANDLERS_ABSENT));
	assert_true(file_exists(template));
	w.engine.owner = &test_owner;
	json_object_put(change(&w, HANDLERS_ABSENT));
	assert_false(file_exists(drop_in));
	assert_false(file_exists(template));
	end(&w);
}

static void test_handler_that_is_not_wished_any_more_goes(void **state)
{
	const struct handlers fewer = { handlers, 1, HANDLERS_PRESENT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_edit_ struct edit edit = { 0 };
		_free_ char *before = NULL;
		_free_ char *now = NULL;
		struct world w;
		struct error e;

		begin(&w, &cases[i]);
		say(&cases[i]);
		before = picture(w.dir);
		json_object_put(change(&w, HANDLERS_PRESENT));
		if (w.engine.driver->plan(&w.engine, &fewer, &edit, &e) < 0 ||
		    edit_apply(&edit, &e) < 0)
			fail_msg("%s", e.msg);
		now = picture(w.dir);
		assert_null(strstr(now, "kata-clh"));
		json_object_put(change(&w, HANDLERS_ABSENT));
		assert_picture(&w, before);
		end(&w);
	}
}

/* The handlers are in what it is given, and the stand-in is imported by it. */
static void test_containerd_judges_what_it_would_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_edit_ struct edit edit = { 0 };
		_free_ char *drop_in = NULL;
		_free_ char *text = NULL;
		struct world w;
		struct error e;

		begin(&w, &cases[i]);
		if (str_equal(w.engine.driver->name, "containerd")) {
			say(&cases[i]);
			plan(&w, HANDLERS_PRESENT, &edit);
			if (containerd_candidate(&w.engine, &edit, "/stand-in", &drop_in, &text,
						 &e) < 0)
				fail_msg("%s", e.msg);
			assert_non_null(strstr(drop_in ? drop_in : text, "kata-clh"));
			assert_true(!drop_in || strstr(text, "\"/stand-in\""));
		}
		end(&w);
	}
}

static void test_every_flavour_is_whole_and_has_a_case(void **state)
{
	const struct flavour *f;

	(void)state;
	for (size_t i = 0; (f = flavour_at(i)) != NULL; i++) {
		bool has_case = false;

		assert_non_null(engine_driver(f));
		assert_non_null(f->units[0]);
		assert_null(f->units[FLAVOUR_UNITS_MAX - 1]);
		assert_true(f->socket[0] == '/' && f->dir[0] == '/');
		for (size_t k = 0; k < ARRAY_SIZE(cases); k++)
			has_case |= str_equal(cases[k].flavour, f->name);
		if (!has_case)
			fail_msg("no case of flavour '%s'", f->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_engine_leaves_what_it_found),
		cmocka_unit_test(test_two_installations_do_not_see_one_another),
		cmocka_unit_test(test_handler_that_somebody_left_is_taken_over_as_a_whole),
		cmocka_unit_test(test_every_engine_keeps_a_change_of_somebody_else),
		cmocka_unit_test(test_handlers_that_a_tool_rewrote_are_known_by_their_meaning),
		cmocka_unit_test(test_template_goes_with_the_drop_in_after_an_upgrade),
		cmocka_unit_test(test_handler_that_is_not_wished_any_more_goes),
		cmocka_unit_test(test_containerd_judges_what_it_would_read),
		cmocka_unit_test(test_every_flavour_is_whole_and_has_a_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
