"""What the model makes of code: prompt and continuation together are a program."""

import ast
from typing import Any

import pytest
import tree_sitter
import tree_sitter_c
import tree_sitter_javascript
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.protocol.advanced import SamplingConfig
from mcp_server.protocol.advanced.template.corpus import entries
from mcp_server.protocol.advanced.template.language import Reading, read
from mcp_server.protocol.advanced.template.model import source_for
from mcp_server.protocol.advanced.template.sampler import Sampler
from mcp_server.protocol.advanced.template.tokens import END

PYTHON = [
    "def fibonacci(n):",
    "def fibonacci(n):\n",
    "def fibonacci(n):\n    ",
    "def calculate_fibonacci(count: int) -> int:",
    "def frobnicate(alpha, beta=3, *rest, gamma, **others):",
    "async def fetch(url):",
    "def f():",
    "def mean(values):\n    ",
    'def mean(values):\n    """Return the mean."""\n',
    'def mean(values):\n    """Return',
    'def mean(values):\n    """',
    "def is_palindrome(s",
    "def add(",
    "def add(a, b",
    "def",
    "class",
    "class Stack",
    "class Stack:",
    "class Stack(Base):\n    def push(self, item):\n        ",
    "class Inventory:\n    def __init__(self):\n        self.items = {}\n\n    def total(self):",
    "class Thing:\n",
    "for item in items:",
    "for i in",
    "while x <",
    "if __name__ == '__main__':",
    "if x:\n    pass\nelse:",
    "def f(a):\n    if a",
    "def f(a):\n    if a > 0:\n        return a\n    ",
    "def f(a):\n    return",
    "def f(a):\n    x = a *",
    "def f(a):\n    try:\n        ",
    "x = [1, 2,",
    "x = {'a': 1, 'b'",
    "x = foo(bar(1), [2, {3: 4",
    "x = ",
    "x = 1\n",
    "x = 'unfinished",
    "print('hello",
    "import os\nimport sys\n\n",
    "from os",
    "with open('a') as",
    "@property",
    "# compute the median of a list\n",
    "# sort",
    "def outer(items):\n    def inner(x):",
    "\tdef odd",
]
JAVASCRIPT = [
    "function fibonacci(n) {",
    "function fibonacci(n) {\n",
    "function fibonacci(n) {\n  ",
    "function sortBy(list, field) {",
    "function frobnicate(alpha, beta = 3, ...rest) {",
    "function f() {",
    "async function load(url) {",
    "function add(a, b",
    "const isPrime = (k) => {",
    "const double = x =>",
    "const mean = function (values) {",
    "export function clamp(value, low, high) {",
    "class Stack {",
    "class Stack extends Base {\n  push(item) {",
    "class Account {\n  constructor(owner) {\n    this.owner = owner;\n  }\n\n  deposit(amount) {\n    ",
    "if (x > 0) {",
    "if (x",
    "for (const item of items) {",
    "while (true) {",
    "const x = {a: 1,",
    "const x = [1, 2,",
    "const x =",
    "let y = 3;\n",
    "console.log('a",
    "console.log(`total: ${",
    "items.forEach((item) => {",
    "// reverse a string\n",
    "// debounce",
    "import fs from 'fs';\n\n",
    "function f(a) {\n  if (a) {\n    return a;\n  }\n  ",
    "function f(a) {\n  const b = a * 2;\n  return",
    "const { a, b } = require('x');\nfunction g(a) {",
]
C = [
    "int max(int a, int b) {",
    "int max(int a, int b) {\n",
    "int max(int a, int b) {\n    ",
    "int max(int a, int b)",
    "unsigned long fibonacci(int n) {",
    "static int frobnicate(struct thing *a, double b) {",
    "void sort(int *values, int n) {",
    "void f(void) {",
    "char *duplicate(const char *s) {",
    "double average(const double *values, int count) {",
    "#include <stdio.h>\n\nint main(void) {\n",
    "#include <stdio.h>\n\nint main(int argc, char **argv) {",
    "#include <stdio.h>\n\n",
    "#include <stdio.h>\n// reverse a string\n",
    "struct point {",
    "struct point {\n    int x;\n",
    "int x =",
    "int main(void) {\n    int i = 0;\n    ",
    "int f(int a) {\n    if (a > 0) {",
    "int f(int a) {\n    while (a) {\n        a--;\n    }\n    ",
    'int main(void) {\n    printf("hello',
    "int f(int a) {\n    return",
    "size_t length(const char *s) {",
    "int g(int a, int b",
]
REQUESTS = [
    ("python", "Generate code"),
    ("python", "Generate a Python class"),
    ("python", "Write a Python function that reverses a string"),
    ("python", "create a function called tidy to remove duplicates from a list"),
    ("python", "Implement a class for a bank account"),
    ("javascript", "Write a JavaScript function to group items by key"),
    ("javascript", "Generate a JavaScript class"),
    ("c", "Write a C function to reverse a string"),
    ("c", "Generate a struct in C"),
]
_GRAMMARS: dict[str, Any] = {"javascript": tree_sitter_javascript, "c": tree_sitter_c}


