"""`lampas run`: what a program finds, how it ends, and what is said where it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

LINUX = sys.platform == "linux"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "lampas", "run", *map(str, arguments)]


def run(
    folder: Path, *arguments: object, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, input=text, capture_output=True, text=True, timeout=120
    )


def printed(folder: Path, *arguments: object, text: str | None = None) -> list[str]:
    done = run(folder, *arguments, text=text)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.splitlines()


# ---- what the program finds ----------------------------------------------------------------------

ABOUT = """
import os, pickle, sys, threading, atexit
import torch, helper

class Point:
    def __init__(self, x):
        self.x = x

atexit.register(lambda: print("bye", Point.__module__, sys.modules["__main__"].Point is Point))

if __name__ == "__main__":
    back = pickle.loads(pickle.dumps(Point(3)))
    assert type(back) is Point and back.x == 3
    assert sys.modules["__main__"].__dict__ is globals()
    thread = threading.Thread(target=lambda: print(torch.ones(2).sum().item()))
    thread.start()
    thread.join()
    print(helper.NAME, sys.argv[1:], os.path.basename(sys.argv[0]), os.path.basename(__file__))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The same program as script, module, package, folder and archive; a helper beside each."""
    package = tmp_path / "package"
    inner = package / "inner"
    inner.mkdir(parents=True)
    for path in (package, inner):
        (path / "__init__.py").touch()
    for path in (tmp_path / "script.py", package / "__main__.py", inner / "train.py"):
        path.write_text(ABOUT)
    for path in (tmp_path, package):
        (path / "helper.py").write_text(f"NAME = {path.name!r}")
    with zipfile.ZipFile(tmp_path / "archive.pyz", "w") as archive:
        archive.writestr("__main__.py", ABOUT)
        archive.writestr("helper.py", "NAME = 'archive'")
    return tmp_path


FORMS = {
    "script": (["script.py"], None, "script.py", "script.py"),
    "after dashes": (["--", "script.py"], None, "script.py", "script.py"),
    "module": (["-m", "package.inner.train"], None, "train.py", "train.py"),
    "package": (["-m", "package"], None, "__main__.py", "__main__.py"),
    "folder": (["package"], "package", "package", "__main__.py"),
    "archive": (["archive.pyz"], "archive", "archive.pyz", "__main__.py"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_program_is_the_main_module(project: Path, form: str) -> None:
    how, helper, argv0, file = FORMS[form]
    if form == "folder" or form == "archive":
        argv0 = "__main__.py"
    lines = printed(project, *how, "-m", "--lr", "0.1")
    name = helper or project.name
    assert lines == ["2.0", f"{name} ['-m', '--lr', '0.1'] {argv0} {file}", "bye __main__ True"]


def test_code_and_standard_input(tmp_path: Path) -> None:
    code = "import sys, torch; print(__name__, sys.argv, torch.arange(3).tolist())"
    assert printed(tmp_path, "-c", code, "-x") == ["__main__ ['-c', '-x'] [0, 1, 2]"]
    assert printed(tmp_path, "-", "y", text=code) == ["__main__ ['-', 'y'] [0, 1, 2]"]


def test_torch_and_torchvision_are_lampas(tmp_path: Path) -> None:
    code = """
import lampas, torch, torch.nn as nn, torchvision
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.transforms import functional as TF
assert nn is lampas.nn and F is lampas.nn.functional and torch.Tensor is lampas.Tensor
assert transforms is lampas.vision.transforms and DataLoader is lampas.utils.data.DataLoader
assert nn.__spec__.name == "lampas.nn" and torch.ones is lampas.ones
torch.set_default_dtype(torch.float64)
assert lampas.zeros(1).dtype == torch.float64 and torch.__version__[0].isdigit()
torch.setting = 3
assert lampas.setting == 3
"""
    assert printed(tmp_path, "-c", code) == []


def test_what_else_is_called_torch_does_not_come_in(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('the wrong torch')")
    (tmp_path / "script.py").write_text("import torch.nn; print(torch.nn.ReLU())")
    assert printed(tmp_path, "script.py") == ["ReLU()"]


def test_versions_are_those_of_the_stand_ins(tmp_path: Path) -> None:
    code = """
from importlib.metadata import distributions, version
import torch, torchvision
assert version("torch") == torch.__version__ and version("torchvision") == torchvision.__version__
assert {"torch", "numpy"} <= {d.metadata["Name"] for d in distributions()} and version("numpy")
"""
    assert printed(tmp_path, "-c", code) == []


def test_the_alias_comes_and_goes() -> None:
    code = """
