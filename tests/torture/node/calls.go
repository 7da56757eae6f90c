// SPDX-License-Identifier: Apache-2.0

// Which system calls of a run change something, by strace.
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Everything that changes a file, a mount, or what another process knows.
const changing = "open,openat,creat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir," +
	"write,writev,pwrite64,pwritev,sendfile,copy_file_range,fsync,fdatasync,syncfs,sync,truncate,ftruncate,fallocate," +
	"chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,symlink,symlinkat,mknod,mknodat,utimensat," +
	"setxattr,lsetxattr,fsetxattr,removexattr,mount,umount2,move_mount,sendto,sendmsg"

// call is one of a run: the NUMBER-th of its NAME in its process, as strace counts to inject something.
type call struct {
	name    string
	number  int
	line    string
	isChild bool // of the program's, as what reads an archive
}

var lineForm = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)

// isChange leaves out what failed, files that are opened to be read, and what is said on the standard streams.
func isChange(name, rest string) bool {
	if strings.Contains(rest, " = -1 E") {
		return false
	}
	switch name {
	case "open", "openat", "creat":
		for _, flag := range []string{"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"} {
			if strings.Contains(rest, flag) {
				return !strings.Contains(rest, "\"/dev/null\"")
			}
		}
		return false
	case "write", "writev":
		return !strings.HasPrefix(rest, "1,") && !strings.HasPrefix(rest, "2,")
	}
	return true
}

func readCalls(path string) []call {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	var calls []call
	first := ""
	counts := map[[2]string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		found := lineForm.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		process, name, rest := found[1], found[2], found[3]
		if first == "" {
			first = process
		}
		counts[[2]string{process, name}]++
		if isChange(name, rest) {
			calls = append(calls, call{name, counts[[2]string{process, name}], name + "(" + rest, process != first})
		}
	}
	return calls
}

func tracer(output string) []string {
	return []string{"strace", "-f", "-qq", "--seccomp-bpf", "-s", "60", "-e", "signal=none", "-e", "trace=" + changing, "-o", output}
}

// errorAs is CODE as the call may fail with it: what is sent meets no disk, but somebody who hangs up.
func (c call) errorAs(code string) string {
	if !strings.HasPrefix(c.name, "send") || code == "EINTR" {
		return code
	}
	if code == "EIO" {
		return "ECONNRESET"
	}
	return ""
}

// injector does INJECTION ("signal=KILL", "error=EIO") at the call.  Into /dev/null, or with
// --seccomp-bpf, strace would not do it.  It counts in each process that it follows, so it does not
// follow children that may come to that number first.
func (c call) injector(injection, output string) []string {
	words := []string{"strace", "-qq", "-e", "signal=none", "-e", "trace=" + c.name,
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", c.name, injection, c.number), "-o", output}
	if c.isChild {
		words = append(words, "-f")
	}
	return words
}
