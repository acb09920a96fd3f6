"""A student's notebook, and answers as students write them, by item: right ones in odd forms, and honest mistakes.

VALUE stands for the student's right answer without quotes, LIST for its letters apart.
"""

# ruff: noqa: E501  # a cell of several lines is read best on one

from dataclasses import dataclass, field

from handed_in import after, cell, code

MEAN = "float(np.mean([np.mean(guess[truth == k] == k) for k in np.unique(truth)]))"
BALANCED = f"def balanced(truth, guess):\n    return {MEAN}"
FIXED = "with torch.no_grad():\n    NET.weight.copy_(torch.tensor([[0., 0.], [1., 1.]])); NET.bias.copy_(torch.tensor([1., 0.]))"
NET = f"import torch\nnet = torch.nn.Linear(2, 2)\n{FIXED.replace('NET', 'net')}"


@dataclass
class Hand:
    """What one student hands in. fair: item → the points that it deserves; files: (name, content), the newest last."""

    book: dict
    blank: dict
    fair: dict[str, float]
    late: bool = False
    files: list[tuple[str, bytes]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def cell(self, item: str, part: str = "answer") -> dict:
        return cell(self.book, f"90-{item}-{part}")

    def source(self, item: str) -> str:
        return "".join(self.cell(item)["source"])

    def value(self, item: str) -> str:
        """The right answer without its name and quotes: "C A B", "86.67"."""
        return self.source(item).partition(" = ")[2].strip("'\"")

    def filled(self, item: str, source: str) -> str:
        """A source with the right value in place of VALUE, and its letters apart in place of LIST."""
        value = self.value(item)
        return source.replace("VALUE", value).replace("LIST", repr(value.split())).replace("ANSWER", self.source(item))

    def put(self, item: str, source: str) -> None:
        self.cell(item)["source"] = self.filled(item, source)

    def clear(self, item: str) -> str:
        """Leave an item's cell as it was handed out; returns what stood there."""
        kept = self.source(item)
        self.cell(item)["source"] = cell(self.blank, f"90-{item}-answer")["source"]
        return kept

    def beside(self, item: str, source: str, above: bool = False, part: str = "") -> None:
        """Put a cell of the student's own below an item's, or above it."""
        after(self.book, f"90-{item}-{part or ('question' if above else 'answer')}", code(self.filled(item, source)))


# item → what is done → the answer's cell, in place of the right one
PUT: dict[str, dict[str, str]] = {
    "1": {
        "small letter": "answer_90_1 = 'VALUE'.lower()",
        "letter in brackets": "answer_90_1 = '(VALUE)'",
        "letter and bracket": "answer_90_1 = 'VALUE)'",
        "letter with its text": "answer_90_1 = \"VALUE — the head's and BatchNorm's\"",
        "letter in a sentence": "answer_90_1 = 'Answer: VALUE'",
        "the option's text": "answer_90_1 = \"the head's and BatchNorm's\"",
        "letter in a list": "answer_90_1 = ['VALUE']",
        "bare letter": "answer_90_1 = VALUE",
        "typographic quotes": "answer_90_1 = “VALUE”",
        "letter alone in the cell": "'VALUE'",
        "two equals signs": "answer_90_1 == 'VALUE'",
        "another name": "answer_90_l = 'VALUE'",
        "printed letter": "print('VALUE')",
        "comment in Russian": "# мой ответ: сначала думал иначе\nanswer_90_1 = 'VALUE'  # вот",
        "comment alone": 'answer_90_1 = ""  # a letter, like "B"\n# VALUE',
        "annotated letter": "answer_90_1: str = 'VALUE'",
        "emoji": "answer_90_1 = 'VALUE ✅'",
        "chained comparison of a dict": "answer_90_1 = {'answer': 'VALUE'}",
        "index of a string": "answer_90_1 = 'ABC'['ABC'.index('VALUE')]",
        "a lambda": "answer_90_1 = (lambda: 'VALUE')()",
        "input": "answer_90_1 = input('Your letter? ')  # VALUE",
    },
    "2": {
        "commas": "answer_90_2 = ', '.join(LIST)",
        "and": "answer_90_2 = ' and '.join(LIST)",
        "set of letters": "answer_90_2 = set(LIST)",
        "tuple of letters": "answer_90_2 = tuple(LIST)",
        "letters together": "answer_90_2 = ''.join(LIST)",
        "letters backwards": "answer_90_2 = ' '.join(LIST[::-1])",
        "letters with plus": "answer_90_2 = '+'.join(LIST)",
        "letters one a line": 'answer_90_2 = """\n- """ + "\\n- ".join(LIST)',
        "texts in a list": 'answer_90_2 = ["the head\'s weights", "BatchNorm\'s running statistics"]',
        "dict of booleans": "answer_90_2 = {k: k in LIST for k in 'ABC'}",
        "several names at once": "answer_90_2, rest = 'VALUE', None",
        "walrus": "(answer_90_2 := 'VALUE')",
    },
    "3": {
        "decimal comma": "answer_90_3 = 86,67",
        "decimal comma in a text": "answer_90_3 = '86,67'",
        "percent sign": "answer_90_3 = 86.67%",
        "percent sign in a text": "answer_90_3 = '86.67 %'",
        "unit in a comment": "answer_90_3 = 86.67  # per cent",
        "calculation": "richtig, alle = 13, 15\nanswer_90_3 = richtig / alle * 100",
        "fraction": "from fractions import Fraction\nanswer_90_3 = Fraction(1300, 15)",
        "decimal": "from decimal import Decimal\nanswer_90_3 = Decimal('86.67')",
        "float32": "answer_90_3 = np.float32(86.67)",
        "tensor": "import torch\nanswer_90_3 = torch.tensor(86.67)",
        "array of one": "answer_90_3 = np.array([86.67])",
        "list of one": "answer_90_3 = [86.67]",
        "rounded": "answer_90_3 = round(1300 / 15)",
        "f-string": "answer_90_3 = f'{1300 / 15:.2f}'",
        "about": "answer_90_3 = '~86.67'",
        "pandas": "import pandas as pd\nanswer_90_3 = pd.Series([1] * 13 + [0] * 2).mean() * 100",
        "number alone in the cell": "86.67",
        "number and name swapped": "86.67 = answer_90_3",
        "sentence": "The accuracy is 86.67 %",
        "function of a number": "def answer_90_3():\n    return 86.67",
        "share in place of per cent, said": "answer_90_3 = '0.8667 = 86.67%'",
        "printed number": "print('accuracy', 1300 / 15)",
        "complex": "answer_90_3 = 86.67 + 0j",
    },
    "4": {
        "thousands": "answer_90_4 = f'{int(VALUE):,}'",
        "underscores": "answer_90_4 = int(f'{int(VALUE):_}')",
        "float": "answer_90_4 = float(VALUE)",
        "counted by torch": "import torch\nanswer_90_4 = sum(p.numel() for p in torch.nn.Linear(1, int(VALUE) - 1).parameters()) - int(VALUE) + 2",
        "text of a number": "answer_90_4 = 'VALUE'",
        "number with its unit": "answer_90_4 = f'{int(VALUE)} parameters'",
        "numpy integer": "answer_90_4 = np.int64(VALUE)",
        "scientific": "answer_90_4 = '%e' % VALUE",
    },
    "5": {
        "capitals": "answer_90_5 = 'EVAL'",
        "brackets": "answer_90_5 = 'eval()'",
        "method of a model": "answer_90_5 = 'model.eval()'",
        "mode": "answer_90_5 = 'eval mode'",
        "whole sentence": "answer_90_5 = 'It should be in evaluation mode.'",
        "full stop": "answer_90_5 = 'Evaluation.'",
        "list of one word": "answer_90_5 = ['eval']",
        "bare word": "answer_90_5 = eval",
        "bare unbound word": "answer_90_5 = evaluation",
        "slip of the pen": "answer_90_5 = 'evalution'",
        "markup": "answer_90_5 = '**eval**'",
        "backticks": "answer_90_5 = '`eval`'",
        "two words for one": "answer_90_5 = 'eval / evaluation'",
        "spaces around": "answer_90_5 = '  eval\\n'",
    },
    "6": {
        "arrows": "answer_90_6 = ' -> '.join(LIST)",
        "greater than": "answer_90_6 = '>'.join(LIST)",
        "numbered": "answer_90_6 = ', '.join(f'{n}. {k}' for n, k in enumerate(LIST, 1))",
        "list in order": "answer_90_6 = LIST",
        "texts in order": "answer_90_6 = ['train the head', 'unfreeze the last block', 'unfreeze everything']",
        "letters without quotes": "answer_90_6 = VALUE",
        "then": "answer_90_6 = ' then '.join(LIST)",
    },
    "A": {
        "%%time": f"%%time\n{BALANCED}",
        "%%capture": f"%%capture out\n{BALANCED}\nprint('x')",
        "%%timeit above": f"%%timeit\n{BALANCED}",
        "%timeit below": f"{BALANCED}\n%timeit balanced(np.array([0, 1]), np.array([0, 0]))",
        "!pip install": f"!pip install -q scikit-learn\n{BALANCED}",
        "%pip install": f"%pip install numpy\n{BALANCED}",
        "help": f"np.unique?\n{BALANCED}",
        "asyncio.run": f"import asyncio\nasync def f(truth, guess):\n    return {MEAN}\n"
        "def balanced(truth, guess):\n    return asyncio.run(f(truth, guess))",
        "scikit-learn": "from sklearn.metrics import recall_score\n"
        "def balanced(truth, guess):\n    return recall_score(truth, guess, labels=np.unique(truth), average='macro')",
        "returns a tensor": f"import torch\ndef balanced(truth, guess):\n    return torch.tensor({MEAN}, dtype=torch.float64)",
        "returns a 0-d array": f"def balanced(truth, guess):\n    return np.array({MEAN})",
        "returns an array of one": f"def balanced(truth, guess):\n    return np.array([{MEAN}])",
        "returns a Series of one": f"import pandas as pd\ndef balanced(truth, guess):\n    return pd.Series([{MEAN}])",
        "returns a tuple of one": f"def balanced(truth, guess):\n    return {MEAN},",
        "returns a text": f"def balanced(truth, guess):\n    return str({MEAN})",
        "returns a Fraction": f"from fractions import Fraction\ndef balanced(truth, guess):\n    return Fraction({MEAN})",
        "returns float32": f"def balanced(truth, guess):\n    return np.float32({MEAN})",
        "returns a rounded number": f"def balanced(truth, guess):\n    return round({MEAN}, 4)",
        "pandas": "import pandas as pd\ndef balanced(truth, guess):\n"
        "    return (pd.Series(truth) == pd.Series(guess)).groupby(truth).mean().mean()",
        "printed in place of returned": f"def balanced(truth, guess):\n    print({MEAN})",
        "printed and returned": f"def balanced(truth, guess):\n    m = {MEAN}\n    print('m =', m)\n    return m",
        "long output": f"{BALANCED}\nfor i in range(30000): print(i, 'x' * 50)",
        "type hints": f"from __future__ import annotations\nfrom typing import Optional\n"
        f"def balanced(truth: np.ndarray, guess: np.ndarray | None = None) -> Optional[float]:\n    return {MEAN}",
        "class with __call__": f"class Metric:\n    def __call__(self, truth, guess):\n        return {MEAN}\nbalanced = Metric()",
        "static method": f"class M:\n    @staticmethod\n    def m(truth, guess):\n        return {MEAN}\nbalanced = M.m",
        "decorator": "import functools, time\ndef timed(f):\n    @functools.wraps(f)\n    def g(*a, **k):\n"
        "        t = time.time(); r = f(*a, **k); print(time.time() - t); return r\n    return g\n@timed\n" + BALANCED,
        "recursion": "def balanced(truth, guess, ks=None):\n    ks = list(np.unique(truth)) if ks is None else ks\n"
        "    n = len(np.unique(truth))\n"
        "    return 0.0 if not ks else np.mean(guess[truth == ks[0]] == ks[0]) / n + balanced(truth, guess, ks[1:])",
        "lambda": f"balanced = lambda truth, guess: {MEAN}",
        "partial": f"from functools import partial\ndef b(x, truth, guess):\n    return {MEAN}\nbalanced = partial(b, 1)",
        "other names of the parameters": "def balanced(y, p):\n    return np.array([(p[y == k] == k).mean() for k in set(y)]).mean()",
        "asserts": f"def balanced(truth, guess):\n    assert len(truth) == len(guess), 'lengths'\n    return {MEAN}\n"
        "assert balanced(np.array([1]), np.array([1])) == 1",
        "a failing assert at the end": f"{BALANCED}\nassert balanced(np.array([0, 0, 1]), np.array([0, 0, 0])) == 0.7",
        "warnings": "import warnings\nwarnings.filterwarnings('error')\n" + BALANCED,
        "a warning": f"def balanced(truth, guess):\n    import warnings; warnings.warn('careful')\n    return {MEAN}",
        "a plot": f"import matplotlib.pyplot as plt\n%matplotlib inline\n{BALANCED}\nplt.plot([1, 2]); plt.show()",
        "a plot by %matplotlib notebook": f"%matplotlib notebook\nimport matplotlib.pyplot as plt\n{BALANCED}\nplt.figure()",
        "magics of autoreload": f"%load_ext autoreload\n%autoreload 2\n{BALANCED}",
        "a test under main": f"{BALANCED}\nif __name__ == '__main__':\n    print(balanced(np.array([0]), np.array([0])))",
        "input below": f"{BALANCED}\nx = input('truth? ')",
        "input above": f"n = int(input('how many? '))\n{BALANCED}",
        "drive of Colab": f"from google.colab import drive\ndrive.mount('/content/drive')\n{BALANCED}",
        "non-breaking spaces": BALANCED.replace("    ", "\u00a0" * 4),
        "tabs": BALANCED.replace("    ", "\t"),
        "line ends of Windows": BALANCED.replace("\n", "\r\n"),
        "prompts pasted along": ">>> " + BALANCED.replace("\n", "\n... "),
        "fence pasted along": f"```python\n{BALANCED}\n```",
        "name with a capital": BALANCED.replace("balanced", "Balanced"),
        "longer name": BALANCED.replace("balanced", "balanced_accuracy"),
        "a second version below": "def balanced(truth, guess):\n    return 0  # first try\n\n" + BALANCED,
        "exit at the end": f"{BALANCED}\nexit()",
        "print of Python 2": f"{BALANCED}\nprint 'done'",
        "quoted out": f'"""\n{BALANCED}\n"""',
        "help and display": f"from IPython.display import display, Markdown\n{BALANCED}\ndisplay(Markdown('**done**'))",
        "widget": f"import ipywidgets as w\n{BALANCED}\nw.interact(lambda n: n, n=(1, 3))",
        "get_ipython": f"get_ipython().run_line_magic('matplotlib', 'inline')\n{BALANCED}",
        "pathlib and os": f"import os, pathlib\nos.makedirs('out', exist_ok=True)\npathlib.Path('out/a.txt').write_text('x')\n{BALANCED}",
        "own file read": f"import pandas as pd\nd = pd.read_csv('data.csv')\n{BALANCED}",
        "tqdm": "from tqdm.auto import tqdm\ndef balanced(truth, guess):\n    return float(np.mean([np.mean(guess[truth == k] == k) for k in tqdm(np.unique(truth))]))",
        "a pool of processes": "from multiprocessing import Pool\ndef one(a):\n    t, g, k = a\n    return np.mean(g[t == k] == k)\n"
        "def balanced(truth, guess):\n    with Pool(2) as p:\n        return float(np.mean(p.map(one, [(truth, guess, k) for k in np.unique(truth)])))",
        "threads": "from concurrent.futures import ThreadPoolExecutor\ndef balanced(truth, guess):\n    with ThreadPoolExecutor(2) as p:\n"
        "        return float(np.mean(list(p.map(lambda k: np.mean(guess[truth == k] == k), np.unique(truth)))))",
        "docstring and doctest": 'import doctest\ndef balanced(truth, guess):\n    """The mean recall.\n\n    >>> 1 + 1\n    2\n    """\n'
        f"    return {MEAN}\ndoctest.testmod()",
        "names of Python taken": f"sum = 3\nlist = [1]\nmax = None\n{BALANCED}",
        "jit": f"from numba import jit\n@jit\n{BALANCED}",
        "generator": f"def balanced(truth, guess):\n    yield {MEAN}",
        "global state": f"results = []\ndef balanced(truth, guess):\n    results.append({MEAN})\n    return results[-1]",
        "slow sleep": f"import time\ndef balanced(truth, guess):\n    time.sleep(.1)\n    return {MEAN}",
    },
    "B": {
        "net under another name": NET.replace("net", "model"),
        "GPU": "import torch\nnet = torch.nn.Linear(2, 2).cuda()\n" + FIXED.replace("NET", "net"),
        "GPU if there": NET + "\ndevice = 'cuda' if torch.cuda.is_available() else 'cpu'\nnet = net.to(device)",
        "loader with workers": "import torch\nfrom torch.utils.data import DataLoader\nnet = torch.nn.Linear(2, 2)\n"
        "for x in DataLoader(torch.zeros(8, 2), num_workers=2): net(x)\n" + FIXED.replace("NET", "net"),
        "class of one's own": "import torch\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.l = torch.nn.Linear(2, 2)\n    def forward(self, x):\n        return self.l(x)\n"
        "net = Net()\n" + FIXED.replace("NET", "net.l"),
        "Sequential and softmax": f"{NET}\nnet = torch.nn.Sequential(net, torch.nn.Softmax(1))",
        "double": f"{NET}\nnet = net.double()",
        "half": f"{NET}\nnet = net.half()",
        "function in place of a network": f"{NET}\nlin = net\ndef net(x):\n    return lin(x)",
        "returns NumPy": f"{NET}\nlin = net\ndef net(x):\n    return lin(x).detach().numpy()",
        "returns a list": f"{NET}\nlin = net\ndef net(x):\n    return lin(x).tolist()",
        "trained": "import torch\ntorch.manual_seed(0)\nnet = torch.nn.Linear(2, 2)\nopt = torch.optim.Adam(net.parameters(), 0.1)\n"
        "for step in range(200):\n    x = torch.rand(256, 2) * 2 - .5\n    loss = torch.nn.functional.cross_entropy(net(x), (x.sum(1) > 1).long())\n"
        "    opt.zero_grad(); loss.backward(); opt.step()\n    if step % 10 == 0: print(f'{step}: {loss.item():.3f}')",
        "saved and loaded": f"{NET}\ntorch.save(net.state_dict(), 'net.pt')\nnet = torch.nn.Linear(2, 2)\nnet.load_state_dict(torch.load('net.pt'))",
        "loaded from one's disk": "import torch\nnet = torch.nn.Linear(2, 2)\nnet.load_state_dict(torch.load('/content/net.pt'))",
        "wandb": f"import wandb\nwandb.init()\n{NET}",
        "scripted": f"{NET}\nnet = torch.jit.script(net)",
        "compiled": f"{NET}\nnet = torch.compile(net)",
        "in a tuple": f"{NET}\nnet = (net, 'trained')",
        "dictionary of weights": f"{NET}\nnet = net.state_dict()",
        "seed set": f"import random\nrandom.seed(1)\nimport torch\ntorch.manual_seed(1)\n{NET}",
        "one score": "import torch\nnet = torch.nn.Sequential(torch.nn.Linear(2, 2))\n"
        + FIXED.replace("NET", "net[0]"),
        "under main": NET.replace("net = ", "if __name__ == '__main__':\n    net = ", 1),
        "progress bar": f"from tqdm import tqdm\nfor i in tqdm(range(100)): pass\n{NET}",
    },
}
# What a teacher may give nothing for: the page says what is wrong with it.
ARGUABLE = {
    *("printed in place of returned", "generator", "returns a text", "returns a rounded number"),
    *("dictionary of weights", "in a tuple", "slip of the pen"),
}
# what is honestly wrong or blank, and gets its zero at once: item → what is done → its cell
WRONG: dict[str, dict[str, str]] = {
    "1": {"another letter": "answer_90_1 = next(k for k in 'ABC' if k != 'VALUE')", "no letter": "BLANK"},
    "2": {"one letter too few": "answer_90_2 = LIST[0]", "all letters": "answer_90_2 = 'ABC'", "no letters": "BLANK"},
    "3": {"error rate": "answer_90_3 = 13.33", "another number": "answer_90_3 = 42", "no number": "BLANK"},
    "4": {"no bias": "answer_90_4 = VALUE - 1", "left None": "answer_90_4 = None"},
    "5": {"train": "answer_90_5 = 'train'", "something else": "answer_90_5 = 'frozen'"},
    "6": {"backwards": "answer_90_6 = LIST[::-1]"},
    "A": {
        "accuracy": "def balanced(truth, guess):\n    return float(np.mean(truth == guess))",
        "no return": f"def balanced(truth, guess):\n    result = {MEAN}",
        "not begun": "BLANK",
        "pass": "def balanced(truth, guess):\n    pass",
        "an error": "def balanced(truth, guess):\n    return truth.mean(guess[nothing])",
        "no Python": "def balanced(truth, guess)\n    return 1",
        "per cent": f"def balanced(truth, guess):\n    return 100 * {MEAN}",
        "endless": "def balanced(truth, guess):\n    while True: pass",
    },
    "B": {
        "untrained": "import torch\nnet = torch.nn.Linear(2, 2)\ntorch.nn.init.zeros_(net.weight)",
        "wrong shape": "import torch\nnet = torch.nn.Linear(2, 1)",
        "no network": "BLANK",
    },
}
