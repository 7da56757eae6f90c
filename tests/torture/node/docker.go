// SPDX-License-Identifier: Apache-2.0

// Docker and the systemd that has it read its file again, as much of both as kata-manager asks.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// ---- its file ----

// readDaemon has the runtimes of a daemon.json by name; what is no path is looked for in the PATH.
func readDaemon(path string) (map[string]handler, error) {
	var daemon struct {
		Runtimes map[string]struct {
			Path        string
			RuntimeType string
		}
	}
	found := map[string]handler{}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return found, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &daemon)
	}
	if err != nil {
		return nil, fmt.Errorf("Docker does not take its configuration: %v", err)
	}
	for name, r := range daemon.Runtimes {
		h := handler{kind: r.RuntimeType, path: r.Path}
		if shim, ok := strings.CutPrefix(h.kind, "/"); ok {
			version := filepath.Dir(filepath.Dir("/" + shim))
			h.config = version + "/share/defaults/kata-containers/configuration.toml"
		}
		found[name] = h
	}
	return found, nil
}

// realContainerd leads to the one that judges what containerd makes of a configuration.
const realContainerd = "/run/containerd.real"

// judge is "dockerd --validate --config-file FILE".
func judge(words []string) {
	if _, err := readDaemon(words[len(words)-1]); err != nil || len(words) < 4 || words[1] != "--validate" {
		fmt.Fprintln(os.Stderr, "unable to configure the Docker daemon:", err)
		os.Exit(1)
	}
	fmt.Println("configuration OK")
	os.Exit(0)
}

// ---- its API ----

// info has the runtimes as the daemon knows them.
func (e *engine) info() object {
	e.Lock()
	defer e.Unlock()
	runtimes := object{"runc": object{"path": "runc"}}
	for name, h := range e.handlers {
		runtimes[name] = object{"path": h.path, "runtimeType": h.kind}
	}
	return object{"Containerd": object{"Address": "/run/containerd/containerd.sock"}, "Runtimes": runtimes, "DefaultRuntime": "runc"}
}

func newDocker(socket string, e *engine) {
	answers := map[string]func() any{
		"/version":         func() any { return object{"Version": "26.1.5+dfsg1"} },
		"/containers/json": func() any { return []any{} },
		"/info":            func() any { return e.info() },
	}
	go http.Serve(listen(socket), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.Error(w, "{}", 404)
			return
		}
		_ = json.NewEncoder(w).Encode(answer())
	}))
}

// takeUp is what a restart, or SIGHUP, has the daemon do.
func (e *engine) takeUp() string {
	e.Lock()
	defer e.Unlock()
	e.restarts++
	if e.start() != nil {
		return "failed"
	}
	return "done"
}

// ---- systemd's own socket ----

// wire is a D-Bus message while it is made.
type wire []byte

func (w wire) align(n int) wire {
	for len(w)%n != 0 {
		w = append(w, 0)
	}
	return w
}

func (w wire) number(n int) wire { return binary.LittleEndian.AppendUint32(w.align(4), uint32(n)) }

func (w wire) text(s string) wire { return append(append(w.number(len(s)), s...), 0) }

func (w wire) signature(s string) wire { return append(append(append(w, byte(len(s))), s...), 0) }

// newMessage has a header with FIELDS, each made by field().
func newMessage(kind byte, serial int, fields []wire, body wire) []byte {
	var all wire
	for _, f := range fields {
		all = append(all.align(8), f...)
	}
	head := wire{'l', kind, 0, 1}.number(len(body)).number(serial).number(len(all))
	return append(append(head, all...).align(8), body...)
}

func field(code byte, signature, value string) wire {
	w := wire{code}.signature(signature)
	if signature == "g" {
		return w.signature(value)
	}
	return w.text(value)
}

const job = "/org/freedesktop/systemd1/job/7"

// answerJob says that the job has begun, and how it ended.
func answerJob(serial int, unit, result string) []byte {
	reply := []wire{wire{5}.signature("u").number(serial), field(8, "g", "o")}
	signal := []wire{
		field(1, "o", "/org/freedesktop/systemd1"), field(2, "s", "org.freedesktop.systemd1.Manager"),
		field(3, "s", "JobRemoved"), field(8, "g", "uoss"),
	}
	removed := wire{}.number(7).text(job).text(unit).text(result)
	return append(newMessage(2, 1, reply, wire{}.text(job)), newMessage(4, 2, signal, removed)...)
}

// authenticate is the part before the first message: lines.  What came behind it is returned.
func authenticate(c net.Conn) []byte {
	var all []byte
	piece := make([]byte, 4096)
	for {
		n, err := c.Read(piece)
		if err != nil {
			return nil
		}
		all = append(all, piece[:n]...)
		for {
			line, rest, ok := bytes.Cut(all, []byte("\r\n"))
			if !ok {
				break
			}
			all = rest
			switch {
			case bytes.HasPrefix(line, []byte("BEGIN")):
				return append([]byte{}, all...)
			case bytes.Contains(line, []byte("AUTH EXTERNAL")):
				_, _ = c.Write([]byte("OK 00000000000000000000000000000001\r\n"))
			default:
				_, _ = c.Write([]byte("ERROR\r\n"))
			}
		}
	}
}

func serveSystemd(c net.Conn, units map[string]*engine) {
	defer c.Close()
	all := authenticate(c)
	if all == nil {
		return
	}
	piece := make([]byte, 4096)
	for {
		for len(all) >= 16 {
			fields := int(binary.LittleEndian.Uint32(all[12:]))
			whole := (16+fields+7)/8*8 + int(binary.LittleEndian.Uint32(all[4:]))
			if len(all) < whole {
				break
			}
			for unit, e := range units {
				if bytes.Contains(all[:whole], []byte(unit)) {
					_, _ = c.Write(answerJob(int(binary.LittleEndian.Uint32(all[8:])), unit, e.takeUp()))
				}
			}
			all = all[whole:]
		}
		n, err := c.Read(piece)
		if err != nil {
			return
		}
		all = append(all, piece[:n]...)
	}
}

func newSystemd(socket string, units map[string]*engine) {
	listener := listen(socket)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go serveSystemd(c, units)
		}
	}()
}
