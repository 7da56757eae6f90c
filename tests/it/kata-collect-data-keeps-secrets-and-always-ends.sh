#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 480
#
# kata-collect-data on machines of our making, in mount namespaces: one where every source has a secret, programs hang,
# a fifo is in a file's place and a log has 10 GB; one without any engine or installation; and for somebody who is not
# root.  Each source is in the report, its secret is not, what hangs or lacks is named, and the end comes in time.  The
# page parses, has no markup of anybody else and needs nothing from outside.
. "$(dirname "$0")/../lib.sh"

require_root
require jq python3 unshare setpriv truncate
manager=${KATA_RELEASE_DIR:-$top/build/release}/bin/kata-manager
[ -x "$manager" ] || skip "no release build; './dev package' makes one"
mkdir -m 755 "$work/bin"
cp "$manager" "$work/bin/kata-collect-data"
chmod 755 "$work"

# What each source has: seen.NAME, which stays, and hunter2.NAME, which does not.
cat >"$work/plant" <<'END'
set -e
put() { mkdir -p "$(dirname "$1")"; cat >"$1"; }
program() { put "/usr/local/bin/$1"; chmod 755 "/usr/local/bin/$1"; }

put /opt/kata/versions/9.9.9-aaaaaaaaaaaa/share/defaults/kata-containers/configuration.toml <<-EOF
	[hypervisor.qemu]
	kernel_params = "seen.kernelparams proxy=http://me:hunter2.kernelparams@h agent.password=hunter2.kernelparams2"
EOF
ln -s versions/9.9.9-aaaaaaaaaaaa /opt/kata/current
put /etc/kata-containers/config.d/70-it.toml <<-EOF
	# seen.dropin
	[agent.kata]
	token = [
	  "hunter2.dropin",
	]
EOF
put '/etc/kata-containers/config.d/`<img src=x onerror=alert(1)>`.toml' <<-EOF
	# seen.hostile </pre></details><script>alert(1)</script>
EOF
put /etc/containerd/config.toml <<-EOF
	version = 2 # seen.containerd
	[plugins."io.containerd.grpc.v1.cri".registry.configs."r".auth]
	  username = "me"
	  password = "hunter2.containerd"
	  identitytoken = 'hunter2.containerd2'
	[plugins."x"]
	  auth = { user = "me", password = "hunter2.containerd3" }
EOF
put /etc/containerd/certs.d/r/hosts.toml <<-EOF
	server = "https://seen.hosts"
	[host."https://me:hunter2.hosts@r".header]
	  x-registry = ["hunter2.hosts2"]
EOF
put /etc/rancher/k3s/registries.yaml <<-EOF
	configs:
	  seen.registries:
	    auth:
	      username: me
	      password: hunter2.registries
EOF
put /etc/docker/daemon.json <<-EOF
	{"seen.docker": 1, "proxies": {"http-proxy": "http://me:hunter2.docker@p"},
	 "auths": {"r": {"auth": "hunter2.docker2"}}, "HttpHeaders": {"X": "hunter2.docker3"}}
EOF
mkdir -p /etc/crio/crio.conf.d
mkfifo /etc/crio/crio.conf
put /etc/crio/crio.conf.d/10.conf <<-EOF
	[crio.runtime] # seen.crio
	default_env = [ "API_TOKEN=hunter2.crio" ]
EOF
put /etc/kubernetes/kubelet.conf <<-EOF
	clusters: [] # seen.kubelet
	users:
	- name: me
	  user:
	    client-key-data: hunter2.kubelet
	    exec:
	      env:
	      - name: SESSION
	        value: hunter2.kubelet2
EOF
put /etc/default/kubelet <<-EOF
	KUBELET_EXTRA_ARGS="--seen.args --token hunter2.args"
	AWS_SECRET_ACCESS_KEY=hunter2.args2
EOF
put /etc/cni/net.d/10-it.conflist <<-EOF
	{"name": "seen.cni", "plugins": [{"kubernetes": {"k8s_auth_token": "hunter2.cni"}}]}
EOF
put /etc/nerdctl/nerdctl.toml <<-EOF
	address = "seen.nerdctl"
	registry_password = "hunter2.nerdctl"
EOF
mkdir -p /run/vc/sbs/'<b>x' /run/kata/abc
put /run/vc/sbs/one/state.json <<-EOF
	{"version": 3, "id": "one", "pod_name": "seen.record", "env": ["DB_PASSWORD=hunter2.record"],
	 "proxy": "https://me:hunter2.record2@p", "version_dir": "/opt/kata/versions/9.9.9-aaaaaaaaaaaa"}
