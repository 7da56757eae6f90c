/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_OWNER_H
#define LIB_OWNER_H

/*
 * Who changes a machine and what a cluster says of it: one installation of one program.
 *
 * What installs knows no name of its own but by this, so that several programs, and several
 * installations of one, live side by side and each finds what is its own.  Every member is borrowed
 * and outlives whatever was given the owner.
 */
struct owner {
	/* "kata-deploy": what all installations of the program share. */
	const char *program;
	/* "kata-deploy" or "kata-deploy-SUFFIX": the field manager at the API server, the namespace
	 * in containerd, the name of files of its own and what the marks in others' files say. */
	const char *name;
	/* The program whose roots have no mark (lib/host/holder.h); NULL: this one. */
	const char *unmarked;
	/* Of the Node object: a label (and an annotation) and a condition. */
	const char *label;
	const char *condition;
	/* Folders that are locked while anything is changed, in this order.  They are the
	 * machine's: the same for every owner, so that one at a time works on it. */
	char *const *locks;
};

#endif
