// SPDX-License-Identifier: Apache-2.0

// The engine's socket: what kata-deploy asks containerd over gRPC, answered from memory.
//
// What containerd would make of its configuration says the real containerd ("config dump" of its
// binary), asked once for each content of the folder.  Not real are the sandboxes: a canary answers
// at once, from the version that the handler leads to, if that is there; and the restart reads the
// configuration anew.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

const records = "/run/vc/sbs"

type handler struct {
	kind, path, config string // runtime type, shim, configuration
}

type dump struct {
	out, err string
	status   int
}

// answers are those of the real one, by what it was asked, for all nodes that have the same files.
type answers struct {
	sync.Mutex
	known map[string]dump
}

type engine struct {
	sync.Mutex
	binary, version, file string                  // the configuration
	docker                bool                    // it is Docker's
	theirs                []string                // handlers of others, which stay
	sees                  func(handlers []string) // the kubelet's part
	records               string                  // folder of what shims note
	handlers              map[string]handler      // as it was started with
	containers            map[string]message
	sandboxes             map[string]string // handler by id
	failed                bool              // it did not start
	restarts, dumps       int
	known                 *answers
	room                  string // of the node: other nodes have the same below theirs
}

func listen(socket string) net.Listener {
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	must(err)
	return listener
}

func newEngine(w *world, socket, file string) *engine {
	e := &engine{binary: w.binary, version: w.version, file: file, sees: w.cluster.sees, records: records,
		containers: map[string]message{}, sandboxes: map[string]string{}, known: &answers{known: map[string]dump{}}, room: w.room}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: e, Protocols: &protocols}
	go server.Serve(listen(socket))
	return e
}

// ---- the real containerd ----

func digestOf(dir, room string) string {
	sum := sha256.New()
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			bytes, _ := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", strings.ReplaceAll(path, room, "@"), len(bytes), strings.ReplaceAll(string(bytes), room, "@"))
		}
		return nil
	})
	return string(sum.Sum(nil))
}

// ask runs the binary with these words, unless it has been asked the same of the same files; of many nodes one asks.
func (e *engine) ask(words []string) dump {
	key := digestOf(filepath.Dir(e.file), e.room) + strings.ReplaceAll(strings.Join(words, "\x00"), e.room, "@")
	e.known.Lock()
	defer e.known.Unlock()
	d, ok := e.known.known[key]
	if !ok {
		var out, err strings.Builder
		command := exec.Command(e.binary, words...)
		command.Stdout, command.Stderr = &out, &err
		if command.Run() != nil {
			d.status = 1
		}
		d.out, d.err = strings.ReplaceAll(out.String(), e.room, "@@"), strings.ReplaceAll(err.String(), e.room, "@@")
		e.known.known[key] = d
		e.dumps++
	}
	d.out, d.err = strings.ReplaceAll(d.out, "@@", e.room), strings.ReplaceAll(d.err, "@@", e.room)
	return d
}

// read has it say which handlers its configuration has.
func (e *engine) read() (map[string]handler, error) {
	if e.docker {
		return readDaemon(e.file)
	}
	d := e.ask([]string{"-c", e.file, "config", "dump"})
	if d.status != 0 {
		return nil, fmt.Errorf("containerd does not take its configuration: %s", d.err)
	}
	return handlersOf(d.out), nil
}

// handlersOf goes through a dump, which has one key in a line and tables with full names.
func handlersOf(dump string) map[string]handler {
	found := map[string]handler{}
	name, isOptions := "", false
	for _, line := range strings.Split(dump, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			_, rest, ok := strings.Cut(strings.Trim(line, "[]"), ".containerd.runtimes.")
			name, isOptions = "", strings.HasSuffix(rest, ".options")
			rest = strings.TrimSuffix(rest, ".options")
			if ok && !strings.Contains(rest, ".") {
				name = strings.Trim(rest, "'\"")
				found[name] = found[name]
			}
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		if name == "" || !ok {
			continue
		}
		h, value := found[name], strings.Trim(value, "'\"")
		switch {
		case isOptions && key == "ConfigPath":
			h.config = value
		case !isOptions && key == "runtime_type":
			h.kind = value
		case !isOptions && key == "runtime_path":
			h.path = value
		}
		found[name] = h
	}
	return found
}

