// SPDX-License-Identifier: Apache-2.0

// Many nodes with a real API server: each has the program itself, as the DaemonSet's controller asks for its pods, with an engine of
// its own as engine.go plays it, and a way to the API server that counts.
//
//	node scale PROGRAM ROOM CONTAINERD server=URL pki=FOLDER nodes=N away=SECONDS
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	podsPath     = "/api/v1/namespaces/kata-system/pods"
	daemonPath   = "/apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy"
	accountsPath = "/api/v1/namespaces/kata-system/serviceaccounts"
)

// ---- the administrator ----

type admin struct {
	url    string
	client *http.Client
}

func newAdmin(url, pki string) *admin {
	pair, err := tls.LoadX509KeyPair(pki+"/admin.crt", pki+"/admin.key")
	must(err)
	ca, err := os.ReadFile(pki + "/ca.crt")
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}, MaxIdleConnsPerHost: 32}
	return &admin{url, &http.Client{Transport: transport}}
}

// do asks until the server answers; nil where there is no such object.
func (a *admin) do(method, path, kind string, body any) object {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	for tries := 0; ; tries++ {
		request, err := http.NewRequest(method, a.url+path, bytes.NewReader(text))
		must(err)
		request.Header.Set("Content-Type", kind)
		answer, err := a.client.Do(request)
		if err == nil {
			out := object{}
			all, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			switch {
			case answer.StatusCode < 300:
				_ = json.Unmarshal(all, &out)
				return out
			case answer.StatusCode == 404:
				return nil
			case answer.StatusCode != 409 && answer.StatusCode != 429 && answer.StatusCode < 500 || tries > 100:
				fatal("%s %s: %d %s", method, path, answer.StatusCode, all)
			}
		} else if tries > 100 {
			fatal("%s %s: %v", method, path, err)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (a *admin) get(path string) object { return a.do("GET", path, "application/json", nil) }

func (a *admin) merge(path string, body any) object {
	return a.do("PATCH", path, "application/merge-patch+json", body)
}

// ---- a node ----

// agent is a node: its files, its engine, its way to the API server and the process of its pod.
type agent struct {
	name       string
	world      *world
	way        *way
	process    *exec.Cmd
	pod        string // its uid
	port       int
	said       said
	isReady    bool
	ended      chan error
	isStopping bool
	isStarting bool
	isWiped    bool // its label was taken away
	looks      int
}

// way is a listener that hands on to the API server, or, while that is away, hangs up.
type way struct {
	url                string
	target             string
	isAway             *atomic.Bool
	tries, open, bytes atomic.Int64
}

// counted counts what is read, while that is going on.
type counted struct {
	from  io.Reader
	bytes *atomic.Int64
}

func (c counted) Read(bytes []byte) (int, error) {
	n, err := c.from.Read(bytes)
	c.bytes.Add(int64(n))
	return n, err
}

func newWay(target string, isAway *atomic.Bool) *way {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	w := &way{url: "https://" + listener.Addr().String(), target: target, isAway: isAway}
	go func() {
		for {
			connection, err := listener.Accept()
			must(err)
			w.tries.Add(1)
			go w.serve(connection)
		}
	}()
	return w
}

func (w *way) serve(from net.Conn) {
	defer from.Close()
	if w.isAway.Load() {
		return
	}
	to, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer to.Close()
	w.open.Add(1)
	defer w.open.Add(-1)
	var both sync.WaitGroup
	both.Add(2)
	carry := func(to, from net.Conn) {
		defer both.Done()
		_, _ = io.Copy(to, counted{from, &w.bytes})
		_ = to.Close()
		_ = from.Close()
	}
	go carry(to, from)
	go carry(from, to)
	ended := make(chan struct{})
	go func() { both.Wait(); close(ended) }()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ended:
			return
		case <-look.C:
			if w.isAway.Load() {
				_ = to.Close()
				_ = from.Close()
				<-ended
				return
			}
		}
	}
}

type scale struct {
	admin     *admin
	room      string
	pki       string
	program   string
	binary    string
	version   string
	known     *answers
	real      int    // nodes that are not played
	onFailure func() // says more
	atOnce    int    // so many pods are started at a time
	starting  atomic.Int64
	isAway    atomic.Bool
	agents    map[string]*agent
	sync.Mutex
	pods map[string]object // by uid, as they are just now
}

func (s *scale) newAgent(name, target string) *agent {
	room := s.room + "/" + name
	w := &world{version: s.version, room: room, node: room + "/node", program: s.program, installer: kataDeploy, binary: s.binary}
	for _, folder := range []string{"/node/etc/kata-containers", "/run/vc/sbs"} {
		must(os.MkdirAll(room+folder, 0o755))
	}
	w.cluster = &cluster{}
	giveContainerd(w, room+"/c.sock")
	w.engine.records = room + "/run/vc/sbs"
	w.engine.known = s.known
	w.engine.sees = func(handlers []string) {
		list := []object{}
		for _, name := range handlers {
			list = append(list, object{"name": name})
		}
		go s.admin.merge("/api/v1/nodes/"+name+"/status", object{"status": object{"runtimeHandlers": list}})
	}
	a := &agent{name: name, world: w, way: newWay(target, &s.isAway)}
	s.admin.do("POST", "/api/v1/nodes", "application/json", object{
		"metadata": object{"name": name, "labels": object{"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name}},
	})
	s.admin.merge("/api/v1/nodes/"+name, object{"spec": object{"taints": nil}})
	capacity := object{"pods": "110", "cpu": "4", "memory": "8Gi"}
	s.admin.merge("/api/v1/nodes/"+name+"/status", object{"status": object{
		"capacity": capacity, "allocatable": capacity,
		"nodeInfo":   object{"containerRuntimeVersion": "containerd://" + w.version, "operatingSystem": "linux", "architecture": "amd64"},
		"conditions": []object{{"type": "Ready", "status": "True", "reason": "Played", "message": "", "lastHeartbeatTime": stamp(), "lastTransitionTime": stamp()}},
	}})
	must(w.engine.start())
	return a
}

func stamp() string { return time.Now().UTC().Format(time.RFC3339) }

// ---- the kubelet ----

// token of an account, bound to POD if there is one.
func (s *scale) token(account string, pod object) string {
	spec := object{"expirationSeconds": 7200}
	if pod != nil {
		metadata := pod["metadata"].(object)
		spec["boundObjectRef"] = object{"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
	}
	answer := s.admin.do("POST", accountsPath+"/"+account+"/token", "application/json", object{"spec": spec})
	return answer["status"].(object)["token"].(string)
}

func (s *scale) writeKubeconfig(path, server, token string) {
	ca, err := os.ReadFile(s.pki + "/ca.crt")
	must(err)
	text := fmt.Sprintf("current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nusers: [{name: u, user: {token: '%s'}}]\n"+
		"clusters: [{name: k, cluster: {server: '%s', tls-server-name: kubernetes, certificate-authority-data: %s}}]\n", token, server, base64.StdEncoding.EncodeToString(ca))
	must(os.WriteFile(path, []byte(text), 0o600))
}

func (s *scale) kubeconfig(a *agent, pod object) string {
	path := a.world.room + "/kubeconfig"
	s.writeKubeconfig(path, a.way.url, s.token("kata-deploy", pod))
	return path
}

// command is the program with a /run of the node's own.
func (s *scale) command(a *agent, action string) *exec.Cmd {
	return exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", `mount --bind "$1/run" /run && exec "$2" "$3"`, "-", a.world.room, s.program, action)
}

// Each has one of its own, above those of the control plane and below those that anybody gets.
var lastPort = func() *atomic.Int32 { n := &atomic.Int32{}; n.Store(11000); return n }()

// begin starts the pod's program.
func (s *scale) begin(a *agent, pod object) {
	image := pod["spec"].(object)["containers"].([]any)[0].(object)["image"].(string)
	release := image[strings.LastIndex(image, ":")+1:]
	w := a.world
	a.port, a.isReady, a.isStarting, a.isStopping, a.pod = int(lastPort.Add(1)), false, true, false, pod["metadata"].(object)["uid"].(string)
	a.ended = make(chan error, 1)
	a.process = s.command(a, "install")
	a.process.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "KATA_ARTIFACTS=" + s.room + "/" + release, "NODE_NAME=" + a.name,
		"INSTALLATION_PREFIX=" + w.node, "KATA_ETC=" + w.node + "/etc/kata-containers", "KATA_CONTAINERD_DIR=" + w.node + "/etc/containerd",
		"KATA_CONTAINERD_SOCKET=" + w.room + "/c.sock", "KATA_LOCKS=/run/vc", "KATA_RESTART_COMMAND=restart-engine",
		"KUBECONFIG=" + s.kubeconfig(a, pod), "KATA_DEPLOY_KEY=" + publicKey, "KATA_CUSTOM_CONFIGS=" + w.room + "/none", fmt.Sprintf("HEALTH_PORT=%d", a.port),
	}
	a.process.Stdout, a.process.Stderr = &a.said, &a.said
	must(a.process.Start())
	go func(process *exec.Cmd, ended chan error) { ended <- process.Wait() }(a.process, a.ended)
}

func (s *scale) tell(pod string, isReady bool) {
	status := map[bool]string{true: "True", false: "False"}[isReady]
	s.admin.merge(podsPath+"/"+pod+"/status", object{"status": object{"phase": "Running", "startTime": stamp(),
		"conditions": []object{{"type": "Ready", "status": status, "lastTransitionTime": stamp()}, {"type": "ContainersReady", "status": status, "lastTransitionTime": stamp()}}}})
}

// look is a kubelet's round for one pod.
func (s *scale) look(pod object) {
	metadata, spec := pod["metadata"].(object), pod["spec"].(object)
	node, _ := spec["nodeName"].(string)
	a := s.agents[node]
	if a == nil {
		return
	}
	name, uid := metadata["name"].(string), metadata["uid"].(string)
	switch {
	case metadata["deletionTimestamp"] != nil:
		if a.process != nil && a.pod == uid {
			if !a.isStopping {
				a.isStopping = true
				_ = a.process.Process.Signal(syscall.SIGTERM)
			}
			select {
			case <-a.ended:
				a.process = nil
				if a.isStarting {
					a.isStarting = false
					s.starting.Add(-1)
				}
			default:
				return
			}
		}
		s.admin.do("DELETE", podsPath+"/"+name, "application/json", object{"gracePeriodSeconds": 0})
	case a.process == nil:
		if s.starting.Add(1) > int64(s.atOnce) {
			s.starting.Add(-1)
			return
		}
		s.begin(a, pod)
		s.tell(name, false)
	case a.pod == uid:
		select {
		case err := <-a.ended:
			fatal("the program of %s has ended: %v: %s", node, err, a.said.String())
		default:
		}
		// As a kubelet has it, more often until a pod is ready.
		if a.looks++; a.isReady && a.looks%10 != 0 {
			return
		}
		client := http.Client{Timeout: 10 * time.Second}
		answer, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", a.port))
		isReady := err == nil && answer.StatusCode == 200
		if err == nil {
			answer.Body.Close()
		}
		if isReady != a.isReady {
			if isReady && a.isStarting {
				a.isStarting = false
				s.starting.Add(-1)
			}
			a.isReady = isReady
			s.tell(name, isReady)
		}
	}
}

// eachEvent tells what a watch tells, until that ends or is refused.
func eachEvent[T any](body io.ReadCloser, tell func(kind string, what T)) {
	defer body.Close()
	for events := json.NewDecoder(body); ; {
		var event struct {
			Type   string
			Object T
		}
		if events.Decode(&event) != nil || event.Type == "ERROR" {
			return
		}
		tell(event.Type, event.Object)
	}
}

// follow keeps the pods as a watch has them; the connection may end at any time, then it lists anew.
func (s *scale) follow() {
	for {
		list := s.admin.get(podsPath)
		pods := map[string]object{}
		items, _ := list["items"].([]any)
		for _, item := range items {
			pod := item.(object)
			pods[pod["metadata"].(object)["uid"].(string)] = pod
		}
		s.Lock()
		s.pods = pods
		s.Unlock()
		from, _ := list["metadata"].(object)["resourceVersion"].(string)
		answer, err := s.admin.client.Get(s.admin.url + podsPath + "?watch=true&resourceVersion=" + from)
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		if answer.StatusCode != 200 {
			answer.Body.Close()
			time.Sleep(time.Second)
			continue
		}
		eachEvent(answer.Body, func(kind string, pod object) {
			uid := pod["metadata"].(object)["uid"].(string)
			s.Lock()
			s.pods[uid] = pod
			if kind == "DELETED" {
				delete(s.pods, uid)
			}
			s.Unlock()
		})
	}
}

// kubelets goes round for all nodes.
func (s *scale) kubelets() {
	go s.follow()
	for {
		var all sync.WaitGroup
		s.Lock()
		for _, pod := range s.pods {
			all.Add(1)
			go func() { defer all.Done(); s.look(pod) }()
		}
		s.Unlock()
		all.Wait()
		// Those of many nodes have one machine here.
		time.Sleep(max(500*time.Millisecond, time.Duration(len(s.agents))*time.Millisecond))
	}
}

// ---- what is measured ----

type figures struct {
	began                     time.Time
	bytes, processor, auditAt int64
}

// processor is what the API server has taken so far, in ms.
func (s *scale) processor() int64 { return processorOf(s.apiServer()) }

func (s *scale) apiServer() string {
	text, err := os.ReadFile(filepath.Dir(s.pki) + "/pid/kube-apiserver")
	must(err)
	return strings.Fields(string(text))[0]
}

func processorOf(process string) int64 {
	line, err := os.ReadFile("/proc/" + process + "/stat")
	must(err)
	fields := strings.Fields(string(line)[strings.LastIndex(string(line), ")")+1:])
	return int64(number10(fields[11], 0)+number10(fields[12], 0)) * 10
}

func (s *scale) audit() string { return filepath.Dir(s.pki) + "/log/audit.log" }

func (s *scale) mark() figures {
	f := figures{began: time.Now(), processor: s.processor()}
	for _, a := range s.agents {
		f.bytes += a.way.bytes.Load()
	}
	if info, err := os.Stat(s.audit()); err == nil {
		f.auditAt = info.Size()
	}
	return f
}

// tally is requests by verb and kind.
type tally map[string]int

func (t tally) total() int {
	total := 0
	for _, count := range t {
		total += count
	}
	return total
}

// of each of N nodes.
func (t tally) of(n int) string {
	var parts []string
	for _, verb := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", verb, float64(t[verb])/float64(n)))
	}
	return fmt.Sprintf("%.2f requests (%s)", float64(t.total())/float64(n), strings.Join(parts, ", "))
}

// requests of the account since then, from the API server's audit log; those of pods on nodes that are not played are told apart.
func (s *scale) requests(account string, from int64) (counts, real tally, refused int) {
	file, err := os.Open(s.audit())
	must(err)
	defer file.Close()
	_, err = file.Seek(from, io.SeekStart)
	must(err)
	counts, real = tally{}, tally{}
	decoder := json.NewDecoder(file)
	for {
		var line struct {
			Verb, Stage string
			RequestURI  string
			User        struct {
				Username string
				Extra    map[string][]string
			}
			ObjectRef struct{ Resource, Subresource string }
			Status    struct{ Code int } `json:"responseStatus"`
		}
		if decoder.Decode(&line) != nil {
			break
		}
		// A watch is told when it begins and when it ends.
		if !strings.HasSuffix(line.User.Username, ":"+account) || line.Verb == "watch" && line.Stage == "ResponseComplete" {
			continue
		}
		what := line.ObjectRef.Resource
		if line.ObjectRef.Subresource != "" {
			what += "/" + line.ObjectRef.Subresource
		}
		if strings.Contains(line.RequestURI, "dryRun=All") {
			what += " on trial"
		}
		on := line.User.Extra["authentication.kubernetes.io/node-name"]
		if len(on) > 0 && s.agents[on[0]] == nil {
			real[line.Verb+" "+what]++
			continue
		}
		counts[line.Verb+" "+what]++
		if line.Status.Code == 401 || line.Status.Code == 403 || line.Status.Code == 422 {
			refused++
		}
	}
	return counts, real, refused
}

// report counts what there was until now, which took so long; afterwards pods look once more whether all is well.
func (s *scale) report(what string, from figures, took time.Duration) tally {
	to := s.mark()
	n := len(s.agents)
	counts, real, refused := s.requests("kata-deploy", from.auditAt)
	fmt.Printf("%s: %d nodes, %.0f s; of a node %s, %.1f KB; refused %d; processor of the API server %.1f s\n",
		what, n, took.Seconds(), counts.of(n), float64(to.bytes-from.bytes)/1000/float64(n), refused,
		float64(to.processor-from.processor)/1000)
	if s.real > 0 {
		fmt.Printf("%s: of a real node %s\n", what, real.of(s.real))
	}
	return counts
}

func (s *scale) wait(what string, limit time.Duration, is func() (bool, string)) {
	var why string
	for began := time.Now(); time.Since(began) < limit; time.Sleep(500 * time.Millisecond) {
		var ok bool
		if ok, why = is(); ok {
			return
		}
	}
	for _, a := range s.agents {
		if !a.isReady {
			fmt.Printf("%s said: %s\n", a.name, a.said.String())
			break
		}
	}
	if s.onFailure != nil {
		s.onFailure()
	}
	fatal("%s did not come to its end: %s", what, why)
}

func (s *scale) rolledOut(image string) func() (bool, string) {
	return func() (bool, string) {
		d := s.admin.get(daemonPath)
		status, _ := d["status"].(object)
		updated, _ := status["updatedNumberScheduled"].(float64)
		available, _ := status["numberAvailable"].(float64)
		observed, _ := status["observedGeneration"].(float64)
		generation, _ := d["metadata"].(object)["generation"].(float64)
		n := len(s.agents) + s.real
		return int(updated) == n && int(available) == n && observed == generation, fmt.Sprintf("%v updated, %v available of %d", updated, available, n)
	}
}

func (s *scale) use(release string, atOnce int) {
	s.admin.do("PATCH", daemonPath, "application/strategic-merge-patch+json", object{"spec": object{
		"updateStrategy": object{"rollingUpdate": object{"maxUnavailable": atOnce}},
		"template":       object{"spec": object{"containers": []object{{"name": "kata-deploy", "image": "localhost/kata-deploy:" + release}}}},
	}})
}

// settle waits for what pods look at once more after a change.
func (s *scale) settle() {
	time.Sleep(20 * time.Second)
	s.wait("rest", 3*time.Minute, s.following())
}

// outage closes all ways for a while, and says who knocked how often.
func (s *scale) outage(away time.Duration) {
	if away == 0 {
		return
	}
	before := map[string]int64{}
	for name, a := range s.agents {
		before[name] = a.way.tries.Load()
	}
	s.isAway.Store(true)
	time.Sleep(away)
	var most, all int64
	for name, a := range s.agents {
		tries := a.way.tries.Load() - before[name]
		all += tries
		most = max(most, tries)
	}
	began := s.mark()
	s.isAway.Store(false)
	n := int64(len(s.agents))
	fmt.Printf("the API server was away for %.0f s: %d nodes, most of one %d requests, %.3f each second; all together %.2f each second\n",
		away.Seconds(), n, most, float64(most)/away.Seconds(), float64(all)/away.Seconds())
	// At first it asks soon again.
	if away > 2*time.Minute && float64(most)/away.Seconds() > 0.25 {
		fatal("an agent asked more often than 0.25 times each second")
	}
	s.wait("the return", 5*time.Minute, s.following())
	s.report("it came back", began, time.Since(began.began))
	s.quiet()
}

// goBack has somebody go back on each node, one after the other, and forward again: how long each took, as the program says.
func (s *scale) goBack() {
	began := s.mark()
	var took []int
	for turn := range 2 {
		for _, a := range s.agents {
			command := s.command(a, "rollback")
			command.Env = a.process.Env
			out, err := command.CombinedOutput()
			found := installedIn.FindStringSubmatch(string(out))
			if err != nil || found == nil {
				fatal("%s does not go back: %v %s", a.name, err, out)
			}
			took = append(took, number10(found[1], 0))
		}
		s.settle()
		if turn == 0 {
			s.wipe()
		}
	}
	sort.Ints(took)
	s.report("back and forth on each node", began, time.Since(began.began))
	fmt.Printf("going back takes %d ms, at most %d ms\n", took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] >= 1000 {
		fatal("that is not under a second")
	}
}

// wipe takes the label of a node that is held on another version than its pod's, which comes back soon.
func (s *scale) wipe() {
	path := "/api/v1/nodes/s1"
	began := time.Now()
	s.agents["s1"].isWiped = true
	s.admin.merge(path, object{"metadata": object{"labels": object{"katacontainers.io/kata-runtime": nil}}})
	s.wait("the repair of a held node", time.Minute, func() (bool, string) {
		labels, _ := s.admin.get(path)["metadata"].(object)["labels"].(object)
		return labels["katacontainers.io/kata-runtime"] == "true", fmt.Sprint(labels)
	})
	took := time.Since(began)
	fmt.Printf("the label of a held node came back after %.1f s\n", took.Seconds())
	if took > 10*time.Second {
		fatal("that is not within 10 s")
	}
	s.settle()
}

var installedIn = regexp.MustCompile(`is installed in (\d+) ms`)

// following: each was seen with its one watch and no other connection for a while, since this was asked for; of many nodes
// some are always about to look whether all is well.
func (s *scale) following() func() (bool, string) {
	const looks = 4
	seen := map[string]int{}
	return func() (bool, string) {
		lacking := 0
		for name, a := range s.agents {
			switch {
			case seen[name] == looks:
			case a.way.open.Load() == 1:
				seen[name]++
			default:
				seen[name] = 0
			}
			if seen[name] < looks {
				lacking++
			}
		}
		return lacking == 0, fmt.Sprintf("%d of %d nodes do not have just one connection", lacking, len(s.agents))
	}
}

// connections are those of all nodes just now.
func (s *scale) connections() int64 {
	var all int64
	for _, a := range s.agents {
		all += a.way.open.Load()
	}
	return all
}

// quiet: no node took what another did for somebody's change.
func (s *scale) quiet() {
	for _, a := range s.agents {
		if said := a.said.String(); !a.isWiped && (strings.Contains(said, "somebody had changed") || strings.Contains(said, "somebody has changed")) {
			fatal("%s tells of a change by somebody: %s", a.name, said)
		}
	}
}

// tellMemory is what the API server has, and what a node's program and its child have of their own.
func (s *scale) tellMemory() {
	var own, processes int
	for _, a := range s.agents {
		if a.process == nil {
			continue
		}
		pid := a.process.Process.Pid
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		for _, process := range append(strings.Fields(string(children)), fmt.Sprint(pid)) {
			own += memoryOf(process, "smaps_rollup", "Private_Dirty:")
			processes++
		}
	}
	n := len(s.agents)
	fmt.Printf("memory: the API server has %d MiB; a node's program has %d KiB of its own, in %.1f processes\n",
		memoryOf(s.apiServer(), "status", "VmRSS:")/1024, own/n, float64(processes)/float64(n))
}

// memoryOf is what that file of /proc says, in KiB.
func memoryOf(process, file, name string) int {
	text, _ := os.ReadFile("/proc/" + process + "/" + file)
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			return number10(fields[1], 0)
		}
	}
	return 0
}

