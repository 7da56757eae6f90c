#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# charts/kata-deploy with its defaults is what manifests/ are, its environment what `kata-deploy --help` says, each
# variable of kata-deploy has a value, and a value that cannot be right is refused by its name.
. "$(dirname "$0")/../lib.sh"

require jq
cache=${KATA_CACHE_DIR:-/var/cache/kata-containers-c}
artefact() { echo "$cache/$1-$("$top/packaging/artefact" --key "$1")"; }
helm=$(artefact helm)/helm kubectl=$(artefact hyperkube)/kubectl
[ -x "$helm" ] || skip "no helm; 'packaging/artefact helm' builds it"
[ -x "$kubectl" ] || skip "no kubectl; 'packaging/artefact hyperkube' builds it"
[ -x "$KATA_BUILD_DIR/bin/kata-deploy" ] || skip "no $KATA_BUILD_DIR/bin/kata-deploy; build it first"
chart=$top/charts/kata-deploy
export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
render() { "$helm" template kata "$chart" -n kata-system "$@" 2>"$work/errors"; }

# A chart that prints the documents of a file as JSON, one a line: nothing else here reads YAML.
mkdir -p "$work/json/templates"
printf 'apiVersion: v2\nname: json\nversion: 1.0.0\n' >"$work/json/Chart.yaml"
cat >"$work/json/templates/all.yaml" <<'END'
{{- range regexSplit "(?m)^---$" (.Files.Get "all") -1 }}
{{- with fromYaml . }}
# json {{ toJson . }}
{{- end }}
{{- end }}
END
to_json() {
	cat >"$work/json/all"
	"$helm" template json "$work/json" | sed -n 's/^# json //p'
}

note "lint"
"$helm" lint --strict "$chart" >"$work/lint" 2>&1 || {
	cat "$work/lint"
	fail "helm lint"
}

note "the chart is what manifests/ are"
render | to_json >"$work/chart"
"$kubectl" kustomize "$top/manifests" | to_json >"$work/manifests"
# Not compared: labels about the package, the environment (below), the Namespace, what only Helm needs.
normal() {
	jq -cS 'select(.kind != "Namespace" and .kind != "ConfigMap" and .metadata.annotations["helm.sh/hook"] == null)
		| del(.metadata.labels)
		| if .kind == "DaemonSet" then .spec.template.spec.containers[0] |= (del(.env)
			| .livenessProbe |= ({failureThreshold: 3, timeoutSeconds: 1} + .)
			| .readinessProbe |= ({failureThreshold: 3, timeoutSeconds: 1} + .)
			| .startupProbe |= ({timeoutSeconds: 1} + .) | .volumeMounts |= sort_by(.name))
			| .spec.template.spec.volumes |= sort_by(.name) else . end' "$1" | sort
}
normal "$work/chart" >"$work/chart.normal"
normal "$work/manifests" >"$work/manifests.normal"
[ "$(wc -l <"$work/manifests.normal")" -ge 7 ] || fail "manifests/ has too few objects to compare"
diff "$work/manifests.normal" "$work/chart.normal" || fail "the chart differs from manifests/"

note "on each kind of node it has what kata-deploy says of it, and an overlay has the same"
"$KATA_BUILD_DIR/bin/kata-deploy" --help |
	sed -nE '/^Distributions:/,$s|^  ([a-z0-9]+) +([^ ]*)/[^ /]*, socket ([^ ]*)/[^ /]*, .*|\1 \2 \3|p' >"$work/kinds"
