#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# registry.py ADDRESS PORT FOLDER - as much of a registry of images as a pull needs, over OCI image archives.
#
# FOLDER/*.tar are looked through for each question, so that an image is there as soon as its file is.  One that
# packaging/image/oci.sh named "HOST/NAME:TAG" is NAME:TAG here, whatever its HOST.  PORT 0 takes a free one; the
# one that is taken is printed.  For engines that cannot import an archive, such as CRI-O.
import glob
import http.server
import json
import sys
import tarfile

address, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def read(path, name):
    with tarfile.open(path) as archive:
        return archive.extractfile(name).read()


def find_manifest(name, reference):
    """The archive and the descriptor of an image, by its tag or its digest."""
    for path in glob.glob(folder + "/*.tar"):
        manifest = json.loads(read(path, "index.json"))["manifests"][0]
        full = manifest["annotations"]["io.containerd.image.name"]
        if full.split("/", 1)[1] == f"{name}:{reference}" or manifest["digest"] == reference:
            return path, manifest
    return None


def find_blob(digest):
    for path in glob.glob(folder + "/*.tar"):
        try:
            return read(path, "blobs/" + digest.replace(":", "/"))
        except KeyError:
            continue
    return None


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        words = self.path.split("/")
        if self.path == "/v2/":
            return self.answer(b"{}", "application/json", "")
        if words[-2] == "manifests":
            found = find_manifest("/".join(words[2:-2]), words[-1])
            if found:
                digest = found[1]["digest"]
                return self.answer(find_blob(digest), found[1]["mediaType"], digest)
        blob = find_blob(words[-1]) if words[-2] == "blobs" else None
        if blob is None:
            return self.send_error(404)
        return self.answer(blob, "application/octet-stream", words[-1])

    do_HEAD = do_GET

    def answer(self, body, kind, digest):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


server = http.server.ThreadingHTTPServer((address, port), Registry)
print(server.server_port, flush=True)
server.serve_forever()
