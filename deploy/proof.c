/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof - name what was proven (lib/host/proven.h).
 *
 * The name of a canary is the version directory with a digest of everything that its sandboxes
 * read, drop-ins of others included; that of a trial has the engine and its files in it as well.
 * One thread.
 */
#include "deploy/proof.h"

#include <string.h>

#include "deploy/attempt.h"
#include "deploy/candidate.h"
#include "lib/host/proven.h"

static const char *const kind_names[] = { "canary", "trial" };
_Static_assert(ARRAY_SIZE(kind_names) == N_PROOF_KIND, "a kind of proof has no name");

static int add_configuration(struct sha256 *sum, const struct facts *f, const struct offer *o,
			     struct error *e)
{
	_candidate_ struct candidate c = { 0 };

	if (candidate_read(o, f->settings, &f->configuration, &c, e) < 0)
		return -e->code;
	sha256_add(sum, o->handler, strlen(o->handler) + 1);
	candidate_sum(&c, sum);
	return 0;
}

int proof_name(const struct facts *f, char **ret_name, struct error *e)
{
	char digest[SHA256_HEX + 1];
	struct sha256 sum;

	sha256_init(&sum);
	for (size_t i = 0; i < f->n_offers; i++)
		if (add_configuration(&sum, f, &f->offers[i], e) < 0)
			return -e->code;
	sha256_end(&sum, digest);
	*ret_name = xasprintf("%s.%.12s", f->folder, digest);
	return 0;
}

static char *name_of(const struct facts *f, enum proof_kind kind)
{
	char engine[SHA256_HEX + 1];

	if (kind == PROOF_CANARY)
		return xstrdup(f->evidence);
	attempt_name_engine(f, engine);
	return xasprintf("%s.%.12s", f->evidence, engine);
}

bool proof_counts(const struct facts *f, enum proof_kind kind, char **ret_kernel)
{
	_free_ char *name = name_of(f, kind);

	return proven_has(f->root, kind_names[kind], name, ret_kernel);
}

void proof_note(const struct facts *f, enum proof_kind kind, const char *kernel)
{
	_free_ char *name = name_of(f, kind);

	proven_note(f->root, kind_names[kind], name, kernel);
}

void proof_forget(const struct facts *f)
{
	struct error ignored;

	(void)proven_forget(f->root, &ignored);
}
