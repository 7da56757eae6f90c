/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the kernel command line as the agent understands it.
 *
 * One table row per parameter: its name, how its value reads and which member of struct config it
 * fills.  The host decides the command line, so a bad value ends the agent rather than being
 * guessed around; what has no row is somebody else's.  Parameters of the protocol that ask for
 * parts this agent does not have are listed for one warning.  Start-up only.
 */

#include "agent/config.h"

#include <string.h>

#define NAME_MAX_LEN 64 /* of a parameter, for messages */

enum kind { KIND_FLAG, KIND_NUMBER, KIND_STRING, KIND_LEVEL, KIND_IGNORED };

struct param {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct config */
	uint32_t min;
	uint32_t max;
};

#define MEMBER(m) offsetof(struct config, m)

static const struct param params[] = {
	{ "log", KIND_LEVEL, MEMBER(log_level), 0, 0 },
	{ "log_vport", KIND_NUMBER, MEMBER(log_vport), 1, UINT32_MAX },
	{ "debug_console", KIND_FLAG, MEMBER(has_debug_console), 0, 0 },
	{ "debug_console_vport", KIND_NUMBER, MEMBER(debug_console_vport), 1, UINT32_MAX },
	{ "server_addr", KIND_STRING, MEMBER(server_addr), 0, 0 },
	{ "hotplug_timeout", KIND_NUMBER, MEMBER(hotplug_timeout_s), 1, 3600 },
	{ "container_pipe_size", KIND_NUMBER, MEMBER(container_pipe_size), 0, AGENT_PIPE_SIZE_MAX },
	{ "ready_vport", KIND_NUMBER, MEMBER(ready_vport), 1, UINT32_MAX },
	{ "forward_vport", KIND_NUMBER, MEMBER(forward_vport), 1, UINT32_MAX },
	{ "privileged_peer", KIND_FLAG, MEMBER(has_privileged_peer), 0, 0 },
	{ "reclaim_period", KIND_NUMBER, MEMBER(reclaim_period_s), 0, 3600 },
	{ "devmode", KIND_IGNORED, 0, 0, 0 },
	{ "trace", KIND_IGNORED, 0, 0, 0 },
	{ "config_file", KIND_IGNORED, 0, 0, 0 },
	{ "https_proxy", KIND_IGNORED, 0, 0, 0 },
	{ "no_proxy", KIND_IGNORED, 0, 0, 0 },
	{ "passfd_listener_port", KIND_IGNORED, 0, 0, 0 },
	{ "secure_storage_integrity", KIND_IGNORED, 0, 0, 0 },
	{ "mem_agent_enable", KIND_IGNORED, 0, 0, 0 },
};

/* Variables of the environment stand for parameters. */
static const struct {
	const char *variable;
	const char *param;
} variables[] = {
	{ "KATA_AGENT_SERVER_ADDR", "server_addr" },
	{ "KATA_AGENT_LOG_LEVEL", "log" },
};

void config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->log_level = LOG_LEVEL_INFO;
	c->hotplug_timeout_s = 3;
	c->server_addr = xstrdup(AGENT_SERVER_ADDR);
}

void config_done(struct config *c)
{
	free(c->server_addr);
	strv_free(c->not_supported);
	memset(c, 0, sizeof(*c));
}

static const struct param *find_param(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		if (str_equal(params[i].name, name))
			return &params[i];
	return NULL;
}

/* "true" or a number other than 0; every other text is false, as the protocol has it. */
static bool is_true(const char *value)
{
	struct error ignored;
	uint64_t number;

	if (str_equal(value, "true"))
		return true;
	return parse_u64(value, "flag", UINT64_MAX, &number, &ignored) == 0 && number != 0;
}

static int set_number(const struct param *p, const char *value, uint32_t *ret, struct error *e)
{
	uint32_t number;
	int r = parse_u32(value, p->name, p->max, &number, e);

	if (r < 0)
		return r;
	if (number < p->min)
		return fail(e, ERANGE, "%s '%s' is less than %u", p->name, value, p->min);
	*ret = number;
	return 0;
}

static int set_param(struct config *c, const struct param *p, const char *value, struct error *e)
{
	void *member = (char *)c + p->offset;

	switch (p->kind) {
	case KIND_FLAG:
		*(bool *)member = str_empty(value) || is_true(value);
		return 0;
	case KIND_NUMBER:
		return set_number(p, value, member, e);
	case KIND_STRING:
		if (str_empty(value))
			return fail(e, EINVAL, "it is empty");
		str_set(member, value);
		return 0;
	case KIND_LEVEL:
		if (!log_parse_level(value, member))
			return fail(e, EINVAL, "'%.64s' is not a log level", value);
		return 0;
	case KIND_IGNORED:
		if (!strv_contains(c->not_supported, p->name))
			strv_add(&c->not_supported, p->name);
		return 0;
	}
	return 0;
}

/* WORD is "name" or "name=value" without its "agent.". */
static int take_word(struct config *c, const char *word, struct error *e)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct param *p;
	_free_ char *name = NULL;

	if (len > NAME_MAX_LEN)
		return 0;
	name = xstrndup(word, len);
	p = find_param(name);
	if (!p)
		return 0;
	if (set_param(c, p, equals ? equals + 1 : "", e) < 0)
		return fail_wrap(e, "kernel parameter 'agent.%s'", name);
	return 0;
}

int config_parse(struct config *c, const char *text, struct error *e)
{
	_strv_ strv words = strv_split(text, " \t\r\n");
	int r = 0;

	for (size_t i = 0; words && words[i] && r >= 0; i++)
		if (str_starts(words[i], "agent."))
			r = take_word(c, words[i] + strlen("agent."), e);
	return r;
}

int config_parse_env(struct config *c, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i].variable);

		if (value && set_param(c, find_param(variables[i].param), value, e) < 0)
			return fail_wrap(e, "variable '%s'", variables[i].variable);
	}
	return 0;
}
