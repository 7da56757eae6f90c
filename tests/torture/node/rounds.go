// SPDX-License-Identifier: Apache-2.0

// The same again and again: an installation and its removal, and an installation that stands.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// touched is what a write would change although the content stays the same.
func touched(root string) string {
	var text strings.Builder
	must(filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			stat := info.Sys().(*syscall.Stat_t)
			fmt.Fprintf(&text, "%s %d %d %d\n", path, stat.Ino, stat.Ctim.Sec, stat.Ctim.Nsec)
		}
		return err
	}))
	return text.String()
}

// around is what the machine has of others: mounts, and names in the folders of all.
func around() string {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	locks, _ := os.ReadDir("/run/vc")
	return fmt.Sprint(string(mounts), locks)
}

// install does it from the beginning, with what comes before.
func (t *torture) install() result {
	f := t.world.installer.flow("install")
	if f.after != "" {
		if r := t.world.run(nil, t.world.installer.flow(f.after)); r.status != 0 {
			return r
		}
	}
	return t.world.run(nil, f)
}

func (t *torture) round(number int, first *state, machine string) {
	w := t.world
	faults := []string{}
	w.cluster.wanted = true
	installed := t.install()
	if installed.status != 0 {
		faults = append(faults, fmt.Sprintf("the installation ended with %d", installed.status))
	}
	faults = append(faults, w.take().compare(t.ends["install"])...)
	w.cluster.wanted = false
	end := *w.installer.flow(w.installer.removal)
	end.release, end.settings = "1.0.1", nil
	removed := w.run(nil, &end)
	if removed.status != 0 {
		faults = append(faults, fmt.Sprintf("the removal ended with %d", removed.status))
	}
	left := w.take()
	faults = append(faults, differ(first.files, left.files)...)
	faults = append(faults, w.atRest(left)...)
	if number > 0 && around() != machine {
		faults = append(faults, "mounts or folders of the machine are others")
	}
	if len(faults) > 0 {
		t.complain(fmt.Sprintf("%s, round %d", w.name, number), faults, installed.said+removed.said)
	}
}

// rounds does both, as often as was asked for, our part of it.
func (t *torture) rounds() {
	w := t.world
	total := number10(t.options["rounds"], 1000)/t.parts + 1
	if before := w.installer.flow("install").after; before != "" {
		t.prepare(w.installer.flow(before))
	}
	t.prepare(w.installer.flow("install"))
	end := *w.installer.flow(w.installer.removal)
	end.release, end.settings = "1.0.1", nil
	w.cluster.wanted = false
	if r := w.run(nil, &end); r.status != 0 {
		fatal("the removal ended with %d: %s", r.status, r.said)
	}
	first, machine := w.take(), around()
	for i := range total {
		t.round(i, first, machine)
	}
	fmt.Printf("SUM  %s, rounds of installing and removing, bad: %d %d\n", w.name, total, t.bad)
	w.put(t.ends["install"])
	w.run(nil, w.installer.flow("install"))
	before, restarts, written, asked, began := touched(w.node), w.engine.restarts, w.cluster.written, w.cluster.asked, time.Now()
	for range total {
		if r := w.run(nil, w.installer.flow("install")); r.status != 0 || !strings.Contains(r.said, w.installer.idle) {
			t.complain(w.name+", a repeated installation", []string{fmt.Sprintf("it ended with %d", r.status)}, r.said)
		}
	}
	took := int(time.Since(began).Milliseconds()) / total
	if touched(w.node) != before || w.engine.restarts != restarts || w.cluster.written != written {
		t.complain(w.name+", repeated installations", []string{"they wrote something, on the node or in the cluster"}, "")
	}
	fmt.Printf("SUM  %s, repeated installations, writes: %d %d\n", w.name, total, w.cluster.written-written)
	fmt.Printf("%s: a repeated installation took %d ms and %d requests\n", w.name, took, (w.cluster.asked-asked)/total)
}
