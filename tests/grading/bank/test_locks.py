"""Locked item banks: who can open them, what a damaged one says; and that no key is tracked by git."""

import io
import os
import random
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from course_utils.errors import CourseError
from course_utils.grading.bank import locks
from course_utils.grading.bank.reading import open_bank

pyrage = pytest.importorskip("pyrage")

REPOSITORY = Path(__file__).parents[3]
BANK = REPOSITORY / "docs" / "example_bank"
SECRET_LINE = "AGE-SECRET-" + "KEY-1"
BY_PASSPHRASE = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0" + "+IHNjcnlwdC"  # how a private key with a passphrase begins


@pytest.fixture
def keys(tmp_path):
    """name → (private, public)"""
    return {name: locks.keygen(tmp_path / "keys", name) for name in ("ada", "grace", "eve")}


@pytest.fixture
def locked(tmp_path, keys):
    plain = tmp_path / "04_frozen.yaml"
    plain.write_bytes(b"the keys \xff")
    return locks.lock(plain, [keys["ada"][1], keys["grace"][1]])


def test_each_holder_opens_it_and_nobody_else(locked, keys):
    assert locked.name == "04_frozen.yaml.locked"
    assert locks.unlock(locked, keys["ada"][0]) == locks.unlock(locked, keys["grace"][0]) == b"the keys \xff"
    with pytest.raises(CourseError, match="other keys than eve"):
        locks.unlock(locked, keys["eve"][0])
    with pytest.raises(CourseError, match="--key"):
        locks.unlock(locked, None)
    with pytest.raises(CourseError, match="can't be read"):
        locks.unlock(locked, locked.with_name("missing.key"))


def test_the_content_is_hidden_and_never_sealed_twice_alike(locked, keys):
    first = locked.read_bytes()
    assert b"keys \xff" not in first and b"dGhlIGtleXM" not in first  # nor as base64
    locks.lock(locked.with_suffix(""), [keys["ada"][1]])
    assert locked.read_bytes() != first
    assert {file.name for file in locked.parent.iterdir()} == {"keys", "04_frozen.yaml", locked.name}  # no half files
    with pytest.raises(CourseError, match="other keys than grace"):
        locks.unlock(locked, keys["grace"][0])


def test_other_tools_of_age_open_it_too(locked, keys):
    """A key file is age's identity file, a public one its recipients file, and the content stays YAML."""
    (identity,) = [line for line in keys["ada"][0].read_text().splitlines() if not line.startswith("#")]
    opened = pyrage.decrypt(locked.read_bytes(), [pyrage.x25519.Identity.from_str(identity)])
    assert opened == b"# locked by the name of 04_frozen.yaml\nthe keys \xff"
    both = locked.with_name("recipients.txt")
    both.write_text("# those who teach\n" + "".join(keys[name][1].read_text() for name in ("ada", "grace")))
    locks.lock(locked.with_suffix(""), [both])
    assert locks.unlock(locked, keys["ada"][0]) == locks.unlock(locked, keys["grace"][0]) == b"the keys \xff"


@pytest.mark.parametrize(
    "first", [b"", b"# locked by the name of 05_other.yaml\n", b"# locked by the name of 04_frozen.yaml"]
)
def test_a_file_that_other_tools_wrote_is_bound_to_no_name(locked, keys, first):
    recipient = pyrage.x25519.Recipient.from_str(keys["ada"][1].read_text().strip())
    locked.write_bytes(pyrage.encrypt(first + b"lesson: 04_frozen", [recipient], armored=True))
    with pytest.raises(CourseError, match="lock it again"):
        locks.unlock(locked, keys["ada"][0])


def test_a_private_key_is_its_owners_alone(keys, tmp_path):
    private, public = keys["ada"]
    if os.name == "posix":
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert SECRET_LINE in private.read_text() and SECRET_LINE not in public.read_text()
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(CourseError, match="already exists"):
        locks.keygen(tmp_path / "keys", "ada")
    assert (private.read_bytes(), public.read_bytes()) == before
    with pytest.raises(CourseError, match="can't name a key"):
        locks.keygen(tmp_path / "keys", "../ada")