EOF
program containerd <<-'EOF'
	#!/bin/sh
	[ "$1" = config ] || exit 3
	printf '# seen.dump\n[x]\n  password = """\nhunter2.dump\n"""\n  token = "hunter2.dump2"\n'
EOF
program crio <<-'EOF'
	#!/bin/sh
	[ "$1" = config ] || exit 0
	printf '# seen.crioconfig\nglobal_auth = "hunter2.crioconfig"\n'
EOF
program kubectl <<-'EOF'
	#!/bin/sh
	[ "$1" = config ] || exit 0
	printf 'apiVersion: v1 # seen.kubectl\nusers:\n- name: a\n  user:\n    token: hunter2.kubectl\n    password: |\n      hunter2.kubectl2\n'
EOF
program systemctl <<-'EOF'
	#!/bin/sh
	printf 'Id=seen.units\nEnvironment=HTTP_PROXY=http://me:hunter2.units@p X=hunter2.units2 "Y=a hunter2.units3"\n'
EOF
program kata-runtime <<-'EOF'
	#!/bin/sh
	echo "seen.env $* -H 'Authorization: Basic hunter2.env' https://hunter2.env2@h"
EOF
# One that hangs, with a child that holds its output.
program docker <<-'EOF'
	#!/bin/sh
	echo seen.nothing
	sleep 1000.4711 &
	sleep 1000.4711
EOF
lines() { # NAME
	echo "$1 error: seen.$1 before"
	echo "$1 error: cannot log in token=hunter2.$1"
	echo "$1 error: Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJodW50ZXIyIjoxfQ.hunter2.$1-2"
	printf '%s error: -----BEGIN RSA PRIVATE KEY-----\nfatal hunter2.%s-3\n-----END RSA PRIVATE KEY-----\n' "$1" "$1"
	echo "$1 error: <script>alert(1)</script> \`\`\`\`\`"
}
END

cat >"$work/journal" <<'END'
mkdir -p /run/systemd/journal
program journalctl <<-EOF
	#!/bin/sh
	cat <<'X'
	$(lines kubelet)
	X
EOF
END
cat >"$work/files" <<'END'
mkfifo /var/log/messages
truncate -s 10G /var/log/containerd.log
{ echo; lines containerd; } >>/var/log/containerd.log
i=0
while [ $i -lt 3000 ]; do printf '%01000d crio error\n' $i; i=$((i + 1)); done >/var/log/syslog
lines kata-runtime >>/var/log/syslog
# There is no journal that could be asked.
program journalctl <<-EOF
	#!/bin/sh
	exit 1
EOF
chmod 600 /etc/containerd/config.toml
END

# world NAME SCRIPTS COMMAND... - COMMAND on such a machine, its output in $work/NAME.
world() {
	local name=$1 scripts=$2
	shift 2
	cat >"$work/world" <<-'END'
		set -e
		layers=$1 scripts=$2
		shift 2
		mount --make-rprivate /
		mount -t tmpfs tmpfs "$layers"
		mount -t tmpfs -o mode=755 tmpfs /run
		for folder in /etc /opt /var/log /usr/local; do
			mkdir -p "$layers$folder/up" "$layers$folder/work"
			chmod 755 "$layers$folder/up"
			mount -t overlay -o "lowerdir=$folder,upperdir=$layers$folder/up,workdir=$layers$folder/work" overlay "$folder"
		done
		rm -rf /var/log/journal /var/log/syslog* /var/log/messages*
		for script in $scripts; do . "$script"; done
		exec "$@"
	END
	mkdir -p "$work/layers"
	unshare --mount bash "$work/world" "$work/layers" "$scripts" "$@" >"$work/$name" 2>"$work/$name.err"
}

# kept NAME SOURCES - each SOURCE is in the report, its secrets are not.
kept() {
	local source
	if grep -oE 'hunter2[.a-z0-9-]*' "$work/$1" | sort -u | head -n 5 | grep .; then
		fail "secrets in $1"
	fi
	for source in $2; do
		grep -q "seen.$source" "$work/$1" || fail "$1 has nothing of $source"
	done
}

sources="kernelparams dropin hostile containerd hosts registries docker crio kubelet args cni nerdctl record dump crioconfig kubectl units env"
collect=$work/bin/kata-collect-data

