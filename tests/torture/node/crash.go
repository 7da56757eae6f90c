// SPDX-License-Identifier: Apache-2.0

// Power cuts: each state of the disk that a recorded run may leave is recovered by the program.
package main

import (
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

// cuts is every prefix whole, with each single loss and each two, with all lost; and N seeded subsets.
func (r *record) cuts(n int, random *rand.Rand) (list []cut, pairs int) {
	for length := 0; length <= len(r.ops); length++ {
		open := r.open(length)
		list = append(list, cut{length: length, bent: -1}, cut{length: length, bent: -1, lost: open})
		for at, i := range open {
			list = append(list, cut{length: length, bent: -1, lost: []int{i}})
			for how := range bends {
				if r.ops[i].kind == "write" {
					list = append(list, cut{length: length, bent: i, how: how})
				}
			}
			for _, other := range open[at+1:] {
				list = append(list, cut{length: length, bent: -1, lost: []int{i, other}})
				pairs++
			}
		}
	}
	for range n {
		length := 1 + random.Intn(len(r.ops))
		var lost []int
		share := random.Float64()
		for _, i := range r.open(length) {
			if random.Float64() < share {
				lost = append(lost, i)
			}
		}
		list = append(list, cut{length: length, bent: -1, lost: lost})
	}
	return list, pairs
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
	states := map[[2]uint64]bool{}
	number, orders := 0, number10(t.options["orders"], 1000)
	cuts, pairs := r.cuts(orders, rand.New(rand.NewSource(t.seed)))
	limit := number10(t.options["points"], len(cuts))
	for _, i := range rand.New(rand.NewSource(t.seed)).Perm(len(cuts)) {
		// The first part counts all states there are, which takes longer than to try a few.
		if number >= limit && t.part > 0 {
			break
		}
		c := cuts[i]
		left := r.crash(c.length, c.lost, c.bent, bends[c.how])
		asked := 0
		if c.length > 0 {
			asked = min(r.ops[c.length-1].asked, len(pictures)-1)
		}
		key := [2]uint64{left.digest(), uint64(asked)} // what the API server had said by then is a part of it
		if states[key] {
			continue
		}
		states[key] = true
		number++
		if number > limit || number%t.parts != t.part {
			continue
		}
		t.boot(f, r, c, &state{files: left.tree(), objects: pictures[asked], wanted: start.wanted}, &n)
	}
	fmt.Printf("SUM  %s, %s: crash states: %d %d %d\n", w.name, f.name, n.points, n.hit, n.recovered)
	if t.part == 0 {
		fmt.Printf("SUM  %s, %s: changes, pairs, orders, states: %d %d %d %d\n", w.name, f.name, len(r.ops), pairs, orders, len(states))
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
