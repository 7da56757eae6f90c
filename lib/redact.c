/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact - leave out what is secret, from texts that people keep and send to others.
 *
 * A secret is known by the name of its key: what a line gives to one that ends in "password",
 * "token" and the like, with the lines that this goes on in; by its place: in a URL before the
 * host, behind "Bearer", in the environment of a service, in a private key; and by its look, where
 * that of a token is its maker's.  A line may be prose as well, in which "token: " leads to a
 * reason, so a colon counts where the key is quoted or begins something.  Other values without a
 * key are not known.  Texts are of anybody: time grows with their length alone.  Any thread.
 */
#include "lib/redact.h"

#include <ctype.h>
#include <string.h>

#include "lib/str.h"

#define REDACTED     "..."
#define REDACTED_LEN 3

/* No word of prose that follows "bearer" or "basic" is as long. */
#define BEARER_MIN 16
/* Behind what a maker begins its tokens with. */
#define TOKEN_MIN 16
#define JWT_MIN   30
/* Of a line that is nothing but base64, as keys are written. */
#define BASE64_MIN 60
/* Of a quoted text: a lone quote is none. */
#define QUOTED_LINES_MAX 64
/* Of a table of TOML: [host."https://registry".header]. */
#define HEADERS ".header]"

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.\"'\\", c));
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static bool ends_in(const char *key, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && strncasecmp(key + len - n, word, n) == 0;
}

/* KEY without what quotes it. */
static size_t without_quotes(const char **key, size_t len)
{
	while (len > 0 && (is_quote((*key)[len - 1]) || (*key)[len - 1] == '\\'))
		len--;
	while (len > 0 && (is_quote(**key) || **key == '\\')) {
		(*key)++;
		len--;
	}
	return len;
}

bool redact_is_secret(const char *key, size_t len)
{
	static const char *const words[] = {
		"password",
		"passwords",
		"passwd",
		"passphrase",
		"_pass",
		"pwd",
		"secret",
		"token",
		"tokens",
		"auth",
		"cookie",
		"authorization",
		"key-data",
		"certificate-data",
		"apikey",
		"api_key",
		"api-key",
		"credential",
		"credentials",
		"access_key",
		"access-key",
		"accesskey",
		"secret_key",
		"secret-key",
		"secretkey",
		"private_key",
		"private-key",
		"privatekey",
		"account_key",
		"account-key",
		"accountkey",
		"signing_key",
		"signing-key",
		"signingkey",
		"encryption_key",
		"encryption-key",
		"encryptionkey",
		"connectionstring",
		"connection_string",
		"jwt",
		"psk",
		"bearer",
	};

	len = without_quotes(&key, len);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (ends_in(key, len, words[i]))
			return true;
	return false;
}

static char *skip_blanks(char *c, const char *end)
{
	while (c < end && (*c == ' ' || *c == '\t'))
		c++;
	return c;
}

/* Bytes to keep, and bytes to leave out behind them. */
struct mark {
	size_t keep, len;
};

typedef bool find_mark(const char *text, const char *c, struct mark *ret_mark);

static bool is_word_before(const char *text, const char *c)
{
	return c > text && isalnum((unsigned char)c[-1]);
}

static bool find_scheme(const char *text, const char *c, struct mark *ret_mark)
{
	static const char *const schemes[] = { "bearer ", "basic " };

	for (size_t i = 0; i < ARRAY_SIZE(schemes) && !is_word_before(text, c); i++) {
		size_t keep = strlen(schemes[i]);
		size_t len;

		if (strncasecmp(c, schemes[i], keep) != 0)
			continue;
		len = strcspn(c + keep, " \t\r\n\"'\\,");
		*ret_mark = (struct mark){ keep, len };
		return len >= BEARER_MIN;
	}
	return false;
}

/* ---- the keys of a line ---- */

struct line {
	char *begin, *end; /* without its newline */
	char *first;       /* behind what only sets it in, or marks it as an item */
};

static struct line line_at(char *begin)
{
	struct line l = { .begin = begin, .end = begin + strcspn(begin, "\n") };

	l.first = begin + strspn(begin, " \t+-{,");
	if (l.first > l.end)
		l.first = l.end;
	return l;
}

static char *behind(const struct line *l)
{
	return *l->end ? l->end + 1 : l->end;
}

static char *key_end(char *key, const char *end)
{
	while (key < end && is_key_char(*key))
		key++;
	return key;
}

/* What the first key of L is given; NULL if it is not KEY. */
static char *given_to(const struct line *l, const char *key)
{
	char *end = key_end(l->first, l->end);
	char *sign = skip_blanks(end, l->end);
	const char *name = l->first;
	size_t len = without_quotes(&name, (size_t)(end - l->first));

	if (sign == l->end || (*sign != ':' && *sign != '='))
		return NULL;
	if (key && (strlen(key) != len || strncmp(key, name, len) != 0))
		return NULL;
	return skip_blanks(sign + 1, l->end);
}

