{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Where the container engine lives on each kind of node: a row for each of lib/host/flavour.c (kata-deploy --help).
     "made": the folder need not be there before. */}}
{{- define "kata.places" -}}
k8s: {dir: /etc/containerd, made: true, socket: /run/containerd/containerd.sock}
kind: {dir: /etc/containerd, made: true, socket: /run/containerd/containerd.sock}
k3s: {dir: /var/lib/rancher/k3s/agent/etc/containerd, socket: /run/k3s/containerd/containerd.sock}
rke2: {dir: /var/lib/rancher/rke2/agent/etc/containerd, socket: /run/k3s/containerd/containerd.sock}
k0s: {dir: /etc/k0s, socket: /run/k0s/containerd.sock}
microk8s: {dir: /var/snap/microk8s/current/args, socket: /var/snap/microk8s/common/run/containerd.sock}
crio: {dir: /etc/crio, made: true, socket: /run/crio/crio.sock}
{{- end }}

{{/* What restarts it without systemd: only where its service has the name that everybody gives it. */}}
{{- define "kata.restart" -}}
{{- $v := .Values -}}
{{- $v.restartCommand | default (ternary "systemctl restart containerd" "" (has $v.k8sDistribution (list "k8s" "kind"))) -}}
{{- end }}

{{/* "" or "-NAME" of a second installation. */}}
{{- define "kata.suffix" -}}
{{- with coalesce .Values.env.multiInstallSuffix .Values.pool }}-{{ . }}{{ end }}
{{- end }}

{{- define "kata.name" -}}
kata-deploy{{ include "kata.suffix" . }}
{{- end }}

{{- define "kata.labels" -}}
app.kubernetes.io/name: kata-deploy
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: kata-containers
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "kata.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.reference }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.reference }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Folder of an installation on the nodes: settings_root() of deploy/settings.c. */}}
{{- define "kata.root" -}}
{{ .Values.env.installationPrefix }}/opt/kata{{ with .Values.env.multiInstallSuffix }}-{{ . }}{{ end }}
{{- end }}

{{/* Names of the shims that are on, in order. */}}
{{- define "kata.shims" -}}
{{- $on := list -}}
{{- range $name, $shim := omit .Values.shims "disableAll" -}}
{{- if ternary (not $.Values.shims.disableAll) $shim.enabled (kindIs "invalid" $shim.enabled) -}}
{{- $on = append $on $name -}}
{{- end -}}
{{- end -}}
{{- if not $on }}{{ fail "no shim is enabled: set shims.NAME.enabled, or shims.disableAll=false" }}{{ end -}}
{{- join " " $on -}}
{{- end }}

{{- define "kata.annotations" -}}
{{- $all := list -}}
{{- range $name, $shim := omit .Values.shims "disableAll" -}}
{{- with $shim.allowedHypervisorAnnotations }}{{ $all = append $all (printf "%s:%s" $name (join "," .)) }}{{ end -}}
{{- end -}}
{{- join " " $all -}}
{{- end }}

{{- define "kata.snapshotters" -}}
{{- $all := list -}}
{{- range $name := splitList " " (include "kata.shims" .) -}}
{{- with (get $.Values.shims $name).containerd.snapshotter }}{{ $all = append $all (printf "%s:%s" $name .) }}{{ end -}}
{{- end -}}
{{- join "," $all -}}
{{- end }}

{{/* What goes to the shim's configuration: a map of dropin-SHIM.toml. */}}
{{- define "kata.dropins" -}}
{{- $all := dict -}}
{{- range $name, $shim := omit .Values.shims "disableAll" -}}
{{- $text := $shim.dropIn | default "" -}}
{{- if and $.Values.allowEmulation $text -}}
{{- fail (printf "allowEmulation and shims.%s.dropIn are both set: put allow_emulation = true into the drop-in and leave allowEmulation false" $name) -}}
{{- end -}}
{{- if $.Values.allowEmulation -}}
{{- $text = printf "[hypervisor.%s]\nallow_emulation = true\ndefault_memory = 256\n" $name -}}
{{- end -}}
{{- if $text }}{{ $_ := set $all (printf "dropin-%s.toml" $name) $text }}{{ end -}}
{{- end -}}
{{- if $all }}{{ toYaml $all }}{{ end -}}
{{- end }}

