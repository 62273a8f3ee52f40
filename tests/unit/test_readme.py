"""The Chinese README has the commands, the headings and the links of the English one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
_CHINESE_LETTER = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("blocks of commands", r"^```\w+\n.*?^```$"),
        ("commands of one line", r"^    \S[^\n]*$"),
        ("words of code", r"(?<!`)`[^`\n]+`(?!`)"),
        ("links", r"\]\(((?!README)[^)]+)\)"),
        ("levels of headings", r"^#+ "),
    ],
)
def test_it_has_what_the_english_one_has(what: str, form: str) -> None:
    of_english, of_chinese = (re.findall(form, text, re.MULTILINE | re.DOTALL) for text in (ENGLISH, CHINESE))
    assert of_english, what
    assert of_chinese == of_english, what


def test_each_leads_to_the_other_and_every_paragraph_is_translated() -> None:
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE
    plain = re.sub(r"^```\w+\n.*?^```$", "", CHINESE, flags=re.MULTILINE | re.DOTALL)
    paragraphs = [one for one in plain.split("\n\n") if one.strip() and not one.startswith(("    ", "# "))]
    assert [one for one in paragraphs if not _CHINESE_LETTER.search(one)] == []
