#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# power-cuts-of-a-machine - the power of a machine with Docker goes in the middle of kata-manager's roll-backs and removals
#
# Of each once while an engine is being restarted; of a roll-back also while a sandbox of the other version boots, of a removal
# while the files go.  What then starts has one whole version or nothing that leads to one, says what happened, runs a container,
# and is taken back, or finished by the next run; the last removal leaves the machine as it was, byte for byte.
# tests/it/kata-manager-on-a-machine-with-docker.sh has the upgrades.  Some 12 minutes on a busy machine.
. "$(dirname "$0")/../vm/manager.sh"

# What a removal takes longer for than to be seen by.
add_files() {
	vm sh -euc 'for version in /opt/kata/versions/*; do
			mkdir "$version/more"
			cd "$version/more"
			seq 8000 | xargs touch
		done
		sync'
}

up
vm cp -a /etc/containerd /node/
km install --from $from --key /node/kata.pub -o json >"$work/result"
kernel=$(jq -r .guestKernel "$work/result")
first=$(current)
km upgrade --from $next >/dev/null
second=$(current)

note "a power cut while containerd is restarted for a roll-back"
slow_restart
# Somebody has taken the handler out of its configuration.
vm sh -euc 'rm -r /etc/containerd; cp -a /node/containerd /etc/; sync'
begin rollback
cut_while "the restart" is_restarting
expect "what it says" "$first true" "$(state)"
whole "$first"
usual_restart
km rollback
expect "what it says" "$first false" "$(state)"
expect "the engines" "$all_engines" "$(engines)"
no_rest
whole "$first"

note "a power cut while a sandbox of the other version boots, as none has since the machine started"
vm sync
begin rollback
cut_while "the canary" has_canary
expect "what it says" "$first false" "$(state)"
whole "$first"
km rollback
expect "what it says" "$second false" "$(state)"
no_rest
whole "$second"

note "a power cut while containerd is restarted for a removal"
slow_restart
begin remove --yes
cut_while "the restart" is_restarting
expect "what it says" "$second true" "$(state)"
km verify "$first"
km verify "$second"
usual_restart
km recover
expect "what it says" "$second false" "$(state)"
expect "the engines" "$all_engines" "$(engines)"
whole "$second"

note "a power cut while the files go"
add_files
begin remove --yes
cut_while "files to go" files_go
expect "what it says" "null false" "$(state)"
expect "the engines" "nerdctl false, containerd false, docker false" "$(engines)"
km remove --yes
is_as_before
vm docker run --rm --network none $image true
vm ctr run --rm $image plain true
km install --from $from --key /node/kata.pub >/dev/null
whole "$first"
km remove --yes
is_as_before
passed