func (s *scale) rollOuts(n int) {
	for _, release := range []string{"1.0.2", "1.0.1"} {
		began := s.mark()
		s.use(release, max(1, n/10))
		s.wait("the roll-out", 20*time.Minute, s.rolledOut(release))
		took := time.Since(began.began)
		s.settle()
		s.report("roll-out of "+release, began, took)
	}
}

// controller has nothing but the DaemonSet's controller at work: pods get ready a second after they were bound.
func (s *scale) controller(n int) {
	must(os.MkdirAll(s.room, 0o755))
	inParallel(n, func(i int) { s.admin.do("POST", "/api/v1/nodes", "application/json", node(i)) })
	s.real = n
	go s.fleet()
	s.wait("the pods", 20*time.Minute, s.rolledOut("1.0.1"))
	began := s.mark()
	s.use("1.0.2", max(1, n/10))
	s.wait("the roll-out", 20*time.Minute, s.rolledOut("1.0.2"))
	fmt.Printf("the controller alone: %d nodes, %.0f s, processor of the API server %.1f s\n",
		n, time.Since(began.began).Seconds(), float64(s.processor()-began.processor)/1000)
}

func runScale(program, room, binary string, options map[string]string) {
	s := &scale{admin: newAdmin(options["server"], options["pki"]), room: room, pki: options["pki"], program: program, binary: binary,
		version: versionOf(binary), known: &answers{known: map[string]dump{}}, real: number10(options["real"], 0), atOnce: number10(options["at-once"], 100), agents: map[string]*agent{}}
	n := number10(options["nodes"], 50)
	switch options["only"] {
	case "coordinator":
		s.coordinate(n, options)
		return
	case "controller":
		s.controller(n)
		return
	}
	for _, v := range []string{"1.0.1", "1.0.2"} {
		must(os.MkdirAll(room+"/"+v, 0o755))
		writeRelease(room+"/"+v, v, delivered)
	}
	target := strings.TrimPrefix(options["server"], "https://")
	for i := range n {
		name := fmt.Sprintf("s%d", i+1)
		s.agents[name] = s.newAgent(name, target)
	}
	fmt.Printf("%d nodes are there\n", n)
	began := s.mark()
	go s.kubelets()
	s.wait("the installation", 20*time.Minute, s.rolledOut("1.0.1"))
	took := time.Since(began.began)
	s.settle()
	s.report("installation", began, took)
	rest := time.Duration(number10(options["rest"], 120)) * time.Second
	began = s.mark()
	time.Sleep(rest)
	counts := s.report("at rest", began, rest)
	for verb, count := range counts {
		if !strings.HasPrefix(verb, "get") && !strings.HasPrefix(verb, "list") && !strings.HasPrefix(verb, "watch") {
			fatal("at rest there were %d of %s", count, verb)
		}
	}
	s.wait("a watch of each, and no more", time.Minute, s.following())
	fmt.Printf("%d connections of %d nodes\n", s.connections(), n)
	if options["only"] != "outage" {
		s.rollOuts(n)
	}
	if options["only"] == "" {
		s.goBack()
	}
	s.tellMemory()
	s.outage(time.Duration(number10(options["away"], 600)) * time.Second)
}