[ "$(wc -l <"$work/kinds")" -ge 6 ] || fail "--help names too few kinds of nodes"
mounts() { # FILE -> "DISTRIBUTION FOLDER FOLDER", of the engine's configuration and socket, on the node and in the pod
	jq -r 'select(.kind == "DaemonSet").spec.template.spec as $pod
		| ($pod.volumes | map({(.name): .hostPath.path}) | add) as $node
		| ($pod.containers[0].volumeMounts | map({(.name): .mountPath}) | add) as $here
		| [$node, $here][] | ($pod.containers[0].env[] | select(.name == "K8S_DISTRIBUTION").value)
			+ " \(.["etc-containerd"]) \(.["run-containerd"])"' "$1" | sort -u
}
while read -r kind dir socket; do
	render --set k8sDistribution="$kind" | to_json >"$work/kind"
	expect "the chart's mounts for $kind" "$kind $dir $socket" "$(mounts "$work/kind")"
	[ -d "$top/manifests/overlays/$kind" ] || { [[ $kind = k8s || $kind = kind ]] || fail "no overlay $kind"; continue; }
	"$kubectl" kustomize "$top/manifests/overlays/$kind" | to_json >"$work/overlay"
	expect "the overlay's mounts for $kind" "$kind $dir $socket" "$(mounts "$work/overlay")"
	normal "$work/kind" >"$work/kind.normal"
	normal "$work/overlay" >"$work/overlay.normal"
	diff "$work/overlay.normal" "$work/kind.normal" || fail "the chart differs from the overlay $kind"
	expect "$kind: how it is restarted without systemd" "" "$(jq -r 'select(.kind == "DaemonSet")
		.spec.template.spec.containers[0].env[] | select(.name == "KATA_RESTART_COMMAND").name' "$work/kind" "$work/overlay")"
done <"$work/kinds"
expect "a command of one's own" "rc-service k3s restart" \
	"$(render --set k8sDistribution=k3s --set-string restartCommand='rc-service k3s restart' | to_json |
		jq -r 'select(.kind == "DaemonSet").spec.template.spec.containers[0].env[]
			| select(.name == "KATA_RESTART_COMMAND").value')"

note "its environment is what kata-deploy says"
environment() {
	jq -r 'select(.kind == "DaemonSet").spec.template.spec.containers[0].env[] | "\(.name)=\(.value // "")"' "$1" | sort
}
environment "$work/chart" >"$work/chart.env"
environment "$work/manifests" >"$work/manifests.env"
expect "what manifests/ set and the chart does not" "" "$(comm -23 "$work/manifests.env" "$work/chart.env")"
"$KATA_BUILD_DIR/bin/kata-deploy" --help | sed -n '/^Environment:/,/^$/p' |
	sed -nE 's/^  ([A-Z0-9_]+) .*/\1/p' >"$work/variables"
[ "$(wc -l <"$work/variables")" -gt 15 ] || fail "--help names too few variables"
while IFS='=' read -r variable value; do
	says=$("$KATA_BUILD_DIR/bin/kata-deploy" --help | sed -nE "s/^  $variable +.* \((.*)\)\$/\1/p")
	expect "default of $variable in --help" "$value" "$says"
done < <(comm -13 "$work/manifests.env" "$work/chart.env")

note "each variable has a value in the chart, but for what the image fixes"
fixed="NODE_NAME POD_NAMESPACE DAEMONSET_NAME KATA_ARTIFACTS KATA_LOCKS KATA_CUSTOM_CONFIGS KATA_ETC KATA_POD_INFO"
while read -r variable; do
	[[ " $fixed " != *" $variable "* ]] || continue
	grep -q "list \"$variable\" " "$chart/templates/_helpers.tpl" ||
		fail "$variable is not in the chart's table of variables (templates/_helpers.tpl)"
	grep -q "($variable)" "$chart/values.yaml" || fail "no value of the chart says that it is $variable"
done <"$work/variables"

