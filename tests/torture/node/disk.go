// SPDX-License-Identifier: Apache-2.0

// A file system that forgets: what a power cut may leave of a recorded run.
//
// The model is ALICE's for a file system that promises no more than POSIX does.  A change of a name lasts once its
// folder was synced, one of a file once the file was, both once the whole file system was.  Until then each may be
// lost alone, whatever came after it, and of what was written to a file a half may be there, or zeros.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// inode is what a name leads to.
type inode struct {
	mode     os.FileMode
	uid, gid uint32
	content
	names map[string]int // of a folder: numbers of inodes
	of    *byte          // the disk that may change it
}

// op is one change of the recording.
type op struct {
	kind   string
	call   string // as it was recorded
	dir    int    // the folder whose name changes
	name   string
	node   int // what the name leads to then, or the file that changes; 0: nothing
	other  int // of a rename: the folder it comes from
	from   string
	back   int // of an exchange: what the old name leads to then
	data   piece
	length int // to which it is cut
	mode   os.FileMode
	asked  int // requests that the API server has answered before
	synced int // number of the op since which it cannot be lost; 0: never
}

type disk struct {
	nodes []*inode    // by number
	root  string      // the path of inode 1
	binds [][2]string // a folder outside, and the one below root that is mounted there
	self  *byte       // whose inodes may be changed in place: a copy of a disk shares the rest
}

// record is a run as ops, from what was there before.
type record struct {
	disk
	start *disk
	ops   []op
	asked int
	kinds map[int]entry // of all inodes there ever were, empty
	whole []*disk       // after so many ops, none of them lost; made when they are asked for
}

func (d *disk) find(path string) (dir int, name string, node int) {
	path = filepath.Clean(path)
	for _, bind := range d.binds {
		if rest, ok := strings.CutPrefix(path, bind[0]); ok {
			path = bind[1] + rest
		}
	}
	rest, ok := strings.CutPrefix(path, d.root)
	if !ok {
		return 0, "", 0
	}
	at, name := 1, ""
	words := strings.FieldsFunc(rest, func(c rune) bool { return c == '/' })
	if len(words) == 0 {
		return 0, "", 1
	}
	for i, word := range words {
		name = word
		next := d.nodes[at].names[word]
		if i == len(words)-1 {
			return at, word, next
		}
		// A folder that is reached through a link of ours is nothing that the program names.
		if next == 0 || d.nodes[next].names == nil {
			return 0, "", 0
		}
		at = next
	}
	return at, name, 0
}

func (r *record) fresh(e entry) int {
	id := len(r.kinds) + 1
	r.kinds[id] = e
	r.make(id, e)
	return id
}

// make has the inode of this number, without what was in it.
func (d *disk) make(id int, e entry) *inode {
	n := &inode{mode: e.mode, uid: e.uid, gid: e.gid, content: contentOf(e.text), of: d.self}
	if e.mode.IsDir() {
		n.names = map[string]int{}
	}
	for id >= len(d.nodes) {
		d.nodes = append(d.nodes, nil)
	}
	d.nodes[id] = n
	return n
}

// own is the inode to be changed; nil if there is none.
func (d *disk) own(id int) *inode {
	if id >= len(d.nodes) || d.nodes[id] == nil {
		return nil
	}
	n := d.nodes[id]
	if n.of != d.self {
		own := *n
		n = &own
		n.names, n.of = maps.Clone(n.names), d.self
		d.nodes[id] = n
	}
	return n
}

func (d *disk) copy() *disk {
	return &disk{nodes: slices.Clone(d.nodes), root: d.root, binds: d.binds, self: new(byte)}
}

func newRecord(root string, binds [][2]string, start tree) *record {
	r := &record{disk: disk{root: root, binds: binds, self: new(byte)}, kinds: map[int]entry{}}
	for _, name := range start.names() {
		id := r.fresh(start[name])
		if name != "" {
			dir, base, _ := r.find(root + name)
			r.nodes[dir].names[base] = id
		}
	}
	r.start = r.disk.copy()
	r.self = new(byte)
	return r
}