def test_a_passphrase_is_needed_and_the_right_one(tmp_path, monkeypatch):
    private, public = locks.keygen(tmp_path / "own", passphrase="open sesame")
    plain = tmp_path / "04_frozen.yaml"
    plain.write_text("secret")
    locked = locks.lock(plain, [public])
    assert SECRET_LINE not in private.read_text() and private.read_text().splitlines()[1].startswith(BY_PASSPHRASE)
    monkeypatch.delenv(locks.PASSPHRASE, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CourseError, match=locks.PASSPHRASE):
        locks.unlock(locked, private)
    monkeypatch.setenv(locks.PASSPHRASE, "open barley")
    with pytest.raises(CourseError, match="passphrase doesn't open"):
        locks.unlock(locked, private)
    monkeypatch.setenv(locks.PASSPHRASE, "open sesame")
    assert locks.unlock(locked, private) == b"secret"


def test_a_changed_byte_never_gives_another_content(locked, keys):
    whole, rng = locked.read_bytes(), random.Random(1)
    refused = 0
    for _ in range(300):
        place = rng.randrange(len(whole))
        changed = bytes([whole[place] ^ (1 << rng.randrange(8))])
        locked.write_bytes(whole[:place] + changed + whole[place + 1 :])
        try:
            assert locks.unlock(locked, keys["ada"][0]) == b"the keys \xff"  # the other holder's part was hit
        except CourseError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"[]", b"lesson: 04_frozen", b"age-encryption.org/v1\n", b"-" * 200_000),
        *(locks.ARMOR, locks.ARMOR + b"\n\n", locks.ARMOR + b"\nYWdl\n-----END AGE ENCRYPTED FILE-----\n"),
    ],
    ids=range(9),
)
def test_no_locked_file_says_so(locked, keys, content):
    locked.write_bytes(content)
    with pytest.raises(CourseError, match="damaged"):
        locks.unlock(locked, keys["ada"][0])


@pytest.mark.parametrize("part", [slice(0, -40), slice(0, 60), slice(40, None)], ids=["no end", "no body", "no begin"])
def test_a_file_that_is_cut_says_so(locked, keys, part):
    locked.write_bytes(locked.read_bytes()[part])
    with pytest.raises(CourseError, match="damaged"):
        locks.unlock(locked, keys["ada"][0])


