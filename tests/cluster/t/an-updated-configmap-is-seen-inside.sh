#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# A mounted ConfigMap changes inside the running container when it changes in the cluster.
. "$(dirname "$0")/../testing.sh"

k create configmap settings --from-literal=colour=red >/dev/null
pod reader <<END
containers:
- name: c
  image: "$image"
  command: [sleep, "100000"]
  env: [{name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}]
  volumeMounts: [{name: settings, mountPath: /etc/settings}]
volumes: [{name: settings, configMap: {name: settings}}]
END
ready reader
expect "environment" red "$(in_pod reader sh -c 'echo $COLOUR')"
expect "file" red "$(in_pod reader cat /etc/settings/colour)"
k patch configmap settings --type=merge -p '{"data":{"colour":"blue","size":"big"}}' >/dev/null
changed() { [ "$(in_pod reader sh -c 'cat /etc/settings/colour /etc/settings/size')" = "bluebig" ]; }
eventually 150 "the change to be seen inside" changed
passed