/* Whether KEY, in its line from BEGIN, is the first of an item: "{a: b, c: d}". */
static bool begins_item(const char *begin, const char *key)
{
	while (key > begin && (key[-1] == ' ' || key[-1] == '\t'))
		key--;
	return key > begin && strchr("{,[(", key[-1]);
}

/* Whether KEY is a header of HTTP that is a secret, wherever it stands.  A token that is known by
 * its scheme is left to find_scheme(), which keeps what follows. */
static bool is_header_of_login(const char *key, size_t len, char *sign, const char *end)
{
	const char *value = sign < end ? skip_blanks(sign + 1, end) : end;
	struct mark mark;

	return (ends_in(key, len, "authorization") || ends_in(key, len, "cookie")) &&
	       !find_scheme(value, value, &mark);
}

/* The value that follows KEY, which ends at C; NULL if it is no secret's. */
static char *value_after(const struct line *l, const char *key, char *c)
{
	size_t len = (size_t)(c - key);
	char *sign = skip_blanks(c, l->end);
	bool is_quoted = c > key && is_quote(c[-1]);
	bool is_header = is_header_of_login(key, len, sign, l->end);

	if (sign == l->end || !redact_is_secret(key, len))
		return NULL;
	if (*sign == '=')
		return skip_blanks(sign + 1, l->end);
	if (*sign == ':' &&
	    (key == l->first || is_quoted || is_header || begins_item(l->begin, key)))
		return skip_blanks(sign + 1, l->end);
	/* An option with its value as the next word. */
	return str_starts(key, "--") && sign > c && *sign != '-' ? sign : NULL;
}

/* Where in L the first secret of a key begins; NULL if it has none. */
static char *find_value(const struct line *l)
{
	for (char *c = l->first; c < l->end;) {
		char *end = key_end(c, l->end);
		char *value = end > c ? value_after(l, c, end) : NULL;

		if (value)
			return value;
		c = end > c ? end : c + 1;
	}
	return NULL;
}

/* ---- what a value goes on in ---- */

/* The end of the line that C is in. */
static char *line_end(char *c)
{
	return c + strcspn(c, "\n");
}

/* Behind the text in quotes at C, which may have lines; C if its end is not near. */
static char *skip_quoted(char *c)
{
	unsigned lines = 0;

	for (char *to = c + 1; *to && lines < QUOTED_LINES_MAX; to++) {
		if (*to == *c)
			return to + 1;
		if (*to == '\\' && *c == '"' && to[1])
			to++;
		lines += *to == '\n';
	}
	return c;
}

/* Behind what the bracket at C opens; the end of the text where nothing closes it. */
static char *skip_brackets(char *c)
{
	unsigned depth = 0;
	char lone = '\0'; /* a quote of this kind ends nowhere */

	while (*c) {
		char *next = is_quote(*c) && *c != lone ? skip_quoted(c) : c;

		if (next == c && is_quote(*c))
			lone = *c;
		if (*c == '#' && strchr(" \t\n", c[-1]))
			next = line_end(c);
		if (next > c) {
			c = next;
			continue;
		}
		depth += *c == '[' || *c == '{';
		depth -= *c == ']' || *c == '}';
		c++;
		if (depth == 0)
			return c;
	}
	return c;
}

static size_t depth_of(const char *line)
{
	return strspn(line, " \t+");
}

static bool is_blank(const struct line *l)
{
	return skip_blanks(l->begin, l->end) == l->end;
}

/* The end of the lines that are set in more than L, as YAML has what belongs to a key; of a list
 * its items need not be. */
static char *skip_deeper(const struct line *l)
{
	size_t depth = depth_of(l->begin);
	char *end = l->end;

	for (char *begin = behind(l); *begin;) {
		struct line next = line_at(begin);
		size_t at = depth_of(begin);
		bool is_item = at == depth && str_starts(begin + at, "- ") &&
			       !str_starts(l->begin + depth, "- ");

		if (!is_blank(&next) && at <= depth && !is_item)
			break;
		if (!is_blank(&next))
			end = next.end;
		begin = behind(&next);
	}
	return end;
}