// do is what happens to names and contents by an op.
func (d *disk) do(o *op, kinds map[int]entry) {
	switch o.kind {
	case "name":
		dir := d.own(o.dir)
		if dir == nil {
			return
		}
		if o.from != "" {
			if other := d.own(o.other); other != nil {
				delete(other.names, o.from)
				if o.back != 0 {
					other.names[o.from] = o.back
				}
			}
		}
		if o.node == 0 {
			delete(dir.names, o.name)
			return
		}
		dir.names[o.name] = o.node
		if d.own(o.node) == nil {
			d.make(o.node, kinds[o.node])
		}
	case "write", "cut", "mode":
		n := d.own(o.node)
		if n == nil {
			n = d.make(o.node, kinds[o.node])
		}
		switch o.kind {
		case "write":
			n.content = n.with(o.data)
		case "cut":
			n.content = n.cut(o.length)
		case "mode":
			n.mode = n.mode&^os.ModePerm | o.mode
		}
	}
}

// walk goes to all that has a name.
func (d *disk) walk(visit func(path string, n *inode)) {
	var enter func(id int, path string, depth int)
	enter = func(id int, path string, depth int) {
		if id >= len(d.nodes) || d.nodes[id] == nil || depth > 32 {
			return
		}
		n := d.nodes[id]
		visit(path, n)
		for name, next := range n.names {
			enter(next, path+"/"+name, depth+1)
		}
	}
	enter(1, "", 0)
}

// tree is the disk as a folder of files.
func (d *disk) tree() tree {
	t := tree{}
	d.walk(func(path string, n *inode) { t[path] = entry{mode: n.mode, uid: n.uid, gid: n.gid, text: n.text()} })
	return t
}

// digest is the same for disks that are, in every process; sums are those of paths that were met.
func (d *disk) digest(sums map[string]uint64) uint64 {
	var sum uint64
	d.walk(func(path string, n *inode) {
		of, ok := sums[path]
		if !ok {
			of = sumOf(path)
			sums[path] = of
		}
		sum += mix(mix(of+uint64(n.mode)) + n.sum)
	})
	return sum
}

// after is the disk after so many ops, of which none is lost; it is not to be changed.
func (r *record) after(length int) *disk {
	if len(r.whole) == 0 {
		r.whole = append(r.whole, r.start)
	}
	for i := len(r.whole); i <= length; i++ {
		d := r.whole[i-1].copy()
		d.do(&r.ops[i-1], r.kinds)
		r.whole = append(r.whole, d)
	}
	return r.whole[length]
}

// crash is the disk when the power went after the first LEN ops, without those of LOST (ascending), and with the op BENT changed.
func (r *record) crash(length int, lost []int, bent int, bend func(string) string) *disk {
	first := length
	if bent >= 0 {
		first = bent
	}
	if len(lost) > 0 {
		first = min(first, lost[0])
	}
	d := r.after(first).copy()
	for i := first; i < length; i++ {
		if len(lost) > 0 && lost[0] == i {
			lost = lost[1:]
			continue
		}
		o := r.ops[i]
		if i == bent {
			o.data = newPiece(bend(o.data.text))
		}
		d.do(&o, r.kinds)
	}
	return d
}

// ---- the recording ----

var callForm = regexp.MustCompile(`^\d+ +(\w+)\((.*)\) += (-?\d+)(.*)$`)
var stringForm = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"(\.\.\.)?`)
var descriptorForm = regexp.MustCompile(`^(?:AT_FDCWD|\d+)<([^>]*)>`)

// spell is a string of strace's as it was.
func spell(quoted string) string {
	s, err := strconv.Unquote(`"` + octals(quoted) + `"`)
	if err != nil {
		fatal("cannot read the string of a call: %s", quoted)
	}
	return s
}

var octalForm = regexp.MustCompile(`\\([0-7]{1,3})`)

