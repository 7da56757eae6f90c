/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes - calls that a workload makes of the guest kernel and that no command of a shell makes.
 *
 * A table of names and functions; each answers 0 or an errno and is reported as "ok NAME" or
 * "bad NAME: reason", in the form tests/it/kernel/init uses.  Runs as root in a guest of its own
 * and leaves open what it opened: the guest ends.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <linux/if_alg.h>
#include <linux/if_tun.h>
#include <linux/loop.h>
#include <linux/mempolicy.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/tls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE          4096

static int answer(long r)
{
	return r < 0 ? errno : 0;
}

/* Sockets: one row each. */
static const struct {
	const char *name;
	int domain, type, protocol;
} sockets[] = {
	{ "socket unix seqpacket", AF_UNIX, SOCK_SEQPACKET, 0 },
	{ "socket packet", AF_PACKET, SOCK_RAW, 0 },
	{ "socket vsock", AF_VSOCK, SOCK_STREAM, 0 },
	{ "socket sctp", AF_INET, SOCK_STREAM, 132 },
	{ "socket sctp seqpacket ipv6", AF_INET6, SOCK_SEQPACKET, 132 },
	{ "socket mptcp", AF_INET, SOCK_STREAM, 262 },
	{ "socket mptcp ipv6", AF_INET6, SOCK_STREAM, 262 },
	{ "socket udplite", AF_INET, SOCK_DGRAM, 136 },
	{ "socket l2tp", AF_INET, SOCK_DGRAM, 115 },
	{ "socket xdp", 44, SOCK_RAW, 0 },
	{ "socket key", 15, SOCK_RAW, 2 },
	{ "socket alg", AF_ALG, SOCK_SEQPACKET, 0 },
	{ "netlink xfrm", AF_NETLINK, SOCK_RAW, NETLINK_XFRM },
	{ "netlink audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT },
	{ "netlink netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER },
	{ "netlink connector", AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR },
	{ "netlink crypto", AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO },
	{ "netlink socket reports", AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG },
};

/* Ciphers and digests as programs ask for them through AF_ALG. */
static const struct {
	const char *type, *name;
} algorithms[] = {
	{ "skcipher", "xts(aes)" },
	{ "skcipher", "cbc(aes)" },
	{ "skcipher", "ctr(aes)" },
	{ "skcipher", "ecb(aes)" },
	{ "skcipher", "cts(cbc(aes))" },
	{ "skcipher", "chacha20" },
	{ "aead", "gcm(aes)" },
	{ "aead", "ccm(aes)" },
	{ "aead", "rfc4106(gcm(aes))" },
	{ "aead", "rfc7539(chacha20,poly1305)" },
	{ "hash", "sha1" },
	{ "hash", "sha256" },
	{ "hash", "sha512" },
	{ "hash", "sha3-256" },
	{ "hash", "hmac(sha256)" },
	{ "hash", "cmac(aes)" },
	{ "hash", "md5" },
	{ "hash", "crc32c" },
	{ "hash", "blake2b-256" },
	{ "rng", "stdrng" },
};

static const char *const congestion[] = {
	"reno", "cubic", "bbr", "dctcp", "htcp", "westwood", "vegas", "illinois",
};

static const char *const targets_of_dm[] = {
	"linear", "striped", "crypt", "integrity", "verity", "snapshot", "thin-pool", "zero",
};

static const char *const devices[] = {
	"/dev/fuse", "/dev/cuse",   "/dev/net/tun",   "/dev/loop-control", "/dev/mapper/control",
	"/dev/kmsg", "/dev/random", "/dev/vfio/vfio", "/dev/autofs",       "/dev/ptmx",
};

static int try_alg(const char *type, const char *name)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG };
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);

	if (fd < 0)
		return errno;
	snprintf((char *)address.salg_type, sizeof(address.salg_type), "%s", type);
	snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s", name);
	return answer(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static int try_congestion(const char *name)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return answer(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, strlen(name)));
}

static int try_dm(const char *name)
{
	static union {
		struct dm_ioctl head;
		char bytes[16384];
	} all;
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct dm_target_versions *one;
	char *at = all.bytes + sizeof(all.head);

	memset(&all, 0, sizeof(all));
	all.head.version[0] = DM_VERSION_MAJOR;
	all.head.data_size = sizeof(all);
	all.head.data_start = sizeof(all.head);
	if (ioctl(fd, DM_LIST_VERSIONS, &all) < 0)
		return errno;
	for (;; at += one->next) {
		one = (struct dm_target_versions *)at;
		if (strcmp(one->name, name) == 0)
			return 0;
		if (one->next == 0)
			return ENOENT;
	}
}