import sys, lampas.alias as alias
assert not alias.installed()
alias.install(); alias.install()
import torch.nn, torchvision
assert alias.installed() and torch.nn.Linear
alias.uninstall(); alias.uninstall()
assert not alias.installed() and "torch" not in sys.modules and "torch.nn" not in sys.modules
from multiprocessing import spawn
assert "lampas.alias" not in spawn.get_preparation_data("x")
sys.modules["torch"] = sys
try:
    alias.install()
except RuntimeError as e:
    assert "already imported" in str(e) and "lampas run" in str(e)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# ---- endings -------------------------------------------------------------------------------------

EXITS = [
    ("sys.exit()", 0, ""),
    ("sys.exit(0)", 0, ""),
    ("sys.exit(3)", 3, ""),
    ("sys.exit(True)", 1, ""),
    ("sys.exit(-1)", 255, ""),
    ("sys.exit('no data')", 1, "no data\n"),
    ("sys.exit(('a', 1))", 1, "('a', 1)\n"),
    ("raise SystemExit(7)", 7, ""),
    ("import os; os._exit(4)", 4, ""),
]


@pytest.mark.parametrize(("code", "status", "errors"), EXITS)
def test_exit_status_is_the_programs(tmp_path: Path, code: str, status: int, errors: str) -> None:
    done = run(tmp_path, "-c", f"import sys; {code}")
    assert (done.returncode, done.stderr) == (status, errors)


