"""The grammar of cmd.exe, variables and argument splitting."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standin.commands import arguments, expansion, syntax
from standin.commands.syntax import Binary, CommandSyntaxError, Group, If, Redirection, Simple

# Characters that mean something to cmd.exe come up often.
LINES = st.text(alphabet=st.sampled_from('ab1 "^&|<>()%=@,;/\\*?.:\tifexnotrm'), max_size=40)


def simple(text, *redirections):
    return Simple(text, redirections)


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("", None),
        ("  \t", None),
        ("a", simple("a")),
        ("@a", simple("a")),
        ("a & b", Binary("&", simple("a "), simple("b"))),
        ("a &", simple("a ")),
        ("a&&b", Binary("&&", simple("a"), simple("b"))),
        # a || (b && c), (a && b) || c, and & last.
        ("a||b&&c", Binary("||", simple("a"), Binary("&&", simple("b"), simple("c")))),
        ("a&&b||c", Binary("||", Binary("&&", simple("a"), simple("b")), simple("c"))),
        ("a|b&&c", Binary("&&", Binary("|", simple("a"), simple("b")), simple("c"))),
        ("a&b|c", Binary("&", simple("a"), Binary("|", simple("b"), simple("c")))),
        ('a "b & c"', simple('a "b & c"')),
        ("a ^& b", simple("a & b")),
        ('a "^&"', simple('a "^&"')),
        ("a ^^", simple("a ^")),
        ("(a&b)", Group(Binary("&", simple("a"), simple("b")), ())),
        ("(a) >x", Group(simple("a"), (Redirection(1, "x", False),))),
        ("a>b", simple("a", Redirection(1, "b", False))),
        ("a >> b", simple("a ", Redirection(1, "b", True))),
        ("a 2>nul", simple("a ", Redirection(2, "nul", False))),
        ("a >x 2>&1", simple("a  ", Redirection(1, "x", False), Redirection(2, 1, False))),
        ("a >&2", simple("a ", Redirection(1, 2, False))),
        ("a <b", simple("a ", Redirection(0, "b", False))),
        # A digit is a handle only after a delimiter.
        ("echo x2>f", simple("echo x2", Redirection(1, "f", False))),
        ("echo x,2>f", simple("echo x,", Redirection(2, "f", False))),
        (">f echo x", simple(" echo x", Redirection(1, "f", False))),
        ('a>"b c"d e', simple("a e", Redirection(1, '"b c"d', False))),
        ("rem a & b > c", simple("rem a & b > c")),
        ("remove a & b", Binary("&", simple("remove a "), simple("b"))),
        ("if exist f a", If(False, False, "exist", "f", "", simple("a"), None)),
        ("if not exist f a", If(True, False, "exist", "f", "", simple("a"), None)),
        (
            'if exist "a b" (x) else y & z',
            If(
                False,
                False,
                "exist",
                '"a b"',
                "",
                Group(simple("x"), ()),
                Binary("&", simple("y "), simple("z")),
            ),
        ),
        (
            "if exist f a & b",
            If(False, False, "exist", "f", "", Binary("&", simple("a "), simple("b")), None),
        ),
        ("if /i a==B c", If(False, True, "==", "a", "B", simple("c"), None)),
        ('if "a b"=="c" d', If(False, False, "==", '"a b"', '"c"', simple("d"), None)),
        ("if 1 LSS 2 d", If(False, False, "LSS", "1", "2", simple("d"), None)),
        ("if errorlevel 1 d", If(False, False, "errorlevel", "1", "", simple("d"), None)),
        ("iffy x", simple("iffy x")),
        ("a\r\nb", simple("a")),
    ],
)
def test_parse(line, tree):
    assert syntax.parse(line) == tree


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("&", "& was unexpected at this time."),
        ("&& a", "&& was unexpected at this time."),
        ("a ||", "The syntax of the command is incorrect."),
        ("a && && b", "&& was unexpected at this time."),
        ("(a", "The syntax of the command is incorrect."),
        ("a)", ") was unexpected at this time."),
        ("()", ") was unexpected at this time."),
        ("a >", "The syntax of the command is incorrect."),
        ("a >&x", "& was unexpected at this time."),
        ("if", "The syntax of the command is incorrect."),
        ("if exist f", "The syntax of the command is incorrect."),
        ("if a b", "The syntax of the command is incorrect."),
        ("(" * 100, "The command line is too deeply nested."),
        ("a" * 8192, "The command line is too long."),
    ],
)
def test_malformed_lines(line, text):
    with pytest.raises(CommandSyntaxError) as caught:
        syntax.parse(line)
    assert str(caught.value) == text


@given(LINES)
@example("if if if")
@example("((a)")
@example("a>(")
def test_every_line_parses_or_is_refused(line):
    try:
        syntax.parse(line)
    except CommandSyntaxError as error:
        assert str(error)


@given(st.text(alphabet=st.characters(exclude_characters='"^&|<>()\r\n%'), max_size=50))
def test_plain_text_stays_as_it_is(text):
    tree = syntax.parse("x " + text)
    assert tree == simple("x " + text)


@given(st.text(alphabet=st.characters(exclude_characters='"\r\n'), max_size=50))
def test_quoted_text_stays_as_it_is(text):
    assert syntax.parse(f'x "{text}"') == simple(f'x "{text}"')


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=3), st.text(max_size=5)))
def test_expansion_touches_only_known_names(text, variables):
    known = {name.upper(): value for name, value in variables.items()}
    expanded = expansion.expand(text, known)
    if not any(f"%{name}%" in text.upper() for name in known):
        assert expanded == text


@pytest.mark.parametrize(
    ("line", "expanded"),
    [
        ("%A%", "1"),
        ("%a%%A%", "11"),
        ("100% %A%", "100% 1"),
        ("%none%A%", "%none1"),
        ("%A", "%A"),
        ("%%", "%%"),
    ],
)
def test_expansion(line, expanded):
    assert expansion.expand(line, {"A": "1"}) == expanded


@given(st.lists(st.text(alphabet='ab "\\\t', max_size=6)))
def test_split_undoes_the_documented_quoting(words):
    assert arguments.split(" ".join(_quote(word) for word in words)) == words


def _quote(word):
    """Quote as the C runtime's rules demand: backslashes double in front of a quote."""
    out, slashes = '"', 0
    for character in word:
        if character == "\\":
            slashes += 1
            continue
        out += "\\" * (slashes * 2 + 1 if character == '"' else slashes) + character
        slashes = 0
    return out + "\\" * (slashes * 2) + '"'


@pytest.mark.parametrize("module", [arguments, expansion])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
