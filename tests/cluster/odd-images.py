#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images that are right and odd, as OCI archives: odd-images.py FOLDER writes FOLDER/NAME.tar of kata.test/NAME:1.

odd-layers   a layer takes away, replaces, hides and links what is below; nodes, modes and owners of every kind
odd-user     a user by name with groups, a working directory that is not there, names twice in the environment, volumes
odd-links    /dev, /etc, /tmp and /etc/resolv.conf are links, some to nothing
odd-proc     /proc is a link, which no engine follows
"""
import hashlib
import io
import json
import sys
import tarfile

FILE, DIR, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
APPLETS = "sh cat ls stat id env sort echo find touch rm mkdir chown head wc grep tr sed".split()


def entry(name, data=b"", mode=0o644, kind=FILE, link="", owner=(0, 0), device=(0, 0)):
    """One member of a layer and its bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.mtime = kind, mode, link, 1000000000
    info.uid, info.gid = owner
    info.devmajor, info.devminor = device
    info.size = len(data) if kind == FILE else 0
    return info, data


def folder(name, mode=0o755, **more):
    return entry(name, mode=mode, kind=DIR, **more)


def link(name, target):
    return entry(name, kind=LINK, link=target)


def archive(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data) if info.size else None)
    return out.getvalue()


def base(links):
    """A small system in which LINKS are in the place of folders."""
    with open("/bin/busybox", "rb") as program:
        entries = [folder("bin"), entry("bin/busybox", program.read(), 0o755)]
    entries += [link("bin/" + name, "busybox") for name in APPLETS]
    entries += [folder(name) for name in ("etc", "proc", "sys", "dev", "var") if name not in links]
    entries += [] if "tmp" in links else [folder("tmp", 0o1777)]
    return entries + [link(name, target) for name, target in links.items()]


def users(etc):
    return [
        entry(etc + "/passwd", b"root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n"),
        entry(etc + "/group", b"root:x:0:\nalice:x:1001:\nwheel:x:50:alice,root\naudio:x:63:alice\n"),
    ]


LOWER = [
    folder("d"), entry("d/gone", b"1"), entry("d/kept", b"kept"),
    folder("o"), entry("o/low", b"low"), folder("o/sub"), entry("o/sub/x", b"x"),
    entry("hard1", b"hard", 0o640), entry("hard2", mode=0o640, kind=HARD, link="hard1"),
    entry("d/hard3", mode=0o640, kind=HARD, link="hard1"),
    entry("becomes-dir", b"file"), folder("becomes-file"), entry("becomes-file/x", b"x"), folder("becomes-link"),
    entry("suid", b"x", 0o4755), folder("sgid", 0o2775, owner=(0, 50)), folder("sticky", 0o1777),
    entry("no-mode", b"secret", 0), entry("large", owner=(1000700000, 1000700001)),
    entry("fifo", mode=0o666, kind=tarfile.FIFOTYPE), entry("null", mode=0o666, kind=tarfile.CHRTYPE, device=(1, 3)),
    entry("not-executable", b"#!/bin/sh\n"), entry("file", b""),
    link("long", "/".join(["y" * 50] * 40)), entry("/".join(["x" * 50] * 20) + "/f", b"deep"),
]
UPPER = [
    entry("d/.wh.gone"), folder("o"), entry("o/.wh..wh..opq"), entry("o/new", b"new"),
    entry(".wh.becomes-dir"), folder("becomes-dir"), entry("becomes-dir/y"),
    entry(".wh.becomes-file"), entry("becomes-file", b"now a file"),
    entry(".wh.becomes-link"), link("becomes-link", "d"), entry("hard1", b"other", 0o600),
]
DATA = [folder("data", 0o750, owner=(1000, 50)), entry("data/seed", b"seed", 0o640, owner=(1000, 0)),
        entry("run", b"#!/bin/sh\necho \"$@\"; id; pwd; stat -c '%u %a' .\nenv | grep -E '^(HOME|A|EMPTY)=' | sort\n"
              b"stat -c '%u %g %a' /data /data/seed; touch /data/x && echo written\n", 0o755)]
LINKS = {"dev": "real/dev", "etc": "usr/etc", "tmp": "/var/tmp"}
ODD_LINKS = [folder("usr"), folder("usr/etc"), folder("real"), folder("real/dev"), folder("var/tmp", 0o1777),
             link("usr/etc/resolv.conf", "../run/systemd/resolve/stub.conf"), link("var/run", "/run")]

IMAGES = {
    "odd-layers": ([base({}) + users("etc"), LOWER, UPPER], {}),
    "odd-user": ([base({}) + users("etc"), DATA],
                 {"User": "alice", "WorkingDir": "/made/for/it", "Entrypoint": ["/run", "entry"], "Cmd": ["cmd", "two words", ""],
                  "Volumes": {"/data": {}}, "Env": ["PATH=/bin", "A=1", "A=2", "EMPTY=", "HOME="]}),
    "odd-links": ([base(LINKS) + ODD_LINKS + users("usr/etc")], {}),
    "odd-proc": ([base({"proc": "real"}) + [folder("real")]], {}),
}


def write(path, name, layers, config):
    blobs = {}

    def store(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

    layers = [store("layer.v1.tar", archive(entries)) for entries in layers]
    config = {"Env": ["PATH=/bin"], "Cmd": ["sh"], **config}
    config = store("config.v1+json", json.dumps({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}).encode())
    manifest = store("manifest.v1+json", json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode())
    manifest["annotations"] = {"io.containerd.image.name": "kata.test/%s:1" % name}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
             "index.json": json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()}
    files.update(("blobs/sha256/" + digest, data) for digest, data in blobs.items())
    with open("%s/%s.tar" % (path, name), "wb") as out:
        out.write(archive(entry(*file) for file in files.items()))


for image, (parts, settings) in IMAGES.items():
    write(sys.argv[1], image, parts, settings)
