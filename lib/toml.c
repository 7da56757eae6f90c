/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml - read TOML 1.0.
 *
 * A recursive descent over the text in memory, one function per rule of the specification
 * (toml.io/en/v1.0.0).  The tree keeps the order of the file and the line of every value, so that
 * whoever checks a value can say where it stands.  What a later line may add to a table is decided
 * by how the table came to be (enum toml_origin).  Text outside UTF-8 and nesting beyond DEPTH_MAX
 * are refused.  No state outside the call: any thread.
 */

#include "lib/toml.h"

#include <ctype.h>
#include <string.h>

#include "lib/toml-scalar.h"

#define DEPTH_MAX    64
#define DOCUMENT_MAX (4 * MIB)

struct parser {
	const char *begin;
	const char *first; /* behind a byte order mark */
	const char *at;
	const char *end;
	const char *name;
	unsigned line;
	unsigned depth;
	struct toml *table;           /* where keys of the current header go */
	strv header;                  /* its path */
	bool in_array;                /* it is, or is below, a [[table]] */
	struct toml_entries *entries; /* filled when not NULL */
	struct error *e;
};

static int parse_value(struct parser *p, struct toml *ret_value);

static int refuse(struct parser *p, const char *why)
{
	return fail(p->e, EINVAL, "%s:%u: %s", p->name, p->line, why);
}

static int refuse_key(struct parser *p, const char *key, const char *why)
{
	return fail(p->e, EINVAL, "%s:%u: '%.64s' %s", p->name, p->line, key, why);
}

/* ---- the tree ---- */

static struct toml *node_new(const struct parser *p, enum toml_type type, enum toml_origin origin)
{
	struct toml *node = xcalloc(1, sizeof(*node));

	node->type = type;
	node->origin = origin;
	node->line = p->line;
	return node;
}

static void free_siblings(struct toml *node)
{
	struct toml *next;

	for (; node; node = next) {
		next = node->next;
		free_siblings(node->children);
		if (node->type == TOML_STRING || node->type == TOML_DATETIME)
			free(node->text.s);
		free(node->key);
		free(node);
	}
}

void toml_free(struct toml *root)
{
	free_siblings(root);
}

static struct toml *append(struct toml *parent, const char *key, struct toml *own_child)
{
	own_child->key = key ? xstrdup(key) : NULL;
	if (parent->last)
		parent->last->next = own_child;
	else
		parent->children = own_child;
	parent->last = own_child;
	return own_child;
}

static struct toml *find(const struct toml *table, const char *key)
{
	struct toml *child = table->children;

	while (child && strcmp(child->key, key))
		child = child->next;
	return child;
}

/* ---- characters ---- */

static bool at_end(const struct parser *p)
{
	return p->at >= p->end;
}

static char peek(const struct parser *p)
{
	return at_end(p) ? '\0' : *p->at;
}

static bool looking_at(const struct parser *p, const char *s)
{
	size_t len = strlen(s);

	return (size_t)(p->end - p->at) >= len && !memcmp(p->at, s, len);
}

static bool skip(struct parser *p, const char *s)
{
	if (!looking_at(p, s))
		return false;
	p->at += strlen(s);
	return true;
}

static void skip_blanks(struct parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t')
		p->at++;
}

static bool skip_newline(struct parser *p)
{
	if (!skip(p, "\n") && !skip(p, "\r\n"))
		return false;
	p->line++;
	return true;
}

static bool is_control(char c)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x20 && u != '\t') || u == 0x7f;
}

static int skip_comment(struct parser *p)
{
	if (peek(p) != '#')
		return 0;
	while (!at_end(p) && *p->at != '\n' && !looking_at(p, "\r\n")) {
		if (is_control(*p->at))
			return refuse(p, "control character in a comment");
		p->at++;
	}
	return 0;
}

/* Blanks, comments and line ends. */
static int skip_gap(struct parser *p)
{
	int r;

	do {
		skip_blanks(p);
		r = skip_comment(p);
		if (r < 0)
			return r;
	} while (skip_newline(p));
	return 0;
}

/* After a header or value: nothing but a comment until the end of the line. */
static int end_line(struct parser *p)
{
	int r;

	skip_blanks(p);
	r = skip_comment(p);
	if (r < 0)
		return r;
	if (at_end(p) || skip_newline(p))
		return 0;
	return refuse(p, "more text where the line should end");
}

static int check_utf8(struct parser *p)
{
	const char *s = p->begin;
	size_t len;

	for (; s < p->end; s += len) {
		p->line += *s == '\n';
		len = utf8_length(s, (size_t)(p->end - s));
		if (!len)
			return refuse(p, "not UTF-8");
	}
	p->line = 1;
	return 0;
}