def whole(language: str, text: str) -> bool:
    """Whether the official parser finds no error."""
    if language == "python":
        try:
            ast.parse(text)
        except SyntaxError:
            return False
        return True
    parser = tree_sitter.Parser(tree_sitter.Language(_GRAMMARS[language].language()))
    return not parser.parse(text.encode()).root_node.has_error


def draw(prompt: str, seed: int, temperature: float = 1.5) -> str:
    source, sampler = source_for(prompt)(), Sampler(SamplingConfig(temperature), str(seed))
    drawn = []
    while (token := sampler.pick(source.options())) != END:
        source.take(token)
        drawn.append(token)
    return "".join(drawn)


CASES = (
    [("python", each) for each in PYTHON] + [("javascript", each) for each in JAVASCRIPT] + [("c", each) for each in C]
)
BROKEN = {"\tdef odd"}  # no program begins like this, so the model can only write one of its own


@pytest.mark.parametrize(("language", "prompt"), CASES, ids=lambda value: repr(value)[:40])
def test_code_goes_on_so_that_the_whole_of_it_parses(language: str, prompt: str) -> None:
    reading = read(prompt)
    if reading.language == "prose":
        pytest.fail(f"{prompt!r} is not seen to be code")
    assert reading == Reading(language, is_request=False)
    for seed in range(12):
        text = draw(prompt, seed)
        assert whole(language, text if prompt in BROKEN else prompt + text), prompt + text


def test_a_text_that_is_cut_off_is_seen_not_to_parse() -> None:
    """The control: what is checked above can fail."""
    for language, prompt in (("python", "def f(n):"), ("javascript", "function f(a) {"), ("c", "int f(int a) {")):
        assert not whole(language, prompt)
        assert not whole(language, prompt + draw(prompt, 1)[:-1] + "(")


@pytest.mark.parametrize(("language", "request_"), REQUESTS)
def test_a_request_in_words_is_answered_with_a_program(language: str, request_: str) -> None:
    assert read(request_) == Reading(language, is_request=True)
    for seed in range(12):
        text = draw(request_, seed)
        assert text
        assert whole(language, text), text
        if "class" in request_:
            assert text.startswith("class ")


@given(
    name=st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True),
    params=st.lists(st.from_regex(r"[a-z][a-z_]{0,7}", fullmatch=True), max_size=4, unique=True),
    seed=st.integers(0, 9),
)
def test_functions_of_any_name_have_a_body(name: str, params: list[str], seed: int) -> None:
    given_ = ", ".join(params)
    typed = ", ".join(f"int {param}" for param in params) or "void"
    heads = {"python": f"def {name}({given_}):", "javascript": f"function {name}({given_}) {{"}
    heads["c"] = f"int {name}({typed}) {{"
    for language, head in heads.items():
        closed = {"python": " pass", "javascript": "}", "c": "}"}[language]
        if whole(language, head + closed):  # a reserved word is no name
            text = draw(head, seed)
            assert text.strip()
            assert whole(language, head + text), head + text


