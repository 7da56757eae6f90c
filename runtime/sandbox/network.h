/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_NETWORK_H
#define RUNTIME_SANDBOX_NETWORK_H

#include <net/if.h>
#include <netinet/in.h>

#include "lib/str.h"

#define NETWORK_LINKS_MAX  32
#define NETWORK_MAC_LENGTH 6

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
	char tap[IFNAMSIZ]; /* "" until network_connect() */
	int tap_fd;         /* the tap lives as long as this or a copy of it */
	bool has_ingress;   /* our queueing discipline is on the interface */
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
	struct network_route *routes;
	size_t n_routes;
	struct network_neighbour *neighbours;
	size_t n_neighbours;
};

/* Reads the namespace at NETNS_PATH; nothing in it is changed.  Loopback and interfaces without an
 * address (link-local ones do not count) are left out.  NETNS_PATH NULL or the caller's own
 * namespace is a network without interfaces.  Work thread. */
int network_scan(const char *netns_path, struct network **ret_network, struct error *e);

/* Makes a tap per interface and joins each pair.  A failure leaves the namespace as it was. */
int network_connect(struct network *n, struct error *e);

/* Takes away what network_connect() made.  Never fails: what cannot be removed is logged. */
void network_disconnect(struct network *n);

/* The same after a crash, from what was recorded.  A namespace that is gone is success. */
void network_forget(const char *netns_path, char *const *links, char *const *taps);

void network_free(struct network *n);
DEFINE_CLEANUP(network_freep, struct network *, network_free)

#endif
