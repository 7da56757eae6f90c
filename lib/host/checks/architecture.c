/* SPDX-License-Identifier: Apache-2.0 */
/*
 * architecture - whether the programs of the release are for this processor.  Any thread.
 */
#include <string.h>
#include <sys/utsname.h>

#include "lib/host/hostcheck.h"

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	struct utsname name;

	(void)uname(&name);
	if (!f->arch || strcmp(name.machine, f->arch) == 0)
		return CHECK_HOLDS;
	(void)fail(e, ENOEXEC, "the release is for %s, the machine is %s", f->arch, name.machine);
	return CHECK_FAILS;
}

const struct host_check check_architecture = {
	.name = "architecture",
	.weight = CHECK_NEEDED,
	.look = look,
	.remedy = "use the image for its architecture",
	.unsuitable = "WrongArchitecture",
};
