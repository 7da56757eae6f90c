// SPDX-License-Identifier: Apache-2.0

// The cluster of one node: as much of an API server as kata-deploy asks, in memory.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

type object = map[string]any

const nodePath = "/api/v1/nodes/n1"
const classesPath = "/apis/node.k8s.io/v1/runtimeclasses"

type cluster struct {
	sync.Mutex
	objects map[string]object // by path
	wanted  bool              // there is a DaemonSet, and it wants the node
	url     string
	written int // requests that changed something
	asked   int // all requests
	// What there was before each request, while that is remembered.
	isRemembered bool
	pictures     []map[string]object
}

func copyOf(o object) object {
	var out object
	bytes, _ := json.Marshal(o)
	_ = json.Unmarshal(bytes, &out)
	return out
}

func newCluster(engineVersion string) *cluster {
	c := &cluster{wanted: true, objects: map[string]object{
		nodePath: {
			"metadata": object{"name": "n1", "uid": "u1", "labels": object{"role": "worker"}},
			"status": object{
				"nodeInfo":   object{"containerRuntimeVersion": "containerd://" + engineVersion},
				"conditions": []any{object{"type": "Ready", "status": "True"}},
			},
		},
		"/api/v1/namespaces/kata-system": {"metadata": object{"name": "kata-system", "uid": "u2"}},
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	c.url = "http://" + listener.Addr().String()
	go http.Serve(listener, c)
	return c
}

func (c *cluster) picture() map[string]object {
	c.Lock()
	defer c.Unlock()
	return c.copies()
}

func (c *cluster) copies() map[string]object {
	out := map[string]object{}
	for path, o := range c.objects {
		out[path] = copyOf(o)
	}
	return out
}

func (c *cluster) restore(picture map[string]object, wanted bool) {
	c.Lock()
	defer c.Unlock()
	c.wanted = wanted
	c.objects = map[string]object{}
	for path, o := range picture {
		c.objects[path] = copyOf(o)
	}
}

func (c *cluster) remember() {
	c.Lock()
	defer c.Unlock()
	c.isRemembered, c.pictures = true, nil
}

func (c *cluster) forget() []map[string]object {
	last := c.picture()
	c.Lock()
	defer c.Unlock()
	c.isRemembered = false
	return append(c.pictures, last)
}

// sees is the kubelet's part: it reports the handlers of an engine that was started.
func (c *cluster) sees(handlers []string) {
	c.Lock()
	defer c.Unlock()
	var list []any
	for _, name := range handlers {
		list = append(list, object{"name": name})
	}
	c.objects[nodePath]["status"].(object)["runtimeHandlers"] = list
}

func (c *cluster) labels() object {
	c.Lock()
	defer c.Unlock()
	labels, _ := c.objects[nodePath]["metadata"].(object)["labels"].(object)
	return copyOf(labels)
}

// merge is a JSON merge patch.
func merge(to, patch object) {
	for name, value := range patch {
		inside, isObject := value.(object)
		is, wasObject := to[name].(object)
		switch {
		case value == nil:
			delete(to, name)
		case isObject && wasObject:
			merge(is, inside)
		case isObject:
			fresh := object{}
			merge(fresh, inside)
			to[name] = fresh
		default:
			to[name] = value
		}
	}
}

// applyConditions has ours be those of the patch, none if it names none; the kubelet's stay.
func applyConditions(node, patch object) {
	status := node["status"].(object)
	var all []any
	for _, c := range status["conditions"].([]any) {
		if !strings.HasPrefix(c.(object)["type"].(string), "Kata") {
			all = append(all, c)
		}
	}
	applied, _ := patch["status"].(object)
	ours, _ := applied["conditions"].([]any)
	status["conditions"] = append(all, ours...)
}

var version = 1

func bump(o object) {
	version++
	metadata, ok := o["metadata"].(object)
	if !ok {
		metadata = object{}
		o["metadata"] = metadata
	}
	metadata["resourceVersion"] = fmt.Sprint(version)
}

func (c *cluster) patch(path string, isApply bool, body object) object {
	if strings.HasSuffix(path, "/status") {
		node := c.objects[strings.TrimSuffix(path, "/status")]
		applyConditions(node, body)
		bump(node)
		return node
	}
	is := c.objects[path]
	if is == nil && !isApply {
		return nil
	}
	if is == nil {
		is = object{}
		c.objects[path] = is
	}
	merge(is, body)
	bump(is)
	if isApply {
		is["metadata"].(object)["uid"] = "uid-" + path[strings.LastIndex(path, "/")+1:]
		is["metadata"].(object)["managedFields"] = []any{object{"manager": "kata-deploy", "operation": "Apply"}}
	}
	return is
}

func (c *cluster) list(prefix string) object {
	items := []any{}
	for path, o := range c.objects {
		if strings.HasPrefix(path, prefix+"/") {
			items = append(items, o)
		}
	}
	return object{"kind": "List", "metadata": object{"resourceVersion": fmt.Sprint(version)}, "items": items}
}

func (c *cluster) get(path, query string) object {
	switch {
	case strings.Contains(path, "/daemonsets/"):
		if !c.wanted {
			return nil
		}
		return object{"metadata": object{"name": "kata-deploy"}, "spec": object{"template": object{"spec": object{}}}}
	case path == "/api/v1/nodes" && strings.Contains(query, "labelSelector"):
		return object{"items": []any{}, "metadata": object{}}
	case path == "/api/v1/nodes" || path == classesPath:
		return c.list(path)
	}
	if o := c.objects[path]; o != nil {
		return o
	}
	return nil
}

// watch says when the Node has changed, until the other side goes or the cluster is put back.
func (c *cluster) watch(w http.ResponseWriter, r *http.Request) {
	seen := r.URL.Query().Get("resourceVersion")
	w.Header().Set("Content-Type", "application/json")
	w.(http.Flusher).Flush()
	for r.Context().Err() == nil {
		c.Lock()
		node := copyOf(c.objects[nodePath])
		c.Unlock()
		metadata, _ := node["metadata"].(object)
		is, _ := metadata["resourceVersion"].(string)
		if newer(is, seen) {
			_ = json.NewEncoder(w).Encode(object{"type": "MODIFIED", "object": node})
			w.(http.Flusher).Flush()
			seen = is
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func newer(is, seen string) bool {
	return number10(is, 0) > number10(seen, 0)
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body object
	var answer object
	// net/http would close the connection, and the program ask again.
	defer func() {
		if why := recover(); why != nil {
			fatal("%s %s is not understood: %v", r.Method, r.URL, why)
		}
	}()
	// Whoever was killed has not asked for what did not come whole.
	if json.NewDecoder(r.Body).Decode(&body) != nil && r.ContentLength > 0 {
		return
	}
	if body == nil && (r.Method == "POST" || r.Method == "PATCH") {
		http.Error(w, `{"kind": "Status", "code": 400, "reason": "BadRequest"}`, 400)
		return
	}
	if r.URL.Query().Get("watch") == "true" {
		c.watch(w, r)
		return
	}
	c.Lock()
	defer c.Unlock()
	c.asked++
	if c.isRemembered {
		c.pictures = append(c.pictures, c.copies())
	}
	isTrial := strings.Contains(r.URL.RawQuery, "dryRun=All")
	if r.Method != "GET" && !isTrial {
		c.written++
	}
	switch {
	case r.Method == "GET":
		answer = c.get(r.URL.Path, r.URL.RawQuery)
	case r.Method == "POST" && r.URL.Path == classesPath:
		name := body["metadata"].(object)["name"].(string)
		c.objects[classesPath+"/"+name] = body
		bump(body)
		answer = body
	case r.Method == "POST" || isTrial:
		answer = object{"metadata": object{}}
	case r.Method == "PATCH":
		answer = c.patch(r.URL.Path, strings.Contains(r.Header.Get("Content-Type"), "apply"), body)
	case r.Method == "DELETE":
		answer = c.objects[r.URL.Path]
		delete(c.objects, r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/json")
	if answer == nil {
		w.WriteHeader(404)
		answer = object{"kind": "Status", "code": 404, "reason": "NotFound"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}
