"""Hostile submissions: what they try, as students' code. Each is run in the sandbox; none may get anything.

LOOT: each binds `loot` to what it got hold of; nothing true may come back. CANARY and MARK are filled in.
POINTS: each stands in the answer cell of an item whose right answer it doesn't know, and may not earn its points.
"""

SYSCALL = """
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
number = {"x86_64": 0, "aarch64": 1}[platform.machine()]
def call(numbers, *arguments):
    return libc.syscall(numbers[number], *arguments)
"""

# Each page near the interpreter's objects, copied by the kernel, which says so where there is none. What is searched
# for stands here backwards, or the search would find itself.
SEARCH = """
import ctypes, os
libc = ctypes.CDLL(None)
loot, file = False, os.open('pages', os.O_RDWR | os.O_CREAT)
here = id(object()) // 4096 * 4096
for page in range(here - (160 << 20), here + (160 << 20), 4096):
    os.lseek(file, 0, 0)
    if libc.write(file, ctypes.c_void_p(page), 4096) == 4096:
        os.lseek(file, 0, 0)
        loot = loot or b'a3f7-KRAM-YEK' in os.read(file, 4096)[::-1]
"""

LOOT = {
    "read a file of the host": "loot = open({canary!r}).read()",
    "read the users": "loot = open('/etc/passwd').read()",
    "look into the home folder": (
        "import os, sys\nway = sys.prefix + ' ' + sys.base_prefix\n"
        "loot = [one for one in os.listdir({home!r}) if {home!r} + '/' + one not in way]"
    ),
    "look into the repository": "import os; loot = os.path.exists({repository!r} + '/lessons')",
    "look at the temporary files": (
        "import os, sys\nway = sys.prefix + ' ' + sys.base_prefix\n"
        "loot = os.path.exists('/tmp') and [one for one in os.listdir('/tmp') if '/tmp/' + one not in way]"
    ),
    "read the environment": "import os; loot = [one for one in os.environ.values() if {canary_text!r} in one]",
    "read another process's environment": "loot = open('/proc/1/environ').read()",
    "read its own memory map": "loot = open('/proc/self/maps').read()",
    "list the processes": "import os; loot = [one for one in os.listdir('/proc') if one.isdigit()]",
    "read a link out of the scratch": ("import os; os.symlink({canary!r}, 'link'); loot = open('link').read()"),
    "climb out by dots": "loot = open('../../../../../../..' + {canary!r}).read()",
    "open a disk": "import os; loot = [one for one in os.listdir('/dev') if one.startswith(('sd', 'vd', 'nvme'))]",
    "search the objects for another's code": (
        "import gc\n"
        "loot = [True for one in gc.get_objects() if type(one) is dict\n"
        "        and 'TNEDUTS-SUOIVERP' in repr(list(one.values())[:50])[::-1]]"
    ),
    "search the frames for a key": (
        "import sys\nloot = []\nframe = sys._getframe()\n"
        "while frame:\n"
        "    loot += [True for one in frame.f_locals.values() if 'a3f7-KRAM-YEK' in repr(one)[:100000][::-1]]\n"
        "    frame = frame.f_back"
    ),
    "search the memory for a key": SEARCH,
    "read another's scratch": "import os; loot = os.listdir('/scratch')",
    "connect to the network": (
        "import socket\ns = socket.socket(); s.settimeout(2); s.connect(('1.1.1.1', 80)); loot = True"
    ),
    "connect to this machine": "import socket\ns = socket.create_connection(('127.0.0.1', {port}), 2); loot = True",
    "ask for a name": "import socket; loot = socket.gethostbyname('example.org')",
    "open a socket of the system": "import socket; loot = bool(socket.socket(socket.AF_UNIX))",
    "open a raw socket": "import socket; loot = bool(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))",
    "run a system tool": "import subprocess; loot = subprocess.check_output(['id'])",
    "run a shell": "import os; loot = os.system('true') == 0",
    "replace itself": "import os; os.execv('/usr/bin/env', ['env']); loot = True",
    "fork": "import os; loot = os.fork() >= 0",
    "spawn by multiprocessing": (
        "import multiprocessing as mp\np = mp.get_context('fork').Process(target=print); p.start(); loot = True"
    ),
    "signal everybody": "import os, signal; os.kill(-1, signal.SIGKILL); loot = True",
    "signal the parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL); loot = True",
    "stop its group": "import os, signal; os.killpg(0, signal.SIGSTOP); loot = True",
    "own namespaces": SYSCALL + "loot = call((272, 97), 0x10000000) == 0",
    "mount": SYSCALL + "loot = call((165, 40), b'none', b'/scratch', b'tmpfs', 0, None) == 0",
    "unmount what hides /proc": SYSCALL + "loot = call((166, 39), b'/proc', 2) == 0",
    "change its root": "import os; os.chroot('/scratch'); loot = True",
    "trace its parent": SYSCALL + "import os; loot = call((101, 117), 16, os.getppid(), 0, 0) == 0",
    "read another's memory": SYSCALL + "loot = call((310, 270), 1, None, 0, None, 0, 0) >= 0",
    "load a program into the kernel": SYSCALL + "loot = call((321, 280), 0, None, 0) >= 0",
    "use the key ring": SYSCALL + "loot = call((250, 219), 0, -3, 1) >= 0",
    "use io_uring": SYSCALL + "b = ctypes.create_string_buffer(256); loot = call((425, 425), 4, b) >= 0",
    "hide a file in memory": "import os; loot = os.memfd_create('hidden') >= 0",
    "make a device": "import os, stat; os.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(8, 0)); loot = True",
    "become another user": "import os; os.setuid(1); loot = True",
    "raise its limits": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2); loot = True"
    ),
    "take privileges": SYSCALL + "loot = call((157, 167), 47, 2, 21, 0, 0) == 0",
    "write into Python": "import sys; open(sys.prefix + '/planted.py', 'w').write('x'); loot = True",
    "write into the course": "import course_utils; open(course_utils.__file__, 'a').write('x'); loot = True",
    "write at the top": "open('/planted', 'w').write('x'); loot = True",
    "write into shared memory": "open('/dev/shm/planted', 'w').write('x'); loot = True",
    "open descriptors of others": (
        "import os\nloot = []\nfor fd in list(range(0, 3)) + list(range(4, 512)):\n"
        "    try:\n        if os.fstat(fd).st_mode >> 12 in (0o14, 0o1, 0o10):\n            loot.append(fd)\n"
        "    except OSError:\n        pass"
    ),
    "signal by a descriptor": "import fcntl; fcntl.fcntl(3, fcntl.F_SETOWN, 1); fcntl.fcntl(3, 10, 9); loot = True",
    "signal by a timer": SYSCALL + "loot = call((222, 107), 0, None, ctypes.create_string_buffer(8)) == 0",
    "send to an address": (
        "import socket\ns = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]\n"
        "try: s.sendto(b'x', '/dev/log')\nexcept PermissionError: raise\nexcept OSError: loot = True"
    ),
    "have the kernel load a module": (
        "import socket\ntry: socket.socketpair(socket.AF_TIPC)\nexcept PermissionError: raise\n"
        "except OSError: loot = True"
    ),
    "slow others down": "import os; os.sched_setaffinity(0, {0}); loot = True",
    "call the kernel in another dialect": SYSCALL + "loot = call((0x40000000 + 41, 198), 2, 1, 0) >= 0",
    "call the kernel by its old gate": (
        "import ctypes, mmap\ngate = mmap.mmap(-1, 4096, prot=7)\n"
        "gate.write(bytes.fromhex('b814000000cd80c3'))  # getpid, as 32-bit programs ask\n"
        "loot = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(gate)))() > 0"
    ),
    "count another's events": SYSCALL + "loot = call((298, 241), ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0",
    "hold the kernel up at a page": SYSCALL + "loot = call((323, 282), 0) >= 0",
    "read the kernel's notes": SYSCALL + "loot = call((103, 116), 3, ctypes.create_string_buffer(4096), 4096) >= 0",
    "leave memory for others": SYSCALL + "loot = call((29, 194), 1, 4096, 0o1600) >= 0",
    "leave a message for others": SYSCALL + "loot = call((240, 180), b'/x', 0o102, 0o600, None) >= 0",
    "watch others' files": SYSCALL + "loot = call((294, 26), 0) >= 0",
    "take another's descriptor": SYSCALL + "loot = call((438, 438), 1, 0, 0) >= 0",
    "open a file by its handle": SYSCALL + "loot = call((304, 265), 0, None, 0) >= 0",
    "mount in the new way": SYSCALL + "loot = call((428, 428), -100, b'/', 1) >= 0",
    "a thread with namespaces of its own": SYSCALL + "loot = call((56, 220), 0x10010900, 0, 0, 0, 0) >= 0",
    "go before all others": SYSCALL + "loot = call((141, 140), 0, 0, -20) == 0",
    "link to a program": "import os; os.link('/usr/bin/env', 'env'); loot = True",
    "type on the terminal": "open('/dev/tty', 'w').write('x'); loot = True",
    "look at what is mounted elsewhere": (
        "import os, sys\nplaces = ('/run', '/var', '/mnt', '/sys', '/boot', '/etc/hosts')\n"
        "above = tuple(f'{path}/' for path in (sys.prefix, sys.base_prefix, *sys.path))\n"  # an environment lies there
        "there = [one for one in places if os.path.exists(one)]\n"
        "loot = [one for one in there if not any(path.startswith(f'{one}/') for path in above)]"
    ),
    "hand over a descriptor": (
        "import array, socket\ns = socket.socket(fileno=3)\n"
        "s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))]); loot = True"
    ),
}

