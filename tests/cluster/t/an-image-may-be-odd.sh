#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
#
# Images that are right and odd (tests/cluster/odd-images.py): what a layer takes away, replaces and hides, hard links, nodes, modes
# and owners; a user by name with groups, a working directory that is not there, a volume of the image's with its content; links
# where folders are expected.  What cannot be started is refused with the reason.
. "$(dirname "$0")/../testing.sh"
require python3 jq

python3 "$top/tests/cluster/odd-images.py" "$work"
for name in layers user links proc; do
	"$cluster" load "$node" "$work/odd-$name.tar" >/dev/null 2>&1
done
odd() { # NAME IMAGE MORE
	echo "- {name: $1, image: \"kata.test/odd-$2:1\", imagePullPolicy: Never, resources: {requests: {cpu: 1m}}${3:+, $3}}"
}
blank=" " # that ends a line
lines='exec 2>&1
find /d /o /becomes-dir /sticky | sort | tr "\n" " "; echo
cat /hard1 /hard2 /d/hard3 /becomes-file /becomes-link/kept; echo
stat -c "%n %h %u %g %a %F" /hard2 /suid /sgid /no-mode /large /fifo
echo x >/null && stat -c %t:%T /null
cat /no-mode; cat $(find /x* -name f); echo
rm -r /o /d && mkdir /o /d && ls /o /d
chown 5:6 /suid && stat -c "%a %u" /suid'
root='exec 2>&1
ls -d /proc/self /dev/null /etc/passwd; stat -c %F /dev /etc /tmp
[ -s /etc/hosts ] && [ -s /etc/resolv.conf ] && [ -s /etc/hostname ] && echo files
cat /usr/run/systemd/resolve/stub.conf >/dev/null && ls /var/run/secrets/kubernetes.io/serviceaccount | wc -l
echo x >/dev/null && echo y >/dev/shm/y && touch /tmp/t && ls /var/tmp'
pod odd <<END
restartPolicy: Never
containers:
$(odd layers layers "command: [sh, -c, $(jq -Rs . <<<"$lines")]")
$(odd user user)
$(odd links links "command: [sh, -c, $(jq -Rs . <<<"$root")]")
$(odd read-only layers 'command: [sh, -c, "exec 2>&1; touch /x /o/x; echo x >/null; stat -c %a /a/b"], workingDir: /a/b, securityContext: {readOnlyRootFilesystem: true}')
$(odd stranger layers 'command: [sh, -c, "exec 2>&1; cat /no-mode; id; touch /sticky/mine; touch /mine"], securityContext: {runAsUser: 4444}')
$(odd proc proc 'command: [sh, -c, id]')
$(odd not-executable layers 'command: [/not-executable]')
$(odd not-there layers 'command: [not-there]')
$(odd no-folder layers 'command: [id], workingDir: /file')
$(odd relative layers 'command: [id], workingDir: d')
END
all_ended() { [ "$(field odd '.status.containerStatuses[*].state.terminated.reason' | wc -w)" = 10 ]; }
eventually 150 "ten containers to end" all_ended
expect "layers" "/becomes-dir /becomes-dir/y /d /d/hard3 /d/kept /o /o/new /sticky$blank
otherhardhardnow a filekept
/hard2 3 0 0 640 regular file
/suid 1 0 0 4755 regular file
/sgid 2 0 50 2775 directory
/no-mode 1 0 0 0 regular file
/large 1 1000700000 1000700001 644 regular empty file
/fifo 1 0 0 666 fifo
1:3
secretdeep
/d:

/o:
755 5" "$(k logs odd -c layers)"
expect "a user by name" "entry cmd two words$blank
uid=1000(alice) gid=1001(alice) groups=50(wheel),63(audio),1001(alice)
/made/for/it
0 755
A=2
EMPTY=
HOME=/home/alice
1000 50 750
1000 0 640
written" "$(k logs odd -c user)"
expect "links" "/dev/null
/etc/passwd
/proc/self
symbolic link
symbolic link
symbolic link
files
3
t" "$(k logs odd -c links)"
expect "a root to be read" "touch: /x: Read-only file system
touch: /o/x: Read-only file system
755" "$(k logs odd -c read-only)"
expect "a stranger" "cat: can't open '/no-mode': Permission denied
uid=4444 gid=0(root) groups=0(root)
touch: /mine: Permission denied" "$(k logs odd -c stranger)"
# refused CONTAINER PATTERN
refused() {
	local state
	state=$(field odd ".status.containerStatuses[?(@.name==\"$1\")].state.terminated")
	expect_match "the end of $1" '"exitCode":128.*"reason":"StartError"' "$(jq -cS . <<<"$state")"
	expect_match "why $1 did not start" "$2" "$(jq -r .message <<<"$state" | tr '[:upper:]' '[:lower:]')"
}
refused proc '/proc'
refused not-executable '/not-executable.*permission denied'
refused not-there 'not-there.*executable file not found|executable file not found.*not-there'
refused no-folder '/file.*not a directory'
refused relative 'absolute path'
passed