note "with a journal"
begun=$SECONDS
world json "$work/plant $work/journal" env AWS_TOKEN=hunter2.environment "$collect" -o json
[ $((SECONDS - begun)) -le 120 ] || fail "it took $((SECONDS - begun)) s"
jq -e . "$work/json" >/dev/null
kept json "$sources kubelet"
errors=$(jq -r '.errors[]' "$work/json")
expect_match "what hangs" 'dockerInfo: running .*docker' "$errors"
expect_match "a fifo" "crio.conf' is no file" "$errors"
expect_match "a sandbox without a record" "<b>x" "$errors"
expect "no output of what was killed" 0 "$(grep -c seen.nothing "$work/json" || true)"
expect "the sandbox" "one seen.record" "$(jq -r '.sandboxes[] | select(.id == "one") | "\(.id) \(.pod)"' "$work/json")"
expect "origin of a value" default "$(jq -r '.configuration.items[] | select(.key == "hypervisor.qemu.kernel_params").from' "$work/json")"
expect "nothing that it began is left" "" "$(pgrep -f "^sleep 1000.4711" || true)"

note "with files alone, among them one of 10 GB; Markdown"
begun=$SECONDS
world markdown "$work/plant $work/files" "$collect"
[ $((SECONDS - begun)) -le 120 ] || fail "it took $((SECONDS - begun)) s"
kept markdown "$sources kata-runtime containerd"
expect_match "a fifo" "messages' is no file" "$(cat "$work/markdown")"
[ "$(stat -c %s "$work/markdown")" -le 4500000 ] || fail "it has $(stat -c %s "$work/markdown") bytes"
for title in "Meta details" Runtime "Containerd shim v2" "KSM throttler" "Image details" "Initrd details" Logfiles \
	"Container manager details" Packages "Kata Monitor"; do
	grep -qx "<summary>$title</summary>" "$work/markdown" || fail "no section '$title'"
done
PROBLEM_LIMIT=3 world few "$work/plant $work/files" "$collect" -o json
expect "lines of a problem" 3 "$(jq -r '.logCrio["/var/log/syslog"]' "$work/few" | wc -l)"

note "the page"
world html "$work/plant $work/journal" "$collect" --output html
kept html "$sources"
cat >"$work/read.py" <<'END'
import html.parser, re, sys

ALLOWED = {"html": {"lang"}, "meta": {"charset", "http-equiv", "content", "name"}}
PLAIN = "head title style body h1 h2 h3 details summary pre table tr th td p".split()
VOID = {"meta"}

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""
    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED or tag in PLAIN, f"tag {tag} at {self.getpos()}"
        allowed = ALLOWED.get(tag, {"open"} if tag == "details" else set())
        assert {name for name, _ in attrs} <= allowed, f"{tag} has {attrs}"
        if tag not in VOID:
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"
    def handle_comment(self, data):
        assert False, "a comment"
    def handle_data(self, data):
        self.text += data

kind, path = sys.argv[1:]
text = open(path, encoding="utf-8").read()
assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), "a control character"
if kind == "html":
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, page.open
    assert "<script>alert(1)</script>" in page.text
    assert "`<img src=x onerror=alert(1)>`" in page.text
    assert "default-src 'none'" in text
else:
    fence = None
    for line in text.split("\n"):
        ticks = re.match("`{3,}$", line)
        if fence:
            fence = None if line == fence else fence
        elif ticks:
            fence = line
        else:
            line = re.sub(r"(?<!`)(`+)(?!`) (.*?) (?<!`)\1(?!`)", "", line)
            assert "alert" not in line, f"outside of code: {line}"
    assert not fence
END
python3 "$work/read.py" html "$work/html"
python3 "$work/read.py" markdown "$work/markdown"

note "as somebody who is not root"
world user "$work/plant $work/files" setpriv --reuid 65534 --regid 65534 --clear-groups "$collect" -o json
kept user "hosts crioconfig kubectl"
errors=$(jq -r '.errors[]' "$work/user")
expect_match "who reads" "not as root" "$errors"
expect_match "what it cannot read" "cannot open '/etc/containerd/config.toml': Permission denied" "$errors"

note "where there is nothing"
cat >"$work/bare" <<'END'
for folder in /usr/local /usr/sbin /opt /var/log /etc /usr/bin; do mount -t tmpfs -o mode=755 tmpfs $folder; done
END
world nothing "$work/bare" "$collect" -o json
expect "the machine" "$(uname -r)" "$(jq -r .meta.kernel "$work/nothing")"
expect "packages" null "$(jq -r .packagesDebian "$work/nothing")"
expect_match "what is not there" "no configuration" "$(jq -r '.errors[]' "$work/nothing")"

note "its command line"
expect_match "version" "^kata-collect-data $(cat "$top/VERSION") " "$("$collect" -v)"
expect_match "help" "^usage: kata-collect-data" "$("$collect" -h)"
expect_status 2 "$collect" -x
expect_status 2 "$collect" -o hmtl
expect_match "the nearest word" "^kata-collect-data: .*did you mean 'html'" "$("$collect" -o hmtl 2>&1 || true)"
expect_status 2 env PROBLEM_LIMIT=many "$collect"
