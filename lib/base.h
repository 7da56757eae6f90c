/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_BASE_H
#define LIB_BASE_H

/*
 * base - what every file may use without thinking: ownership, allocation, small macros.
 *
 * An owner is declared with its release: `_free_ char *p = NULL;`, `_close_ int fd = -1;`,
 * `_cleanup_(vm_freep) struct vm *vm = NULL;`.  It is handed over with TAKE_PTR() or TAKE_FD().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _noreturn_     __attribute__((noreturn))
#define _malloc_       __attribute__((malloc, returns_nonnull, warn_unused_result))

#define _free_  _cleanup_(freep)
#define _close_ _cleanup_(closep)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TAKE_PTR(p)                     \
	({                              \
		typeof(p) *p_ = &(p);   \
		typeof(p) taken_ = *p_; \
		*p_ = NULL;             \
		taken_;                 \
	})

#define TAKE_FD(fd)                \
	({                         \
		int *fd_ = &(fd);  \
		int taken_ = *fd_; \
		*fd_ = -1;         \
		taken_;            \
	})

/* The object of TYPE whose member MEMBER is at PTR. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Defines NAMEp(), which calls FREE on a pointer variable that leaves its scope. */
#define DEFINE_CLEANUP(name, type, release)            \
	static inline _unused_ void name(type *owner_) \
	{                                              \
		if (*owner_)                           \
			release(*owner_);              \
	}

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* Closes FD if it is open and returns -1, to be stored where FD was. */
static inline int close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Allocation aborts the program when memory is exhausted: nobody checks these. */
_malloc_ void *xmalloc(size_t size);
_malloc_ void *xcalloc(size_t n, size_t size);
_malloc_ char *xstrdup(const char *s);
_malloc_ char *xstrndup(const char *s, size_t n);
_malloc_ void *xmemdup(const void *p, size_t size);
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull, warn_unused_result));
_malloc_ char *xasprintf(const char *format, ...) _printf_(1, 2);

#endif
