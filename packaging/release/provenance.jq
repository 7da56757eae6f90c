# SPDX-License-Identifier: Apache-2.0
#
# provenance.jq - how a release came about: an in-toto statement (v1) whose predicate is a provenance of SLSA (v1).
#
# The tree and what versions.yaml names, with its digest; everything else that went in is in the SBOM.

def table: split("\n") | map(select(. != "") | split("\t"));

# KIND NAME VERSION SHA256; the digest is that of a file, which the name says.
def input:
	(.[1] | @uri) as $name | (.[2] | @uri) as $version | (.[2] | sub("^[0-9]+:"; "")) as $plain
	| {
		crate: {name: (.[1] + "-" + .[2] + ".crate"), uri: ("pkg:cargo/" + $name + "@" + $version)},
		debian: {name: (.[1] + ".tar.xz"), uri: ("pkg:deb/debian/" + $name + "@" + $version)},
		"debian-source": {
			name: (.[1] + "_" + $plain + ".dsc"),
			uri: ("pkg:deb/debian/" + $name + "@" + $version + "?arch=source")
		}
	}[.[0]] + (if .[3] == "" then {} else {digest: {sha256: .[3]}} end);

{
	_type: "https://in-toto.io/Statement/v1",
	subject: [{name: $archive, digest: {sha256: $sha256}}],
	predicateType: "https://slsa.dev/provenance/v1",
	predicate: {
		buildDefinition: {
			buildType: "urn:kata-containers-c:packaging:release:1",
			externalParameters: {version: $version, arch: $arch},
			resolvedDependencies: ([
				{
					name: "source",
					uri: (if $source == "" then "pkg:generic/kata-containers-c@" + $version else $source end)
				}
				+ (if $commit == "" then {} else {digest: {gitCommit: $commit}} end)
				+ (if $modified == "" then {} else {annotations: {modified: true}} end)
			] + ($inputs | table | map(input)))
		},
		runDetails: {
			builder: {id: (if $builder == "" then "urn:kata-containers-c:builder:unnamed" else $builder end)},
			byproducts: [{name: $sbom, mediaType: "application/spdx+json", digest: {sha256: $sbom_sha256}}]
		}
	}
}
