"""What the built-in executors accept, and what they say of what they do not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobpool.model.errors import InvalidArgument
from jobpool.model.parameters import (
    check_parameters,
    filled,
    noop_parameters,
    python_parameters,
    rest_parameters,
    shell_parameters,
    stopping_time,
)

URL = "http://example.com/"


@pytest.mark.parametrize(
    ("executor", "parameters", "field", "words"),
    [
        ("rest", "", "parameters", "found nothing"),
        ("rest", "  ", "parameters", "found nothing"),
        ("rest", "{", "parameters", "is not JSON"),
        ("rest", "[]", "parameters", "wanted a JSON object, found an array"),
        ("rest", "null", "parameters", "found null"),
        ("rest", '{"url": "http://a/", "url": "http://b/"}', "parameters", "'url' is there twice"),
        ("rest", '{"url": "http://a/", "timeout": NaN}', "parameters", "NaN is not a JSON number"),
        ("rest", "[" * 30_000, "parameters", "nested too deeply"),
        ("rest", '{"url": "http://a/\\ud800"}', "parameters", "surrogate"),
        ("rest", json.dumps({"url": URL, "body": "x" * 70_000}), "parameters", "at most 65536 bytes"),
        ("rest", "{}", "parameters.url", "is missing"),
        ("rest", '{"url": ""}', "parameters.url", "is missing"),
        ("rest", '{"url": 5}', "parameters.url", "wanted a text, found a number"),
        ("rest", '{"url": "ftp://a/"}', "parameters.url", "wanted http://"),
        ("rest", '{"url": "http:///x"}', "parameters.url", "wanted http://"),
        ("rest", '{"url": "http://[::1"}', "parameters.url", "wanted http://"),
        ("rest", '{"url": "http://a:99999/"}', "parameters.url", "wanted http://"),
        ("rest", '{"url": "http://a/ b"}', "parameters.url", "blanks"),
        ("rest", '{"url": "http://a/\\r\\nX: y"}', "parameters.url", "control"),
        ("rest", json.dumps({"url": URL, "metod": "get"}), "parameters.metod", "did you mean 'method'?"),
        ("rest", json.dumps({"url": URL, "method": "brew"}), "parameters.method", "wanted one of get"),
        ("rest", json.dumps({"url": URL, "body": 5}), "parameters.body", "found a number"),
        ("rest", json.dumps({"url": URL, "headers": []}), "parameters.headers", "wanted an object"),
        ("rest", json.dumps({"url": URL, "headers": {"A B": "c"}}), "parameters.headers", "is no header name"),
        ("rest", json.dumps({"url": URL, "headers": {"A": "c\r\nB: d"}}), "parameters.headers.A", "control character"),
        ("rest", json.dumps({"url": URL, "headers": {"A": "b\tc\u2028"}}), "parameters.headers.A", "cannot be sent"),
        ("rest", json.dumps({"url": URL, "headers": {"A": 1}}), "parameters.headers.A", "wanted a text"),
        ("rest", json.dumps({"url": URL, "headers": {"X-Jobpool-A": "1"}}), "parameters.headers.X-Jobpool-A", "set by"),
        ("rest", json.dumps({"url": URL, "contentType": "a\nb"}), "parameters.contentType", "control character"),
        ("rest", json.dumps({"url": URL, "contentType": "a", "content_type": "b"}), "parameters.contentType", "twice"),
        ("rest", json.dumps({"url": URL, "timeout": "soon"}), "parameters.timeout", "wanted a duration"),
        ("rest", json.dumps({"url": URL, "timeout": 5}), "parameters.timeout", "wanted a duration"),
        ("rest", json.dumps({"url": URL, "timeout": "0"}), "parameters.timeout", "wanted 1 to"),
        ("rest", json.dumps({"url": URL, "expected_status": 200}), "parameters.expected_status", "wanted a list"),
        ("rest", json.dumps({"url": URL, "expected_status": []}), "parameters.expected_status", "empty"),
        ("rest", json.dumps({"url": URL, "expected_status": [99]}), "parameters.expected_status", "found 99"),
        ("rest", json.dumps({"url": URL, "expected_status": [True]}), "parameters.expected_status", "found True"),
        ("rest", json.dumps({"url": URL, "expected_status": ["300-200"]}), "parameters.expected_status", "is empty"),
        ("rest", json.dumps({"url": URL, "template": 1}), "parameters.template", "wanted true or false"),
        ("rest", json.dumps({"url": URL, "template": True}), "parameters.template", "without a body"),
        ("rest", json.dumps({"url": URL, "template": True, "body": "", "method": "get"}), "parameters.template", "get"),
        ("rest", json.dumps({"url": URL, "template": True, "body": "{{job}}"}), "parameters.body", "no {{job}}; there"),
        ("rest", json.dumps({"url": URL, "template": True, "body": "{{job_id"}), "parameters.body", "begins no name"),
        ("rest", json.dumps({"url": URL, "template": True, "body": {"a": "{{}}"}}), "parameters.body", "no {{}}; "),
        ("rest", json.dumps({"url": URL, "template": True, "body": "{{{a} }}"}), "parameters.body", "begins no name"),
        ("shell", "", "parameters", "found nothing"),
        ("shell", "{}", "parameters.command", "is missing"),
        ("shell", '{"command": []}', "parameters.command", "is missing"),
        ("shell", '{"command": [""]}', "parameters.command", "name is empty"),
        ("shell", '{"command": ["a", 5]}', "parameters.command", "wanted a text, found a number"),
        ("shell", '{"command": "a\\u0000b"}', "parameters.command", "NUL"),
        ("shell", '{"command": "a", "comand": 1}', "parameters.comand", "did you mean 'command'?"),
        ("shell", '{"command": "a", "env": {"A=B": "c"}}', "parameters.env", "no name of a variable"),
        ("shell", '{"command": "a", "env": {"A": 1}}', "parameters.env.A", "wanted a text"),
        ("shell", '{"command": "a", "env": {"JOBPOOL_FENCE": "1"}}', "parameters.env.JOBPOOL_FENCE", "set by jobpool"),
        ("shell", '{"command": "a", "cwd": "here"}', "parameters.cwd", "absolute"),
        ("shell", '{"command": "a", "kill_after": "2h"}', "parameters.kill_after", "wanted 0 to"),
        ("shell", '{"command": "a", "output_limit": -1}', "parameters.output_limit", "wanted 0 to"),
        ("shell", '{"command": "a", "output_limit": true}', "parameters.output_limit", "found a boolean"),
        ("python", "", "parameters", "found nothing"),
        ("python", "{}", "parameters.entry", "is missing"),
        ("python", '{"entry": 5}', "parameters.entry", "wanted a text, found a number"),
        ("python", '{"entry": "shop.reports"}', "parameters.entry", "wanted module:function"),
        ("python", '{"entry": "shop/reports.py:daily"}', "parameters.entry", "wanted module:function"),
        ("python", '{"entry": "shop:"}', "parameters.entry", "wanted module:function"),
        ("python", '{"entry": "shop..a:f"}', "parameters.entry", "wanted module:function"),
        ("python", '{"entry": "a:f()"}', "parameters.entry", "wanted module:function"),
        ("python", '{"entry": "a:class"}', "parameters.entry", "wanted module:function"),
        ("python", '{"entry": "a:f", "args": {}}', "parameters.args", "wanted an array, found an object"),
        ("python", '{"entry": "a:f", "kwargs": []}', "parameters.kwargs", "wanted an object, found an array"),
        ("python", '{"entry": "a:f", "interpreter": "python3"}', "parameters.interpreter", "absolute"),
        ("python", '{"entry": "a:f", "venv": ".venv"}', "parameters.venv", "absolute"),
        ("python", '{"entry": "a:f", "venv": "/v", "interpreter": "/p"}', "parameters.venv", "one of the two"),
        ("python", '{"entry": "a:f", "path": "/srv"}', "parameters.path", "wanted a list"),
        ("python", '{"entry": "a:f", "path": ["srv"]}', "parameters.path", "absolute"),
        ("python", '{"entry": "a:f", "path": [""]}', "parameters.path", "empty"),
        ("python", '{"entry": "a:f", "cwd": "here"}', "parameters.cwd", "absolute"),
        ("python", '{"entry": "a:f", "env": {"JOBPOOL_FENCE": "1"}}', "parameters.env.JOBPOOL_FENCE", "set by jobpool"),
        ("python", '{"entry": "a:f", "killAfter": "1s"}', "parameters.killAfter", "did you mean 'kill_after'?"),
        ("python", '{"entry": "a:f", "kill_after": "2h"}', "parameters.kill_after", "wanted 0 to"),
        ("python", '{"entry": "a:f", "output_limit": -1}', "parameters.output_limit", "wanted 0 to"),
        ("noop", '{"sleep": 5}', "parameters.sleep", "wanted a duration"),
        ("noop", '{"fail": 5}', "parameters.fail", "wanted true, false or a reason"),
        ("noop", '{"wait": "5s"}', "parameters.wait", "unknown"),
        ("plugin", "[]", "parameters", "wanted a JSON object"),
    ],
)  # fmt: skip
def test_refusals_name_the_field_and_say_what_was_wanted(
    executor: str, parameters: str, field: str, words: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        check_parameters(executor, parameters)
    assert refusal.value.field == field
    assert words in refusal.value.reason


def test_what_is_left_out_has_its_default() -> None:
    rest = rest_parameters(json.dumps({"url": URL}))
    assert (rest.method, rest.body, rest.content_type, rest.timeout) == ("get", None, "application/json", None)
    assert [rest.expects(status) for status in (199, 200, 299, 300)] == [False, True, True, False]
    shell = shell_parameters('{"command": "echo $HOME"}')
    assert shell.command == ("/bin/sh", "-c", "echo $HOME")
    assert (shell.kill_after, shell.output_limit, shell.cwd) == (10_000, 10 << 20, "")
    python = python_parameters('{"entry": "shop.reports:Daily.run", "args": [1, {"a": null}], "kwargs": {"b": "c"}}')
    assert (python.entry, python.args, python.kwargs) == ("shop.reports:Daily.run", (1, {"a": None}), {"b": "c"})
    assert (python.kill_after, python.output_limit, python.interpreter, python.venv) == (10_000, 10 << 20, "", "")
    assert noop_parameters("") == noop_parameters("{}")
    check_parameters("plugin", "")


def test_a_body_makes_a_post_and_json_is_kept_as_text() -> None:
    rest = rest_parameters(json.dumps({"url": URL, "body": {"a": [1, "ü"]}, "expected_status": [201, "204-206"]}))
    assert (rest.method, rest.body) == ("post", '{"a":[1,"ü"]}')
    assert [rest.expects(status) for status in (200, 201, 204, 206, 207)] == [False, True, True, True, False]


VALUES: dict[str, str | int] = {"job_id": 'a"b\\c&<\n', "attempt": 2}


@pytest.mark.parametrize(
    ("kind", "body", "sent"),
    [
        ("application/json", '{"a": "x {{job_id}} y", "n": {{ attempt }}}', '{"a": "x a\\"b\\\\c&<\\n y", "n": 2}'),
        ("application/json; charset=utf-8", '["{{attempt}}", {{job_id}}]', '["2", "a\\"b\\\\c&<\\n"]'),
        ("application/problem+json", '["\\"", {{attempt}}, "\\\\", {{attempt}}]', '["\\"", 2, "\\\\", 2]'),
        ("application/x-www-form-urlencoded", "id={{job_id}}&n={{attempt}}", "id=a%22b%5Cc%26%3C%0A&n=2"),
        ("text/xml", "<a>{{job_id}}</a>", "<a>a&quot;b\\c&amp;&lt;\n</a>"),
        ("application/json", '{"a":{{{attempt}}:{{{attempt}}:1}}}', '{"a":{2:{2:1}}}'),
        ("text/plain", "{{job_id}} }} { {{attempt}}{{attempt}}", 'a"b\\c&<\n }} { 22'),
    ],
)
def test_values_are_written_as_the_content_type_wants_them(kind: str, body: str, sent: str) -> None:
    assert filled(body, VALUES, kind) == sent


@given(st.text(), st.text())
def test_no_value_breaks_out_of_json(value: str, around: str) -> None:
    body = json.dumps({"a": around.replace("{{", "") + "{{job_id}}", "b": [1]}) + "\n"
    whole = json.loads(filled(body, {"job_id": value}, "application/json"))
    assert whole == {"a": around.replace("{{", "") + value, "b": [1]}


@pytest.mark.parametrize(
    ("executor", "parameters", "span"),
    [
        ("shell", '{"command": "a", "kill_after": "5m"}', 300_000),
        ("python", '{"entry": "a:f", "kill_after": "5m"}', 300_000),
        ("python", '{"entry": "a:f"}', 10_000),
        ("python", "{}", 0),
        ("rest", '{"url": "http://example.com/"}', 0),
    ],
)
def test_what_is_stopped_has_the_time_that_its_parameters_give(executor: str, parameters: str, span: int) -> None:
    assert stopping_time(executor, parameters) == span


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    ["url", "method", "body", "headers", "timeout", "expected_status", "command", "env", "sleep", "entry"]
)


@given(
    st.sampled_from(["rest", "shell", "python", "noop", "plugin"]),
    st.text() | st.dictionaries(_KEYS, _JSON).map(json.dumps),
)
def test_nothing_but_a_refusal_comes_of_bad_input(executor: str, parameters: str) -> None:
    try:
        check_parameters(executor, parameters)
    except InvalidArgument as refusal:
        assert refusal.field.startswith("parameters")  # noqa: PT017
