#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The containerd that judges our configuration is the real one: of each version at hand it takes our
# handlers beside what is found on machines, for nothing the second time, and the folder is the former
# one, byte for byte, when they go.  Where it could not work, it is refused and nothing is left.
# timeout: 300
# variants: CONTAINERD=1 CONTAINERD=2
# variants.full: CONTAINERD=1.7 CONTAINERD=2.0 CONTAINERD=2.2
. "$(dirname "$0")/../lib.sh"

edit=$KATA_BUILD_DIR/bin/engine-edit
[ -x "$edit" ] || skip "no $edit; build it first"
case ${CONTAINERD:-2} in
1) binary=$(command -v containerd) || skip "no containerd" ;;
2) binary=$("$top/packaging/artefact" containerd)/containerd ;;
*) binary=$("$top/packaging/artefact" "containerd-$CONTAINERD")/containerd ;;
esac
note "$("$binary" --version)"
major=1
case ${CONTAINERD:-2} in 2*) major=2 ;; esac
cri2='plugins."io.containerd.grpc.v1.cri"' cri3="plugins.'io.containerd.cri.v1.runtime'"
runc2="[$cri2.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [$cri2.containerd.runtimes.runc.options]
    SystemdCgroup = true"
runc3=${runc2//$cri2/$cri3}

# begin NAME - an empty folder; `file PATH` fills a file of it from standard input.
begin() {
	case_=$1 dir=$work/${1// /-}
	mkdir "$dir"
}

file() {
	mkdir -p "$(dirname "$dir/$1")"
	cat >"$dir/$1"
}

picture() { (cd "$dir" && find . | sort && find . -type f -exec sha256sum {} + | sort); }
change() { status=0 said=$("$edit" "$binary" "$dir" "$1" "${flavour:-k8s}" 2>&1) || status=$?; }

takes() {
	local before
	before=$(picture)
	change present
	expect "$case_: configured" "0 " "$status $said"
	change present
	expect "$case_: the second time" "2 " "$status $said"
	change absent
	expect "$case_: removed" "0 " "$status $said"
	expect "$case_: the folder afterwards" "$before" "$(picture)"
}

refuses() {
	local before
	before=$(picture)
	change present
	expect "$case_: status" 1 "$status"
	expect_match "$case_: the reason" "$1" "$said"
	expect "$case_: the folder afterwards" "$before" "$(picture)"
}

begin "no file"
takes
begin "an empty file"
file config.toml </dev/null
takes
begin "a packaged file"
file config.toml <<-END
	version = 2

	[plugins]
	  [$cri2]
	    [$cri2.cni]
	      bin_dir = "/usr/lib/cni"
END
takes
begin "an open last line"
printf '%s' "version = 2
$runc2" | file config.toml
takes
begin "version one"
file config.toml <<-END
	[plugins.cri.containerd.runtimes.crun]
	  runtime_type = "io.containerd.runc.v2"
END
takes
begin "line ends of Windows"
printf 'version = 2\r\nimports = [\r\n  "%s/one.toml",\r\n]\r\n# open' "$dir" | file config.toml
file one.toml <<<'version = 2'
takes
# The version is then that of the imported file, for the names of the main one, too.
begin "nothing but imports"
file config.toml <<<"imports = [\"$dir/conf.d/*.toml\"]"
file conf.d/one.toml <<<'version = 2'
takes
begin "a table of runtimes without any"
file config.toml <<<"version = 2
[$cri2.containerd.runtimes]"
takes
begin "a missing import"
file config.toml <<-END
	version = 2
	imports = ["$dir/gone.toml"]
END
refuses 'gone.toml.*would not start again'
begin "not toml"
file config.toml <<<'version = '
refuses 'config.toml:1'

if [ $major = 1 ]; then
	begin "an import that hides the section"
	file config.toml <<-END
		version = 2
		imports = ["$dir/cni.toml"]
	END
	file cni.toml <<-END
		version = 2
		[$cri2.cni]
		  bin_dir = "/x"
	END
	refuses "does a file in 'imports' replace the CRI section"
	exit 0
fi

begin "imports in lines"
file config.toml <<-END
	version = 3
	imports = [
	    '$dir/one.toml', # the first
	] # all
	$runc3
END
file one.toml <<<'version = 3'
takes
# Up to 2.2 the last file's version counts for all: with another one of ours the runc table is dropped.
begin "another version in a drop-in"
file config.toml <<-END
	version = 3
	imports = ["$dir/conf.d/*.toml"]
	[$cri3.cni]
	  conf_dir = "/etc/cni/net.d"
END
file conf.d/zz-site.toml <<-END
	version = 2
	$runc2
END
takes
begin "a drop-in of the newest version"
file config.toml <<-END
	version = 2
	imports = ["$dir/conf.d/*.toml"]
	$runc2
END
file conf.d/site.toml <<-END
	version = 3
	[$cri3.containerd]
	  default_runtime_name = "runc"
END
takes
# What is judged is the main file, which they write, and not what they make it from.
begin "a template of somebody's at k3s"
file config.toml <<-END
	version = 3
	imports = ["$dir/config-v3.toml.d/*.toml"]
	$runc3
END
file config-v3.toml.tmpl <<<'{{ template "base" . }}'
flavour=k3s takes
begin "a handler that upstream left"
file config.toml <<-END
	version = 3
	[$cri3.containerd.runtimes.kata-qemu]
	  runtime_type = "io.containerd.kata-qemu.v2"
	  snapshotter = "nydus"
END
change present
expect "$case_" "0 " "$status $said"
! "$binary" -c "$dir/config.toml" config migrate 2>/dev/null | grep nydus || fail "its snapshotter has stayed"
