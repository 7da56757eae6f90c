/* SPDX-License-Identifier: Apache-2.0 */
/*
 * growth - make a VM large enough for its containers, each of them beside the others.
 *
 * The VMM is asked one thing after another, which takes a moment.  Then the guest is told, which
 * takes as long as the guest does: processors come late, memory is put on line block by block, and
 * huge pages have to be cleared.  Whoever asked for that waits for it, and nobody else: containers
 * without huge pages tell the guest beside one that does, and those that go, or need no more than
 * there is, ask nobody.
 *
 * What is used is reserved before the VM grows, so that two who come at once get both.  What the
 * guest was not told of is not called its own, so that the next attempt tells it again.
 *
 * A guest takes memory by blocks of one size, 128 MiB in most and up to 2 GiB in large ones, and
 * refuses what is no multiple of it; so it is asked before it gets the first.  Any work thread.
 */

#include "runtime/sandbox/growth.h"

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"

#define HOTPLUG_MS UINT64_C(20000)

static void lock(pthread_mutex_t *mutex)
{
	(void)pthread_mutex_lock(mutex);
}

static void unlock(pthread_mutex_t *mutex)
{
	(void)pthread_mutex_unlock(mutex);
}

void growth_init(struct growth *g, const struct config *config, const struct cancel *cancel,
		 pthread_mutex_t *vm_lock)
{
	*g = (struct growth){ .config = config, .cancel = cancel, .vm_lock = vm_lock };
	(void)pthread_mutex_init(&g->pages_lock, NULL);
	(void)pthread_mutex_init(&g->lock, NULL);
}

void growth_begin(struct growth *g, struct vmm *vmm, struct rpc_client *rpc)
{
	g->vmm = vmm;
	g->rpc = rpc;
}

void growth_done(struct growth *g)
{
	(void)pthread_mutex_destroy(&g->pages_lock);
	(void)pthread_mutex_destroy(&g->lock);
}

/* Those that only the pod's limit names come with its first container, whatever that may use. */
static bool lacks_pages(const struct growth *g)
{
	bool has_limit = false;

	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		has_limit |= g->pod.pages_mib[k] > 0;
	return has_limit && !g->knows_pages;
}

/* ---- the guest ---- */

/* Whose pages the guest is told of: those who have none themselves wait for nobody's. */
enum tell { TELL_NO_PAGES, TELL_PAGES };

/* What there is to be told; of the VM as it IS then. */
static struct size_news read_news(struct growth *g, enum tell what, struct size_vm *ret_is)
{
	struct size_news news;

	lock(&g->lock);
	*ret_is = g->plugged;
	if (what == TELL_NO_PAGES)
		memcpy(ret_is->pages_mib, g->has.pages_mib, sizeof(ret_is->pages_mib));
	news = size_news(g->has, *ret_is, size_max(g->pod, g->used));
	news.has_memory |= what == TELL_PAGES && lacks_pages(g);
	unlock(&g->lock);
	return news;
}

/* Others may have told it of more meanwhile. */
static void note_told(struct growth *g, enum tell what, struct size_vm is)
{
	lock(&g->lock);
	g->has.vcpus = is.vcpus > g->has.vcpus ? is.vcpus : g->has.vcpus;
	g->has.memory_mib = is.memory_mib;
	if (what == TELL_PAGES)
		memcpy(g->has.pages_mib, is.pages_mib, sizeof(g->has.pages_mib));
	g->knows_pages |= what == TELL_PAGES;
	unlock(&g->lock);
}

/* Tells the guest how many processors it shall have on line, that there is more memory, and how
 * many huge pages it shall keep in that.  It waits for the processors and the pages: those of a VM
 * are there a while after the VMM added them. */
static int tell_guest(struct growth *g, enum tell what, struct error *e)
{
	Agent__OnlineCPUMemRequest request = AGENT__ONLINE_CPUMEM_REQUEST__INIT;
	Agent__HugePages kinds[N_SIZE_PAGES], *list[N_SIZE_PAGES];
	struct size_vm is;
	struct size_news news = read_news(g, what, &is);
	int r = 0;

	request.nb_cpus = news.vcpus;
	request.cpu_only = !news.has_memory;
	request.memory_mib = news.memory_mib;
	request.huge_pages = list;
	for (size_t k = 0; k < N_SIZE_PAGES; k++) {
		if (what == TELL_NO_PAGES || news.pages_mib[k] == 0)
			continue;
		list[request.n_huge_pages++] = &kinds[k];
		kinds[k] = (Agent__HugePages)AGENT__HUGE_PAGES__INIT;
		kinds[k].page_bytes = size_pages_kinds[k].mib * MIB;
		kinds[k].bytes = news.pages_mib[k] * MIB;
	}
	if (request.nb_cpus > 0 || !request.cpu_only)
		r = client_call(g->rpc, CLIENT_ONLINE_CPU_MEM, &request, NULL, 0, g->cancel, e);
	if (r >= 0)
		note_told(g, what, is);
	return r;
}

/* ---- the VM ---- */

/* What it shall have for all that is used by now. */
static struct size_vm read_want(struct growth *g, struct size_vm *ret_is)
{
	struct size_vm want;

	lock(&g->lock);
	*ret_is = g->plugged;
	want = size_vm(g->config, g->room_mib, g->block_mib ? g->block_mib : SIZE_BLOCK_MIB,
		       size_max(g->pod, g->used));
	unlock(&g->lock);
	return want;
}

