// SPDX-License-Identifier: Apache-2.0

// One node with its cluster: run an installer there, look at what stands, put it back.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const runTimeout = 5 * time.Minute

type world struct {
	name      string // of the engine: "containerd 1.6.20"
	version   string
	binary    string
	room      string // everything is below it
	node      string // the node's files
	program   string
	installer *installer
	base      []string // of its environment
	options   []string // and of its command line
	binds     [][2]string
	cluster   *cluster
	engine    *engine
	docker    *engine // nil where there is none
	foreign   tree    // what was there first, of others
}

// state is all that a run may change.
type state struct {
	files    tree
	objects  map[string]object
	handlers []map[string]handler // of each engine
	wanted   bool
}

const delivered = `[hypervisor.qemu]
allow_emulation = true
default_memory = 64
`

func versionOf(binary string) string {
	out, err := exec.Command(binary, "--version").Output()
	must(err)
	return strings.TrimPrefix(strings.Split(strings.Fields(string(out))[2], "~")[0], "v")
}

func (w *world) give(name, text string, mode os.FileMode) {
	must(os.MkdirAll(filepath.Dir(filepath.Join(w.node, name)), 0o755))
	must(os.WriteFile(filepath.Join(w.node, name), []byte(text), mode))
}

func newWorld(room, program, binary string) *world {
	w := &world{version: versionOf(binary), room: room, node: room + "/node", program: program, installer: installerOf(program)}
	w.name = "containerd " + w.version
	w.binary = binary
	w.give("opt/theirs/data", "theirs\n", 0o600)
	w.give("bin/program", "theirs\n", 0o755)
	for _, v := range []string{"1.0.1", "1.0.2", "1.0.3"} {
		must(os.MkdirAll(room+"/"+v, 0o755))
		writeRelease(room+"/"+v, v, delivered)
	}
	w.cluster = newCluster(w.version)
	w.installer.furnish(w)
	w.foreign = take(w.node)
	must(w.start())
	kubeconfig := fmt.Sprintf("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\nclusters: [{name: k, cluster: {server: '%s'}}]\n", w.cluster.url)
	must(os.WriteFile(room+"/kubeconfig", []byte(kubeconfig), 0o600))
	return w
}

// environment is that of the installer in the image of RELEASE.
func (w *world) environment(release string) []string {
	return append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "KATA_ARTIFACTS=" + w.room + "/" + release}, w.base...)
}

// result is how a run ended: its status (negative: by that signal) and what it said.
type result struct {
	status int
	said   string
}

// run has the installer do something, behind WRAPPER.
func (w *world) run(wrapper []string, f *flow) result {
	words := append(append([]string{}, wrapper...), w.program)
	for _, word := range f.words {
		if release, ok := strings.CutPrefix(word, "@"); ok {
			word = w.room + "/" + release
		}
		words = append(words, word)
	}
	words = append(words, w.options...)
	command := exec.Command(words[0], words[1:]...)
	command.Env = append(w.environment(f.release), f.settings...)
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	must(command.Start())
	timer := time.AfterFunc(runTimeout, func() { _ = command.Process.Kill() })
	err := command.Wait()
	if !timer.Stop() {
		return result{-1000, said.String() + "(took longer than five minutes)"}
	}
	status := command.ProcessState.ExitCode()
	if err != nil && status == -1 {
		status = -9
	}
	return result{status, said.String()}
}

// noted are files with times and places in them: they count as there or not.
var noted = []string{"/opt/kata/.proofs", "/opt/kata/.restarts"}

func (w *world) engines() []*engine {
	if w.docker == nil {
		return []*engine{w.engine}
	}
	return []*engine{w.engine, w.docker}
}

