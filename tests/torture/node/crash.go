// SPDX-License-Identifier: Apache-2.0

// Power cuts: each state of the disk that a recorded run may leave is recovered by the program.
package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
)

func recorder(output string) []string {
	return []string{"strace", "-f", "-qq", "-y", "-s", "100000", "-e", "signal=none", "-e", "trace=" + changing, "-o", output}
}

// cut is a state to recover: what happened before, and which of that was lost.
type cut struct {
	length, bent int
	lost         map[int]bool
	how          string
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

// cuts is every prefix whole, with each single loss, with all lost; and N seeded subsets and pairs of losses.
func (r *record) cuts(n int, random *rand.Rand) []cut {
	var list []cut
	for length := 0; length <= len(r.ops); length++ {
		open := r.open(length)
		list = append(list, cut{length: length, bent: -1, how: "nothing lost"})
		all := map[int]bool{}
		for _, i := range open {
			all[i] = true
			list = append(list, cut{length: length, bent: -1, lost: map[int]bool{i: true}, how: "lost: " + r.ops[i].call})
			for how := range bends {
				if r.ops[i].kind == "write" {
					list = append(list, cut{length: length, bent: i, how: how})
				}
			}
		}
		list = append(list, cut{length: length, bent: -1, lost: all, how: "all lost that may be"})
	}
	for range n {
		length := 1 + random.Intn(len(r.ops))
		lost := map[int]bool{}
		open := r.open(length)
		share := random.Float64()
		for _, i := range open {
			if random.Float64() < share {
				lost[i] = true
			}
		}
		list = append(list, cut{length: length, bent: -1, lost: lost, how: fmt.Sprintf("%d lost", len(lost))})
	}
	return list
}

func (t tree) digest() [32]byte {
	var text strings.Builder
	for _, name := range t.names() {
		fmt.Fprintf(&text, "%s %v %s\n", name, t[name].mode, t[name].text)
	}
	return sha256.Sum256([]byte(text.String()))
}

// crash records the flow, then recovers from each state that it may have left.
func (t *torture) crash(f *flow) {
	w := t.world
	path := filepath.Join(w.room, "recording")
	start := t.begins[f.name]
	w.put(start)
	w.cluster.remember()
	r := newRecord(w.node, w.binds, start.files)
	if ended := w.run(recorder(path), f); ended.status != 0 {
		fatal("%s, recorded, ended with %d: %s", f.name, ended.status, ended.said)
	}
	pictures := w.cluster.forget()
	r.read(path)
	if found := differ(w.take().files, r.tree()); len(found) > 0 {
		fatal("%s: the recording does not lead to what is there: %v", f.name, found[:min(5, len(found))])
	}
	var n count
	states := map[[32]byte]bool{}
	number := 0
	cuts := r.cuts(number10(t.options["orders"], 1000), rand.New(rand.NewSource(t.seed)))
	limit := number10(t.options["points"], len(cuts))
	for _, i := range rand.New(rand.NewSource(t.seed)).Perm(len(cuts)) {
		// The first part counts all states there are, which takes longer than to try a few.
		if number >= limit && t.part > 0 {
			break
		}
		c := cuts[i]
		files := r.crash(c.length, c.lost, c.bent, bends[c.how])
		key := files.digest()
		if states[key] {
			continue
		}
		states[key] = true
		number++
		if number > limit || number%t.parts != t.part {
			continue
		}
		asked := 0
		if c.length > 0 {
			asked = r.ops[c.length-1].asked
		}
		t.boot(f, r, c, &state{files: files, objects: pictures[min(asked, len(pictures)-1)], wanted: start.wanted}, &n)
	}
	fmt.Printf("SUM  %s, %s: crash states: %d %d %d\n", w.name, f.name, n.points, n.hit, n.recovered)
	if t.part == 0 {
		fmt.Printf("SUM  %s, %s: ops, cuts, different states: %d %d %d\n", w.name, f.name, len(r.ops), len(cuts), len(states))
	}
}

// boot is the machine after the power came again: the engine reads its files, and no sandbox is left.
func (t *torture) boot(f *flow, r *record, c cut, s *state, n *count) {
	w := t.world
	last := "the beginning"
	if c.length > 0 {
		last = r.ops[c.length-1].call
	}
	where := fmt.Sprintf("%s, %s, power cut behind op %d, %s; %s", w.name, f.name, c.length, last, c.how)
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
