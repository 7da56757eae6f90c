// SPDX-License-Identifier: Apache-2.0

// Folders as values: taken, put back, compared.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
)

type entry struct {
	mode     os.FileMode
	uid, gid uint32
	text     string // of a file, or where a link leads to
}

// tree is what is below a folder, by names relative to it.
type tree map[string]entry

func take(root string) tree {
	t := tree{}
	must(filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		e := entry{mode: info.Mode(), uid: stat.Uid, gid: stat.Gid}
		switch {
		case info.Mode().IsRegular():
			bytes, err := os.ReadFile(path)
			must(err)
			e.text = string(bytes)
		case info.Mode()&os.ModeSymlink != 0:
			e.text, _ = os.Readlink(path)
		}
		t[strings.TrimPrefix(path, root)] = e
		return nil
	}))
	return t
}

// put makes the folder so.  Folders that are there stay: somebody may watch them, or have them mounted.
func (t tree) put(root string) {
	must(filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if e, ok := t[strings.TrimPrefix(path, root)]; path == root || ok && e.mode.IsDir() && info.IsDir() {
			return nil
		}
		must(os.RemoveAll(path))
		if info.IsDir() {
			return filepath.SkipDir
		}
		return nil
	}))
	for _, name := range t.names() {
		e, path := t[name], root+name
		switch {
		case e.mode.IsDir():
			must(os.MkdirAll(path, 0o755))
			must(os.Chmod(path, e.mode))
		case e.mode&os.ModeSymlink != 0:
			must(os.Symlink(e.text, path))
		case e.mode&os.ModeNamedPipe != 0:
			must(syscall.Mkfifo(path, uint32(e.mode.Perm())))
		default:
			must(os.WriteFile(path, []byte(e.text), 0o600))
			must(os.Chmod(path, e.mode))
		}
	}
}

// without is the tree with files of these names as if they were empty.
func (t tree) without(names []string) tree {
	out := tree{}
	for name, e := range t {
		if slices.Contains(names, name) {
			e.text = ""
		}
		out[name] = e
	}
	return out
}

func (t tree) names() []string {
	var names []string
	for name := range t {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// line is one entry for a person.
func (e entry) line() string {
	if e.mode.IsRegular() {
		return fmt.Sprintf("%v %d:%d %.12x", e.mode, e.uid, e.gid, sha256.Sum256([]byte(e.text)))
	}
	return fmt.Sprintf("%v %d:%d %s", e.mode, e.uid, e.gid, e.text)
}

// differ names what is in one and not, or otherwise, in the other.
func differ(wanted, is tree) []string {
	var found []string
	for _, name := range wanted.names() {
		if e, ok := is[name]; !ok {
			found = append(found, "lacks "+name)
		} else if e != wanted[name] {
			found = append(found, fmt.Sprintf("has %s as %s, not %s", name, e.line(), wanted[name].line()))
		}
	}
	for _, name := range is.names() {
		if _, ok := wanted[name]; !ok {
			found = append(found, "has also "+name)
		}
	}
	return found
}
