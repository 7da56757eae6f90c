// SPDX-License-Identifier: Apache-2.0

// torture - end an installer at each system call that changes something, and see the next one converge.
//
//	node kill|fault|crash|rounds|live|calls PROGRAM ROOM CONTAINERD... [OPTION=VALUE]...
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "FAILED: "+format+"\n", args...)
	os.Exit(2)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func pretty(o object) string {
	bytes, _ := json.Marshal(o)
	return string(bytes)
}

type torture struct {
	world   *world
	options map[string]string
	seed    int64
	part    int // of the parts that share the points, from 0
	parts   int
	begins  map[string]*state // of flows
	ends    map[string]*state
	bad     int
}

func (t *torture) complain(where string, faults []string, said string) {
	t.bad++
	fmt.Printf("BAD  %s\n", where)
	for _, fault := range faults {
		fmt.Printf("       %s\n", fault)
	}
	if said != "" && t.bad <= 20 {
		fmt.Printf("       it said: %s\n", strings.ReplaceAll(strings.TrimSpace(said), "\n", "\n         "))
	}
}

// prepare runs the flow undisturbed, twice: what it leaves is what every other end of it is compared with.
func (t *torture) prepare(f *flow) []call {
	w := t.world
	if f.after != "" {
		w.put(t.ends[f.after])
	}
	w.cluster.wanted = !f.isEnd
	if f.damage != nil {
		f.damage(w)
	}
	t.begins[f.name] = w.take()
	trace := filepath.Join(w.room, "trace")
	asked := w.cluster.asked
	if r := w.run(tracer(trace), f); r.status != 0 {
		fatal("%s, %s, undisturbed, ended with %d:\n%s", w.name, f.name, r.status, r.said)
	}
	end := w.take()
	if faults := append(w.faults(end), w.atRest(end)...); len(faults) > 0 {
		fatal("%s, %s, undisturbed: %v", w.name, f.name, faults)
	}
	t.ends[f.name] = end
	if t.part == 0 && w.docker == nil {
		fmt.Printf("%s, %s: %d requests to the API server\n", w.name, f.name, w.cluster.asked-asked)
	}
	return readCalls(trace)
}

// choose is what is tried: all, or as many as were asked for; and of these our part.
func (t *torture) choose(calls []call) []call {
	if only := t.options["call"]; only != "" {
		return slices.DeleteFunc(slices.Clone(calls), func(c call) bool { return fmt.Sprintf("%s:%d", c.name, c.number) != only })
	}
	return t.share(calls, t.part, t.parts)
}

func (t *torture) share(calls []call, part, parts int) []call {
	points, err := strconv.Atoi(t.options["points"])
	if err != nil || points > len(calls) {
		points = len(calls)
	}
	random := rand.New(rand.NewSource(t.seed))
	var chosen []call
	for n, i := range random.Perm(len(calls))[:points] {
		if n%parts == part {
			chosen = append(chosen, calls[i])
		}
	}
	return chosen
}

type count struct{ points, hit, recovered int }

// disturb runs the flow with something injected at the call and looks; then again without, and looks.
func (t *torture) disturb(f *flow, from *state, c call, injection string, n *count) *state {
	w := t.world
	where := fmt.Sprintf("%s, %s, %s at %s no. %d: %.120s", w.name, f.name, injection, c.name, c.number, c.line)
	w.put(from)
	n.points++
	r := w.run(c.injector(injection, w.room+"/injected"), f)
	if r.status != 0 {
		n.hit++
	}
	left := w.take()
	bad := t.bad
	// What a flow is to mend is there until it has.
	if faults := w.faults(left); len(faults) > 0 && f.damage == nil {
		t.complain(where, faults, r.said)
	}
	if strings.HasPrefix(injection, "error") {
		t.judgeFault(where, r)
	}
	t.recover(f, where, left)
	if t.bad == bad {
		n.recovered++
	}
	return left
}