def test_other_line_ends_and_blank_lines_do_no_harm(locked, keys):
    locked.write_bytes(b"\r\n" + locked.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    private = keys["ada"][0]
    private.write_bytes(private.read_bytes().replace(b"\n", b"\r\n"))
    assert locks.unlock(locked, private) == b"the keys \xff"


def test_a_renamed_file_does_not_pass_for_another_lesson(locked, keys):
    other = locked.rename(locked.with_name("05_other.yaml.locked"))
    with pytest.raises(CourseError, match=r"name of 04_frozen\.yaml"):
        locks.unlock(other, keys["ada"][0])


def test_other_files_are_no_keys(locked, keys, tmp_path):
    other, odd = tmp_path / "other.key", tmp_path / "odd.key"
    other.write_text("-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIN\n")
    odd.write_bytes(b"\x00\xff")
    for wrong in (other, odd, keys["ada"][1]):
        with pytest.raises(CourseError, match=r"private key"):
            locks.unlock(locked, wrong)
    for wrong in (other, odd, keys["ada"][0]):
        with pytest.raises(CourseError, match="isn't a public key"):
            locks.lock(locked.with_suffix(""), [wrong])
    with pytest.raises(CourseError, match="at least one"):
        locks.lock(locked.with_suffix(""), [])
    with pytest.raises(CourseError, match="isn't a file of an item bank"):
        locks.lock(locked, [keys["ada"][1]])


def test_a_locked_pool_opens_as_the_plain_one(tmp_path, keys):
    folder = tmp_path / "bank"
    folder.mkdir()
    (folder / "90_example.yaml").write_bytes((BANK / "90_example.yaml").read_bytes())
    (folder / "notes.yaml").write_text("mine")
    assert [file.name for file in locks.lock_bank(folder, [keys["ada"][1]])] == ["90_example.yaml.locked"]
    (folder / "90_example.yaml").unlink()
    assert open_bank(folder, key=keys["ada"][0]) == open_bank(BANK)
    with pytest.raises(CourseError, match="--key"):
        open_bank(folder)
    with pytest.raises(CourseError, match="no file NN_slug"):
        locks.lock_bank(tmp_path / "keys", [keys["ada"][1]])


def tracked_keys(repository: Path) -> list[str]:
    """The files of git's index that hold graded items in the clear, a private key, or a course key."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, errors="replace")
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def holding(pattern: str, *names: str) -> list[str]:
        return [one for one in git("grep", "--cached", "-lzaE", "-e", pattern, "--", *names).split("\0") if one]

    found = holding(r"^-----BEGIN [A-Z ]*PRIVATE KEY-----")
    found += holding(rf"^{SECRET_LINE}") + holding(f"^{re.escape(BY_PASSPHRASE)}")
    found += [one for one in holding("^[0-9a-f]{64}.?$") if re.fullmatch(r"\s*[0-9a-f]{64}\s*", git("show", f":{one}"))]
    for name in holding("graded", "*.yaml", "*.yml"):
        text = git("show", f":{name}")
        try:
            top = yaml.safe_load(text)
        except yaml.YAMLError:
            top = None
        graded = isinstance(top, dict) and top.get("bank") == "graded"
        if graded or re.search(r"^[\"']?bank[\"']?\s*:\s*[\"']?graded", text, re.M):
            found.append(name)
    return found


def test_no_key_is_tracked():
    if not (REPOSITORY / ".git").exists():
        pytest.skip("no clone: nothing is tracked")
    assert tracked_keys(REPOSITORY) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bank/04_frozen.yaml", "# ours\nlesson: 04_frozen\nbank: graded\nitems: []\n"),
        ("a.yml", '{"lesson": "04_frozen", "bank": "graded"}\n'),
        ("broken.yaml", 'bank: "graded"\n  x: [\n'),
        ("über weg.yaml", "bank: graded\n"),
        ("windows.yaml", "lesson: 04_frozen\r\nbank: graded\r\n"),
        ("key.txt", "mine\n-----BEGIN " + "ENCRYPTED PRIVATE KEY-----\nMC4C\n"),
        ("own.key", f"# public key: age1\n{SECRET_LINE}QQQ\n"),
        ("own.key", f"-----BEGIN AGE ENCRYPTED FILE-----\n{BY_PASSPHRASE}QgZvRA\n"),
        ("course.key", "0f" * 32 + "\n"),
        ("course.key", "0f" * 32 + "\r\n"),
    ],
)
def test_a_tracked_key_is_noticed(tmp_path, name, content):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    harmless = {
        "quiz.yaml": "lesson: 04\nitems:\n- topic: 'bank: graded'\n  bank: graded\n",
        "example.yaml": "bank: example # not graded\n",
        "sums.txt": "0f" * 32 + "\n" + "f0" * 32 + "\n",
        "code.py": "text = '-----BEGIN " + "PRIVATE KEY-----'\n",
        "04_frozen.yaml.locked": "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSB\n",
        name + ".untracked": content,
    }
    for one, text in (harmless | {name: content}).items():
        (tmp_path / one).parent.mkdir(exist_ok=True)
        (tmp_path / one).write_text(text, encoding="utf-8", newline="")
    subprocess.run(["git", "-C", tmp_path, "add", *list(harmless)[:-1]], check=True)
    assert tracked_keys(tmp_path) == []
    subprocess.run(["git", "-C", tmp_path, "add", name], check=True)
    assert tracked_keys(tmp_path) == [name]