/* The end of the last line of VALUE, which is in L. */
static char *skip_value(const struct line *l, char *value)
{
	static const char *const quotes[] = { "\"\"\"", "'''" };
	char *sign = memrchr(l->begin, ':', (size_t)(value - l->begin));
	bool is_yaml = sign && skip_blanks(sign + 1, value) == value;

	for (size_t i = 0; i < ARRAY_SIZE(quotes); i++)
		if (str_starts(value, quotes[i])) {
			char *close = strstr(value + 3, quotes[i]);

			return close ? line_end(close) : value + strlen(value);
		}
	if (is_quote(*value))
		return line_end(skip_quoted(value));
	if (*value == '[' || *value == '{')
		return line_end(skip_brackets(value));
	if (is_yaml && (value == l->end || *value == '|' || *value == '>'))
		return skip_deeper(l);
	return l->end[-1] == '\\' && *l->end ? line_end(l->end + 1) : l->end;
}

/* ---- lines ---- */

struct lines {
	char *to;
	bool names_secret;   /* the line before is the name of one, whose value may follow */
	bool in_headers;     /* in a table of TOML with headers of HTTP */
	bool in_environment; /* what the line before began goes on */
};

static void put(struct lines *s, const char *from, size_t len)
{
	memmove(s->to, from, len);
	s->to += len;
}

/* In the place of LEN bytes. */
static void put_redacted(struct lines *s, size_t len)
{
	size_t n = min_size(len, REDACTED_LEN);

	memcpy(s->to, REDACTED, n);
	s->to += n;
}

/* What nobody keeps secret, and who is to help has to know. */
static bool is_public(const char *name, size_t len)
{
	static const char *const names[] = { "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",  "ALL_PROXY",
					     "PATH",       "LANG",        "TZ",        "GOMAXPROCS",
					     "GODEBUG",    "GOGC",        "GOMEMLIMIT" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], name, len) == 0)
			return true;
	return false;
}

/* Words NAME=VALUE, each quoted or not: the names stay. */
static void put_environment(struct lines *s, char *c, char *end)
{
	while (c < end) {
		char *quote = is_quote(*c) ? c : NULL;
		char *name = quote ? c + 1 : c;
		char *sign = name + strcspn(name, "= \t\n");
		char *equals = *sign == '=' ? sign : NULL;
		char *value = equals ? equals + 1 : name;
		char *stop = equals && is_quote(*value) ? value : quote;
		char *after = stop ? memchr(stop + 1, *stop, (size_t)(end - stop - 1)) : NULL;

		after = after ? after + 1 : c + strcspn(c, " \t\n");
		after = after > end ? end : max_size((size_t)(after - c), 1) + c;
		if (!equals || equals >= after)
			value = strchr(" \t\\", *c) ? after : c;
		else if (is_public(name, (size_t)(equals - name)))
			value = after;
		put(s, c, (size_t)(value - c));
		put_redacted(s, (size_t)(after - value));
		c = after;
	}
}

/* A line of a key, as PEM has it: digests have no capitals. */
static char *find_base64(const struct line *l)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/=";
	char *begin = skip_blanks(l->begin, l->end);
	size_t len = strspn(begin, base64);
	bool has_capital = false;

	for (size_t i = 0; len >= BASE64_MIN && i < len; i++)
		has_capital |= isupper((unsigned char)begin[i]) != 0;
	return has_capital && begin[len + strspn(begin + len, " \t\r")] == *l->end ? begin : NULL;
}

/* Whether L is "name: KEY" of a secret's key. */
static bool is_name_of_secret(const struct line *l)
{
	char *name = given_to(l, "name");
	char *end = name ? key_end(name, l->end) : NULL;

	return name && redact_is_secret(name, (size_t)(end - name));
}

/* The value of a pair whose name is another line. */
static char *find_paired(const struct lines *s, const struct line *l)
{
	char *value = given_to(l, "value");
	struct line next = line_at(behind(l));

	return value && (s->names_secret || is_name_of_secret(&next)) ? value : NULL;
}

/* What a client is known by in a kubeconfig. */
static char *find_user(const struct line *l)
{
	char *value = given_to(l, "user");

	if (!value)
		value = given_to(l, "users");
	return value && value == l->end ? value : NULL;
}

static char *find_secret(const struct lines *s, const struct line *l)
{
	char *value = find_value(l);

	if (!value && s->in_headers)
		value = given_to(l, NULL);
	if (!value)
		value = find_paired(s, l);
	if (!value)
		value = find_user(l);
	return value ? value : find_base64(l);
}

