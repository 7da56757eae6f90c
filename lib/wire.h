/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include "lib/base.h"

/*
 * wire - the budget of messages: what a peer can make us hold, of every protocol.
 *
 * Each size is compared before anything is allocated for it.  What a protocol's text says of a part
 * of a message (an id, a path, a list) is that part's own limit and stands where it is parsed.
 */

/* ---- one message ---- */
/* Of ttRPC, both ways, as containerd has it. */
#define WIRE_FRAME_MAX (4 * MIB)
/* An answer over HTTP, of gRPC too, unless the caller names less. */
#define WIRE_BODY_MAX (16 * MIB)
/* An event of a watch: an object in etcd is at most 1.5 MiB. */
#define WIRE_EVENT_MAX (4 * MIB)
/* All headers and trailers of an answer. */
#define WIRE_HEADERS_MAX (64 * KIB)
/* The header of a request to our HTTP server, and what it answers. */
#define WIRE_REQUEST_MAX (8 * KIB)
#define WIRE_ANSWER_MAX  (4 * MIB)

/* The body of a request to a shim: rules of a packet filter, a policy. */
#define WIRE_REQUEST_BODY_MAX MIB

/* ---- what a message becomes: two bytes of it can ask for a hundred in memory ---- */
/* Protobuf, of ttRPC and gRPC. */
#define WIRE_MEMORY_MAX (32 * MIB)
/* JSON, by what json-c allocates; levels. */
#define WIRE_JSON_MEMORY_MAX (64 * MIB)
#define WIRE_JSON_DEPTH_MAX  64

/* ---- one connection ---- */
/* Requests under way that take a thread each, and bytes of all. */
#define WIRE_CALLS_MAX      1024
#define WIRE_CALL_BYTES_MAX (16 * MIB)
/* Of those that take none all may wait, three for each process of a pod, and a small one more must
 * still be heard: it may be what ends them. */
#define WIRE_PARKED_MAX     32768
#define WIRE_SMALL_CALL_MAX 1024 /* bytes */
/* Bytes read at once, and of output that waits: above HIGH the peer is not read from. */
#define WIRE_READ_MAX (256 * KIB)
#define WIRE_OUT_HIGH (256 * KIB)
#define WIRE_OUT_MAX  (64 * MIB)

/* ---- one server ---- */
#define WIRE_RPC_PEERS_MAX    64
#define WIRE_HTTP_PEERS_MAX   32
#define WIRE_HTTP_ADDRESS_MAX 8 /* of them from one address */
#define WIRE_HTTP_PATIENCE_MS 5000
#define WIRE_SHIM_PEERS_MAX   16 /* of a shim's management socket */
#define WIRE_FORWARDS_MAX     64 /* connections to a pod's localhost */

#endif
