/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress - tell a person how long it will take.
 *
 * The rate is that of the whole so far, so the time that is left does not jump.  A bar is drawn a
 * few times a second at most, a line is written every ten seconds, and nothing at all for what is
 * over sooner than a person would look.  Without colours; on a terminal that says it is dumb,
 * lines.
 */
#include "lib/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/str.h"
#include "lib/view.h"
#include "lib/wait.h"

#define DRAW_MS   200
#define LINE_MS   10000
#define WIDTH     79
#define WIDTH_MIN 60
#define BAR_MIN   10

char *progress_size(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1000 && i + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		i++;
	}
	return i == 0 ? xasprintf("%" PRIu64 " B", bytes) : xasprintf("%.1f %s", value, units[i]);
}

static char *rest(const struct progress *p, uint64_t now_ms)
{
	uint64_t passed = now_ms - p->began, left_s;
	_free_ char *rate = NULL;

	if (passed < 500 || p->done == 0)
		return xstrdup("");
	rate = progress_size(p->done * 1000 / passed);
	left_s = (uint64_t)((double)(p->total - p->done) * (double)passed / (double)p->done / 1000);
	return xasprintf(", %s/s, %" PRIu64 ":%02" PRIu64 " left", rate, left_s / 60, left_s % 60);
}

static char *facts(const struct progress *p, uint64_t now_ms)
{
	_free_ char *total = progress_size(p->total);
	_free_ char *left = rest(p, now_ms);

	return xasprintf("%3" PRIu64 "%% of %s%s", p->total ? p->done * 100 / p->total : 0, total,
			 left);
}

char *progress_line(const struct progress *p, uint64_t now_ms, unsigned width)
{
	_free_ char *text = facts(p, now_ms);
	size_t taken = strlen(p->what) + strlen(text) + strlen(": [] ");
	size_t bar = width > taken + BAR_MIN ? width - taken : BAR_MIN;
	size_t full = p->total ? (size_t)((double)p->done / (double)p->total * (double)bar) : 0;
	_free_ char *drawn = xmalloc(bar + 1);

	memset(drawn, ' ', bar);
	memset(drawn, '=', min_size(full, bar));
	if (full < bar)
		drawn[full] = '>';
	drawn[bar] = '\0';
	return xasprintf("%s: [%s] %s", p->what, drawn, text);
}

static bool is_drawable(void)
{
	return isatty(STDERR_FILENO) && !str_equal(getenv("TERM"), "dumb");
}

static unsigned columns(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH;
	return (unsigned)max_size(WIDTH_MIN, min_size(WIDTH, size.ws_col - 1U));
}

static void draw(struct progress *p, uint64_t now_ms)
{
	_free_ char *line = progress_line(p, now_ms, columns());

	(void)fprintf(stderr, "\r%s\x1b[K", line);
	(void)fflush(stderr);
	p->is_drawn = true;
}

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
	*p = (struct progress){ .what = what, .total = total, .began = now_ms() };
	p->told = p->began;
}

void progress_add(struct progress *p, uint64_t bytes)
{
	uint64_t now = now_ms();
	bool draws = is_drawable();

	p->done = min_u64(p->done + bytes, p->total);
	if (now - p->told < (draws ? DRAW_MS : LINE_MS))
		return;
	p->told = now;
	if (draws) {
		draw(p, now);
	} else {
		_free_ char *text = facts(p, now);

		view_say("%s: %s", p->what, str_trim(text));
	}
}

void progress_end(struct progress *p)
{
	if (!p->is_drawn)
		return;
	draw(p, now_ms());
	(void)fputc('\n', stderr);
	p->is_drawn = false;
}