note "each shim is a value"
for shim in "$top"/runtime/config/configuration-*.toml; do
	shim=${shim##*/configuration-}
	grep -q "^  ${shim%.toml}:" "$chart/values.yaml" || fail "shim ${shim%.toml} is not in values.yaml"
done

note "the names of a second installation are its own"
render --set env.multiInstallSuffix=b | to_json >"$work/second"
jq -r '"\(.kind) \(.metadata.namespace // "") \(.metadata.name)"' "$work/chart" | sort >"$work/first.names"
jq -r '"\(.kind) \(.metadata.namespace // "") \(.metadata.name)"' "$work/second" | sort >"$work/second.names"
expect "names that two installations share" "ConfigMap kata-system kata-kata-deploy-state" \
	"$(comm -12 "$work/first.names" "$work/second.names")"
expect "folder" /opt/kata-b "$(jq -r 'select(.kind == "DaemonSet").spec.template.spec.volumes[0].hostPath.path' "$work/second")"
expect "subjects" kata-deploy-b "$(jq -r 'select(.kind == "ClusterRoleBinding").subjects[0].name' "$work/second")"

note "what objects with names of their own say of one another, in overlays by hand, is so"
# "WHAT: SAID, IS" of each name in FILE that stands for another object or for what kata-deploy makes of its environment.
names() { # FILE
	jq -rs '
		def all($kind): map(select(.kind == $kind));
		(all("DaemonSet")[0]) as $daemon
		| ($daemon.spec.template.spec) as $pod
		| ($pod.containers[0].env | map({(.name): .value}) | add) as $env
		| (all("ServiceAccount") | map(.metadata.name)) as $accounts
		| (if ($env.MULTI_INSTALL_SUFFIX // "") != "" then ["kata-qemu-" + $env.MULTI_INSTALL_SUFFIX]
			elif ($env.KATA_POOL // "") != "" then ["kata", "kata-qemu"] | map(. + "-" + $env.KATA_POOL)
			else ["kata", "kata-qemu"] end) as $classes
		| (if ($env.MULTI_INSTALL_SUFFIX // "") != "" then "-" + $env.MULTI_INSTALL_SUFFIX else "" end) as $suffix
		| (.[] | select(.roleRef != null) | . as $binding
			| "role of \(.kind) \(.metadata.name): \(.roleRef.name), \($all | map(select(.kind == $binding.roleRef.kind
				and .metadata.name == $binding.roleRef.name and .metadata.namespace == (if .kind == "Role" then $binding.metadata.namespace else null end)).metadata.name) | join(" "))",
			  "account of \(.kind) \(.metadata.name): \(.subjects[0].name), \(.subjects[0].name as $s | $accounts
				| map(select(. == $s)) | join(" "))"),
		  "account of the pod: \($pod.serviceAccountName), \($daemon.metadata.name)",
		  "DAEMONSET_NAME: \($env.DAEMONSET_NAME), \($daemon.metadata.name)",
		  "app: \($daemon.spec.selector.matchLabels.app), \($daemon.spec.template.metadata.labels.app)",
		  "folder: \($pod.volumes[] | select(.name == "opt-kata").hostPath.path), /opt/kata\($suffix)",
		  "mount: \($pod.containers[0].volumeMounts[] | select(.name == "opt-kata").mountPath), /opt/kata\($suffix)",
		  (all("Role")[] | select(.metadata.name == $daemon.metadata.name).rules[] | select(.resources == ["daemonsets"])
			| "DaemonSet of the Role: \(.resourceNames | join(" ")), \($daemon.metadata.name)"),
		  (all("ClusterRole")[].rules[] | select(.resources == ["runtimeclasses"] and .resourceNames != null)
			| "classes: \(.resourceNames | sort | join(" ")), \($classes | join(" "))"),
		  (all("ValidatingAdmissionPolicyBinding")[]
			| "policy: \(.spec.policyName), \(.spec.policyName as $p | $all | map(select(.kind == "ValidatingAdmissionPolicy"
				and .metadata.name == $p).metadata.name) | join(" "))")
	' --slurpfile all "$1" "$1"
}
agrees() { # WHAT
	local line said
	names "$work/named" >"$work/names"
	[ "$(wc -l <"$work/names")" -ge 12 ] || fail "$1: too few names: $(cat "$work/names")"
	while IFS= read -r line; do
		said=${line#*: }
		[ "${said%, *}" = "${said##*, }" ] || fail "$1: $line"
	done <"$work/names"
}
for overlay in . overlays/suffix overlays/pools/kvm overlays/pools/emulation; do
	"$kubectl" kustomize "$top/manifests/$overlay" | to_json >"$work/named"
	agrees "manifests/$overlay"
done
for value in '' env.multiInstallSuffix=blue pool=emulation; do
	render ${value:+--set "$value"} | to_json >"$work/named"
	agrees "the chart with '$value'"
done
# And apart from names, what the second installation may do is what the first may.
rights() { # FILE
	jq -cS 'select(.kind | test("Role$")) | [.kind, .metadata.namespace, (.rules | map(del(.resourceNames)))]' "$1" | sort
}
"$kubectl" kustomize "$top/manifests/overlays/suffix" | to_json >"$work/named"
expect "rights of manifests/overlays/suffix" "$(rights "$work/manifests")" "$(rights "$work/named")"

note "the coordinator is the component of manifests/"
mkdir "$work/component"
ln -s "$top/manifests" "$work/component/manifests"
printf 'resources: [manifests]\ncomponents: [manifests/components/coordinator]\n' >"$work/component/kustomization.yaml"
"$kubectl" kustomize --load-restrictor LoadRestrictionsNone "$work/component" | to_json >"$work/component.json"
render --include-crds --set coordinator.enabled=true | to_json >"$work/coordinator.json"
normal "$work/component.json" >"$work/component.normal"
normal "$work/coordinator.json" >"$work/coordinator.normal"
diff "$work/component.normal" "$work/coordinator.normal" || fail "the chart differs from the component"
printf 'components: [manifests/components/coordinator, manifests/components/eviction]\nresources: [manifests]\n' \
	>"$work/component/kustomization.yaml"
"$kubectl" kustomize --load-restrictor LoadRestrictionsNone "$work/component" | to_json |
	jq -c 'select(.kind != "KataInstallation")' >"$work/component.json"
render --include-crds --set coordinator.enabled=true,coordinator.spec.stale.policy=Evict | to_json |
	jq -c 'select(.kind != "KataInstallation")' >"$work/coordinator.json"
normal "$work/component.json" >"$work/component.normal"
normal "$work/coordinator.json" >"$work/coordinator.normal"
diff "$work/component.normal" "$work/coordinator.normal" || fail "the chart differs from the component that evicts"
# What is a coordinator's, and what of the DaemonSet is for it.
coordinated() { # FILE
	normal "$1" | jq -cS 'if .kind == "DaemonSet" then [.metadata.name, .spec.updateStrategy,
			(.spec.template.spec | .volumes[], .containers[].volumeMounts[] | select(.name == "podinfo"))]
		elif .kind == "KataInstallation" or (.metadata.name | test("coordinator")) then .
		else empty end' | sort
}
while read -r overlay value; do
	"$kubectl" kustomize "$top/manifests/overlays/$overlay" | to_json >"$work/named"
	render --set coordinator.enabled=true,"$value" | to_json >"$work/coordinator.json"
	coordinated "$work/named" >"$work/named.normal"
	coordinated "$work/coordinator.json" >"$work/coordinator.normal"
	expect "objects of a coordinator in overlays/$overlay" 10 "$(wc -l <"$work/named.normal")"
	diff "$work/named.normal" "$work/coordinator.normal" || fail "the chart with $value differs from overlays/$overlay"
	agrees "manifests/overlays/$overlay"
