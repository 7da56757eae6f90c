/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_NETWORK_H
#define RUNTIME_SANDBOX_NETWORK_H

#include <net/if.h>
#include <netinet/in.h>

#include "lib/address.h"
#include "lib/str.h"

#define NETWORK_LINKS_MAX  32
#define NETWORK_MAC_LENGTH 6

/* Why a container is refused, behind what it asks for. */
#define NO_NETWORK_OF_HOST "a virtual machine cannot have"

struct network_address {
	int family;
	unsigned prefix;
	char text[INET6_ADDRSTRLEN];
};

/* An interface of the pod and the tap that stands behind it. */
struct network_link {
	unsigned index;
	char name[IFNAMSIZ];
	uint8_t mac[NETWORK_MAC_LENGTH];
	uint32_t mtu;
	uint32_t flags; /* IFF_* */
	struct network_address *addresses;
	size_t n_addresses;
	unsigned number;    /* of its tap, which no other has had */
	char tap[IFNAMSIZ]; /* "" until network_connect() */
	int tap_fd;         /* the tap lives as long as this or a copy of it */
	bool has_ingress;   /* our queueing discipline is on the interface */
	bool is_in_guest;
	struct address address; /* where the guest finds it, if it was plugged in */
};

struct network_route {
	unsigned link;
	int family;
	char dest[INET6_ADDRSTRLEN + 4]; /* with prefix; "" is the default route */
	char gateway[INET6_ADDRSTRLEN];  /* "" without */
	char source[INET6_ADDRSTRLEN];   /* "" without */
	uint32_t scope;
	uint32_t flags;
	uint32_t mtu;
};

struct network_neighbour {
	unsigned link;
	struct network_address address;
	uint8_t mac[NETWORK_MAC_LENGTH];
	int state;
	int flags;
};

/* What a pod's network namespace holds.  `link` of a route or neighbour indexes links. */
struct network {
	int netns_fd;
	int netlink_fd;
	struct network_link *links;
	size_t n_links;
	struct network_link *gone; /* have left the namespace, and the guest has them still; without
				      addresses and taps of ours */
	size_t n_gone;
	unsigned n_numbers; /* given to links */
	struct network_route *routes;
	size_t n_routes;
	struct network_neighbour *neighbours;
	size_t n_neighbours;
	bool is_told; /* the guest has heard of all this */
};

/* Whether PATH leads to the caller's own network namespace. */
bool network_is_of_host(const char *path);

/* Opens the network namespace PATH, or makes an empty one that lasts as long as somebody has it
 * (NULL).  ENOTSUP for the caller's own.  Work thread. */
int network_namespace_open(const char *path, struct error *e);

/* Runs OPEN(ARG) inside the namespace, which what it opens belongs to.  Work thread. */
int network_visit(int netns_fd, int (*open)(void *arg, struct error *e), void *arg,
		  struct error *e);

/* Reads the namespace NETNS_FD, which is copied; nothing in it is changed.  Loopback and interfaces
 * without an address (link-local ones do not count) are left out.  Work thread. */
int network_scan(int netns_fd, struct network **ret_network, struct error *e);

/* Reads the namespace again.  Interfaces that were there keep their taps; those that have gone and
 * that the guest has are moved to `gone`, until the caller has dealt with them and says n_gone = 0;
 * their taps last as long as the VMM has them.  1 if the guest has to be told, as interfaces are
 * new or gone, addresses or routes are others, or it was not told of the last such change: until
 * the caller says is_told.  A failure leaves N as it was. */
int network_rescan(struct network *n, struct error *e);

/* A descriptor that becomes readable when interfaces, addresses or routes of the namespace change.
 * Work thread. */
int network_watch(const struct network *n, struct error *e);
/* Sockets of the namespace for datagrams, not connected, for those of FDS that are -1; the caller
 * closes what is there afterwards, whatever the result.  Work thread. */
int network_open_datagrams(const struct network *n, int *fds, size_t n_fds, struct error *e);
/* Takes from FD what it had to tell.  Never blocks. */
void network_watch_read(int fd);

/* Makes a tap for each interface that has none, and joins the two.  A failure takes away those, and
 * leaves the others as they were. */
int network_connect(struct network *n, struct error *e);

/* Takes away what network_connect() made.  Never fails: what cannot be removed is logged. */
void network_disconnect(struct network *n);

/* The same after a crash, from what was recorded.  A namespace that is gone is success. */
void network_forget(const char *netns_path, char *const *links, char *const *taps);

void network_free(struct network *n);
DEFINE_CLEANUP(network_freep, struct network *, network_free)

#endif
