/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iptables - the pod's packet filter as text, which the programs of iptables read and write.
 *
 * The kernel has these rules as numbers; what each extension means by them only its own code says,
 * so the guest's iptables-save and iptables-restore are asked, where the sandbox has its network.
 * A guest without them is told apart from one whose rules are refused.  Restoring is what
 * iptables-restore makes of it: each table as a whole or not at all.
 *
 * Work thread, in the order of the sandbox's queue.
 */

#include "agent/network/iptables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "lib/rpc/proto/agent.pb-c.h"

#include "agent/sandbox.h"

#define RUN_MS    UINT64_C(8000)
#define RULES_MAX (2 * MIB)
#define MULTI     "xtables-legacy-multi" /* all of them in one, told apart by the name they run by */

/* What a call runs, for either family of addresses. */
static const char *const savers[] = { "iptables-save", "ip6tables-save" };
static const char *const restorers[] = { "iptables-restore", "ip6tables-restore" };

char *iptables_program(const char *root, const char *name)
{
	static const char *const folders[] = { "/sbin", "/usr/sbin", "/bin", "/usr/bin" };
	const char *const files[] = { name, MULTI };

	for (size_t f = 0; f < ARRAY_SIZE(files); f++) {
		for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
			char *path = xasprintf("%s%s/%s", root, folders[i], files[f]);

			if (access(path, X_OK) == 0)
				return path;
			free(path);
		}
	}
	return NULL;
}

/* A file in memory that has DATA, at its beginning. */
static int file_of(const ProtobufCBinaryData *data, struct error *e)
{
	_close_ int fd = memfd_create("rules", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return fail(e, errno, "cannot keep rules in memory: %m");
	r = write_all(fd, data->data, data->len, "rules", e);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail(e, errno, "cannot read rules from memory: %m");
	return TAKE_FD(fd);
}

/* Runs ARGV with INPUT_FD (-1: nothing) where the sandbox has its network. */
static int run(struct rpc_request *req, char *const *argv, int input_fd, char **ret_output,
	       struct error *e)
{
	const struct proc_fd input = { input_fd, STDIN_FILENO };
	_free_ char *program = iptables_program("", argv[0]);
	_close_ int netns = sandbox_ns_open(rpc_context(req), SANDBOX_NS_NET, e);
	struct proc_spec spec = { .argv = argv,
				  .path = program,
				  .fds = &input,
				  .n_fds = input_fd >= 0,
				  .netns_fd = netns,
				  .new_session = true };
	_free_ char *output = NULL;
	uint64_t deadline_ms = min_u64(rpc_deadline_ms(req), deadline_in(RUN_MS));
	int status, r;

	if (!program)
		return fail(e, ENOSYS, "the guest has no %s", argv[0]);
	r = proc_run(&spec, deadline_ms, rpc_cancel(req), RULES_MAX, &status, &output, e);
	if (r < 0)
		return r;
	if (status != 0)
		return fail(e, EIO, "%s ended with status %d: %.300s", argv[0], status,
			    str_trim(output));
	if (strlen(output) >= RULES_MAX)
		return fail(e, EMSGSIZE, "the rules are larger than %ld bytes", RULES_MAX);
	*ret_output = TAKE_PTR(output);
	return 0;
}

int iptables_rpc_get(struct rpc_request *req, const void *in_, void *out_, struct error *e)
{
	const Agent__GetIPTablesRequest *in = in_;
	Agent__GetIPTablesResponse *out = out_;
	_strv_ strv argv = NULL;
	char *text = NULL;
	int r;

	strv_add(&argv, savers[in->is_ipv6 ? 1 : 0]);
	r = run(req, argv, -1, &text, e);
	if (r < 0)
		return r;
	out->data.data = (uint8_t *)text;
	out->data.len = strlen(text);
	return 0;
}

int iptables_rpc_set(struct rpc_request *req, const void *in_, void *out_, struct error *e)
{
	const Agent__SetIPTablesRequest *in = in_;
	Agent__SetIPTablesResponse *out = out_;
	_close_ int rules = file_of(&in->data, e);
	_strv_ strv argv = NULL;
	char *text = NULL;
	int r;

	strv_add(&argv, restorers[in->is_ipv6 ? 1 : 0]);
	strv_add(&argv, "--wait");
	strv_add(&argv, "5");
	r = rules < 0 ? rules : run(req, argv, rules, &text, e);
	if (r < 0)
		return r;
	out->data.data = (uint8_t *)text;
	out->data.len = strlen(text);
	return 0;
}
