# SPDX-License-Identifier: Apache-2.0
#
# sbom.jq - the SBOM of a release, an SPDX 2.3 document, from the tables of describe.sh.
#
# The release contains parts (the kernel, QEMU, ..., our programs), both contain files, and each part is generated
# from components: sources and what was linked in.

def table: split("\n") | map(select(. != "") | split("\t"));
def id($kind): "SPDXRef-" + $kind + "-" + gsub("[^A-Za-z0-9.]+"; "-");
def relation($from; $type; $to): {spdxElementId: $from, relationshipType: $type, relatedSpdxElement: $to};

# PART KIND NAME VERSION LICENCE
def component_id: .[1:4] | join("-") | id("component");
def purl:
	(.[2] | @uri) + "@" + (.[3] | @uri)
	| {debian: ("pkg:deb/debian/" + .), "debian-source": ("pkg:deb/debian/" + . + "?arch=source"),
	   crate: ("pkg:cargo/" + .), rust: ("pkg:generic/rust-" + .)};
def component: {
	SPDXID: component_id,
	name: .[2],
	versionInfo: .[3],
	supplier: (if .[1] | startswith("debian") then "Organization: Debian" else "NOASSERTION" end),
	downloadLocation: "NOASSERTION",
	filesAnalyzed: false,
	licenseConcluded: "NOASSERTION",
	licenseDeclared: .[4],
	externalRefs: [{
		referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl[.[1]]
	}]
};

# PART CODE
def part_id: id("part");
def part: {
	SPDXID: (.[0] | part_id),
	name: ("kata-static-" + .[0]),
	versionInfo: $version,
	supplier: "Organization: Kata Containers in C",
	downloadLocation: "NOASSERTION",
	filesAnalyzed: true,
	packageVerificationCode: {packageVerificationCodeValue: .[1]},
	licenseConcluded: "NOASSERTION",
	licenseDeclared: (if .[0] == "programs" then "Apache-2.0" else "NOASSERTION" end),
	licenseComments: ("what it is built from: share/licenses/" + .[0] + "/copyright")
};

# PATH SHA1 SHA256 PART
def file_id: id("file");
def file: {
	SPDXID: (.[0] | file_id),
	fileName: ("./" + .[0]),
	checksums: [{algorithm: "SHA1", checksumValue: .[1]}, {algorithm: "SHA256", checksumValue: .[2]}]
};

($files | table) as $files
| ($components | table) as $components
| ($codes | table) as $codes
| [$codes[] | select(.[0] != "-")] as $parts
| "SPDXRef-release" as $release
| ($archive | rtrimstr(".tar.zst")) as $name
| {
	spdxVersion: "SPDX-2.3",
	dataLicense: "CC0-1.0",
	SPDXID: "SPDXRef-DOCUMENT",
	name: $name,
	documentNamespace: ("https://spdx.org/spdxdocs/" + $name + "-"),
	creationInfo: {
		created: $created,
		creators: ["Organization: Kata Containers in C", "Tool: packaging-release-" + $version]
	},
	packages: ([{
		SPDXID: $release,
		name: "kata-static",
		versionInfo: $version,
		packageFileName: $archive,
		supplier: "Organization: Kata Containers in C",
		downloadLocation: "NOASSERTION",
		filesAnalyzed: true,
		packageVerificationCode: {
			packageVerificationCodeValue: ($codes[] | select(.[0] == "-") | .[1])
		},
		checksums: [{algorithm: "SHA256", checksumValue: $sha256}],
		licenseConcluded: "NOASSERTION",
		licenseDeclared: "Apache-2.0",
		licenseComments: "of what is ours; each component has its own"
	}] + ($parts | map(part)) + ($components | unique_by(.[1:4]) | map(component))),
	files: ($files | map(file)),
	relationships: (
		[relation("SPDXRef-DOCUMENT"; "DESCRIBES"; $release)]
		+ ($parts | map(relation($release; "CONTAINS"; .[0] | part_id)))
		+ ($files | map(relation($release; "CONTAINS"; .[0] | file_id)))
		+ ($files | map(select(.[3] != "-") | relation(.[3] | part_id; "CONTAINS"; .[0] | file_id)))
		+ ($components | map(relation(.[0] | part_id; "GENERATED_FROM"; component_id)))
	)
}
