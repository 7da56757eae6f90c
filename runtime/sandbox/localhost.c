/* SPDX-License-Identifier: Apache-2.0 */
/*
 * localhost - take every TCP connection to the localhost of a network namespace.
 *
 * The kernel asks a program of ours (BPF, sk_lookup) which socket a new connection is for, and it
 * names one of two that listen for us, if the connection is for 127.0.0.1 or ::1.  Nothing else of
 * the namespace changes: no rule, no port, no route; packets of the pod, which are taken off its
 * interfaces before they get that far, are not looked at.  All of it ends with our descriptors,
 * however we end.
 *
 * The program is a table; its jumps are counted from the instruction behind them.
 */

#include "runtime/sandbox/localhost.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "runtime/sandbox/network.h"

#define BACKLOG 64

/* ---- the program ---- */

/* Registers: the answer, arguments, what is compared, what is kept over calls, the stack. */
enum { R_ANSWER, R_FIRST, R_SECOND, R_THIRD, R_WORK, R_CONTEXT = 6, R_SOCKET = 7, R_STACK = 10 };

#define KEY (-4) /* on the stack: which of the sockets */

/* Where jumps lead, and where the map is named. */
enum { AT_V6 = 9, AT_LOOKUP = 18, AT_PASS = 31, N_INSNS = 33 };

#define INSN(c, dst, src, offset, value)                                                         \
	{                                                                                        \
		.code = (c), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) \
	}
#define COPY(dst, src)              INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value)             INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value)             INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define STORE(at, value)            INSN(BPF_ST | BPF_MEM | BPF_W, R_STACK, 0, at, value)
#define CALL(function)              INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_##function)
#define GO(from, to)                INSN(BPF_JMP | BPF_JA, 0, 0, (to) - (from)-1, 0)
#define GO_IF(from, to, reg, value) INSN(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, (to) - (from)-1, value)
#define GO_IF_NOT(from, to, reg, value) \
	INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, (to) - (from)-1, value)
#define LOAD(dst, member) \
	INSN(BPF_LDX | BPF_MEM | BPF_W, dst, R_CONTEXT, offsetof(struct bpf_sk_lookup, member), 0)

#define V4_LOCALHOST ((int)htonl(INADDR_LOOPBACK))
#define V6_LAST_WORD ((int)htonl(1))

/* clang-format off */
static void fill_program(struct bpf_insn *ret_insns, int map)
{
	const struct bpf_insn insns[N_INSNS] = {
		[0] = COPY(R_CONTEXT, R_FIRST),
		[1] = LOAD(R_WORK, protocol),
		[2] = GO_IF_NOT(2, AT_PASS, R_WORK, IPPROTO_TCP),
		[3] = LOAD(R_WORK, family),
		[4] = GO_IF(4, AT_V6, R_WORK, AF_INET6),
		[5] = LOAD(R_WORK, local_ip4),
		[6] = GO_IF_NOT(6, AT_PASS, R_WORK, V4_LOCALHOST),
		[7] = STORE(KEY, 0),
		[8] = GO(8, AT_LOOKUP),
		[AT_V6] = LOAD(R_WORK, local_ip6[0]),
		[10] = GO_IF_NOT(10, AT_PASS, R_WORK, 0),
		[11] = LOAD(R_WORK, local_ip6[1]),
		[12] = GO_IF_NOT(12, AT_PASS, R_WORK, 0),
		[13] = LOAD(R_WORK, local_ip6[2]),
		[14] = GO_IF_NOT(14, AT_PASS, R_WORK, 0),
		[15] = LOAD(R_WORK, local_ip6[3]),
		[16] = GO_IF_NOT(16, AT_PASS, R_WORK, V6_LAST_WORD),
		[17] = STORE(KEY, 1),
		[AT_LOOKUP] = INSN(BPF_LD | BPF_DW | BPF_IMM, R_FIRST, BPF_PSEUDO_MAP_FD, 0, map),
		[19] = INSN(0, 0, 0, 0, 0), /* the other half */
		[20] = COPY(R_SECOND, R_STACK),
		[21] = ADD(R_SECOND, KEY),
		[22] = CALL(map_lookup_elem),
		[23] = GO_IF(23, AT_PASS, R_ANSWER, 0),
		[24] = COPY(R_SOCKET, R_ANSWER),
		[25] = COPY(R_FIRST, R_CONTEXT),
		[26] = COPY(R_SECOND, R_SOCKET),
		[27] = SET(R_THIRD, 0),
		[28] = CALL(sk_assign),
		[29] = COPY(R_FIRST, R_SOCKET),
		[30] = CALL(sk_release),
		[AT_PASS] = SET(R_ANSWER, SK_PASS),
		[32] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	memcpy(ret_insns, insns, sizeof(insns));
}
/* clang-format on */

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Kernels before 5.11 count what BPF takes as locked memory, of which root has 64 KiB together. */
static int bpf_unlimited(enum bpf_cmd cmd, union bpf_attr *attr)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit before;
	int fd = bpf(cmd, attr), code;

	if (fd >= 0 || errno != EPERM || getrlimit(RLIMIT_MEMLOCK, &before) < 0 ||
	    setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
		return fd;
	fd = bpf(cmd, attr);
	code = errno;
	(void)setrlimit(RLIMIT_MEMLOCK, &before);
	errno = code;
	return fd;
}

static int make_map(const struct localhost *l, struct error *e)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_SOCKMAP,
				.key_size = sizeof(uint32_t),
				.value_size = sizeof(uint64_t),
				.max_entries = N_LOCALHOST };
	_close_ int map = bpf_unlimited(BPF_MAP_CREATE, &attr);

	if (map < 0)
		return fail(e, errno, "cannot make a map of sockets: %m");
	for (uint32_t i = 0; i < N_LOCALHOST; i++) {
		uint64_t value = (uint64_t)l->fds[i];

		if (l->fds[i] < 0)
			continue;
		attr = (union bpf_attr){ .map_fd = (uint32_t)map,
					 .key = (uintptr_t)&i,
					 .value = (uintptr_t)&value };
		if (bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
			return fail(e, errno, "cannot put a socket into a map: %m");
	}
	return TAKE_FD(map);
}