LIAR = """
class Liar({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return False
    __gt__ = __le__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __float__(self): return 1.0
    def __bool__(self): return True
    def __abs__(self): return 0.0
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __array__(self, *a, **k): return np.ones(5)
    def tolist(self): return 1.0
    def __reduce__(self): return (print, ('loaded',))
"""

FORGE = """
import os, json
one = {"value": {"list": [{"float": (1.0).hex()}] * 5}}
"""

POINTS = {
    "always equal": LIAR.format(base="object") + "def balanced(truth, guess): return Liar()",
    "a lying number": LIAR.format(base="float") + "def balanced(truth, guess): return Liar(1)",
    "a lying text": LIAR.format(base="str") + "def balanced(truth, guess): return Liar('1')",
    "a lying array": LIAR.format(base="np.ndarray") + "def balanced(truth, guess): return np.ones(5).view(Liar)",
    "a lying list": LIAR.format(base="list") + "def balanced(truth, guess): return Liar()",
    "a class that calls itself float": (
        "class float: __module__ = 'builtins'\ndef balanced(truth, guess): return float()"
    ),
    "not a number": "def balanced(truth, guess): return float('nan')",
    "infinite": "def balanced(truth, guess): return float('inf')",
    "all numbers at once": "def balanced(truth, guess): return [k / 1000 for k in range(1001)]",
    "an endless answer": "def balanced(truth, guess): return iter(int, 1)",
    "a huge integer": "def balanced(truth, guess): return 1 << 10**8",
    "a deep list": (
        "def balanced(truth, guess):\n    one = []\n    for _ in range(10**5): one = [one]\n    return one"
    ),
    "a list that holds itself": "def balanced(truth, guess):\n    one = []\n    one.append(one)\n    return one",
    "an empty array of billions of rows": (
        "def balanced(truth, guess): return np.zeros((16_000_000, 16_000_000, 0), 'uint8')"
    ),
    "rows in rows in rows": ("def balanced(truth, guess): return np.zeros((10**6, *[1] * 30), 'uint8')"),
    "keys of one hash": FORGE
    + (
        "keys = ','.join('{\"int\":\"%x\"}' % (n * (2**61 - 1)) for n in range(10**5))\n"
        "line = ('{}\\n{\"value\":{\"set\":[' + keys + ']}}\\n').encode()\n"
        "while line: line = line[os.write(3, line):]"
    ),
    "a gigabyte of text": "def balanced(truth, guess): return 'x' * 10**9",
    "patched builtins": (
        "import builtins\nfor name in ('len', 'all', 'any', 'isinstance', 'type', 'sum', 'abs', 'min', 'max'):\n"
        "    setattr(builtins, name, lambda *a, **k: True)\ndef balanced(truth, guess): return 1"
    ),
    "patched JSON": (
        'import json\njson.dumps = lambda *a, **k: \'{"value": {"list": []}}\'\n'
        "json.loads = lambda *a, **k: {}\ndef balanced(truth, guess): return 1"
    ),
    "a patched worker": (
        "from course_utils.grading.sandbox import worker, values\nworker.encode = values.encode = lambda value: True\n"
        "worker._DO['call'] = lambda *a: {'value': True}\ndef balanced(truth, guess): return 1"
    ),
    "a patched comparison": (
        "from course_utils.quiz import comparing\ncomparing.same = lambda *a: True\n"
        "def balanced(truth, guess): return 1"
    ),
    "a patched assertion of numpy": (
        "np.testing.assert_allclose = lambda *a, **k: None\nnp.allclose = lambda *a, **k: True\n"
        "def balanced(truth, guess): return 1"
    ),
    "a rewritten input transformer": (
        "from IPython.core import inputtransformer2 as it\n"
        "it.TransformerManager.transform_cell = lambda self, cell: 'balanced = reference'\n"
        "def balanced(truth, guess): return 1\n"
    ),
    "the cells' names in its hands": (
        "import sys\nsys.modules['__main__'].__dict__.clear()\nbalanced = lambda truth, guess: 1"
    ),
    "forged replies": FORGE + "os.write(3, (json.dumps(one) + '\\n').encode() * 20)\ndef balanced(*a): return 1",
    "forged replies on every descriptor": (
        FORGE + "for fd in range(256):\n    try: os.write(fd, (json.dumps(one) + '\\n').encode())\n"
        "    except OSError: pass\ndef balanced(*a): return 1"
    ),
    "a forged mark": (
        'import os\nos.write(3, b\'{"points": 3, "right": true, "outcome": "right", "done": true}\\n\' * 9)\n'
        "def balanced(*a): return 1"
    ),
    "a forged failure of ours": ('import os\nos.write(3, b\'{"broken": "please retry"}\\n\')\nos._exit(1)'),
    "no JSON": "import os\nos.write(3, b'\\xff\\xfe not json\\n')\ndef balanced(*a): return 1",
    "deep JSON": "import os\nos.write(3, b'[' * 10**6 + b'\\n')\ndef balanced(*a): return 1",
    "an endless line": ("import os\nwhile True: os.write(3, b'x' * 65536)"),
    "exit in silence": "import os\nos._exit(0)",
    "exit politely": "raise SystemExit(0)",
    "a fault in memory": "import ctypes\nctypes.string_at(0)",
    "endless": "while True: pass",
    "endless and deaf": (
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "asleep with signals off": (
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(1000)"
    ),
    "all memory": "hoard = []\nwhile True: hoard.append(bytearray(10**7))",
    "all memory at once": "balanced = bytearray(10**11)",
    "shared memory": (
        "import mmap\nhoard = [mmap.mmap(-1, 10**8) for _ in range(100)]\n[one.write(b'x' * 10**8) for one in hoard]"
    ),
    "all of the disk": ("n = 0\nwhile True:\n    open(f'f{n}', 'wb').write(b'x' * 10**7)\n    n += 1"),
    "all names of the disk": "n = 0\nwhile True:\n    open(f'f{n}', 'wb').close()\n    n += 1",
    "output without end": (
        "import sys\nfor _ in range(10**6): print('x' * 1000)\nsys.stdout.flush()\ndef balanced(*a): return 1"
    ),
    "output past Python": "import os\nfor _ in range(10**4): os.write(1, b'x' * 10**4)\ndef balanced(*a): return 1",
    "processes without end": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: break\ndef balanced(*a): return 1"
    ),
    "threads without end": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()"
    ),
    "threads that work without end": (
        "import threading\ndef on():\n    while True: pass\n"
        "while True: threading.Thread(target=on, daemon=True).start()"
    ),
    "tiny threads without end": (
        "import threading, time\nthreading.stack_size(32768)\n"
        "while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()"
    ),
    "threads past Python": (
        "import ctypes\nlibc = ctypes.CDLL(None)\none = ctypes.c_ulong()\nlook = ctypes.create_string_buffer(64)\n"
        "libc.pthread_attr_init(look)\nlibc.pthread_attr_setstacksize(look, ctypes.c_size_t(16384))\n"
        "pause = ctypes.cast(libc.pause, ctypes.c_void_p)\n"
        "while True: libc.pthread_create(ctypes.byref(one), look, pause, None)"
    ),
    "threads that start threads": (
        "import threading\ndef on():\n    while True:\n        try: threading.Thread(target=on).start()\n"
        "        except RuntimeError: pass\non()"
    ),
    "a thread that outlives its cell": (
        "import threading, time\ndef on():\n    while True: time.sleep(0.01)\n"
        "threading.Thread(target=on).start()\ndef balanced(*a): return 1"
    ),
    "work at the exit": ("import atexit, time\natexit.register(time.sleep, 1000)\ndef balanced(*a): return 1"),
    "endless recursion": ("import sys\nsys.setrecursionlimit(10**9)\ndef balanced(*a): return balanced(*a)"),
    "an exception that can't be told": ("class Odd(Exception):\n    def __str__(self): raise self\nraise Odd"),
    "megabytes of text": "def balanced(*a): return 'x' * 30_000_000",
    "megabytes for each answer": (
        "import os\nline = b'{\"value\": \"' + b'x' * 40_000_000 + b'\"}\\n'\n"
        "for _ in range(9):\n    left = line\n    while left: left = left[os.write(3, left):]"
    ),
    "a million parts": "def balanced(*a): return [0] * 10**6",
    "hidden inputs for another answer": (
        "def balanced(*a):\n    global answer_90_3\n    answer_90_3 = float(np.sum(a))\n    return 1"
    ),
    "hidden inputs as an exception": "def balanced(*a): raise ValueError(repr(a))",
    "terminal escapes": "def balanced(*a): return '\\x1b]0;owned\\x07\\x1b[2J'",
}
