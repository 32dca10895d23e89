"""ftc catalog pull against a hub on this machine: whole, resumed, refused; never a half model."""
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import platform
import pwd
import random
import struct
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from faulty_hub import ANSWERS, COMMIT, CONTENT, FaultyHub

FTC = Path(os.environ["FTC_BIN"]) / "ftc"
LONG = os.environ.get("FTC_LONG", "") not in ("", "0")
PLANS = int(os.environ.get("FTC_FAULT_PLANS", "200" if LONG else "40"))
REPO = "org/sharded"


def content(name, size):
    return random.Random(name).randbytes(size)


def repos():
    index = {"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    sharded = {"config.json": b'{"model_type": "bert"}', "vocab.txt": content("vocab", 9000),
               "tokenizer.json": content("tokenizer", 40000), "README.md": b"no need for it",
               "model.safetensors.index.json": json.dumps(index).encode(),
               "model-1.safetensors": content("one", 150000), "model-2.safetensors": content("two", 90001),
               "pytorch_model.bin": b"a pickle"}
    whole = {"config.json": b"{}", "model.safetensors": content("whole", 50000), "vocab.txt": b"",
             "model.safetensors.index.json": b"never read"}
    return {REPO: sharded, "org/whole": whole, "org/gated": whole,
            "org/pickle": {"config.json": b"{}", "pytorch_model.bin": b"a pickle"},
            "org/empty": {"README.md": b""},
            "org/lost": {name: body for name, body in sharded.items() if name != "model-2.safetensors"}}


NEEDED = {"config.json", "vocab.txt", "tokenizer.json", "model.safetensors.index.json", "model-1.safetensors",
          "model-2.safetensors"}


