// SPDX-License-Identifier: Apache-2.0

// Power cuts: each state of the disk that a recorded run may leave is recovered by the program.
package main

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

func recorder(output string) []string {
	return []string{"strace", "-f", "-qq", "-y", "-s", "100000", "-e", "signal=none", "-e", "trace=" + changing, "-o", output}
}

// cut is a state to recover: what happened before, and which of that was lost.
type cut struct {
	length, bent int
	lost         []int
	how          string // it is bent
}

var bends = map[string]func(string) string{
	"half":  func(s string) string { return s[:len(s)/2] },
	"zeros": func(s string) string { return strings.Repeat("\x00", len(s)) },
}

// open is the ops that may still be lost when the first LENGTH have happened.
func (r *record) open(length int) []int {
	var list []int
	for i, o := range r.ops[:length] {
		if o.synced == 0 || o.synced > length {
			list = append(list, i)
		}
	}
	return list
}

// cuts are all states to recover, by number: of each prefix whole, with all lost, with each single loss, with each written
// half or zeros, with each two lost; and seeded subsets.  None is kept: there are more than anybody needs at once.
type cuts struct {
	record *record
	before []int // how many begin before the prefix of this length
	pairs  int
	orders int
	seed   int64
}

func (r *record) cuts(orders int, seed int64) *cuts {
	c := &cuts{record: r, before: []int{0}, orders: orders, seed: seed}
	for length := range len(r.ops) + 1 {
		open := r.open(length)
		pairs := len(open) * (len(open) - 1) / 2
		c.pairs += pairs
		c.before = append(c.before, c.before[length]+2+len(open)+len(bends)*len(r.writes(open))+pairs)
	}
	return c
}

func (c *cuts) len() int { return c.before[len(c.before)-1] + c.orders }

// writes are those of LIST that write.
func (r *record) writes(list []int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(i int) bool { return r.ops[i].kind != "write" })
}

func (c *cuts) at(number int) cut {
	all := c.before[len(c.before)-1]
	if number >= all {
		return c.order(number - all)
	}
	length := sort.SearchInts(c.before, number+1) - 1
	return c.ofPrefix(length, number-c.before[length])
}

func (c *cuts) ofPrefix(length, number int) cut {
	r := c.record
	open := r.open(length)
	writes := r.writes(open)
	switch number {
	case 0:
		return cut{length: length, bent: -1}
	case 1:
		return cut{length: length, bent: -1, lost: open}
	}
	number -= 2
	if number < len(open) {
		return cut{length: length, bent: -1, lost: open[number : number+1]}
	}
	number -= len(open)
	if number < len(bends)*len(writes) {
		return cut{length: length, bent: writes[number/len(bends)], how: slices.Sorted(maps.Keys(bends))[number%len(bends)]}
	}
	number -= len(bends) * len(writes)
	first := 0
	for number >= len(open)-1-first {
		number -= len(open) - 1 - first
		first++
	}
	return cut{length: length, bent: -1, lost: []int{open[first], open[first+1+number]}}
}

// order is a seeded subset: some of what may be lost behind some prefix.
func (c *cuts) order(number int) cut {
	random := rand.New(rand.NewSource(c.seed<<32 + int64(number)))
	length := 1 + random.Intn(len(c.record.ops))
	share := random.Float64()
	lost := slices.DeleteFunc(c.record.open(length), func(int) bool { return random.Float64() >= share })
	return cut{length: length, bent: -1, lost: lost}
}

func (r *record) describe(c cut) string {
	switch {
	case c.bent >= 0:
		return c.how + " of " + r.ops[c.bent].call
	case len(c.lost) == 0:
		return "nothing lost"
	case len(c.lost) > 2:
		return fmt.Sprintf("%d lost", len(c.lost))
	}
	var calls []string
	for _, i := range c.lost {
		calls = append(calls, r.ops[i].call)
	}
	return "lost: " + strings.Join(calls, " and ")
}

// recording is a run of the flow: what was there before, its calls, and the API server's objects before each request.
type recording struct {
	start    *state
	calls    string
	pictures []map[string]object
}

// saved is the same in a file.
type saved struct {
	Files    map[string]savedEntry
	Wanted   bool
	Calls    string
	Pictures []byte
}

type savedEntry struct {
	Mode     os.FileMode
	UID, GID uint32
	Text     string
}

func (l *recording) save(path string) {
	pictures, err := json.Marshal(l.pictures)
	must(err)
	s := saved{Files: map[string]savedEntry{}, Wanted: l.start.wanted, Calls: l.calls, Pictures: pictures}
	for name, e := range l.start.files {
		s.Files[name] = savedEntry{e.mode, e.uid, e.gid, e.text}
	}
	var out bytes.Buffer
	must(gob.NewEncoder(&out).Encode(s))
	must(os.WriteFile(path+".new", out.Bytes(), 0o600))
	must(os.Rename(path+".new", path))
}

