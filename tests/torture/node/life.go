// SPDX-License-Identifier: Apache-2.0

// The installer's pod, which stays, and sandboxes that outlive the versions they were started from.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const settleTimeout = 2 * time.Minute

// said is what a program prints while somebody may read it.
type said struct {
	sync.Mutex
	text strings.Builder
}

func (s *said) Write(bytes []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.text.Write(bytes)
}

func (s *said) String() string {
	s.Lock()
	defer s.Unlock()
	return s.text.String()
}

// tail is the last of it.
func (s *said) tail(length int) string {
	text := s.String()
	return text[max(0, len(text)-length):]
}

// pod is the installer with the action that stays.
type pod struct {
	command *exec.Cmd
	url     string
	said    said
	ended   chan error
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (w *world) startPod(release string) *pod {
	port := freePort()
	p := &pod{url: fmt.Sprintf("http://127.0.0.1:%d", port), ended: make(chan error, 1)}
	p.command = exec.Command(w.program, "install")
	p.command.Env = append(w.environment(release), fmt.Sprintf("HEALTH_PORT=%d", port))
	p.command.Stdout, p.command.Stderr = &p.said, &p.said
	must(p.command.Start())
	go func() { p.ended <- p.command.Wait() }()
	return p
}

// state is what /readyz says.
func (p *pod) state() string {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(p.url + "/readyz")
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return strings.TrimSpace(string(body))
}

// stop is the kubelet's end of a pod; "" if it went well.
func (p *pod) stop() string {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if err != nil {
			return "the pod ended with " + err.Error()
		}
		return ""
	case <-time.After(settleTimeout):
		_ = p.command.Process.Kill()
		return "the pod did not end"
	}
}

// cost is what a process keeps: its own memory in KiB, its descriptors, its children.
type cost struct {
	memory, descriptors, children int
}

func costOf(pid int) cost {
	var c cost
	folder := fmt.Sprintf("/proc/%d/", pid)
	rollup, err := os.ReadFile(folder + "smaps_rollup")
	must(err)
	for _, line := range strings.Split(string(rollup), "\n") {
		if strings.HasPrefix(line, "Anonymous:") {
			_, err = fmt.Sscanf(line, "Anonymous: %d kB", &c.memory)
			must(err)
		}
	}
	descriptors, err := os.ReadDir(folder + "fd")
	must(err)
	children, err := os.ReadFile(fmt.Sprintf("%stask/%d/children", folder, pid))
	must(err)
	c.descriptors, c.children = len(descriptors), len(strings.Fields(string(children)))
	return c
}

// eventually polls until there are no faults; those of the last look.
func eventually(look func() []string) []string {
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		faults := look()
		if len(faults) == 0 || time.Since(began) > settleTimeout {
			return faults
		}
	}
}

// ---- sandboxes ----

// sandbox is a process that holds what its record names; there are too many for a VM each.
type sandbox struct {
	command *exec.Cmd
	end     io.Closer
	folder  string
}