{{/* The environment of kata-deploy. An empty variable is one that is not set. */}}
{{- define "kata.env" -}}
{{- $v := .Values -}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- range list
	(list "DAEMONSET_NAME" (include "kata.name" .))
	(list "KATA_RESTART_COMMAND" (include "kata.restart" .))
	(list "SHIMS" (include "kata.shims" .))
	(list "DEFAULT_SHIM" $v.defaultShim.amd64)
	(list "ALLOWED_HYPERVISOR_ANNOTATIONS" (include "kata.annotations" .))
	(list "SNAPSHOTTER_HANDLER_MAPPING" (include "kata.snapshotters" .))
	(list "DEBUG" $v.debug)
	(list "CREATE_RUNTIMECLASSES" $v.runtimeClasses.enabled)
	(list "CREATE_DEFAULT_RUNTIMECLASS" $v.runtimeClasses.createDefault)
	(list "INSTALLATION_PREFIX" $v.env.installationPrefix)
	(list "MULTI_INSTALL_SUFFIX" $v.env.multiInstallSuffix)
	(list "KATA_POOL" $v.pool)
	(list "HEALTH_PORT" $v.health.port)
	(list "K8S_DISTRIBUTION" $v.k8sDistribution)
	(list "CONTAINERD_CONFIG_FILE_NAME" $v.containerd.configFileName)
	(list "KATA_CONTAINERD_DIR" $v.containerd.configDir)
	(list "KATA_CONTAINERD_SOCKET" $v.containerd.runtimeSocket)
	(list "KATA_ADOPT" $v.adopt)
	(list "KATA_PATH_DIR" $v.pathDir)
	(list "KATA_REMOVE_WAIT" $v.removal.waitSeconds)
	(list "KATA_REMOVE_RUNNING_WAIT" $v.removal.runningSeconds)
	(list "KATA_REFUSED_WAIT" $v.removal.refusedSeconds)
	(list "KATA_DEPLOY_DRIFT" $v.drift)
	(list "KATA_WITHDRAWN" (join "," $v.withdrawn))
	(list "KATA_DEPLOY_ALLOW_WITHDRAWN" $v.allowWithdrawn)
	(list "KATA_DEPLOY_KEY" $v.trust.key)
	(list "KATA_DEPLOY_KEY_ROTATION" $v.trust.rotation)
	(list "KATA_DEPLOY_UNSIGNED" $v.trust.unsigned)
}}
{{- $value := index . 1 | toString }}
{{- if $value }}
- name: {{ index . 0 }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- range $name, $from := dict "KATA_DEPLOY_KEY" $v.trust.keyFrom "KATA_DEPLOY_KEY_ROTATION" $v.trust.rotationFrom }}
{{- with $from }}
- name: {{ $name }}
  valueFrom: {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether Node Feature Discovery's rule is made. */}}
{{- define "kata.nfd" -}}
{{- $create := .Values.nodeFeatureRules.create | toString -}}
{{- if or (eq $create "true") (and (eq $create "auto") (.Capabilities.APIVersions.Has "nfd.k8s-sigs.io/v1alpha1")) }}true{{ end -}}
{{- end }}

{{/* The security context that pods of the installation share. */}}
{{- define "kata.security" -}}
runAsUser: 0
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* An installation cannot become another one: what it left on the nodes has its name. */}}
{{- define "kata.check" -}}
{{- $state := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-kata-deploy-state" .Release.Name) -}}
{{- if $state -}}
{{- $old := dig "data" "name" "" $state -}}
{{- if and $old (ne $old (include "kata.name" .)) -}}
{{- fail (printf "this release was installed as %s and would become %s: env.multiInstallSuffix and pool cannot change; uninstall it first, or install another release" $old (include "kata.name" .)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.env.multiInstallSuffix .Values.pool }}{{ fail "env.multiInstallSuffix and pool cannot both be set" }}{{ end -}}
{{- if not (has .Values.defaultShim.amd64 (splitList " " (include "kata.shims" .))) -}}
{{- fail (printf "defaultShim.amd64 '%s' is not one of the enabled shims" .Values.defaultShim.amd64) -}}
{{- end -}}
{{- end }}