@pytest.mark.parametrize("language", ["python", "javascript", "c"])
def test_everything_in_the_corpus_parses(language: str) -> None:
    for entry in entries(language):
        assert whole(language, entry.text + (";" if language == "c" and entry.is_class else "")), entry.name
        assert entry.words or entry.generic


@pytest.mark.parametrize(
    ("prompt", "call", "result"),
    [
        ("def fibonacci(n):", "fibonacci(10)", 55),
        ("def calculate_fibonacci(previous):", "calculate_fibonacci(10)", 55),
        ("def factorial(k):", "factorial(5)", 120),
        ("class Maths:\n    def factorial(self, n):", "Maths().factorial(5)", 120),
        ("def is_prime(a):", "[x for x in range(20) if is_prime(x)]", [2, 3, 5, 7, 11, 13, 17, 19]),
        ("def gcd(x, y):", "gcd(12, 18)", 6),
        ("def mean(a):", "mean([1, 2, 6])", 3),
        ("def median(ordered):", "median([5, 1, 3])", 3),
        ("def binary_search(numbers, middle):", "binary_search([1, 3, 5, 7], 5)", 2),
        ("def bubble_sort(index):", "bubble_sort([3, 1, 2])", [1, 2, 3]),
        ("def is_palindrome(s):", "is_palindrome('Anna'), is_palindrome('Anne')", (True, False)),
        ("def flatten(nested):", "flatten([1, [2, [3]]])", [1, 2, 3]),
        ("def chunk(xs, n):", "chunk([1, 2, 3], 2)", [[1, 2], [3]]),
        ("def remove_duplicates(xs):", "remove_duplicates([1, 2, 1])", [1, 2]),
    ],
)
def test_a_function_that_is_known_does_what_its_name_says(prompt: str, call: str, result: Any) -> None:
    for seed in range(6):
        names: dict[str, Any] = {}
        exec(prompt + draw(prompt, seed, temperature=0.7), names)
        assert eval(call, names) == result


def test_a_long_prompt_is_seen_by_its_end() -> None:
    prompt = "def before(x):\n    return x\n\n\n" * 2000 + "def fibonacci(n):"
    for seed in range(5):
        assert whole("python", "def fibonacci(n):" + draw(prompt, seed))


@pytest.mark.parametrize(
    "opener", ["(", "[", "{", "def f(" * 3, "f(" * 3, '"', "'''", "/*", "`", "\\", "\0", "if x:\n" * 3]
)
def test_what_makes_no_sense_costs_little_and_raises_nothing(opener: str) -> None:
    for prefix in ("", "x = 1\n", "function f() {", "int x;\n"):
        assert isinstance(draw(prefix + opener * 2000, 1), str)


@given(st.text(max_size=60), st.integers(0, 3))
def test_any_text_has_some_continuation(prompt: str, seed: int) -> None:
    assert isinstance(draw(prompt, seed), str)


@pytest.mark.parametrize(
    "prompt",
    [
        "Once upon a time",
        "The server",
        "If you want to know",
        "Dear all,",
        "",
        "What is a cache?",
        "for example",
        "Class begins at nine.",
    ],
)
def test_prose_is_prose(prompt: str) -> None:
    assert read(prompt).language == "prose"
    for seed in range(8):
        text = draw(prompt, seed, temperature=0.7)
        assert text.rstrip()[-1:] in {".", "!", "?"}
        if text[0] in ",.":
            continue  # after a word that it does not know
        begins_anew = not prompt or prompt[-1] in ".?,"
        assert text[0].isspace() != (not prompt)
        assert begins_anew or text[1:2].isalpha()


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("What is a cache?", "cache"),
        ("Explain rate limiting", "limit"),
        ("Write a story about a dragon", "dragon"),
        ("How do I bake bread?", "bread"),
    ],
)
def test_who_asks_in_words_is_answered_with_a_paragraph_of_its_own(prompt: str, words: str) -> None:
    texts = [draw(prompt, seed, temperature=0.7) for seed in range(8)]
    assert all(text.startswith("\n\n") and text[2].isupper() for text in texts)
    assert sum(words in text for text in texts) >= 6


