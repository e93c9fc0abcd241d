"""Verdicts as JUnit XML, for the machines that read test reports."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement

from mcp_server.cli.codes import UsageError
from mcp_server.cli.text import to_json
from replay.divergence import shown
from replay.replay import Verdict

# What XML 1.0 cannot hold (section 2.2), beyond what JSON escapes already.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(file: Path, verdicts: Sequence[Verdict]) -> None:
    """Write one test case for each session.

    Raises:
        UsageError: The file cannot be written.
    """
    suite = Element("testsuite", name="mcp-rewind replay", tests=str(len(verdicts)))
    suite.set("failures", str(sum(verdict.divergence is not None for verdict in verdicts)))
    suite.set("errors", str(sum(bool(verdict.problem) for verdict in verdicts)))
    for verdict in verdicts:
        case = SubElement(suite, "testcase", classname="mcp-rewind.replay", name=verdict.session)
        if verdict.problem:
            SubElement(case, "error", message=_xml(verdict.problem))
        elif verdict.divergence is not None:
            _failure(case, verdict)
    try:
        ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"argument --junit: {file} cannot be written: {error.strerror}") from error


def _failure(case: Element, verdict: Verdict) -> None:
    found = verdict.divergence
    if found is None:
        return
    failure = SubElement(case, "failure", message=_xml(f"diverged at {found.position}: {found.difference.path}"))
    expected, actual = (
        "nothing" if event is None else to_json(shown(event)) for event in (found.expected, found.actual)
    )
    failure.text = _xml(f"expected {expected}\nactual   {actual}\n")


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