func (e *engine) start() error {
	handlers, err := e.read()
	e.failed = err != nil
	if err != nil {
		return err
	}
	e.handlers = handlers
	if e.docker {
		return nil
	}
	var names []string
	for name := range handlers {
		names = append(names, name)
	}
	sort.Strings(names)
	e.sees(names)
	return nil
}

// ---- what runs in a sandbox, or on the node ----

// The words of the task's process.
func (e *engine) words(container message) []string {
	var spec struct {
		Process struct{ Args []string }
	}
	_ = json.Unmarshal([]byte(container.inner(5).text(2)), &spec)
	return spec.Process.Args
}

func (e *engine) execute(words []string) dump {
	switch {
	case strings.HasPrefix(words[0], "words-of:"):
		out := strings.Join(words[1:], "\n") + "\ncontainerd\n--config\n" + words[1] + "\n"
		return dump{out: out}
	case strings.HasPrefix(words[0], "peer-of:"):
		return e.ask(words[1:])
	case words[0] == "restart-engine":
		e.restarts++
		if err := e.start(); err != nil {
			return dump{err: err.Error(), status: 1}
		}
		return dump{}
	}
	return dump{err: "not here: " + words[0], status: 127}
}

// leads says which shim reads which configuration: a launcher is a line for the kernel.
func (h handler) leads() (shim, config string) {
	shim, config = h.path, h.config
	if strings.HasPrefix(h.kind, "/") {
		shim = h.kind
	}
	bytes, _ := os.ReadFile(shim)
	line, _, _ := strings.Cut(string(bytes), "\n")
	program, option, ok := strings.Cut(line, " -config=")
	if ok && isProgram(shim) {
		shim, config = strings.TrimPrefix(program, "#!"), option
	}
	return shim, config
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func (e *engine) run(container message, shim string) dump {
	words := e.words(container)
	if len(words) == 3 && words[1] == "node-canary" {
		if shim != "" && !isProgram(shim) {
			return dump{err: "there is no shim " + shim, status: 1}
		}
		return dump{out: "canary " + words[2] + " another-boot 6.12\n"}
	}
	return e.execute(words[2:])
}

// give is read by whoever holds the other end; nobody may do so any more.
func give(path, text string) {
	if fifo, err := os.OpenFile(path, os.O_RDWR|0o4000, 0); err == nil {
		_, _ = fifo.WriteString(text)
		_ = fifo.Close()
	}
}

// ---- the calls ----

type status struct {
	code int
	text string
}

var fine = status{}
var notFound = status{5, "not found"}

func (e *engine) createTask(in message) status {
	container, ok := e.containers[in.text(1)]
	if !ok {
		return notFound
	}
	container[100] = [][]byte{[]byte(in.text(5))}
	container[101] = [][]byte{[]byte(in.text(6))}
	container[102] = [][]byte{[]byte(in.text(10))}
	return fine
}

func (e *engine) startTask(in message) status {
	container := e.containers[in.text(1)]
	result := e.run(container, container.text(102))
	container[103] = [][]byte{binary.AppendUvarint(nil, uint64(result.status))}
	give(container.text(100), result.out)
	give(container.text(101), result.err)
	return fine
}

// say is the CRI service's status with its configuration.
func (e *engine) say() []byte {
	runtimes, list := object{}, []byte{}
	for name, h := range e.handlers {
		options := object{}
		if h.config != "" {
			options["ConfigPath"] = h.config
		}
		runtimes[name] = object{"runtimeType": h.kind, "runtimePath": h.path, "options": options}
		list = append(list, inner(3, text(1, name))...)
	}
	config, _ := json.Marshal(object{"containerd": object{"defaultRuntimeName": "runc", "runtimes": runtimes}})
	conditions := join(inner(1, text(1, "RuntimeReady"), number(2, 1)), inner(1, text(1, "NetworkReady"), number(2, 1)))
	return join(text(1, string(conditions)), inner(2, text(1, "config"), text(2, string(config))), list)
}

// runSandbox leaves the record of the shim that the handler leads to.
func (e *engine) runSandbox(name string) ([]byte, status) {
	h, ok := e.handlers[name]
	path, _ := h.leads()
	isOurs := strings.HasPrefix(name, "kata")
	if name != "" && !ok || isOurs && !isProgram(path) {
		return nil, status{2, "no shim for handler " + name}
	}
	id := fmt.Sprintf("s%d", len(e.sandboxes)+1)
	e.sandboxes[id] = name
	if isOurs {
		shim, err := filepath.EvalSymlinks(path)
		must(err)
		record, _ := json.Marshal(object{"version_dir": filepath.Dir(filepath.Dir(shim))})
		must(os.MkdirAll(filepath.Join(e.records, id), 0o755))
		must(os.WriteFile(filepath.Join(e.records, id, "state.json"), record, 0o600))
	}
	return text(1, id), fine
}

func (e *engine) call(method string, in message) ([]byte, status) {
	var out []byte
	switch method {
	case "Version/Version":
		return join(text(1, "v"+e.version), text(2, "torture")), fine
	case "RuntimeService/Status":
		if e.failed {
			return nil, status{14, "the engine did not start"}
		}
		return e.say(), fine
	case "Introspection/Plugins":
		return inner(1, text(1, "io.containerd.snapshotter.v1"), text(2, "native")), fine
	case "Namespaces/List":
		return inner(1, text(1, "k8s.io")), fine
	case "Namespaces/Create", "Namespaces/Delete", "Tasks/Kill", "RuntimeService/StopPodSandbox":
		return nil, fine
	case "Containers/Create":
		container := in.inner(1)
		e.containers[container.text(1)] = container
	case "Containers/List":
		for id := range e.containers {
			out = append(out, inner(1, text(1, id), inner(4, text(1, "io.containerd.runc.v2")))...)
		}
	case "Containers/Delete":
		delete(e.containers, in.text(1))
	case "Tasks/Create":
		return nil, e.createTask(in)
	case "Tasks/Start":
		return nil, e.startTask(in)
	case "Tasks/Wait":
		code, _ := binary.Uvarint([]byte(e.containers[in.text(1)].text(103)))
		return number(1, code), fine
	case "Tasks/List":
	case "Tasks/Delete":
		if container, ok := e.containers[in.text(1)]; !ok || container[103] == nil {
			return nil, notFound
		}
		delete(e.containers[in.text(1)], 103)
	case "RuntimeService/RunPodSandbox":
		return e.runSandbox(in.text(2))
	case "RuntimeService/PodSandboxStatus":
		if _, ok := e.sandboxes[in.text(1)]; !ok {
			return nil, notFound
		}
		return inner(1, text(1, in.text(1))), fine
	case "RuntimeService/ListPodSandbox":
		for id := range e.sandboxes {
			out = append(out, inner(1, text(1, id))...)
		}
	case "RuntimeService/RemovePodSandbox":
		delete(e.sandboxes, in.text(1))
		_ = os.RemoveAll(filepath.Join(e.records, in.text(1)))
	default:
		return nil, status{12, "not here: " + method}
	}
	return out, fine
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if len(body) < 5 {
		return
	}
	path := r.URL.Path
	method := path[strings.LastIndex(path, ".")+1:]
	e.Lock()
	out, status := e.call(method, parse(body[5:]))
	e.Unlock()
	w.Header().Set("Content-Type", "application/grpc")
	if status.code == 0 {
		_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(out))))
		_, _ = w.Write(out)
	}
	w.(http.Flusher).Flush() // else it has a length, and curl listens no further
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", fmt.Sprint(status.code))
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", status.text)
}