static int try_open(const char *path)
{
	return answer(open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

static int probe_loop(void)
{
	int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	return answer(ioctl(fd, LOOP_CTL_GET_FREE));
}

static int probe_tls(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};
	socklen_t size = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&address, size) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &size) < 0 ||
	    connect(client, (struct sockaddr *)&address, size) < 0 ||
	    setsockopt(client, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0)
		return errno;
	return answer(setsockopt(client, 282, TLS_TX, &keys, sizeof(keys)));
}

static int probe_userfaultfd(void)
{
	return answer(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int probe_secret(void)
{
	int fd = (int)syscall(447 /* memfd_secret */, 0);

	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		return errno;
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? errno
											 : 0;
}

static int probe_numa(void)
{
	unsigned long nodes = 1;
	int mode = -1, status = -1;
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*(volatile char *)page = 1;
	if (syscall(SYS_mbind, page, PAGE, MPOL_BIND, &nodes, 64, 0) < 0 ||
	    syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &nodes, 64) < 0 ||
	    syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) < 0 ||
	    syscall(SYS_move_pages, 0, 1, &page, NULL, &status, 0) < 0 ||
	    syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0) < 0)
		return errno;
	return mode == MPOL_INTERLEAVE && status == 0 ? 0 : EINVAL;
}

static int probe_ksm(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return answer(madvise(page, PAGE, MADV_MERGEABLE));
}

static int probe_vma_name(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return answer(prctl(0x53564d41 /* PR_SET_VMA */, 0, page, PAGE, "words"));
}

static int probe_huge_shm(void)
{
	return answer(shmget(IPC_PRIVATE, 2 << 20, IPC_CREAT | SHM_HUGETLB | 0600));
}

static int probe_huge_map(void)
{
	return mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int probe_keys(void)
{
	if (syscall(SYS_add_key, "user", "words", "x", 1, -3 /* of the session */) < 0)
		return errno;
	return answer(syscall(SYS_keyctl, 22 /* KEYCTL_GET_PERSISTENT */, -1, -2));
}

static int probe_protection_key(void)
{
	int key = pkey_alloc(0, 0);

	/* A processor without them answers the same as a kernel without them. */
	return key >= 0 || errno == ENOSPC ? 0 : errno;
}

static int probe_io_uring(void)
{
	char parameters[120] = { 0 };

	return answer(syscall(SYS_io_uring_setup, 4, parameters));
}

static int probe_fanotify(void)
{
	return answer(fanotify_init(FAN_CLASS_CONTENT, O_RDONLY));
}

static int probe_landlock(void)
{
	return answer(syscall(444 /* landlock_create_ruleset */, NULL, 0, 1));
}

static int probe_ldt(void)
{
	char descriptors[64];

	return answer(syscall(SYS_modify_ldt, 0, descriptors, sizeof(descriptors)));
}

static int probe_kcmp(void)
{
	return answer(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0));
}

static int probe_checkpoint(void)
{
	struct stat st;
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (stat("/proc/self/map_files", &st) < 0 || stat("/proc/self/timers", &st) < 0)
		return errno;
	return answer(write(fd, "4", 1));
}

static int in_child(int flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(flags) < 0 ? errno : 0);
	if (waitpid(pid, &status, 0) < 0)
		return errno;
	return WEXITSTATUS(status);
}

static int probe_user_namespace(void)
{
	return in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC);
}

static int probe_time_namespace(void)
{
	return in_child(0x80 /* CLONE_NEWTIME */);
}

static int probe_tmpfs_xattr(void)
{
	int fd = open("/disk/xattr", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fsetxattr(fd, "user.words", "x", 1, 0) < 0)
		return errno;
	return answer(fsetxattr(fd, "trusted.words", "x", 1, 0));
}

static int probe_tmpfs_direct(void)
{
	return answer(open("/disk/direct", O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600));
}