// octals has three digits in each, as Go wants it.
func octals(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		if found := octalForm.FindString(s[i:]); found != "" && strings.HasPrefix(s[i:], found) {
			value, _ := strconv.ParseUint(found[1:], 8, 16)
			fmt.Fprintf(&out, "\\x%02x", value&0xff)
			i += len(found) - 1
			continue
		}
		out.WriteString(s[i : i+2])
		i++
	}
	return out.String()
}

// arguments are the descriptor that the call is about or is relative to, and its strings.
type words struct {
	fd      string // path of the first descriptor
	fds     []string
	strings []string
	rest    string
	result  int
}

func (r *record) place(fd, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return filepath.Join(fd, name)
}

var anyDescriptor = regexp.MustCompile(`(?:AT_FDCWD|\b\d+)<([^>]*)>`)

func readWords(rest string, result int) words {
	w := words{rest: rest, result: result}
	bare := stringForm.ReplaceAllStringFunc(rest, func(s string) string {
		found := stringForm.FindStringSubmatch(s)
		w.strings = append(w.strings, spell(found[1]))
		return `""`
	})
	for _, found := range anyDescriptor.FindAllStringSubmatch(bare, -1) {
		w.fds = append(w.fds, found[1])
	}
	if found := descriptorForm.FindStringSubmatch(rest); found != nil {
		w.fd = found[1]
	}
	w.rest = bare
	return w
}

func (w words) at(i int) string {
	if i < len(w.fds) {
		return w.fds[i]
	}
	return ""
}

var modeForm = regexp.MustCompile(`, (0[0-7]+)$`)

func modeOf(rest string) os.FileMode {
	if found := modeForm.FindStringSubmatch(rest); found != nil {
		mode, _ := strconv.ParseUint(found[1], 8, 32)
		return os.FileMode(mode) & 0o777
	}
	return 0
}

func (r *record) add(o op) {
	o.asked = r.asked
	r.ops = append(r.ops, o)
	r.do(&r.ops[len(r.ops)-1], r.kinds)
}

func (r *record) setName(call, path string, e *entry) {
	dir, name, _ := r.find(path)
	if dir == 0 {
		return
	}
	o := op{kind: "name", call: call, dir: dir, name: name}
	if e != nil {
		o.node = r.fresh(*e)
	}
	r.add(o)
}

func (r *record) rename(call, from, to string, isExchange bool) {
	fromDir, fromName, node := r.find(from)
	dir, name, old := r.find(to)
	if dir == 0 || fromDir == 0 || node == 0 {
		return
	}
	o := op{kind: "name", call: call, dir: dir, name: name, node: node, other: fromDir, from: fromName}
	if isExchange {
		o.back = old
	}
	r.add(o)
}

// link gives a file another name.
func (r *record) link(call, from, to string) {
	_, _, node := r.find(from)
	dir, name, _ := r.find(to)
	if dir != 0 && node != 0 {
		r.add(op{kind: "name", call: call, dir: dir, name: name, node: node})
	}
}

// sync makes what FITS last.
func (r *record) sync(fits func(o *op) bool) {
	for i := range r.ops {
		if r.ops[i].synced == 0 && fits(&r.ops[i]) {
			r.ops[i].synced = len(r.ops)
		}
	}
}

func (r *record) syncOne(path string) {
	_, _, node := r.find(path)
	if node == 0 {
		return
	}
	r.sync(func(o *op) bool {
		if o.kind == "name" {
			return o.dir == node && (o.from == "" || o.other == node)
		}
		return o.node == node
	})
}

func (r *record) write(call string, w words) {
	_, _, node := r.find(w.fd)
	if node == 0 || len(w.strings) == 0 {
		return
	}
	data := w.strings[0]
	if len(data) < w.result {
		data += strings.Repeat("?", w.result-len(data))
	}
	r.add(op{kind: "write", call: call, node: node, data: newPiece(data[:w.result])})
}