static bool wants_memory(struct growth *g)
{
	struct size_vm is, want = read_want(g, &is);
	bool more = want.memory_mib > is.memory_mib;

	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		more |= want.pages_mib[k] > is.pages_mib[k];
	return more;
}

static bool is_block(uint64_t mib)
{
	return mib > SIZE_BLOCK_MIB && mib <= SIZE_BLOCK_MIB_MAX && (mib & (mib - 1)) == 0;
}

/* An agent that cannot say has a guest as most are. */
static uint64_t ask_block(struct growth *g)
{
	Agent__GuestDetailsRequest request = AGENT__GUEST_DETAILS_REQUEST__INIT;
	_message_ Agent__GuestDetailsResponse *answer = NULL;
	uint64_t mib = 0;
	struct error e;

	request.mem_block_size = true;
	if (client_call(g->rpc, CLIENT_GUEST_DETAILS, &request, &answer, 0, g->cancel, &e) < 0)
		log_debug("%s", e.msg);
	else
		mib = answer->mem_block_size_bytes / MIB;
	return is_block(mib) ? mib : SIZE_BLOCK_MIB;
}

static void learn_block(struct growth *g)
{
	uint64_t mib;

	lock(&g->lock);
	mib = g->block_mib;
	unlock(&g->lock);
	if (mib > 0 || !wants_memory(g))
		return;
	mib = ask_block(g);
	lock(&g->lock);
	g->block_mib = mib;
	unlock(&g->lock);
}

/* What was plugged in stays, whether the guest took it up or not. */
static int grow_pages(struct growth *g, struct size_vm want, struct size_vm *is, struct error *e)
{
	for (size_t k = 0; k < N_SIZE_PAGES; k++) {
		uint64_t has_mib = is->pages_mib[k];

		if (want.pages_mib[k] <= has_mib)
			continue;
		if (vmm_add_pages(g->vmm, size_pages_kinds[k].mib, want.pages_mib[k] - has_mib,
				  deadline_in(HOTPLUG_MS), g->cancel, e) < 0)
			return -e->code;
		is->pages_mib[k] = want.pages_mib[k];
	}
	return 0;
}

/* Under the VM's lock. */
static int grow_vm(struct growth *g, struct error *e)
{
	struct size_vm is, want = read_want(g, &is);
	int r = 0;

	if (g->block_mib > 0)
		vmm_take_blocks(g->vmm, g->block_mib);
	if (want.vcpus > is.vcpus)
		r = vmm_set_vcpus(g->vmm, want.vcpus, &is.vcpus, deadline_in(HOTPLUG_MS), g->cancel,
				  e);
	if (r >= 0 && want.memory_mib > is.memory_mib)
		r = vmm_set_memory(g->vmm, want.memory_mib, &is.memory_mib, deadline_in(HOTPLUG_MS),
				   g->cancel, e);
	if (r >= 0)
		r = grow_pages(g, want, &is, e);
	lock(&g->lock);
	g->plugged = is;
	unlock(&g->lock);
	return r;
}

static int grow(struct growth *g, enum tell what, struct error *e)
{
	int r;

	if (what == TELL_PAGES)
		lock(&g->pages_lock);
	learn_block(g);
	lock(g->vm_lock);
	r = grow_vm(g, e);
	unlock(g->vm_lock);
	if (r >= 0)
		r = tell_guest(g, what, e);
	if (what == TELL_PAGES)
		unlock(&g->pages_lock);
	return r;
}

/* ---- containers ---- */

static bool is_any(struct size size)
{
	uint64_t any = size.cpu_milli | size.memory_bytes;

	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		any |= size.pages_mib[k];
	return any > 0;
}

/* Exchanges BEFORE for AFTER.  Whether the VM must grow for it, and of what the guest is told. */
static bool reserve(struct growth *g, struct size before, struct size after, enum tell *ret_what)
{
	struct size more = size_without(after, before);
	bool grows, has_pages;

	lock(&g->lock);
	has_pages = lacks_pages(g);
	grows = is_any(more) || has_pages;
	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		has_pages |= more.pages_mib[k] > 0;
	g->used = size_add(size_without(g->used, before), after);
	unlock(&g->lock);
	*ret_what = has_pages ? TELL_PAGES : TELL_NO_PAGES;
	return grows && !g->config->runtime.static_sandbox_resource_mgmt;
}

int growth_resize(struct growth *g, struct size before, struct size after, struct error *e)
{
	enum tell what;
	int r;

	if (!reserve(g, before, after, &what))
		return 0;
	r = grow(g, what, e);
	if (r < 0)
		(void)reserve(g, after, before, &what);
	return r;
}

void growth_lower(struct growth *g, struct size by)
{
	struct size_vm is, want;
	struct error e;

	lock(&g->lock);
	g->used = size_without(g->used, by);
	g->pod = size_without(g->pod, by);
	unlock(&g->lock);
	if (g->config->runtime.static_sandbox_resource_mgmt)
		return;
	lock(g->vm_lock);
	want = read_want(g, &is);
	if (want.memory_mib < is.memory_mib) {
		if (vmm_set_memory(g->vmm, want.memory_mib, &is.memory_mib, deadline_in(HOTPLUG_MS),
				   g->cancel, &e) < 0)
			log_warn("the VM keeps memory that its containers may not use: %s", e.msg);
		lock(&g->lock);
		g->plugged.memory_mib = g->has.memory_mib = is.memory_mib;
		unlock(&g->lock);
	}
	unlock(g->vm_lock);
}