static int probe_tmpfs_unnamed(void)
{
	return answer(open("/disk", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
}

static int probe_tmpfs_flags(void)
{
	int flags = 0, fd = open("/disk/flags", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return errno;
	flags |= FS_APPEND_FL;
	return answer(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

/* A program of two instructions, "return 0", of TYPE. */
static int load_bpf(int type)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = (unsigned)type,
				.insn_cnt = ARRAY_SIZE(code),
				.insns = (uintptr_t)code,
				.license = (uintptr_t) "GPL" };

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The kernel gives its probes a type of event of their own, which it names here. */
static int probe_bpf_on_function(void)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.kprobe_func = (uintptr_t) "do_sys_openat2" };
	FILE *file = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	int program = load_bpf(BPF_PROG_TYPE_KPROBE), event;

	if (file == NULL || program < 0 || fscanf(file, "%u", &attr.type) != 1)
		return errno;
	event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return event < 0 ? errno : answer(ioctl(event, PERF_EVENT_IOC_SET_BPF, program));
}

static int probe_bpf_types(void)
{
	static const int types[] = {
		BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_SCHED_CLS,
		BPF_PROG_TYPE_SCHED_ACT,     BPF_PROG_TYPE_TRACEPOINT,
		BPF_PROG_TYPE_XDP,           BPF_PROG_TYPE_PERF_EVENT,
		BPF_PROG_TYPE_CGROUP_SKB,    BPF_PROG_TYPE_CGROUP_SOCK,
		BPF_PROG_TYPE_LWT_XMIT,      BPF_PROG_TYPE_SOCK_OPS,
		BPF_PROG_TYPE_SK_SKB,        BPF_PROG_TYPE_CGROUP_DEVICE,
		BPF_PROG_TYPE_SK_MSG,        BPF_PROG_TYPE_RAW_TRACEPOINT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (load_bpf(types[i]) < 0)
			return errno;
	return 0;
}

static int probe_perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_TASK_CLOCK };

	return answer(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

static const struct {
	const char *name;
	int (*probe)(void);
} probes[] = {
	{ "a free loop device", probe_loop },
	{ "TLS in the kernel", probe_tls },
	{ "userfaultfd", probe_userfaultfd },
	{ "memfd_secret", probe_secret },
	{ "calls about nodes", probe_numa },
	{ "madvise MERGEABLE", probe_ksm },
	{ "names of mappings", probe_vma_name },
	{ "SHM_HUGETLB", probe_huge_shm },
	{ "MAP_HUGETLB", probe_huge_map },
	{ "keyrings", probe_keys },
	{ "protection keys", probe_protection_key },
	{ "io_uring", probe_io_uring },
	{ "fanotify", probe_fanotify },
	{ "landlock", probe_landlock },
	{ "modify_ldt", probe_ldt },
	{ "kcmp", probe_kcmp },
	{ "checkpoint and restore", probe_checkpoint },
	{ "user namespace", probe_user_namespace },
	{ "time namespace", probe_time_namespace },
	{ "tmpfs: user and trusted xattrs", probe_tmpfs_xattr },
	{ "tmpfs: O_DIRECT", probe_tmpfs_direct },
	{ "tmpfs: O_TMPFILE", probe_tmpfs_unnamed },
	{ "tmpfs: flags of files", probe_tmpfs_flags },
	{ "BPF on a function", probe_bpf_on_function },
	{ "BPF programs of every type", probe_bpf_types },
	{ "performance counters", probe_perf },
};

static void report(const char *kind, const char *name, int error)
{
	if (error == 0)
		printf("ok %s%s\n", kind, name);
	else
		printf("bad %s%s: %s\n", kind, name, strerror(error));
}

int main(void)
{
	size_t i;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < ARRAY_SIZE(sockets); i++)
		report("", sockets[i].name,
		       answer(socket(sockets[i].domain, sockets[i].type, sockets[i].protocol)));
	for (i = 0; i < ARRAY_SIZE(algorithms); i++)
		report("algorithm ", algorithms[i].name,
		       try_alg(algorithms[i].type, algorithms[i].name));
	for (i = 0; i < ARRAY_SIZE(congestion); i++)
		report("congestion ", congestion[i], try_congestion(congestion[i]));
	for (i = 0; i < ARRAY_SIZE(devices); i++)
		report("", devices[i], try_open(devices[i]));
	for (i = 0; i < ARRAY_SIZE(targets_of_dm); i++)
		report("device mapper ", targets_of_dm[i], try_dm(targets_of_dm[i]));
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		report("", probes[i].name, probes[i].probe());
	return 0;
}