done <<-'END'
	suffix-coordinated env.multiInstallSuffix=blue
	pools/emulation-coordinated pool=emulation
END
printf 'components: [manifests/components/coordinator]\nresources: [manifests/overlays/pools/kvm]\n' \
	>"$work/component/kustomization.yaml"
"$kubectl" kustomize --load-restrictor LoadRestrictionsNone "$work/component" | to_json >"$work/named"
expect "objects of a coordinator beside overlays/pools/kvm" 10 "$(coordinated "$work/named" | wc -l)"
render --set coordinator.enabled=true,env.multiInstallSuffix=blue,coordinator.spec.paused=true | to_json >"$work/blue"
expect "what the second one has, and may act on" "blue true kata-deploy-blue,blue kata-deploy-blue-coordinator,blue,kata-deploy-blue" \
	"$(jq -rs 'def one($kind; $name): map(select(.kind == $kind and .metadata.name == $name))[0];
		(map(select(.kind == "KataInstallation"))[0] | "\(.metadata.name) \(.spec.paused)") + " "
		+ (one("Deployment"; "kata-deploy-blue-coordinator").spec.template.spec.containers[0].env
			| map(select(.name == "DAEMONSET_NAME" or .name == "MULTI_INSTALL_SUFFIX").value) | join(",")) + " "
		+ (map(select((.kind | test("Role$")) and (.metadata.name == "kata-rollout-coordinator-blue"))
			| .rules[].resourceNames // [] | .[]) | unique | sort_by(. != "kata-deploy-blue-coordinator", . != "blue")
			| join(","))' "$work/blue")"

note "what can be switched on"
switched() { # OPTION... -> the kinds
	render "$@" | to_json | jq -r .kind
}
expect "the folder of the PATH" "/usr/local/bin /usr/local/bin" "$(render --set pathDir=/usr/local/bin | to_json |
	jq -r 'select(.kind == "DaemonSet").spec.template.spec | (.volumes[] | select(.name == "path").hostPath.path) + " "
		+ (.containers[0].env[] | select(.name == "KATA_PATH_DIR").value)')"
render --set adopt=true | to_json >"$work/adopt"
expect "to take upstream's over" true "$(jq -r 'select(.kind == "DaemonSet").spec.template.spec.containers[0].env[]
	| select(.name == "KATA_ADOPT").value' "$work/adopt")"
"$kubectl" kustomize "$top/manifests/overlays/adopt" | to_json >"$work/overlay"
normal "$work/adopt" >"$work/adopt.normal"
normal "$work/overlay" >"$work/overlay.normal"
diff "$work/overlay.normal" "$work/adopt.normal" || fail "the chart differs from the overlay adopt"
expect "the environment of the overlay adopt" "KATA_ADOPT=true" \
	"$(comm -13 "$work/manifests.env" <(environment "$work/overlay"))"
expect "the snapshotter of a shim" "qemu:devmapper" "$(render --set shims.qemu.containerd.snapshotter=devmapper | to_json |
	jq -r 'select(.kind == "DaemonSet").spec.template.spec.containers[0].env[] | select(.name == "SNAPSHOTTER_HANDLER_MAPPING").value')"