def test_tracebacks_begin_with_the_programs_lines(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import torch\n\ndef f():\n    torch.ones(2) @ torch.ones(3)\n\nf()\n")
    done = run(tmp_path, script)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[:2] == [
        "Traceback (most recent call last):",
        f'  File "{script}", line 6, in <module>',
    ]
    assert "RuntimeError" in lines[-1]
    assert "cli/run.py" not in done.stderr
    script.write_text("x = (\n")
    done = run(tmp_path, script)
    assert done.returncode == 1 and "SyntaxError" in done.stderr and "cli" not in done.stderr
    script.write_text(
        "import sys\nsys.excepthook = lambda *e: print('own', e[0].__name__)\n1 / 0\n"
    )
    done = run(tmp_path, script)
    assert (done.returncode, done.stdout, done.stderr) == (1, "own ZeroDivisionError\n", "")


WORKERS = """
import sys, time
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __getitem__(self, i):
        if sys.argv[2] == "slow":
            time.sleep(0.05)
        return torch.tensor(float(i)) ** 2, torch.__version__
    def __len__(self):
        return 8 if sys.argv[2] == "all" else 100000

def main():
    loader = DataLoader(Squares(), batch_size=2, num_workers=2, multiprocessing_context=sys.argv[1])
    batches = iter(loader)
    for i, (squares, versions) in enumerate(batches):
        assert list(versions) == [torch.__version__] * 2
        if i == 1:  # each worker has given a batch
            print(*[worker.pid for worker in batches._workers], flush=True)
        if sys.argv[2] == "all":
            print(squares.tolist())

if __name__ == "__main__" or sys.argv[2] == "unguarded":
    main()
"""


@pytest.mark.skipif(not LINUX, reason="start methods as on Linux")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("form", ["script", "module"])
def test_workers_find_lampas(tmp_path: Path, method: str, form: str) -> None:
    (tmp_path / "loading.py").write_text(WORKERS)
    how = ["loading.py"] if form == "script" else ["-m", "loading"]
    lines = printed(tmp_path, *how, method, "all")
    assert lines[:1] + lines[2:] == ["[0.0, 1.0]", "[4.0, 9.0]", "[16.0, 25.0]", "[36.0, 49.0]"]


def test_a_main_module_without_guard_is_explained(tmp_path: Path) -> None:
    (tmp_path / "loading.py").write_text(WORKERS)
    done = run(tmp_path, "loading.py", "spawn", "unguarded")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "before it loaded anything" in last and "if __name__ == '__main__'" in last


PROCESSES = """
import sys
import torch
import torch.multiprocessing as mp

def work(rank, total, shared):
    shared[rank] += rank + total

if __name__ == "__main__":
    shared = torch.zeros(2).share_memory_()
    mp.spawn(work, args=(10, shared), nprocs=2)
    print(shared.tolist())
    with mp.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(torch.Tensor.item, list(torch.arange(3))))
"""


@pytest.mark.skipif(not LINUX, reason="start methods as on Linux")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_the_programs_own(tmp_path: Path, method: str) -> None:
    (tmp_path / "script.py").write_text(PROCESSES)
    assert printed(tmp_path, "script.py", method) == ["[10.0, 11.0]", "[0, 1, 2]"]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(not LINUX, reason="process groups as on Linux")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_an_interrupt_ends_program_and_workers(tmp_path: Path, method: str) -> None:
    (tmp_path / "loading.py").write_text(WORKERS)
    # What is started in the background ignores Ctrl-C, and so does what it starts, if not told.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command("loading.py", method, "slow"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.count("Traceback") == 1 and errors.splitlines()[-1] == "KeyboardInterrupt"
    end = time.monotonic() + 15
    while not all(gone(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert all(gone(pid) for pid in pids)


# ---- names that are not there --------------------------------------------------------------------

MISSING = [
    ("import torch; torch.softmaxx", "'torch' has no attribute 'softmaxx'", "'softmax'"),
    ("from torch import softmaxx", "Lampas has no torch.softmaxx", "torch.softmax"),
    ("import torch; torch.nn.Lineer", "Lampas has no torch.nn.Lineer", "torch.nn.Linear"),
    ("from torch.nn import Lineer", "Lampas has no torch.nn.Lineer", "torch.nn.Linear"),
    (
        "import torch.nn.functionall",
        "No module named 'torch.nn.functionall'",
        "torch.nn.functional",
    ),
    ("import torch; torch.ones(1).reluu", "no torch.Tensor.reluu", "torch.Tensor.relu"),
    ("import torch; torch.Tensor.reluu", "no torch.Tensor.reluu", "torch.Tensor.relu"),
    ("import torch; torch.cuda.xyzzy", "Lampas has no torch.cuda.xyzzy", "page on differences"),
    ("import torch.xyzzy", "No module named 'torch.xyzzy'", "page on differences"),
    ("import torchvision; torchvision.model", "'torchvision' has no attribute 'model'", "'models'"),
    ("from torchvision import transform", "no torchvision.transform.", "torchvision.transforms"),
    (
        "from torchvision.transforms import RandomCropp",
        "Lampas has no torchvision.transforms.RandomCropp",
        "torchvision.transforms.RandomCrop",
    ),
    (
        "import torchvision; torchvision.models.resnet19",
        "Lampas has no torchvision.models.resnet19",
        "torchvision.models.resnet18",
    ),
]


@pytest.mark.parametrize(("code", "text", "near"), MISSING)
def test_a_name_that_is_not_there(tmp_path: Path, code: str, text: str, near: str) -> None:
    done = run(tmp_path, "-c", code)
    assert done.returncode == 1
    assert text in done.stderr and near in done.stderr.splitlines()[-1], done.stderr


def test_a_missing_module_of_the_programs_own_is_pythons_error(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("import nowhere_to_be_found")
    done = run(tmp_path, "-m", "other")
    assert done.returncode == 1
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'nowhere_to_be_found'\n")


# ---- mistakes in the call ------------------------------------------------------------------------

MISTAKES = [
    ([], "nothing to run"),
    (["trian.py"], "no such file: trian.py; did you mean train.py?"),
    (["folder"], "folder without a __main__.py"),
    (["-m"], "expected one argument"),
    (["-m", "nowhere.at_all"], "no module named nowhere.at_all"),
    (["-m", "folder"], "no module named folder"),
    (["-c"], "expected one argument"),
    (["--fast", "train.py"], "unrecognized arguments: --fast"),
]


@pytest.mark.parametrize(("arguments", "text"), MISTAKES)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], text: str) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "folder").mkdir()
    done = run(tmp_path, *arguments)
    assert done.returncode == 2 and not done.stdout
    assert text in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["tarin"], "did you mean `lampas train`?"),
        (["script.py"], "did you mean `lampas run script.py`?"),
        (["xyzzy"], "there is no command 'xyzzy', only train"),
        (["--versoin"], "unrecognized arguments"),
    ],
)
def test_a_command_that_is_not_there(tmp_path: Path, arguments: list[str], text: str) -> None:
    (tmp_path / "script.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "lampas", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and text in done.stderr.splitlines()[-1]


def test_names_that_programs_import_from_torchvision_s_inner_modules(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(
        "import torch, torchvision\n"
        "from torchvision.io.image import ImageReadMode, read_image\n"
        "from torchvision.models._api import WeightsEnum, register_model\n"
        "from torchvision.models._utils import IntermediateLayerGetter, _make_divisible\n"
        "from torchvision.transforms._presets import ImageClassification\n"
        "torchvision.disable_beta_transforms_warning()\n"
        "model = torchvision.models.resnet18()\n"
        "made = IntermediateLayerGetter(model, {'layer1': 'a'})(torch.zeros(1, 3, 32, 32))\n"
        "print(tuple(made['a'].shape), _make_divisible(37, 8))\n"
    )
    assert printed(tmp_path, "program.py") == ["(1, 64, 8, 8) 40"]
