/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CLUSTER_OBJECTS_H
#define TESTS_UNIT_CLUSTER_OBJECTS_H

/*
 * Objects of a cluster as the API server has them, for tests of what looks at a whole cluster.
 */

#define PROOF(version) version "-0123456789ab.cafecafecafe"

#define DAEMONSET(name, env, image, nodes, ready, updated)                                         \
	"{\"metadata\":{\"name\":\"" name                                                          \
	"\",\"namespace\":\"kata-system\",\"generation\":2},"                                      \
	"\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"" name                                 \
	"\"}},"                                                                                    \
	"\"template\":{\"metadata\":{\"labels\":{\"app\":\"" name                                  \
	"\"}},\"spec\":{\"serviceAccountName\":\"" name                                            \
	"\","                                                                                      \
	"\"containers\":[{\"name\":\"other\"},{\"name\":\"kata-deploy\",\"image\":\"" image        \
	"\","                                                                                      \
	"\"env\":[" env                                                                            \
	"],\"ports\":[{\"name\":\"health\",\"containerPort\":8091}],"                              \
	"\"readinessProbe\":{},\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/opt/kata\"}]}]," \
	"\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/opt/kata\"}}]}}},"                 \
	"\"status\":{\"observedGeneration\":2,\"desiredNumberScheduled\":" nodes                   \
	",\"numberReady\":" ready ",\"updatedNumberScheduled\":" updated "}}"

#define POD(node, image, ready)                         \
	"{\"metadata\":{\"name\":\"p-" node             \
	"\",\"namespace\":\"kata-system\"},"            \
	"\"spec\":{\"nodeName\":\"" node                \
	"\",\"containers\":[{\"name\":\"kata-deploy\"," \
	"\"image\":\"" image                            \
	"\"}]},"                                        \
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"

#define NODE(name, labels, notes, conditions)                                                  \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{" labels "},\"annotations\":{" notes \
	"}},\"status\":{\"conditions\":[" conditions "]}}"

#define LABEL(name, value) "\"kata-deploy.katacontainers.io/" name "\":\"" value "\""
#define STALE(count)       "\"katacontainers.io/stale-sandboxes\":\"" count "\""
#define CONDITION(type, status, reason)                                         \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason \
	"\",\"message\":\"m\"}"

#endif