expect_match "network policy" NetworkPolicy "$(switched --set networkPolicy.enabled=true)"
expect_match "priority class" PriorityClass "$(switched --set priorityClass.create=true)"
expect_match "rules" NodeFeatureRule "$(switched --set nodeFeatureRules.create=true)"
expect_match "rules" NodeFeatureRule "$(switched --api-versions nfd.k8s-sigs.io/v1alpha1)"
digest=sha256:$(printf x | sha256sum | cut -d' ' -f1)
expect "image" "registry.example.org:5000/kata@$digest" \
	"$(render --set image.reference=registry.example.org:5000/kata,image.digest="$digest" | to_json |
		jq -r 'select(.kind == "DaemonSet").spec.template.spec.containers[0].image')"

note "what cannot be right is refused by name"
refused() { # REGEX OPTION...
	local regex=$1
	shift
	if render "$@" >/dev/null; then
		fail "'$*' was taken"
	fi
	expect_match "the refusal of '$*'" "$regex" "$(cat "$work/errors")"
}
refused 'health.*port' --set health.port=70000
refused 'digest' --set image.digest=abc
refused "'?imagge'?" --set imagge=x
refused 'deploymentMode' --set deploymentMode=job
refused 'k8sDistribution' --set k8sDistribution=docker
refused 'shims.*clh' --set shims.clh.enabled=true
refused 'no shim is enabled' --set shims.disableAll=true
refused 'cannot both be set' --set pool=a,env.multiInstallSuffix=b
refused 'multiInstallSuffix' --set env.multiInstallSuffix=UPPER
refused 'installationPrefix' --set env.installationPrefix=/a/../b
refused 'dropIn are both set' --set allowEmulation=true,shims.qemu.dropIn=x
refused 'updateStrategy' --set updateStrategy.type=Recreate
