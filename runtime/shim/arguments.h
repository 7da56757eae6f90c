/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_ARGUMENTS_H
#define RUNTIME_SHIM_ARGUMENTS_H

#include "lib/str.h"

#define ID_LENGTH_MAX 76
/* Where the shim that `start` runs finds its listening socket. */
#define LISTENER_FD 3

/* The command line; borrowed strings, NULL when a flag is missing. */
struct arguments {
	const char *namespace_;
	const char *address;
	const char *publish_binary;
	const char *id;
	const char *bundle;
	const char *socket;
	const char *config;
	const char *action;
	bool debug;
	bool info;
	bool version;
	bool help;
};

#endif