/* Returns where the next line begins. */
static char *redact_line(struct lines *s, char *begin)
{
	struct line l = line_at(begin);
	char *environment = s->in_environment ? l.begin : given_to(&l, "Environment");
	char *value = environment ? NULL : find_secret(s, &l);
	char *end = value ? skip_value(&l, value) : l.end;
	char *next = *end ? end + 1 : end;
	bool names_secret = is_name_of_secret(&l);

	if (*l.first == '[')
		s->in_headers = ends_in(l.first, (size_t)(l.end - l.first), HEADERS);
	s->in_environment = environment && l.end > l.begin && l.end[-1] == '\\';
	if (environment) {
		put(s, l.begin, (size_t)(environment - l.begin));
		put_environment(s, environment, l.end);
	} else if (value) {
		put(s, l.begin, (size_t)(value - l.begin));
		put_redacted(s, (size_t)(end - value));
	} else {
		put(s, l.begin, (size_t)(l.end - l.begin));
	}
	if (next != end)
		*s->to++ = '\n';
	s->names_secret = names_secret;
	return next;
}

static void redact_lines(char *text)
{
	struct lines s = { .to = text };

	for (char *line = text; *line;)
		line = redact_line(&s, line);
	*s.to = '\0';
}

/* ---- marks anywhere in a text ---- */

/* "https://user:...@host", "https://...@host". */
static bool find_user_of_url(const char *text, const char *c, struct mark *ret_mark)
{
	const char *user = c + 3;
	const char *at, *colon;
	bool is_http = (c - text >= 4 && strncasecmp(c - 4, "http", 4) == 0) ||
		       (c - text >= 5 && strncasecmp(c - 5, "https", 5) == 0);

	if (!str_starts(c, "://"))
		return false;
	at = memrchr(user, '@', strcspn(user, "/ \t\r\n\"'<>\\"));
	colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
	if (!colon && (!at || !is_http))
		return false;
	*ret_mark = colon ? (struct mark){ (size_t)(colon + 1 - c), (size_t)(at - colon) - 1 }
			  : (struct mark){ 3, (size_t)(at - user) };
	return ret_mark->len > 0;
}

/* Of a private key: up to its end, or that of the text. */
static bool find_private_key(const char *text, const char *c, struct mark *ret_mark)
{
	static const char begin[] = "-----BEGIN ", kind[] = "PRIVATE KEY-----";
	const char *close;
	size_t keep;

	(void)text;
	if (!str_starts(c, begin))
		return false;
	keep = strlen(begin) + strspn(c + strlen(begin), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ");
	keep += strspn(c + keep, "-");
	if (keep < strlen(kind) || strncmp(c + keep - strlen(kind), kind, strlen(kind)) != 0)
		return false;
	close = strstr(c + keep, "-----END");
	*ret_mark = (struct mark){ keep, close ? (size_t)(close - c) - keep : strlen(c + keep) };
	return true;
}

#define TOKEN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static bool find_jwt(const char *text, const char *c, struct mark *ret_mark)
{
	const char *dot;
	size_t len;

	if (!str_starts(c, "eyJ") || (c > text && strchr(TOKEN_CHARS ".", c[-1])))
		return false;
	len = strspn(c, TOKEN_CHARS ".");
	dot = memchr(c, '.', len);
	*ret_mark = (struct mark){ 0, len };
	return len >= JWT_MIN && dot && memchr(dot + 1, '.', len - (size_t)(dot + 1 - c));
}

static bool find_token(const char *text, const char *c, struct mark *ret_mark)
{
	static const char *const makers[] = { "ghp_",      "gho_",     "ghu_",
					      "ghs_",      "ghr_",     "glpat-",
					      "xoxb-",     "xoxp-",    "github_pat_",
					      "dckr_pat_", "sk_live_", "AGE-SECRET-KEY-" };

	for (size_t i = 0; i < ARRAY_SIZE(makers) && !is_word_before(text, c); i++) {
		size_t keep = strlen(makers[i]);

		if (strncmp(c, makers[i], keep) != 0)
			continue;
		*ret_mark = (struct mark){ keep, strspn(c + keep, TOKEN_CHARS) };
		return ret_mark->len >= TOKEN_MIN;
	}
	return false;
}

/* By the letters that they begin with, since all of a text is looked at. */
static const struct {
	const char *letters;
	find_mark *find;
} marks[] = {
	{ ":", find_user_of_url }, { "Bb", find_scheme },   { "-", find_private_key },
	{ "e", find_jwt },         { "gxdsA", find_token },
};

static bool find_any(const char *text, const char *c, struct mark *ret_mark)
{
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (strchr(marks[i].letters, *c) && marks[i].find(text, c, ret_mark))
			return true;
	return false;
}

static void redact_marks(char *text)
{
	struct lines s = { .to = text };
	struct mark mark;

	for (char *c = text; *c;) {
		if (!find_any(text, c, &mark)) {
			*s.to++ = *c++;
			continue;
		}
		put(&s, c, mark.keep);
		put_redacted(&s, mark.len);
		c += mark.keep + mark.len;
	}
	*s.to = '\0';
}

void redact_text(char *text)
{
	redact_lines(text);
	redact_marks(text);
}