// request counts those to the API server: the engine's are HTTP/2.
func (r *record) request(w words) {
	for _, method := range []string{"GET /", "PATCH /", "POST /", "DELETE /"} {
		if len(w.strings) > 0 && strings.HasPrefix(w.strings[0], method) {
			r.asked++
		}
	}
}

func (r *record) opened(line string, w words) {
	path := r.place(w.at(0), w.strings[0])
	dir, _, node := r.find(path)
	switch {
	case dir == 0:
	case node == 0 && strings.Contains(w.rest, "O_CREAT"):
		r.setName(line, path, &entry{mode: modeOf(w.rest)})
	case node != 0 && strings.Contains(w.rest, "O_TRUNC"):
		r.add(op{kind: "cut", call: line, node: node})
	}
}

func (r *record) take(name, line string, w words) {
	switch name {
	case "open", "openat":
		r.opened(line, w)
	case "write":
		r.write(line, w)
	case "mkdir", "mkdirat":
		r.setName(line, r.place(w.at(0), w.strings[0]), &entry{mode: os.ModeDir | modeOf(w.rest)})
	case "mknod", "mknodat":
		r.setName(line, r.place(w.at(0), w.strings[0]), &entry{mode: os.ModeNamedPipe | 0o600})
	case "symlink":
		r.setName(line, w.strings[1], &entry{mode: os.ModeSymlink | 0o777, text: w.strings[0]})
	case "symlinkat":
		r.setName(line, r.place(w.at(0), w.strings[1]), &entry{mode: os.ModeSymlink | 0o777, text: w.strings[0]})
	case "unlink", "rmdir", "unlinkat":
		r.setName(line, r.place(w.at(0), w.strings[0]), nil)
	case "rename":
		r.rename(line, w.strings[0], w.strings[1], false)
	case "renameat", "renameat2":
		r.rename(line, r.place(w.at(0), w.strings[0]), r.place(w.at(1), w.strings[1]), strings.Contains(w.rest, "RENAME_EXCHANGE"))
	case "link":
		r.link(line, w.strings[0], w.strings[1])
	case "linkat":
		r.link(line, r.place(w.at(0), w.strings[0]), r.place(w.at(1), w.strings[1]))
	case "fchmod":
		_, _, node := r.find(w.fd)
		if node != 0 {
			r.add(op{kind: "mode", call: line, node: node, mode: modeOf(w.rest)})
		}
	case "truncate", "ftruncate":
		path := w.fd
		if name == "truncate" {
			path = w.strings[0]
		}
		_, _, node := r.find(path)
		length := w.rest[strings.LastIndex(w.rest, ",")+1:]
		n, _ := strconv.Atoi(strings.TrimSpace(length))
		if node != 0 {
			r.add(op{kind: "cut", call: line, node: node, length: n})
		}
	case "fsync", "fdatasync":
		r.syncOne(w.fd)
	case "syncfs", "sync":
		r.sync(func(*op) bool { return true })
	case "sendto":
		r.request(w)
	}
}

var begunForm = regexp.MustCompile(`^(\d+) .* <unfinished \.\.\.>$`)
var resumedForm = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)

// whole is the lines of a recording; a call that another process came into is one line, where it ended.
func whole(text string) []string {
	var lines []string
	begun := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if found := begunForm.FindStringSubmatch(line); found != nil {
			begun[found[1]] = strings.TrimSuffix(line, " <unfinished ...>")
			continue
		}
		if found := resumedForm.FindStringSubmatch(line); found != nil {
			line = begun[found[1]] + found[2]
		}
		lines = append(lines, line)
	}
	return lines
}

// read takes a recording of strace's.
func (r *record) read(text string) {
	for _, line := range whole(text) {
		found := callForm.FindStringSubmatch(line)
		if found == nil || strings.HasPrefix(found[3], "-") {
			continue
		}
		result, _ := strconv.Atoi(found[3])
		r.take(found[1], fmt.Sprintf("%s(%.90s", found[1], found[2]), readWords(found[2], result))
	}
}
