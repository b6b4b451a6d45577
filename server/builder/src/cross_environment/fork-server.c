/* Starts one program many times, without loading it many times: LLVM's programs take longer to load and link their
   libraries than to compile a small file.

   Preloaded into the program (LD_PRELOAD), with the path of a socket in PKGSRV_FORK_SERVER, it takes the place of
   `main`: everything that happens before is done once. It then forks for every connection, and the child becomes the
   program with the arguments that came over the connection. Without the variable it does nothing.

   A request is strings, each with a zero byte behind it: working directory, paths of the files for standard output and
   standard error, the number of arguments, the arguments, the environment; the client shuts its side down behind them.
   The answer is the child's wait status, an int. When the client goes away before, the child is killed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLE "PKGSRV_FORK_SERVER"

/* Children at once; more connections wait. */
#define MOST 128

/* Exit code of a child whose request cannot be carried out. */
#define UNUSABLE 125

typedef int (*main_function)(int, char **, char **);

/* The program's own. */
static main_function program;

struct child {
    pid_t process;
    int connection;
};

/* All that comes until the other side shuts down, with `*length` bytes; NULL if that fails. */
static char *read_all(int connection, size_t *length) {
    size_t space = 1 << 16;
    char *bytes = malloc(space);
    *length = 0;
    while (bytes != NULL) {
        ssize_t got = read(connection, bytes + *length, space - *length);
        if (got < 0)
            return NULL;
        if (got == 0)
            return bytes;
        *length += got;
        if (*length == space)
            bytes = realloc(bytes, space *= 2);
    }
    return NULL;
}

/* Makes a descriptor another one's copy. */
static int put(int from, int to) {
    return from < 0 || dup2(from, to) < 0 ? -1 : 0;
}

/* Becomes the program that a request asks for. */
static int become(int connection) {
    size_t length, count = 0;
    char *request = read_all(connection, &length);
    if (request == NULL || length == 0 || request[length - 1] != '\0')
        _exit(UNUSABLE);
    for (size_t i = 0; i < length; i++)
        count += request[i] == '\0';
    char **strings = calloc(count + 2, sizeof *strings);
    if (strings == NULL || count < 5)
        _exit(UNUSABLE);
    char *next = request;
    for (size_t i = 0; i < count; i++) {
        strings[i] = next;
        next += strlen(next) + 1;
    }
    size_t arguments = strtoul(strings[3], NULL, 10);
    if (arguments < 1 || arguments > count - 4)
        _exit(UNUSABLE);
    if (chdir(strings[0]) < 0 || put(open("/dev/null", O_RDONLY), 0) < 0 || put(open(strings[1], O_WRONLY), 1) < 0 ||
        put(open(strings[2], O_WRONLY), 2) < 0)
        _exit(UNUSABLE);
    close_range(3, ~0U, 0);
    /* Between the arguments and the environment a NULL has to be. */
    char **first = strings + 4, **variables = first + arguments + 1;
    memmove(variables, variables - 1, (count - 4 - arguments) * sizeof *variables);
    first[arguments] = NULL;
    environ = variables;
    return program(arguments, first, environ);
}

static int serve(int count, char **arguments, char **variables) {
    (void)count, (void)arguments, (void)variables;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv(VARIABLE);
    if (strlen(path) >= sizeof address.sun_path)
        return UNUSABLE;
    strcpy(address.sun_path, path);
    /* A pipe that is held open here would never end for who reads it. */
    close_range(3, ~0U, 0);
    /* Ignored, as a program that started the build may have it, it would not come. */
    signal(SIGCHLD, SIG_DFL);
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int ended = signalfd(-1, &blocked, SFD_CLOEXEC);
    if (listener < 0 || ended < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, MOST) < 0)
        return UNUSABLE;
    struct child children[MOST];
    int running = 0;
    for (;;) {
        struct pollfd watched[MOST + 2] = {{ended, POLLIN, 0}, {running < MOST ? listener : -1, POLLIN, 0}};
        for (int i = 0; i < running; i++)
            /* With no events asked for, it tells when the other side is closed. */
            watched[i + 2] = (struct pollfd){children[i].connection, 0, 0};
        if (poll(watched, running + 2, -1) < 0)
            continue;
        for (int i = 0; i < running; i++)
            if (watched[i + 2].revents != 0)
                kill(children[i].process, SIGKILL);
        if (watched[0].revents != 0) {
            struct signalfd_siginfo told;
            int status;
            pid_t process;
            if (read(ended, &told, sizeof told) < 0)
                continue;
            while ((process = waitpid(-1, &status, WNOHANG)) > 0)
                for (int i = 0; i < running; i++)
                    if (children[i].process == process) {
                        /* Nobody may be there any more to read it. */
                        send(children[i].connection, &status, sizeof status, MSG_NOSIGNAL);
                        close(children[i].connection);
                        children[i] = children[--running];
                        break;
                    }
            /* The list that was watched is another one now. */
            continue;
        }
        if (watched[1].revents != 0) {
            int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (connection < 0)
                continue;
            pid_t process = fork();
            if (process == 0) {
                sigprocmask(SIG_SETMASK, &before, NULL);
                /* Who asked starts the program itself then. */
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                return become(connection);
            }
            if (process < 0)
                close(connection);
            else
                children[running++] = (struct child){process, connection};
        }
    }
}

int __libc_start_main(main_function start, int count, char **arguments, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end) {
    int (*next)(main_function, int, char **, void (*)(void), void (*)(void), void (*)(void), void *) =
        dlsym(RTLD_NEXT, "__libc_start_main");
    program = start;
    return next(getenv(VARIABLE) == NULL ? start : serve, count, arguments, init, fini, loader_fini, stack_end);
}