// judgeFault: a call that fails is told, or it did not matter.
func (t *torture) judgeFault(where string, r result) {
	if r.status < 0 || r.status > 127 {
		t.complain(where, []string{fmt.Sprintf("it ended with %d", r.status)}, r.said)
	}
	if r.status != 0 && !strings.Contains(r.said, t.world.installer.says) {
		t.complain(where, []string{"it failed and did not say why"}, r.said)
	}
}

// recover is the next run, without a hand.
func (t *torture) recover(f *flow, where string, left *state) {
	w := t.world
	switch t.options["next"] {
	case "cleanup", "remove":
		t.abandon(f, where)
		return
	case "recover":
		left = t.takeBack(f, where, left)
	}
	next := f
	// Whoever went back and was killed does so again, unless it had come to its end.
	_, isOpen := left.files["/opt/kata/journal"]
	if f.name == "roll-back" && !isOpen && currentOf(left.files) == currentOf(t.ends[f.name].files) {
		next = &flow{name: f.name, words: w.installer.stay, release: f.release, settings: f.settings}
	}
	r := w.run(nil, next)
	end := w.take()
	var faults []string
	if r.status != 0 && !(next != f && r.status == 7) {
		faults = append(faults, fmt.Sprintf("the next run ended with %d", r.status))
	}
	faults = append(faults, end.compare(t.ends[f.name])...)
	faults = append(faults, w.faults(end)...)
	faults = append(faults, w.atRest(end)...)
	if len(faults) > 0 {
		t.complain(where+": the next run", faults, r.said)
	}
}

// takeBack is what another version asks for that cannot do so itself: no more than the journal says.
func (t *torture) takeBack(f *flow, where string, left *state) *state {
	w := t.world
	r := w.run(nil, &flow{words: []string{"recover"}, release: f.release, settings: f.settings})
	end := w.take()
	var faults []string
	if r.status != 0 {
		faults = append(faults, fmt.Sprintf("the recovery ended with %d", r.status))
	}
	if _, isOpen := end.files["/opt/kata/journal"]; isOpen {
		faults = append(faults, "there is still a journal")
	}
	if f.damage == nil {
		faults = append(faults, w.faults(end)...)
	}
	if len(faults) > 0 {
		t.complain(where+": the recovery", faults, r.said)
	}
	return end
}

// abandon is a removal in place of the next run: it hands the node's files back all the same.
func (t *torture) abandon(f *flow, where string) {
	w := t.world
	removal := *w.installer.flow(w.installer.removal)
	w.cluster.wanted = false
	removal.release, removal.settings = f.release, f.settings
	r := w.run(nil, &removal)
	end := w.take()
	var faults []string
	if r.status != 0 {
		faults = append(faults, fmt.Sprintf("the removal ended with %d", r.status))
	}
	faults = append(faults, differ(t.ends[removal.name].files, end.files)...)
	faults = append(faults, w.faults(end)...)
	faults = append(faults, w.atRest(end)...)
	for path := range end.objects {
		if strings.HasPrefix(path, classesPath) {
			faults = append(faults, "has still "+path)
		}
	}
	if len(faults) > 0 {
		t.complain(where+": the removal", faults, r.said)
	}
}

func (t *torture) report(what string, n count) {
	fmt.Printf("SUM  %s, %s: %d %d %d\n", t.world.name, what, n.points, n.hit, n.recovered)
}

// kill ends the flow at each point, and then the recovery from one of each kind of rest.
func (t *torture) kill(f *flow, calls []call) {
	var n, again count
	seen := map[string]bool{}
	from := t.begins[f.name]
	for _, c := range t.choose(calls) {
		left := t.disturb(f, from, c, "signal=KILL", &n)
		journal := left.files["/opt/kata/journal"].text
		if t.options["recovery"] != "" && journal != "" && !seen[steps(journal)] {
			seen[steps(journal)] = true
			t.killRecovery(f, left, &again)
		}
	}
	t.report(f.name+": kill", n)
	if again.points > 0 {
		t.report(f.name+": kill in recovery", again)
	}
}

