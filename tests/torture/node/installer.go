// SPDX-License-Identifier: Apache-2.0

// The programs that are tortured, and what an administrator does with each.
package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// flow is what an administrator does, from what stands before it.
type flow struct {
	name, after string
	words       []string // of the command line; "@1.0.1" is the folder of that release
	release     string   // of the image
	isEnd       bool     // the cluster does not want the node any more
	settings    []string
	damage      func(w *world)
}

// installer is one of the programs.
type installer struct {
	name    string
	flows   []*flow
	removal string   // the flow that takes everything away
	stay    []string // what is done where there is nothing to do
	says    string   // what is in every complaint
	idle    string   // and where there was nothing to do
	// What its node has beside what all have, and the engine that it configures there.
	furnish func(w *world)
}

var debug = []string{"DEBUG=true"}

var kataDeploy = &installer{
	name: "kata-deploy", removal: "cleanup", stay: []string{"apply"}, says: "error", idle: ", nothing to do: 0 steps, 0 writes, 0 restarts",
	furnish: furnishNode,
	flows: []*flow{
		{name: "install", words: []string{"apply"}, release: "1.0.1"},
		{name: "upgrade", words: []string{"apply"}, release: "1.0.2", after: "install", settings: debug},
		{name: "roll-back", words: []string{"rollback"}, release: "1.0.2", after: "upgrade", settings: debug},
		{name: "repair", words: []string{"apply"}, release: "1.0.2", after: "upgrade", settings: debug, damage: damageVersion},
		{name: "reconfigure", words: []string{"apply"}, release: "1.0.2", after: "upgrade",
			settings: []string{"DEBUG=true", "ALLOWED_HYPERVISOR_ANNOTATIONS=default_memory"}},
		{name: "reset", words: []string{"reset"}, release: "1.0.2", after: "upgrade", settings: debug, isEnd: true},
		{name: "cleanup", words: []string{"cleanup"}, release: "1.0.2", after: "upgrade", settings: debug, isEnd: true},
	},
}

var kataManager = &installer{
	name: "kata-manager", removal: "remove", stay: []string{"recover"}, says: "kata-manager: ", idle: ": 0 steps, 0 writes, 0 restarts",
	furnish: furnishMachine,
	flows: []*flow{
		{name: "settle", words: []string{"config", "set", "hypervisor.qemu.allow_emulation", "true"}},
		{name: "install", words: []string{"install", "--from", "@1.0.1", "--key", publicKey}, after: "settle"},
		{name: "upgrade", words: []string{"upgrade", "--from", "@1.0.2"}, after: "install"},
		{name: "roll-back", words: []string{"rollback"}, after: "upgrade"},
		{name: "repair", words: []string{"install", "--from", "@1.0.2"}, after: "upgrade", damage: damageVersion},
		{name: "reconfigure", words: []string{"config", "set", "hypervisor.qemu.default_memory", "256"}, after: "upgrade"},
		{name: "remove", words: []string{"remove", "--yes"}, after: "reconfigure"},
	},
}

func installerOf(program string) *installer {
	if strings.HasPrefix(filepath.Base(program), "kata-manager") {
		return kataManager
	}
	return kataDeploy
}

func (i *installer) flow(name string) *flow {
	for _, f := range i.flows {
		if f.name == name {
			return f
		}
	}
	return nil
}

// damageVersion takes a file from the current version, which somebody would do by hand.
func damageVersion(w *world) {
	must(os.Remove(w.node + "/opt/kata/current/libexec/virtiofsd"))
}

// ---- a node of a cluster ----

const configuration1 = `version = 2
# The administrator's own words.
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.theirs]
    runtime_type = "io.containerd.theirs.v1"
`

const configuration2 = `version = 3
# The administrator's own words.
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.theirs]
  runtime_type = 'io.containerd.theirs.v1'
`

func giveContainerd(w *world, socket string) {
	text := configuration2
	if strings.HasPrefix(w.version, "1.") {
		text = configuration1
	}
	w.give("etc/containerd/config.toml", text, 0o640)
	w.engine = newEngine(w, socket, w.node+"/etc/containerd/config.toml")
	w.engine.theirs = []string{"runc", "theirs"}
}

func furnishNode(w *world) {
	must(os.MkdirAll(w.node+"/etc/kata-containers", 0o755))
	giveContainerd(w, w.room+"/containerd.sock")
	w.base = []string{
		"NODE_NAME=n1",
		"INSTALLATION_PREFIX=" + w.node, "KATA_ETC=" + w.node + "/etc/kata-containers",
		"KATA_CONTAINERD_DIR=" + w.node + "/etc/containerd", "KATA_CONTAINERD_SOCKET=" + w.room + "/containerd.sock",
		"KATA_LOCKS=/run/vc " + w.node + "/etc/kata-containers", "KATA_PATH_DIR=" + w.node + "/bin",
		"KATA_RESTART_COMMAND=restart-engine", "KUBECONFIG=" + w.room + "/kubeconfig", "KATA_DEPLOY_KEY=" + publicKey,
		"KATA_REFUSED_WAIT=0", "KATA_REMOVE_WAIT=1", "KATA_REMOVE_RUNNING_WAIT=0", "KATA_CUSTOM_CONFIGS=" + w.room + "/none",
	}
}

// ---- a machine without one ----

const daemon = `{
  "log-level": "warn",
  "runtimes": {
    "theirs": { "path": "/opt/theirs/runtime" }
  }
}
`

// furnishMachine has containerd and Docker where they always are; the mount namespace is this process's own.
func furnishMachine(w *world) {
	w.give("etc/docker/daemon.json", daemon, 0o640)
	judges := w.room + "/judges"
	self, err := os.Readlink("/proc/self/exe")
	must(err)
	for _, folder := range []string{judges, "/etc/docker", "/etc/kata-containers", "/run/containerd", "/run/systemd"} {
		must(os.MkdirAll(folder, 0o755))
	}
	must(os.Symlink(self, judges+"/dockerd"))
	must(syscall.Mount(judges, "/usr/local/sbin", "", syscall.MS_BIND, ""))
	must(syscall.Mount(w.node+"/etc/docker", "/etc/docker", "", syscall.MS_BIND, ""))
	w.binds = [][2]string{{"/etc/docker", w.node + "/etc/docker"}}
	// Who listens on a socket is asked to judge: this program is, in its place.
	must(os.Symlink(w.binary, realContainerd))
	giveContainerd(w, "/run/containerd/containerd.sock")
	w.docker = &engine{file: w.node + "/etc/docker/daemon.json", docker: true, theirs: []string{"theirs"}}
	newDocker("/run/docker.sock", w.docker)
	newSystemd("/run/systemd/private", map[string]*engine{"containerd.service": w.engine, "docker.service": w.docker})
	w.base = []string{
		"kata_install_dir=" + w.node + "/opt/kata", "link_dir=" + w.node + "/bin", "KATA_CONTAINERD_DIR=" + w.node + "/etc/containerd",
	}
	w.options = []string{"--config-dir", w.node + "/etc/kata-containers"}
}
