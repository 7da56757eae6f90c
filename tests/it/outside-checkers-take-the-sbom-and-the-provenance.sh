#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 300
#
# The checkers of SPDX and of in-toto, which others wrote, find nothing wrong with the documents beside the
# release, and do find what is made wrong in them.
. "$(dirname "$0")/../lib.sh"

require python3 jq
dist=${KATA_DIST_DIR:-$top/build/dist}
sbom=$(echo "$dist"/kata-static-*.spdx.json)
provenance=$(echo "$dist"/kata-static-*.provenance.json)
for document in "$sbom" "$provenance"; do
	[ -f "$document" ] || skip "no packed release; './dev package' makes one"
done

python3 -m venv "$work/python" >"$work/venv.log" 2>&1 ||
	skip "no virtual environments of Python: $(tail -n 1 "$work/venv.log")"
nice "$work/python/bin/pip" install --quiet --disable-pip-version-check spdx-tools==0.8.5 in-toto-attestation==0.9.3 \
	>"$work/pip.log" 2>&1 || skip "pip cannot install the checkers: $(tail -n 1 "$work/pip.log")"

# Fields that SLSA does not have are an error of the second parser.
cat >"$work/check-provenance" <<'END'
import sys
from google.protobuf import json_format
from in_toto_attestation.v1 import statement, statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2

pb = json_format.Parse(open(sys.argv[1]).read(), statement_pb2.Statement())
statement.Statement.copy_from_pb(pb).validate()
if pb.predicate_type != "https://slsa.dev/provenance/v1":
    sys.exit("predicateType is " + pb.predicate_type)
predicate = json_format.ParseDict(json_format.MessageToDict(pb.predicate), provenance_pb2.Provenance())
build, run = predicate.build_definition, predicate.run_details
for descriptor in [*build.resolved_dependencies, *run.byproducts]:
    ResourceDescriptor.copy_from_pb(descriptor).validate()
if not (build.build_type and build.external_parameters and build.resolved_dependencies and run.builder.id):
    sys.exit("a required field is missing")
END
check_spdx() { "$work/python/bin/pyspdxtools" --infile "$1" >"$work/said" 2>&1; }
check_provenance() { "$work/python/bin/python" "$work/check-provenance" "$1" >"$work/said" 2>&1; }

note "as they are"
check_spdx "$sbom" || { cat "$work/said"; fail "the checker of SPDX complains of $sbom"; }
check_provenance "$provenance" || { cat "$work/said"; fail "the checker of in-toto complains of $provenance"; }

note "made wrong"
wrong() { # CHECKER DOCUMENT EDIT
	jq "$3" "$2" >"$work/wrong.spdx.json"
	! "$1" "$work/wrong.spdx.json" || fail "$1 finds nothing wrong after: $3"
}
wrong check_spdx "$sbom" 'del(.files[0].checksums[0])'
wrong check_spdx "$sbom" '.packages[-1].licenseDeclared = "Beerware-7"'
wrong check_spdx "$sbom" '.relationships[-1].relatedSpdxElement = "SPDXRef-nothing"'
wrong check_spdx "$sbom" '.documentNamespace = "kata"'
wrong check_provenance "$provenance" 'del(.subject[0].digest)'
wrong check_provenance "$provenance" '._type = "https://in-toto.io/Statement/v0.1"'
wrong check_provenance "$provenance" '.predicate.buildDefinition.time = "now"'
wrong check_provenance "$provenance" 'del(.predicate.runDetails.builder)'