func loadRecording(path string) *recording {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	must(err)
	var s saved
	must(gob.NewDecoder(bytes.NewReader(text)).Decode(&s))
	l := &recording{start: &state{files: tree{}, wanted: s.Wanted}, calls: s.Calls}
	for name, e := range s.Files {
		l.start.files[name] = entry{e.Mode, e.UID, e.GID, e.Text}
	}
	must(json.Unmarshal(s.Pictures, &l.pictures))
	return l
}

func (t *torture) record(f *flow) *recording {
	w := t.world
	path := filepath.Join(w.room, "recording")
	start := t.begins[f.name]
	w.put(start)
	w.cluster.remember()
	if ended := w.run(recorder(path), f); ended.status != 0 {
		fatal("%s, recorded, ended with %d: %s", f.name, ended.status, ended.said)
	}
	calls, err := os.ReadFile(path)
	must(err)
	l := &recording{start, string(calls), w.cluster.forget()}
	r := newRecord(w.node, w.binds, start.files)
	r.read(l.calls)
	if found := differ(w.take().files, r.tree()); len(found) > 0 {
		fatal("%s: the recording does not lead to what is there: %v", f.name, found[:min(5, len(found))])
	}
	return l
}

// recorded is one run for all parts and slices.  Names have numbers of processes in them, and files have times, so the states of two
// runs are not the same: each part would leave some to another, which never meets them.
func (t *torture) recorded(f *flow) *recording {
	path := filepath.Join(t.options["recordings"], strings.ReplaceAll(t.world.name+"-"+f.name, " ", "-"))
	lock, err := os.Create(path + ".lock")
	must(err)
	defer lock.Close()
	must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	l := loadRecording(path)
	if l == nil {
		l = t.record(f)
		l.save(path)
	}
	return l
}

// crash records the flow, then recovers from each state that it may have left.
func (t *torture) crash(f *flow) {
	w := t.world
	l := t.recorded(f)
	start, pictures := l.start, l.pictures
	r := newRecord(w.node, w.binds, start.files)
	r.read(l.calls)
	part := number10(t.options["slice"], 0)*t.parts + t.part
	parts := number10(t.options["slices"], 1) * t.parts
	var n count
	seen := map[uint64]bool{}
	mine, began := 0, time.Now()
	sums := map[string]uint64{}
	cuts := r.cuts(number10(t.options["orders"], 1000), t.seed)
	limit := number10(t.options["points"], cuts.len()*t.parts)
	for _, i := range rand.New(rand.NewSource(t.seed)).Perm(cuts.len()) {
		c := cuts.at(i)
		left := r.crash(c.length, c.lost, c.bent, bends[c.how])
		asked := 0
		if c.length > 0 {
			asked = min(r.ops[c.length-1].asked, len(pictures)-1)
		}
		key := mix(left.digest(sums) + uint64(asked)) // what the API server had said by then is a part of it
		// Each state is the same part's, whatever it came from.
		if key%uint64(parts) != uint64(part) {
			continue
		}
		mine++
		if seen[key] {
			continue
		}
		if n.points >= (limit+t.parts-1-t.part)/t.parts {
			break
		}
		seen[key] = true
		t.boot(f, r, c, &state{files: left.tree(), objects: pictures[asked], wanted: start.wanted}, &n)
		if n.points%1000 == 0 {
			fmt.Printf("%s, %s: part %d has tried %d different states of %d, %.0f s\n", w.name, f.name, t.part, n.points, mine, time.Since(began).Seconds())
		}
	}
	fmt.Printf("SUM  %s, %s: power cuts looked at: %d\n", w.name, f.name, mine)
	fmt.Printf("SUM  %s, %s: crash states: %d %d %d\n", w.name, f.name, n.points, n.hit, n.recovered)
	if t.part == 0 {
		fmt.Printf("SUM  %s, %s: changes, pairs, orders: %d %d %d\n", w.name, f.name, len(r.ops), cuts.pairs, cuts.orders)
	}
}

// boot is the machine after the power came again: the engine reads its files, and no sandbox is left.
func (t *torture) boot(f *flow, r *record, c cut, s *state, n *count) {
	w := t.world
	last := "the beginning"
	if c.length > 0 {
		last = r.ops[c.length-1].call
	}
	where := fmt.Sprintf("%s, %s, power cut behind op %d, %s; %s", w.name, f.name, c.length, last, r.describe(c))
	bad := t.bad
	n.points++
	w.put(s)
	if err := w.start(); err != nil {
		t.complain(where, []string{err.Error()}, "")
		return
	}
	left := w.take()
	if faults := w.faults(left); len(faults) > 0 && f.damage == nil {
		t.complain(where, faults, "")
	}
	if _, isOpen := left.files["/opt/kata/journal"]; isOpen {
		n.hit++
	}
	t.recover(f, where, left)
	if t.bad == bad {
		n.recovered++
	}
}