/* ---- strings ---- */

/* Text under construction; never longer than the document, so it cannot be refused room. */
struct text {
	char *s;
	size_t len;
	size_t room;
};

static void text_add(struct text *t, char c)
{
	if (t->len + 1 >= t->room) {
		t->room = t->room ? 2 * t->room : 32;
		t->s = xrealloc(t->s, t->room, 1);
	}
	t->s[t->len++] = c;
	t->s[t->len] = '\0';
}

static void text_add_code_point(struct text *t, uint32_t c)
{
	static const struct {
		uint32_t below;
		uint8_t lead;
		unsigned follow;
	} forms[] = {
		{ 0x80, 0, 0 }, { 0x800, 0xc0, 1 }, { 0x10000, 0xe0, 2 }, { 0x110000, 0xf0, 3 }
	};
	size_t i = 0;

	while (c >= forms[i].below)
		i++;
	text_add(t, (char)(forms[i].lead | (c >> (6 * forms[i].follow))));
	for (unsigned n = forms[i].follow; n > 0; n--)
		text_add(t, (char)(0x80 | ((c >> (6 * (n - 1))) & 0x3f)));
}

static int parse_unicode(struct parser *p, unsigned digits, struct text *t)
{
	uint32_t c = 0;

	for (unsigned i = 0; i < digits; i++, p->at++) {
		int digit = toml_digit(peek(p), 16);

		if (digit < 0)
			return refuse(p, "a \\u escape needs 4 hexadecimal digits, \\U needs 8");
		c = c << 4 | (uint32_t)digit;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return refuse(p, "an escape names no Unicode character");
	text_add_code_point(t, c);
	return 0;
}

/* Behind a backslash that ends its line: all white space up to the next character. */
static bool skip_line_continuation(struct parser *p)
{
	const char *start = p->at;

	skip_blanks(p);
	if (!skip_newline(p)) {
		p->at = start;
		return false;
	}
	do
		skip_blanks(p);
	while (skip_newline(p));
	return true;
}

static int parse_escape(struct parser *p, bool multi_line, struct text *t)
{
	static const char names[] = "btnfr\"\\";
	static const char values[] = "\b\t\n\f\r\"\\";
	const char *name;
	char c;

	if (multi_line && skip_line_continuation(p))
		return 0;
	c = peek(p);
	if (!at_end(p))
		p->at++;
	if (c == 'u' || c == 'U')
		return parse_unicode(p, c == 'u' ? 4 : 8, t);
	name = c ? strchr(names, c) : NULL;
	if (!name)
		return refuse(p, "unknown escape in a string");
	text_add(t, values[name - names]);
	return 0;
}

/* QUOTE is " (escapes) or ' (none); the opening quote is behind us. */
static int parse_one_line_string(struct parser *p, char quote, struct text *t)
{
	int r;

	for (;;) {
		char c = peek(p);

		if (at_end(p) || is_control(c))
			return refuse(p, "a string does not end on its line");
		p->at++;
		if (c == quote)
			return 0;
		if (c != '\\' || quote == '\'') {
			text_add(t, c);
			continue;
		}
		r = parse_escape(p, false, t);
		if (r < 0)
			return r;
	}
}

/* Up to two quotes may stand right before the three that close. */
static bool skip_closing_quotes(struct parser *p, char quote, struct text *t)
{
	size_t n = 0;

	while (n < 5 && p->at + n < p->end && p->at[n] == quote)
		n++;
	if (n < 3)
		return false;
	for (size_t i = 3; i < n; i++)
		text_add(t, quote);
	p->at += n;
	return true;
}

static int parse_multi_line_string(struct parser *p, char quote, struct text *t)
{
	int r;

	(void)skip_newline(p);
	while (!skip_closing_quotes(p, quote, t)) {
		char c = peek(p);

		if (at_end(p) || (is_control(c) && c != '\n' && !looking_at(p, "\r\n")))
			return refuse(
				p, "a multi-line string does not end, or has a control character");
		p->at++;
		p->line += c == '\n';
		if (c != '\\' || quote == '\'') {
			text_add(t, c);
			continue;
		}
		r = parse_escape(p, true, t);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_string(struct parser *p, bool allow_multi_line, char **ret_s, size_t *ret_len)
{
	struct text t = { 0 };
	char quote = peek(p);
	int r;

	text_add(&t, '\0');
	t.len = 0;
	if (allow_multi_line && (skip(p, "\"\"\"") || skip(p, "'''"))) {
		r = parse_multi_line_string(p, quote, &t);
	} else {
		p->at++;
		r = parse_one_line_string(p, quote, &t);
	}
	if (r < 0) {
		free(t.s);
		return r;
	}
	t.s[t.len] = '\0';
	*ret_s = t.s;
	*ret_len = t.len;
	return 0;
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static int parse_simple_key(struct parser *p, char **ret_key)
{
	const char *start = p->at;
	size_t len;
	int r;

	if (peek(p) == '"' || peek(p) == '\'') {
		r = parse_string(p, false, ret_key, &len);
		if (r == 0 && strlen(*ret_key) != len) {
			free(*ret_key);
			return refuse(p, "a key contains a NUL character");
		}
		return r;
	}
	while (is_bare(peek(p)))
		p->at++;
	if (p->at == start)
		return refuse(p, "a key is missing or has a character that needs quotes");
	*ret_key = xstrndup(start, (size_t)(p->at - start));
	return 0;
}

static int parse_key(struct parser *p, strv *keys)
{
	char *key;
	int r;

	do {
		skip_blanks(p);
		r = parse_simple_key(p, &key);
		if (r < 0)
			return r;
		strv_take(keys, key);
		if (strv_len(*keys) > DEPTH_MAX)
			return refuse(p, "a key has too many parts");
		skip_blanks(p);
	} while (skip(p, "."));
	return 0;
}

/* ---- numbers, dates and words ---- */

/* The characters a number, date or word may have; a date may have one space before its time. */
static size_t token_length(const struct parser *p)
{
	size_t len = 0;

	while (p->at + len < p->end) {
		char c = p->at[len];
		bool date_space = c == ' ' && len == 10 && p->at[4] == '-' && p->at + 11 < p->end &&
				  isdigit((unsigned char)p->at[11]);

		if (!isalnum((unsigned char)c) && !strchr("+-._:", c) && !date_space)
			break;
		len++;
	}
	return len;
}

static int parse_word(struct parser *p, struct toml *ret_value)
{
	size_t len = token_length(p);
	_free_ char *word = xstrndup(p->at, len);

	if (!len)
		return refuse(p, "a value is missing");
	if (!strcmp(word, "true") || !strcmp(word, "false")) {
		ret_value->type = TOML_BOOL;
		ret_value->boolean = word[0] == 't';
	} else if (toml_read_integer(word, &ret_value->integer)) {
		ret_value->type = TOML_INTEGER;
	} else if (toml_read_float(word, &ret_value->real)) {
		ret_value->type = TOML_FLOAT;
	} else if (toml_is_datetime(word)) {
		ret_value->type = TOML_DATETIME;
		ret_value->text.s = TAKE_PTR(word);
		ret_value->text.len = len;
	} else {
		return refuse_key(p, word, "is no value (a string needs quotes)");
	}
	p->at += len;
	return 0;
}

/* ---- arrays, inline tables, assignments ---- */

static int parse_array(struct parser *p, struct toml *ret_value)
{
	struct toml *child;
	int r;

	ret_value->type = TOML_ARRAY;
	for (;;) {
		r = skip_gap(p);
		if (r < 0)
			return r;
		if (skip(p, "]"))
			return 0;
		child = append(ret_value, NULL, node_new(p, TOML_BOOL, TOML_VALUE));
		r = parse_value(p, child);
		if (r == 0)
			r = skip_gap(p);
		if (r < 0)
			return r;
		if (!skip(p, ",") && peek(p) != ']')
			return refuse(p, "an array needs ',' or ']'");
	}
}

/* The table that all but the last of KEYS lead to from TABLE, made where it is missing. */
static int walk_dotted(struct parser *p, struct toml *table, char *const *keys,
		       struct toml **ret_table)
{
	for (; keys[1]; keys++) {
		struct toml *child = find(table, keys[0]);

		if (!child)
			child = append(table, keys[0], node_new(p, TOML_TABLE, TOML_DOTTED));
		else if (child->type != TOML_TABLE || child->origin != TOML_DOTTED)
			return refuse_key(p, keys[0], "is already defined");
		table = child;
	}
	*ret_table = table;
	return 0;
}

/* key = value into TABLE; KEYS and the place of the value are kept for the caller. */
static int parse_assignment(struct parser *p, struct toml *table, strv *ret_keys,
			    const char **ret_begin)
{
	const char *key;
	struct toml *child;
	int r;

	r = parse_key(p, ret_keys);
	if (r < 0)
		return r;
	if (!skip(p, "="))
		return refuse(p, "a key needs '=' and a value");
	skip_blanks(p);
	r = walk_dotted(p, table, *ret_keys, &table);
	if (r < 0)
		return r;
	key = (*ret_keys)[strv_len(*ret_keys) - 1];
	if (find(table, key))
		return refuse_key(p, key, "is already defined");
	*ret_begin = p->at;
	child = append(table, key, node_new(p, TOML_BOOL, TOML_VALUE));
	return parse_value(p, child);
}

static void close_tables(struct toml *table)
{
	table->origin = TOML_VALUE;
	for (struct toml *child = table->children; child; child = child->next)
		if (child->type == TOML_TABLE)
			close_tables(child);
}

static int parse_inline_table(struct parser *p, struct toml *ret_value)
{
	const char *begin;
	int r;

	ret_value->type = TOML_TABLE;
	skip_blanks(p);
	if (skip(p, "}"))
		return 0;
	for (;;) {
		_strv_ strv keys = NULL;

		r = parse_assignment(p, ret_value, &keys, &begin);
		if (r < 0)
			return r;
		skip_blanks(p);
		if (skip(p, "}"))
			break;
		if (!skip(p, ","))
			return refuse(p, "an inline table needs ',' or '}' on the same line");
	}
	close_tables(ret_value);
	return 0;
}

static int parse_value(struct parser *p, struct toml *ret_value)
{
	char *s;
	size_t len;
	int r;

	if (++p->depth > DEPTH_MAX)
		return refuse(p, "values are nested too deeply");
	switch (peek(p)) {
	case '"':
	case '\'':
		r = parse_string(p, true, &s, &len);
		if (r == 0) {
			ret_value->type = TOML_STRING;
			ret_value->text.s = s;
			ret_value->text.len = len;
		}
		break;
	case '[':
		p->at++;
		r = parse_array(p, ret_value);
		break;
	case '{':
		p->at++;
		r = parse_inline_table(p, ret_value);
		break;
	default:
		r = parse_word(p, ret_value);
		break;
	}
	p->depth--;
	return r;
}

/* ---- headers ---- */

/* One step from TABLE to the table named KEY, as a parent of a header's last key. */
static int walk_header(struct parser *p, struct toml **table, const char *key)
{
	struct toml *child = find(*table, key);

	if (!child)
		child = append(*table, key, node_new(p, TOML_TABLE, TOML_IMPLICIT));
	if (child->type == TOML_ARRAY && child->origin == TOML_HEADER) {
		p->in_array = true;
		child = child->last;
	}
	if (child->type != TOML_TABLE || child->origin == TOML_VALUE)
		return refuse_key(p, key, "is already defined and is not a table");
	*table = child;
	return 0;
}

static int open_table(struct parser *p, struct toml *parent, const char *key)
{
	struct toml *child = find(parent, key);

	if (!child)
		child = append(parent, key, node_new(p, TOML_TABLE, TOML_HEADER));
	else if (child->type != TOML_TABLE || child->origin != TOML_IMPLICIT)
		return refuse_key(p, key, "is already defined");
	child->origin = TOML_HEADER;
	child->line = p->line;
	p->table = child;
	return 0;
}

static int open_array_element(struct parser *p, struct toml *parent, const char *key)
{
	struct toml *child = find(parent, key);

	if (!child)
		child = append(parent, key, node_new(p, TOML_ARRAY, TOML_HEADER));
	else if (child->type != TOML_ARRAY || child->origin != TOML_HEADER)
		return refuse_key(p, key, "is already defined and is not a list of tables");
	p->in_array = true;
	p->table = append(child, NULL, node_new(p, TOML_TABLE, TOML_HEADER));
	return 0;
}

static int parse_header(struct parser *p, struct toml *root)
{
	struct toml *parent = root;
	bool is_array = skip(p, "[[");
	size_t n;
	int r;

	if (!is_array)
		p->at++;
	strv_free(TAKE_PTR(p->header));
	p->in_array = false;
	r = parse_key(p, &p->header);
	if (r < 0)
		return r;
	if (!skip(p, is_array ? "]]" : "]"))
		return refuse(p, is_array ? "a header needs ']]'" : "a header needs ']'");
	n = strv_len(p->header);
	for (size_t i = 0; i + 1 < n; i++) {
		r = walk_header(p, &parent, p->header[i]);
		if (r < 0)
			return r;
	}
	return is_array ? open_array_element(p, parent, p->header[n - 1])
			: open_table(p, parent, p->header[n - 1]);
}

/* ---- documents ---- */

static struct toml_entry *add_entry(struct parser *p, char *const *keys)
{
	struct toml_entries *all = p->entries;
	struct toml_entry *entry;

	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	entry = &all->list[all->n++];
	*entry = (struct toml_entry){ .is_header = !keys, .in_array = p->in_array };
	strv_add_all(&entry->path, p->header);
	entry->n_header = strv_len(p->header);
	strv_add_all(&entry->path, keys);
	return entry;
}

static const char *line_start(const struct parser *p)
{
	const char *s = p->at;

	while (s > p->first && s[-1] != '\n')
		s--;
	return s;
}

static int parse_line(struct parser *p, struct toml *root)
{
	const char *begin = line_start(p), *value_begin = p->at, *value_end;
	_strv_ strv keys = NULL;
	struct toml_entry *entry;
	bool is_header = peek(p) == '[';
	int r;

	r = is_header ? parse_header(p, root) : parse_assignment(p, p->table, &keys, &value_begin);
	value_end = p->at;
	if (r == 0)
		r = end_line(p);
	if (r < 0 || !p->entries)
		return r;
	entry = add_entry(p, keys);
	entry->begin = (size_t)(begin - p->begin);
	entry->end = (size_t)(p->at - p->begin);
	entry->value_begin = (size_t)(value_begin - p->begin);
	entry->value_end = (size_t)(value_end - p->begin);
	return 0;
}

static int parse_document(struct parser *p, struct toml *root)
{
	int r;

	if ((size_t)(p->end - p->begin) > DOCUMENT_MAX)
		return fail(p->e, EFBIG, "%s: larger than 4 MiB", p->name);
	r = check_utf8(p);
	(void)skip(p, "\xef\xbb\xbf");
	p->first = p->at;
	while (r == 0) {
		r = skip_gap(p);
		if (r < 0 || at_end(p))
			return r;
		r = parse_line(p, root);
	}
	return r;
}

static int run(const char *text, size_t len, const char *name, struct toml_entries *entries,
	       struct toml **ret_root, struct error *e)
{
	struct parser p = { .begin = text,
			    .at = text,
			    .end = text + len,
			    .name = name,
			    .line = 1,
			    .entries = entries,
			    .e = e };
	struct toml *root = node_new(&p, TOML_TABLE, TOML_HEADER);
	int r;

	p.table = root;
	r = parse_document(&p, root);
	strv_free(p.header);
	if (r < 0)
		toml_free(root);
	else
		*ret_root = root;
	return r;
}

int toml_parse(const char *text, size_t len, const char *name, struct toml **ret_root,
	       struct error *e)
{
	return run(text, len, name, NULL, ret_root, e);
}

int toml_scan(const char *text, size_t len, const char *name, struct toml_entries *ret_entries,
	      struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	struct toml_entries entries = { 0 };
	int r;

	r = run(text, len, name, &entries, &root, e);
	if (r < 0)
		toml_entries_done(&entries);
	else
		*ret_entries = entries;
	return r;
}

void toml_entries_done(struct toml_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		strv_free(entries->list[i].path);
	free(entries->list);
	*entries = (struct toml_entries){ 0 };
}

int toml_split_path(const char *path, strv *ret_keys, struct error *e)
{
	struct parser p = { .begin = path,
			    .at = path,
			    .end = path + strlen(path),
			    .name = path,
			    .line = 1,
			    .e = e };
	_strv_ strv keys = NULL;
	int r;

	if (!*path) {
		*ret_keys = NULL;
		return 0;
	}
	r = parse_key(&p, &keys);
	if (r == 0 && !at_end(&p))
		r = refuse(&p, "not a dotted key");
	if (r == 0)
		*ret_keys = TAKE_PTR(keys);
	return r;
}

const struct toml *toml_get(const struct toml *root, const char *path)
{
	_strv_ strv keys = NULL;
	struct error e;

	if (toml_split_path(path, &keys, &e) < 0)
		return NULL;
	for (char **key = keys; root && key && *key; key++)
		root = toml_child(root, *key);
	return root;
}

const struct toml *toml_child(const struct toml *table, const char *key)
{
	return table && table->type == TOML_TABLE ? find(table, key) : NULL;
}

const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = {
		[TOML_STRING] = "string", [TOML_INTEGER] = "integer", [TOML_FLOAT] = "float",
		[TOML_BOOL] = "boolean",  [TOML_DATETIME] = "date",   [TOML_ARRAY] = "array",
		[TOML_TABLE] = "table",
	};
	_Static_assert(ARRAY_SIZE(names) == TOML_TABLE + 1, "a type has no name");

	return names[type];
}
