// SPDX-License-Identifier: Apache-2.0

// The coordinator with thousands of nodes: the program itself and the real control plane; the nodes are objects alone, whose pods
// get ready a second after they were bound, and end at once.
//
//	node scale PROGRAM ROOM CONTAINERD only=coordinator server=URL pki=FOLDER nodes=N
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	coordinatorAccount = "kata-rollout-coordinator"
	installationPath   = "/apis/katacontainers.io/v1alpha1/katainstallations/default"
	writers            = 24
	// What the Deployment allows the program.
	coordinatorLimit = 128 * 1024
)

// fleetPod is as much of a pod as a kubelet of nothing needs.
type fleetPod struct {
	Metadata struct{ Name, UID, DeletionTimestamp, ResourceVersion string }
	Spec     struct{ NodeName string }
	Status   struct{ Phase string }
}

// node is an object as large as that of a machine with some images.
func node(i int) object {
	name := fmt.Sprintf("fleet-%05d.example.internal", i)
	labels := object{
		"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name,
		"topology.kubernetes.io/zone": fmt.Sprintf("zone-%d", i%3), "topology.kubernetes.io/region": "region-1",
		"node.kubernetes.io/instance-type": "metal.large", "katacontainers.io/kata-runtime": "true",
		"kata-deploy.katacontainers.io/default": "true",
	}
	images := []object{}
	for k := range 40 {
		images = append(images, object{"sizeBytes": 100000000 + k, "names": []string{
			fmt.Sprintf("registry.example.internal/some/project/image-%d@sha256:%064x", k, k), fmt.Sprintf("registry.example.internal/some/project/image-%d:v1.2.%d", k, k)}})
	}
	conditions := []object{}
	for _, kind := range []string{"MemoryPressure", "DiskPressure", "PIDPressure", "Ready", "KataReady"} {
		status := map[bool]string{true: "True", false: "False"}[strings.HasSuffix(kind, "Ready")]
		conditions = append(conditions, object{"type": kind, "status": status, "reason": "Played", "message": "this is only a node's object",
			"lastHeartbeatTime": stamp(), "lastTransitionTime": stamp()})
	}
	capacity := object{"pods": "110", "cpu": "64", "memory": "256Gi", "ephemeral-storage": "500Gi"}
	return object{
		"metadata": object{"name": name, "labels": labels, "annotations": object{
			"kata-deploy.katacontainers.io/default": "1.0.1-0123456789ab.0123456789ab", "node.alpha.kubernetes.io/ttl": "15"}},
		"status": object{"capacity": capacity, "allocatable": capacity, "conditions": conditions, "images": images,
			"nodeInfo": object{"containerRuntimeVersion": "containerd://2.4.2", "operatingSystem": "linux", "architecture": "amd64", "kubeletVersion": "v1.37.0"}},
	}
}

// inParallel does N things, some at a time.
func inParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range writers {
		all.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// play is the kubelets' part for a pod that was seen.
func (s *scale) play(p *fleetPod) {
	path := podsPath + "/" + p.Metadata.Name
	switch {
	case p.Metadata.DeletionTimestamp != "":
		s.admin.do("DELETE", path, "application/json", object{"gracePeriodSeconds": 0, "preconditions": object{"uid": p.Metadata.UID}})
	case p.Spec.NodeName != "" && p.Status.Phase != "Running":
		time.Sleep(time.Second)
		s.tell(p.Metadata.Name, true)
	}
}

// fleet watches the pods, for ever.
func (s *scale) fleet() {
	turns := make(chan struct{}, 200)
	see := func(p *fleetPod) {
		turns <- struct{}{}
		go func() { s.play(p); <-turns }()
	}
	ask := func(query string) *http.Response {
		answer, err := s.admin.client.Get(s.admin.url + podsPath + "?labelSelector=app%3Dkata-deploy" + query)
		if err != nil || answer.StatusCode != 200 {
			return nil
		}
		return answer
	}
	for {
		var list struct {
			Metadata struct{ ResourceVersion string }
			Items    []fleetPod
		}
		answer := ask("")
		if answer == nil {
			time.Sleep(time.Second)
			continue
		}
		must(json.NewDecoder(answer.Body).Decode(&list))
		answer.Body.Close()
		for i := range list.Items {
			see(&list.Items[i])
		}
		if answer = ask("&watch=true&resourceVersion=" + list.Metadata.ResourceVersion); answer == nil {
			continue
		}
		eachEvent(answer.Body, func(kind string, pod fleetPod) {
			if kind != "DELETED" {
				see(&pod)
			}
		})
	}
}

// coordinator is the program, and the way to the API server that counts.
type coordinator struct {
	process *exec.Cmd
	way     *way
	said    said
}

func (c *coordinator) pid() string { return fmt.Sprint(c.process.Process.Pid) }

func (s *scale) startCoordinator(target string) *coordinator {
	c := &coordinator{way: newWay(target, &s.isAway)}
	path := s.room + "/coordinator"
	s.writeKubeconfig(path, c.way.url, s.token(coordinatorAccount, nil))
	c.process = exec.Command(s.program, "coordinate")
	c.process.Env = []string{"POD_NAME=kata-deploy-coordinator-0", "NODE_NAME=n", "POD_NAMESPACE=kata-system", "DAEMONSET_NAME=kata-deploy", "KUBECONFIG=" + path}
	c.process.Stdout, c.process.Stderr = &c.said, &c.said
	must(c.process.Start())
	return c
}

type coordinatorFigures struct {
	figures
	own int64 // ms of processor
}

func (s *scale) markCoordinator(c *coordinator) coordinatorFigures {
	f := coordinatorFigures{figures: s.mark(), own: processorOf(c.pid())}
	f.bytes = c.way.bytes.Load()
	return f
}

func (s *scale) reportCoordinator(what string, c *coordinator, from coordinatorFigures) {
	to := s.markCoordinator(c)
	counts, _, refused := s.requests(coordinatorAccount, from.auditAt)
	var parts []string
	for _, verb := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", verb, counts[verb]))
	}
	total := counts.total()
	took := to.began.Sub(from.began).Seconds()
	fmt.Printf("%s: %.0f s; %d requests, %.1f each second (%s), %.1f MB; refused %d; processor: its own %.1f s, the API server's %.1f s; its memory %d KiB, at most %d\n",
		what, took, total, float64(total)/took, strings.Join(parts, ", "), float64(to.bytes-from.bytes)/1e6, refused,
		float64(to.own-from.own)/1000, float64(to.processor-from.processor)/1000,
		memoryOf(c.pid(), "status", "VmRSS:"), memoryOf(c.pid(), "status", "VmHWM:"))
}