// start has all engines read their files.
func (w *world) start() error {
	for _, e := range w.engines() {
		e.Lock()
		err := e.start()
		e.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) take() *state {
	s := &state{files: take(w.node), objects: w.cluster.picture(), wanted: w.cluster.wanted}
	for _, e := range w.engines() {
		e.Lock()
		s.handlers = append(s.handlers, e.handlers)
		e.Unlock()
	}
	return s
}

func (w *world) put(s *state) {
	s.files.put(w.node)
	w.cluster.restore(s.objects, s.wanted)
	for i, e := range w.engines() {
		e.Lock()
		e.failed = false
		if s.handlers != nil {
			e.handlers = s.handlers[i]
		}
		e.containers, e.sandboxes = map[string]message{}, map[string]string{}
		e.Unlock()
	}
	must(os.RemoveAll(records))
}

// timeless is an object without what every run has anew.
func timeless(o object) string {
	o = copyOf(o)
	if metadata, ok := o["metadata"].(object); ok {
		delete(metadata, "resourceVersion")
	}
	if status, ok := o["status"].(object); ok {
		list, _ := status["conditions"].([]any)
		for _, c := range list {
			delete(c.(object), "lastTransitionTime")
			delete(c.(object), "lastHeartbeatTime")
		}
	}
	return pretty(o)
}

// compare says where the state is not as WANTED.
func (s *state) compare(wanted *state) []string {
	found := differ(wanted.files.without(noted), s.files.without(noted))
	for path, o := range wanted.objects {
		if timeless(o) != timeless(s.objects[path]) {
			found = append(found, fmt.Sprintf("has %s as %s, not %s", path, timeless(s.objects[path]), timeless(o)))
		}
	}
	for path := range s.objects {
		if _, ok := wanted.objects[path]; !ok {
			found = append(found, "has also "+path)
		}
	}
	if fmt.Sprint(wanted.handlers) != fmt.Sprint(s.handlers) {
		found = append(found, fmt.Sprintf("engines run with %v, not %v", s.handlers, wanted.handlers))
	}
	return found
}

func (w *world) exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// handlerFaults looks whether what the engine would start a pod with, or does, is there.
func (w *world) handlerFaults(e *engine, handlers map[string]handler, who string) []string {
	var found []string
	for name, h := range handlers {
		if !strings.HasPrefix(name, "kata") {
			continue
		}
		shim, config := h.leads()
		if !isProgram(shim) {
			found = append(found, fmt.Sprintf("%s: handler %s leads to no program: '%s'", who, name, shim))
		}
		if !w.exists(config) {
			found = append(found, fmt.Sprintf("%s: handler %s has no configuration '%s'", who, name, config))
		}
	}
	for _, name := range e.theirs {
		if _, ok := handlers[name]; !ok {
			found = append(found, who+": the handler "+name+" is gone")
		}
	}
	return found
}

func (w *world) foreignFaults(files tree) []string {
	var found []string
	for name, e := range w.foreign {
		if e.mode.IsDir() || slices.ContainsFunc(w.engines(), func(e *engine) bool { return w.node+name == e.file }) {
			continue
		}
		if files[name] != e {
			found = append(found, "a foreign file was changed: "+name)
		}
	}
	return found
}

func currentOf(files tree) string {
	return strings.TrimPrefix(files["/opt/kata/current"].text, "versions/")
}

func (w *world) labelFaults(s *state) []string {
	labels := w.cluster.labels()
	if labels["katacontainers.io/kata-runtime"] != "true" {
		return nil
	}
	var found []string
	if currentOf(s.files) == "" {
		found = append(found, "the label is true and no version is current")
	}
	if _, ok := s.handlers[0]["kata-qemu"]; !ok {
		found = append(found, "the label is true and the engine has no handler")
	}
	return found
}

// faults is what must never be, whenever one looks.
func (w *world) faults(s *state) []string {
	var found []string
	for _, name := range s.files.names() {
		version, ok := strings.CutPrefix(name, "/opt/kata/versions/")
		if ok && !strings.Contains(version, "/") && !strings.HasPrefix(version, ".") {
			if fault := versionFault(s.files, name); fault != "" {
				found = append(found, fault)
			}
		}
	}
	if current := currentOf(s.files); current != "" && s.files["/opt/kata/versions/"+current].mode == 0 {
		found = append(found, "the current version is not there")
	}
	if link, ok := s.files["/bin/containerd-shim-kata-v2"]; ok && !isProgram(link.text) {
		found = append(found, "the link in the PATH leads to no program: "+link.text)
	}
	for _, e := range w.engines() {
		e.Lock()
		configured, err := e.read()
		running := e.handlers
		e.Unlock()
		if err != nil {
			return append(found, err.Error())
		}
		found = append(found, w.handlerFaults(e, configured, "as configured")...)
		found = append(found, w.handlerFaults(e, running, "as it runs")...)
	}
	found = append(found, w.foreignFaults(s.files)...)
	return append(found, w.labelFaults(s)...)
}

// atRest is what must not be left once a run has come to its end.
func (w *world) atRest(s *state) []string {
	var found []string
	w.engine.Lock()
	defer w.engine.Unlock()
	if len(w.engine.containers)+len(w.engine.sandboxes) > 0 {
		found = append(found, fmt.Sprintf("%d containers and %d sandboxes of ours are left", len(w.engine.containers), len(w.engine.sandboxes)))
	}
	return found
}
