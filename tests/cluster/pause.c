/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause - the program of a pod's sandbox container: does nothing until it is told to end.
 *
 * As pid 1 of a shared pid namespace it also reaps what it inherits.  Signals are taken one at a
 * time with sigwait, so there is no handler.  Single thread, linked statically, for the test images
 * only.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t set;
	int sig;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		if (sigwait(&set, &sig) != 0)
			continue;
		if (sig == SIGINT || sig == SIGTERM)
			return 0;
		while (sig == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
