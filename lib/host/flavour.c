/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flavour - the kinds of machines whose container engine we know.
 *
 * A row says where things are; how they are changed is the driver's (engine.h).  The first row is
 * what is meant when nothing is said.  Any thread.
 */
#include "lib/host/flavour.h"

#include <string.h>

static const struct flavour flavours[] = {
	{
		.name = "k8s",
		.driver = "containerd",
		.units = { "containerd.service" },
		.socket = "/run/containerd/containerd.sock",
		.dir = "/etc/containerd",
		.main_file = "config.toml",
		.drop_in_dir = "conf.d",
	},
	{
		/* Its nodes are containers with a systemd of their own. */
		.name = "kind",
		.driver = "containerd",
		.units = { "containerd.service" },
		.socket = "/run/containerd/containerd.sock",
		.dir = "/etc/containerd",
		.main_file = "config.toml",
		.drop_in_dir = "conf.d",
	},
	{
		/* Writes the main file at each start, from a template if there is one; what it
		 * writes for containerd 2 imports the folders. */
		.name = "k3s",
		.driver = "containerd",
		.units = { "k3s.service", "k3s-agent.service" },
		.socket = "/run/k3s/containerd/containerd.sock",
		.dir = "/var/lib/rancher/k3s/agent/etc/containerd",
		.main_file = "config.toml",
		.drop_in_dir = "config.toml.d",
		.drop_in_dir3 = "config-v3.toml.d",
		.template = "config.toml.tmpl",
		.template3 = "config-v3.toml.tmpl",
		.writer = "k3s",
		.takes_along = "the kubelet, which then sets the node's labels anew",
	},
	{
		.name = "rke2",
		.driver = "containerd",
		.units = { "rke2-agent.service", "rke2-server.service" },
		.socket = "/run/k3s/containerd/containerd.sock",
		.dir = "/var/lib/rancher/rke2/agent/etc/containerd",
		.main_file = "config.toml",
		.drop_in_dir = "config.toml.d",
		.drop_in_dir3 = "config-v3.toml.d",
		.template = "config.toml.tmpl",
		.template3 = "config-v3.toml.tmpl",
		.writer = "rke2",
		.takes_along = "the kubelet, which then sets the node's labels anew",
	},
	{
		/* Watches the folder; merges its files for containerd 1, too. */
		.name = "k0s",
		.driver = "containerd",
		.units = { "k0sworker.service", "k0scontroller.service" },
		.socket = "/run/k0s/containerd.sock",
		.dir = "/etc/k0s",
		.main_file = "containerd.toml",
		.drop_in_dir = "containerd.d",
		.writer = "k0s",
		.writer_mark = "# k0s_managed=true",
		.activation = ACTIVATE_NOTHING,
	},
	{
		/* The main file is a template with names to fill in, and TOML nonetheless. */
		.name = "microk8s",
		.driver = "containerd",
		.units = { "snap.microk8s.daemon-containerd.service" },
		.socket = "/var/snap/microk8s/common/run/containerd.sock",
		.dir = "/var/snap/microk8s/current/args",
		.main_file = "containerd-template.toml",
		.reads = "containerd.toml",
		.drop_in_dir = "conf.d",
	},
	{
		.name = "crio",
		.driver = "cri-o",
		.units = { "crio.service" },
		.socket = "/run/crio/crio.sock",
		.dir = "/etc/crio",
		.main_file = "crio.conf",
		.drop_in_dir = "crio.conf.d",
	},
	{
		.name = "docker",
		.driver = "docker",
		.units = { "docker.service" },
		.socket = "/run/docker.sock",
		.dir = "/etc/docker",
		.main_file = "daemon.json",
		.activation = ACTIVATE_RELOAD,
		.pid_file = "/run/docker.pid",
		.is_bare = true,
	},
	{
		/* A link in the PATH of containerd is all that nerdctl and ctr need. */
		.name = "nerdctl",
		.title = "containerd",
		.driver = "nerdctl",
		.units = { "containerd.service" },
		.socket = "/run/containerd/containerd.sock",
		.dir = "/usr/local/bin",
		.main_file = "containerd-shim-kata-v2",
		.activation = ACTIVATE_NOTHING,
		.is_bare = true,
	},
};

const char *flavour_title(const struct flavour *flavour)
{
	return flavour->title ? flavour->title : flavour->name;
}

const struct flavour *flavour_at(size_t i)
{
	return i < ARRAY_SIZE(flavours) ? &flavours[i] : NULL;
}

const struct flavour *flavour_of_runtime(const struct flavour *named, const char *version)
{
	const char *colon = version ? strstr(version, "://") : NULL;
	_free_ char *driver = colon ? xstrndup(version, (size_t)(colon - version)) : NULL;

	if (!driver || str_equal(named->driver, driver))
		return named;
	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++)
		if (!flavours[i].is_bare && str_equal(flavours[i].driver, driver))
			return &flavours[i];
	return named;
}

int flavour_find(const char *name, const struct flavour **ret_flavour, struct error *e)
{
	_strv_ strv known = NULL;
	_free_ char *list = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++) {
		if (str_equal(flavours[i].name, name)) {
			*ret_flavour = &flavours[i];
			return 0;
		}
		strv_add(&known, flavours[i].name);
	}
	list = strv_join(known, ", ");
	return fail(e, EINVAL, "'%s' is none of %s", name, list);
}
