// SPDX-License-Identifier: Apache-2.0

// Power cuts: each state of the disk that a recorded run may leave is recovered by the program.
package main

import (
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"slices"
	"sort"
	"strings"
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
	seen := map[uint64]bool{}
	mine, began := 0, time.Now()
	cuts := r.cuts(number10(t.options["orders"], 1000), t.seed)
	limit := number10(t.options["points"], cuts.len()*t.parts)
	for _, i := range rand.New(rand.NewSource(t.seed)).Perm(cuts.len()) {
		c := cuts.at(i)
		left := r.crash(c.length, c.lost, c.bent, bends[c.how])
		asked := 0
		if c.length > 0 {
			asked = min(r.ops[c.length-1].asked, len(pictures)-1)
		}
		key := mix(left.digest() + uint64(asked)) // what the API server had said by then is a part of it
		// Each state is the same part's, whatever it came from.
		if key%uint64(t.parts) != uint64(t.part) {
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
