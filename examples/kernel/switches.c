/* switches [SECONDS]: how many times a second two processes on one CPU hand a byte to each other and back. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void stop(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words)
{
	double seconds = count > 1 ? atof(words[1]) : 1, start;
	int there[2], back[2];
	long rounds = 0;
	cpu_set_t one;
	char byte = 0;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof one, &one))
		stop("sched_setaffinity");
	if (pipe(there) || pipe(back))
		stop("pipe");
	switch (fork()) {
	case -1:
		stop("fork");
	case 0:
		close(there[1]);
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		return 0;
	}
	for (start = now(); now() - start < seconds; rounds++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			stop("pipe");
	printf("%.0f\n", 2 * rounds / (now() - start));
	return 0;
}
