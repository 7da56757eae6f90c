/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign - whether a file is what the owner of a key signed.
 *
 * minisign's format (its manual page, "SIGNATURE FORMAT" of jedisct1.github.io/minisign): a
 * signature has four lines, an untrusted comment, the signature, a trusted comment, and a second
 * signature over the first and that comment.  Both must be right.  libcrypto, which programs of
 * this folder have for HTTPS, knows Ed25519 and BLAKE2b-512.  Everything is of a fixed size or
 * bounded; base64 has one spelling only, so that a key is one text.  No secret is ever here, so
 * nothing needs constant time.  Any thread; does not block.
 */
#include "lib/host/sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

#define UNTRUSTED "untrusted comment: "
#define TRUSTED   "trusted comment: "

#define ALGORITHM_LEN  2
#define ID_LEN         8
#define POINT_LEN      32
#define SIGNATURE_LEN  64
#define DIGEST_LEN     64
#define KEY_LEN        (ALGORITHM_LEN + ID_LEN + POINT_LEN)
#define SIGNED_LEN     (ALGORITHM_LEN + ID_LEN + SIGNATURE_LEN)
#define COMMENT_MAX    8192
#define SECRET_KEY_LEN 158
#define N_LINES        4

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* How a signature came about, by its first two bytes. */
static const struct form {
	char algorithm[ALGORITHM_LEN + 1];
	bool is_hashed;
} forms[] = {
	{ "ED", true },
	{ "Ed", false },
};

struct signature {
	const struct form *form;
	uint8_t id[ID_LEN];
	uint8_t bytes[SIGNATURE_LEN];
	uint8_t of_comment[SIGNATURE_LEN]; /* covers `bytes`, then the comment */
	char *comment;
};

static void signature_done(struct signature *s)
{
	free(s->comment);
}
#define _signature_ _cleanup_(signature_done)

/* Exactly LEN bytes, spelt as an encoder spells them; libcrypto's decoder alone takes more. */
static bool decode(const char *line, uint8_t *ret_bytes, size_t len)
{
	size_t text_len = BASE64_LEN(len);
	_free_ uint8_t *bytes = xmalloc(text_len);
	_free_ char *again = xmalloc(text_len + 1);

	if (strlen(line) != text_len ||
	    EVP_DecodeBlock(bytes, (const unsigned char *)line, (int)text_len) < 0)
		return false;
	(void)EVP_EncodeBlock((unsigned char *)again, bytes, (int)len);
	if (strcmp(again, line) != 0)
		return false;
	memcpy(ret_bytes, bytes, len);
	return true;
}

/* At most N lines without their ends, which may be those of Windows; false if there are more. */
static bool split_lines(char *text, char **ret_lines, size_t n, size_t *ret_n)
{
	size_t found = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		char *next = text + len + (text[len] == '\n');

		if (found == n)
			return false;
		text[len] = '\0';
		if (len > 0 && text[len - 1] == '\r')
			text[len - 1] = '\0';
		ret_lines[found++] = text;
		text = next;
	}
	*ret_n = found;
	return true;
}

int sign_key_parse(const char *text, const char *name, struct sign_key *ret_key, struct error *e)
{
	_free_ char *copy = xstrdup(text);
	uint8_t bytes[KEY_LEN];
	char *lines[2] = { NULL };
	const char *line;
	size_t n = 0;

	if (!split_lines(str_trim(copy), lines, ARRAY_SIZE(lines), &n) || n == 0 ||
	    (n == 2 && !str_starts(lines[0], UNTRUSTED)))
		return fail(e, EINVAL,
			    "key '%s' is not what minisign calls a public key: a line of base64, "
			    "below an untrusted comment or alone",
			    name);
	line = str_trim(lines[n - 1]);
	if (strlen(line) == BASE64_LEN(SECRET_KEY_LEN))
		return fail(e, EINVAL,
			    "key '%s' is a secret key, which must not be here; the public one is "
			    "needed",
			    name);
	if (!decode(line, bytes, sizeof(bytes)) || memcmp(bytes, "Ed", ALGORITHM_LEN) != 0)
		return fail(e, EINVAL, "key '%s' is no Ed25519 public key of minisign", name);
	memcpy(ret_key->id, bytes + ALGORITHM_LEN, ID_LEN);
	memcpy(ret_key->point, bytes + ALGORITHM_LEN + ID_LEN, POINT_LEN);
	return 0;
}

