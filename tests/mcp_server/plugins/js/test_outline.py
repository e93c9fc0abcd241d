import pytest

from mcp_server.plugins.code.outline import outline
from tests.mcp_server.plugins.samples import JS, budget, parsed, symbol, tree

CODE = """\
/* Licence. */

/** Adds.
 *
 * @param {number} a
 */
export function add(a, b = 1) { function inner() {} return a + b }
// One line,
// and another.
const twice = async (x) => { const local = 1; return x * 2; };
let {a, b: c, d = 1, ...rest} = load(), [e, , f] = g;
var old = function named() {};
class Shape extends Base {
  static #count = 0;
  sides = () => 4;
  /** Makes one. */
  constructor(n) { super(); this.draw = function () {}; }
  get size() { return 1 }
  set size(v) {}
  *walk() {}
  static async "quoted name"() {}
  [computed]() {}
}
const Other = class Inner { m() {} };
module.exports = { one() {}, two: function () {}, three: 3 };
exports.four = (x) => x;
Shape.prototype.five = function () {};
export default class { six() {} };
(function () { var hidden = 1; function seen() {} })();
describe("x", () => { class Nested {} });
function* generate() {}
"""


def test_symbols_are_nested_as_they_are_written() -> None:
    assert tree(JS, CODE) == [
        *("function add", ["function inner"], "function twice"),
        *("variable a", "variable c", "variable d", "variable rest", "variable e", "variable f"),
        "function old",
        "class Shape",
        [
            *("field #count", "method sides", "constructor constructor", ["method this.draw"]),
            *("getter size", "setter size", "method walk", "method quoted name", "method [computed]"),
        ],
        *("class Other", ["method m"]),
        *("method one", "method two", "function exports.four", "method Shape.prototype.five"),
        *("class default", ["method six"]),
        *("function seen", "class Nested", "function generate"),
    ]


@pytest.mark.parametrize(
    ("name", "doc"),
    [
        ("add", "Adds.\n\n@param {number} a"),
        ("twice", "One line,\nand another."),
        ("constructor", "Makes one."),
        ("old", ""),
    ],
)
def test_comments_before_a_definition_are_its_documentation(name: str, doc: str) -> None:
    assert symbol(JS, CODE, name).doc == doc


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("add", "function add(a, b = 1)"),
        ("twice", "const twice = async (x)"),
        ("Shape", "class Shape extends Base"),
        ("four", "exports.four = (x)"),
        ("#count", "static #count = 0"),
        ("size", "get size()"),
    ],
)
def test_signatures_are_on_one_line(name: str, signature: str) -> None:
    name = {"four": "exports.four"}.get(name, name)
    assert symbol(JS, CODE, name).signature == signature


def test_jsx_has_an_outline() -> None:
    app = "export const App = ({name}) => <div onClick={() => go()}>{name}<Other /></div>;"
    code = f"{app}\nfunction Other() {{ return <p/> }}"
    assert tree(JS, code) == ["function App", "function Other"]


@pytest.mark.parametrize(
    "code", ["", "class {", "function (", "const", "export default", "x =", "{", "({", "`", "/*", "#!x"]
)
def test_any_code_has_an_outline(code: str) -> None:
    outline(parsed(JS, code), budget())


def test_what_is_inside_one_of_several_variables_belongs_to_that_one() -> None:
    code = "var a = () => { function in_a() {} }, b,\n  c = class { in_c() {} }, d = function () { class InD {} };"
    assert tree(JS, code) == [
        *("function a", ["function in_a"], "variable b"),
        *("class c", ["method in_c"], "function d", ["class InD"]),
    ]
