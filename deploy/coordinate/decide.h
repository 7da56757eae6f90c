/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_COORDINATE_DECIDE_H
#define DEPLOY_COORDINATE_DECIDE_H

#include "lib/str.h"

/*
 * Which nodes a roll-out reaches next: a pure function of what the cluster says, of the policy and
 * of the time.  Nothing is remembered between two decisions, so a coordinator that is started anew
 * goes on where the last one was.
 */

/* The size of a wave: nodes, or hundredths of all. */
struct wave {
	uint32_t count;
	bool is_percent;
};

/* When nodes may be begun, in minutes of a week that begins on Monday, 00:00 UTC. */
struct window {
	uint8_t days; /* bit 0 is Monday; 0: every day */
	uint32_t start_min;
	uint32_t length_min;
};

enum on_failure { ON_FAILURE_PAUSE, ON_FAILURE_UNDO };

/* What becomes of pods with stale sandboxes. */
enum stale_policy { STALE_REPORT, STALE_EVICT, STALE_EVICT_MARKED };

#define WAVES_MAX     16
#define WINDOWS_MAX   32
#define WITHDRAWN_MAX 64

struct policy {
	struct wave waves[WAVES_MAX];
	size_t n_waves;
	uint32_t soak_s;
	uint32_t parallelism;
	uint32_t failure_limit;
	uint32_t progress_s; /* after which a node that is not ready yet has failed */
	enum on_failure on_failure;
	bool is_paused;
	char *resumed;          /* image whose failures are accepted */
	char *resumed_revision; /* of that template alone; NULL: of all with the image */
	struct window windows[WINDOWS_MAX];
	size_t n_windows;
	char *canary_label;
	char *zone_label;
	bool one_zone_at_a_time;
	enum stale_policy stale;
	uint32_t evict_at_once;
	char *withdrawn; /* versions that no sandbox should run, as KATA_WITHDRAWN has them */
};

/* What a roll-out brings.  Two templates can have one image: a tag that was made anew, or other
 * settings. */
struct rollout_template {
	const char *image;
	const char *revision; /* what its controller calls it; NULL: nobody has it yet */
};

/* Whether IMAGE and REVISION (either may be NULL) name T; without a revision the image does. */
bool template_is(const struct rollout_template *t, const char *image, const char *revision);

/* A node that the DaemonSet wants, as it is now.  Texts are borrowed. */
struct rollout_node {
	const char *name;
	const char *pod;
	const char *zone; /* "": none */
	bool is_canary;
	bool is_updated;    /* its pod is of the template */
	bool is_ready;      /* that pod is ready */
	bool is_failed;     /* it refused the release, or the pod cannot become ready */
	bool is_unsuitable; /* it is ready and proves nothing */
	int64_t ready_since_s;
};

/* What the whole is at. */
enum phase {
	PHASE_COMPLETE, /* all nodes have it */
	PHASE_ROLLING,  /* nodes are begun or under way */
	PHASE_SOAKING,  /* a wave has to prove itself first */
	PHASE_WAITING,  /* for a window */
	PHASE_PAUSED,   /* by the policy */
	PHASE_FAILED,   /* too many nodes refused it */
	N_PHASE
};

struct decision {
	enum phase phase;
	size_t wave; /* 0 is the first; of PHASE_COMPLETE the last */
	size_t n_nodes, n_updated, n_ready, n_failed, n_unsuitable;
	const char *first_failed; /* a node's name; NULL: none */
	bool undoes;              /* the template shall be taken back */
	strv pods;                /* to be deleted, so that their nodes are updated; owned */
	int64_t again_s;          /* when to look again though nothing changes; 0: no need */
};

void decision_done(struct decision *d);
#define _decision_ _cleanup_(decision_done)

/* How the policy says it may be: the n-th wave is complete with so many of N nodes. */
size_t wave_target(const struct policy *p, size_t wave, size_t n);
/* Whether the windows are open at NOW_S; *ret_opens_s is when they do next, if not. */
bool window_is_open(const struct policy *p, int64_t now_s, int64_t *ret_opens_s);

/* Decides for TARGETS, which it puts into their order. */
void decide(const struct policy *p, const struct rollout_template *t, struct rollout_node *targets,
	    size_t n, int64_t now_s, struct decision *ret_decision);

#endif