bool sign_key_equal(const struct sign_key *a, const struct sign_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static struct sign_key_name name_of(const uint8_t *id)
{
	struct sign_key_name name;
	uint64_t number = 0;

	for (size_t i = ID_LEN; i-- > 0;)
		number = number << 8 | id[i];
	(void)snprintf(name.s, sizeof(name.s), "%016" PRIX64, number);
	return name;
}

struct sign_key_name sign_key_name(const struct sign_key *key)
{
	return name_of(key->id);
}

char *sign_key_text(const struct sign_key *key)
{
	char *text = xmalloc(BASE64_LEN(KEY_LEN) + 1);
	uint8_t bytes[KEY_LEN] = "Ed";

	memcpy(bytes + ALGORITHM_LEN, key->id, ID_LEN);
	memcpy(bytes + ALGORITHM_LEN + ID_LEN, key->point, POINT_LEN);
	(void)EVP_EncodeBlock((unsigned char *)text, bytes, KEY_LEN);
	return text;
}

static int parse_signed(const char *line, struct signature *s, struct error *e)
{
	uint8_t bytes[SIGNED_LEN];

	if (!decode(line, bytes, sizeof(bytes)))
		return fail(e, EINVAL, "its second line is not %d bytes in base64", SIGNED_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (memcmp(bytes, forms[i].algorithm, ALGORITHM_LEN) == 0)
			s->form = &forms[i];
	if (!s->form)
		return fail(e, EINVAL, "its algorithm is unknown");
	memcpy(s->id, bytes + ALGORITHM_LEN, ID_LEN);
	memcpy(s->bytes, bytes + ALGORITHM_LEN + ID_LEN, SIGNATURE_LEN);
	return 0;
}

static int parse_lines(char *const *lines, struct signature *s, struct error *e)
{
	if (!str_starts(lines[0], UNTRUSTED) || !str_starts(lines[2], TRUSTED))
		return fail(e, EINVAL, "its comments do not begin with '%s' and '%s'", UNTRUSTED,
			    TRUSTED);
	if (strlen(lines[2]) > strlen(TRUSTED) + COMMENT_MAX)
		return fail(e, EINVAL, "its trusted comment is longer than %d bytes", COMMENT_MAX);
	if (!decode(lines[3], s->of_comment, SIGNATURE_LEN))
		return fail(e, EINVAL, "its last line is not %d bytes in base64", SIGNATURE_LEN);
	s->comment = xstrdup(lines[2] + strlen(TRUSTED));
	return parse_signed(lines[1], s, e);
}

static int parse(const char *text, const char *name, struct signature *s, struct error *e)
{
	_free_ char *copy = xstrdup(text);
	char *lines[N_LINES];
	size_t n = 0;

	if (strlen(text) > SIGN_TEXT_MAX || !split_lines(copy, lines, N_LINES, &n) || n != N_LINES)
		return fail(e, EINVAL, "the signature of '%s' has not the %d lines of minisign's",
			    name, N_LINES);
	return parse_lines(lines, s, e) < 0 ? fail_wrap(e, "the signature of '%s'", name) : 0;
}

static bool verify(const struct sign_key *key, const uint8_t *signature, const void *bytes,
		   size_t len)
{
	EVP_PKEY *point =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->point, POINT_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_right = point && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, point) == 1 &&
			EVP_DigestVerify(ctx, signature, SIGNATURE_LEN, bytes, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(point);
	return is_right;
}

static bool verify_bytes(const struct sign_key *key, const struct signature *s, const void *bytes,
			 size_t len)
{
	uint8_t digest[DIGEST_LEN];
	unsigned n = 0;

	if (!s->form->is_hashed)
		return verify(key, s->bytes, bytes, len);
	return EVP_Digest(bytes, len, digest, &n, EVP_blake2b512(), NULL) == 1 && n == DIGEST_LEN &&
	       verify(key, s->bytes, digest, DIGEST_LEN);
}

static bool verify_comment(const struct sign_key *key, const struct signature *s)
{
	size_t len = strlen(s->comment);
	_free_ uint8_t *bytes = xmalloc(SIGNATURE_LEN + len);

	memcpy(bytes, s->bytes, SIGNATURE_LEN);
	memcpy(bytes + SIGNATURE_LEN, s->comment, len);
	return verify(key, s->of_comment, bytes, SIGNATURE_LEN + len);
}

int sign_check(const struct sign_key *key, const void *bytes, size_t len, const char *signature,
	       const char *name, char **ret_comment, struct error *e)
{
	_signature_ struct signature s = { 0 };
	int r = parse(signature, name, &s, e);

	if (r < 0)
		return r;
	if (memcmp(s.id, key->id, ID_LEN) != 0)
		return fail(e, EKEYREJECTED, "'%s' is signed with key %s, not with %s", name,
			    name_of(s.id).s, sign_key_name(key).s);
	if (!verify_bytes(key, &s, bytes, len))
		return fail(e, EBADMSG, "'%s' is not what key %s signed", name,
			    sign_key_name(key).s);
	if (!verify_comment(key, &s))
		return fail(e, EBADMSG,
			    "the comment in the signature of '%s' is not what key %s signed", name,
			    sign_key_name(key).s);
	utf8_repair(s.comment);
	str_make_printable(s.comment);
	*ret_comment = TAKE_PTR(s.comment);
	return 0;
}
