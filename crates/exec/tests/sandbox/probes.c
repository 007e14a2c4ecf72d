// Tries, one line each, what a sandbox must stop. Prints "open NAME" or "denied NAME ERRNO".
// Words: a folder outside, the workspace, the server's process, a TCP port, a UDP port, the name of an abstract socket.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define TRY(name, call) do { errno = 0; long r = (long)(call); \
  if (r >= 0) printf("open %s\n", name); else printf("denied %s %d\n", name, errno); fflush(stdout); } while (0)

static char path[4096];
static const char *in(const char *folder, const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int read_some(const char *file) {
  char buffer[64];
  int fd = open(file, O_RDONLY);
  return fd < 0 ? -1 : (read(fd, buffer, sizeof buffer) > 0 ? 0 : -1);
}

static int inet(int kind, int port, int do_bind) {
  int fd = socket(AF_INET, kind, 0);
  if (fd < 0) return -1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (do_bind) return bind(fd, (struct sockaddr *)&to, sizeof to);
  if (kind == SOCK_DGRAM) {
    if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to) < 0) return -1;
    // In a network of its own it goes nowhere: only who answers counts.
    struct timeval wait = {1, 0};
    char answer;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return recv(fd, &answer, 1, 0) == 1 ? 0 : -1;
  }
  return connect(fd, (struct sockaddr *)&to, sizeof to);
}

static int local(const char *name, int is_abstract) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + is_abstract, name, sizeof to.sun_path - 2);
  return connect(fd, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name));
}

int main(int count, char **words) {
  if (count == 2) return syscall(0x40000000 | SYS_getpid) < 0 ? 3 : 4; // by the numbers of the x32 ABI
  if (count < 7) return 2;
  const char *out = words[1], *space = words[2];
  int server = atoi(words[3]), tcp = atoi(words[4]), udp = atoi(words[5]);
  char other[4096], memory[64], proc[64];
  snprintf(other, sizeof other, "%s/renamed", out);
  TRY("read", read_some(in(out, "secret")));
  TRY("write", open(in(out, "new"), O_WRONLY | O_CREAT, 0600));
  TRY("rename", rename(in(out, "victim"), other));
  TRY("truncate", truncate(in(out, "victim"), 0));
  TRY("unlink", unlink(in(out, "victim")));
  TRY("link", link(in(out, "secret"), "stolen"));
  TRY("read_through_link", read_some(in(space, "link")));
  TRY("stat", ({ struct stat found; stat(in(out, "secret"), &found); }));
  TRY("chmod", chmod(in(out, "secret"), 0777));
  TRY("utimes", utimensat(AT_FDCWD, in(out, "secret"), NULL, 0));
  TRY("tcp_connect", inet(SOCK_STREAM, tcp, 0));
  // A network of its own may be bound to: what counts is that it is not the host's, where the port is taken.
  TRY("udp_send", inet(SOCK_DGRAM, udp, 0));
  TRY("unix_socket", local(in(out, "socket"), 0));
  TRY("abstract_socket", local(words[6], 1));
  TRY("signal", kill(server, 0));
  TRY("ptrace", ptrace(PTRACE_SEIZE, server, 0, 0));
  snprintf(proc, sizeof proc, "/proc/%d/environ", server);
  TRY("environment", read_some(proc));
  struct iovec mine = {memory, 8}, theirs = {(void *)(size_t)0x400000, 8};
  TRY("process_memory", syscall(SYS_process_vm_readv, getpid(), &mine, 1, &mine, 1, 0));
  (void)theirs;
  if (count > 7) return 0; // without a sandbox, the rest would change this machine
  struct io_uring_params ring = {0};
  TRY("io_uring", syscall(SYS_io_uring_setup, 1, &ring));
  TRY("bpf", syscall(SYS_bpf, 5, 0, 0) < 0 && errno == EPERM ? -1 : 0);
  TRY("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  TRY("userfaultfd", syscall(SYS_userfaultfd, 1));
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .exclude_kernel = 1};
  TRY("perf", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
  TRY("mount", mount("none", space, "tmpfs", 0, ""));
  TRY("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  TRY("open_tree", syscall(SYS_open_tree, AT_FDCWD, space, 1));
  TRY("chroot", chroot(space));
  TRY("clone_newuser", ({ long r = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); if (r == 0) _exit(0); r; }));
  unsigned long long arguments[8] = {CLONE_NEWUSER};
  TRY("clone3", ({ long r = syscall(SYS_clone3, arguments, sizeof arguments); if (r == 0) _exit(0); r; }));
  struct { struct file_handle head; char rest[128]; } handle = {{.handle_bytes = 128}};
  int id;
  TRY("handle", name_to_handle_at(AT_FDCWD, space, &handle.head, &id, 0));
  TRY("terminal_input", ioctl(0, TIOCSTI, "x") < 0 && errno == EPERM ? -1 : 0);
  TRY("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  TRY("setns", ({ int fd = open("/proc/self/ns/net", O_RDONLY); setns(fd < 0 ? 0 : fd, 0) < 0 && errno == EPERM ? -1 : 0; }));
  TRY("limits_of_others", prlimit(server, RLIMIT_CORE, NULL, &(struct rlimit){0}));
  TRY("unshare", unshare(CLONE_NEWUSER));
  TRY("kernel_settings", open("/proc/sys/kernel/core_pattern", O_WRONLY));
  TRY("chdir", chdir(out));
  return 0;
}