static int load_program(int map, struct error *e)
{
	struct bpf_insn insns[N_INSNS];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SK_LOOKUP,
				.expected_attach_type = BPF_SK_LOOKUP,
				.insns = (uintptr_t)insns,
				.insn_cnt = N_INSNS,
				.license = (uintptr_t) "Apache-2.0" };
	int fd;

	fill_program(insns, map);
	fd = bpf_unlimited(BPF_PROG_LOAD, &attr);
	return fd < 0 ? fail(e, errno, "cannot load a program: %m") : fd;
}

static int link_program(int program, int netns_fd, struct error *e)
{
	union bpf_attr attr = { .link_create = { .prog_fd = (uint32_t)program,
						 .target_fd = (uint32_t)netns_fd,
						 .attach_type = BPF_SK_LOOKUP } };
	int fd = bpf(BPF_LINK_CREATE, &attr);

	return fd < 0 ? fail(e, errno, "cannot have connections looked up: %m") : fd;
}

/* ---- the sockets ---- */

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Whoever fills the namespace may bring up its loopback later. */
static int listen_at(const union any_address *a, socklen_t len, struct error *e)
{
	bool is_v4 = a->any.sa_family == AF_INET;
	_close_ int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_FREEBIND : IPV6_FREEBIND,
		       &on, sizeof(on)) < 0 ||
	    bind(fd, &a->any, len) < 0 || listen(fd, BACKLOG) < 0)
		return fail(e, errno, "cannot listen: %m");
	return TAKE_FD(fd);
}

/* In the namespace.  Not every machine has IPv6. */
static int listen_both(void *arg, struct error *e)
{
	const union any_address v4 = { .v4 = { .sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	const union any_address v6 = { .v6 = { .sin6_family = AF_INET6,
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
	struct localhost *l = arg;
	struct error unused;

	l->fds[0] = listen_at(&v4, sizeof(v4.v4), e);
	if (l->fds[0] < 0)
		return l->fds[0];
	l->fds[1] = listen_at(&v6, sizeof(v6.v6), &unused);
	return 0;
}

static int take_connections(struct localhost *l, int netns_fd, struct error *e)
{
	_close_ int map = make_map(l, e), program = -1;

	if (map < 0)
		return map;
	program = load_program(map, e);
	if (program < 0)
		return program;
	l->link = link_program(program, netns_fd, e);
	return l->link < 0 ? l->link : 0;
}

int localhost_open(int netns_fd, struct localhost *ret_localhost, struct error *e)
{
	struct localhost l = LOCALHOST_NONE;
	int r = network_visit(netns_fd, listen_both, &l, e);

	if (r >= 0)
		r = take_connections(&l, netns_fd, e);
	if (r < 0)
		localhost_close(&l);
	else
		*ret_localhost = l;
	return r;
}

void localhost_close(struct localhost *l)
{
	l->link = close_fd(l->link);
	for (size_t i = 0; i < N_LOCALHOST; i++)
		l->fds[i] = close_fd(l->fds[i]);
}
