/* Linked to libaio's tests, which expect these files in their working directory, and /tmp. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((constructor)) static void prepare(void)
{
	static const struct { const char *name; int mode; } files[] = {
		{ "testdir/rofile", 0400 }, { "testdir/wofile", 0200 }, { "testdir/rwfile", 0600 },
	};
	if (chdir(getenv("TMPDIR"))) abort();
	mkdir("testdir", 0700);
	mkdir("/tmp", 01777);
	/* It creates contexts until the system's quota is used up: 65,536 take many minutes. */
	if (strcmp(TEST_NAME, "cases/20.t") == 0) {
		int quota = open("/proc/sys/fs/aio-max-nr", O_WRONLY);
		if (write(quota, "64", 2) != 2) abort();
		close(quota);
	}
	for (int i = 0; i < 3; i++) {
		unlink(files[i].name);
		int file = open(files[i].name, O_CREAT | O_WRONLY, files[i].mode);
		if (write(file, "test\n", 5) != 5) abort();
		close(file);
	}
}