// hold is such a process: open files of its version, and the lock that says that a shim lives.
func hold(version, folder string) {
	for _, name := range []string{"bin/containerd-shim-kata-v2", "share/kata-containers/vmlinux.container"} {
		_, err := syscall.Open(filepath.Join(version, name), syscall.O_RDONLY, 0)
		must(err)
	}
	must(os.MkdirAll(folder, 0o755))
	alive, err := os.OpenFile(folder+"/alive", os.O_CREATE|os.O_RDWR, 0o600)
	must(err)
	const openFileSetLock = 37
	must(syscall.FcntlFlock(alive.Fd(), openFileSetLock, &syscall.Flock_t{Type: syscall.F_WRLCK}))
	id := filepath.Base(folder)
	record := pretty(object{"version_dir": version, "pod_namespace": "shop", "pod_name": id, "pod_uid": id, "started": "2026-11-29T00:00:00Z"})
	must(os.WriteFile(folder+"/.state", []byte(record), 0o600))
	must(os.Rename(folder+"/.state", folder+"/state.json"))
	fmt.Println("holds")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func startSandbox(version, id string) *sandbox {
	s := &sandbox{folder: filepath.Join(records, id)}
	s.command = exec.Command("/proc/self/exe", "hold", version, s.folder)
	s.command.Stderr = os.Stderr
	end, err := s.command.StdinPipe()
	must(err)
	out, err := s.command.StdoutPipe()
	must(err)
	must(s.command.Start())
	s.end = end
	word := make([]byte, 6)
	if _, err := io.ReadFull(out, word); err != nil {
		fatal("sandbox %s does not start: %v", id, err)
	}
	return s
}

// faults is what it lacks of what it had.
func (s *sandbox) faults() []string {
	folder := fmt.Sprintf("/proc/%d/fd", s.command.Process.Pid)
	descriptors, err := os.ReadDir(folder)
	if err != nil {
		return []string{"a sandbox has ended: " + s.folder}
	}
	var found []string
	for _, d := range descriptors {
		if path, _ := os.Readlink(filepath.Join(folder, d.Name())); strings.HasSuffix(path, " (deleted)") {
			found = append(found, "a sandbox uses a file that went: "+path)
		}
	}
	return found
}

func (s *sandbox) stop() {
	_ = s.end.Close()
	_ = s.command.Wait()
	must(os.RemoveAll(s.folder))
}

// ---- rounds ----

// life is a node with a pod and its sandboxes.
type life struct {
	t         *torture
	pod       *pod
	sandboxes []*sandbox
}

func (l *life) faults() []string {
	var found []string
	for _, s := range l.sandboxes {
		found = append(found, s.faults()...)
	}
	return found
}

func (l *life) version() string {
	target, err := os.Readlink(l.t.world.node + "/opt/kata/current")
	must(err)
	return l.t.world.node + "/opt/kata/" + target
}

// become replaces the pod by one of the release, and waits until all is as it was with it before.
func (l *life) become(release string, before *state) []string {
	w := l.t.world
	var faults []string
	if l.pod != nil {
		if fault := l.pod.stop(); fault != "" {
			faults = append(faults, fault, l.pod.said.String())
		}
	}
	l.pod = w.startPod(release)
	return append(faults, eventually(func() []string {
		found := l.faults()
		if state := l.pod.state(); state != "ready" {
			return append(found, "the pod says "+state)
		}
		now := w.take()
		if !strings.HasPrefix(currentOf(now.files), release) {
			return append(found, "the current version is "+currentOf(now.files))
		}
		found = append(append(found, w.faults(now)...), w.atRest(now)...)
		if before != nil {
			found = append(found, now.compare(before)...)
		}
		return found
	})...)
}

// Of three versions one is neither current nor the one before: what lives keeps it.
var turns = []string{"1.0.1", "1.0.2", "1.0.3", "1.0.2"}

// upgrades goes from release to release and back; sandboxes of each live all the time.
func (l *life) upgrades(total, sandboxes int) {
	w, t := l.t.world, l.t
	var before [4]*state
	restarts := 0
	for i := range 8 + total + total%2 {
		turn := i % len(turns)
		if faults := l.become(turns[turn], before[turn]); len(faults) > 0 {
			t.complain(fmt.Sprintf("%s, upgrade %d", w.name, i), faults, l.pod.said.String())
		}
		for i < 3 && len(l.sandboxes) < sandboxes*(i+1)/3 {
			l.sandboxes = append(l.sandboxes, startSandbox(l.version(), fmt.Sprintf("live%d", len(l.sandboxes))))
		}
		if i >= 4 && i < 8 {
			// What is stale is told a moment later.
			time.Sleep(5 * time.Second)
			before[turn], restarts = w.take(), w.engine.restarts
		}
	}
	if w.engine.restarts != restarts {
		t.complain(w.name+", upgrades", []string{fmt.Sprintf("the engine was restarted %d times", w.engine.restarts-restarts)}, "")
	}
	fmt.Printf("SUM  %s, upgrades with %d sandboxes, bad, restarts: %d %d %d\n", w.name, sandboxes, total, t.bad, w.engine.restarts-restarts)
}

// flips has a pod stay while somebody goes back and forth on the node, and sandboxes come and go.
func (l *life) flips(total int) {
	w, t := l.t.world, l.t
	var first cost
	back := &flow{words: []string{"rollback"}, release: "1.0.2"}
	for i := range total + total%2 {
		if i == 20 {
			time.Sleep(10 * time.Second)
			first = costOf(l.pod.command.Process.Pid)
		}
		if r := w.run(nil, back); r.status != 0 {
			t.complain(fmt.Sprintf("%s, flip %d", w.name, i), []string{fmt.Sprintf("it ended with %d", r.status)}, r.said)
		}
		passing := startSandbox(l.version(), fmt.Sprintf("passing%d", i))
		time.Sleep(300 * time.Millisecond)
		passing.stop()
	}
	// A repair, or what is looked at once more after one.
	time.Sleep(20 * time.Second)
	last := costOf(l.pod.command.Process.Pid)
	faults := l.faults()
	if total > 20 && (last.descriptors > first.descriptors || last.children > first.children || last.memory > first.memory+256) {
		faults = append(faults, fmt.Sprintf("the pod keeps %+v, and after 20 %+v", last, first))
	}
	if len(faults) > 0 {
		t.complain(w.name+", flips", faults, l.pod.said.String())
	}
	fmt.Printf("%s: after 20 and %d flips the pod keeps, in KiB, descriptors and children: %+v %+v\n", w.name, total, first, last)
	fmt.Printf("SUM  %s, flips, bad: %d %d\n", w.name, total, t.bad)
}

// live does both, then removes all.
func (t *torture) live() {
	w := t.world
	upgrades := number10(t.options["upgrades"], 200) / t.parts
	sandboxes := number10(t.options["sandboxes"], 20)
	l := &life{t: t}
	t.prepare(w.installer.flow("install"))
	if faults := t.remove(); len(faults) > 0 {
		fatal("%s: the first removal: %v", w.name, faults)
	}
	first := w.take()
	w.cluster.wanted = true
	l.upgrades(upgrades, sandboxes)
	l.flips(number10(t.options["flips"], 200) / t.parts)
	if fault := l.pod.stop(); fault != "" {
		t.complain(w.name+", the last pod", []string{fault}, l.pod.said.String())
	}
	for _, s := range l.sandboxes {
		s.stop()
	}
	faults := t.remove()
	left := w.take()
	faults = append(append(faults, differ(first.files, left.files)...), w.atRest(left)...)
	if len(faults) > 0 {
		t.complain(w.name+", the removal after upgrades", faults, "")
	}
}

// remove is the end of an installation.
func (t *torture) remove() []string {
	w := t.world
	removal := *w.installer.flow(w.installer.removal)
	removal.release, removal.settings = "1.0.2", nil
	w.cluster.wanted = false
	if r := w.run(nil, &removal); r.status != 0 {
		return []string{fmt.Sprintf("the removal ended with %d", r.status), r.said}
	}
	return nil
}
