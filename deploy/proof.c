/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof - remember which canary has answered since the machine was started.
 *
 * ROOT/.proofs has one line for each, the newest first: kind, boot id, name, the guest's kernel.
 * The name of a canary is the version directory with a digest of everything that its sandboxes
 * read, drop-ins of others included; that of a trial has the engine and its files in it as well.
 * A line that another boot wrote says nothing: the kernel, KVM and the engine may be others. What
 * cannot be read or written costs one more canary, and nothing else.  One thread.
 */
#include "deploy/proof.h"

#include <string.h>
#include <unistd.h>

#include "deploy/attempt.h"
#include "deploy/candidate.h"
#include "lib/file.h"
#include "lib/log.h"

#define BOOT_ID    "/proc/sys/kernel/random/boot_id"
#define PROOFS_MAX 16 /* lines: two for each version that may be gone back to, and some */

static const char *const kind_names[] = { "canary", "trial" };
_Static_assert(ARRAY_SIZE(kind_names) == N_PROOF_KIND, "a kind of proof has no name");

static char *record_path(const struct facts *f)
{
	return path_join(f->root, ".proofs");
}

/* With its end, so that no two lists of texts are one. */
static void add(struct sha256 *sum, const char *text)
{
	sha256_add(sum, text, strlen(text) + 1);
}

static int add_configuration(struct sha256 *sum, const struct facts *f, const struct offer *o,
			     struct error *e)
{
	_candidate_ struct candidate c = { 0 };

	if (candidate_read(o, f->settings, &f->configuration, &c, e) < 0)
		return -e->code;
	add(sum, o->handler);
	for (size_t i = 0; c.names && c.names[i]; i++) {
		add(sum, c.names[i]);
		add(sum, c.texts[i]);
	}
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

/* "canary BOOT NAME": how a line of this boot begins.  NULL if the boot has no name. */
static char *line_of(const struct facts *f, enum proof_kind kind)
{
	_free_ char *name = name_of(f, kind);
	_free_ char *boot = NULL;
	struct error ignored;

	if (file_read(BOOT_ID, 64, &boot, NULL, &ignored) < 0)
		return NULL;
	return xasprintf("%s %s %s", kind_names[kind], str_trim(boot), name);
}

static strv read_lines(const struct facts *f)
{
	_free_ char *path = record_path(f);
	_free_ char *text = NULL;
	struct error ignored;

	return file_read(path, 64 * KIB, &text, NULL, &ignored) < 0 ? NULL : strv_split(text, "\n");
}

bool proof_counts(const struct facts *f, enum proof_kind kind, char **ret_kernel)
{
	_free_ char *wanted = line_of(f, kind);
	_strv_ strv lines = read_lines(f);
	size_t len = wanted ? strlen(wanted) : 0;

	for (char **line = lines; wanted && line && *line; line++) {
		if (strncmp(*line, wanted, len) != 0 || (*line)[len] != ' ')
			continue;
		if (ret_kernel)
			*ret_kernel = xstrdup(*line + len + 1);
		return true;
	}
	return false;
}

void proof_note(const struct facts *f, enum proof_kind kind, const char *kernel)
{
	_free_ char *path = record_path(f);
	_free_ char *first = line_of(f, kind);
	_strv_ strv lines = read_lines(f);
	_strv_ strv kept = NULL;
	_free_ char *text = NULL;
	struct error e;

	if (!first)
		return;
	strv_addf(&kept, "%s %s", first, kernel ? kernel : "");
	for (char **line = lines; line && *line && strv_len(kept) < PROOFS_MAX; line++)
		if (!str_starts(*line, first))
			strv_add(&kept, *line);
	strv_add(&kept, "");
	text = strv_join(kept, "\n");
	if (file_replace(path, text, strlen(text), 0600, &e) < 0)
		log_warn("%s", e.msg);
}

void proof_forget(const struct facts *f)
{
	_free_ char *path = record_path(f);

	(void)unlink(path);
	file_clear_rest(path);
}