IN_PYTHON = "class Basket:\n    def __init__(self, owner):\n        {held}\n\n    def {head}:"
IN_JAVASCRIPT = "class Basket {{\n  constructor(owner) {{\n    {held};\n  }}\n\n  {head} {{"
AS_EXPECTED = [
    ("class Basket:\n    def __init__(self, owner, size):", "self.owner = owner\n        self.size = size"),
    (IN_PYTHON.format(held="self.items = []", head="add_item(self, item)"), "self.items.append(item)"),
    (IN_PYTHON.format(held="self._items = []", head="__len__(self)"), "return len(self._items)"),
    (IN_PYTHON.format(held="self.prices = {}", head="total(self)"), "return sum(self.prices.values())"),
    (IN_PYTHON.format(held="self.balance = 0", head="withdraw(self, amount)"), "self.balance -= amount"),
    (IN_PYTHON.format(held="self.owner = owner", head="get_owner(self)"), "return self.owner"),
    (IN_PYTHON.format(held="self.owner = owner", head="set_owner(self, new)"), "self.owner = new"),
    (IN_PYTHON.format(held="self.owner = owner", head="__repr__(self)"), 'return f"Basket({self.owner!r})"'),
    (IN_JAVASCRIPT.format(held="this.items = []", head="add(item)"), "this.items.push(item);"),
    (IN_JAVASCRIPT.format(held="this.items = new Map()", head="get(key)"), "return this.items.get(key);"),
    (IN_JAVASCRIPT.format(held="this.count = 0", head="increment()"), "this.count += 1;"),
    ("class Dog extends Animal {", "super();\n"),
    ("x = [1, 2]\ntotal = ", "sum(x)"),
    ("def f(names):\n    count =", " len(names)"),
    ("const nums = [1, 2];\nconst largest =", " Math.max(...nums);"),
    ("names.map(", "(item) => item"),
    ("button.addEventListener('click',", " (event) => console.log(event.type)"),
    ("const add = (a, b) =>", " a + b;"),
    ("x = lambda y:", " y"),
    ("items.append(", "item)"),
    ("if __name__ == '__main__':", "main()"),
    ('class User:\n    """A user."""\n', "    "),
    ("def f(a):\n    if a > 0:\n        return a\n    ", "return a"),
    ("app.get('/', (req, res) => {", "res.send("),
    ("int sum(int arr[], int n) {", "+= arr[i];"),
    ("typedef struct {", "} record;"),
    ("int table[10] =", " {0};"),
    ("switch (x) {", "default:"),
    ("struct node *add(struct node *head, int value) {", "->next = head;"),
]


@pytest.mark.parametrize(("prompt", "expected"), AS_EXPECTED)
def test_code_goes_on_as_its_writer_would(prompt: str, expected: str) -> None:
    for seed in range(6):
        assert expected in draw(prompt, seed, temperature=0.7)


def test_what_goes_on_is_of_the_type_that_was_announced() -> None:
    assert "return NULL;" in draw("char *frobnicate(const char *s) {", 1)
    assert "return 0;" in draw("int frobnicate(const char *s) {", 1)
    for seed in range(12):
        assert ";;" not in draw("#include <stdlib.h>\n", seed)
        assert not draw("int frobnicate(const char *s) {", seed).startswith(" {")


def test_the_names_of_keywords_stay_when_a_parameter_is_called_like_one() -> None:
    assert "timeout=10" in draw("def connect(host, port, timeout=10):", 1, temperature=0)


def test_doubtful_escapes_in_a_prompt_warn_nobody() -> None:
    for prompt in (
        "import re\npattern = re.compile('\\d+\\.')\n",
        'x = "\\q"\ndef fibonacci(n):',
        "x = r'\\d\\''\ndef f(a):",
    ):
        assert draw(prompt, 1)