class Pull(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.cache = self.scratch / "hub"

    def environment(self, hub, **more):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("HF_") and "proxy" not in name.lower()}
        return kept | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(self.cache), "HOME": str(self.scratch),
                       "XDG_CACHE_HOME": str(self.scratch / "cache")} | more

    def pull(self, hub, *arguments, before=None, **more):
        return subprocess.run([FTC, "catalog", "pull", *arguments, "--retry_delay", "0.001", "--stall_timeout",
                               "1"], capture_output=True, text=True, timeout=120, env=self.environment(hub, **more),
                              preexec_fn=before)

    def folder(self, repo=REPO):
        return self.cache / ("models--" + repo.replace("/", "--"))

    def assert_whole(self, hub, repo=REPO, needed=NEEDED):
        folder = self.folder(repo)
        self.assertEqual((folder / "refs/main").read_text(), COMMIT)
        snapshot = folder / "snapshots" / COMMIT
        self.assertEqual({path.name for path in snapshot.iterdir()}, set(needed))
        for name in needed:
            self.assertTrue((snapshot / name).is_symlink())
            self.assertTrue(os.readlink(snapshot / name).startswith("../../blobs/"))
            self.assertEqual((snapshot / name).read_bytes(), hub.repos[repo][name], name)
        self.assertEqual([path.name for path in folder.glob("blobs/*.incomplete")], [])
        self.assertFalse((folder / "ftc-pull.tmp").exists())

    def assert_no_half_model(self, repo=REPO):
        """Nothing that a reader of the cache would take for a model, and no blob under a false name."""
        folder = self.folder(repo)
        self.assertFalse((folder / "refs/main").exists())
        self.assertFalse((folder / "snapshots" / COMMIT).exists())
        self.assert_blobs(repo)

    def assert_killed_between_files(self, hub):
        """After a kill: each blob has its own bytes, and a snapshot, where there is one, all of its files."""
        self.assert_blobs()
        snapshot = self.folder() / "snapshots" / COMMIT
        if (self.folder() / "refs/main").exists():
            self.assertTrue(snapshot.is_dir())
        if snapshot.exists():
            self.assertEqual({path.name for path in snapshot.iterdir()}, NEEDED)
            for name in NEEDED:
                self.assertEqual((snapshot / name).read_bytes(), hub.repos[REPO][name], name)

    def assert_blobs(self, repo=REPO):
        for blob in self.folder(repo).glob("blobs/*"):
            if blob.suffix != ".incomplete":
                body = blob.read_bytes()
                names = (hashlib.sha256(body).hexdigest(),
                         hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest())
                self.assertIn(blob.name, names)

    def refused(self, done, pattern):
        self.assertEqual(done.returncode, 1, done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertRegex(last, pattern)
        self.assertLessEqual(len(last.encode()), 500)
        self.assertTrue(last.startswith("ftc: "), last)
        self.assertEqual(done.stdout, "")

    def test_a_sharded_model(self):
        with FaultyHub(repos()) as hub:
            done = self.pull(hub, REPO)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.strip(), str(self.folder() / "snapshots" / COMMIT))
            self.assert_whole(hub)
            asked = " ".join(request["path"] for request in hub.requests)
            for name in ("README.md", "pytorch_model.bin"):
                self.assertNotIn(name, asked)
            # A second pull fetches nothing.
            hub.requests.clear()
            done = self.pull(hub, REPO)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("0 files fetched", done.stderr)
            self.assertEqual([r for r in hub.requests if r["method"] == "GET" and "/resolve/" in r["path"]], [])

    def test_one_file_wins_over_an_index(self):
        with FaultyHub(repos()) as hub:
            self.assertEqual(self.pull(hub, "org/whole").returncode, 0)
            self.assert_whole(hub, "org/whole", {"config.json", "model.safetensors", "vocab.txt"})

    def test_the_token_stays_with_the_hub(self):
        with FaultyHub(repos(), token="hf_secret", gated=["org/gated"]) as hub:
            self.assertEqual(self.pull(hub, "org/gated", HF_TOKEN="hf_secret").returncode, 0)
            sides = {(r["side"], r["authorization"]) for r in hub.requests}
            self.assertEqual(sides, {("hub", "Bearer hf_secret"), ("store", None)})
            # From the file where `hf auth login` leaves it.
            hub.requests.clear()
            (self.scratch / "home").mkdir()
            (self.scratch / "home/token").write_text("hf_secret\n")
            self.cache = self.scratch / "other"
            done = self.pull(hub, "org/gated", HF_HOME=str(self.scratch / "home"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual({(r["side"], r["authorization"]) for r in hub.requests}, sides)
            self.refused(self.pull(hub, "org/gated", HF_TOKEN="two words"), r"HF_TOKEN: expected a hub's token")

    def test_refusals(self):
        with FaultyHub(repos(), token="hf_good", gated=["org/gated"]) as hub:
            self.refused(self.pull(hub, "org/none"), r"org/none: not there, or private \(401\): .*HF_TOKEN")
            self.refused(self.pull(hub, REPO, HF_TOKEN="hf_bad"), r"does not take this token.*\(401\)")
            self.refused(self.pull(hub, "org/gated"), r"org/gated: access is refused \(401\): agree .*set HF_TOKEN")
            self.refused(self.pull(hub, REPO, "--revision", "v9"), r"org/sharded@v9: .*no such revision \(404\)")
            self.refused(self.pull(hub, "org/pickle"), r"org/pickle: .*pytorch_model\.bin alone.*refs/pr/N")
            self.refused(self.pull(hub, "org/empty"), r"org/empty: expected config\.json and model\.safetensors")
            self.refused(self.pull(hub, "org/lost"), r"names the shard 'model-2\.safetensors', which the hub")
            self.refused(self.pull(hub, "bert-base-uncase"), r"did you mean bert-base-uncased\?")
            self.refused(self.pull(hub, REPO, HF_HUB_OFFLINE="1"), r"HF_HUB_OFFLINE is set")
            for bad in ("../x/y", "a/b/c", "a/..", "-x/y"):
                done = self.pull(hub, "--revision", "main", "./" + bad if bad[0] == "-" else bad)
                self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(self.pull(hub, REPO, "--revision", "../../x").returncode, 2)
        self.refused(self.pull(hub, REPO), r"org/sharded: .*[Cc]onnect.*6 times in a row")
        hub.url = "ftp://127.0.0.1"
        self.refused(self.pull(hub, REPO), r"HF_ENDPOINT: expected a URL")
        hub.url = "https://someone:pass/w@rd@mirror.example?key=secret"
        done = self.pull(hub, REPO)
        self.refused(done, r"HF_ENDPOINT: expected a URL such as .*, without user and password .*, got "
                           r"'https://\*\*\*@mirror\.example'")
        for secret in ("someone", "pass", "w@rd", "secret"):
            self.assertNotIn(secret, done.stderr.replace("user and password", ""))
        # Of a pull that brought nothing nothing is left: there is the index of org/lost alone, whole.
        left, = (path for path in self.scratch.rglob("*") if not path.is_dir())
        self.assertEqual(left.parent, self.folder("org/lost") / "blobs")
        self.assertEqual(left.read_bytes(), repos()["org/lost"]["model.safetensors.index.json"])

    def test_a_failed_pull_leaves_what_can_be_gone_on_with(self):
        def left():
            return sorted(str(path.relative_to(self.scratch)) for path in self.scratch.rglob("*"))

        with FaultyHub(repos()) as hub:
            self.assertEqual(self.pull(hub, "org/none").returncode, 1)
            self.assertEqual(left(), [])
            hub.faults = lambda facts: "500" if "config.json" in facts["path"] and facts["method"] == "GET" else None
            self.refused(self.pull(hub, "org/whole"), r"org/whole/config\.json: the hub answers 500, 6 times in a "
                                                      r"row; nothing of it was kept, pull again later$")
            self.assertEqual(left(), [])
            self.cache.mkdir()  # a folder that was there stays
            self.assertEqual(self.pull(hub, "org/whole").returncode, 1)
            self.assertEqual(left(), ["hub"])
            # What is wrong is not kept, and not said to be.
            hub.faults = lambda facts: "flip" if facts["side"] == "store" else None
            done = self.pull(hub, "org/whole", "--retries", "0")
            self.refused(done, r"SHA-256 is .*, 1 time in a row; nothing of it was kept")
            self.assertEqual([path for path in left() if path.endswith(".incomplete")], [])
            self.assertNotIn("hub/.locks", left())
            hub.faults = lambda facts: None
            self.assertEqual(self.pull(hub, "org/whole").returncode, 0)

    @unittest.skipUnless(platform.machine() == "x86_64", "the number of a system call")
    def test_a_file_system_without_locks(self):
        """As NFS without its lock daemon: the pull goes on and says once that nothing is held."""
        def without_locks():
            code = struct.pack("HBBI" * 4, 0x20, 0, 0, 0,  # the call's number
                               0x15, 0, 1, 73,  # flock fails,
                               0x06, 0, 0, 0x50000 | errno.ENOLCK, 0x06, 0, 0, 0x7fff0000)  # others are let through
            kept = ctypes.create_string_buffer(code)
            libc = ctypes.CDLL(None)
            if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, struct.pack("HP", 4, ctypes.addressof(kept))):
                os._exit(77)

        with FaultyHub(repos()) as hub:
            done = self.pull(hub, REPO, before=without_locks)
            if done.returncode == 77:
                self.skipTest("no seccomp here")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.count("no locks here (No locks available)"), 1, done.stderr)
            self.assert_whole(hub)
            self.assertFalse((self.cache / ".locks").exists())

    def test_abandoned_parts_go(self):
        """What another revision's broken pull left, once it is a day old and nobody is at it."""
        with FaultyHub(repos()) as hub:
            blobs = self.folder("org/whole") / "blobs"
            blobs.mkdir(parents=True)
            parts = [blobs / (letter * 64 + ".incomplete") for letter in "abc"]
            for part in parts:
                part.write_bytes(bytes(3 << 20))
                os.utime(part, (1, 1))
            os.utime(parts[1])
            locks = self.cache / ".locks/models--org--whole"
            locks.mkdir(parents=True)
            with (locks / ("c" * 64 + ".lock")).open("w") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                done = self.pull(hub, "org/whole")
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([part.exists() for part in parts], [False, True, True])
            self.assertIn("removed 3.0 MiB of a file that a pull left", done.stderr)

    def test_waits_are_told(self):
        with FaultyHub(repos()) as hub:
            asked = []

            def once(facts):
                asked.append(1)
                return "429-wait" if len(asked) == 1 else None

            hub.faults = once
            done = self.pull(hub, REPO)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("org/sharded: the hub answers 429 (too many requests): waits 1 s, as it asks, then tries "
                          "again (1 of 5)\n", done.stderr)
            hub.faults = lambda facts: "500" if "model-1" in facts["path"] and facts["side"] == "store" else None
            (self.folder() / "refs/main").unlink()
            for blob in self.folder().glob("blobs/*"):
                blob.unlink()
            done = self.pull(hub, REPO, "--retries", "1")
            self.assertNotIn("waits", done.stderr)  # less than a second

    def test_a_web_page_instead(self):
        """Networks that ask to log in answer with a page of their own, whatever was asked for."""
        where = {"api": lambda facts: "/api/" in facts["path"], "head": lambda facts: facts["method"] == "HEAD",
                 "file": lambda facts: facts["method"] == "GET" and "config.json" in facts["path"],
                 "store": lambda facts: facts["side"] == "store"}
        for name, fits in where.items():
            with self.subTest(name), FaultyHub(repos()) as hub:
                hub.faults = lambda facts: "page" if fits(facts) else None
                done = self.pull(hub, REPO)
                self.refused(done, r"org/sharded.*: a web page came \(text/html\) from http://127.*, expected a "
                                   r"hub's answer: log in where the network asks for it, or check HF_ENDPOINT$")
                self.assertLessEqual(sum(fits(facts) for facts in hub.requests), 1)
                self.assert_no_half_model()
        with FaultyHub(repos()) as hub:  # a part that came before stays
            name = hashlib.sha256(hub.repos[REPO]["model-1.safetensors"]).hexdigest()
            part = self.folder() / "blobs" / (name + ".incomplete")
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(hub.repos[REPO]["model-1.safetensors"][:70000])
            hub.faults = lambda facts: "page" if facts["side"] == "store" else None
            self.assertEqual(self.pull(hub, REPO).returncode, 1)
            self.assertEqual(part.stat().st_size, 70000)

    def test_environment_variables_that_name_nothing(self):
        with FaultyHub(repos()) as hub:
            done = self.pull(hub, REPO, HF_TOKEN_PATH=str(self.scratch / "no token"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, r"(?m)^HF_TOKEN_PATH: '.*/no token': no such file, so no token is sent$")
            done = self.pull(hub, REPO, HF_TOKEN_PATH=str(self.scratch / "no token"), HF_TOKEN="hf_x")
            self.assertNotIn("HF_TOKEN_PATH", done.stderr)
            self.assertEqual(self.pull(hub, REPO, "--cache_dir", "").returncode, 2)

    def test_without_home(self):
        """The cache is the user's as the system knows it; without one nothing comes into the current folder."""
        here = self.scratch / "here"
        here.mkdir()
        with FaultyHub(repos()) as hub:
            kept = {name: value for name, value in self.environment(hub).items()
                    if name not in ("HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME")}
            command = [FTC, "catalog", "show", "all-MiniLM-L6-v2", "--json"]
            done = subprocess.run(command, capture_output=True, text=True, env=kept, cwd=here)
            self.assertEqual(done.returncode, 0, done.stderr)
            shown = json.loads(done.stdout)
            if "pull" in shown:
                self.assertTrue(shown["pull"]["into"].startswith(pwd.getpwuid(os.getuid()).pw_dir), shown["pull"])
            if os.geteuid() == 0:  # a user that the system does not know
                done = subprocess.run([FTC, "catalog", "pull", REPO], capture_output=True, text=True, env=kept, cwd="/",
                                      user=54321, group=54321)
                self.refused(done, r"no folder for the cache: HOME is not set.*HF_HUB_CACHE")
            self.assertEqual(list(here.iterdir()), [])

    def test_a_commit_and_a_moved_repo(self):
        with FaultyHub(repos()) as hub:
            done = self.pull(hub, REPO, "--revision", COMMIT)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse((self.folder() / "refs").exists())
            hub.moved["org/old"] = REPO
            done = self.pull(hub, "org/old")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue((self.folder("org/old") / "snapshots" / COMMIT / "config.json").is_file())

    def test_a_redirect_without_end(self):
        with FaultyHub(repos()) as hub:
            hub.moved["org/round"] = "org/round"
            self.refused(self.pull(hub, "org/round"), r"redirects more than 10 times")

    def test_resumes_where_it_broke(self):
        with FaultyHub(repos()) as hub:
            dropped = []

            def once(facts):
                if "model-1" in facts["path"] and facts["side"] == "store" and not dropped:
                    dropped.append(1)
                    return "drop"
                return None

            hub.faults = once
            hub.random.seed(3)
            self.refused(self.pull(hub, REPO, "--retries", "0"), r"model-1\.safetensors: the connection broke.*"
                                                                 r"1 time in a row; what came is kept")
            self.assert_no_half_model()
            partial, = self.folder().glob("blobs/*.incomplete")
            came = partial.stat().st_size
            self.assertGreater(came, 0)
            hub.requests.clear()
            self.assertEqual(self.pull(hub, REPO).returncode, 0)
            self.assert_whole(hub)
            self.assertEqual([r["range"] for r in hub.requests if "model-1" in r["path"] and r["side"] == "store"],
                             [f"bytes={came}-"])

    def test_what_is_always_wrong_is_said(self):
        for fault, pattern in (("flip", r"model-1\.safetensors: SHA-256 is .*, expected .*, 3 times"),
                               ("longer", r"the hub sends \d+ bytes, expected 150000"),
                               ("429", r"the hub answers 429 \(too many requests\), 6 times in a row")):
            with self.subTest(fault), FaultyHub(repos()) as hub:
                hub.faults = lambda facts: fault if "model-1" in facts["path"] and facts["method"] == "GET" else None
                self.refused(self.pull(hub, REPO), pattern)
                self.assert_no_half_model()

    def test_a_stalled_transfer_ends(self):
        with FaultyHub(repos(), stall=4) as hub:
            hub.faults = lambda facts: "silence" if "model-2" in facts["path"] else None
            self.refused(self.pull(hub, REPO, "--retries", "1"), r"nothing came any more")
            self.assert_no_half_model()

    def test_an_older_partial_file_of_other_content(self):
        with FaultyHub(repos()) as hub:
            blobs = self.folder() / "blobs"
            blobs.mkdir(parents=True)
            name = hashlib.sha256(hub.repos[REPO]["model-1.safetensors"]).hexdigest()
            for size in (10, 150000, 150001):  # other bytes; as many; too many
                (blobs / (name + ".incomplete")).write_bytes(b"?" * size)
                self.assertEqual(self.pull(hub, REPO).returncode, 0)
                self.assert_whole(hub)
                (blobs / name).unlink()

    def test_two_pulls_at_once(self):
        with FaultyHub(repos()) as hub:
            reached, go = threading.Event(), threading.Event()

            def wait(facts):
                if "model-1" in facts["path"]:
                    reached.set()
                    hub.lock.release()
                    go.wait(20)
                    hub.lock.acquire()
                return None

            hub.faults = wait
            with subprocess.Popen([FTC, "catalog", "pull", REPO, "--stall_timeout", "30"], env=self.environment(hub),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
                self.assertTrue(reached.wait(20))
                self.refused(self.pull(hub, REPO), r"another download of it is running")
                go.set()
                self.assertEqual(first.wait(30), 0)
            self.assert_whole(hub)

    def mounted(self, size):
        """A small file system of its own as the cache."""
        if os.geteuid() != 0:
            self.skipTest("a small file system takes root to mount")
        small = self.scratch / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", small], capture_output=True).returncode:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        self.cache = small / "hub"

    def test_a_disk_without_room(self):
        self.mounted("128k")
        with FaultyHub(repos()) as hub:
            self.refused(self.pull(hub, REPO), r"are to come, and the disk has .* free")
            self.assert_no_half_model()

    def test_a_disk_that_gets_full(self):
        self.mounted("1024k")
        filler = self.cache.parent / "filler"

        def fill(facts):
            if facts["side"] == "store" and not filler.exists():
                with filler.open("wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        file.truncate(max(0, file.tell() - 65536))  # what comes first fits in part
            return None

        with FaultyHub(repos()) as hub:
            hub.faults = fill
            self.refused(self.pull(hub, REPO), r"the disk is full, .* are still to come; what came is kept")
            self.assert_no_half_model()
            filler.write_bytes(b"")
            self.assertEqual(self.pull(hub, REPO).returncode, 0)
            self.assert_whole(hub)

    def test_random_fault_plans(self):
        """Each plan: some faults at random requests, now and then a kill, then a hub in good health."""
        whole_at_once = refusals = 0
        for seed in range(PLANS):
            with self.subTest(seed=seed), FaultyHub(repos(), stall=1.5) as hub:
                plan = random.Random(seed)
                self.cache = self.scratch / f"plan{seed}"
                hub.random.seed(seed)
                left = [plan.randrange(1, 12)]
                rate = plan.choice([0.1, 0.4, 0.9])
                kinds = CONTENT * 3 + [kind for kind in ANSWERS if kind not in ("silence", "429-wait") or seed % 20 == 0]

                def faults(facts):
                    if left[0] <= 0 or plan.random() > rate:
                        return None
                    left[0] -= 1
                    return plan.choice(kinds)

                hub.faults = faults
                retries = str(plan.choice([0, 1, 3, 8]))
                if seed % 4 == 3:  # killed at some instant
                    process = subprocess.Popen([FTC, "catalog", "pull", REPO, "--retry_delay", "0.001"],
                                               env=self.environment(hub), stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL)
                    try:
                        process.wait(plan.uniform(0, 0.08))
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()
                    self.assert_killed_between_files(hub)
                for attempt in range(30):
                    done = self.pull(hub, REPO, "--retries", retries)
                    if done.returncode == 0:
                        break
                    refusals += 1
                    self.refused(done, r"org/sharded")
                    if seed % 4 == 3:
                        self.assert_killed_between_files(hub)
                    elif not (self.folder() / "refs/main").exists():
                        self.assert_no_half_model()
                else:
                    self.fail(f"never came: {done.stderr}")
                whole_at_once += attempt == 0
                self.assert_whole(hub)
        print(f"{PLANS} plans: {whole_at_once} pulls came through at once, {refusals} ended with one line and "
              "went on when called again")


if __name__ == "__main__":
    unittest.main()
