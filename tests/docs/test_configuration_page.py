import re
from argparse import ArgumentParser

import pytest

from nasfleet_controller import config as controller_config
from nasfleet_operator import config as operator_config
from nasfleet_testing.pages import ROOT
from nasfleet_trainer import config as trainer_config

PAGE = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
PROGRAMS = {"controller": controller_config, "trainer": trainer_config, "operator": operator_config}
PARSERS = {name: config._parser({}) for name, config in PROGRAMS.items()}


def section(program: str) -> str:
    return PAGE.partition(f"## {program}\n")[2].partition("\n## ")[0]


def documented(program: str) -> set[tuple[str, str]]:
    """Return the options and variables of the program's table; an empty variable for options that have none."""
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\| (?:`([A-Z_]+)`)?[^|]*\|", section(program), re.MULTILINE)
    return {(option, variable) for option, variable in rows}


def known(parser: ArgumentParser) -> set[tuple[str, str]]:
    """Return the options of a parser, with the variables that their help texts name."""
    options = [action for action in parser._actions if action.dest != "help"]
    variables = [re.search(r"\[(NASFLEET_[A-Z_]+)", action.help or "") for action in options]
    return {(action.option_strings[-1], found[1] if found else "") for action, found in zip(options, variables, strict=True)}


@pytest.mark.parametrize("program", PARSERS)
def test_the_page_has_every_option_and_variable_and_no_other(program: str) -> None:
    assert documented(program) == known(PARSERS[program])


@pytest.mark.parametrize("program", PARSERS)
def test_the_page_gives_the_defaults_that_hold(program: str) -> None:
    defaults = {action.option_strings[-1]: action.default for action in PARSERS[program]._actions}
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\|[^|]*\| (`?)([^|]*?)\2 \|", section(program), re.MULTILINE)
    given = {option: default for option, _, default in rows if re.fullmatch(r"\d+|[a-z-]+|\d[\d.:]+", default)}
    unstated = {"required", "none", "off"}
    assert {option: defaults[option] for option, default in given.items() if default not in unstated} == {
        option: default for option, default in given.items() if default not in unstated
    }