// rollout is what the resource says.
func (s *scale) rollout(image, words string) func() (bool, string) {
	return func() (bool, string) {
		status, _ := s.admin.get(installationPath)["status"].(object)
		is, _ := status["rollout"].(string)
		of, _ := status["image"].(string)
		return is == words && strings.HasSuffix(of, ":"+image), fmt.Sprintf("%s: %s", of, is)
	}
}

func (s *scale) coordinate(n int, options map[string]string) {
	began := time.Now()
	must(os.MkdirAll(s.room, 0o755))
	inParallel(n, func(i int) { s.admin.do("POST", "/api/v1/nodes", "application/json", node(i)) })
	fmt.Printf("%d nodes are there after %.0f s\n", n, time.Since(began).Seconds())
	go s.fleet()
	s.wait("the pods", 20*time.Minute, func() (bool, string) {
		status, _ := s.admin.get(daemonPath)["status"].(object)
		available, _ := status["numberAvailable"].(float64)
		return int(available) == n, fmt.Sprintf("%v available of %d", available, n)
	})
	fmt.Printf("%d pods are ready after %.0f s\n", n, time.Since(began).Seconds())
	s.admin.merge(installationPath, object{"spec": object{
		"parallelism": number10(options["parallelism"], 500), "soakSeconds": number10(options["soak"], 5)}})
	c := s.startCoordinator(strings.TrimPrefix(options["server"], "https://"))
	defer func() {
		_ = c.process.Process.Signal(syscall.SIGTERM)
		_ = c.process.Wait()
	}()
	failed := func() { fmt.Println("the coordinator said: " + c.said.tail(3000)) }
	s.onFailure = failed
	from := s.markCoordinator(c)
	s.wait("the first look", 5*time.Minute, s.rollout("1.0.1", "complete"))
	s.reportCoordinator("first look", c, from)
	from = s.markCoordinator(c)
	time.Sleep(time.Duration(number10(options["rest"], 120)) * time.Second)
	s.reportCoordinator("at rest", c, from)
	from = s.markCoordinator(c)
	s.admin.do("PATCH", daemonPath, "application/strategic-merge-patch+json", object{"spec": object{
		"template": object{"spec": object{"containers": []object{{"name": "kata-deploy", "image": "localhost/kata-deploy:1.0.2"}}}}}})
	s.wait("the roll-out", 45*time.Minute, s.rollout("1.0.2", "complete"))
	s.reportCoordinator("roll-out", c, from)
	fmt.Printf("memory: the API server has %d MiB\n", memoryOf(s.apiServer(), "status", "VmRSS:")/1024)
	if most := memoryOf(c.pid(), "status", "VmHWM:"); most > coordinatorLimit {
		failed()
		fatal("the coordinator took %d KiB, more than its limit of %d", most, coordinatorLimit)
	}
	if _, err := os.Stat("/proc/" + c.pid()); err != nil {
		fatal("the coordinator has ended")
	}
}
