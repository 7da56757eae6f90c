// SPDX-License-Identifier: Apache-2.0

// Releases of a few small files, and the look whether a version is whole.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

// What a release has: a name, its mode and its text; "" for a mode: a link.
type part struct {
	name string
	mode os.FileMode
	text string
}

func partsOf(version, configuration string) []part {
	return []part{
		{"bin/containerd-shim-kata-v2", 0o755, "#!/bin/false\n" + version + "\n"},
		{"bin/kata-runtime", 0o755, "#!/bin/false\nruntime " + version + "\n"},
		{"libexec/virtiofsd", 0o755, strings.Repeat(version, 5000)},
		{"share/defaults/kata-containers/configuration-qemu.toml", 0o644, configuration},
		{"share/defaults/kata-containers/configuration.toml", 0, "configuration-qemu.toml"},
		{"share/kata-containers/vmlinux.container", 0o644, strings.Repeat("kernel "+version, 3000)},
	}
}

func machine() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return "aarch64"
}

// signer signs all releases, as minisign did at first: the text itself.
var signer = ed25519.NewKeyFromSeed([]byte("what is always the same: the key"))

func minisign(parts ...[]byte) string {
	return base64.StdEncoding.EncodeToString(join(append([][]byte{[]byte("Ed"), []byte("a number")}, parts...)...))
}

// publicKey is the line that trusts the signer.
var publicKey = minisign(signer.Public().(ed25519.PublicKey))

func signature(text, comment string) string {
	sum := ed25519.Sign(signer, []byte(text))
	whole := base64.StdEncoding.EncodeToString(ed25519.Sign(signer, join(sum, []byte(comment))))
	return fmt.Sprintf("untrusted comment: torture\n%s\ntrusted comment: %s\n%s\n", minisign(sum), comment, whole)
}

// writeRelease packs one in FOLDER/kata-static-VERSION.tar.zst.
func writeRelease(folder, version, configuration string) {
	parts := partsOf(version, configuration)
	sort.Slice(parts, func(a, b int) bool { return parts[a].name < parts[b].name })
	manifest := fmt.Sprintf("kata-manifest 1\nversion %s\narch %s\n", version, machine())
	room := filepath.Join(folder, "room")
	members := []string{"opt/kata/MANIFEST", "opt/kata/MANIFEST.minisig"}
	for _, p := range parts {
		path := filepath.Join(room, "opt/kata", p.name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		members = append(members, "opt/kata/"+p.name)
		if p.mode == 0 {
			must(os.Symlink(p.text, path))
			manifest += fmt.Sprintf("link %s %s\n", p.text, p.name)
			continue
		}
		must(os.WriteFile(path, []byte(p.text), p.mode))
		must(os.Chmod(path, p.mode))
		manifest += fmt.Sprintf("file %o %d %x %s\n", p.mode, len(p.text), sha256.Sum256([]byte(p.text)), p.name)
	}
	manifest += fmt.Sprintf("digest %x\n", sha256.Sum256([]byte(manifest)))
	must(os.WriteFile(filepath.Join(room, "opt/kata/MANIFEST"), []byte(manifest), 0o644))
	must(os.WriteFile(filepath.Join(room, "opt/kata/MANIFEST.minisig"), []byte(signature(manifest, "release "+version)), 0o644))
	archive := filepath.Join(folder, "kata-static-"+version+".tar")
	pack := exec.Command("tar", append([]string{"-C", room, "--no-recursion", "--owner=0", "--group=0", "--format=ustar", "-cf", archive}, members...)...)
	out, err := pack.CombinedOutput()
	if err == nil {
		out, err = exec.Command("zstd", "-q", "--rm", archive).CombinedOutput()
	}
	if err != nil {
		fatal("cannot pack a release: %v %s", err, out)
	}
	must(os.RemoveAll(room))
}

// versionFault says why what is below PREFIX of T is no whole version; "" if it is one.
func versionFault(t tree, prefix string) string {
	manifest, ok := t[prefix+"/MANIFEST"]
	if !ok {
		return prefix + " has no MANIFEST"
	}
	for _, line := range strings.Split(manifest.text, "\n") {
		words := strings.SplitN(line, " ", 5)
		switch {
		case words[0] == "file" && len(words) == 5:
			e, ok := t[prefix+"/"+words[4]]
			mode, _ := strconv.ParseUint(words[1], 8, 32)
			if !ok || fmt.Sprintf("%x", sha256.Sum256([]byte(e.text))) != words[3] || e.mode != os.FileMode(mode) {
				return prefix + " has not " + words[4] + " as its MANIFEST says"
			}
		case words[0] == "link" && len(words) >= 3:
			if e := t[prefix+"/"+words[2]]; e.text != words[1] {
				return prefix + " has not the link " + words[2]
			}
		case words[0] == "digest":
			body := manifest.text[:strings.Index(manifest.text, line)]
			if fmt.Sprintf("%x", sha256.Sum256([]byte(body))) != words[1] {
				return prefix + " has a damaged MANIFEST"
			}
		}
	}
	return ""
}