// steps is a journal without what the steps noted.
func steps(journal string) string {
	var words []string
	for _, line := range strings.Split(journal, "\n") {
		fields := strings.Fields(line)
		words = append(words, fields[:min(2, len(fields))]...)
	}
	return strings.Join(words, " ")
}

func (t *torture) killRecovery(f *flow, left *state, n *count) {
	w := t.world
	trace := filepath.Join(w.room, "trace")
	w.put(left)
	if r := w.run(tracer(trace), f); r.status != 0 {
		return
	}
	for _, c := range t.share(readCalls(trace), 0, 1) {
		t.disturb(f, left, c, "signal=KILL", n)
	}
}

// fault has each call fail in each way.
func (t *torture) fault(f *flow, calls []call) {
	for _, code := range []string{"ENOSPC", "EIO", "EROFS", "EMFILE", "EINTR"} {
		var n count
		if only := t.options["error"]; only != "" && only != code {
			continue
		}
		for _, c := range t.choose(calls) {
			if error := c.errorAs(code); error != "" {
				t.disturb(f, t.begins[f.name], c, "error="+error, &n)
			}
		}
		t.report(f.name+": "+code, n)
	}
}

func arguments() (what, program, room string, binaries []string, options map[string]string) {
	options = map[string]string{}
	if len(os.Args) < 5 {
		fatal("usage: node kill|fault|crash|rounds|live|calls PROGRAM ROOM CONTAINERD... [OPTION=VALUE]...")
	}
	for _, word := range os.Args[4:] {
		if name, value, ok := strings.Cut(word, "="); ok {
			options[name] = value
		} else {
			binaries = append(binaries, word)
		}
	}
	return os.Args[1], os.Args[2], os.Args[3], binaries, options
}

func number10(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}

func (t *torture) try(what string) {
	switch what {
	case "rounds":
		t.rounds()
		return
	case "live":
		t.live()
		return
	}
	calls := map[string][]call{}
	for _, f := range t.world.installer.flows {
		calls[f.name] = t.prepare(f)
	}
	for _, f := range t.world.installer.flows {
		calls := calls[f.name]
		if only := t.options["flow"]; only != "" && only != f.name {
			continue
		}
		switch what {
		case "kill":
			t.kill(f, calls)
		case "fault":
			t.fault(f, calls)
		case "crash":
			t.crash(f)
		case "calls":
			for _, c := range calls {
				fmt.Println(f.name, c.number, c.line)
			}
		}
	}
}

// peak is the most memory that this process had, in MiB.
func peak() int64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Maxrss / 1024
}

func main() {
	if filepath.Base(os.Args[0]) == "dockerd" {
		judge(os.Args)
	}
	if len(os.Args) == 4 && os.Args[1] == "hold" {
		hold(os.Args[2], os.Args[3])
		return
	}
	if _, err := os.Stat(realContainerd); err == nil && strings.HasPrefix(os.Args[1], "-") {
		must(syscall.Exec(realContainerd, append([]string{"containerd"}, os.Args[1:]...), os.Environ()))
	}
	what, program, room, binaries, options := arguments()
	if what == "scale" {
		runScale(program, room, binaries[0], options)
		return
	}
	bad := 0
	for i, binary := range binaries {
		w := newWorld(fmt.Sprintf("%s/%d", room, i), program, binary)
		t := &torture{
			world: w, options: options, seed: int64(number10(options["seed"], 1)),
			part: number10(options["part"], 0), parts: number10(options["parts"], 1),
			begins: map[string]*state{}, ends: map[string]*state{},
		}
		t.try(what)
		fmt.Printf("SUM  %s, questions to the real one: %d\n", w.name, w.engine.dumps)
		fmt.Printf("SUM  %s, memory of all parts at most, MiB: %d\n", w.name, peak())
		bad += t.bad
	}
	if bad > 0 {
		os.Exit(1)
	}
}
