"""The system calls that a worker may make: what Python, numpy and torch need to compute, and nothing else."""

import errno

# No exec, fork, socket, signal to others, mount, namespace, ptrace, keyring, bpf, io_uring, memfd or device.
ALLOWED = """
access alarm arch_prctl brk chdir chmod clock_getres clock_gettime clock_nanosleep close close_range copy_file_range
creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 exit
exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fdatasync fgetxattr fstat
fstatfs fsync ftruncate futex futex_waitv get_mempolicy get_robust_list getcpu getcwd getdents getdents64 getegid
geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit
getrusage getsid gettid gettimeofday getuid getxattr lgetxattr link linkat lseek lstat madvise membarrier mincore
mkdir mkdirat mlock mmap mprotect mremap msync munlock munmap nanosleep newfstatat open openat openat2 pause pipe
pipe2 poll ppoll pread64 preadv preadv2 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recvfrom rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn
rt_sigsuspend rt_sigtimedwait sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam
sched_getscheduler sched_yield select sendfile set_robust_list set_tid_address setitimer
shutdown sigaltstack splice stat statfs statx symlink symlinkat sync_file_range sysinfo tee time
timerfd_create timerfd_gettime timerfd_settime times truncate
umask uname unlink unlinkat utime utimensat utimes wait4 waitid write writev
""".split()  # noqa: SIM905, as a list it would fill a screen
THREAD = 0x00010000  # CLONE_THREAD
SET_NAME = 15  # PR_SET_NAME
DESCRIPTORS = (0, 1, 2, 3, 4, 5, 1030)  # of fcntl: copies and flags; F_SETOWN could signal others
LOCKS = (6, 7)  # of fcntl: F_SETLK, F_SETLKW
ASKED = (0x5401, 0x5413, 0x5451, 0x5421)  # of ioctl: TCGETS, TIOCGWINSZ, FIOCLEX, FIONBIO, which asyncio needs


def program() -> bytes:
    """The filter as the kernel takes it: instructions of BPF. ImportError or OSError where libseccomp is missing."""
    import socket
    import tempfile

    import pyseccomp as seccomp

    made = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        try:
            made.add_rule(seccomp.ALLOW, name)
        except (OSError, RuntimeError, ValueError):  # a call that this architecture lacks
            continue
    # A thread, never a process: nothing can outlive its worker.
    made.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, THREAD, THREAD))
    made.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags can't be seen: the C library then calls clone
    made.add_rule(seccomp.ALLOW, "prctl", seccomp.Arg(0, seccomp.EQ, SET_NAME))
    made.add_rule(seccomp.ALLOW, "prlimit64", seccomp.Arg(2, seccomp.EQ, 0))  # to read a limit, not to set it
    made.add_rule(seccomp.ALLOW, "socketpair", seccomp.Arg(0, seccomp.EQ, socket.AF_UNIX))  # others load modules
    made.add_rule(seccomp.ALLOW, "sendto", seccomp.Arg(4, seccomp.EQ, 0))  # to whom it is connected, no address
    for command in DESCRIPTORS:
        made.add_rule(seccomp.ALLOW, "fcntl", seccomp.Arg(1, seccomp.EQ, command))
    # Locks are said to be held, and are not: on the libraries' files they could hold up others, or tell them something.
    made.add_rule(seccomp.ERRNO(0), "flock")
    for command in LOCKS:
        made.add_rule(seccomp.ERRNO(0), "fcntl", seccomp.Arg(1, seccomp.EQ, command))
    for request in ASKED:
        made.add_rule(seccomp.ALLOW, "ioctl", seccomp.Arg(1, seccomp.EQ, request))
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()
