# SPDX-License-Identifier: Apache-2.0
#
# audit.jq - the rights of service account $account in $namespace that no request of the audit log needed.
#
# Input: the roles and bindings of a cluster as one list; $log: the audit log.  A right is one verb on one resource, and
# on one name where its rule has names; `in` is the namespace of its binding, "" for all.

def bound_to($all):
  .kind as $kind | .name as $name | .in as $in
  | $all[] | select(.kind == $kind and .metadata.name == $name)
  | select(.kind == "ClusterRole" or .metadata.namespace == $in);

def rights:
  .items as $all
  | $all[] | select(.kind | endswith("Binding"))
  | select(any(.subjects[]?; .kind == "ServiceAccount" and .name == $account and .namespace == $namespace))
  | {kind: .roleRef.kind, name: .roleRef.name, in: (.metadata.namespace // "")} as $ref
  | $ref | bound_to($all) | .rules[]
  | .apiGroups[] as $group | .resources[] as $resource | (.resourceNames // [""])[] as $name | .verbs[]
  | {in: $ref.in, verb: ., resource: "\($resource).\($group)", name: $name};

def requests:
  $log[]
  | select(.user.username == "system:serviceaccount:\($namespace):\($account)")
  | select(.responseStatus.code | . != 401 and . != 403 and . != 422)
  | .verb as $verb | .objectRef
  | {
      in: (.namespace // ""), $verb, name: (.name // ""),
      resource: "\(.resource)\(if .subresource then "/" + .subresource else "" end).\(.apiGroup // "")"
    };

def allows($request):
  .verb == $request.verb and .resource == $request.resource
  and (.name == "" or .name == $request.name) and (.in == "" or .in == $request.in);

# What a Role of one namespace gives is no use of a ClusterRole.
def needed_by($request):
  map(select(allows($request))) | (map(select(.in != "")) | select(length > 0)) // . | .[];

[rights] as $rights
| ([requests] | unique) as $requests
| $rights - [$requests[] as $request | $rights | needed_by($request)]
| .[] | "\(.verb) \(.resource) \(.name) \(.in)"
